//! The primitives: one event each, or a read with its write half. Each serves the stored event while the graph is
//! re-executed and adds a new one afterwards; what cannot go on gives control to the scheduler.

use super::plain::Touch;
use super::{Exact, TIMEOUTS, reading};
use crate::check::engine::exact::exec::{Reading, Stop, Waits, Want};
use crate::check::engine::exact::forward::{Explore, choice_tag, store_tag};
use crate::check::engine::exact::graph::{EventId, INIT, Kind, Order, Tag};
use crate::check::engine::exact::spurious::Call;
use crate::check::engine::exact::update::{Effect, Update};
use crate::check::event::{Answer, FROM_INITIAL};
use crate::check::run::Site;
use std::sync::atomic::Ordering;

/// How a wait may end without a wake-up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Early {
    No,
    Timeout,
    Spurious,
}

impl Early {
    pub fn answer(self) -> Answer {
        match self {
            Early::No => Answer::DONE,
            Early::Timeout => Answer::TIMED_OUT,
            Early::Spurious => Answer::SPURIOUS,
        }
    }
}

/// An event that is not a read.
#[derive(Clone, Copy)]
pub(super) struct What {
    kind: Kind,
    loc: u32,
    tag: Tag,
    touch: Option<Touch>,
}

impl What {
    /// An event of which this is all there is to say.
    pub fn of(kind: Kind, loc: u32) -> What {
        What { kind, loc, tag: Tag::NONE, touch: None }
    }
}

impl Exact {
    /// A read, with its write half if it has one. Returns the value read and what came of it.
    pub(super) fn read(&self, t: usize, loc: u32, r: Reading) -> (u64, Effect) {
        self.access(t, loc, r, None)
    }

    /// The same, for an operation of the program on an atomic.
    pub(super) fn access(&self, t: usize, loc: u32, r: Reading, touch: Option<Touch>) -> (u64, Effect) {
        let (old, effect) = self.read_and_write(t, loc, r, touch);
        if effect.writes() {
            let at = self.inner().e.x.threads[t].pc as u32 - 2;
            self.touched_half(t, loc, at, touch);
        }
        (old, effect)
    }

