//! `selvedge show MODEL[/VARIANT]`: the lesson, with the counterexample found anew; of one variant the counterexample
//! first.

use super::args::ShowArgs;
use super::{Fault, exit, few, meant, near, output};
use crate::check::model::{Budget, Catalogue, EngineKind, Model, Role, Variant};
use crate::check::runner::case::{Case, Selection, select};
use crate::check::runner::limits::Limits;
use crate::check::runner::trace::Trace;
use crate::check::runner::{self, Event, Report};
use crate::check::verdict::Expect;
use crate::render::{listing, outcomes, source};

/// Shows a model or a variant.
pub fn show(catalogue: &Catalogue, args: &ShowArgs) -> Result<u8, Fault> {
    let (model, asked) = find(catalogue, &args.name)?;
    let limits = Limits::of(Budget::Quick).map_err(Fault::usage)?;
    let first = asked.map_or_else(|| listing::lesson(model), |v| listing::opening(model, v));
    if output::try_print(&first).is_err() {
        return Ok(exit::OK);
    }
    let fails = |v: &&Variant| matches!(v.role, Role::Buggy | Role::WrongFix | Role::Canary);
    let Some(variant) = asked.or_else(|| model.variants.iter().find(fails)) else { return Ok(exit::OK) };
    let reports = run(catalogue, model, variant, limits)?;
    let shortest = outcomes::clearest(reports.iter());
    if let Some((report, trace)) = shortest {
        let mut report = report.clone();
        if let (Some(t), Some(certified)) = (report.trace.as_mut(), certified(&reports, trace)) {
            t.minimal = certified;
        }
        output::print(&listing::counterexample(&report, &source::from_disk));
    } else if let Some(r) = reports.first() {
        let text = format!("\nno counterexample of {} at the quick budget: {}\n", variant.name, r.verdict);
        output::print(&text);
    }
    if asked.is_some() {
        output::print(&listing::background(model, variant));
    }
    if let Some(r) = outcomes::best(reports.iter()) {
        output::print(&outcomes::text(model, r, shortest.map(|(_, t)| t)));
    }
    let proofs = proofs(catalogue, model, limits)?;
    if asked.is_none() {
        proofs.iter().for_each(|r| output::print(&outcomes::text(model, r, None)));
    } else {
        let lines: String = proofs.iter().map(|r| outcomes::line(model, r)).collect();
        output::print(&format!("\n{lines}(`selvedge show {}` tells the whole lesson)\n", model.name));
    }
    Ok(if runner::interrupt::requested() { exit::INTERRUPTED } else { exit::OK })
}

/// What the exact engine has certified about this failure, found by another engine.
fn certified(reports: &[Report], shown: &Trace) -> Option<String> {
    let exact = reports
        .iter()
        .find(|r| r.case.engine == EngineKind::Exact && r.case.discipline == Default::default())?;
    let theirs = exact.trace.as_ref().filter(|t| (&t.property, t.kind) == (&shown.property, shown.kind))?;
    let certified = |minimal: &str| minimal.contains("(certified)") && !minimal.contains("this one has");
    let more = certified(&theirs.minimal) && !certified(&shown.minimal);
    more.then(|| format!("exact: {}; this one: {}", theirs.minimal, or_unknown(&shown.minimal)))
}

fn or_unknown(minimal: &str) -> &str {
    if minimal.is_empty() { "not certified" } else { minimal }
}

/// Runs the checks of the variant that are declared to find something, and the exact engine's, which knows what can happen
/// where the others raise a false alarm.
fn run(
    catalogue: &Catalogue,
    model: &Model,
    variant: &Variant,
    limits: Limits,
) -> Result<Vec<Report>, Fault> {
    some(catalogue, limits, |c| {
        c.model == model.name
            && c.variant == variant.name
            && (matches!(c.expect, Expect::Found(_)) || c.engine == EngineKind::Exact)
    })
}

/// The exact engine's checks of the fixed variants, for the table of what can and cannot happen.
fn proofs(catalogue: &Catalogue, model: &Model, limits: Limits) -> Result<Vec<Report>, Fault> {
    some(catalogue, limits, |c| {
        c.model == model.name && c.role == Role::Fixed && c.engine == EngineKind::Exact
    })
}

fn some(catalogue: &Catalogue, limits: Limits, wanted: impl Fn(&Case) -> bool) -> Result<Vec<Report>, Fault> {
    let cases = select(catalogue, &Selection::default()).into_iter().filter(wanted);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut reports = Vec::new();
    let outcome = runner::run(cases.collect(), jobs, limits, |event| {
        if let Event::Reported(r) = event {
            reports.push(*r);
        }
    });
    outcome.broken.map_or(Ok(reports), |fault| Err(Fault::engine(fault)))
}

fn find<'a>(catalogue: &'a Catalogue, name: &str) -> Result<(&'a Model, Option<&'a Variant>), Fault> {
    let (model, variant) = name.split_once('/').map_or((name, None), |(m, v)| (m, Some(v)));
    let Some(m) = catalogue.models().iter().find(|m| m.name == model) else {
        // A variant's name alone is a name that somebody may have meant, as is the name of a model with one that it has.
        let variants = || catalogue.models().iter().flat_map(|m| m.variants.iter().map(move |v| (m, v)));
        let models: Vec<String> = catalogue.models().iter().map(|m| m.name.to_owned()).collect();
        let near = near(model, &models);
        let could = |(m, v): &(&Model, &Variant)| match variant {
            None => v.name == name,
            Some(variant) => v.name == variant && near.iter().any(|n| n == m.name),
        };
        let full: Vec<String> =
            variants().filter(could).map(|(m, v)| format!("{}/{}", m.name, v.name)).collect();
        let names = match full.is_empty() {
            true => meant(model, "the models are", models.into_iter()),
            false => format!("did you mean {}?", few(&full)),
        };
        return Err(Fault::usage(format!("there is no model `{model}`; {names} (see `selvedge list`)")));
    };
    let Some(variant) = variant else { return Ok((m, None)) };
    match m.variants.iter().find(|v| v.name == variant) {
        Some(v) => Ok((m, Some(v))),
        None => {
            let names = meant(variant, "its variants are", m.variants.iter().map(|v| v.name));
            Err(Fault::usage(format!("{model} has no variant `{variant}`; {names}")))
        }
    }
}
