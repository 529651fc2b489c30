//! Operations of several events: condition variables, park tokens, readers-writer locks, reference counts; and the
//! yield, which is none.

use super::primitives::Early;
use super::{Exact, reading};
use crate::check::engine::exact::arcs::Dropped;
use crate::check::engine::exact::exec::{Stop, Waits, Want};
use crate::check::engine::exact::graph::Order;
use crate::check::engine::exact::locations::Name;
use crate::check::engine::exact::rounds::ROUNDS;
use crate::check::engine::exact::spurious::Call;
use crate::check::engine::exact::update::{Effect, QueueChange, Update};
use crate::check::event::{Answer, Rmw, ThreadId};
use crate::check::run::Site;
use std::sync::atomic::Ordering;

impl Exact {
    pub(super) fn wait(&self, t: usize, loc: u32, mutex: u32, timed: bool, site: Site) -> Answer {
        // A wait that ends early never joins the queue: while it would be there it could only have been notified.
        let early = self.early(t, loc, timed, site);
        let call = (loc, site);
        if early != Early::No {
            self.unlock(t, mutex, Some(call));
            self.wakes(t, call, early);
            self.lock(t, mutex);
            return early.answer();
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
        self.unlock(t, mutex, Some(call));
        let th = &mut self.inner().e.x.threads[t];
        (th.waits, th.timed) = (Waits::Wakeup, timed);
        self.read(t, flag, reading(Update::AwaitLoad(1), Ordering::Relaxed, Ordering::Relaxed));
        if self.in_overtime() {
            self.relock(t, mutex);
            return Answer::TIMED_OUT;
        }
        self.inner().e.x.threads[t].timed = false;
        self.acts(t);
        self.lock(t, mutex);
        Answer::DONE
    }

    pub(super) fn notify(&self, t: usize, loc: u32, all: bool) -> u64 {
        let update = if all { Update::DequeueAll } else { Update::DequeueOne };
        let (old, effect) = self.read(t, loc, reading(update, Ordering::Relaxed, Ordering::Relaxed));
        let woken: Vec<u16> = match effect {
            Effect::Queue(QueueChange::RemoveAt(i)) => {
                vec![self.inner().e.x.queues.get(old)[i]]
            }
            Effect::Queue(_) => self.inner().e.x.queues.get(old).to_vec(),
            _ => Vec::new(),
        };
        if !woken.is_empty() {
            self.acts(t);
        }
        for &id in &woken {
            let flag = self.inner().e.x.locations.other(Name::Wake(id));
            self.store(t, flag, Order::Relaxed, 1);
        }
        woken.len() as u64
    }

    pub(super) fn park(&self, t: usize, timed: bool, site: Site) -> Answer {
        let token = self.inner().e.x.locations.other(Name::Park(ThreadId(t as u8)));
        let early = self.early(t, token, timed, site);
        if early != Early::No {
            self.wakes(t, (token, site), early);
            return early.answer();
        }
        let th = &mut self.inner().e.x.threads[t];
        (th.waits, th.timed) = (Waits::Wakeup, timed);
        let update = Update::AwaitCas { expected: 1, new: 0 };
        self.read(t, token, reading(update, Ordering::Acquire, Ordering::Relaxed));
        if self.in_overtime() {
            return Answer::TIMED_OUT;
        }
        self.inner().e.x.threads[t].timed = false;
        self.acts(t);
        Answer::DONE
    }

    /// A wait has ended early, not by a wake-up.
    fn wakes(&self, t: usize, call: Call, early: Early) {
        let th = &mut self.inner().e.x.threads[t];
        match early {
            Early::Spurious => th.spurious.wakes(call),
            Early::No | Early::Timeout => th.spurious.acts(),
        }
    }

    pub(super) fn rw_lock(&self, t: usize, loc: u32, write: bool, wait: bool) -> bool {
        self.acts(t);
        self.inner().e.x.threads[t].waits = Waits::Lock;
        let update = if write { Update::WriteLock { wait } } else { Update::ReadLock { wait } };
        self.read(t, loc, reading(update, Ordering::Acquire, Ordering::Relaxed)).1.writes()
    }

    pub(super) fn rw_unlock(&self, t: usize, loc: u32, write: bool) {
        if write {
            return self.store(t, loc, Order::Release, 0);
        }
        let sub = Update::Rmw { rmw: Rmw::Sub, operand: 1, width: 64 };
        self.read(t, loc, reading(sub, Ordering::Release, Ordering::Relaxed));
    }

    /// The end of a round of a loop, if it is that: a yield by hand may stand alone, so it is a wait only when the
    /// round comes again. `spin_until` says what it is.
    pub(super) fn yield_now(&self, t: usize, site: Site) {
        let i = self.inner();
        let x = &mut i.e.x;
        let th = &mut x.threads[t];
        let learnt = i.patience.get(site);
        let patience = if std::mem::take(&mut th.polls) { learnt.unwrap_or(0) } else { learnt.unwrap_or(1) };
        let pure = std::mem::replace(&mut th.pure_reads, true);
        let reads = std::mem::take(&mut th.reads);
        // A second yield in a row ends nothing: backing off takes several.
        if (!pure || !reads.is_empty()) && !th.rounds.count(site) {
            x.halt(Stop::Limit(format!(
                "{ROUNDS} rounds of the loop that yields at {}:{}; a loop that only reads until its reads change is a wait",
                site.file(),
                site.line()
            )));
        } else if !pure {
            th.rounds.forget();
        } else if !reads.is_empty()
            && let Some(reads) = th.rounds.end(&x.g, reads, site, patience)
        {
            th.reads = reads;
            th.waits_at = Some((site, patience));
            th.waits = Waits::Spin;
            return self.suspend(t, Want::Blocked);
        }
        self.check(t);
    }

    pub(super) fn arc_drop(&self, t: usize, loc: u32) -> bool {
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

    pub(super) fn arc_count(&self, t: usize, loc: u32, sole: bool) -> u64 {
        if self.inner().counted {
            let r = reading(Update::Load, Ordering::Relaxed, Ordering::Relaxed);
            let n = self.read(t, loc, r).0;
            if sole && n == 1 {
                self.fence(t, Order::Acquire);
            }
            return n;
        }
        self.arc_certain(t, loc)
    }

    /// The count, which must be the same in every order, or else counts have to be modelled.
    pub(super) fn arc_certain(&self, t: usize, loc: u32) -> u64 {
        let i = self.inner();
        let th = &i.e.x.threads[t];
        match i.arcs.certain(loc, t, th.pc as u32, &th.hb) {
            Some(n) => n,
            None => {
                i.e.x.halt(Stop::CountedArcs);
                self.check(t);
                unreachable!("the search starts again with counts modelled")
            }
        }
    }
}
