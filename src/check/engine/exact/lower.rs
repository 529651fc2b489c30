//! Operations of the facade, lowered to events and executed on the stack of the acting model thread.
//!
//! | operation | events |
//! |---|---|
//! | load, store, RMW, exchange, fence | themselves; an RMW is a read and a write that nothing separates |
//! | mutex | a lock section; if any mutex is try-locked, all are words: exchange 0 to 1 / store 0 |
//! | readers-writer lock | a word with a count of readers: RMWs with acquire and release |
//! | condition variable | a queue word (relaxed RMWs) and one flag per wait; which waiter is notified is a choice |
//! | park, unpark | a token per thread: exchange 1 to 0 (acquire) / swap 1 (release) |
//! | yield | none: a round of a loop that only read is a wait for one of its reads to change |
//! | cell, plain access, lifetime | none: checked against clocks (`cells`) |
//! | `Arc` | none, or an atomic count (`arcs`) |

use super::arcs::{Arcs, Dropped};
use super::cells::{Access, Cells};
use super::clock::THREADS;
use super::exec::{Reading, Stop, Waits, Want};
use super::fiber::Back;
use super::forward::Explore;
use super::graph::{EventId, INIT, Kind, Order};
use super::locations::Name;
use super::update::{Effect, Update};
use crate::check::engine::Engine;
use crate::check::event::{Answer, ObjectId, ObjectKind, Op, Rmw, ThreadId};
use crate::check::run::{Abandoned, Run, Site};
use crate::check::verdict::Kind as Violation;
use std::cell::UnsafeCell;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Rounds of a spinning loop with effects of its own that are unrolled before the engine gives up.
pub const SPIN_ROUNDS: u32 = 100;

/// The engine of one worker: everything that its model threads and its scheduler share.
///
/// All of it lives on one OS thread. Model threads are coroutines on that thread, and control passes between
/// them only in [`Exact::suspend`] and [`Exact::resume`].
#[derive(Default)]
pub struct Exact(UnsafeCell<Inner>);

#[derive(Default)]
pub struct Inner {
    pub e: Explore,
    pub run: Option<&'static Run>,
    pub cells: Cells,
    pub arcs: Arcs,
    /// Mutexes are words.
    pub words: bool,
    /// Reference counts are atomics.
    pub counted: bool,
    /// Operations left to this execution.
    pub steps_left: u64,
    /// Threads unwind: operations are inert.
    pub abandoning: bool,
    /// The location whose destructor runs after a drop that was last by chance, by thread.
    quiet_drop: Vec<Option<u32>>,
    /// Inert operations since the execution was abandoned.
    inert: u32,
}

fn read_order(o: Ordering) -> Order {
    match o {
        Ordering::Acquire | Ordering::AcqRel => Order::Acquire,
        Ordering::SeqCst => Order::SeqCst,
        _ => Order::Relaxed,
    }
}

fn write_order(o: Ordering) -> Order {
    match o {
        Ordering::Release | Ordering::AcqRel => Order::Release,
        Ordering::SeqCst => Order::SeqCst,
        _ => Order::Relaxed,
    }
}

fn fence_order(o: Ordering) -> Order {
    match o {
        Ordering::Acquire => Order::Acquire,
        Ordering::Release => Order::Release,
        Ordering::AcqRel => Order::AcqRel,
        _ => Order::SeqCst,
    }
}

fn reading(update: Update, success: Ordering, failure: Ordering) -> Reading {
    Reading {
        update,
        success: read_order(success),
        failure: read_order(failure),
        write: write_order(success),
    }
}

impl Exact {
    /// The shared state.
    #[allow(clippy::mut_from_ref)]
    pub fn inner(&self) -> &mut Inner {
        // SAFETY: one OS thread, and no reference is kept across `suspend` or `resume`, where control passes to
        // another stack: between those nobody else is here.
        unsafe { &mut *self.0.get() }
    }

