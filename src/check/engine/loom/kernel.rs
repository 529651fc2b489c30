//! Between facade and loom: performs announced operations on loom's objects.

use super::Plan;
use super::classify::classify;
use super::objects::{Access, MutexGuard, Object, RwGuard, refuses};
use crate::check::engine::Engine;
use crate::check::event::{Answer, ObjectId, ObjectKind, Op, ThreadId};
use crate::check::model::Outcome;
use crate::check::run::Run;
use crate::check::verdict::{Kind, Verdict};
use loom::sync::{Condvar, Mutex};
use loom::thread::JoinHandle;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

thread_local! {
    static KERNEL: Cell<Option<&'static Kernel>> = const { Cell::new(None) };
}

/// The payload that ends loom's search from inside: thrown with `resume_unwind` when a frame has returned in an
/// execution that is over, so that loom runs nothing more.
pub(super) struct Abandon;

/// A thread's park token, from loom's parts: loom's own `unpark` is no scheduling point and makes any blocked
/// thread runnable (tokio-rs/loom#249, #422).
struct Token {
    mutex: Mutex<()>,
    changed: Condvar,
    set: Cell<bool>,
}

#[derive(Default)]
struct Thread {
    handle: Option<JoinHandle<()>>,
    token: Option<Rc<Token>>,
}

#[derive(Default)]
struct Tables {
    threads: Vec<Thread>,
    /// By creator, then creation count.
    objects: Vec<Vec<Rc<Object>>>,
}

/// One exploration.
pub(super) struct Kernel {
    run: Cell<Option<&'static Run>>,
    executions: u64,
    counted_arcs: bool,
    begun: Cell<u64>,
    outcome: RefCell<Option<Outcome>>,
    tables: RefCell<Tables>,
    /// Threads that wait on a condition variable or for their token.
    waiting: Cell<u32>,
    /// What the thread that unwinds is to unlock. loom's locks would be poisoned, so it is done before its next
    /// operation; it runs alone until then.
    unlocks: RefCell<Vec<Op>>,
    /// A lifetime is being used or ended.
    in_lifetime: Cell<bool>,
    /// In the execution at hand the program has relied on a reference count that loom does not see.
    relied_on_counts: Cell<bool>,
}

impl Kernel {
    pub fn new(plan: &Plan, counted_arcs: bool) -> Self {
        Kernel {
            run: Cell::new(None),
            executions: plan.executions,
            counted_arcs,
            begun: Cell::new(0),
            outcome: RefCell::default(),
            tables: RefCell::default(),
            waiting: Cell::new(0),
            unlocks: RefCell::default(),
            in_lifetime: Cell::new(false),
            relied_on_counts: Cell::new(false),
        }
    }

    /// Makes `run` the run it reports to, and this the kernel of this OS thread.
    pub fn attach(&'static self, run: &'static Run) {
        self.run.set(Some(run));
        KERNEL.set(Some(self));
    }

