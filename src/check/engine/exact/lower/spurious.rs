//! Which calls may end spuriously, and what their threads have learnt (`exact::spurious`).

use super::Exact;
use crate::check::engine::exact::graph::{EventId, INIT, Kind};
use crate::check::engine::exact::linear::cut;
use crate::check::engine::exact::repeats::Withheld;
use crate::check::engine::exact::spurious::{Call, Offer, Read};
use crate::check::engine::exact::update::Fails;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Ends in succession that are explored at a call whose further ones change what happens later but not whether the thread
/// comes back. The verdict is `bounded` then.
pub const IN_ROW: u32 = 4;

/// One of two executions of what a thread knows at a call: see `repeats`.
pub struct Twin {
    pub t: usize,
    pub call: Call,
    /// Events of each thread that are known.
    pub bound: Vec<usize>,
    /// Spurious ends that its call is still to have.
    pub left: u32,
    /// Events of the thread when it was back at the call after that.
    pub back_at: Option<usize>,
    /// It has come to know something that it did not know at the call.
    pub moot: bool,
}

impl Exact {
    /// May the wait at hand end spuriously?
    pub(super) fn may_wake(&self, t: usize, call: Call) -> bool {
        self.offer(t, call) == Offer::Yes
    }

    /// May the weak exchange at hand fail spuriously? One that reads something new is no repetition.
    pub(super) fn may_fail(&self, t: usize, call: Call) -> Fails {
        match self.offer(t, call) {
            Offer::Yes => Fails::Always,
            Offer::Repeats(_) => {
                self.inner().e.x.threads[t].spurious.knows(call.0).map_or(Fails::Always, Fails::ButFrom)
            }
            Offer::Never => Fails::Never,
        }
    }

    fn offer(&self, t: usize, call: Call) -> Offer {
        let i = self.inner();
        if i.twin.as_ref().is_some_and(|w| w.is_new(&i.e.x, t)) {
            return Offer::Never;
        }
        let patience = i.patience.get(call.1).unwrap_or(1);
        let offer = i.e.x.threads[t].spurious.offer(call, patience);
        match offer {
            Offer::Yes => {}
            Offer::Repeats(in_row) => self.withhold(t, call, in_row),
            Offer::Never => i.capped_spurious = true,
        }
        offer
    }

    /// A call that is made here for the first time is not offered a spurious end: to be tried out.
    fn withhold(&self, t: usize, call: Call, in_row: u32) {
        let i = self.inner();
        let x = &i.e.x;
        let known = |u: usize| if u == t { x.threads[t].pc } else { x.threads[t].porf.get(u) as usize };
        if x.threads[t].pc < x.g.th[t].len() || i.twin.is_some() || x.guide.is_some() {
            return;
        }
        let mut h = DefaultHasher::new();
        (self.knows(t), call.0, call.1.line(), call.1.column(), call.1.file()).hash(&mut h);
        let key = h.finish();
        if !i.probed.contains(&key) && i.withheld.iter().all(|w| w.key != key) {
            let bound = (0..x.g.th.len()).map(|u| known(u).min(x.g.th[u].len())).collect::<Vec<_>>();
            i.withheld.push(Withheld { key, graph: cut(&x.g, |u| bound[u]), bound, t, call, in_row });
        }
    }

    /// Does this call end spuriously because it is tried out?
    pub(super) fn made_to(&self, t: usize, call: Call) -> bool {
        let i = self.inner();
        let x = &i.e.x;
        let Some(w) = &mut i.twin else { return false };
        if w.t != t || w.call != call || !w.is_new(x, t) {
            return false;
        }
        if w.left == 0 {
            w.back_at.get_or_insert(x.threads[t].pc);
            return false;
        }
        w.left -= 1;
        true
    }

    /// What is tried out is not tried: the thread has come to know something new.
    pub(super) fn moot(&self, t: usize) {
        if let Some(w) = &mut self.inner().twin {
            w.moot |= w.t == t && w.back_at.is_none();
        }
    }

    pub(super) fn ended(&self, t: usize, call: Call, spuriously: bool) {
        self.inner().e.x.threads[t].spurious.ended(call, spuriously);
    }

    /// `t` does something that others may notice.
    pub(super) fn acts(&self, t: usize) {
        self.inner().e.x.threads[t].spurious.acts();
    }

    /// The program has accessed an atomic, as the last event of `t`.
    pub(super) fn saw(&self, t: usize, loc: u32) {
        let x = &mut self.inner().e.x;
        let last = EventId::new(t, x.threads[t].pc - 1);
        let own = x.locations.birth(loc).is_some_and(|b| b.0 == t);
        let e = *x.g.ev(last);
        let r = if e.ex { EventId::new(t, last.i() - 1) } else { last };
        let mut said = Read::Known;
        if x.g.ev(r).kind == Kind::Read {
            said = x.threads[t].spurious.read(t, loc, x.g.ev(r).rf, own);
        }
        if e.kind == Kind::Write {
            x.threads[t].spurious.wrote(t, loc, last);
        }
        if said == Read::Changed {
            self.moot(t);
        }
    }

    /// `t` has entered a section: has anything changed since it was inside?
    pub(super) fn heard(&self, t: usize) {
        let x = &mut self.inner().e.x;
        let Some(&(_, lock)) = x.threads[t].held.last() else { return };
        let (mut before, mut news) = (x.g.ev(lock).rf, false);
        while before != INIT && before.t() != t {
            let depth = x.info(before).depth;
            news |= x.threads[t].spurious.heard(depth);
            before = x.g.ev(before).rf;
        }
        if news {
            self.moot(t);
        }
    }
}

impl Twin {
    /// Is the next event of `u` beyond what was cut out?
    fn is_new(&self, x: &crate::check::engine::exact::exec::Exec, u: usize) -> bool {
        x.threads[u].pc >= self.bound.get(u).copied().unwrap_or(0)
    }
}
