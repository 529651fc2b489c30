//! Engine `loom`: loom 0.7.2's depth-first search with partial-order reduction over its model of C11.
//!
//! Facade objects are loom's own objects, one for one, so what loom sees is what it would see if the
//! model were written against it, and its fidelity is loom's:
//!
//! * A pass is not a proof. Its reduction misses interleavings of loads with stores (tokio-rs/loom#166, #392);
//!   plain stores that race with RMWs give impossible outcomes (#254, #389); `SeqCst` accesses are `AcqRel`, which
//!   gives false alarms (#180), and `SeqCst` fences are too strong, which hides races. The canaries in the
//!   catalogue and this engine's tests show each.
//! * Weak compare-exchange never fails spuriously, waits never wake spuriously, `notify_one` wakes the waiter that
//!   came first, readers of a lock synchronise with each other.
//! * `Condvar::notify_*` return how many had announced a wait: one that has not got as far as to wait is counted
//!   although it will not be woken.
//! * At most 5 threads. `choose`, timeouts and `try_lock` are refused: loom has no choice of a value.
//! * While a thread unwinds, from a panic that the model catches, locks are released but atomic operations of
//!   destructors are not seen: loom would switch threads in the middle.
//! * A yield hides what a thread does next until another thread has moved: use it in failed spins only.
//!
//! Reference counts are quiet unless the variant models them: loom sees none, because each clone and drop would
//! multiply the executions. Their happens-before is then missing. If a race is found after an execution has
//! relied on a count (a last drop, or a look that found one reference left), everything is explored again with
//! counts that loom sees.
//!
//! Environment variables of loom's are not read: every field of its builder is set here. `max_permutations` and
//! `max_duration` stay unset, because loom ends in a silent pass when it reaches them; exhaustion is believed only
//! from loom's own report (`completion.rs`).

mod blocking;
mod classify;
mod completion;
mod kernel;
mod memory;
mod objects;

use super::{Exploration, Plan, stuck};
use crate::check::event::{Event, ObjectId, Op, ThreadId};
use crate::check::model::Scenario;
use crate::check::run::{self, Failure, Site};
use crate::check::unwind::execute;
use crate::check::verdict::{Kind, Verdict};
use completion::Completion;
use kernel::{Abandon, Kernel};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// loom's number of threads, with the scenario's.
pub const THREADS: usize = loom::MAX_THREADS;

/// Explores `scenario`.
pub fn explore(scenario: &Scenario, plan: &Plan) -> Exploration {
    if plan.executions == 0 {
        return Exploration::nothing("no execution was asked for");
    }
    match run(scenario, plan, plan.counted_arcs) {
        Some(e) => e,
        None => run(scenario, plan, true).expect("with counted references there is nothing to explore again"),
    }
}

/// Every field set: nothing comes from the environment.
fn builder(plan: &Plan) -> loom::model::Builder {
    // `Builder` cannot be built but by `new`, which reads the environment; each field is then overwritten.
    let mut b = loom::model::Builder::new();
    b.max_threads = THREADS;
    // A visible operation is at most a choice of the thread and a choice of the store that is read.
    b.max_branches =
        usize::try_from(plan.steps).unwrap_or(usize::MAX).saturating_mul(2).clamp(1_000, 100_000);
    b.max_permutations = None;
    b.max_duration = None;
    b.preemption_bound = plan.preemptions.map(|k| k as usize);
    b.checkpoint_file = None;
    b.checkpoint_interval = 20_000;
    b.expect_explicit_explore = false;
    // loom's locations would be this engine's lines; the run has the model's.
    b.location = false;
    b.log = false;
    b
}

