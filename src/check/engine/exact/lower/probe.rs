//! Does a loop that was taken for a wait really wait?
//!
//! Failed rounds of a loop that only reads are not told apart. That is sound for `while !ready { spin }` and wrong
//! for a loop that counts its rounds, or tries for a while and then gives up: what it does next would never be
//! explored, silently. So wherever an execution stands still, a thread blocked in such a loop is resumed with the
//! same values for some rounds. If it then does anything but the same reads again, the model is refused, with a
//! word on what to use instead.

use super::Exact;
use crate::check::engine::exact::exec::{Stop, Want};
use crate::check::event::{Answer, Op};
use std::panic::resume_unwind;

/// Rounds for which a loop must repeat itself. One that counts further is not noticed.
const ROUNDS: u32 = 24;

/// A probe under way.
#[derive(Clone, Copy)]
pub struct Probe {
    /// Position in the round, among its reads.
    at: usize,
    round: u32,
}

impl Exact {
    /// Lets the blocked thread `t` go round.
    pub fn probe(&self, t: usize) {
        let i = self.inner();
        i.probe = Some(Probe { at: 0, round: 0 });
        self.resume(t);
        self.inner().probe = None;
    }

    /// An operation of a thread that is being probed.
    pub(super) fn probed(&self, t: usize, op: &Op) -> Answer {
        let i = self.inner();
        let x = &mut i.e.x;
        let (Some(p), reads) = (&mut i.probe, &x.threads[t].reads) else { return Answer::DONE };
        // The next read of the round, if it is of this object.
        let next = op.object().and_then(|o| {
            let loc = x.locations.object(o);
            let r = reads.get(p.at).copied().filter(|&r| x.g.ev(r).loc == loc)?;
            Some(x.info[r.t()][r.i()].val)
        });
        match (op, next) {
            (Op::Load { .. }, Some(v)) => {
                p.at += 1;
                Answer::value(v)
            }
            (Op::Cas { expected, .. }, Some(v)) if *expected != v => {
                p.at += 1;
                Answer { value: v, ok: false }
            }
            (Op::TryRwLock { .. }, Some(_)) => {
                p.at += 1;
                Answer { value: 0, ok: false }
            }
            (Op::Fence { .. } | Op::CellBegin { write: false, .. } | Op::CellEnd { write: false, .. }, _) => {
                Answer::DONE
            }
            (Op::Yield, _) if p.at == reads.len() => {
                (p.at, p.round) = (0, p.round + 1);
                if p.round < ROUNDS { Answer::DONE } else { self.stay(t) }
            }
            _ => {
                x.halt(Stop::Refused(
                    "a loop that only reads and yields gives up by itself: exact takes such loops for waits; \
                     choose(n) the number of rounds, use a deadline, or check it with shuttle"
                        .into(),
                ));
                self.stay(t)
            }
        }
    }

    /// Ends the probe: back to being blocked, for ever in this execution.
    fn stay(&self, t: usize) -> ! {
        loop {
            self.suspend(t, Want::Blocked);
            if self.inner().abandoning {
                resume_unwind(Box::new(crate::check::run::Abandoned));
            }
        }
    }
}
