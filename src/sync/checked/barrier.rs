//! `Barrier` of the checked form: std's natively, a mutex and a condition variable of the facade in a model.

use super::{Condvar, Mutex};
use crate::check::run;
use crate::sync::Named;
use std::fmt;

/// Makes `n` threads wait for each other, with std's API.
pub struct Barrier(Repr);

enum Repr {
    Native(std::sync::Barrier),
    Modelled { n: usize, state: Mutex<State>, opened: Condvar },
}

/// `waiting` counts up to `n` within a generation; the one who completes it starts the next.
#[derive(Default)]
struct State {
    waiting: usize,
    generation: usize,
}

/// Says which of the threads is the leader.
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Exactly one of the threads that a barrier lets go at once is the leader.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl Barrier {
    /// A barrier for `n` threads.
    #[track_caller]
    pub fn new(n: usize) -> Self {
        Barrier(match run::current() {
            Some(_) => Repr::Modelled { n, state: Mutex::default(), opened: Condvar::new() },
            None => Repr::Native(std::sync::Barrier::new(n)),
        })
    }
    /// Waits until `n` threads wait.
    #[track_caller]
    pub fn wait(&self) -> BarrierWaitResult {
        let (n, state, opened) = match &self.0 {
            Repr::Native(barrier) => return BarrierWaitResult(barrier.wait().is_leader()),
            Repr::Modelled { n, state, opened } => (*n, state, opened),
        };
        let mut s = state.lock();
        s.waiting += 1;
        if s.waiting >= n {
            s.waiting = 0;
            s.generation = s.generation.wrapping_add(1);
            opened.notify_all();
            return BarrierWaitResult(true);
        }
        let mine = s.generation;
        while s.generation == mine {
            opened.wait(&mut s);
        }
        BarrierWaitResult(false)
    }
}

impl Named for Barrier {
    fn named(self, name: impl Into<String>) -> Self {
        self.named_with(|| name.into())
    }
    fn named_with(self, name: impl FnOnce() -> String) -> Self {
        Barrier(match self.0 {
            Repr::Modelled { n, state, opened } => {
                let name = name();
                let opened = opened.named_with(|| format!("{name}.opened"));
                Repr::Modelled { n, state: state.named(name), opened }
            }
            native => native,
        })
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.0).finish()
    }
}