    /// Gives control to the scheduler until `t` may try again.
    fn suspend(&self, t: usize, want: Want) {
        let handle = {
            let th = &mut self.inner().e.x.threads[t];
            th.want = want;
            th.handle.clone()
        };
        handle.suspend();
        if self.inner().abandoning {
            resume_unwind(Box::new(Abandoned));
        }
        self.inner().e.x.threads[t].want = Want::Go;
    }

    /// Stops here for ever if the job is over.
    fn check(&self, t: usize) {
        while self.inner().e.x.stop.is_some() {
            self.suspend(t, Want::Blocked);
        }
    }

    /// Runs `t` until it suspends or ends.
    pub fn resume(&self, t: usize) {
        let i = self.inner();
        let mut fiber =
            i.e.x.threads[t].fiber.take().expect("a thread is resumed by one scheduler at a time");
        if let Some(run) = i.run {
            run.set_me(ThreadId(t as u8));
        }
        let back = fiber.resume();
        let th = &mut self.inner().e.x.threads[t];
        if back == Back::Finished {
            th.want = Want::Done;
        }
        th.fiber = Some(fiber);
    }

    /// Unwinds what is left of every thread, children before their parents: a scope's threads borrow from it.
    pub fn abandon(&self) {
        self.inner().abandoning = true;
        for t in (0..self.inner().e.x.threads.len()).rev() {
            self.abandon_thread(t);
        }
        self.inner().abandoning = false;
    }

    fn abandon_thread(&self, t: usize) {
        let i = self.inner();
        let th = &mut i.e.x.threads[t];
        if th.want == Want::Done {
            return;
        }
        if let Some(body) = th.fiber.as_mut().and_then(|f| f.unload()) {
            drop(body); // never started
            self.inner().e.x.threads[t].want = Want::Done;
            return;
        }
        if th.fiber.is_some() {
            self.resume(t);
        }
    }

    // ------------------------------------------------------------ primitives

    /// A read, with its write half if it has one. Returns the value read and what came of it.
    fn read(&self, t: usize, loc: u32, r: Reading) -> (u64, Effect) {
        loop {
            let i = self.inner();
            let x = &mut i.e.x;
            if let Some(effect) = x.threads[t].half {
                if x.replaying {
                    self.suspend(t, Want::Half);
                    continue;
                }
                x.threads[t].half = None;
                let old = x.info(EventId::new(t, x.threads[t].pc - 1)).val;
                i.e.add_half(t, loc, effect);
                return self.read_done(t, old, effect);
            }
            match x.stored(t, Kind::Read, loc) {
                Some(_) if x.stop.is_some() => self.check(t),
                Some(ev) if !x.executed(ev.rf) => self.suspend(t, Want::Source),
                Some(ev) => {
                    let k = EventId::new(t, x.threads[t].pc);
                    let effect = x.do_read(k, r);
                    let old = x.info(k).val;
                    if r.order(effect) != ev.order {
                        x.halt(Stop::Nondeterministic("an operation has another ordering or outcome".into()));
                    }
                    let next = x.g.th[t].get(k.i() + 1).filter(|n| n.ex).copied();
                    match (effect.writes(), next) {
                        (true, None) => {
                            x.threads[t].half = Some(effect);
                            self.suspend(t, Want::Half);
                        }
                        (true, Some(_)) => {
                            let val = i.e.written(effect, old);
                            i.e.x.do_write(EventId::new(t, k.i() + 1), val, Some(ev.rf));
                            return self.read_done(t, old, effect);
                        }
                        (false, _) => return self.read_done(t, old, effect),
                    }
                }
                None if x.replaying => self.suspend(t, Want::Go),
                None if r.update.waits() && !x.threads[t].go => {
                    self.suspend(t, Want::Await { loc, update: r.update });
                }
                None => {
                    x.threads[t].go = false;
                    let effect = i.e.add_read(t, loc, r);
                    let old = i.e.x.info(EventId::new(t, i.e.x.threads[t].pc - 1)).val;
                    if effect.writes() {
                        i.e.add_half(t, loc, effect);
                    }
                    return self.read_done(t, old, effect);
                }
            }
        }
    }

