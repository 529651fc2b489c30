//! From a failing graph to the order of its events that a reader follows best.
//!
//! Only what the failure depends on is kept, or as much more as leads a thread to where it must wait, so that leaving it
//! there is no preemption. Among the linear orders of that, those are preferred in which every
//! read sees the latest write (`po | rf | mo | rb`); where the failure is weaker than sequential consistency no
//! such order exists, and the reads that do not see the latest write are *stale*. Of these orders one with the
//! fewest preemptions is taken, then with the fewest switches. Leaving a thread that has ended, or that must wait for
//! another, is not a preemption.

use super::consistency::unlock_of;
use super::graph::{EventId, Graph, INIT, Kind};
use std::collections::{HashMap, VecDeque};

/// A linear order of the heads of a graph's events: a read-modify-write counts once, by its read.
pub struct Order {
    pub events: Vec<EventId>,
    /// Every read sees the latest write.
    pub sequential: bool,
    /// Switches away from a thread that could have gone on; `None` if the search for the fewest gave up.
    pub preemptions: Option<u32>,
}

/// The graph cut down to the first `bound[t]` events of each thread `t`.
pub fn cut(g: &Graph, bound: impl Fn(usize) -> usize) -> Graph {
    let mut h = g.fork();
    for (t, l) in h.th.iter_mut().enumerate() {
        l.truncate(bound(t));
    }
    let th = &h.th;
    for l in &mut h.mo {
        l.retain(|w| w.i() < th[w.t()].len());
    }
    h
}

/// What a thread does after its last event in the graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tail {
    /// It has ended, or waits for something that is no mutex.
    Stops,
    /// It takes this mutex, when it is free.
    Locks(u32),
    /// It goes on, with what the failure does not depend on.
    Runs,
}

/// One step of a thread: an event, or a read with its write half.
struct Step {
    head: EventId,
    /// Steps that must come before, as (thread, steps of it).
    after: Vec<(usize, usize)>,
    /// It may wait: a lock, a join, a read that waits for a value.
    waits: bool,
}

/// Steps done by each thread, and the thread of the last one (255: none).
type State = (Box<[u16]>, u8);

struct Steps<'g> {
    g: &'g Graph,
    tails: &'g [Tail],
    of: Vec<Vec<Step>>,
}

