//! `selvedge::model` and [`Checker`]: a closure under every engine, inside an ordinary `#[test]`.
//!
//! The test binary is executed again for each engine, with the test's name and `--exact`; that process runs the
//! test up to the same call, explores, reports, and ends. So an engine that aborts ends one test with a report.

use super::{identity, plain};
use crate::check::engine::Plan;
use crate::check::model::{Budget, Discipline, EngineKind, Memory, Outcome, Role, Scenario, Strategy};
use crate::check::runner::case::{Case, only_engine};
use crate::check::runner::limits::Limits;
use crate::check::runner::tally::Tally;
use crate::check::runner::trace::Trace;
use crate::check::runner::{self, Report, budget, fingerprint};
use crate::check::verdict::{Expect, Verdict};
use crate::check::worker::protocol::{Subject, WORKER_ENV};
use crate::check::worker::{self};
use crate::render::{count, timeline::timeline};
use std::sync::Arc;
use std::time::Instant;

/// Checks the closure under shuttle (random), exact and loom; under `--cfg loom` or `--cfg shuttle` under that engine
/// alone. Panics with the counterexample if one of them finds a violation, and if one cannot conclude.
///
/// A drop-in for `loom::model`, with the facade's types in place of loom's:
///
/// ```no_run
/// # // In an ordinary `#[test]`:
/// use selvedge::sync::{Arc, AtomicU32, Ordering, thread};
/// selvedge::model(|| {
///     let n = Arc::new(AtomicU32::new(0));
///     let other = { let n = n.clone(); thread::spawn(move || { n.fetch_add(1, Ordering::Relaxed); }) };
///     n.fetch_add(1, Ordering::Relaxed);
///     other.join().unwrap();
///     assert_eq!(n.load(Ordering::Relaxed), 2);
/// });
/// ```
#[track_caller]
pub fn model<F>(f: F)
where
    F: Fn() + Sync + Send + 'static,
{
    Checker::new().check(f);
}

/// [`model`] with options: loom's `Builder` in shape. Change its fields, then call [`Checker::check`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Checker {
    /// Who explores, in this order.
    pub engines: Vec<EngineKind>,
    /// Executions at most under an exhaustive engine, which must finish within them.
    pub max_executions: u64,
    /// Executions under shuttle.
    pub samples: u64,
    /// Visible operations at most in one execution.
    pub max_branches: usize,
    /// loom's preemption bound. A bounded search passes as `bounded(k)`, which is less than a proof.
    pub preemption_bound: Option<usize>,
    /// The exact engine's memory model.
    pub memory: Memory,
    /// Reference counts are the subject, and are modelled.
    pub counted_arcs: bool,
    /// Seed of every random choice.
    pub seed: u64,
}

impl Default for Checker {
    fn default() -> Self {
        Checker::new()
    }
}

impl Checker {
    /// The options of [`model`].
    pub fn new() -> Checker {
        let engines = match only_engine() {
            Some(e) => vec![e],
            None => vec![EngineKind::Shuttle, EngineKind::Exact, EngineKind::Loom],
        };
        let depth = if only_engine().is_some() { Budget::Deep } else { Budget::Standard };
        Checker {
            engines,
            max_executions: budget::executions(EngineKind::Loom, None, depth),
            samples: budget::executions(EngineKind::Shuttle, None, depth),
            max_branches: budget::STEPS as usize,
            preemption_bound: None,
            memory: Memory::Rc11,
            counted_arcs: false,
            seed: budget::DEFAULT_SEED,
        }
    }

    /// Checks the closure. Panics as [`model`] does.
    #[track_caller]
    pub fn check<F>(&self, f: F)
    where
        F: Fn() + Sync + Send + 'static,
    {
        let scenario: Scenario = Arc::new(move || -> Outcome {
            f();
            Outcome::Borrowed("returned")
        });
        if let Some(order) = worker::order() {
            let Subject::Test { name, ordinal, failed } = &order.subject else {
                panic!("selvedge::model was called from inside a model");
            };
            // The name is the runner's word: this process runs no other test.
            let call = identity::enter(name);
            if call.ordinal == *ordinal {
                worker::work(order, scenario, Vec::new());
            }
            if let Some(message) = failed.get(&call.ordinal) {
                panic!("{message}");
            }
            return;
        }
        match identity::test_name() {
            Some(name) => self.in_workers(&name),
            None => self.in_process(&scenario),
        }
    }