    /// Keeps account of what a spinning loop does; a blocked read ends here.
    fn read_done(&self, t: usize, old: u64, effect: Effect) -> (u64, Effect) {
        self.check(t);
        let th = &mut self.inner().e.x.threads[t];
        th.go = false;
        if effect.writes() {
            th.pure_reads = false;
        } else {
            let k = EventId::new(t, th.pc - 1);
            th.reads.push(k);
        }
        if effect == Effect::Blocked {
            let last = EventId::new(t, th.pc - 1);
            th.reads.clear();
            th.reads.push(last);
            self.suspend(t, Want::Blocked);
        }
        (old, effect)
    }

    /// An event that is not a read: `redo` executes it when it is stored, `add` adds it.
    fn event(
        &self,
        t: usize,
        kind: Kind,
        loc: u32,
        redo: impl Fn(&mut Explore, EventId),
        add: impl Fn(&mut Explore),
    ) -> EventId {
        loop {
            let i = self.inner();
            let x = &mut i.e.x;
            match x.stored(t, kind, loc) {
                Some(_) if x.stop.is_some() => self.check(t),
                Some(_) => {
                    let k = EventId::new(t, x.threads[t].pc);
                    redo(&mut i.e, k);
                    self.check(t);
                    return k;
                }
                None if x.replaying => self.suspend(t, Want::Go),
                None => {
                    add(&mut i.e);
                    self.check(t);
                    return EventId::new(t, self.inner().e.x.threads[t].pc - 1);
                }
            }
        }
    }

    fn store(&self, t: usize, loc: u32, order: Order, val: u64) {
        self.inner().e.x.threads[t].pure_reads = false;
        self.event(
            t,
            Kind::Write,
            loc,
            |e, k| e.x.do_write(k, val, None),
            |e| e.add_store(t, loc, order, val),
        );
    }

    /// A choice among `n`.
    fn choose(&self, t: usize, n: u32) -> u32 {
        if n <= 1 {
            return 0;
        }
        self.inner().e.x.threads[t].pure_reads = false;
        let k = self.event(t, Kind::Choose, 0, |e, k| e.x.do_plain(k), |e| e.add_choose(t, n));
        self.inner().e.x.g.ev(k).aux as u32
    }

    /// One of `n` alternatives, but 0 if `t` has used up its spurious behaviour on `loc`.
    fn spurious(&self, t: usize, loc: u32, n: u32) -> u32 {
        if self.inner().e.x.threads[t].spurious.contains(&loc) {
            return 0;
        }
        let c = self.choose(t, n);
        if c > 0 {
            self.inner().e.x.threads[t].spurious.push(loc);
        }
        c
    }

    fn lock(&self, t: usize, loc: u32) {
        self.inner().e.x.threads[t].pure_reads = false;
        if self.inner().words {
            self.inner().e.x.threads[t].waits = Waits::Lock;
            let update = Update::AwaitCas { expected: 0, new: 1 };
            self.read(t, loc, reading(update, Ordering::Acquire, Ordering::Relaxed));
            return;
        }
        loop {
            let i = self.inner();
            let x = &mut i.e.x;
            if std::mem::take(&mut x.threads[t].served) {
                return;
            }
            match x.stored(t, Kind::Lock, loc) {
                Some(_) if x.stop.is_some() => self.check(t),
                Some(ev) if !x.section_closed(ev.rf) => self.suspend(t, Want::Source),
                Some(_) => {
                    let k = EventId::new(t, x.threads[t].pc);
                    return x.do_lock(k);
                }
                None if x.replaying => self.suspend(t, Want::Go),
                None if !x.mutex_free(loc) => self.suspend(t, Want::Lock(loc)),
                None => {
                    i.e.add_lock(t, loc);
                    return self.check(t);
                }
            }
        }
    }

    fn unlock(&self, t: usize, loc: u32) {
        if self.inner().words {
            return self.store(t, loc, Order::Release, 0);
        }
        self.inner().e.x.threads[t].pure_reads = false;
        self.event(
            t,
            Kind::Unlock,
            loc,
            |e, k| {
                let lock = e.x.g.ev(k).rf;
                e.x.do_unlock(k, lock)
            },
            |e| e.add_unlock(t, loc),
        );
    }

