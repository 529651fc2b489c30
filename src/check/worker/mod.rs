//! The worker: a child process of the same binary that explores one check and reports on a private pipe.
//!
//! It trusts the model with nothing: `guard` prepares for crashes and forks, `panics` for double panics, and a
//! failure is reported when it is noted, before anything unwinds.

mod blocks;
pub mod critical;
#[cfg(unix)]
mod guard;
mod panics;
mod pipe;
pub mod protocol;
mod shape;
mod shrink;

use super::arrange;
use super::engine::spent::Spent;

use super::engine::{self, Exploration, Plan};
use super::litmus;
use super::model::{Catalogue, EngineKind, Outcome, Scenario};
use super::run::{self, Failure, Flip};
use super::runner::trace::{Size, Trace};
use super::verdict::{Kind, Verdict};
use protocol::{Conclusion, Message, Observed, Order, Subject, WORKER_ENV};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// The order that made this process a worker, if one did.
pub fn order() -> Option<&'static Order> {
    static ORDER: OnceLock<Option<Order>> = OnceLock::new();
    ORDER
        .get_or_init(|| {
            let text = std::env::var(WORKER_ENV).ok()?;
            match serde_json::from_str(&text) {
                Ok(order) => Some(order),
                Err(e) => {
                    eprintln!("{WORKER_ENV} is set by the runner for its workers, and cannot be read: {e}");
                    std::process::exit(2);
                }
            }
        })
        .as_ref()
}

/// If this process is a worker for a check of `catalogue`, runs it and never returns.
pub fn serve(catalogue: &Catalogue) {
    let Some(order) = order() else { return };
    let (model, variant) = match &order.subject {
        Subject::Variant { model, variant } => (model, variant),
        Subject::Litmus { test } => match litmus::run::find(test) {
            Some(test) => work(order, litmus::interpret::scenario(test), Vec::new()),
            None => {
                eprintln!("this binary has no litmus test {test}");
                std::process::exit(2);
            }
        },
        Subject::Test { .. } => return,
    };
    let found = catalogue.models().iter().find(|m| m.name == *model);
    let found = found.and_then(|m| Some((m, m.variants.iter().find(|v| v.name == *variant)?)));
    let Some((model, variant)) = found else {
        eprintln!("this binary has no {model}/{variant}");
        std::process::exit(2);
    };
    let forbidden = model.outcomes.iter().filter(|o| o.grade == super::model::Grade::Forbidden);
    let forbidden = forbidden.map(|o| (o.word, o.sentence)).collect();
    work(order, variant.scenario.clone(), forbidden)
}

/// Explores `scenario` as ordered, reports, and ends the process.
pub fn work(order: &Order, scenario: Scenario, forbidden: Vec<(&'static str, &'static str)>) -> ! {
    let ready = pipe::take().map_err(|e| e.to_string()).and_then(|()| {
        let plan = order.plan.plan()?;
        let engine = protocol::engine(&order.engine).ok_or(format!("unknown engine `{}`", order.engine))?;
        Ok((engine, plan))
    });
    let (engine, plan) = ready.unwrap_or_else(|e| {
        eprintln!("the order of this worker makes no sense: {e}");
        std::process::exit(2);
    });
    #[cfg(unix)]
    guard::install(order);
    panics::install();
    let _ = run::ON_FAILURE.set(|f| {
        if SHRINKING.load(Ordering::Relaxed) {
            return;
        }
        let executions = EXECUTIONS.load(Ordering::Relaxed);
        pipe::send(Message::Provisional { trace: Box::new(Trace::of(f)), executions });
    });
    let _ = engine::PROGRESS.set(|p| {
        pipe::send(Message::Progress { executions: p.executions, estimate: p.estimate, rate: p.rate });
    });
    let watched = watch(scenario, forbidden);
    pipe::send(
        match catch_unwind(AssertUnwindSafe(|| explore(engine, &watched, &plan, order.schedule.as_deref()))) {
            Ok(mut e) => {
                let seen = observed();
                let raw = shortened(engine, &watched, &plan, order, &mut e);
                decided(engine, &watched, &plan, order, &mut e);
                let shape = shape_of(engine, &watched, &plan, order, &e);
                let mut c = Conclusion::of(e, seen, shape);
                if let Some(t) = &mut c.trace {
                    t.raw = raw;
                }
                Message::Done(Box::new(c))
            }
            Err(p) => Message::EnginePanicked { message: payload(&*p) },
        },
    );
    // What the engine has left behind must not be dropped: some of it cannot be, outside a run.
    leave()
}

/// Replays for shrinking and the like are under way: what fails in them is no news.
static SHRINKING: AtomicBool = AtomicBool::new(false);

/// Shrinks a failure that shuttle has just found; says how large it was. A replay shows what was recorded, and a litmus
/// test is judged by its outcomes alone.
fn shortened(
    engine: EngineKind,
    scenario: &Scenario,
    plan: &Plan,
    order: &Order,
    e: &mut Exploration,
) -> Option<Size> {
    let wanted = engine == EngineKind::Shuttle
        && order.schedule.is_none()
        && matches!(order.subject, Subject::Variant { .. } | Subject::Test { .. });
    let failure = e.failure.as_deref().filter(|_| wanted)?;
    SHRINKING.store(true, Ordering::Relaxed);
    let (shrunk, spent) = Spent::on(|| shrink::shrink(scenario, plan, failure));
    SHRINKING.store(false, Ordering::Relaxed);
    let raw = Trace::of(failure).size();
    e.shortening = Some(spent);
    e.failure = Some(shrunk?);
    Some(raw)
}

