//! The RC11 oracle: every choice of sources, of section orders and of modification orders of a straight-line
//! program, filtered by the axioms, which are evaluated on relations from their definitions (Lahav, Vafeiadis,
//! Kang, Hur, Dreyer, PLDI 2017; release sequences as in C++20). It shares no code and no idea with the engine.
//!
//! A thread has an event for its begin and its end; `spawn -> begin` and `end -> join` synchronise, and so does
//! the end of each lock section with the next section of that mutex. A successful RMW is a read and a write.

use super::candidate::{Candidate, Kind, Mode, Skeleton};
use super::program::{Program, Reads, outcome};
use super::relation::{Rel, Set};
use std::collections::{BTreeMap, BTreeSet};

/// A complete graph, as something to compare: sources of reads, modification orders, orders of sections.
pub type Key = Vec<u8>;

/// What a memory model allows.
#[derive(Default, Clone, Debug)]
pub struct Allowed {
    /// Consistent complete graphs by outcome.
    pub outcomes: BTreeMap<String, u64>,
    pub graphs: BTreeSet<Key>,
    /// Some consistent graph has a data race.
    pub racy: bool,
}

/// Both models' answers.
#[derive(Default, Clone, Debug)]
pub struct Answer {
    pub rc11: Allowed,
    pub sc: Allowed,
}

/// What is asked of a graph besides being consistent.
#[derive(Default)]
pub struct Want {
    /// What each thread reads; the other graphs do not count.
    pub reads: Vec<Reads>,
    /// What each thread is said to have read, in the outcome.
    pub results: Vec<Reads>,
    /// Threads whose last read takes the last write of its location.
    pub final_reads: Vec<usize>,
    /// How many atomics there are, whether or not these threads access them.
    pub atomics: usize,
}

/// Everything that RC11 and SC allow `p` to do; `None` if there are more than `budget` candidates.
pub fn enumerate(p: &Program, budget: u64) -> Option<Answer> {
    all(Skeleton::of(p), budget, None)
}

/// Of that, what is wanted.
pub fn enumerate_where(p: &Program, budget: u64, want: &Want) -> Option<Answer> {
    let mut s = Skeleton::of(p);
    s.narrow(&want.reads);
    s.writes.resize(want.atomics, Vec::new());
    all(s, budget, Some(want))
}

fn all(s: Skeleton, budget: u64, want: Option<&Want>) -> Option<Answer> {
    if s.candidates() > budget {
        return None;
    }
    let mut answer = Answer::default();
    s.each(&mut |c| judge(&s, c, want, &mut answer));
    Some(answer)
}

fn set(n: usize, f: impl Fn(usize) -> bool) -> Set {
    (0..n).filter(|&i| f(i)).fold(0, |s, i| s | 1 << i)
}