    // ------------------------------------------------------------ composed operations

    fn wait(&self, t: usize, loc: u32, mutex: u32, timed: bool) -> bool {
        // 1 = leaves at once: spuriously, or (timed) with a timeout; 2 = timed, but spuriously.
        let early = self.spurious(t, loc, if timed { 3 } else { 2 });
        if early > 0 {
            self.unlock(t, mutex);
            self.lock(t, mutex);
            return !(timed && early == 1);
        }
        let (id, flag) = {
            let x = &mut self.inner().e.x;
            let n = x.threads[t].waits_begun;
            x.threads[t].waits_begun += 1;
            if n >= 1 << 11 {
                x.halt(Stop::Limit("2048 waits in one thread".into()));
            }
            let id = (t as u16) << 11 | (n & 0x7ff);
            (id, x.locations.other(Name::Wake(id)))
        };
        self.check(t);
        self.read(t, loc, reading(Update::Enqueue(id), Ordering::Relaxed, Ordering::Relaxed));
        self.unlock(t, mutex);
        let th = &mut self.inner().e.x.threads[t];
        (th.waits, th.timed) = (Waits::Wakeup, timed);
        self.read(t, flag, reading(Update::AwaitLoad(1), Ordering::Relaxed, Ordering::Relaxed));
        self.inner().e.x.threads[t].timed = false;
        self.lock(t, mutex);
        true
    }

    fn notify(&self, t: usize, loc: u32, all: bool) -> u64 {
        let update = if all { Update::DequeueAll } else { Update::DequeueOne };
        let (old, effect) = self.read(t, loc, reading(update, Ordering::Relaxed, Ordering::Relaxed));
        let woken: Vec<u16> = match effect {
            Effect::Queue(super::update::QueueChange::RemoveAt(i)) => {
                vec![self.inner().e.x.queues.get(old)[i]]
            }
            Effect::Queue(_) => self.inner().e.x.queues.get(old).to_vec(),
            _ => Vec::new(),
        };
        for &id in &woken {
            let flag = self.inner().e.x.locations.other(Name::Wake(id));
            self.store(t, flag, Order::Relaxed, 1);
        }
        woken.len() as u64
    }

    fn park(&self, t: usize, timed: bool) -> bool {
        let token = self.inner().e.x.locations.other(Name::Park(ThreadId(t as u8)));
        let early = self.spurious(t, token, if timed { 3 } else { 2 });
        if early > 0 {
            return !(timed && early == 1);
        }
        let th = &mut self.inner().e.x.threads[t];
        (th.waits, th.timed) = (Waits::Wakeup, timed);
        let update = Update::AwaitCas { expected: 1, new: 0 };
        self.read(t, token, reading(update, Ordering::Acquire, Ordering::Relaxed));
        self.inner().e.x.threads[t].timed = false;
        true
    }

    fn rw_lock(&self, t: usize, loc: u32, write: bool, wait: bool) -> bool {
        self.inner().e.x.threads[t].waits = Waits::Lock;
        let update = if write { Update::WriteLock { wait } } else { Update::ReadLock { wait } };
        self.read(t, loc, reading(update, Ordering::Acquire, Ordering::Relaxed)).1.writes()
    }

    fn rw_unlock(&self, t: usize, loc: u32, write: bool) {
        if write {
            return self.store(t, loc, Order::Release, 0);
        }
        let sub = Update::Rmw { rmw: Rmw::Sub, operand: 1, width: 64 };
        self.read(t, loc, reading(sub, Ordering::Release, Ordering::Relaxed));
    }

    fn join(&self, t: usize, child: u8) {
        loop {
            let i = self.inner();
            let x = &mut i.e.x;
            x.threads[t].pure_reads = false;
            let done = x.threads[child as usize].want == Want::Done;
            match x.stored(t, Kind::Join, 0) {
                Some(_) if x.stop.is_some() => self.check(t),
                Some(_) if !done => self.suspend(t, Want::Source),
                Some(_) => {
                    let k = EventId::new(t, x.threads[t].pc);
                    return x.do_join(k, child as usize);
                }
                None if x.replaying => self.suspend(t, Want::Go),
                None if !done => self.suspend(t, Want::Join(child)),
                None => {
                    i.e.add_join(t, child);
                    return self.check(t);
                }
            }
        }
    }

