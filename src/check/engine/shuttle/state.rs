//! The objects and threads of the execution at hand as plain data: who may go on, and what each operation does.
//!
//! Nothing here switches threads or chooses; one OS thread runs everything, so plain state is exact.

use crate::check::event::{Answer, ObjectId, ObjectKind, Op, ThreadId};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};

/// What a thread needs before it can go on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// Has yielded twice and nothing had changed in between: somebody must change something.
    Change(u64),
    /// A free mutex.
    Mutex(ObjectId),
    /// A lock that can be taken.
    RwLock(ObjectId, bool),
    /// The end of a thread.
    End(ThreadId),
    /// A notification; a timeout may fire instead.
    Notify(bool),
    /// Its park token; a timeout may fire instead.
    Token(bool),
}

/// May a thread be scheduled now?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Readiness {
    /// Yes.
    Ready,
    /// Only if nobody is ready: it yields in vain, or has just timed out.
    Idle,
    /// Only beside somebody who is ready: nobody may rely on a spurious wake-up.
    Spurious,
    /// No.
    Blocked,
}

/// A model thread.
#[derive(Clone, Debug)]
pub struct Thread {
    /// What it needs.
    pub need: Need,
    /// It has performed nothing and spawned nobody yet: being scheduled for the first time already chose its first
    /// operation.
    pub fresh: bool,
    /// Its park token.
    pub token: bool,
    /// It has announced `Exit`.
    pub ended: bool,
    /// The operation at hand is a declared yield.
    pub yielding: bool,
    /// `changes` when it last yielded.
    pub yielded_at: Option<u64>,
    /// `changes` when it last timed out or woke spuriously.
    pub woke_at: Option<u64>,
    /// `changes` when its weak CAS last failed spuriously.
    pub failed_at: Option<u64>,
}

impl Thread {
    /// A thread that has just been created.
    pub fn new() -> Self {
        Thread {
            need: Need::Nothing,
            fresh: true,
            token: false,
            ended: false,
            yielding: false,
            yielded_at: None,
            woke_at: None,
            failed_at: None,
        }
    }
}

/// A shared object.
#[derive(Clone, Hash, Debug)]
pub enum Object {
    /// Its value.
    Atomic(u64),
    /// Plain data or a lifetime: watched by the race detector only.
    Watched,
    /// Its owner.
    Mutex(Option<ThreadId>),
    /// Its holders.
    RwLock {
        /// The exclusive holder.
        writer: Option<ThreadId>,
        /// Shares held.
        readers: u32,
    },
    /// Who waits, in order of arrival.
    Condvar(SmallVec<[ThreadId; 4]>),
    /// A reference count.
    Arc(u64),
}

/// All of it.
#[derive(Default, Debug)]
pub struct State {
    /// By thread id.
    pub threads: Vec<Thread>,
    /// By creator, then creation count.
    objects: Vec<Vec<Object>>,
    /// How often something changed that a waiting loop could be waiting for.
    pub changes: u64,
}

impl State {
    /// Starts over with the scenario's thread.
    pub fn begin_execution(&mut self) {
        self.threads.clear();
        self.threads.push(Thread::new());
        self.objects.iter_mut().for_each(Vec::clear);
        self.changes = 0;
    }

    /// Registers an object. Objects of one creator come in the order of their creation counts.
    pub fn create(&mut self, id: ObjectId, kind: ObjectKind, init: u64) {
        let creator = id.creator().0 as usize;
        if self.objects.len() <= creator {
            self.objects.resize_with(creator + 1, Vec::new);
        }
        debug_assert_eq!(self.objects[creator].len(), id.nth() as usize);
        self.objects[creator].push(match kind {
            ObjectKind::Atomic { .. } => Object::Atomic(init),
            ObjectKind::Cell | ObjectKind::Lifetime => Object::Watched,
            ObjectKind::Mutex => Object::Mutex(None),
            ObjectKind::RwLock => Object::RwLock { writer: None, readers: 0 },
            ObjectKind::Condvar => Object::Condvar(SmallVec::new()),
            ObjectKind::Arc => Object::Arc(init),
        });
    }

