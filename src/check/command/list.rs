//! `selvedge list`.

use super::args::{ListArgs, ListFormat};
use super::{Fault, exit, output};
use crate::check::model::{Budget, Catalogue};
use crate::check::runner::case::{Selection, select};
use crate::render::{json, listing};

pub fn list(catalogue: &Catalogue, args: &ListArgs) -> Result<u8, Fault> {
    // A reader that has seen enough is no error.
    let _ = match args.format {
        ListFormat::Human => output::try_print(&listing::list(catalogue)),
        ListFormat::Json => {
            let all = Selection { budget: Budget::Deep, ..Selection::default() };
            let lines: String = select(catalogue, &all).iter().map(json::listed).collect();
            output::try_print_raw(&lines)
        }
    };
    Ok(exit::OK)
}