    /// The end of a round of a loop that waits for something.
    fn yield_now(&self, t: usize) {
        let x = &mut self.inner().e.x;
        let th = &mut x.threads[t];
        if th.pure_reads && !th.reads.is_empty() {
            // Nothing but reads since the last yield: the round is a wait, and the rounds that fail are one.
            th.waits = Waits::Spin;
            return self.suspend(t, Want::Blocked);
        }
        th.reads.clear();
        th.pure_reads = true;
        th.yields += 1;
        if th.yields > SPIN_ROUNDS {
            x.halt(Stop::Limit(format!(
                "a loop yielded {SPIN_ROUNDS} times in one thread; if it only waits, use spin_until"
            )));
        }
        self.check(t);
    }

    // ------------------------------------------------------------ accesses without events

    /// Reports a race of `me` with an access seen before.
    fn race(&self, me: Access, other: Access, kind: Violation, message: &str) -> ! {
        let run = self.inner().run.expect("a run is installed while a model runs");
        let mut sites = vec![other.describe(), me.describe()];
        if kind == Violation::UseAfterFree {
            sites[0].1 = "owner leaves scope or value used".into();
        }
        run.fail(None, kind, message.to_owned(), sites)
    }

    /// The acting thread must know that the object exists.
    fn check_birth(&self, t: usize, loc: u32, site: Site) {
        let x = &self.inner().e.x;
        if let Some((creator, at)) = x.locations.birth(loc)
            && creator != t
            && x.threads[t].hb.get(creator) <= at
        {
            let run = self.inner().run.expect("a run is installed while a model runs");
            let me = Access { t, at: 0, site, write: false, atomic: false }.describe();
            run.fail(
                None,
                Violation::DataRace,
                "an object is used by a thread that cannot know it was created: nothing orders the two"
                    .into(),
                vec![(me.0, "used".into(), me.2)],
            );
        }
    }

    fn plain(&self, t: usize, loc: u32, write: bool, atomic: bool, site: Site) {
        let i = self.inner();
        let th = &i.e.x.threads[t];
        let me = Access { t, at: th.pc as u32, site, write, atomic };
        if let Some(other) = i.cells.access(loc, me, &th.hb) {
            self.race(me, other, Violation::DataRace, "two unordered accesses, one of them a write");
        }
    }

    /// An atomic access to a location that also has plain ones is checked against those.
    fn mixed(&self, t: usize, loc: u32, write: bool, site: Site) {
        self.check_birth(t, loc, site);
        if self.inner().cells.any(loc) {
            self.plain(t, loc, write, true, site);
        }
    }

    fn arc_drop(&self, t: usize, loc: u32) -> bool {
        if self.inner().counted {
            let sub = Update::Rmw { rmw: Rmw::Sub, operand: 1, width: 64 };
            let (old, _) = self.read(t, loc, reading(sub, Ordering::Release, Ordering::Relaxed));
            if old == 1 {
                self.fence(t, Order::Acquire);
            }
            return old == 1;
        }
        let i = self.inner();
        let th = &i.e.x.threads[t];
        match i.arcs.dropped(loc, t, th.pc as u32, &th.hb) {
            Dropped::Shared => false,
            Dropped::LastInOrder => true,
            Dropped::LastByChance => {
                if i.quiet_drop.len() <= t {
                    i.quiet_drop.resize(t + 1, None);
                }
                i.quiet_drop[t] = Some(loc);
                true
            }
        }
    }

    fn arc_count(&self, t: usize, loc: u32) -> u64 {
        if self.inner().counted {
            let r = reading(Update::Load, Ordering::Acquire, Ordering::Acquire);
            return self.read(t, loc, r).0;
        }
        let i = self.inner();
        match i.arcs.certain(loc, t, &i.e.x.threads[t].hb) {
            Some(n) => n,
            None => {
                i.e.x.halt(Stop::CountedArcs);
                self.check(t);
                unreachable!("the search starts again with counts modelled")
            }
        }
    }

