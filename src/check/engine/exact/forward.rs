//! Extending a graph by one event: the choice that is modification-order last is made in place, every other
//! consistent one is pushed as a job of its own; a new write also goes back to the reads that could have read
//! it (see `backward`).
//!
//! The algorithm is TruSt (Kokologiannakis, Marmanis, Gladstein, Vafeiadis, *Truly Stateless, Optimal Dynamic
//! Partial Order Reduction*, POPL 2022) over RC11, with lock sections as this project's own addition. It needs
//! of a memory model that adding a fence, a read of the last write, or a last write to a consistent graph keeps
//! it consistent; so the choice made in place needs no check.

use super::clock::{Clock, THREADS};
use super::consistency;
use super::exec::{Exec, Reading, Stop, Want};
use super::graph::{Ev, EventId, Graph, INIT, Kind, Order, Tag};
use super::update::Effect;
use crate::check::model::Memory;

/// An execution with what the exploration of it needs.
#[derive(Default)]
pub struct Explore {
    pub x: Exec,
    pub memory: Memory,
    /// Jobs found while running this one, in the order of their discovery.
    pub pushed: Vec<Graph>,
    /// Every event of the graph in order of addition.
    pub by_stamp: Vec<EventId>,
    /// Candidates that failed the consistency check.
    pub rejected: std::cell::Cell<u64>,
}

/// Graphs up to this many events are compared with the axioms in full, in debug builds.
const ASSERTED: usize = 100;

/// Alternatives that one choice may have: each is a job, pushed at once, and its number must fit into an event.
const CHOICES: u32 = 4096;

/// What the program asked for, of a store.
pub fn store_tag(order: Order, val: u64) -> Tag {
    Tag::NONE.with(order as u64).with_value(val)
}

/// What the program asked for, of a choice.
pub fn choice_tag(n: u32) -> Tag {
    Tag::NONE.with(u64::from(n))
}

impl Explore {
    // ------------------------------------------------------------ consistency

    /// The first modification-order position (0 = `INIT`) that coherence leaves to an access of `loc` with these
    /// predecessors: the last write that is in `view`, or that a read in `view` reads from. Under SC too, where the
    /// other positions close a cycle of `po | rf | mo | rb`.
    pub fn lower_bound(&self, g: &Graph, loc: u32, view: &Clock) -> usize {
        let in_view = |e: EventId| (e.i() as u32) < view.get(e.t());
        let l = g.mo(loc);
        let mut lb = l.iter().rposition(|&w| in_view(w)).map_or(0, |i| i + 1);
        // Of each thread the latest read that is in view: by coherence those before it read no later write.
        let mut threads = [false; THREADS];
        for &r in self.x.reads.get(loc as usize).into_iter().flatten().rev() {
            if !threads[r.t()] && in_view(r) {
                threads[r.t()] = true;
                lb = lb.max(g.position(loc, g.ev(r).rf));
            }
        }
        lb
    }

    /// Is the candidate consistent? `fresh`: a read whose clock is not (or no longer) in the tables.
    pub fn consistent(&self, g: &Graph, fresh: Option<(EventId, Clock)>) -> bool {
        let turn_came = |e: EventId| {
            let v = g.ev(e);
            v.kind != Kind::Lock
                || v.rf == INIT
                || self.x.section_closed(v.rf) && g.has(self.x.info(v.rf).unlock)
        };
        let hb = |e: EventId| match fresh {
            Some((r, c)) if r == e => c,
            _ if self.x.executed(e) && turn_came(e) => self.x.info(e).hb,
            // A lock that waits for its turn: what is before it in program order.
            _ => {
                let mut c =
                    if e.i() > 0 { self.x.info(EventId::new(e.t(), e.i() - 1)).hb } else { Clock::ZERO };
                c.set(e.t(), e.i() as u32 + 1);
                c
            }
        };
        let good = match self.memory {
            Memory::Sc => consistency::sc_acyclic(g),
            Memory::Rc11 => !consistency::needs_psc(g) || consistency::psc_acyclic(g, hb),
        };
        #[cfg(debug_assertions)]
        if self.memory == Memory::Rc11 && self.by_stamp.len() < ASSERTED {
            assert!(consistency::coherent(g, hb), "a local coherence decision was wrong");
        }
        self.rejected.set(self.rejected.get() + !good as u64);
        good
    }

