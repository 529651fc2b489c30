//! Between facade and loom: the life of an exploration, and the one match over all operations.
//!
//! What each does with loom's objects is in `memory.rs` and `blocking.rs`.

use super::Plan;
use super::classify::classify;
use super::objects::{Object, refuses};
use crate::check::engine::Engine;
use crate::check::event::{Answer, ObjectId, ObjectKind, Op, ThreadId};
use crate::check::model::Outcome;
use crate::check::run::Run;
use crate::check::verdict::Verdict;
use loom::sync::{Condvar, Mutex};
use loom::thread::JoinHandle;
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;

thread_local! {
    /// Whose exploration is under way on this OS thread.
    static KERNEL: Cell<Option<&'static Kernel>> = const { Cell::new(None) };
    /// The kernel of the explorations before, for the next one.
    static SPARE: Cell<Option<&'static Kernel>> = const { Cell::new(None) };
}

/// The payload that ends loom's search from inside: thrown with `resume_unwind` when a frame has returned in an
/// execution that is over, so that loom runs nothing more.
pub(super) struct Abandon;

/// A thread's park token, from loom's parts: loom's own `unpark` is no scheduling point and makes any blocked
/// thread runnable (tokio-rs/loom#249, #422).
pub(super) struct Token {
    pub(super) mutex: Mutex<()>,
    pub(super) changed: Condvar,
    pub(super) set: Cell<bool>,
}

#[derive(Default)]
pub(super) struct Thread {
    handle: Option<JoinHandle<()>>,
    token: Option<Rc<Token>>,
}

#[derive(Default)]
pub(super) struct Tables {
    pub(super) threads: Vec<Thread>,
    /// By creator, then creation count.
    pub(super) objects: Vec<Vec<Rc<Object>>>,
}

/// One exploration after another: coroutines that were given up may keep references to it for ever, so it is never freed,
/// and there is one an OS thread.
#[derive(Default)]
pub(super) struct Kernel {
    run: Cell<Option<&'static Run>>,
    executions: Cell<u64>,
    counted_arcs: Cell<bool>,
    begun: Cell<u64>,
    outcome: RefCell<Option<Outcome>>,
    pub(super) tables: RefCell<Tables>,
    /// Threads that wait on a condition variable or for their token.
    waiting: Cell<u32>,
    /// What the thread that unwinds is to unlock. loom's locks would be poisoned, so it is done before its next
    /// operation; it runs alone until then.
    unlocks: RefCell<Vec<Op>>,
    /// A lifetime is being used or ended.
    pub(super) in_lifetime: Cell<bool>,
    /// In the execution at hand the program has relied on a reference count that loom does not see.
    pub(super) relied_on_counts: Cell<bool>,
    /// The model has looked at a quiet count.
    pub(super) observed_counts: Cell<bool>,
}

impl Kernel {
    /// The kernel of this OS thread, for an exploration by `plan`, with the run that it reports to.
    pub fn begin(plan: &Plan, counted_arcs: bool) -> (&'static Kernel, &'static Run) {
        let k = SPARE.take().unwrap_or_else(|| {
            let k: &'static Kernel = Box::leak(Box::default());
            k.run.set(Some(Run::leak(k)));
            k
        });
        k.run().renew();
        k.executions.set(plan.executions);
        k.counted_arcs.set(counted_arcs);
        k.observed_counts.set(false);
        k.begun.set(0);
        k.outcome.take();
        KERNEL.set(Some(k));
        (k, k.run())
    }

    /// The exploration is over. loom's objects of its last execution stay until the first of the next one, where they are
    /// dropped like those of any execution before: outside of one their destructors would panic.
    pub fn end(&'static self) {
        KERNEL.set(None);
        SPARE.set(Some(self));
    }

    pub fn of_this_thread() -> &'static Kernel {
        KERNEL.get().expect("an exploration is under way on this OS thread")
    }

    pub fn run(&self) -> &'static Run {
        self.run.get().expect("a kernel is made with its run")
    }

    pub fn relied_on_counts(&self) -> bool {
        self.relied_on_counts.get()
    }

    /// Has the model looked at a quiet count?
    pub fn observed_counts(&self) -> bool {
        self.observed_counts.get()
    }

    /// Accounts for the execution before, then starts the next. Unwinds if that is the end of the search.
    pub fn begin_execution(&self) {
        self.end_execution();
        if self.begun.get() >= self.executions.get() {
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

    pub(super) fn object(&self, id: ObjectId) -> Rc<Object> {
        self.tables.borrow().objects[id.creator().0 as usize][id.nth() as usize].clone()
    }

    pub(super) fn token(&self, thread: ThreadId) -> Rc<Token> {
        let mut t = self.tables.borrow_mut();
        let token = t.threads[thread.0 as usize].token.get_or_insert_with(|| {
            Rc::new(Token { mutex: Mutex::new(()), changed: Condvar::new(), set: Cell::new(false) })
        });
        token.clone()
    }

    pub(super) fn waits<R>(&self, f: impl FnOnce() -> R) -> R {
        self.waiting.set(self.waiting.get() + 1);
        let r = f();
        self.waiting.set(self.waiting.get() - 1);
        r
    }
}

impl Engine for Kernel {
    fn arc_observed(&self, _me: ThreadId, _obj: ObjectId) {
        self.observed_counts.set(true);
    }

    fn created(&self, _me: ThreadId, obj: ObjectId, kind: ObjectKind, init: u64) {
        // An execution that is over makes no objects in loom, but destructors may still count on them.
        if self.run().over() {
            return;
        }
        let object = Rc::new(Object::new(kind, init, self.counted_arcs.get()));
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
            Op::ArcClone { obj }
            | Op::ArcDrop { obj }
            | Op::ArcCount { obj, .. }
            | Op::ArcUpgrade { obj } => self.arc(obj, op),
            Op::Lifetime { obj, end } => self.lifetime(obj, end),
            Op::UseEnd { obj } => self.lifetime(obj, false),
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