/// Looks for the order of steps that makes a failure pass.
fn decided(engine: EngineKind, scenario: &Scenario, plan: &Plan, order: &Order, e: &mut Exploration) {
    let subject = matches!(order.subject, Subject::Variant { .. } | Subject::Test { .. });
    let Some(failure) = e.failure.as_deref_mut().filter(|_| subject && engine != EngineKind::Native) else {
        return;
    };
    SHRINKING.store(true, Ordering::Relaxed);
    interleaved(scenario, plan, failure);
    SHRINKING.store(false, Ordering::Relaxed);
}

/// Which steps decide, in the log as an interleaving, if it is one in disguise and fails as such, or else as it is.
fn interleaved(scenario: &Scenario, plan: &Plan, failure: &mut Failure) {
    let initial = |o| failure.objects.get(&o).map_or(0, |i| i.init);
    let order = arrange::interleaved(&failure.events, initial).filter(|_| failure.repeats.is_none());
    if let Some(events) = order {
        let as_logged = std::mem::replace(&mut failure.events, events);
        critical::decide(scenario, plan, failure);
        if !matches!(failure.flip, Flip::Unordered | Flip::Untried) {
            return;
        }
        failure.events = as_logged;
    }
    critical::decide(scenario, plan, failure);
}

/// The shape of a model that has failed, or has been asked to fail again.
fn shape_of(
    engine: EngineKind,
    scenario: &Scenario,
    plan: &Plan,
    order: &Order,
    e: &Exploration,
) -> Option<String> {
    let wanted = engine != EngineKind::Native
        && matches!(order.subject, Subject::Variant { .. })
        && (order.schedule.is_some() || e.failure.is_some());
    if !wanted {
        return None;
    }
    SHRINKING.store(true, Ordering::Relaxed);
    let shape = shape::shape(scenario, plan);
    SHRINKING.store(false, Ordering::Relaxed);
    shape
}

fn leave() -> ! {
    #[cfg(unix)]
    {
        use std::io::Write;
        let _ = std::io::stdout().flush();
        // SAFETY: ends the process at once; the report has been written.
        unsafe { libc::_exit(0) }
    }
    #[cfg(not(unix))]
    std::process::exit(0)
}

fn payload(p: &(dyn std::any::Any + Send)) -> String {
    match (p.downcast_ref::<&str>(), p.downcast_ref::<String>()) {
        (Some(s), _) => (*s).to_owned(),
        (_, Some(s)) => s.clone(),
        _ => "a value that is not a string".to_owned(),
    }
}

/// Lets `engine` explore, or run again the one execution that it recorded as `schedule`. Only shuttle's schedules
/// can be run by themselves, and if one does not fit any more, as far as it does; the other engines are deterministic
/// and search again.
pub fn explore(
    engine: EngineKind,
    scenario: &Scenario,
    plan: &Plan,
    schedule: Option<&[u32]>,
) -> Exploration {
    match (engine, schedule) {
        (EngineKind::Native, _) => engine::native::explore(scenario, plan),
        (EngineKind::Shuttle, Some(schedule)) => {
            let strict = engine::shuttle::replay(scenario, plan, schedule, true);
            let diverged = matches!(strict.verdict, Verdict::Inconclusive { .. });
            let lenient = diverged.then(|| engine::shuttle::replay(scenario, plan, schedule, false));
            lenient.filter(|e| e.failure.is_some()).unwrap_or(strict)
        }
        (EngineKind::Shuttle, None) => engine::shuttle::explore(scenario, plan),
        (EngineKind::Exact, _) => engine::exact::explore(scenario, plan),
        (EngineKind::Loom, _) => engine::loom::explore(scenario, plan),
    }
}

/// Executions begun.
static EXECUTIONS: AtomicU64 = AtomicU64::new(0);
static THREADS: AtomicUsize = AtomicUsize::new(0);
static SHARED: AtomicBool = AtomicBool::new(false);

/// Executions whose log is looked at until a shared object has been seen.
const LOOKED_AT: u64 = 100;

fn observed() -> Observed {
    Observed { threads: THREADS.load(Ordering::Relaxed), shared: SHARED.load(Ordering::Relaxed) }
}

/// The scenario with the runner's own eyes in it: forbidden outcomes fail, and the first executions are looked at.
pub fn watch(scenario: Scenario, forbidden: Vec<(&'static str, &'static str)>) -> Scenario {
    Arc::new(move || -> Outcome {
        let begun = EXECUTIONS.fetch_add(1, Ordering::Relaxed);
        #[cfg(unix)]
        if begun == 0 && order().is_some() {
            guard::catch_faults();
        }
        let outcome = scenario();
        if begun < LOOKED_AT && !SHARED.load(Ordering::Relaxed) {
            look();
        }
        if let Some((word, sentence)) = forbidden.iter().find(|(w, _)| *w == outcome) {
            run::violated_unless("outcome", Kind::Assertion, false, || {
                format!("forbidden outcome `{word}`: {sentence}")
            });
        }
        outcome
    })
}

/// How many threads were there, and did two of them use the same object?
fn look() {
    let Some(run) = run::current() else { return };
    let state = run.state();
    THREADS.fetch_max(state.threads.len(), Ordering::Relaxed);
    let mut user = BTreeMap::new();
    for e in &state.events {
        if let Some(o) = e.op.object()
            && *user.entry((o.creator(), o.nth())).or_insert(e.thread) != e.thread
        {
            SHARED.store(true, Ordering::Relaxed);
        }
    }
}
