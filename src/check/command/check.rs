//! `selvedge check`: the gate.

use super::args::{CheckArgs, Format};
use super::{Fault, exit, meant, output};
use crate::check::model::{Budget, Catalogue, EngineKind};
use crate::check::runner::agreement::Disagreement;
use crate::check::runner::case::{Case, Selection, select, shard};
use crate::check::runner::limits::Limits;
use crate::check::runner::saved::{self, Saved};
use crate::check::runner::{self, Event, Report, interrupt};
use crate::render::{json, junit, table};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Runs the gate.
pub fn check(catalogue: &Catalogue, args: &CheckArgs) -> Result<u8, Fault> {
    let budget = Budget::from(args.budget);
    let limits = Limits::of(budget).map_err(Fault::usage)?;
    let cases = selected(catalogue, args, budget)?;
    if let Some(dir) = &args.out {
        saved::prepare_dir(dir).map_err(Fault::usage)?;
    }
    let jobs = args.jobs.unwrap_or_else(cores);
    let start = Instant::now();
    let mut gate = Gate::new(args, &cases);
    if args.format == Format::Human {
        output::print(&table::opening(cases.len(), budget.word(), args.seed, jobs));
    }
    let outcome = runner::run(cases, jobs, limits, |event| gate.on(event));
    gate.bar.finish_and_clear();
    if let Some(fault) = outcome.broken {
        return Err(Fault::engine(fault));
    }
    if let Some(fault) = gate.unwritable.take() {
        return Err(Fault::usage(fault));
    }
    if gate.gone {
        // Nobody reads the results any more, and not all were made: that is not a pass.
        return Ok(exit::USAGE);
    }
    Ok(gate.finish(outcome.interrupted, start.elapsed()))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn selected(catalogue: &Catalogue, args: &CheckArgs, budget: Budget) -> Result<Vec<Case>, Fault> {
    let selection = Selection { filter: args.filter.clone(), engine: args.engine, budget, seed: args.seed };
    let cases = select(catalogue, &selection);
    if cases.is_empty() {
        return Err(Fault::nothing(nothing(catalogue, args, &selection)));
    }
    let mut cases = cases;
    if let Some(memory) = args.memory {
        for c in cases.iter_mut().filter(|c| c.engine == EngineKind::Exact) {
            c.plan.memory = memory;
        }
    }
    if let [one] = &mut cases[..]
        && one.engine == EngineKind::Exact
    {
        // One search has the machine to itself, and can be split over several.
        one.plan.jobs = args.jobs.unwrap_or_else(cores);
        one.plan.shard = args.shard.filter(|s| s.n > 1).map(|s| (s.k as u32 - 1, s.n as u32));
        return Ok(cases);
    }
    Ok(match args.shard {
        Some(s) => shard(cases, s.k, s.n),
        None => cases,
    })
}

/// Why nothing was selected, and what would be.
fn nothing(catalogue: &Catalogue, args: &CheckArgs, selection: &Selection) -> String {
    let by_name = select(catalogue, &Selection { engine: None, budget: Budget::Deep, ..selection.clone() });
    match (&args.filter, by_name.is_empty()) {
        (Some(f), true) => no_such(catalogue, f),
        (None, true) => "the catalogue has no checks".to_owned(),
        _ => "nothing is left of the selection with this engine and budget; see `selvedge list`".to_owned(),
    }
}

/// That nothing is called so, and what is.
pub(super) fn no_such(catalogue: &Catalogue, filter: &str) -> String {
    let names = meant(filter, "the models are", catalogue.models().iter().map(|m| m.name));
    format!("no model/variant contains `{filter}`; {names} (see `selvedge list`)")
}

/// What has been seen of the run so far.
struct Gate<'a> {
    args: &'a CheckArgs,
    bar: ProgressBar,
    names: Vec<String>,
    reports: Vec<(Report, Option<PathBuf>)>,
    disagreements: Vec<Disagreement>,
    gone: bool,
    broken: Option<String>,
    unwritable: Option<String>,
}