    /// What the clock of read `k` will be, reading from `rf` with `order`.
    fn clock_of_read(&self, k: EventId, rf: EventId, order: Order) -> Clock {
        let mut c = self.x.threads[k.t()].hb;
        if let (Some(m), true) = (self.x.msg(rf), order.acquires()) {
            c.join(m);
        }
        c.set(k.t(), k.i() as u32 + 1);
        c
    }

    fn stamp(&mut self) -> u32 {
        self.x.g.clock += 1;
        self.x.g.clock
    }

    /// Adds an event to the graph at hand; it is executed by the caller.
    fn add(&mut self, t: usize, e: Ev) -> EventId {
        let k = self.x.g.push(t, e);
        self.by_stamp.push(k);
        k
    }

    // ------------------------------------------------------------ reads

    /// The next event of `t` is a read of `loc`.
    pub fn add_read(&mut self, t: usize, loc: u32, reading: Reading) -> Effect {
        let stamp = self.stamp();
        let k = EventId::new(t, self.x.g.th[t].len());
        let view = self.x.threads[t].hb;
        let lb = self.lower_bound(&self.x.g, loc, &view);
        let last = self.x.g.mo(loc).len();
        let tag = reading.tag();
        let event = |rf, order, aux| Ev { kind: Kind::Read, order, ex: false, aux, tag, loc, rf, stamp };
        for p in lb..=last {
            let w = if p == 0 { INIT } else { self.x.g.mo(loc)[p - 1] };
            let old = self.x.value(w, loc);
            for aux in 0..reading.update.alternatives(old, w, &self.x.queues) {
                if p == last && aux == 0 {
                    continue; // in place, below
                }
                let effect = reading.update.effect(old, aux, &self.x.queues);
                // A waiting read of a value it cannot use, while a newer write is there, is never maximal: it
                // can be neither revisited nor deleted, and its thread never moves.
                if effect == Effect::Blocked {
                    continue;
                }
                let order = reading.order(effect);
                let mut h = self.x.g.fork();
                h.push(t, event(w, order, aux));
                h.fresh = Some(k);
                let c = self.clock_of_read(k, w, order);
                if self.consistent(&h, Some((k, c))) {
                    if effect.writes() {
                        self.aside(h, k, reading, effect);
                    } else {
                        self.pushed.push(h);
                    }
                }
            }
        }
        let w = self.x.g.mo_last(loc);
        let effect = reading.update.effect(self.x.value(w, loc), 0, &self.x.queues);
        let k = self.add(t, event(w, reading.order(effect), 0));
        self.x.do_read(k, reading)
    }

    /// A read-modify-write that reads from a write that is not the last one, `g` = the graph with its read `k`.
    /// Both halves at once, without running the program, so that a candidate whose source is already taken by
    /// another one costs no job: only its revisits count.
    fn aside(&mut self, g: Graph, k: EventId, reading: Reading, effect: Effect) {
        let (t, loc) = (k.t(), g.ev(k).loc);
        let th = &self.x.threads[t];
        let kept = (th.porf, th.hb, th.pend, th.pc);
        let g0 = std::mem::replace(&mut self.x.g, g);
        let stamps = self.by_stamp.len();
        self.by_stamp.push(k);
        self.x.do_read(k, reading);
        let view = self.x.threads[t].hb;
        let w = self.append_write(t, loc, reading, effect);
        self.revisit(w);
        let lb = self.lower_bound(&self.x.g, loc, &view);
        let place = self.x.g.places(w, lb).next();
        if let Some(p) = place {
            let mut h = self.x.g.fork();
            h.mo_mut(loc).insert(p, w);
            h.fresh = Some(k);
            if self.consistent(&h, None) {
                self.pushed.push(h);
            }
        }
        self.x.info[t].truncate(k.i());
        self.x.reads[loc as usize].retain(|&r| r != k);
        self.by_stamp.truncate(stamps);
        self.x.g = g0;
        let th = &mut self.x.threads[t];
        (th.porf, th.hb, th.pend, th.pc) = kept;
    }

