//! Does a wait that has timed out as often as is tried wait for something that can still come?
//!
//! Where an execution stands still, a thread in such a wait goes on as if it timed out once more, outside of the graph:
//! it reads the latest values and may do nothing that others would notice. Whether it comes back to a wait like that, and
//! what it read on the way, is for `standstill` to judge.

use super::Exact;
use crate::check::engine::exact::exec::Want;
use crate::check::event::{Answer, ObjectId, Op};

/// A round under way.
#[derive(Default)]
pub struct Overtime {
    /// What it read: which operation, of what, and the value.
    seen: Vec<(u8, u32, u64)>,
    /// It did more than that, or left.
    moved: bool,
    /// It is back at a wait, or in front of a lock that is held.
    back: bool,
}

impl Exact {
    /// Lets the blocked thread `t` go on as if its wait timed out. What it read until it was back; `None` if it did
    /// anything else.
    pub fn times_out(&self, t: usize) -> Option<Vec<(u8, u32, u64)>> {
        self.inner().overtime = Some(Overtime::default());
        let run = self.inner().run?;
        let (steps, events) = {
            let s = run.state();
            (s.steps, s.events.len())
        };
        self.resume(t);
        let p = self.inner().overtime.take()?;
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
        let mut read = |obj: ObjectId| {
            let loc = x.locations.object(obj);
            let v = x.value(x.g.mo_last(loc), loc);
            if let Some(p) = &mut i.overtime {
                p.seen.push((op.code(), loc, v));
            }
            v
        };
        match *op {
            Op::Load { obj, .. } => Answer::value(read(obj)),
            Op::Cas { obj, expected, .. } if read(obj) != expected => Answer { value: read(obj), ok: false },
            Op::Fence { .. }
            | Op::Yield
            | Op::Unlock { .. }
            | Op::CellBegin { write: false, .. }
            | Op::CellEnd { write: false, .. } => Answer::DONE,
            Op::Lock { obj } => {
                self.relock(t, self.object(obj));
                Answer::DONE
            }
            Op::Park { timed: true } => {
                self.rest(t);
                Answer { value: 0, ok: false }
            }
            Op::Wait { timed: true, mutex, .. } => {
                self.rest(t);
                self.relock(t, self.object(mutex));
                Answer { value: 0, ok: false }
            }
            _ => {
                if let Some(p) = &mut i.overtime {
                    p.moved = true;
                }
                loop {
                    self.rest(t);
                }
            }
        }
    }

    /// Takes a mutex on such a round: only if nobody holds it.
    pub(super) fn relock(&self, t: usize, loc: u32) {
        let i = self.inner();
        let x = &i.e.x;
        let free = if i.words { x.value(x.g.mo_last(loc), loc) == 0 } else { x.mutex_free(loc) };
        if !free {
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
