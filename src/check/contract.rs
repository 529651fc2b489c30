//! Rules of the production types whose outcome depends on something that no engine models. An execution that comes
//! there is refused (`out-of-reach`), with a word on what to write instead: never approximated.
//!
//! * `Weak` references are not counted, so `weak_count`, and `get_mut` or `try_unwrap` of a value that has had `Weak`s,
//!   have no answer.
//! * A second share of a `RwLock` by a thread that has one blocks or not by whether a writer is queued.
//! * parking_lot's `Condvar` panics when waiters with different mutexes meet.
//! * `thread::scope` does not wait for the thread-locals of a thread that nobody joins.

use super::event::{ObjectId, ThreadId};
use super::run::Run;
use super::verdict::Verdict;
use std::collections::{BTreeMap, BTreeSet};

/// What the rules need to know of the execution at hand.
#[derive(Default)]
pub(crate) struct Contract {
    /// Counts that have had a `Weak`. Who finds itself to be the only owner has seen them all: each was made through a
    /// counted reference that is gone.
    downgraded: BTreeSet<ObjectId>,
    /// The mutex with which a condition variable was waited on.
    mutexes: BTreeMap<ObjectId, ObjectId>,
    /// Shares of `RwLock`s that are held.
    shares: Vec<(ThreadId, ObjectId)>,
    /// Threads with a thread-local that has a destructor.
    destructors: BTreeSet<ThreadId>,
}

impl Contract {
    pub(crate) fn begin_execution(&mut self) {
        self.downgraded.clear();
        self.mutexes.clear();
        self.shares.clear();
        self.destructors.clear();
    }
}

impl Run {
    fn beyond(&self, reason: &str) {
        if !self.over() && !std::thread::panicking() {
            self.stop(Verdict::OutOfReach { reason: reason.to_owned() });
        }
    }

    /// Are there other threads? Until then what is physically there is the only answer.
    fn has_spawned(&self) -> bool {
        self.state().threads.len() > 1
    }

    /// A `Weak` of `count` is made.
    pub(crate) fn downgraded(&self, count: ObjectId) {
        self.state().contract.downgraded.insert(count);
    }

    /// The only counted owner of a value wants it for itself: has it had `Weak`s, one of which could be upgraded now?
    pub(crate) fn needs_no_weak(&self, count: ObjectId) {
        if self.has_spawned() && self.state().contract.downgraded.contains(&count) {
            self.beyond(
                "Arc::get_mut, make_mut or try_unwrap of a value that has had Weak references, which are not counted: \
                 use Arc::into_inner, or no Weak",
            );
        }
    }

    /// The number of `Weak`s is asked for.
    pub(crate) fn weak_counted(&self) {
        if self.has_spawned() {
            self.beyond("weak_count: Weak references are not counted; keep a count of your own in an atomic");
        }
    }

    /// `condvar` is waited on with `mutex`.
    pub(crate) fn waits_with(&self, condvar: ObjectId, mutex: ObjectId) {
        let first = *self.state().contract.mutexes.entry(condvar).or_insert(mutex);
        if first != mutex {
            self.beyond(
                "a Condvar is waited on with two mutexes, which panics in production if the waits overlap: use a \
                 Condvar for each mutex",
            );
        }
    }

    /// The acting thread asks for a share of `lock`.
    pub(crate) fn wants_share(&self, lock: ObjectId) {
        if self.state().contract.shares.contains(&(self.me(), lock)) {
            self.beyond(
                "RwLock: a thread that holds a share asks for another, which blocks for ever if a writer has queued \
                 in between: keep one guard",
            );
        }
    }

    /// It has got one, or given it back.
    pub(crate) fn shares(&self, lock: ObjectId, got: bool) {
        let me = self.me();
        let shares = &mut self.state().contract.shares;
        if got {
            shares.push((me, lock));
        } else if let Some(i) = shares.iter().rposition(|s| *s == (me, lock)) {
            shares.swap_remove(i);
        }
    }

    /// The acting thread has a thread-local with a destructor.
    pub(crate) fn has_destructor(&self) {
        let me = self.me();
        self.state().contract.destructors.insert(me);
    }

    /// A scope is left without anybody having joined `child`.
    pub(crate) fn left_in_scope(&self, child: ThreadId) {
        if self.state().contract.destructors.contains(&child) {
            self.beyond(
                "a scope ends while a thread of it that nobody joined has thread-locals with destructors, for which \
                 std's scope does not wait: join the handle",
            );
        }
    }
}
