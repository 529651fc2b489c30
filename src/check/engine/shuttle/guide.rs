//! Follows the log of a failing execution, with one thread held back: that is how the claim "let this step come before
//! that one, and the property holds" is tried instead of guessed.
//!
//! At each decision that thread goes on whose next operation comes first in the log; past its end, and for threads that
//! the log does not know, the running one. Answers of the environment (choices, timeouts, spurious ends) are given as the
//! log has them. Whether that leads to the same failure, with nobody held back, is for the caller to look at first.

use super::chooser::{Candidate, Candidates};
use super::state::Need;
use crate::check::event::{Answer, Event, Op, ThreadId};
use crate::check::run::Failure;
use shuttle_engine::scheduler::TaskId;
use std::cell::Cell;
use std::cmp::Reverse;
use std::rc::Rc;

/// After everything that the log knows.
const LATER: u64 = u64::MAX - 2;
/// An end of a wait that nobody has brought about and the log does not have: only if nothing else can go on.
const UNPROMPTED: u64 = u64::MAX - 1;

/// A thread is held back before its `nth` operation, counted from 0, until another has come somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Who is held back.
    pub thread: ThreadId,
    /// Before which of its operations.
    pub nth: usize,
    /// Until this thread has done this one of its operations; if that is a wait, until it waits. `None`: until nobody else
    /// can go on.
    pub until: Option<(ThreadId, usize)>,
}

/// What became of a [`Hold`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// The other has come there.
    pub met: bool,
    /// Nobody but the thread that was held back could go on, so that it was let go.
    pub broken: bool,
}

/// One operation of the log.
struct Told {
    op: Op,
    answer: Answer,
    /// Where it is done.
    place: u64,
    /// Where a wait begins; of others the same.
    begins: u64,
    /// A wait that ends although nobody has signalled.
    unprompted: bool,
}

/// The guide through one execution.
pub struct Guide {
    told: Vec<Vec<Told>>,
    hold: Option<Hold>,
    /// Who goes first where the log has ended; else who runs already.
    tail: Option<ThreadId>,
    kept: Rc<Cell<Kept>>,
    /// How much of the log of the execution at hand has been looked at, and what each thread has done in it.
    seen: usize,
    done: Vec<usize>,
    running: usize,
    ran: bool,
}

impl Guide {
    /// Follows the log of `failure`.
    pub fn new(failure: &Failure, hold: Option<Hold>, tail: Option<ThreadId>) -> (Guide, Rc<Cell<Kept>>) {
        let mut told: Vec<Vec<Told>> = Vec::new();
        told.resize_with(failure.threads.len(), Vec::new);
        for (i, e) in failure.events.iter().enumerate() {
            let (place, thread) = (2 * i as u64 + 2, e.thread.0 as usize);
            let before = failure.events[..i].iter().rposition(|x| x.thread == e.thread);
            let between = &failure.events[before.map_or(0, |b| b + 1)..i];
            told[thread].push(Told {
                op: e.op,
                answer: e.answer,
                place,
                begins: begins(&e.op, between).map_or(place, |n| place - 2 * (between.len() - n) as u64 - 1),
                unprompted: unprompted(e, between),
            });
        }
        for (thread, info) in failure.threads.iter().enumerate() {
            let Some((op @ Op::Wait { .. }, _)) = info.pending.filter(|_| !info.ended) else { continue };
            let last = failure.events.iter().rposition(|e| e.thread.0 as usize == thread);
            let first = last.map_or(0, |b| b + 1);
            let n = begins(&op, &failure.events[first..]);
            let begins = n.map_or(LATER, |n| 2 * (first + n) as u64 + 1);
            let answer = Answer::DONE;
            told[thread].push(Told { op, answer, place: LATER, begins, unprompted: false });
        }
        let kept = Rc::new(Cell::new(Kept { met: hold.is_none(), broken: false }));
        let done = vec![0; told.len()];
        (Guide { told, hold, tail, kept: kept.clone(), seen: 0, done, running: 0, ran: false }, kept)
    }