    /// Appends and executes the write half of an RMW whose read is the thread's last event. Not in mo yet.
    fn append_write(&mut self, t: usize, loc: u32, reading: Reading, effect: Effect) -> EventId {
        let r = EventId::new(t, self.x.g.th[t].len() - 1);
        let source = self.x.g.ev(r).rf;
        let stamp = self.stamp();
        let (order, tag) = (reading.write, Tag::NONE);
        let k = self.add(t, Ev { kind: Kind::Write, order, ex: true, aux: 0, tag, loc, rf: INIT, stamp });
        let val = self.written(effect, self.x.info(r).val);
        self.x.do_write(k, val, Some(source));
        k
    }

    /// The value that a write half writes.
    pub fn written(&mut self, effect: Effect, old: u64) -> u64 {
        match effect {
            Effect::Write(v) => v,
            Effect::Queue(c) => self.x.queues.change(old, c),
            Effect::Alone | Effect::Satisfied | Effect::Blocked => unreachable!("no write half is due"),
        }
    }

    // ------------------------------------------------------------ writes

    /// The write half that `t` owes.
    pub fn add_half(&mut self, t: usize, loc: u32, effect: Effect) {
        let r = EventId::new(t, self.x.g.th[t].len() - 1);
        let reading = self.x.info(r).read;
        let view = self.x.threads[t].hb;
        let k = self.append_write(t, loc, reading, effect);
        self.place(k, loc, &view);
    }

    pub fn add_store(&mut self, t: usize, loc: u32, order: Order, val: u64) {
        let view = self.x.threads[t].hb;
        let stamp = self.stamp();
        let tag = store_tag(order, val);
        let k = self.add(t, Ev { kind: Kind::Write, order, ex: false, aux: 0, tag, loc, rf: INIT, stamp });
        self.x.do_write(k, val, None);
        self.place(k, loc, &view);
    }

    /// Finds places in modification order for the executed write `k`; revisits.
    fn place(&mut self, k: EventId, loc: u32, view: &Clock) {
        self.revisit(k);
        let lb = self.lower_bound(&self.x.g, loc, view);
        let places: Vec<usize> = self.x.g.places(k, lb).collect();
        let last = self.x.g.mo(loc).len();
        let mut in_place = false;
        for p in places {
            if p == last {
                in_place = true;
                continue;
            }
            let mut h = self.x.g.fork();
            h.mo_mut(loc).insert(p, k);
            if self.consistent(&h, None) {
                self.pushed.push(h);
            }
        }
        if !in_place {
            return self.x.halt(Stop::DeadEnd);
        }
        self.x.g.mo_mut(loc).push(k);
        // Nothing leads on from a write that is last in program order and in modification order, so it closes no cycle.
        if cfg!(debug_assertions) && self.by_stamp.len() < ASSERTED {
            assert!(self.consistent(&self.x.g, None), "a last write was not consistent");
        }
    }

    // ------------------------------------------------------------ events without alternatives, and choices

    fn simple(&mut self, t: usize, kind: Kind, order: Order, aux: u16, loc: u32, rf: EventId) -> EventId {
        let stamp = self.stamp();
        let tag = if kind == Kind::Fence { Tag::NONE.with(order as u64) } else { Tag::NONE };
        self.add(t, Ev { kind, order, ex: false, aux, tag, loc, rf, stamp })
    }

    pub fn add_fence(&mut self, t: usize, order: Order) {
        let k = self.simple(t, Kind::Fence, order, 0, 0, INIT);
        self.x.do_fence(k);
    }

    pub fn add_spawn(&mut self, t: usize, child: u8) {
        let k = self.simple(t, Kind::Spawn, Order::Relaxed, child as u16, 0, INIT);
        self.x.do_plain(k);
    }

    pub fn add_join(&mut self, t: usize, child: u8) {
        let k = self.simple(t, Kind::Join, Order::Relaxed, child as u16, 0, INIT);
        self.x.do_join(k, child as usize);
    }

