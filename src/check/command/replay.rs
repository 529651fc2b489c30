//! `selvedge replay FILE`: runs a saved counterexample again, under the limits of any other worker. Of a folder, each
//! file; with `--bless`, the folder is written anew.

use super::args::ReplayArgs;
use super::{Fault, exit, meant, output};
use crate::check::model::{Budget, Catalogue, EngineKind, Role};
use crate::check::runner::case::{Case, Selection, select};
use crate::check::runner::limits::Limits;
use crate::check::runner::saved::{self, Saved, engine_version};
use crate::check::runner::{self, Report, interrupt};
use crate::check::verdict::{Expect, Verdict};
use crate::render::{listing, source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Replays a file, or all of a folder; or writes the folder anew.
pub fn replay(catalogue: &Catalogue, args: &ReplayArgs) -> Result<u8, Fault> {
    let limits = Limits::of(Budget::Standard).map_err(Fault::usage)?;
    if args.bless {
        return bless(catalogue, &args.file, limits);
    }
    if args.file.is_dir() {
        return folder(catalogue, &args.file, limits);
    }
    let Some((words, code, report)) = one(catalogue, &args.file, limits)? else {
        return Ok(exit::INTERRUPTED);
    };
    output::print(&format!("{words}\n"));
    if report.trace.is_some() {
        output::print(&listing::counterexample(&report, &source::from_disk));
    }
    Ok(code)
}

/// Longer schedules are not handed to a worker: the search that found them is made again.
const LONGEST: usize = 8_000;

/// What has become of the failure in this file; `None` if interrupted.
fn one(catalogue: &Catalogue, file: &Path, limits: Limits) -> Result<Option<(String, u8, Report)>, Fault> {
    let saved = Saved::read(file).map_err(Fault::usage)?;
    let case = Arc::new(case_of(catalogue, &saved).map_err(Fault::usage)?);
    // Orders travel in the environment, which has little room.
    let too_long = saved.schedule.len() > LONGEST;
    let schedule = if too_long { Vec::new() } else { saved.schedule.clone() };
    let report = runner::rerun(&case, schedule, limits).map_err(Fault::engine)?;
    let Some(mut report) = report.filter(|_| !interrupt::requested()) else { return Ok(None) };
    let diverged = too_long
        || matches!(&report.verdict, Verdict::Inconclusive { why } if why.starts_with("replay diverged"));
    if diverged {
        // The code has changed: its schedule says nothing, but the search that found it may find it again.
        match runner::run_one(&case, limits).map_err(Fault::engine)? {
            Some(again) => report = again,
            None => return Ok(None),
        }
    }
    let (words, code) = compared(&saved, &report);
    // What the search knew of how short it is; a replay of it does not search.
    if report.fingerprint.as_ref() == Some(&saved.fingerprint)
        && let Some(t) = report.trace.as_mut().filter(|t| t.minimal.is_empty())
    {
        t.minimal.clone_from(&saved.minimal);
        t.raw = saved.raw;
    }
    let changed = match (&saved.shape, &report.shape) {
        (Some(then), Some(now)) => then != now,
        _ => false,
    };
    let same = report.fingerprint.as_ref() == Some(&saved.fingerprint);
    let how = match (changed, diverged) {
        (false, false) if same && code == exit::OK && !saved.logs(&report) => {
            "; the log in the file is not that of this schedule: it was edited, or another build wrote it"
        }
        (true, false) => "; model changed: it does other operations than when this was saved",
        (true, true) => "; model changed: the schedule no longer fits it, so the search was made again",
        (false, true) => "; the schedule no longer fits the model, so the search was made again",
        (false, false) => "",
    };
    Ok(Some((format!("{words}{how}"), code, report)))
}

/// The counterexample files of a folder, by name.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let cannot = |e: &dyn std::fmt::Display| Fault::usage(format!("cannot read {}: {e}", dir.display()));
    let entries = std::fs::read_dir(dir).map_err(|e| cannot(&e))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|x| x == "json"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(cannot(&"there is no counterexample file in it"));
    }
    Ok(files)
}