/// One candidate without its modification orders.
fn judge(s: &Skeleton, c: &Candidate, want: Option<&Want>, answer: &mut Answer) {
    // NO-THIN-AIR: values can be computed in an order of po | rf.
    let Some(v) = s.execute(c) else { return };
    if want.is_some_and(|w| w.reads != v.reads) {
        return;
    }
    let n = s.events.len();
    let alive = set(n, |i| v.alive(i));
    let is = |f: &dyn Fn(Kind, Mode) -> bool| set(n, |i| v.alive(i) && f(s.events[i].kind, v.mode[i]));
    let atomic_w = is(&|k, m| k == Kind::Write && m != Mode::Plain);
    let atomic_r = is(&|k, m| k == Kind::Read && m != Mode::Plain);
    let fences = is(&|k, _| k == Kind::Fence);
    let release = is(&|k, m| matches!(k, Kind::Write | Kind::Fence) && m.releases());
    let acquire = is(&|k, m| matches!(k, Kind::Read | Kind::Fence) && m.acquires());

    let po = s.po.between(alive, alive);
    let mut rf = Rel::empty(n);
    for (&r, &w) in s.reads.iter().zip(&c.sources) {
        if let Some(w) = w {
            rf.add(w, r);
        }
    }
    let mut rmw = Rel::empty(n);
    for i in (0..n).filter(|&i| v.alive(i) && s.events[i].second_half) {
        rmw.add(i - 1, i);
    }
    let id = Rel::empty(n).maybe();
    let rs = rf.then(&rmw).plus().or(&id).between(atomic_w, u64::MAX);
    let before = po.between(fences, u64::MAX).or(&id);
    let after = po.between(u64::MAX, fences).or(&id);
    let read = rf.between(u64::MAX, atomic_r);
    let mut sw = before.then(&rs).then(&read).then(&after).between(release, acquire);
    sw = sw.or(&s.threads).or(&s.sections(c));
    let hb = po.or(&sw).plus();
    if !hb.irreflexive() {
        return;
    }

    // Modification orders, location by location: COHERENCE and ATOMICITY speak of one location at a time.
    let mut per_location: Vec<Vec<Vec<usize>>> = Vec::new();
    for writes in &s.writes {
        let mut writes: Vec<usize> = writes.iter().copied().filter(|&w| v.alive(w)).collect();
        let mut good = Vec::new();
        permutations(&mut writes, 0, &mut |order| {
            let (mo, rb) = (s.mo(order), s.rb(c, order, alive));
            let here = set(n, |i| s.events[i].loc.is_some() && s.events[i].loc == s.loc_of(order));
            let eco = rf.between(here, here).or(&mo).or(&rb).plus();
            let coherent = hb.then(&eco).irreflexive();
            let atomic = rmw.and(&rb.then(&mo)).is_empty();
            if coherent && atomic {
                good.push(order.to_vec());
            }
        });
        per_location.push(good);
    }
    let sc_access = is(&|k, m| matches!(k, Kind::Read | Kind::Write) && m == Mode::SeqCst);
    let sc_fence = is(&|k, m| k == Kind::Fence && m == Mode::SeqCst);
    let mut same = Rel::empty(n);
    for i in 0..n {
        for j in (0..n).filter(|&j| s.events[i].loc.is_some() && s.events[i].loc == s.events[j].loc) {
            same.add(i, j);
        }
    }
    let racy = is_racy(s, &v.mode, alive, &hb);
    let mut chosen = vec![0; per_location.len()];
    if per_location.iter().any(Vec::is_empty) {
        return;
    }
    loop {
        let orders: Vec<&Vec<usize>> = per_location.iter().zip(&chosen).map(|(l, &i)| &l[i]).collect();
        let (mut mo, mut rb) = (Rel::empty(n), Rel::empty(n));
        for o in &orders {
            mo = mo.or(&s.mo(o));
            rb = rb.or(&s.rb(c, o, alive));
        }
        let last = |t: usize| (0..s.reads.len()).rfind(|&i| s.events[s.reads[i]].t == t);
        let takes_final = |t: usize| {
            last(t).is_none_or(|i| {
                let order = s.events[s.reads[i]].loc.map(|x| orders[x]);
                c.sources[i] == order.and_then(|o| o.last().copied())
            })
        };
        let wanted = want.is_none_or(|w| w.final_reads.iter().all(|&t| takes_final(t)));
        if wanted && psc_acyclic(&po, &hb, &rf, &mo, &rb, &same, sc_access, sc_fence) {
            let finals = orders.iter().map(|o| o.last().map_or(0, |&w| v.value[w]));
            let word = outcome(want.map_or(&v.reads, |w| &w.results), finals);
            let key = s.key(c, &orders);
            // SC: one order of everything explains the graph.
            if po.or(&s.threads).or(&s.sections(c)).or(&rf).or(&mo).or(&rb).acyclic() {
                answer.sc.add(word.clone(), key.clone(), racy);
            }
            answer.rc11.add(word, key, racy);
        }
        let Some(i) = (0..chosen.len()).find(|&i| chosen[i] + 1 < per_location[i].len()) else { return };
        chosen[i] += 1;
        chosen[..i].fill(0);
    }
}

impl Allowed {
    fn add(&mut self, outcome: String, key: Key, racy: bool) {
        *self.outcomes.entry(outcome).or_insert(0) += 1;
        assert!(self.graphs.insert(key), "the oracle came upon a graph twice");
        self.racy |= racy;
    }

    /// The union with what another path of the program allows.
    pub fn join(&mut self, other: Allowed) {
        for (o, n) in other.outcomes {
            *self.outcomes.entry(o).or_insert(0) += n;
        }
        self.racy |= other.racy;
    }

    pub fn total(&self) -> u64 {
        self.outcomes.values().sum()
    }
}

/// SC: `psc_base | psc_F` is acyclic.
#[allow(clippy::too_many_arguments)]
fn psc_acyclic(
    po: &Rel,
    hb: &Rel,
    rf: &Rel,
    mo: &Rel,
    rb: &Rel,
    same: &Rel,
    access: Set,
    fence: Set,
) -> bool {
    if access | fence == 0 {
        return true;
    }
    let all = u64::MAX;
    let po_other = po.minus(same);
    let scb = po.or(&po_other.then(hb).then(&po_other)).or(&hb.and(same)).or(mo).or(rb);
    let left = scb.between(access, all).or(&hb.maybe().between(fence, all).then(&scb));
    let base = left.between(all, access).or(&left.then(&hb.maybe().between(all, fence)));
    let eco = rf.or(mo).or(rb).plus();
    let psc_f = hb.or(&hb.then(&eco).then(hb)).between(fence, fence);
    base.or(&psc_f).acyclic()
}

/// Two accesses of a location in different threads, one a write, one plain, not ordered.
fn is_racy(s: &Skeleton, mode: &[Mode], alive: Set, hb: &Rel) -> bool {
    let n = s.events.len();
    let live = |i: usize| alive >> i & 1 == 1 && s.events[i].loc.is_some();
    (0..n).filter(|&i| live(i)).any(|i| {
        (i + 1..n).filter(|&j| live(j)).any(|j| {
            let (a, b) = (&s.events[i], &s.events[j]);
            a.loc == b.loc
                && a.t != b.t
                && (a.kind == Kind::Write || b.kind == Kind::Write)
                && (mode[i] == Mode::Plain || mode[j] == Mode::Plain)
                && !hb.has(i, j)
                && !hb.has(j, i)
        })
    })
}

/// Every permutation of `l[from..]`.
pub fn permutations(l: &mut [usize], from: usize, f: &mut dyn FnMut(&[usize])) {
    if from == l.len() {
        return f(l);
    }
    for i in from..l.len() {
        l.swap(from, i);
        permutations(l, from + 1, f);
        l.swap(from, i);
    }
}
