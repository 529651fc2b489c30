//! `selvedge replay FILE`: runs a saved counterexample again, under the limits of any other worker.

use super::args::ReplayArgs;
use super::{Fault, exit, output, some_names};
use crate::check::model::{Budget, Catalogue};
use crate::check::runner::case::{Case, Selection, select};
use crate::check::runner::limits::Limits;
use crate::check::runner::saved::{Saved, engine_version};
use crate::check::runner::{self, Report, interrupt};
use crate::check::verdict::Verdict;
use crate::render::listing;
use std::sync::Arc;

/// Replays a file.
pub fn replay(catalogue: &Catalogue, args: &ReplayArgs) -> Result<u8, Fault> {
    let limits = Limits::of(Budget::Standard).map_err(Fault::usage)?;
    let saved = Saved::read(&args.file).map_err(Fault::usage)?;
    let case = Arc::new(case_of(catalogue, &saved).map_err(Fault::usage)?);
    let report = runner::rerun(&case, saved.schedule.clone(), limits).map_err(Fault::engine)?;
    let Some(mut report) = report.filter(|_| !interrupt::requested()) else { return Ok(exit::INTERRUPTED) };
    let diverged =
        matches!(&report.verdict, Verdict::Inconclusive { why } if why.starts_with("replay diverged"));
    if diverged {
        // The code has changed: its schedule says nothing, but the search that found it may find it again.
        match runner::run_one(&case, limits).map_err(Fault::engine)? {
            Some(again) => report = again,
            None => return Ok(exit::INTERRUPTED),
        }
    }
    let (words, code) = compared(&saved, &report);
    let how = if diverged { "; its schedule no longer fits, so the search was made again" } else { "" };
    output::print(&format!("{words}{how}\n"));
    if report.trace.is_some() {
        output::print(&listing::counterexample(&report));
    }
    Ok(code)
}

/// The check that the file came from, with what it was allowed to do then.
fn case_of(catalogue: &Catalogue, saved: &Saved) -> Result<Case, String> {
    let from = format!("{}/{}", saved.model, saved.variant);
    let all = select(catalogue, &Selection { budget: Budget::Deep, ..Selection::default() });
    let of_variant: Vec<Case> =
        all.into_iter().filter(|c| c.model == saved.model && c.variant == saved.variant).collect();
    if of_variant.is_empty() {
        let names = some_names(catalogue.models().iter().map(|m| m.name));
        return Err(format!(
            "the file is of {from}, which this catalogue does not have; its models are {names}"
        ));
    }
    let found = of_variant.into_iter().find(|c| {
        c.engine.word() == saved.engine
            && c.strategy.map(|s| s.word()) == saved.strategy.as_deref()
            && c.discipline.to_string() == saved.discipline
    });
    let Some(mut case) = found else {
        return Err(format!(
            "the file is of a {} check of {from}, which this catalogue no longer has",
            saved.engine
        ));
    };
    let (ours, theirs) = (engine_version(case.engine), &saved.engine_version);
    if ours != theirs {
        return Err(format!(
            "the file is of {} {theirs}, and this is {} {ours}: schedules do not carry over; run `selvedge check {from}`",
            saved.engine, saved.engine
        ));
    }
    let version = env!("CARGO_PKG_VERSION");
    if saved.selvedge != version {
        return Err(format!(
            "the file is of selvedge {}, and this is {version}: run `selvedge check {from}`",
            saved.selvedge
        ));
    }
    case.plan = saved.plan.plan()?;
    Ok(case)
}

fn compared(saved: &Saved, report: &Report) -> (String, u8) {
    match &report.verdict {
        Verdict::Found { property, kind } if *property == saved.property && kind.word() == saved.kind => {
            let path = match report.fingerprint.as_ref() == Some(&saved.fingerprint) {
                true => "",
                false => " (along another path: its fingerprint differs)",
            };
            (format!("same failure: {property} ({kind}){path}"), exit::OK)
        }
        Verdict::Found { property, kind } => (
            format!("another failure: {property} ({kind}), not {} ({})", saved.property, saved.kind),
            exit::DIFFERS,
        ),
        Verdict::Exhausted
        | Verdict::Bounded { .. }
        | Verdict::NotFound { .. }
        | Verdict::OutOfReach { .. } => (format!("no longer fails: {}", report.verdict), exit::DIFFERS),
        other => (format!("no conclusion: {other} {}", report.message), exit::DIFFERS),
    }
}