impl<'g> Steps<'g> {
    /// Which constraints: with modification order, and with from-read too. `waiting`: reads that wait for a value.
    fn new(g: &'g Graph, tails: &'g [Tail], waiting: &[EventId], with_mo: bool, with_rb: bool) -> Steps<'g> {
        let mut steps: Vec<Vec<Step>> = Vec::new();
        let mut number: HashMap<EventId, usize> = HashMap::new();
        for (t, l) in g.th.iter().enumerate() {
            let mut mine: Vec<Step> = Vec::new();
            for (i, e) in l.iter().enumerate() {
                if !e.ex {
                    let head = EventId::new(t, i);
                    let waits = matches!(e.kind, Kind::Lock | Kind::Join) || waiting.contains(&head);
                    mine.push(Step { head, after: Vec::new(), waits });
                }
                number.insert(EventId::new(t, i), mine.len());
            }
            steps.push(mine);
        }
        let mut s = Steps { g, tails, of: steps };
        let add = |s: &mut Steps<'_>, before: EventId, e: EventId| {
            if before.t() != e.t() {
                let n = number[&e] - 1;
                s.of[e.t()][n].after.push((before.t(), number[&before]));
            }
        };
        for (t, l) in g.th.iter().enumerate() {
            for (i, e) in l.iter().enumerate() {
                let k = EventId::new(t, i);
                match e.kind {
                    Kind::Read if e.rf != INIT => add(&mut s, e.rf, k),
                    Kind::Lock if e.rf != INIT => {
                        // Without the end of the section before it, the lock has not happened.
                        if let Some(u) = unlock_of(g, e.rf) {
                            add(&mut s, u, k);
                        }
                    }
                    Kind::Spawn if g.th.get(e.aux as usize).is_some_and(|c| !c.is_empty()) => {
                        add(&mut s, k, EventId::new(e.aux as usize, 0));
                    }
                    Kind::Join => {
                        if let Some(n) = g.th.get(e.aux as usize).map(Vec::len).filter(|&n| n > 0) {
                            add(&mut s, EventId::new(e.aux as usize, n - 1), k);
                        }
                    }
                    _ => {}
                }
                if with_rb && e.kind == Kind::Read {
                    for &w in &g.mo(e.loc)[g.position(e.loc, e.rf)..] {
                        if w.t() != t || w.i() > i + 1 {
                            add(&mut s, k, w);
                        }
                    }
                }
            }
        }
        for l in g.mo.iter().filter(|_| with_mo) {
            for pair in l.windows(2).filter(|p| g.ev(p[0]).kind == Kind::Write) {
                add(&mut s, pair[0], pair[1]);
            }
        }
        s
    }

    fn total(&self) -> usize {
        self.of.iter().map(Vec::len).sum()
    }

    /// Could `t` itself go on, whatever the graph wants next? Not at its end, nor where it must wait.
    fn could_go_on(&self, at: &[u16], t: usize) -> bool {
        match self.of[t].get(at[t] as usize) {
            // A free mutex could be taken now, whoever this graph has come first.
            Some(s) if self.g.ev(s.head).kind == Kind::Lock => self.free(at, self.g.ev(s.head).loc),
            Some(s) => !s.waits || self.ready(at, t),
            None => match self.tails.get(t) {
                Some(Tail::Runs) => true,
                Some(Tail::Locks(loc)) => self.free(at, *loc),
                Some(Tail::Stops) | None => false,
            },
        }
    }

    /// Is nobody inside this mutex?
    fn free(&self, at: &[u16], loc: u32) -> bool {
        let done = |t: usize| self.of[t].iter().take(at[t] as usize).map(|s| self.g.ev(s.head));
        let mut inside = 0;
        for e in (0..at.len()).flat_map(done).filter(|e| e.loc == loc) {
            inside += i32::from(e.kind == Kind::Lock) - i32::from(e.kind == Kind::Unlock);
        }
        inside == 0
    }

    /// May `t`'s next step come now?
    fn ready(&self, at: &[u16], t: usize) -> bool {
        let next = self.of[t].get(at[t] as usize);
        next.is_some_and(|s| s.after.iter().all(|&(o, n)| at[o] as usize >= n))
    }

    /// Is everything done, or all that `goal` does?
    fn done(&self, at: &[u16], goal: Option<usize>) -> bool {
        match goal {
            Some(t) => at[t] as usize == self.of[t].len(),
            None => at.iter().map(|&a| a as usize).sum::<usize>() == self.total(),
        }
    }

    /// Least cost over all orders, up to where `goal` has done all that it does: breadth first over (positions, last
    /// thread), by cost. Gives up past `most` states.
    fn best(&self, goal: Option<usize>, most: usize) -> Option<(Vec<usize>, u32)> {
        // A preemption weighs more than any number of other switches that matters here, and a switch than any of steps.
        const PREEMPTION: u64 = 1 << 40;
        const SWITCH: u64 = 1 << 20;
        let n = self.of.len();
        let mut seen: HashMap<State, (u64, u8)> = HashMap::new();
        let mut queue: std::collections::BTreeMap<u64, VecDeque<(State, u8)>> = Default::default();
        let start: State = (vec![0; n].into(), u8::MAX);
        queue.entry(0).or_default().push_back((start, u8::MAX));
        while let Some(mut first) = queue.first_entry() {
            let cost = *first.key();
            let Some((key, from)) = first.get_mut().pop_front() else {
                first.remove();
                continue;
            };
            if seen.contains_key(&key) {
                continue;
            }
            if seen.len() >= most {
                return None;
            }
            let (at, last) = (key.0.clone(), key.1);
            seen.insert(key.clone(), (cost, from));
            if self.done(&at, goal) {
                return Some((self.walk(&seen, key), (cost / PREEMPTION) as u32));
            }
            let could_go_on = last != u8::MAX && self.could_go_on(&at, last as usize);
            for t in (0..n).filter(|&t| self.ready(&at, t)) {
                let switch = match (t == last as usize || last == u8::MAX, could_go_on) {
                    (true, _) => 0,
                    (false, true) => PREEMPTION + SWITCH,
                    (false, false) => SWITCH,
                };
                let mut next = at.clone();
                next[t] += 1;
                queue.entry(cost + switch + 1).or_default().push_back(((next, t as u8), last));
            }
        }
        None
    }

    /// The threads of the steps that lead to `key`.
    fn walk(&self, seen: &HashMap<State, (u64, u8)>, mut key: State) -> Vec<usize> {
        let mut order = Vec::new();
        while key.1 != u8::MAX {
            let before = seen[&key].1;
            order.push(key.1 as usize);
            key.0[key.1 as usize] -= 1;
            key.1 = before;
        }
        order.reverse();
        order
    }

    /// Any order, staying on a thread as long as it can go on; `None` if the constraints are cyclic.
    fn greedy(&self) -> Option<Vec<usize>> {
        let mut at = vec![0u16; self.of.len()];
        let mut order = Vec::new();
        while order.len() < self.total() {
            let last = order.last().copied().filter(|&t| self.ready(&at, t));
            let t = last.or_else(|| (0..self.of.len()).find(|&t| self.ready(&at, t)))?;
            at[t] += 1;
            order.push(t);
        }
        Some(order)
    }

    fn heads(&self, threads: &[usize]) -> Vec<EventId> {
        let mut at = vec![0; self.of.len()];
        threads
            .iter()
            .map(|&t| {
                at[t] += 1;
                self.of[t][at[t] - 1].head
            })
            .collect()
    }
}