/// One line a file, also for one that cannot be understood; as declared only if all still fail as they did.
fn folder(catalogue: &Catalogue, dir: &Path, limits: Limits) -> Result<u8, Fault> {
    let mut worst = exit::OK;
    let (files, mut refused) = (files(dir)?, 0);
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let (words, code) = match one(catalogue, file, limits) {
            Ok(Some((words, code, _))) => (words, code),
            Ok(None) => return Ok(exit::INTERRUPTED),
            Err(fault) if fault.code == exit::USAGE => {
                refused += 1;
                (fault.message, fault.code)
            }
            Err(fault) => return Err(fault),
        };
        if output::try_print(&format!("{name}: {words}\n")).is_err() {
            return Ok(exit::USAGE);
        }
        worst = worst.max(code);
    }
    if refused > 0 {
        let of = crate::render::count(files.len() as u64, "file");
        return Err(Fault::usage(format!("{refused} of {of} cannot be replayed; the others were")));
    }
    Ok(worst)
}

/// Writes one counterexample for each variant that is declared to fail, and removes those of variants that are gone.
fn bless(catalogue: &Catalogue, dir: &Path, limits: Limits) -> Result<u8, Fault> {
    saved::prepare_dir(dir).map_err(Fault::usage)?;
    let cases = select(catalogue, &Selection::default()).into_iter();
    let fails =
        |c: &Case| matches!(c.role, Role::Buggy | Role::WrongFix) && matches!(c.expect, Expect::Found(_));
    // A recorded schedule replays by itself; the other engines search again.
    let rank = |c: &Case| match c.engine {
        EngineKind::Shuttle => 0,
        EngineKind::Exact => 1,
        _ => 2,
    };
    let mut best: BTreeMap<String, Case> = BTreeMap::new();
    for c in cases.filter(fails) {
        let name = format!("{}.{}", c.model, c.variant);
        if best.get(&name).is_none_or(|b| rank(&c) < rank(b)) {
            best.insert(name, c);
        }
    }
    for old in files(dir).unwrap_or_default() {
        if !best.contains_key(old.file_stem().unwrap_or_default().to_string_lossy().as_ref()) {
            std::fs::remove_file(&old)
                .map_err(|e| Fault::usage(format!("cannot remove {}: {e}", old.display())))?;
        }
    }
    for (name, case) in best {
        let case = Arc::new(case);
        let Some(report) = runner::run_one(&case, limits).map_err(Fault::engine)? else {
            return Ok(exit::INTERRUPTED);
        };
        let Some(found) = Saved::of(&report).filter(|_| report.as_declared) else {
            return Err(Fault::engine(format!(
                "{name} is not as declared, and is not blessed: {}",
                report.verdict
            )));
        };
        let path = found.write(dir, &name);
        path.map_err(|e| Fault::usage(format!("cannot write {name}.json to {}: {e}", dir.display())))?;
        output::print(&format!("{name}: {}\n", report.verdict));
    }
    Ok(exit::OK)
}

/// The check that the file came from, with what it was allowed to do then.
fn case_of(catalogue: &Catalogue, saved: &Saved) -> Result<Case, String> {
    let from = format!("{}/{}", saved.model, saved.variant);
    let all = select(catalogue, &Selection { budget: Budget::Deep, ..Selection::default() });
    let of_variant: Vec<Case> =
        all.into_iter().filter(|c| c.model == saved.model && c.variant == saved.variant).collect();
    if of_variant.is_empty() {
        let all = catalogue.models().iter().flat_map(|m| m.variants.iter().map(move |v| (m.name, v.name)));
        let names = meant(&from, "it has", all.map(|(m, v)| format!("{m}/{v}")));
        return Err(format!("the file is of {from}, which this catalogue does not have; {names}"));
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
    // The file says what to run again; how much it may cost is ours to say.
    let (allowed, mut plan) = (case.plan.clone(), saved.plan.plan()?);
    plan.executions = plan.executions.min(allowed.executions);
    plan.steps = plan.steps.min(allowed.steps);
    plan.jobs = allowed.jobs;
    plan.counted_arcs = allowed.counted_arcs;
    case.plan = plan;
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