    #[inline]
    fn object(&mut self, id: ObjectId) -> &mut Object {
        &mut self.objects[id.creator().0 as usize][id.nth() as usize]
    }

    #[inline]
    fn get(&self, id: ObjectId) -> &Object {
        &self.objects[id.creator().0 as usize][id.nth() as usize]
    }

    /// The value of an atomic.
    #[inline]
    pub fn value(&mut self, id: ObjectId) -> &mut u64 {
        match self.object(id) {
            Object::Atomic(v) | Object::Arc(v) => v,
            o => unreachable!("{id} is no atomic: {o:?}"),
        }
    }

    /// The waiters of a condition variable.
    pub fn waiters(&mut self, id: ObjectId) -> &mut SmallVec<[ThreadId; 4]> {
        match self.object(id) {
            Object::Condvar(w) => w,
            o => unreachable!("{id} is no condition variable: {o:?}"),
        }
    }

    fn mutex_free(&self, id: ObjectId) -> bool {
        matches!(self.get(id), Object::Mutex(None))
    }

    fn rw_free(&self, id: ObjectId, write: bool) -> bool {
        match self.get(id) {
            Object::RwLock { writer, readers } => writer.is_none() && (!write || *readers == 0),
            o => unreachable!("{id} is no readers-writer lock: {o:?}"),
        }
    }

    /// May `t` be scheduled now?
    #[inline]
    pub fn readiness(&self, t: ThreadId) -> Readiness {
        let thread = &self.threads[t.0 as usize];
        let ready = |yes| if yes { Readiness::Ready } else { Readiness::Blocked };
        // A loop around a timed wait must let others change something before it may time out again, and one
        // around an untimed wait before it may wake spuriously again: else an exhaustive search never ends.
        let stale = thread.woke_at == Some(self.changes);
        match thread.need {
            Need::Nothing => Readiness::Ready,
            Need::Change(at) => {
                if at == self.changes {
                    Readiness::Idle
                } else {
                    Readiness::Ready
                }
            }
            Need::Mutex(m) => ready(self.mutex_free(m)),
            Need::RwLock(l, write) => ready(self.rw_free(l, write)),
            Need::End(child) => ready(self.threads[child.0 as usize].ended),
            Need::Token(_) if thread.token => Readiness::Ready,
            Need::Notify(timed) | Need::Token(timed) => match (timed, stale) {
                (true, false) => Readiness::Ready,
                (true, true) => Readiness::Idle,
                (false, false) => Readiness::Spurious,
                (false, true) => Readiness::Blocked,
            },
        }
    }

    /// Everything that can make a difference to what follows, the threads' own states aside. The number of changes makes
    /// one only by what it is compared with.
    pub fn digest(&self, d: &mut impl Hasher) {
        let now = |at: Option<u64>| at == Some(self.changes);
        for t in &self.threads {
            let Thread { need, fresh, token, ended, yielding, yielded_at, woke_at, failed_at } = *t;
            match need {
                Need::Change(at) => now(Some(at)).hash(d),
                need => need.hash(d),
            }
            (fresh, token, ended, yielding).hash(d);
            (now(yielded_at), now(woke_at), now(failed_at)).hash(d);
        }
        self.objects.hash(d);
    }

    /// Does `t` wait for an event, so that it has left the processor, although it may go on?
    pub fn sleeps(&self, t: ThreadId) -> bool {
        let thread = &self.threads[t.0 as usize];
        match thread.need {
            Need::Notify(_) => true,
            Need::Token(_) => !thread.token,
            _ => false,
        }
    }

    /// Takes a mutex that is free, or that an abandoned execution no longer cares about.
    pub fn lock(&mut self, me: ThreadId, id: ObjectId) {
        *self.object(id) = Object::Mutex(Some(me));
    }

