//! Consistency of candidate graphs: the global part of RC11, and plain sequential consistency.
//!
//! Coherence and atomicity are decided locally, by clocks and by the places that [`Graph::places`] offers.
//! What is left for RC11 is that `psc` (Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017, section 3) is acyclic,
//! and only if two threads have SeqCst events. For SC it is that `po | rf | mo | rb` is acyclic.
//!
//! Relations are bit matrices, one row of successors per event.

use super::clock::Clock;
use super::graph::{EventId, Graph, INIT, Kind, Order};

/// A relation over the events of a graph.
#[derive(Clone)]
struct Rel {
    n: usize,
    words: usize,
    bits: Vec<u64>,
}

impl Rel {
    fn new(n: usize) -> Rel {
        let words = n.div_ceil(64).max(1);
        Rel { n, words, bits: vec![0; n * words] }
    }
    fn row(&self, i: usize) -> &[u64] {
        &self.bits[i * self.words..][..self.words]
    }
    fn add(&mut self, i: usize, j: usize) {
        self.bits[i * self.words + j / 64] |= 1 << (j % 64);
    }
    fn has(&self, i: usize, j: usize) -> bool {
        self.bits[i * self.words + j / 64] >> (j % 64) & 1 == 1
    }
    fn or_row(&mut self, i: usize, other: &Rel, j: usize) {
        for w in 0..self.words {
            self.bits[i * self.words + w] |= other.bits[j * self.words + w];
        }
    }
    fn or(&mut self, other: &Rel) {
        for (a, b) in self.bits.iter_mut().zip(&other.bits) {
            *a |= b;
        }
    }
    /// Successors of `i`.
    fn each(&self, i: usize) -> impl Iterator<Item = usize> + '_ {
        self.row(i).iter().enumerate().flat_map(|(w, &word)| {
            let mut m = word;
            std::iter::from_fn(move || {
                if m == 0 {
                    return None;
                }
                let b = m.trailing_zeros() as usize;
                m &= m - 1;
                Some(w * 64 + b)
            })
        })
    }
    /// `self ; other`.
    fn then(&self, other: &Rel) -> Rel {
        let mut r = Rel::new(self.n);
        for i in 0..self.n {
            for w in 0..self.words {
                let mut m = self.bits[i * self.words + w];
                while m != 0 {
                    let j = w * 64 + m.trailing_zeros() as usize;
                    m &= m - 1;
                    r.or_row(i, other, j);
                }
            }
        }
        r
    }
    /// Keeps the pairs that `keep` says.
    fn filter(&self, keep: impl Fn(usize, usize) -> bool) -> Rel {
        let mut r = Rel::new(self.n);
        for i in 0..self.n {
            for j in self.each(i) {
                if keep(i, j) {
                    r.add(i, j);
                }
            }
        }
        r
    }
    fn acyclic(mut self) -> bool {
        self.close();
        (0..self.n).all(|i| !self.has(i, i))
    }
    /// Transitive closure (Warshall: paths through k, for each k).
    fn close(&mut self) {
        let mut via = vec![0u64; self.words];
        for k in 0..self.n {
            via.copy_from_slice(self.row(k));
            if via.iter().all(|&w| w == 0) {
                continue;
            }
            for i in 0..self.n {
                if self.has(i, k) {
                    for (w, v) in via.iter().enumerate() {
                        self.bits[i * self.words + w] |= v;
                    }
                }
            }
        }
    }
}

/// The relations that both models need.
struct Base {
    events: Vec<EventId>,
    first: Vec<usize>,
    po: Rel,
    rf: Rel,
    mo: Rel,
    rb: Rel,
}

impl Base {
    /// The happens-before relation, from the clocks of the events.
    fn happens_before(&self, g: &Graph, hb: impl Fn(EventId) -> Clock) -> Rel {
        let mut r = Rel::new(self.events.len());
        for (j, &e) in self.events.iter().enumerate() {
            let c = hb(e);
            for (t, l) in g.th.iter().enumerate() {
                for k in (0..l.len().min(c.get(t) as usize)).map(|i| self.first[t] + i).filter(|&k| k != j) {
                    r.add(k, j);
                }
            }
        }
        r
    }

    /// Extended coherence order: `(rf | mo | rb)+`, which is `rf | mo | rb | mo;rf | rb;rf`.
    fn eco(&self) -> Rel {
        let mut r = self.rf.clone();
        r.or(&self.mo);
        r.or(&self.rb);
        r.or(&self.mo.then(&self.rf));
        r.or(&self.rb.then(&self.rf));
        r
    }

    /// A spawned thread comes after its spawn, and a join after what it joins: program order, for all that the
    /// axioms ask (C++20 [intro.races] counts both into *strongly happens before*).
    fn order_children(&mut self, g: &Graph) {
        let mut any = false;
        for i in 0..self.events.len() {
            let (k, e) = (self.events[i], g.ev(self.events[i]));
            let child = e.aux as usize;
            if !matches!(e.kind, Kind::Spawn | Kind::Join) || g.th.get(child).is_none_or(Vec::is_empty) {
                continue;
            }
            any = true;
            let (first, last) = (self.first[child], self.first[child] + g.th[child].len() - 1);
            match e.kind {
                Kind::Spawn => self.po.add(self.index(k), first),
                _ => self.po.add(last, self.index(k)),
            }
        }
        if any {
            self.po.close();
        }
    }

    fn index(&self, e: EventId) -> usize {
        self.first[e.t()] + e.i()
    }

