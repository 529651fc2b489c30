//! Follows the log of a failing execution, with one thread held back or one answer of the environment given otherwise:
//! that is how the claim "let this step come before that one, and the property holds" is tried instead of guessed.
//!
//! At each decision that thread goes on whose next operation comes first in the log; past its end, and for threads that
//! the log does not know or that have done something else than in it, the running one. Answers of the environment
//! (choices, timeouts, spurious ends) go by operation, not by place: the second `park` of a thread ends as its second
//! `park` does in the log, whatever it has done in between; what the log does not have is answered as nobody would
//! notice. Whether that leads to the same failure, with nothing otherwise, is for the caller to look at first.

use super::chooser::{Candidate, Candidates};
use super::state::Need;
use crate::check::event::{Event, ObjectId, Op, ThreadId, Whim};
use crate::check::run::{Failure, State};
use shuttle_engine::scheduler::TaskId;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
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

/// In what the execution is to differ from the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Otherwise {
    /// In nothing.
    Same,
    /// A thread is held back.
    Held(Hold),
    /// The environment answers this step of the log otherwise; which alternative is chosen, if it is a choice.
    Answered(usize, u32),
}

/// Who goes first where the log does not say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tail {
    /// This one, where the log has ended; `None`: who runs already.
    pub first: Option<ThreadId>,
    /// As soon as what a held thread waits for is done: from there on nothing is as in the log.
    pub at_once: bool,
}

/// What became of a [`Hold`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// The other has come there.
    pub met: bool,
    /// Nobody but the thread that was held back could go on, so that it was let go.
    pub broken: bool,
}

/// What tells an operation of a thread from its others: what it does, and to what.
type Which = (u8, Option<ObjectId>);

fn which(op: &Op) -> Which {
    (op.code(), op.object())
}

/// One operation of the log.
struct Told {
    which: Which,
    /// Where it is done.
    place: u64,
    /// Where a wait begins; of others the same.
    begins: u64,
    /// The environment's part in it.
    whim: Option<Whim>,
}

/// One thread: what the log tells of it, and what it has done in the execution at hand.
#[derive(Default)]
struct Follows {
    told: Vec<Told>,
    /// The environment's answers in the log, to each of its operations by itself.
    whims: BTreeMap<Which, Vec<Option<Whim>>>,
    done: usize,
    /// Of each of its operations.
    times: BTreeMap<Which, usize>,
    /// It has done something else than in the log: its places there mean nothing any more.
    strayed: bool,
    /// What it is about to do.
    pending: Option<Op>,
}

impl Follows {
    fn tell(&mut self, told: Told) {
        self.whims.entry(told.which).or_default().push(told.whim);
        self.told.push(told);
    }

    fn does(&mut self, op: &Op) {
        self.strayed |= self.told.get(self.done).is_some_and(|t| t.which != which(op));
        self.done += 1;
        *self.times.entry(which(op)).or_default() += 1;
    }

    /// What it does next in the log, if that is what it is about to do.
    fn next(&self) -> Option<&Told> {
        let told = self.told.get(self.done).filter(|_| !self.strayed)?;
        self.pending.is_none_or(|op| which(&op) == told.which).then_some(told)
    }

    /// The environment's answer in the log to what it is about to do.
    fn whim(&self) -> Option<Whim> {
        let which = which(&self.pending?);
        let nth = self.times.get(&which).copied().unwrap_or(0);
        self.whims.get(&which)?.get(nth).copied().flatten()
    }
}

/// The guide through one execution.
pub struct Guide {
    threads: Vec<Follows>,
    hold: Option<Hold>,
    tail: Tail,
    kept: Rc<Cell<Kept>>,
    /// How much of the log of the execution at hand has been looked at.
    seen: usize,
    running: usize,
    ran: bool,
}