/// States that the search for the fewest preemptions may visit.
const STATES: usize = 300_000;

/// The best order of the graph's events. `tails`: what each thread does then; `waiting`: the reads that wait for a
/// value.
pub fn order(g: &Graph, tails: &[Tail], waiting: &[EventId]) -> Option<Order> {
    for (mo, rb) in [(true, true), (true, false), (false, false)] {
        let s = Steps::new(g, tails, waiting, mo, rb);
        let Some(any) = s.greedy() else { continue };
        let best = s.best(None, STATES);
        let preemptions = best.as_ref().map(|b| b.1);
        let events = s.heads(&best.map_or(any, |b| b.0));
        return Some(Order { events, sequential: rb, preemptions });
    }
    None
}

/// The best sequentially consistent order of as many of the graph's events as let `goal` do all that it does there, and of
/// no others; with the number of events of each thread among them. `None` if there is none, or the search gave up.
pub fn order_to(g: &Graph, tails: &[Tail], waiting: &[EventId], goal: usize) -> Option<(Order, Vec<usize>)> {
    let s = Steps::new(g, tails, waiting, true, true);
    let (threads, preemptions) = s.best(Some(goal), STATES)?;
    let mut done = vec![0; s.of.len()];
    threads.iter().for_each(|&t| done[t] += 1);
    // With the write half of a read-modify-write that is the last.
    let events = |t: usize| s.of[t].get(done[t]).map_or(g.th[t].len(), |next| next.head.i());
    let bound = (0..done.len()).map(events).collect();
    let order = Order { events: s.heads(&threads), sequential: true, preemptions: Some(preemptions) };
    Some((order, bound))
}

/// How few preemptions any sequentially consistent execution in which the graph's events come has. `tails`: where threads stay
/// for good; the others may have gone on after their last events here to where they had to wait, so leaving them there is
/// not counted. 0 if the search gave up, `u32::MAX` if there is no such execution.
pub fn least(g: &Graph, tails: &[Tail], waiting: &[EventId]) -> u32 {
    let s = Steps::new(g, tails, waiting, true, true);
    match s.greedy() {
        Some(_) => s.best(None, STATES).map_or(0, |(_, preemptions)| preemptions),
        None => u32::MAX,
    }
}

/// An order of the graph's events that follows `model`, an order of another graph's, as long as it can.
pub fn alike(g: &Graph, model: &[EventId]) -> Option<Vec<EventId>> {
    [(true, true), (true, false), (false, false)].into_iter().find_map(|(mo, rb)| {
        let s = Steps::new(g, &[], &[], mo, rb);
        let mut at = vec![0u16; s.of.len()];
        let mut threads = Vec::new();
        while threads.len() < s.total() {
            let next = |t: usize, at: &[u16]| s.of[t].get(at[t] as usize).map(|s| s.head);
            let wanted = model
                .iter()
                .find(|h| h.t() < at.len() && next(h.t(), &at) == Some(**h) && s.ready(&at, h.t()));
            let stay = || threads.last().copied().filter(|&t| s.ready(&at, t));
            let t = wanted.map(|h| h.t()).or_else(stay);
            let t = t.or_else(|| (0..at.len()).find(|&t| s.ready(&at, t)))?;
            at[t] += 1;
            threads.push(t);
        }
        Some(s.heads(&threads))
    })
}