    pub(super) fn new_execution(&mut self) -> bool {
        !std::mem::replace(&mut self.ran, true)
    }

    /// Takes note of what has been done, and whether that is what the thread that is held back waits for.
    pub(super) fn heed(&mut self, log: &[Event], asleep: impl Fn(ThreadId) -> bool) {
        for e in log.iter().skip(self.seen) {
            let thread = e.thread.0 as usize;
            if self.done.len() <= thread {
                self.done.resize(thread + 1, 0);
            }
            self.done[thread] += 1;
        }
        self.seen = log.len();
        let until = self.hold.filter(|_| !self.kept.get().met).and_then(|h| h.until);
        let Some((other, until)) = until else { return };
        let done = self.done(other);
        let met = done > until || done == until && done > 0 && asleep(other);
        self.kept.set(Kept { met, ..self.kept.get() });
    }

    fn done(&self, thread: ThreadId) -> usize {
        self.done.get(thread.0 as usize).copied().unwrap_or(0)
    }

    fn next(&self, thread: usize) -> Option<&Told> {
        self.told.get(thread)?.get(self.done.get(thread).copied().unwrap_or(0))
    }

    pub(super) fn thread(&mut self, candidates: &Candidates<'_>, current: Option<TaskId>) -> ThreadId {
        let held = self.hold.filter(|h| !self.kept.get().met && self.done(h.thread) >= h.nth);
        let free = |c: &&Candidate<'_>| held.is_none_or(|h| h.thread != c.thread);
        let key = |c: &Candidate<'_>| {
            let place = match self.next(c.thread.0 as usize) {
                _ if c.asleep && self.next(c.thread.0 as usize).is_none_or(|t| !t.unprompted) => UNPROMPTED,
                None => LATER,
                Some(t) if c.need == Need::Nothing => t.begins,
                Some(t) => t.place,
            };
            let first = (Reverse(Some(c.thread) == self.tail), Reverse(Some(c.task.id()) == current));
            (place, c.yields, first, c.thread)
        };
        let chosen = candidates.iter().filter(free).min_by_key(|c| key(c));
        let chosen = chosen.unwrap_or_else(|| {
            let rest = held.is_some_and(|h| h.until.is_none());
            self.kept.set(if rest {
                Kept { met: true, broken: false }
            } else {
                Kept { broken: true, ..self.kept.get() }
            });
            &candidates[0]
        });
        self.running = chosen.thread.0 as usize;
        chosen.thread
    }

    /// One of `0..n`, as in the log.
    pub(super) fn data(&self, n: u32) -> u32 {
        let Some(told) = self.next(self.running) else { return 0 };
        let (op, a) = (&told.op, told.answer);
        let value = match op {
            Op::Choose { .. } => a.value as u32,
            Op::Wait { .. } | Op::Park { .. } => u32::from(a.ok),
            Op::Cas { expected, .. } => u32::from(!a.ok && a.value == *expected),
            _ => 0,
        };
        value.min(n - 1)
    }
}

/// By what others do between the operation before a wait and its end: before which of that it must have begun. Who takes
/// the mutex could not have before; a signal that wakes somebody needs somebody to wake.
fn begins(op: &Op, between: &[Event]) -> Option<usize> {
    let Op::Wait { obj, mutex, .. } = *op else { return None };
    between.iter().position(|e| match e.op {
        Op::Lock { obj } => obj == mutex,
        Op::TryLock { obj } => obj == mutex && e.answer.ok,
        Op::Notify { obj: o, .. } => o == obj && e.answer.value > 0,
        _ => false,
    })
}

/// Does it end without a signal?
fn unprompted(e: &Event, between: &[Event]) -> bool {
    match e.op {
        Op::Wait { timed, obj, .. } => {
            let signal =
                |x: &Event| matches!(x.op, Op::Notify { obj: o, .. } if o == obj) && x.answer.value > 0;
            timed && !e.answer.ok || !between.iter().any(signal)
        }
        // A token may have been there before.
        Op::Park { timed } => timed && !e.answer.ok,
        _ => false,
    }
}
