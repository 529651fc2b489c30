//! Does a wait that has timed out as often as is tried wait for something that can still come?
//!
//! Where an execution stands still, a thread in such a wait goes on as if it timed out once more, outside of the graph:
//! it reads the latest values, and what it writes is kept beside the graph. Whether it comes back to a wait like that, what
//! it read on the way, and whether those who wait otherwise would notice what it wrote, is for `standstill` to judge.

use super::Exact;
use crate::check::engine::exact::exec::{Exec, Thread, Waits, Want};
use crate::check::engine::exact::graph::INIT;
use crate::check::engine::exact::locations::Name;
use crate::check::event::{Answer, ObjectId, Op};
use std::collections::BTreeMap;

/// What has been written in such rounds, by location.
pub type Written = BTreeMap<u32, u64>;

/// A round under way.
#[derive(Default)]
pub struct Overtime {
    /// What it read: which operation, of what, and the value.
    seen: Vec<(u8, u32, u64)>,
    /// In this round and those before it.
    written: Written,
    /// It did more than that, or left.
    moved: bool,
    /// It is back at a wait, or in front of a lock that is held.
    back: bool,
}

impl Exact {
    /// Lets the blocked thread `t` go on as if its wait timed out. What it read until it was back; `None` if it did
    /// anything but read and write.
    pub fn times_out(&self, t: usize, written: &mut Written) -> Option<Vec<(u8, u32, u64)>> {
        let before = std::mem::take(written);
        self.inner().overtime = Some(Overtime { written: before, ..Overtime::default() });
        let run = self.inner().run?;
        let (steps, events) = {
            let s = run.state();
            (s.steps, s.events.len())
        };
        self.resume(t);
        let p = self.inner().overtime.take()?;
        *written = p.written;
        // None of this has happened; a panic belongs to an execution with as many timeouts.
        let mut s = run.state();
        s.steps = steps;
        s.events.truncate(events);
        drop(s);
        if run.reopen().is_some() {
            return None;
        }
        (p.back && !p.moved).then_some(p.seen)
    }

    /// The wait at hand was only resumed to time out once more.
    pub(super) fn in_overtime(&self) -> bool {
        self.inner().overtime.is_some()
    }

    /// An operation of a thread that is on such a round.
    pub(super) fn timed_out(&self, t: usize, op: &Op) -> Answer {
        let i = self.inner();
        let x = &mut i.e.x;
        let latest = |p: &Overtime, x: &Exec, loc: u32| {
            p.written.get(&loc).copied().unwrap_or_else(|| x.value(x.g.mo_last(loc), loc))
        };
        let mut read = |obj: ObjectId| {
            let loc = x.locations.object(obj);
            let Some(p) = &mut i.overtime else { return (loc, 0) };
            let v = latest(p, x, loc);
            p.seen.push((op.code(), loc, v));
            (loc, v)
        };
        let mut writes = None;
        let answer = match *op {
            Op::Load { obj, .. } => Answer::value(read(obj).1),
            Op::Store { obj, value, .. } => {
                writes = Some((read(obj).0, value));
                Answer::DONE
            }
            Op::Rmw { obj, rmw, operand, width, .. } => {
                let (loc, old) = read(obj);
                writes = Some((loc, rmw.apply(width, old, operand)));
                Answer::value(old)
            }
            Op::Cas { obj, expected, new, .. } => {
                let (loc, old) = read(obj);
                writes = (old == expected).then_some((loc, new));
                Answer { value: old, ok: old == expected }
            }
            Op::Unpark { thread } => {
                writes = Some((x.locations.other(Name::Park(thread)), 1));
                Answer::DONE
            }
            // Nobody is there to be woken.
            Op::Notify { obj, .. } if read(obj).1 == 0 => Answer::value(0),
            Op::CellBegin { .. } | Op::CellEnd { .. } => Answer::DONE,
            // Somebody is in front of it: kept while its holder slept, and given back now.
            Op::Unlock { obj } if self.is_wanted(self.object(obj)) => {
                if let Some(p) = &mut i.overtime {
                    p.moved = true;
                }
                loop {
                    self.rest(t);
                }
            }
            Op::Fence { .. } | Op::Yield | Op::Unlock { .. } => Answer::DONE,
            Op::Lock { obj } => {
                self.relock(t, self.object(obj));
                Answer::DONE
            }
            Op::Park { timed: true } => {
                self.rest(t);
                Answer::TIMED_OUT
            }
            Op::Wait { timed: true, mutex, .. } => {
                self.rest(t);
                self.relock(t, self.object(mutex));
                Answer::TIMED_OUT
            }
            _ => {
                if let Some(p) = &mut i.overtime {
                    p.moved = true;
                }
                loop {
                    self.rest(t);
                }
            }
        };
        if let (Some((loc, value)), Some(p)) = (writes, &mut self.inner().overtime) {
            p.written.insert(loc, value);
        }
        answer
    }

    /// Does a thread stand in front of this mutex?
    fn is_wanted(&self, loc: u32) -> bool {
        let waits =
            |th: &Thread| th.want == Want::Lock(loc) || th.waits == Waits::Lock && th.want == Want::Blocked;
        self.inner().e.x.threads.iter().any(waits)
    }

    /// Takes a mutex on such a round: only if nobody else holds it. What the thread has given back on the round it still
    /// holds in the graph.
    pub(super) fn relock(&self, t: usize, loc: u32) {
        let i = self.inner();
        let x = &i.e.x;
        let free = if i.words { x.value(x.g.mo_last(loc), loc) == 0 } else { x.mutex_free(loc) };
        let last = x.g.mo_last(loc);
        if !free && (last == INIT || last.t() != t) {
            loop {
                self.rest(t);
            }
        }
    }

    /// The end of a round.
    fn rest(&self, t: usize) {
        if let Some(p) = &mut self.inner().overtime {
            p.back = true;
        }
        self.suspend(t, Want::Blocked);
    }
}