    fn fence(&self, t: usize, order: Order) {
        self.event(t, Kind::Fence, 0, |e, k| e.x.do_fence(k), |e| e.add_fence(t, order));
    }

    /// An operation while the stack unwinds: any answer that keeps destructors going.
    fn inert(&self, op: &Op) -> Answer {
        let i = self.inner();
        i.inert += 1;
        if i.inert > 1_000_000 {
            eprintln!("a destructor spins for ever while its thread is unwound");
            std::process::abort();
        }
        match *op {
            Op::Join { child } if !i.abandoning => {
                i.abandoning = true;
                self.abandon_thread(child.0 as usize);
                self.inner().abandoning = false;
                Answer::DONE
            }
            Op::Load { obj, .. } | Op::Rmw { obj, .. } | Op::PlainLoad { obj } | Op::ArcCount { obj } => {
                let x = &mut i.e.x;
                let loc = x.locations.object(obj);
                let w = x.g.mo_last(loc);
                Answer::value(if x.executed(w) { x.value(w, loc) } else { x.locations.initial(loc) })
            }
            Op::Cas { expected, .. } => Answer::value(expected),
            _ => Answer::DONE,
        }
    }

    /// Where the last choices of the execution differ from what a job of this path would do.
    fn object(&self, o: ObjectId) -> u32 {
        self.inner().e.x.locations.object(o)
    }