/// `None`: to be explored again, with counted references.
fn run(scenario: &Scenario, plan: &Plan, counted_arcs: bool) -> Option<Exploration> {
    // `Builder::new` panics if a variable is not a number.
    let Ok(builder) = catch_unwind(|| builder(plan)) else {
        return Some(Exploration::nothing("a LOOM_ environment variable is malformed: unset it"));
    };
    // A model inside a model ends here, before the kernel that is at work is touched.
    assert!(run::current().is_none(), "a model was started from inside a model");
    let (kernel, run) = Kernel::begin(plan, counted_arcs);
    let installed = run.install();
    let body = scenario.clone();
    let completion = Completion::default();
    let result = completion.watch(|| {
        catch_unwind(AssertUnwindSafe(|| {
            builder.check(move || {
                let kernel = Kernel::of_this_thread();
                let run = kernel.run();
                kernel.begin_execution();
                kernel.main(execute(run, &body));
            });
        }))
    });
    match result {
        Ok(()) => kernel.end_execution(),
        Err(payload) if payload.is::<Abandon>() => {}
        // loom panicked outside any model thread's frame, such as when the last thread that could run has ended.
        Err(payload) => drop(run.caught(payload)),
    }
    drop(installed);
    kernel.end();

    let (executions, mut failure, stopped) = {
        let mut s = run.state();
        (s.executions, s.failure.take(), s.stopped.take())
    };
    // Who was last is a matter of the order of drops, of which quiet counts show one.
    if kernel.observed_counts() && !counted_arcs {
        return None;
    }
    if let Some(f) = &mut failure {
        if matches!(f.kind, Kind::DataRace | Kind::UseAfterFree) && kernel.relied_on_counts() && !counted_arcs
        {
            return None;
        }
        explain(f);
    }
    let verdict = if let Some(f) = &failure {
        Verdict::Found { property: f.property.clone(), kind: f.kind }
    } else if let Some(stopped) = stopped {
        stopped
    } else if run.over() || !completion.seen() {
        Verdict::Inconclusive { why: "loom ended without saying that it had explored everything".to_owned() }
    } else if executions == 0 {
        Verdict::Inconclusive { why: "no execution was completed".to_owned() }
    } else if let Some(k) = plan.preemptions {
        Verdict::Bounded { k }
    } else {
        Verdict::Exhausted
    };
    Some(Exploration::of(run, verdict, failure))
}

/// Replaces loom's words by the model's: who is stuck on what, which two accesses race.
fn explain(f: &mut Failure) {
    match f.kind {
        Kind::Deadlock | Kind::LostWakeup if f.sites.is_empty() => {
            let names = stuck::Names { threads: &f.threads, object: &|id| f.objects.get(&id) };
            let (_, message, sites) = stuck::describe(&names);
            (f.message, f.sites) = (message, sites);
        }
        Kind::DataRace | Kind::UseAfterFree if f.sites.is_empty() => {
            let Some(me) = f.thread else { return };
            let Some((op, site)) = f.threads.get(me.0 as usize).and_then(|t| t.pending) else { return };
            let Some(obj) = op.object() else { return };
            let what = access(&op);
            let names = stuck::Names { threads: &f.threads, object: &|id| f.objects.get(&id) };
            let name = names.object(obj);
            let conflicts = |e: &&Event| {
                e.thread != me && e.op.object() == Some(obj) && (is_write(&op) || is_write(&e.op))
            };
            let mut sites = Vec::new();
            if let Some(e) = f.events.iter().rev().find(conflicts) {
                sites.push((e.thread, format!("{} of {name}", access(&e.op)), e.site));
            } else if let Some((t, what, at)) = about_to(f, me, obj) {
                sites.push((t, format!("{what} of {name}"), at));
            } else if let Some(o) = f.objects.get(&obj) {
                sites.push((obj.creator(), format!("creation of {name}"), o.site));
            }
            sites.push((me, format!("{what} of {name}"), site));
            let sides = sites.iter().map(|(t, what, at)| format!("{what} by {} at {at}", names.thread(*t)));
            f.message = format!("{} are not ordered", sides.collect::<Vec<_>>().join(" and "));
            f.sites = sites;
        }
        _ => {}
    }
}

/// What another thread was about to do to `obj`.
fn about_to(f: &Failure, me: ThreadId, obj: ObjectId) -> Option<(ThreadId, &'static str, Site)> {
    let others = f.threads.iter().enumerate().map(|(i, t)| (ThreadId(i as u8), t.pending));
    others
        .filter_map(|(t, pending)| Some((t, pending?)))
        .find(|(t, (op, _))| *t != me && op.object() == Some(obj))
        .map(|(t, (op, at))| (t, access(&op), at))
}

fn is_write(op: &Op) -> bool {
    match *op {
        Op::CellBegin { write, .. } | Op::CellEnd { write, .. } => write,
        Op::Store { .. } | Op::Rmw { .. } | Op::Cas { .. } | Op::PlainStore { .. } => true,
        Op::Lifetime { end, .. } => end,
        _ => false,
    }
}

fn access(op: &Op) -> &'static str {
    match (op, is_write(op)) {
        (Op::CellBegin { .. } | Op::CellEnd { .. }, true) => "write",
        (Op::CellBegin { .. } | Op::CellEnd { .. }, false) => "read",
        (Op::Lifetime { .. }, true) => "end of scope",
        (Op::Lifetime { .. } | Op::UseEnd { .. }, _) => "use",
        (Op::PlainStore { .. }, _) => "plain write",
        (Op::PlainLoad { .. }, _) => "plain read",
        (_, true) => "atomic write",
        (_, false) => "atomic read",
    }
}