    /// A choice among `n`: 0 in place, the others pushed, all with one stamp.
    pub fn add_choose(&mut self, t: usize, n: u32) {
        if n > CHOICES {
            return self.x.halt(Stop::Refused(format!(
                "choose({n}): at most {CHOICES} alternatives are explored; choose digit by digit, or use shuttle"
            )));
        }
        let (stamp, tag) = (self.stamp(), choice_tag(n));
        let (kind, order) = (Kind::Choose, Order::Relaxed);
        let event = |aux| Ev { kind, order, ex: false, aux, tag, loc: 0, rf: INIT, stamp };
        for i in 1..n as u16 {
            let mut h = self.x.g.fork();
            h.push(t, event(i));
            self.pushed.push(h);
        }
        let k = self.add(t, event(0));
        self.x.do_plain(k);
    }

    // ------------------------------------------------------------ mutex sections

    /// `t` takes the free mutex `loc`: after everybody in place, in front of others as jobs.
    pub fn add_lock(&mut self, t: usize, loc: u32) {
        self.overtake(t, loc);
        let before = self.x.g.mo_last(loc);
        let k = self.simple(t, Kind::Lock, Order::Acquire, 0, loc, before);
        self.x.g.mo_mut(loc).push(k);
        self.x.do_lock(k);
    }

    /// `t` leaves the section of `loc` that it is in.
    pub fn add_unlock(&mut self, t: usize, loc: u32, depth: u8) {
        let Some(&(_, lock)) = self.x.threads[t].held.iter().rev().find(|h| h.0 == loc) else {
            return self
                .x
                .halt(Stop::Refused("a mutex was unlocked by a thread that does not hold it".into()));
        };
        let k = self.simple(t, Kind::Unlock, Order::Release, 0, loc, lock);
        self.x.do_unlock(k, lock, depth);
    }

    /// Pushes the jobs in which `t`'s next lock of `loc` goes in front of one that is there already.
    pub fn overtake(&mut self, t: usize, loc: u32) {
        let k = EventId::new(t, self.x.g.th[t].len());
        for x in self.x.g.mo(loc).to_vec() {
            let before = self.x.g.ev(x).rf;
            if !self.x.section_closed(before) {
                continue; // x itself waits
            }
            let mut prefix = self.x.threads[t].porf;
            if before != INIT {
                let unlock = self.x.info(before).unlock;
                prefix.join(&self.x.info(unlock).porf);
            }
            if (x.i() as u32) < prefix.get(x.t()) {
                continue;
            }
            let Some(mut h) = self.restrict(x, k, &prefix) else { continue };
            h.clock += 1;
            let stamp = h.clock;
            h.push(
                t,
                Ev {
                    kind: Kind::Lock,
                    order: Order::Acquire,
                    ex: false,
                    aux: 0,
                    tag: Tag::NONE,
                    loc,
                    rf: before,
                    stamp,
                },
            );
            let at = h.position(loc, x) - 1;
            h.mo_mut(loc).insert(at, k);
            h.ev_mut(x).rf = k;
            if self.memory == Memory::Rc11 || consistency::sc_acyclic(&h) {
                self.pushed.push(h);
            }
        }
    }

    /// The first thread that can go on, by a rule that depends on the graph alone.
    pub fn next_thread(&self) -> Option<usize> {
        let x = &self.x;
        if let Some(t) = x.threads.iter().position(|t| t.want == Want::Half) {
            return Some(t);
        }
        let ready = |t: &super::exec::Thread| match t.want {
            Want::Go => true,
            Want::Lock(loc) => x.mutex_free(loc),
            Want::Join(c) => x.threads[c as usize].want == Want::Done,
            Want::Source => t.served,
            Want::Half | Want::Await { .. } | Want::Blocked | Want::Done => false,
        };
        if let Some(t) = x.threads.iter().position(ready) {
            return Some(t);
        }
        // Waiting operations go last: one whose value is there, else any.
        let satisfied = |t: &super::exec::Thread| match t.want {
            Want::Await { loc, update } => {
                update.effect(x.value(x.g.mo_last(loc), loc), 0, &x.queues) != Effect::Blocked
            }
            _ => false,
        };
        let waiting = |t: &super::exec::Thread| matches!(t.want, Want::Await { .. });
        x.threads.iter().position(satisfied).or_else(|| x.threads.iter().position(waiting))
    }
}