    fn act(&self, t: usize, op: &Op, site: Site) -> Answer {
        use Op::*;
        match *op {
            Load { obj, order } => {
                let loc = self.object(obj);
                self.mixed(t, loc, false, site);
                Answer::value(self.read(t, loc, reading(Update::Load, order, order)).0)
            }
            Store { obj, order, value } => {
                let loc = self.object(obj);
                self.mixed(t, loc, true, site);
                self.store(t, loc, write_order(order), value);
                Answer::DONE
            }
            Rmw { obj, order, rmw, operand, width } => {
                let loc = self.object(obj);
                self.mixed(t, loc, true, site);
                let update = Update::Rmw { rmw, operand, width };
                Answer::value(self.read(t, loc, reading(update, order, order)).0)
            }
            Cas { obj, expected, new, success, failure, weak } => {
                let loc = self.object(obj);
                self.mixed(t, loc, true, site);
                let spurious = weak && !self.inner().e.x.threads[t].spurious.contains(&loc);
                let update = Update::Cas { expected, new, spurious };
                let (value, effect) = self.read(t, loc, reading(update, success, failure));
                let ok = effect.writes();
                if !ok && value == expected {
                    self.inner().e.x.threads[t].spurious.push(loc);
                    // Its read took a matching value: it is no round of a wait.
                    self.inner().e.x.threads[t].pure_reads = false;
                }
                Answer { value, ok }
            }
            Fence { order } => {
                self.fence(t, fence_order(order));
                Answer::DONE
            }
            PlainLoad { obj } => {
                let loc = self.object(obj);
                self.plain_atomic(t, loc, false, site);
                let x = &self.inner().e.x;
                Answer::value(x.value(x.g.mo_last(loc), loc))
            }
            PlainStore { obj, value } => {
                let loc = self.object(obj);
                self.plain_atomic(t, loc, true, site);
                self.store(t, loc, Order::Plain, value);
                Answer::DONE
            }
            CellBegin { obj, write } | CellEnd { obj, write } => {
                let loc = self.object(obj);
                self.check_birth(t, loc, site);
                if write {
                    self.inner().e.x.threads[t].pure_reads = false;
                }
                self.plain(t, loc, write, false, site);
                Answer::DONE
            }
            Lock { obj } => {
                let loc = self.object(obj);
                self.check_birth(t, loc, site);
                self.lock(t, loc);
                Answer::DONE
            }
            TryLock { obj } => {
                let loc = self.object(obj);
                self.check_birth(t, loc, site);
                if !self.inner().words {
                    self.inner().e.x.halt(Stop::WordMutexes);
                    self.check(t);
                }
                let update = Update::Cas { expected: 0, new: 1, spurious: false };
                let (_, effect) = self.read(t, loc, reading(update, Ordering::Acquire, Ordering::Relaxed));
                Answer { value: 0, ok: effect.writes() }
            }
            Unlock { obj } => {
                self.unlock(t, self.object(obj));
                Answer::DONE
            }
            RwLock { obj, write } | TryRwLock { obj, write } => {
                let loc = self.object(obj);
                self.check_birth(t, loc, site);
                let wait = matches!(op, RwLock { .. });
                Answer { value: 0, ok: self.rw_lock(t, loc, write, wait) }
            }
            RwUnlock { obj, write } => {
                self.rw_unlock(t, self.object(obj), write);
                Answer::DONE
            }
            Wait { obj, mutex, timed } => {
                let loc = self.object(obj);
                self.check_birth(t, loc, site);
                Answer { value: 0, ok: self.wait(t, loc, self.object(mutex), timed) }
            }
            Notify { obj, all } => {
                let loc = self.object(obj);
                self.check_birth(t, loc, site);
                Answer::value(self.notify(t, loc, all))
            }
            Park { timed } => Answer { value: 0, ok: self.park(t, timed) },
            Unpark { thread } => {
                let token = self.inner().e.x.locations.other(Name::Park(thread));
                let update = Update::Rmw { rmw: crate::check::event::Rmw::Swap, operand: 1, width: 64 };
                self.read(t, token, reading(update, Ordering::Release, Ordering::Relaxed));
                Answer::DONE
            }
            Spawn { .. } => Answer::DONE, // done in `spawn`
            Join { child } => {
                self.join(t, child.0);
                Answer::DONE
            }
            Exit => {
                self.inner().e.x.threads[t].want = Want::Done;
                Answer::DONE
            }
            Yield => {
                self.yield_now(t);
                Answer::DONE
            }
            Choose { n } => Answer::value(self.choose(t, n) as u64),
            ArcClone { obj } => {
                let loc = self.object(obj);
                if self.inner().counted {
                    let add = Update::Rmw { rmw: crate::check::event::Rmw::Add, operand: 1, width: 64 };
                    self.read(t, loc, reading(add, Ordering::Relaxed, Ordering::Relaxed));
                } else {
                    self.inner().arcs.cloned(loc);
                }
                Answer::DONE
            }
            ArcDrop { obj } => Answer { value: 0, ok: self.arc_drop(t, self.object(obj)) },
            ArcCount { obj } => Answer::value(self.arc_count(t, self.object(obj))),
            ArcUpgrade { obj } => {
                if !self.inner().counted {
                    self.inner().e.x.halt(Stop::CountedArcs);
                    self.check(t);
                }
                let r = reading(Update::AddUnlessZero, Ordering::Acquire, Ordering::Relaxed);
                Answer { value: 0, ok: self.read(t, self.object(obj), r).1.writes() }
            }
            Lifetime { obj, end } => {
                let loc = self.object(obj);
                let i = self.inner();
                let th = &i.e.x.threads[t];
                let me = Access { t, at: th.pc as u32, site, write: end, atomic: false };
                if let Some(other) = i.cells.access(loc, me, &th.hb) {
                    let message = "a tracked value is used while or after its owner leaves scope";
                    self.race(me, other, Violation::UseAfterFree, message);
                }
                Answer::DONE
            }
        }
    }

    /// A plain access to an atomic: the atomic accesses so far must be ordered before it too.
    fn plain_atomic(&self, t: usize, loc: u32, write: bool, site: Site) {
        self.check_birth(t, loc, site);
        let x = &self.inner().e.x;
        let hb = &x.threads[t].hb;
        let unknown = |e: EventId| (e.i() as u32) >= hb.get(e.t());
        let writes = x.g.mo(loc).iter().copied().find(|&w| w != INIT && unknown(w));
        let reads = x.reads.get(loc as usize).into_iter().flatten().copied().find(|&r| write && unknown(r));
        if let Some(e) = writes.or(reads) {
            let me = Access { t, at: 0, site, write, atomic: false };
            let other = Access { t: e.t(), at: 0, site, write: writes.is_some(), atomic: true };
            self.race(me, other, Violation::DataRace, "a plain and an atomic access, not ordered");
        }
        self.plain(t, loc, write, false, site);
    }
}