impl Guide {
    /// Follows the log of `failure`.
    pub fn new(failure: &Failure, otherwise: Otherwise, tail: Tail) -> (Guide, Rc<Cell<Kept>>) {
        let mut threads: Vec<Follows> = Vec::new();
        threads.resize_with(failure.threads.len(), Follows::default);
        for (i, e) in failure.events.iter().enumerate() {
            let place = 2 * i as u64 + 2;
            let before = failure.events[..i].iter().rposition(|x| x.thread == e.thread);
            let between = &failure.events[before.map_or(0, |b| b + 1)..i];
            let whim = match (otherwise, e.op.whim(e.answer)) {
                (Otherwise::Answered(step, instead), Some(whim)) if step == i => whim.otherwise(instead),
                (_, whim) => whim,
            };
            threads[e.thread.0 as usize].tell(Told {
                which: which(&e.op),
                place,
                begins: begins(&e.op, between).map_or(place, |n| place - 2 * (between.len() - n) as u64 - 1),
                whim,
            });
        }
        for (thread, info) in failure.threads.iter().enumerate() {
            let Some((op @ Op::Wait { .. }, _)) = info.pending.filter(|_| !info.ended) else { continue };
            let last = failure.events.iter().rposition(|e| e.thread.0 as usize == thread);
            let first = last.map_or(0, |b| b + 1);
            let n = begins(&op, &failure.events[first..]);
            let begins = n.map_or(LATER, |n| 2 * (first + n) as u64 + 1);
            threads[thread].tell(Told { which: which(&op), place: LATER, begins, whim: None });
        }
        let hold = match otherwise {
            Otherwise::Held(hold) => Some(hold),
            Otherwise::Same | Otherwise::Answered(..) => None,
        };
        let kept = Rc::new(Cell::new(Kept { met: hold.is_none(), broken: false }));
        (Guide { threads, hold, tail, kept: kept.clone(), seen: 0, running: 0, ran: false }, kept)
    }

    pub(super) fn new_execution(&mut self) -> bool {
        !std::mem::replace(&mut self.ran, true)
    }

    /// Takes note of what has been done and is about to be, and whether that is what the thread that is held back waits
    /// for.
    pub(super) fn heed(&mut self, run: &State, asleep: impl Fn(ThreadId) -> bool) {
        let all = self.threads.len().max(run.threads.len());
        self.threads.resize_with(all, Follows::default);
        for e in run.events.iter().skip(self.seen) {
            self.threads[e.thread.0 as usize].does(&e.op);
        }
        self.seen = run.events.len();
        for (follows, info) in self.threads.iter_mut().zip(&run.threads) {
            follows.pending = info.pending.map(|(op, _)| op);
        }
        let until = self.hold.filter(|_| !self.kept.get().met).and_then(|h| h.until);
        let Some((other, until)) = until else { return };
        let done = self.done(other);
        let met = done > until || done == until && done > 0 && asleep(other);
        self.kept.set(Kept { met, ..self.kept.get() });
    }

    fn done(&self, thread: ThreadId) -> usize {
        self.threads.get(thread.0 as usize).map_or(0, |t| t.done)
    }

    pub(super) fn thread(&mut self, candidates: &Candidates<'_>, current: Option<TaskId>) -> ThreadId {
        let held = self.hold.filter(|h| !self.kept.get().met && self.done(h.thread) >= h.nth);
        let ahead = self.tail.first.filter(|_| self.tail.at_once && held.is_none());
        let free = |c: &&Candidate<'_>| held.is_none_or(|h| h.thread != c.thread);
        let key = |c: &Candidate<'_>| {
            let unprompted = |t: &Told| matches!(t.whim, Some(Whim::Spurious | Whim::TimedOut));
            let place = match self.threads.get(c.thread.0 as usize).and_then(Follows::next) {
                next if c.asleep && !next.is_some_and(unprompted) => UNPROMPTED,
                _ if ahead == Some(c.thread) && !c.yields => 0,
                None => LATER,
                Some(t) if c.need == Need::Nothing => t.begins,
                Some(t) => t.place,
            };
            let first = (Reverse(Some(c.thread) == self.tail.first), Reverse(Some(c.task.id()) == current));
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
        let whim = self.threads.get(self.running).and_then(Follows::whim);
        let value = match whim {
            Some(Whim::Chosen(value, _)) => value,
            // Instead of a timeout, and instead of success.
            Some(Whim::Spurious | Whim::Failed) => 1,
            Some(Whim::TimedOut) | None => 0,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::event::MAIN;
    use std::sync::atomic::Ordering::Relaxed;

    /// Who has left the path of the log has no place in it any more, even where it does again what it does there.
    #[test]
    fn who_strays_has_no_place() {
        let load = |n| Op::Load { obj: ObjectId::new(MAIN, n), order: Relaxed };
        let mut t = Follows::default();
        for n in 0..3 {
            let place = 2 * u64::from(n) + 2;
            t.tell(Told { which: which(&load(n)), place, begins: place, whim: None });
        }
        let place = |t: &Follows| t.next().map(|told| told.place);
        t.pending = Some(load(0));
        assert_eq!(place(&t), Some(2));
        t.pending = Some(load(7));
        assert_eq!(place(&t), None, "it is about to stray");
        t.does(&load(0));
        t.pending = None;
        assert_eq!(place(&t), Some(4), "what it is about to do is not known");
        t.does(&load(7));
        t.pending = Some(load(2));
        assert_eq!(place(&t), None, "it has strayed");
    }
}
