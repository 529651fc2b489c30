//! What operations that may block do with loom's objects: locks, condition variables, park tokens.

use super::kernel::Kernel;
use super::objects::{MutexGuard, Object, RwGuard};
use crate::check::event::{Answer, ObjectId, ThreadId};
use std::mem::ManuallyDrop;

impl Kernel {
    pub(super) fn lock(&self, id: ObjectId) {
        let object = self.object(id);
        let Object::Mutex(mutex, held) = &*object else { unreachable!("{id} is no mutex") };
        let guard = mutex.lock().expect("nobody unwinds while holding one of loom's guards");
        // SAFETY: the guard borrows the mutex in `object`. It lives in that same object, which the table keeps
        // in place and alive until the execution has ended, and which never drops it by itself.
        let guard: MutexGuard = unsafe { std::mem::transmute(guard) };
        held.set(Some(ManuallyDrop::new(guard)));
    }

    pub(super) fn unlock(&self, id: ObjectId) {
        let object = self.object(id);
        let Object::Mutex(_, held) = &*object else { unreachable!("{id} is no mutex") };
        drop(held.take().map(ManuallyDrop::into_inner));
    }

    pub(super) fn wait(&self, condvar: ObjectId, mutex: ObjectId) -> Answer {
        let (c, m) = (self.object(condvar), self.object(mutex));
        let (Object::Condvar(condvar, announced), Object::Mutex(_, held)) = (&*c, &*m) else {
            unreachable!("{condvar} is no condition variable, or {mutex} no mutex")
        };
        let guard = held.take().map(ManuallyDrop::into_inner).expect("its guard waits");
        announced.set(announced.get() + 1);
        let guard =
            self.waits(|| condvar.wait(guard)).expect("nobody unwinds while holding one of loom's guards");
        held.set(Some(ManuallyDrop::new(guard)));
        Answer::DONE
    }

    pub(super) fn notify(&self, condvar: ObjectId, all: bool) -> Answer {
        let object = self.object(condvar);
        let Object::Condvar(condvar, announced) = &*object else { unreachable!("{condvar} is no condvar") };
        if all {
            condvar.notify_all();
        } else {
            condvar.notify_one();
        }
        let woken = if all { announced.get() } else { announced.get().min(1) };
        announced.set(announced.get() - woken);
        Answer::value(woken)
    }

    pub(super) fn rw_lock(&self, me: ThreadId, id: ObjectId, write: bool) {
        let object = self.object(id);
        let Object::RwLock(lock, held) = &*object else { unreachable!("{id} is no readers-writer lock") };
        if !write && let Some((_, shares, _)) = held.borrow_mut().iter_mut().find(|(t, ..)| *t == me) {
            *shares += 1;
            return;
        }
        // SAFETY: as for `lock`: the guards live in the object that they borrow, and are dropped by `rw_unlock`
        // only.
        let guard = unsafe {
            if write {
                RwGuard::Write(std::mem::transmute::<
                    loom::sync::RwLockWriteGuard<'_, ()>,
                    loom::sync::RwLockWriteGuard<'static, ()>,
                >(lock.write().expect("nobody unwinds while holding a guard")))
            } else {
                RwGuard::Read(std::mem::transmute::<
                    loom::sync::RwLockReadGuard<'_, ()>,
                    loom::sync::RwLockReadGuard<'static, ()>,
                >(lock.read().expect("nobody unwinds while holding a guard")))
            }
        };
        held.borrow_mut().push((me, 1, ManuallyDrop::new(guard)));
    }

    pub(super) fn rw_unlock(&self, me: ThreadId, id: ObjectId) {
        let object = self.object(id);
        let Object::RwLock(_, held) = &*object else { unreachable!("{id} is no readers-writer lock") };
        let guard = {
            let mut held = held.borrow_mut();
            // Guards may be sent to another thread: then any share will do.
            let Some(i) = held.iter().position(|(t, ..)| *t == me).or(held.len().checked_sub(1)) else {
                return;
            };
            held[i].1 -= 1;
            (held[i].1 == 0).then(|| held.remove(i).2)
        };
        drop(guard.map(ManuallyDrop::into_inner));
    }

    pub(super) fn park(&self, me: ThreadId) -> Answer {
        let token = self.token(me);
        let mut guard = token.mutex.lock().expect("nobody unwinds while holding one of loom's guards");
        while !token.set.get() {
            guard = self
                .waits(|| token.changed.wait(guard))
                .expect("nobody unwinds while holding one of loom's guards");
        }
        token.set.set(false);
        Answer::DONE
    }

    pub(super) fn unpark(&self, thread: ThreadId) -> Answer {
        let token = self.token(thread);
        let guard = token.mutex.lock().expect("nobody unwinds while holding one of loom's guards");
        token.set.set(true);
        token.changed.notify_one();
        drop(guard);
        Answer::DONE
    }
}
