//! Does a loop that was taken for a wait really wait?
//!
//! Rounds of a loop that read the same are not told apart (`rounds`). That is sound for `while !ready { spin }` and
//! wrong for a loop that counts such rounds and gives up: what it does next would never be explored, silently. So
//! wherever an execution stands still, a thread blocked in such a loop goes round with the same values, for as many
//! operations as an execution may have. If it does anything but read the same again, the search starts once more
//! and lets its rounds repeat as often as it took.
//!
//! A thread is a function of what it knows, so one that has been probed where it knows the same need not be again.

use super::Exact;
use crate::check::engine::exact::arcs::Dropped;
use crate::check::engine::exact::exec::{Stop, Want};
use crate::check::engine::exact::graph::{INIT, Kind};
use crate::check::engine::exact::rounds::ROUNDS;
use crate::check::event::{Answer, Op};
use crate::check::run::Site;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::resume_unwind;

/// How many successful probes are remembered.
const PROBED: usize = 1 << 20;

/// A probe under way.
#[derive(Clone, Copy)]
pub struct Probe {
    /// Position among the reads of the loop.
    at: usize,
    /// Times that they have been repeated, before the probe and in it.
    repeated: u32,
    /// Operations left to it.
    left: u64,
    /// Operations since the last read.
    idle: u64,
    /// The yield that ended the round that was a wait.
    site: Site,
}

impl Exact {
    /// Lets the blocked thread `t` go round.
    pub fn probe(&self, t: usize) {
        let i = self.inner();
        let Some((site, repeated)) = i.e.x.threads[t].waits_at else { return };
        let known = self.knows(t);
        if i.probed.contains(&known) {
            return;
        }
        i.probe = Some(Probe { at: 0, repeated, left: i.steps, idle: 0, site });
        let recorded = i.run.map(|run| {
            let s = run.state();
            (s.steps, s.events.len())
        });
        self.resume(t);
        let i = self.inner();
        let probe = i.probe.take();
        let (Some(run), Some((steps, events))) = (i.run, recorded) else { return };
        // None of this has happened.
        let mut s = run.state();
        s.steps = steps;
        s.events.truncate(events);
        drop(s);
        if let (Some(p), true, None) = (probe, run.over(), &i.e.x.stop) {
            // It panicked: that belongs to an execution in which it has gone round as often.
            run.reopen();
            self.gives_up(p);
        }
        // A probe that fails must fail again wherever it is made: this job may be one whose end does not count.
        let i = self.inner();
        if i.e.x.stop.is_none() {
            self.remember(known);
        }
    }

    /// What `known` is a digest of has been tried out.
    pub fn remember(&self, known: u64) {
        let i = self.inner();
        if i.probed.len() >= PROBED {
            i.probed.clear();
        }
        i.probed.insert(known);
    }

    /// A digest of everything that has become known to `t`: its causal past.
    pub(super) fn knows(&self, t: usize) -> u64 {
        let x = &self.inner().e.x;
        let mut h = DefaultHasher::new();
        t.hash(&mut h);
        for (u, events) in x.g.th.iter().enumerate() {
            let n = (x.threads[t].porf.get(u) as usize).min(x.info[u].len());
            n.hash(&mut h);
            for (e, info) in events[..n].iter().zip(&x.info[u]) {
                let section = if e.kind == Kind::Lock { e.rf } else { INIT };
                (e.kind as u8, e.loc, e.aux, section, info.val).hash(&mut h);
            }
        }
        h.finish()
    }

    /// An operation of a thread that is being probed.
    pub(super) fn probed(&self, t: usize, op: &Op) -> Answer {
        let i = self.inner();
        let x = &mut i.e.x;
        let (Some(p), reads) = (&mut i.probe, &x.threads[t].reads) else { return Answer::DONE };
        if p.left == 0 {
            if p.idle > i.steps / 4 * 3 {
                x.halt(Stop::Limit("a loop that yields for ever and reads nothing".into()));
            }
            self.stay(t)
        }
        p.left -= 1;
        p.idle += 1;
        // The next read of the round, if it is of this object: its value.
        let at = if p.at == reads.len() { 0 } else { p.at };
        let next = op.object().and_then(|o| {
            let loc = x.locations.object(o);
            let r = reads.get(at).copied().filter(|&r| x.g.ev(r).loc == loc)?;
            Some(x.info[r.t()][r.i()].val)
        });
        let answer = match (op, next) {
            (Op::Load { .. } | Op::ArcCount { .. }, Some(v)) => Answer::value(v),
            (Op::Cas { expected, .. }, Some(v)) if *expected != v => Answer { value: v, ok: false },
            (Op::TryLock { .. } | Op::TryRwLock { .. } | Op::ArcUpgrade { .. }, Some(_)) => {
                Answer { value: 0, ok: false }
            }
            // A queue that nobody is in.
            (Op::Notify { .. }, Some(_)) => Answer::value(0),
            (
                Op::Yield
                | Op::Fence { .. }
                | Op::CellBegin { write: false, .. }
                | Op::CellEnd { write: false, .. }
                | Op::Lifetime { end: false, .. }
                | Op::UseEnd { .. },
                _,
            ) => return Answer::DONE,
            (Op::ArcClone { obj }, _) if !i.counted => {
                let loc = x.locations.object(*obj);
                if !i.arcs.cloned(loc, t, &x.threads[t].hb) {
                    x.halt(Stop::CountedArcs);
                }
                return Answer::DONE;
            }
            (Op::ArcDrop { obj }, _) if !i.counted => {
                let (loc, th) = (x.locations.object(*obj), &x.threads[t]);
                if i.arcs.dropped(loc, t, th.pc as u32, &th.hb) == Dropped::Shared {
                    return Answer { value: 0, ok: false };
                }
                self.gives_up(*p);
                self.stay(t)
            }
            _ => {
                self.gives_up(*p);
                self.stay(t)
            }
        };
        (p.at, p.idle) = (at + 1, 0);
        p.repeated += (p.at == reads.len()) as u32;
        answer
    }

    /// The loop under the probe has done something else.
    fn gives_up(&self, Probe { site, repeated, .. }: Probe) {
        self.inner().e.x.halt(if repeated < ROUNDS {
            Stop::GivesUp { site, repeated: repeated + 1 }
        } else {
            Stop::Limit(format!(
                "{ROUNDS} rounds that read the same, of a loop that then gives up ({}:{}); let it give up earlier, or \
                 after choose(n) rounds",
                site.file(),
                site.line()
            ))
        });
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
