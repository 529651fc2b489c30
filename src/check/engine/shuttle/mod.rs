//! Engine `shuttle`: random and exhaustive exploration of sequentially consistent interleavings, on shuttle's
//! kernel (coroutines, tasks, schedulers).
//!
//! shuttle supplies the threads and the strategies; the objects are ours (`state.rs`), because shuttle's have no
//! timeouts, no spurious wake-ups and no happens-before by declared orderings. Each visible operation is a
//! scheduling point *before* it. A thread that must wait is not blocked in shuttle: it stays runnable there and
//! is simply not offered to the strategy (`kernel.rs`), so a blocked attempt is never a step, and what cannot go
//! on is known here, as a deadlock or a lost wake-up.
//!
//! Fidelity:
//!
//! * Atomics behave as `SeqCst` whatever their ordering. The happens-before detector ([`crate::check::race`])
//!   sees missing orderings by the plain accesses that they leave unordered, and by nothing else.
//! * Any waiter may be woken by `notify_one`. A wait, a park or a weak compare-exchange may fail spuriously at
//!   most once a call; a timed wait may time out at any moment. After having done so, a thread may do so again
//!   only when something has changed that a loop could wait for (a write, an unlock, a notification), or, for
//!   timeouts, when nobody else can go on. The strategies that draw at random do it in one call out of eight.
//! * A thread that yields twice with no change in between waits for one, unless nobody else can go on.
//! * `dfs` explores every choice within these rules. It has no partial-order reduction.
//! * Where threads declare fingerprints ([`crate::check::fingerprint`]) or use `spin_until`, a state that repeats by a fair
//!   cycle is a livelock (`lasso.rs`), and the strategies become fair: who is starved by a cycle goes first. `dfs` then
//!   ends on loops, too, and loses no state by it; of cycles it finds those that some such schedule closes.
//! * Reference counts are quiet unless the variant models them: no scheduling points, only happens-before.
//! * Under a discipline other than preemptive (`discipline.rs`) there is one processor: the detector is off, and the
//!   accesses to cells and the uses and ends of tracked lifetimes are steps, so that wrong values and late uses are seen.
//! * Under `interrupt`, the beginning of a masked section is a scheduling point, though no step of the log.
//!
//! Environment variables of shuttle cannot change a result: a check under which one is set is `inconclusive`.

mod chooser;
mod discipline;
mod driver;
mod guide;
mod kernel;
mod lasso;
mod rounds;
mod state;

use super::{Exploration, Plan};
use crate::check::model::{Outcome, Scenario};
use crate::check::run::{self, Failure};
use crate::check::unwind::execute;
use crate::check::verdict::Verdict;
use chooser::{Chooser, Dfs, Replay};
use driver::Driver;
use guide::Guide;
use kernel::Kernel;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::Instant;

pub use chooser::{DATA, STAY};
pub use guide::{Hold, Kept, Otherwise, Tail};

/// Stack of a model thread. Only touched pages cost anything.
const STACK: usize = 512 * 1024;

/// Explores `scenario` with the strategy of `plan`.
pub fn explore(scenario: &Scenario, plan: &Plan) -> Exploration {
    explore_with(scenario, plan, true)
}

/// [`explore`], with or without the happens-before detector. For measurements: without it, races go unseen.
pub fn explore_with(scenario: &Scenario, plan: &Plan, detect_races: bool) -> Exploration {
    if let Some(name) = leaked_variable() {
        return Exploration::nothing(format!("{name} is set and would override this check: unset it"));
    }
    if plan.executions == 0 {
        return Exploration::nothing("no execution was asked for");
    }
    run(scenario, plan, Chooser::new(plan), detect_races)
}

/// Runs `scenario` once by a recorded schedule (`Failure::schedule`).
///
/// A choice that is not possible, or that is missing, is taken as [`STAY`], so that a schedule can be shortened.
/// `strict`: if nothing is found then, it is `inconclusive`.
pub fn replay(scenario: &Scenario, plan: &Plan, schedule: &[u32], strict: bool) -> Exploration {
    run(scenario, plan, Chooser::Replay(Replay::new(schedule, strict)), true)
}

/// Explores every execution of `scenario` with at most so many preemptions, until one fails as `like` does: in the same way, of
/// the same property. `engine-limit` where there are more of them than `plan` allows, or no time until then.
pub fn bounded(
    scenario: &Scenario,
    plan: &Plan,
    preemptions: u32,
    until: Instant,
    like: &Failure,
) -> Exploration {
    let like = (like.property.clone(), like.kind);
    run(scenario, plan, Chooser::Dfs(Dfs::bounded(preemptions, until, like)), true)
}

