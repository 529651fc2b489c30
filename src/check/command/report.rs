//! `selvedge report --out DIR`: the gate at the quick budget, as one HTML file.

use super::args::ReportArgs;
use super::check::no_such;
use super::{Fault, exit, output};
use crate::check::model::{Budget, Catalogue};
use crate::check::runner::case::{Selection, select};
use crate::check::runner::limits::Limits;
use crate::check::runner::{self, Event, saved};
use crate::render::{html, source};

/// The file in the folder.
const FILE: &str = "report.html";

/// Runs the gate and writes the report. A verdict that differs is in the report, and in the exit code.
pub fn report(catalogue: &Catalogue, args: &ReportArgs) -> Result<u8, Fault> {
    let selection = Selection { filter: args.filter.clone(), ..Selection::default() };
    let limits = Limits::of(Budget::Quick).map_err(Fault::usage)?;
    let cases = select(catalogue, &selection);
    if cases.is_empty() {
        return Err(Fault::nothing(match &args.filter {
            Some(filter) => no_such(catalogue, filter),
            None => "the catalogue has no checks".to_owned(),
        }));
    }
    saved::prepare_dir(&args.out).map_err(Fault::usage)?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut reports = Vec::new();
    let outcome = runner::run(cases, jobs, limits, |event| {
        if let Event::Reported(r) = event {
            reports.push(*r);
        }
    });
    if let Some(fault) = outcome.broken {
        return Err(Fault::engine(fault));
    }
    if outcome.interrupted {
        return Ok(exit::INTERRUPTED);
    }
    let of = html::Made {
        budget: selection.budget.word(),
        seed: selection.seed,
        part: selection.filter.as_deref(),
    };
    let page = html::page(catalogue, &reports, of, &source::from_disk);
    let path = saved::write_whole(&args.out, FILE, page.as_bytes())
        .map_err(|e| Fault::usage(format!("cannot write {FILE} to {}: {e}", args.out.display())))?;
    let differing = reports.iter().filter(|r| !r.as_declared).count();
    output::print(&format!("{} ({} checks, {differing} not as declared)\n", path.display(), reports.len()));
    if let Some(r) = reports.iter().find(|r| r.engine_failed) {
        return Err(Fault::engine(format!("{}: {}: {}", r.case.identity(), r.verdict, r.message)));
    }
    Ok(if differing == 0 { exit::OK } else { exit::DIFFERS })
}