impl<'a> Gate<'a> {
    fn new(args: &'a CheckArgs, cases: &[Case]) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::with_draw_target(Some(cases.len() as u64), ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        let names = cases.iter().map(Case::identity).collect();
        Gate {
            args,
            bar,
            names,
            reports: Vec::new(),
            disagreements: Vec::new(),
            gone: false,
            broken: None,
            unwritable: None,
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Started(i) => self.bar.set_message(self.names[i].clone()),
            Event::Progress(i, p) => {
                self.bar.set_message(format!("{} {}", self.names[i], table::progress(&p)))
            }
            Event::Reported(report) => {
                self.bar.inc(1);
                self.report(*report);
            }
            Event::Disagreed(typed) => self.disagreements.extend(typed),
        }
    }

    fn report(&mut self, report: Report) {
        if report.engine_failed {
            let (check, verdict) = (report.case.identity(), &report.verdict);
            self.broken.get_or_insert(format!("{check}: {verdict}: {}", report.message));
        }
        let file = self.args.out.as_deref().and_then(|dir| self.save(dir, &report));
        if self.args.format == Format::Json && !self.gone {
            self.gone = output::try_print_raw(&json::report(&report, file.as_deref())).is_err();
            if self.gone {
                interrupt::request();
            }
        }
        self.reports.push((report, file));
    }

    fn save(&mut self, dir: &Path, report: &Report) -> Option<PathBuf> {
        let name = report.case.identity().replace('/', ".");
        match Saved::of(report)?.write(dir, &name) {
            Ok(path) => Some(path),
            Err(e) => {
                self.unwritable.get_or_insert(format!("cannot write {name}.json to {}: {e}", dir.display()));
                None
            }
        }
    }

    /// Prints what is printed at the end, and decides.
    fn finish(self, interrupted: bool, elapsed: Duration) -> u8 {
        let checks = self.reports.len();
        let as_declared = self.reports.iter().filter(|(r, _)| r.as_declared).count();
        let code = match (interrupted, &self.broken, checks - as_declared) {
            (true, _, _) => exit::INTERRUPTED,
            (_, Some(_), _) => exit::ENGINE,
            (_, _, 0) => exit::OK,
            _ => exit::DIFFERS,
        };
        let _ = match self.args.format {
            Format::Json => output::try_print_raw(&json::summary(checks, as_declared, elapsed, code)),
            Format::Junit => {
                let reports: Vec<Report> = self.reports.into_iter().map(|(r, _)| r).collect();
                output::try_print_raw(&junit::document(&reports, elapsed))
            }
            Format::Human => {
                let mut differing: Vec<_> = self.reports.iter().filter(|(r, _)| !r.as_declared).collect();
                // Of one variant the clearest first: loom's orders count for less than they should, and its logs show it.
                let same = |a: &Report, b: &Report| {
                    (&a.case.model, &a.case.variant) == (&b.case.model, &b.case.variant)
                };
                let place = |r: &Report| self.reports.iter().position(|(o, _)| same(o, r));
                let clarity = |r: &Report| match r.case.engine {
                    EngineKind::Exact => 0,
                    EngineKind::Shuttle => 1,
                    EngineKind::Native => 2,
                    EngineKind::Loom => 3,
                };
                differing.sort_by_key(|(r, _)| (place(r), clarity(r)));
                let differing: String =
                    differing.into_iter().map(|(r, file)| table::failure(r, file.as_deref())).collect();
                let reports: Vec<Report> = self.reports.into_iter().map(|(r, _)| r).collect();
                let agreement = table::agreement(&reports, &self.disagreements);
                let end = table::summary(checks, as_declared, elapsed, interrupted);
                output::try_print(&(table::table(&reports) + &differing + &agreement + &end))
            }
        };
        if let Some(fault) = self.broken {
            output::complain(&fault);
        }
        code
    }
}