    fn of(g: &Graph) -> Base {
        let mut events = Vec::new();
        let mut first = Vec::new();
        for (t, l) in g.th.iter().enumerate() {
            first.push(events.len());
            events.extend((0..l.len()).map(|i| EventId::new(t, i)));
        }
        let n = events.len();
        let mut b =
            Base { events, first, po: Rel::new(n), rf: Rel::new(n), mo: Rel::new(n), rb: Rel::new(n) };
        for (t, l) in g.th.iter().enumerate() {
            for i in 0..l.len() {
                for j in i + 1..l.len() {
                    b.po.add(b.first[t] + i, b.first[t] + j);
                }
            }
        }
        b.order_children(g);
        for list in &g.mo {
            if list.first().is_none_or(|&w| g.ev(w).kind == Kind::Lock) {
                continue; // sections are ordered by happens-before already
            }
            for (p, &w) in list.iter().enumerate() {
                for &later in &list[p + 1..] {
                    b.mo.add(b.index(w), b.index(later));
                }
            }
        }
        for i in 0..n {
            let e = g.ev(b.events[i]);
            if e.kind == Kind::Read {
                if e.rf != INIT {
                    b.rf.add(b.index(e.rf), i);
                }
                for &w in &g.mo(e.loc)[g.position(e.loc, e.rf)..] {
                    b.rb.add(i, b.index(w));
                }
            }
        }
        b
    }
}

/// Has more than one thread events that `psc` is about?
pub fn needs_psc(g: &Graph) -> bool {
    let mut threads = 0;
    for l in &g.th {
        threads += l.iter().any(|e| e.order == Order::SeqCst) as usize;
        if threads == 2 {
            return true;
        }
    }
    false
}

/// Is `psc_base | psc_F` acyclic? `hb` gives the happens-before clock of every event of `g`.
pub fn psc_acyclic(g: &Graph, hb: impl Fn(EventId) -> Clock) -> bool {
    let b = Base::of(g);
    let n = b.events.len();
    let hbr = b.happens_before(g, hb);
    let loc = |i: usize| {
        let e = g.ev(b.events[i]);
        matches!(e.kind, Kind::Read | Kind::Write).then_some(e.loc)
    };
    let same = |i: usize, j: usize| loc(i).is_some() && loc(i) == loc(j);
    let po_other = b.po.filter(|i, j| !same(i, j));
    let mut scb = b.po.clone();
    scb.or(&po_other.then(&hbr).then(&po_other));
    scb.or(&hbr.filter(same));
    scb.or(&b.mo);
    scb.or(&b.rb);
    let sc = |i: usize| g.ev(b.events[i]).order == Order::SeqCst;
    let fence = |i: usize| sc(i) && g.ev(b.events[i]).kind == Kind::Fence;
    let access = |i: usize| sc(i) && g.ev(b.events[i]).kind != Kind::Fence;
    // Left: [E_sc] | [F_sc] ; hb?
    let after_hb = hbr.then(&scb);
    let mut rows = Rel::new(n);
    for i in (0..n).filter(|&i| sc(i)) {
        rows.or_row(i, &scb, i);
        if fence(i) {
            rows.or_row(i, &after_hb, i);
        }
    }
    // Right: [E_sc] | hb? ; [F_sc]
    let hb_to_fence = hbr.filter(|_, j| fence(j));
    let mut psc = rows.filter(|_, j| access(j) || fence(j));
    psc.or(&rows.then(&hb_to_fence));
    if (0..n).any(fence) {
        let eco = b.eco();
        let mut between = hbr.clone();
        between.or(&hbr.then(&eco).then(&hbr));
        psc.or(&between.filter(|i, j| fence(i) && fence(j)));
    }
    psc.acyclic()
}

/// Is `po | rf | mo | rb`, with the order of lock sections, acyclic?
pub fn sc_acyclic(g: &Graph) -> bool {
    let b = Base::of(g);
    let mut r = b.po.clone();
    r.or(&b.rf);
    r.or(&b.mo);
    r.or(&b.rb);
    for list in &g.mo {
        if list.first().is_none_or(|&w| g.ev(w).kind != Kind::Lock) {
            continue;
        }
        for (p, &lock) in list.iter().enumerate() {
            if let Some(unlock) = unlock_of(g, lock) {
                for &later in &list[p + 1..] {
                    r.add(b.index(unlock), b.index(later));
                }
            }
        }
    }
    r.acyclic()
}

/// The end of the section that `lock` begins, if it is in the graph.
pub fn unlock_of(g: &Graph, lock: EventId) -> Option<EventId> {
    let loc = g.ev(lock).loc;
    let l = &g.th[lock.t()];
    (lock.i() + 1..l.len())
        .find(|&i| l[i].kind == Kind::Unlock && l[i].loc == loc)
        .map(|i| EventId::new(lock.t(), i))
}

/// Coherence and atomicity from their definitions: what local decisions are compared with in debug builds.
#[cfg(debug_assertions)]
pub fn coherent(g: &Graph, hb: impl Fn(EventId) -> Clock) -> bool {
    let b = Base::of(g);
    let n = b.events.len();
    let hbr = b.happens_before(g, hb);
    let eco = b.eco();
    let he = hbr.then(&eco);
    (0..n).all(|i| !hbr.has(i, i) && !he.has(i, i))
        && (0..n).all(|i| {
            let (k, e) = (b.events[i], g.ev(b.events[i]));
            let source = || g.ev(EventId::new(k.t(), k.i() - 1)).rf;
            !(e.kind == Kind::Write && e.ex) || g.position(e.loc, k) == g.position(e.loc, source()) + 1
        })
}