impl Engine for Exact {
    fn created(&self, me: ThreadId, obj: ObjectId, kind: ObjectKind, init: u64) {
        let i = self.inner();
        let at = i.e.x.threads[me.0 as usize].pc;
        i.e.x.locations.created(obj, init, me, at);
        if kind == ObjectKind::Arc {
            let loc = i.e.x.locations.object(obj);
            i.arcs.created(loc, init);
        }
    }

    fn perform(&self, me: ThreadId, op: &Op, site: Site) -> Answer {
        let t = me.0 as usize;
        let i = self.inner();
        if i.abandoning || i.run.is_some_and(Run::over) || std::thread::panicking() {
            if *op == Op::Exit {
                i.e.x.threads[t].want = Want::Done;
            }
            return self.inert(op);
        }
        if i.inert > 0 {
            i.e.x.halt(Stop::Refused(
                "a panic was caught inside the model; exact does not run destructors of a panic it will forgive: \
                 use shuttle or native"
                    .into(),
            ));
        }
        if i.quiet_drop.get(t).is_some_and(Option::is_some) && *op != Op::Exit {
            i.e.x.halt(Stop::CountedArcs);
        }
        if i.steps_left == 0 {
            i.e.x.halt(Stop::Limit("steps in one execution".into()));
        }
        i.steps_left = i.steps_left.saturating_sub(1);
        self.check(t);
        self.act(t, op, site)
    }

    fn spawn(&self, me: ThreadId, child: ThreadId, body: Box<dyn FnOnce()>) {
        let t = me.0 as usize;
        let i = self.inner();
        if i.abandoning || std::thread::panicking() {
            return;
        }
        if child.0 as usize >= THREADS {
            i.e.x.halt(Stop::Refused(format!("more than {THREADS} threads")));
            self.check(t);
        }
        i.e.x.threads[t].pure_reads = false;
        self.event(t, Kind::Spawn, 0, |e, k| e.x.do_plain(k), |e| e.add_spawn(t, child.0));
        self.inner().e.x.add_thread(child, body, Some(me));
    }

    fn thread_id(&self, parent: ThreadId, nth: u32) -> Option<ThreadId> {
        let names = &mut self.inner().e.x.g.names;
        let key = (parent.0, nth);
        let at = match names.iter().skip(1).position(|&n| n == key) {
            Some(i) => i + 1,
            None => {
                Arc::make_mut(names).push(key);
                names.len() - 1
            }
        };
        Some(ThreadId(u8::try_from(at).unwrap_or(u8::MAX)))
    }

    fn spin_begin(&self, me: ThreadId) {
        let th = &mut self.inner().e.x.threads[me.0 as usize];
        th.reads.clear();
        th.pure_reads = true;
    }

    fn arc_destroyed(&self, me: ThreadId, _obj: ObjectId) {
        if let Some(q) = self.inner().quiet_drop.get_mut(me.0 as usize) {
            *q = None;
        }
    }

    fn schedule(&self) -> Vec<u32> {
        self.inner().e.x.g.path.clone()
    }
}

impl Inner {
    /// Takes up a job.
    pub fn begin(&mut self, g: super::graph::Graph, steps: u64) {
        self.e.x.begin(g);
        self.e.pushed.clear();
        self.e.by_stamp.clear();
        let g = &self.e.x.g;
        for (t, l) in g.th.iter().enumerate() {
            self.e.by_stamp.extend((0..l.len()).map(|i| EventId::new(t, i)));
        }
        let g = &self.e.x.g;
        self.e.by_stamp.sort_unstable_by_key(|&e| g.ev(e).stamp);
        self.cells.begin();
        self.arcs.begin();
        self.steps_left = steps;
        self.quiet_drop.clear();
        self.inert = 0;
    }
}
