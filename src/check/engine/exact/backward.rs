//! Backward revisits: a new write goes back to reads that could have read it, if everything that this deletes
//! was added in the one canonical way. This is what makes each execution graph come up exactly once.

use super::clock::Clock;
use super::forward::Explore;
use super::graph::{Ev, EventId, Graph, INIT, Kind, Order};

impl Explore {
    /// Pushes every job in which an earlier read reads from the executed write `a` instead.
    ///
    /// Newest first: what is deleted only grows, and whether an event is maximal does not depend on the read,
    /// so the first event that is not maximal ends the search.
    pub fn revisit(&mut self, a: EventId) {
        let Ev { loc, order, .. } = *self.x.g.ev(a);
        if order == Order::Plain {
            return; // ordered with every access, or a race
        }
        let prefix = self.x.info(a).porf;
        // Beyond the oldest read that it could come to there is nothing to look for.
        let reads = self.x.reads.get(loc as usize).map_or(&[][..], |l| l);
        let open = reads.iter().filter(|r| (r.i() as u32) >= prefix.get(r.t()));
        let Some(oldest) = open.map(|&r| self.x.g.ev(r).stamp).min() else { return };
        for n in (0..self.by_stamp.len()).rev() {
            let r = self.by_stamp[n];
            if r == a || (r.i() as u32) < prefix.get(r.t()) {
                continue;
            }
            let e = *self.x.g.ev(r);
            if e.stamp < oldest || !self.maximal(r, a, &prefix) {
                break;
            }
            if e.kind == Kind::Read && e.loc == loc && e.order != Order::Plain && self.x.executed(r) {
                let h = self.cut(e.stamp, a, &prefix);
                self.read_instead(h, r, a);
            }
        }
    }

    /// `h`: the graph without what the revisit deletes. Pushes it with `r` reading from `a`.
    fn read_instead(&mut self, mut h: Graph, r: EventId, a: EventId) {
        let loc = h.ev(a).loc;
        let before = |e: EventId| match e.i() {
            0 => self.start_clock(e.t()),
            i => self.x.info(EventId::new(e.t(), i - 1)).hb,
        };
        // What is before `a` in its thread: for an RMW's write, its own read too.
        let (view_a, view_r) = (before(a), before(r));
        let lb = self.lower_bound(&h, loc, &view_a).max(self.lower_bound(&h, loc, &view_r));
        let places: Vec<usize> = h.places(a, lb).collect();
        let reading = self.x.info(r).read;
        let value = self.x.info(a).val;
        for aux in 0..reading.update.alternatives(value, a, &self.x.queues) {
            // Whether a compare-and-exchange succeeds, and so its ordering, follows its new value.
            let order = reading.order(reading.update.effect(value, aux, &self.x.queues));
            let e = h.ev_mut(r);
            (e.rf, e.order, e.aux) = (a, order, aux);
            let mut c = view_r;
            if let (Some(m), true) = (self.x.msg(a), order.acquires()) {
                c.join(m);
            }
            c.set(r.t(), r.i() as u32 + 1);
            for &p in &places {
                let mut h2 = h.fork();
                h2.mo_mut(loc).insert(p, a);
                h2.fresh = Some(r);
                if self.consistent(&h2, Some((r, c))) {
                    self.pushed.push(h2);
                }
            }
        }
    }

    /// The clock with which a thread started.
    fn start_clock(&self, t: usize) -> Clock {
        let first = &self.x.g.names[t];
        if t == 0 {
            return Clock::ZERO;
        }
        let parent = &self.x.g.th[first.0 as usize];
        let spawn = parent.iter().position(|e| e.kind == Kind::Spawn && e.aux as usize == t);
        match spawn {
            Some(i) => self.x.info(EventId::new(first.0 as usize, i)).hb,
            None => Clock::ZERO,
        }
    }

    /// The graph without what was added after `r` and is not in `prefix` (of `a`), if all of that and `r` were
    /// added maximally.
    pub fn restrict(&self, r: EventId, a: EventId, prefix: &Clock) -> Option<Graph> {
        let stamp = self.x.g.ev(r).stamp;
        for &e in self.by_stamp.iter().rev() {
            if e == a || (e.i() as u32) < prefix.get(e.t()) {
                continue;
            }
            if self.x.g.ev(e).stamp < stamp {
                break;
            }
            if !self.maximal(e, a, prefix) {
                return None;
            }
        }
        Some(self.cut(stamp, a, prefix))
    }

    /// The graph without what is younger than `stamp` and not in `prefix`; `a` stays, but not in mo.
    fn cut(&self, stamp: u32, a: EventId, prefix: &Clock) -> Graph {
        let g = &self.x.g;
        let mut h = g.fork();
        for (t, l) in h.th.iter_mut().enumerate() {
            let kept = (prefix.get(t) as usize).min(l.len());
            let old = l[kept..].iter().take_while(|e| e.stamp <= stamp).count();
            l.truncate(if t == a.t() { a.i() + 1 } else { kept + old });
        }
        let (th, mo) = (&h.th, &mut h.mo);
        for l in mo.iter_mut() {
            l.retain(|&w| w != a && w.i() < th[w.t()].len());
        }
        h
    }

    /// Would re-adding `e`, in place, do the same again?
    fn maximal(&self, e: EventId, a: EventId, prefix: &Clock) -> bool {
        let g = &self.x.g;
        let v = g.ev(e);
        let before = |k: EventId| k != a && (g.ev(k).stamp <= v.stamp || (k.i() as u32) < prefix.get(k.t()));
        let base = match v.kind {
            Kind::Fence | Kind::Unlock | Kind::Spawn | Kind::Join => return true,
            Kind::Choose => return v.aux == 0,
            Kind::Read => {
                if v.aux != 0 {
                    return false;
                }
                v.rf
            }
            Kind::Lock => {
                // Somebody was moved behind it.
                if g.mo(v.loc).iter().any(|&q| g.ev(q).rf == e && before(q)) {
                    return false;
                }
                v.rf
            }
            Kind::Write => {
                // Somebody was revisited to read from it.
                let reads = self.x.reads.get(v.loc as usize).map_or(&[][..], |l| l);
                if reads.iter().any(|&q| g.ev(q).rf == e && before(q)) {
                    return false;
                }
                e
            }
        };
        if base != INIT && !before(base) {
            return false;
        }
        let l = g.mo(v.loc);
        l[g.position(v.loc, base)..].iter().all(|&w| w == e || !before(w))
    }
}