    fn read_and_write(&self, t: usize, loc: u32, r: Reading, touch: Option<Touch>) -> (u64, Effect) {
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
            match x.stored(t, Kind::Read, loc, r.tag()) {
                Some(_) if x.stop.is_some() => self.check(t),
                Some(ev) if !x.executed(ev.rf) || !x.take_turn(t) => self.suspend(t, Want::Source),
                Some(ev) => {
                    let k = EventId::new(t, x.threads[t].pc);
                    self.touched(t, loc, touch);
                    self.log_source(ev.rf);
                    let x = &mut self.inner().e.x;
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
                            self.log_write(EventId::new(t, k.i() + 1));
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
                    self.touched(t, loc, touch);
                    let i = self.inner();
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

    /// When a failure is shown: tells the recorder which write the operation at hand reads from.
    fn log_source(&self, source: EventId) {
        let i = self.inner();
        if i.e.x.guide.is_some()
            && let Some(run) = i.run
        {
            let at = i.e.x.logged.iter().find(|l| l.0 == source).map(|l| l.1);
            run.note_source(if source == INIT { Some(FROM_INITIAL) } else { at });
        }
    }

    /// When a failure is shown: the operation at hand performs the write `k`.
    fn log_write(&self, k: EventId) {
        let i = self.inner();
        if i.e.x.guide.is_some()
            && let Some(run) = i.run
        {
            i.e.x.logged.push((k, run.state().events.len() as u32));
        }
    }

    /// Keeps account of what a spinning loop does; a blocked read ends here.
    pub(super) fn read_done(&self, t: usize, old: u64, effect: Effect) -> (u64, Effect) {
        self.check(t);
        let th = &mut self.inner().e.x.threads[t];
        th.go = false;
        if effect.writes() {
            th.pure_reads = false;
        } else {
            if !std::mem::replace(&mut th.pure_reads, true) {
                th.reads.clear();
                th.rounds.forget();
            }
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
    pub(super) fn event(
        &self,
        t: usize,
        what: What,
        redo: impl Fn(&mut Explore, EventId),
        add: impl Fn(&mut Explore),
    ) -> EventId {
        let What { kind, loc, tag, touch } = what;
        loop {
            let i = self.inner();
            let x = &mut i.e.x;
            match x.stored(t, kind, loc, tag) {
                Some(_) if x.stop.is_some() => self.check(t),
                Some(_) if !x.take_turn(t) => self.suspend(t, Want::Source),
                Some(ev) => {
                    let k = EventId::new(t, x.threads[t].pc);
                    self.touched(t, loc, touch);
                    let i = self.inner();
                    redo(&mut i.e, k);
                    if ev.kind == Kind::Write {
                        self.log_write(k);
                    }
                    self.check(t);
                    return k;
                }
                None if x.replaying => self.suspend(t, Want::Go),
                None => {
                    self.touched(t, loc, touch);
                    let i = self.inner();
                    add(&mut i.e);
                    self.check(t);
                    return EventId::new(t, self.inner().e.x.threads[t].pc - 1);
                }
            }
        }
    }

    pub(super) fn store(&self, t: usize, loc: u32, order: Order, val: u64) {
        self.store_as(t, loc, order, val, None);
    }

    /// The same, for an operation of the program on an atomic.
    pub(super) fn store_as(&self, t: usize, loc: u32, order: Order, val: u64, touch: Option<Touch>) {
        self.inner().e.x.threads[t].pure_reads = false;
        self.event(
            t,
            What { tag: store_tag(order, val), touch, ..What::of(Kind::Write, loc) },
            |e, k| e.x.do_write(k, val, None),
            |e| e.add_store(t, loc, order, val),
        );
    }

    /// A choice among `n`.
    pub(super) fn choose(&self, t: usize, n: u32) -> u32 {
        if n <= 1 {
            return 0;
        }
        self.inner().e.x.threads[t].pure_reads = false;
        let what = What { tag: choice_tag(n), ..What::of(Kind::Choose, 0) };
        let k = self.event(t, what, |e, k| e.x.do_plain(k), |e| e.add_choose(t, n));
        self.inner().e.x.g.ev(k).aux as u32
    }

    /// May a wait of `t` on `loc` end without a wake-up? A choice, as often as the bounds leave.
    pub(super) fn early(&self, t: usize, loc: u32, timed: bool, site: Site) -> Early {
        let call = (loc, site);
        if self.made_to(t, call) {
            self.ended(t, call, true);
            return Early::Spurious;
        }
        let i = self.inner();
        let th = &i.e.x.threads[t];
        let timeouts = th.timeouts.iter().filter(|&&w| w == call).count();
        let mut ends = vec![Early::No];
        let capped = timed && timeouts >= TIMEOUTS;
        if timed && timeouts < TIMEOUTS {
            ends.push(Early::Timeout);
        } else if timed {
            i.capped = true;
        }
        if self.may_wake(t, call) {
            ends.push(Early::Spurious);
        }
        i.e.x.threads[t].capped = capped;
        let end = ends[self.choose(t, ends.len() as u32) as usize];
        if end == Early::Timeout {
            self.inner().e.x.threads[t].timeouts.push(call);
        }
        self.ended(t, call, end == Early::Spurious);
        end
    }

    pub(super) fn lock(&self, t: usize, loc: u32) {
        self.take(t, loc);
        self.heard(t);
    }

    fn take(&self, t: usize, loc: u32) {
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
            match x.stored(t, Kind::Lock, loc, Tag::NONE) {
                Some(_) if x.stop.is_some() => self.check(t),
                Some(ev) if !x.section_closed(ev.rf) || !x.take_turn(t) => self.suspend(t, Want::Source),
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

    pub(super) fn unlock(&self, t: usize, loc: u32, waits_at: Option<Call>) {
        let depth = self.inner().e.x.threads[t].spurious.leaves(waits_at);
        if self.inner().words {
            return self.store(t, loc, Order::Release, 0);
        }
        self.inner().e.x.threads[t].pure_reads = false;
        self.event(
            t,
            What::of(Kind::Unlock, loc),
            |e, k| {
                let lock = e.x.g.ev(k).rf;
                e.x.do_unlock(k, lock, depth)
            },
            |e| e.add_unlock(t, loc, depth),
        );
    }

    pub(super) fn fence(&self, t: usize, order: Order) {
        let what = What { tag: Tag::NONE.with(order as u64), ..What::of(Kind::Fence, 0) };
        self.event(t, what, |e, k| e.x.do_fence(k), |e| e.add_fence(t, order));
    }

    pub(super) fn join(&self, t: usize, child: u8) {
        loop {
            let i = self.inner();
            let x = &mut i.e.x;
            x.threads[t].pure_reads = false;
            let done = x.threads[child as usize].want == Want::Done;
            match x.stored(t, Kind::Join, 0, Tag::NONE) {
                Some(_) if x.stop.is_some() => self.check(t),
                Some(_) if !done || !x.take_turn(t) => self.suspend(t, Want::Source),
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
}