    pub fn of_this_thread() -> &'static Kernel {
        KERNEL.get().expect("attached before loom was started on this OS thread")
    }

    pub fn run(&self) -> &'static Run {
        self.run.get().expect("attached before loom was started")
    }

    pub fn relied_on_counts(&self) -> bool {
        self.relied_on_counts.get()
    }

    /// Accounts for the execution before, then starts the next. Unwinds if that is the end of the search.
    pub fn begin_execution(&self) {
        self.end_execution();
        if self.begun.get() >= self.executions {
            self.run().note_stop(Verdict::EngineLimit { what: "executions".to_owned() });
        }
        if self.run().over() {
            std::panic::resume_unwind(Box::new(Abandon));
        }
        self.begun.set(self.begun.get() + 1);
        let mut t = self.tables.borrow_mut();
        t.threads.clear();
        t.threads.push(Thread::default());
        t.objects.iter_mut().for_each(Vec::clear);
        self.waiting.set(0);
        self.unlocks.borrow_mut().clear();
        self.in_lifetime.set(false);
        self.relied_on_counts.set(false);
        self.run().begin_execution();
    }

    /// Accounts for the execution that has just ended, if it was complete.
    pub fn end_execution(&self) {
        let run = self.run();
        if self.begun.get() == 0 || run.over() {
            return;
        }
        run.check_leaks();
        if let (false, Some(outcome)) = (run.over(), self.outcome.borrow_mut().take()) {
            run.end_execution(outcome);
        }
    }

    /// loom's objects of an execution that was given up: their destructors would panic.
    pub fn forget_objects(&self) {
        std::mem::forget(self.tables.take());
    }

    /// The scenario's thread is done, with this result.
    pub fn main(&self, result: Result<Outcome, ()>) {
        *self.outcome.borrow_mut() = result.ok();
        self.leave();
    }

    /// A thread's body has returned.
    fn leave(&self) {
        if self.run().over() {
            std::panic::resume_unwind(Box::new(Abandon));
        }
    }

    fn object(&self, id: ObjectId) -> Rc<Object> {
        self.tables.borrow().objects[id.creator().0 as usize][id.nth() as usize].clone()
    }

    fn token(&self, thread: ThreadId) -> Rc<Token> {
        let mut t = self.tables.borrow_mut();
        let token = t.threads[thread.0 as usize].token.get_or_insert_with(|| {
            Rc::new(Token { mutex: Mutex::new(()), changed: Condvar::new(), set: Cell::new(false) })
        });
        token.clone()
    }

    fn waits<R>(&self, f: impl FnOnce() -> R) -> R {
        self.waiting.set(self.waiting.get() + 1);
        let r = f();
        self.waiting.set(self.waiting.get() - 1);
        r
    }

    fn atomic(&self, id: ObjectId, op: &Op) -> Answer {
        let object = self.object(id);
        let Object::Atomic(word, last) = &*object else { unreachable!("{id} is no atomic") };
        let Ok(w) = word.try_borrow() else { unreachable!("plain stores do not switch threads") };
        match *op {
            Op::Load { order, .. } => Answer::value(w.load(order)),
            Op::Store { order, value, .. } => {
                w.store(value, order);
                last.set(value);
                Answer::DONE
            }
            Op::Rmw { order, rmw, operand, width, .. } => {
                let old = w.rmw(rmw, operand, order, width);
                last.set(rmw.apply(width, old, operand));
                Answer::value(old)
            }
            Op::Cas { expected, new, success, failure, .. } => {
                let (value, ok) = w.cas(expected, new, success, failure);
                if ok {
                    last.set(new);
                }
                Answer { value, ok }
            }
            Op::PlainLoad { .. } => Answer::value(w.plain_load()),
            Op::PlainStore { value, .. } => {
                drop(w);
                match word.try_borrow_mut() {
                    Ok(mut w) => w.plain_store(value),
                    // Another thread is in the middle of an atomic operation on it, about to happen. It has
                    // acquired nothing since it began, so nothing orders it after this access.
                    Err(_) => self.run().fail(None, Kind::DataRace, String::new(), Vec::new()),
                }
                last.set(value);
                Answer::DONE
            }
            _ => unreachable!("{op:?} is no operation on an atomic"),
        }
    }

    fn cell(&self, me: ThreadId, op: &Op) -> Answer {
        let (Op::CellBegin { obj, write } | Op::CellEnd { obj, write }) = *op else { unreachable!() };
        let object = self.object(obj);
        let Object::Cell(cell, open) = &*object else { unreachable!("{obj} is no cell") };
        if let Op::CellBegin { .. } = op {
            let access = if write { Access::Write(cell.get_mut()) } else { Access::Read(cell.get()) };
            open.borrow_mut().push((me, write, ManuallyDrop::new(access)));
        } else {
            let mut open = open.borrow_mut();
            if let Some(i) = open.iter().rposition(|(t, w, _)| (*t, *w) == (me, write)) {
                let (_, _, access) = open.remove(i);
                drop(open);
                drop(ManuallyDrop::into_inner(access));
            }
        }
        Answer::DONE
    }

    fn lock(&self, id: ObjectId) {
        let object = self.object(id);
        let Object::Mutex(mutex, held) = &*object else { unreachable!("{id} is no mutex") };
        let guard = mutex.lock().expect("nobody unwinds while holding one of loom's guards");
        // SAFETY: the guard borrows the mutex in `object`. It lives in that same object, which the table keeps
        // in place and alive until the execution has ended, and which never drops it by itself.
        let guard: MutexGuard = unsafe { std::mem::transmute(guard) };
        held.set(Some(ManuallyDrop::new(guard)));
    }

    fn unlock(&self, id: ObjectId) {
        let object = self.object(id);
        let Object::Mutex(_, held) = &*object else { unreachable!("{id} is no mutex") };
        drop(held.take().map(ManuallyDrop::into_inner));
    }

    fn wait(&self, condvar: ObjectId, mutex: ObjectId) -> Answer {
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

    fn notify(&self, condvar: ObjectId, all: bool) -> Answer {
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

    fn rw_lock(&self, me: ThreadId, id: ObjectId, write: bool) {
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

    fn rw_unlock(&self, me: ThreadId, id: ObjectId) {
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

    fn park(&self, me: ThreadId) -> Answer {
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

    fn unpark(&self, thread: ThreadId) -> Answer {
        let token = self.token(thread);
        let guard = token.mutex.lock().expect("nobody unwinds while holding one of loom's guards");
        token.set.set(true);
        token.changed.notify_one();
        drop(guard);
        Answer::DONE
    }

    fn arc(&self, id: ObjectId, op: &Op) -> Answer {
        use std::sync::atomic::Ordering::{AcqRel, Acquire};
        let object = self.object(id);
        if let Object::CountedArc(count, last) = &*object {
            let answer = match op {
                Op::ArcClone { .. } => Answer::value(count.fetch_add(1, Relaxed)),
                // The last drop acquires all others: an `AcqRel` drop does that without a fence.
                Op::ArcDrop { .. } => Answer { value: 0, ok: count.fetch_sub(1, AcqRel) == 1 },
                Op::ArcCount { .. } => return Answer::value(count.load(Acquire)),
                _ => {
                    let mut n = count.load(Relaxed);
                    loop {
                        if n == 0 {
                            return Answer { value: 0, ok: false };
                        }
                        match count.compare_exchange(n, n + 1, Acquire, Relaxed) {
                            Ok(_) => break Answer::DONE,
                            Err(now) => n = now,
                        }
                    }
                }
            };
            last.set(if matches!(op, Op::ArcDrop { .. }) {
                last.get().saturating_sub(1)
            } else {
                last.get() + 1
            });
            return answer;
        }
        let answer = self.inert(op);
        let relied = match op {
            Op::ArcDrop { .. } => answer.ok,
            Op::ArcCount { .. } => answer.value <= 1,
            _ => false,
        };
        self.relied_on_counts.set(self.relied_on_counts.get() | relied);
        answer
    }

    fn lifetime(&self, id: ObjectId, end: bool) -> Answer {
        let object = self.object(id);
        let Object::Lifetime(cell) = &*object else { unreachable!("{id} is no lifetime") };
        self.in_lifetime.set(true);
        if end {
            drop(cell.get_mut());
        } else {
            drop(cell.get());
        }
        self.in_lifetime.set(false);
        Answer::DONE
    }

    /// What an operation does without loom: for destructors of an execution that is over, and quiet counts.
    fn inert(&self, op: &Op) -> Answer {
        let Some(id) = op.object() else { return Answer::DONE };
        let object = match self.tables.try_borrow() {
            Ok(t) => t.objects.get(id.creator().0 as usize).and_then(|v| v.get(id.nth() as usize)).cloned(),
            Err(_) => None,
        };
        let Some(object) = object else { return Answer::DONE };
        let last = match &*object {
            Object::Atomic(_, last) | Object::QuietArc(last) | Object::CountedArc(_, last) => last,
            _ => return Answer::DONE,
        };
        let old = last.get();
        let (new, ok) = match *op {
            Op::Store { value, .. } | Op::PlainStore { value, .. } => (value, true),
            Op::Rmw { rmw, operand, width, .. } => (rmw.apply(width, old, operand), true),
            Op::Cas { expected, new, .. } if old == expected => (new, true),
            Op::Cas { .. } => (old, false),
            Op::ArcClone { .. } => (old + 1, true),
            Op::ArcDrop { .. } => (old.saturating_sub(1), old <= 1),
            Op::ArcUpgrade { .. } => (old + u64::from(old > 0), old > 0),
            _ => (old, true),
        };
        last.set(new);
        Answer { value: old, ok }
    }
}

impl Engine for Kernel {
    fn created(&self, _me: ThreadId, obj: ObjectId, kind: ObjectKind, init: u64) {
        // An execution that is over makes no objects in loom, but destructors may still count on them.
        if self.run().over() {
            return;
        }
        let object = Rc::new(Object::new(kind, init, self.counted_arcs));
        let mut t = self.tables.borrow_mut();
        let creator = obj.creator().0 as usize;
        if t.objects.len() <= creator {
            t.objects.resize_with(creator + 1, Vec::new);
        }
        debug_assert_eq!(t.objects[creator].len(), obj.nth() as usize);
        t.objects[creator].push(object);
    }

    fn perform(&self, me: ThreadId, op: &Op, _site: &'static Location<'static>) -> Answer {
        // Inert while an execution is abandoned. While a thread unwinds, from a panic that the model may still
        // catch, loom must not switch threads: only what is no scheduling point is done.
        if self.run().over() {
            return self.inert(op);
        }
        if std::thread::panicking() {
            return match op {
                Op::CellEnd { .. } => self.cell(me, op),
                Op::Unlock { .. } | Op::RwUnlock { .. } => {
                    self.unlocks.borrow_mut().push(*op);
                    Answer::DONE
                }
                _ => self.inert(op),
            };
        }
        for op in self.unlocks.take() {
            match op {
                Op::RwUnlock { obj, .. } => self.rw_unlock(me, obj),
                op => self.unlock(op.object().expect("a lock")),
            }
        }
        match *op {
            Op::Load { obj, .. }
            | Op::Store { obj, .. }
            | Op::Rmw { obj, .. }
            | Op::Cas { obj, .. }
            | Op::PlainLoad { obj }
            | Op::PlainStore { obj, .. } => self.atomic(obj, op),
            Op::Fence { order } => {
                loom::sync::atomic::fence(order);
                Answer::DONE
            }
            Op::CellBegin { .. } | Op::CellEnd { .. } => self.cell(me, op),
            Op::Lock { obj } => {
                self.lock(obj);
                Answer::DONE
            }
            Op::Unlock { obj } => {
                self.unlock(obj);
                Answer::DONE
            }
            Op::RwLock { obj, write } => {
                self.rw_lock(me, obj, write);
                Answer::DONE
            }
            Op::RwUnlock { obj, .. } => {
                self.rw_unlock(me, obj);
                Answer::DONE
            }
            Op::Wait { obj, mutex, .. } => self.wait(obj, mutex),
            Op::Notify { obj, all } => self.notify(obj, all),
            Op::Park { .. } => self.park(me),
            Op::Unpark { thread } => self.unpark(thread),
            Op::Join { child } => {
                let handle = self.tables.borrow_mut().threads[child.0 as usize].handle.take();
                if let Some(handle) = handle {
                    handle.join().expect("a thread's frame catches its panics");
                }
                Answer::DONE
            }
            Op::Yield => {
                loom::thread::yield_now();
                Answer::DONE
            }
            Op::ArcClone { obj } | Op::ArcDrop { obj } | Op::ArcCount { obj } | Op::ArcUpgrade { obj } => {
                self.arc(obj, op)
            }
            Op::Lifetime { obj, end } => self.lifetime(obj, end),
            Op::Spawn { .. } | Op::Exit => Answer::DONE,
            Op::Choose { .. } | Op::TryLock { .. } | Op::TryRwLock { .. } => {
                unreachable!("{op:?} is refused")
            }
        }
    }

    fn spawn(&self, _me: ThreadId, child: ThreadId, body: Box<dyn FnOnce()>) {
        if child.0 as usize >= super::THREADS {
            self.run().stop(Verdict::OutOfReach {
                reason: format!("more than {} threads: use exact or shuttle", super::THREADS),
            });
        }
        let kernel = Kernel::of_this_thread();
        let handle = loom::thread::spawn(move || {
            body();
            kernel.leave();
        });
        let mut t = self.tables.borrow_mut();
        if t.threads.len() <= child.0 as usize {
            t.threads.resize_with(child.0 as usize + 1, Thread::default);
        }
        t.threads[child.0 as usize].handle = Some(handle);
    }

    fn classify(&self, message: &str, at: Option<&Location<'_>>) -> Option<Verdict> {
        classify(message, at, self.waiting.get() > 0, self.in_lifetime.get())
    }

    fn refuses(&self, op: &Op) -> Option<&'static str> {
        refuses(op)
    }
}