    /// Frees a mutex.
    pub fn unlock(&mut self, id: ObjectId) {
        *self.object(id) = Object::Mutex(None);
    }

    /// What `op` does to the objects, once its thread needs nothing more. Operations that choose or block in
    /// the middle (`Wait`, `Notify`, `Park`, `Choose`, a spurious failure) are done by the caller.
    #[inline]
    pub fn apply(&mut self, me: ThreadId, op: &Op) -> Answer {
        match *op {
            Op::Load { obj, .. } | Op::PlainLoad { obj } | Op::ArcCount { obj, .. } => {
                Answer::value(*self.value(obj))
            }
            Op::Store { obj, value, .. } | Op::PlainStore { obj, value } => {
                *self.value(obj) = value;
                self.changes += 1;
                Answer::DONE
            }
            Op::Rmw { obj, rmw, operand, width, .. } => {
                let v = self.value(obj);
                let old = *v;
                *v = rmw.apply(width, old, operand);
                self.changes += 1;
                Answer::value(old)
            }
            Op::Cas { obj, expected, new, .. } => {
                let v = self.value(obj);
                let old = *v;
                let ok = old == expected;
                if ok {
                    *v = new;
                    self.changes += 1;
                }
                Answer { value: old, ok }
            }
            Op::Lock { obj } => {
                self.lock(me, obj);
                Answer::DONE
            }
            Op::TryLock { obj } => {
                let ok = self.mutex_free(obj);
                if ok {
                    self.lock(me, obj);
                }
                Answer { value: 0, ok }
            }
            Op::Unlock { obj } => {
                self.unlock(obj);
                self.changes += 1;
                Answer::DONE
            }
            Op::RwLock { obj, write } => {
                self.rw_lock(me, obj, write);
                Answer::DONE
            }
            Op::TryRwLock { obj, write } => {
                let ok = self.rw_free(obj, write);
                if ok {
                    self.rw_lock(me, obj, write);
                }
                Answer { value: 0, ok }
            }
            Op::RwUnlock { obj, write } => {
                if let Object::RwLock { writer, readers } = self.object(obj) {
                    if write {
                        *writer = None;
                    } else {
                        *readers = readers.saturating_sub(1);
                    }
                }
                self.changes += 1;
                Answer::DONE
            }
            Op::Unpark { thread } => {
                self.threads[thread.0 as usize].token = true;
                self.changes += 1;
                Answer::DONE
            }
            Op::Exit => {
                self.threads[me.0 as usize].ended = true;
                self.changes += 1;
                Answer::DONE
            }
            Op::ArcClone { obj } => {
                *self.value(obj) += 1;
                self.changes += 1;
                Answer::DONE
            }
            Op::ArcDrop { obj } => {
                let v = self.value(obj);
                *v = v.saturating_sub(1);
                let ok = *v == 0;
                self.changes += 1;
                Answer { value: 0, ok }
            }
            Op::ArcUpgrade { obj } => {
                let v = self.value(obj);
                let ok = *v > 0;
                *v += u64::from(ok);
                self.changes += 1;
                Answer { value: 0, ok }
            }
            Op::Spawn { .. } => {
                self.changes += 1;
                Answer::DONE
            }
            Op::Fence { .. } | Op::CellBegin { .. } | Op::CellEnd { .. } => Answer::DONE,
            Op::Lifetime { .. } | Op::UseEnd { .. } => Answer::DONE,
            Op::Join { .. } | Op::Yield => Answer::DONE,
            Op::Wait { .. } | Op::Park { .. } | Op::Notify { .. } | Op::Choose { .. } => Answer::DONE,
        }
    }

    fn rw_lock(&mut self, me: ThreadId, id: ObjectId, write: bool) {
        if let Object::RwLock { writer, readers } = self.object(id) {
            if write {
                *writer = Some(me);
            } else {
                *readers += 1;
            }
        }
    }
}
