//! The native engine: real threads and the production objects, a fixed number of times.
//!
//! It sits beside the engine interface, not behind it: no run is installed, so that the facade's objects are the
//! production ones. What it adds is bookkeeping. An OS thread belongs to an execution through a thread-local that
//! `thread::spawn` hands down (`inherit`); a panic on such a thread, joined or not, fails the execution.

use crate::check::engine::{Census, Exploration, Plan};
use crate::check::model::Scenario;
use crate::check::run::{Failure, ON_FAILURE};
use crate::check::unwind;
use crate::check::verdict::{Kind, Verdict};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the threads of an execution share.
#[derive(Default)]
pub(crate) struct Execution {
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    failure: Option<Box<Failure>>,
    seen: Vec<&'static str>,
    /// Threads started so far, to seed their choices.
    threads: u64,
    seed: u64,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Execution>>> = const { RefCell::new(None) };
}

/// The native execution that this OS thread belongs to.
pub(crate) fn current() -> Option<Arc<Execution>> {
    CURRENT.with(|c| c.borrow().clone())
}

impl Execution {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the first failure.
    pub(crate) fn fail(&self, property: Option<&str>, kind: Kind, message: String) {
        let mut log = self.log();
        if log.failure.is_none() {
            let failure = Box::new(Failure {
                property: property.unwrap_or(kind.implied_property()).to_owned(),
                kind,
                message,
                thread: None,
                sites: Vec::new(),
                threads: Vec::new(),
                objects: BTreeMap::new(),
                events: Vec::new(),
                notes: Vec::new(),
                schedule: Vec::new(),
                least: None,
                minimal: String::new(),
                repeats: None,
                passing: None,
                flip: Default::default(),
            });
            if let Some(tell) = ON_FAILURE.get() {
                tell(&failure);
            }
            log.failure = Some(failure);
        }
    }

    pub(crate) fn sometimes(&self, name: &'static str) {
        let mut log = self.log();
        if !log.seen.contains(&name) {
            log.seen.push(name);
        }
    }

    /// Runs `f` on this OS thread as a thread of the execution.
    fn enter<R>(self: Arc<Self>, f: impl FnOnce() -> R) -> R {
        {
            let mut log = self.log();
            log.threads += 1;
            crate::sync::reseed(log.seed ^ log.threads.rotate_left(32));
        }
        let outer = CURRENT.replace(Some(self.clone()));
        let result = unwind::native_frame(f);
        CURRENT.replace(outer);
        match result {
            Ok(value) => value,
            Err((kind, message, payload)) => {
                self.fail(None, kind, message);
                resume_unwind(payload)
            }
        }
    }
}

/// Makes a thread's closure belong to the native execution of the thread that starts it, if there is one.
pub(crate) fn inherit<R>(f: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let execution = current();
    move || match execution {
        Some(execution) => execution.enter(f),
        None => f(),
    }
}

/// Runs the scenario `plan.executions` times.
pub fn explore(scenario: &Scenario, plan: &Plan) -> Exploration {
    let mut found = Exploration {
        verdict: Verdict::NotFound { n: 0 },
        executions: 0,
        steps: 0,
        failure: None,
        outcomes: BTreeMap::new(),
        seen: Vec::new(),
        census: Census::default(),
        shortening: None,
    };
    for n in 0..plan.executions {
        let execution = Arc::new(Execution::default());
        execution.log().seed = plan.seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let result = {
            let (execution, scenario) = (execution.clone(), scenario.clone());
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || execution.enter(|| scenario())))
        };
        let mut log = execution.log();
        for name in log.seen.drain(..) {
            if !found.seen.contains(&name) {
                found.seen.push(name);
            }
        }
        if let Some(failure) = log.failure.take() {
            found.verdict = Verdict::found(Some(&failure.property), failure.kind);
            found.failure = Some(failure);
            return found;
        }
        let outcome = result.expect("a scenario that panics has failed");
        *found.outcomes.entry(outcome).or_insert(0) += 1;
        found.executions += 1;
    }
    found.verdict = match found.executions {
        0 => Verdict::Inconclusive { why: "nothing was executed".to_owned() },
        n => Verdict::NotFound { n },
    };
    found
}
