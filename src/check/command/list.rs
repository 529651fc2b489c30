//! `selvedge list`.

use super::args::{ListArgs, ListFormat};
use super::check::no_such;
use super::{Fault, exit, output};
use crate::check::model::{Budget, Catalogue};
use crate::check::runner::case::{Selection, select};
use crate::render::{json, listing};

pub fn list(catalogue: &Catalogue, args: &ListArgs) -> Result<u8, Fault> {
    let all = Selection { filter: args.filter.clone(), budget: Budget::Deep, ..Selection::default() };
    let cases = select(catalogue, &all);
    if let (true, Some(filter)) = (cases.is_empty(), &args.filter) {
        return Err(Fault::nothing(no_such(catalogue, filter)));
    }
    let wanted = |m: &str, v: &str| cases.iter().any(|c| c.model == m && c.variant == v);
    // A reader that has seen enough is no error.
    let _ = match args.format {
        ListFormat::Human => output::try_print(&listing::list(catalogue, &wanted)),
        ListFormat::Json => {
            let lines: String = cases.iter().map(json::listed).collect();
            output::try_print_raw(&lines)
        }
    };
    Ok(exit::OK)
}