    #[track_caller]
    fn in_workers(&self, name: &str) {
        let call = identity::enter(name);
        // One wall-clock limit for all: who needs more says so.
        let limits = Limits::of(Budget::Standard).unwrap_or_else(|e| panic!("{e}"));
        let mut seen = 0;
        for engine in self.engines.iter().copied().filter(|e| only_engine().is_none_or(|o| o == *e)) {
            let case = Arc::new(self.case(name, engine));
            let mut command = runner::own_binary().unwrap_or_else(|e| panic!("{e}"));
            // One test thread would run the test on the main thread, which has no name of its own.
            command
                .args([name, "--exact", "--nocapture", "--include-ignored"])
                .env_remove("RUST_TEST_THREADS");
            command.env_remove(WORKER_ENV);
            let subject =
                Subject::Test { name: name.to_owned(), ordinal: call.ordinal, failed: call.failed.clone() };
            match runner::run_subject(&case, subject, None, command, limits, &|_| {}) {
                Ok(Some(report)) => match conclude(name, &report) {
                    Ok(looked) => seen += usize::from(looked),
                    Err(message) => {
                        call.fails(&message);
                        panic!("{message}");
                    }
                },
                Ok(None) => panic!("interrupted"),
                Err(fault) => panic!("{fault}"),
            }
        }
        assert!(seen > 0, "no engine could run this model: {:?}", self.engines);
    }

    /// Without a test to name there is no way back into this call from another process.
    #[track_caller]
    fn in_process(&self, scenario: &Scenario) {
        eprintln!(
            "selvedge: this thread has no test's name, so the engines run in this process: an abort ends it all \
             (call it on the test's own thread, or use cargo-nextest)"
        );
        let mut seen = 0;
        for engine in self.engines.iter().copied() {
            let case = Arc::new(self.case("model", engine));
            let start = Instant::now();
            let e = worker::explore(engine, scenario, &case.plan, None);
            let trace = e.failure.as_deref().map(Trace::of);
            let fingerprint = trace.as_ref().map(|t| fingerprint::fingerprint("model", "test", t));
            let report = Report {
                as_declared: false,
                message: trace.as_ref().map_or_else(String::new, |t| t.message.clone()),
                case,
                verdict: e.verdict,
                executions: e.executions,
                steps: e.steps,
                elapsed: start.elapsed(),
                trace,
                fingerprint,
                shape: None,
                tally: Tally::of(e.outcomes, e.census),
                stdout: String::new(),
                stderr: String::new(),
                engine_failed: false,
                shortening: None,
            };
            match conclude("model", &report) {
                Ok(looked) => seen += usize::from(looked),
                Err(message) => panic!("{message}"),
            }
        }
        assert!(seen > 0, "no engine could run this model: {:?}", self.engines);
    }

    fn case(&self, name: &str, engine: EngineKind) -> Case {
        let exhaustive = matches!(engine, EngineKind::Loom | EngineKind::Exact);
        let native = budget::executions(EngineKind::Native, None, Budget::Standard);
        let strategy = (engine == EngineKind::Shuttle).then_some(Strategy::Random);
        let mut case = Case {
            model: name.to_owned(),
            incident: None,
            variant: "test".to_owned(),
            role: Role::Fixed,
            engine,
            strategy,
            discipline: Discipline::default(),
            nth: 0,
            expect: if exhaustive { Expect::Exhausted } else { Expect::NotFound },
            because: None,
            plan: Plan {
                executions: match engine {
                    EngineKind::Native => native,
                    EngineKind::Shuttle => self.samples,
                    EngineKind::Loom | EngineKind::Exact => self.max_executions,
                },
                steps: self.max_branches as u64,
                preemptions: self.preemption_bound.map(|b| u32::try_from(b).unwrap_or(u32::MAX)),
                memory: self.memory,
                counted_arcs: self.counted_arcs,
                ..Plan::default()
            },
            sometimes: Vec::new(),
            never_seen: Vec::new(),
            forbidden: Vec::new(),
            nobody_looks: false,
        };
        case.plan.seed = budget::derive_seed(self.seed, &case.identity());
        case
    }
}

/// Prints a line for a pass and says whether the engine looked at the model at all; or what to panic with.
fn conclude(name: &str, r: &Report) -> Result<bool, String> {
    let engine = r.case.engine.word();
    match &r.verdict {
        Verdict::Exhausted | Verdict::Bounded { .. } | Verdict::NotFound { .. } if r.executions > 0 => {
            let spent = r.elapsed.as_secs_f64();
            let runs = count(r.executions, "execution");
            eprintln!("selvedge: {name}: {engine}: {}, {runs}, {spent:.2} s {}", r.verdict, r.message);
            Ok(true)
        }
        Verdict::OutOfReach { reason } => {
            eprintln!("selvedge: {name}: {engine}: out of reach: {reason}");
            Ok(false)
        }
        _ => Err(complaint(r)),
    }
}

fn complaint(r: &Report) -> String {
    let mut text = format!("{} says {}", r.case.engine.word(), r.verdict);
    match &r.trace {
        Some(t) => text += &format!(" in execution {}\n\n{}", r.executions + 1, plain(&timeline(t))),
        None if !r.message.is_empty() => text += &format!(": {}", r.message),
        None => {}
    }
    if !r.stderr.is_empty() && r.trace.is_none() {
        text += &format!("\nthe worker's stderr:\n{}", r.stderr);
    }
    text
}
