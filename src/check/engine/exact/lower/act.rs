//! From an operation of the facade to what is done for it.

use super::plain::Touch;
use super::{Exact, fence_order, reading, write_order};
use crate::check::engine::exact::cells::Access;
use crate::check::engine::exact::exec::{Stop, Want};
use crate::check::engine::exact::graph::{INIT, Order};
use crate::check::engine::exact::locations::Name;
use crate::check::engine::exact::update::{Fails, Update};
use crate::check::event::{self, Answer, ObjectId, Op};
use crate::check::run::Site;
use crate::check::verdict::Kind as Violation;
use std::sync::atomic::Ordering;

impl Exact {
    /// The dense number of an object's location.
    pub(super) fn object(&self, o: ObjectId) -> u32 {
        self.inner().e.x.locations.object(o)
    }

    pub(super) fn act(&self, t: usize, op: &Op, site: Site) -> Answer {
        use Op::*;
        match *op {
            Load { obj, order } => {
                let loc = self.object(obj);
                self.mixed(t, loc, false, site);
                let r = reading(Update::Load, order, order);
                let value = self.access(t, loc, r, Some(Touch { write: false, site })).0;
                self.saw(t, loc);
                Answer::value(value)
            }
            Store { obj, order, value } => {
                let loc = self.object(obj);
                self.mixed(t, loc, true, site);
                self.store_as(t, loc, write_order(order), value, Some(Touch { write: true, site }));
                self.saw(t, loc);
                Answer::DONE
            }
            Rmw { obj, order, rmw, operand, width } => {
                let loc = self.object(obj);
                self.mixed(t, loc, true, site);
                let update = Update::Rmw { rmw, operand, width };
                let r = reading(update, order, order);
                let value = self.access(t, loc, r, Some(Touch { write: true, site })).0;
                self.saw(t, loc);
                Answer::value(value)
            }
            Cas { obj, expected, new, success, failure, weak } => {
                let loc = self.object(obj);
                self.mixed(t, loc, false, site);
                let call = (loc, site);
                let made_to = weak && self.made_to(t, call);
                let fails = if weak && !made_to { self.may_fail(t, call) } else { Fails::Never };
                let update = if made_to { Update::Load } else { Update::Cas { expected, new, fails } };
                let r = reading(update, if made_to { failure } else { success }, failure);
                let (value, effect) = self.access(t, loc, r, Some(Touch { write: false, site }));
                self.saw(t, loc);
                let ok = effect.writes();
                if weak {
                    self.ended(t, call, !ok && value == expected);
                }
                if !ok && value == expected {
                    // Its read took a matching value: it is no round of a wait.
                    self.inner().e.x.threads[t].pure_reads = false;
                } else if made_to {
                    self.moot(t);
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
                // Later writes may be in the graph already; those that are executed are ordered before this.
                let last = x.g.mo(loc).iter().rev().copied().find(|&w| x.executed(w)).unwrap_or(INIT);
                Answer::value(x.value(last, loc))
            }
            PlainStore { obj, value } => {
                let loc = self.object(obj);
                self.plain_atomic(t, loc, true, site);
                self.store(t, loc, Order::Plain, value);
                self.saw(t, loc);
                Answer::DONE
            }
            CellBegin { obj, write } | CellEnd { obj, write } => {
                let loc = self.object(obj);
                self.check_birth(t, loc, site);
                if write {
                    self.inner().e.x.threads[t].pure_reads = false;
                    self.acts(t);
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
                let update = Update::Cas { expected: 0, new: 1, fails: Fails::Never };
                let (_, effect) = self.read(t, loc, reading(update, Ordering::Acquire, Ordering::Relaxed));
                self.acts(t);
                Answer { value: 0, ok: effect.writes() }
            }
            Unlock { obj } => {
                self.unlock(t, self.object(obj), None);
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
                self.wait(t, loc, self.object(mutex), timed, site)
            }
            Notify { obj, all } => {
                let loc = self.object(obj);
                self.check_birth(t, loc, site);
                Answer::value(self.notify(t, loc, all))
            }
            Park { timed } => self.park(t, timed, site),
            Unpark { thread } => {
                self.acts(t);
                let token = self.inner().e.x.locations.other(Name::Park(thread));
                let update = Update::Rmw { rmw: event::Rmw::Swap, operand: 1, width: 64 };
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
                self.yield_now(t, site);
                Answer::DONE
            }
            Choose { n } => Answer::value(self.choose(t, n) as u64),
            ArcClone { obj } => {
                let loc = self.object(obj);
                if self.inner().counted {
                    let add = Update::Rmw { rmw: event::Rmw::Add, operand: 1, width: 64 };
                    self.read(t, loc, reading(add, Ordering::Relaxed, Ordering::Relaxed));
                } else {
                    let i = self.inner();
                    if !i.arcs.cloned(loc, t, &i.e.x.threads[t].hb) {
                        i.e.x.halt(Stop::CountedArcs);
                        self.check(t);
                    }
                }
                Answer::DONE
            }
            ArcDrop { obj } => Answer { value: 0, ok: self.arc_drop(t, self.object(obj)) },
            ArcCount { obj, sole } => Answer::value(self.arc_count(t, self.object(obj), sole)),
            ArcUpgrade { obj } => {
                if !self.inner().counted {
                    self.inner().e.x.halt(Stop::CountedArcs);
                    self.check(t);
                }
                let r = reading(Update::AddUnlessZero, Ordering::Acquire, Ordering::Relaxed);
                Answer { value: 0, ok: self.read(t, self.object(obj), r).1.writes() }
            }
            Lifetime { obj, end } => self.lifetime(t, obj, end, site),
            UseEnd { obj } => self.lifetime(t, obj, false, site),
        }
    }

    /// A use of a tracked value begins or ends, or its owner leaves scope.
    fn lifetime(&self, t: usize, obj: ObjectId, end: bool, site: Site) -> Answer {
        let loc = self.object(obj);
        let i = self.inner();
        let th = &i.e.x.threads[t];
        let me = Access { t, at: th.pc as u32, site, write: end, atomic: false };
        if let Some(other) = i.cells.access(loc, me, &th.hb) {
            self.race(me, other, Violation::UseAfterFree);
        }
        Answer::DONE
    }

    /// An operation while the stack unwinds: any answer that keeps destructors going.
    pub(super) fn inert(&self, op: &Op) -> Answer {
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
            Op::Load { obj, .. } | Op::Rmw { obj, .. } | Op::PlainLoad { obj } | Op::ArcCount { obj, .. } => {
                let x = &mut i.e.x;
                let loc = x.locations.object(obj);
                let w = x.g.mo_last(loc);
                Answer::value(if x.executed(w) { x.value(w, loc) } else { x.locations.initial(loc) })
            }
            Op::Cas { expected, .. } => Answer::value(expected),
            _ => Answer::DONE,
        }
    }
}