/// Runs `scenario` once along the log of `failure`, which any engine may have found, but for one thing; also what became
/// of a thread that is held back.
pub fn guided(
    scenario: &Scenario,
    plan: &Plan,
    failure: &Failure,
    otherwise: Otherwise,
    tail: Tail,
) -> (Exploration, Kept) {
    let (guide, kept) = Guide::new(failure, otherwise, tail);
    let explored = run(scenario, plan, Chooser::Guided(guide), true);
    (explored, kept.get())
}

/// A variable of shuttle's that would change what its schedulers do, if one is set.
fn leaked_variable() -> Option<&'static str> {
    ["SHUTTLE_RANDOM_SEED", "SHUTTLE_ALWAYS_PERSIST_SEED"].into_iter().find(|v| std::env::var_os(v).is_some())
}

/// shuttle's defaults, less everything that prints, persists or gives up by itself.
fn config() -> shuttle::Config {
    let mut c = shuttle::Config::new();
    c.stack_size = STACK;
    c.failure_persistence = shuttle::FailurePersistence::None;
    c.max_steps = shuttle::MaxSteps::None;
    c.max_time = None;
    c.silence_warnings = true;
    c.record_steps_in_span = false;
    c
}

/// shuttle puts a panic hook on top of all others when its first execution starts, and keeps it. Let that
/// happen once, then restore what was there.
fn keep_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        let once = shuttle::scheduler::RoundRobinScheduler::new(1);
        shuttle::Runner::new(once, config()).run(|| {});
        drop(std::panic::take_hook());
        std::panic::set_hook(before);
    });
}

fn run(scenario: &Scenario, plan: &Plan, chooser: Chooser, detect_races: bool) -> Exploration {
    keep_panic_hook();
    let dfs = matches!(chooser, Chooser::Dfs(_));
    // Executions that fail in another way than the one that is looked for are not counted.
    let all_may_fail = chooser.passes_over();
    let replayed = matches!(chooser, Chooser::Replay(_) | Chooser::Guided(_));
    // A model inside a model ends here, before the kernel that is at work is touched.
    assert!(run::current().is_none(), "a model was started from inside a model");
    let (kernel, run) = Kernel::begin(plan, chooser, detect_races);
    run.keep_notes(replayed);
    run.missed_notes();
    let installed = run.install();
    let body = scenario.clone();
    let ran = catch_unwind(AssertUnwindSafe(|| {
        shuttle::Runner::new(Driver(kernel), config()).run(move || {
            let kernel = Kernel::of_this_thread();
            kernel.main(execute(kernel.run(), &body));
        })
    }));
    if let Err(payload) = ran {
        // Nothing unwinds out of a model thread: this is shuttle's own, or a bug of this engine's.
        drop(run.caught(payload));
    }
    drop(installed);

    let (executions, failure, stopped) = {
        let mut s = run.state();
        (s.executions, s.failure.take(), s.stopped.take())
    };
    let verdict = if let Some(f) = &failure {
        Verdict::Found { property: f.property.clone(), kind: f.kind }
    } else if let Some(why) = kernel.diverged() {
        Verdict::Inconclusive { why }
    } else if let Some(stopped) = stopped {
        stopped
    } else if executions == 0 && !all_may_fail {
        Verdict::Inconclusive { why: "no execution was completed".to_owned() }
    } else if !dfs || replayed {
        Verdict::NotFound { n: executions }
    } else if kernel.exhausted() {
        Verdict::Exhausted
    } else {
        Verdict::EngineLimit { what: "executions".to_owned() }
    };
    kernel.end();
    let unsaid = run.missed_notes();
    let schedules: Vec<(Outcome, Vec<u32>)> =
        run.state().witnesses.iter().filter(|_| unsaid).map(|(o, w)| (o.clone(), w.0.clone())).collect();
    let mut e = Exploration::of(run, verdict, failure);
    if unsaid {
        executed_again(scenario, plan, detect_races, &mut e, schedules);
    }
    e
}

/// Executes once more what may be shown, for what the model says of it, to which nobody has listened so far. What then
/// does not come out the same stays as it was.
fn executed_again(
    scenario: &Scenario,
    plan: &Plan,
    detect_races: bool,
    e: &mut Exploration,
    witnesses: Vec<(Outcome, Vec<u32>)>,
) {
    let again =
        |schedule: &[u32]| run(scenario, plan, Chooser::Replay(Replay::new(schedule, true)), detect_races);
    if let Some(f) = &mut e.failure {
        let same = again(&f.schedule).failure;
        let same = same.filter(|s| s.property == f.property && s.kind == f.kind);
        if let Some(same) = same.filter(|s| s.events.len() == f.events.len()) {
            *f = same;
        }
    }
    for (outcome, schedule) in witnesses {
        let said = again(&schedule).census.witnesses.remove(&outcome);
        let silent = e.census.witnesses.get_mut(&outcome);
        if let (Some(said), Some(silent)) = (said, silent)
            && said.events.len() == silent.events.len()
        {
            *silent = said;
        }
    }
}
