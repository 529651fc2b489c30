//! Scoped threads of the checked form.
//!
//! Both arms are built on handles that the scope keeps: a scope that ends, normally or by a panic, waits for every
//! thread that was started in it, so that what they borrow outlives them.

use super::thread::{self, Builder, Packet, Result, Thread, ThreadId};
use crate::check::engine::native;
use crate::check::event::{self, Op};
use crate::check::run;
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc as StdArc, Mutex as StdMutex, MutexGuard, PoisonError};

/// A scope in which threads can be started that borrow from outside it.
pub struct Scope<'scope, 'env: 'scope> {
    children: Children,
    /// Invariant, as std's: a scope must not be shrunk to one whose threads may borrow less long-lived data.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// Threads that nobody has waited for yet.
type Children = StdArc<StdMutex<Vec<Child>>>;

enum Child {
    /// Returns whether it panicked.
    Os(std::thread::JoinHandle<bool>),
    Model(event::ThreadId),
}

fn lock(children: &Children) -> MutexGuard<'_, Vec<Child>> {
    children.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pop(children: &Children, which: impl Fn(&Child) -> bool) -> Option<Child> {
    let mut children = lock(children);
    children.iter().position(which).map(|i| children.remove(i))
}

impl Child {
    fn id(&self) -> ThreadId {
        match self {
            Child::Os(handle) => Thread::os(handle.thread().clone()).id(),
            Child::Model(id) => ThreadId::model(*id),
        }
    }

    /// Waits for its end; says whether it panicked. (In a model that has failed the execution.)
    fn wait(self, site: run::Site) -> bool {
        match self {
            Child::Os(handle) => handle.join().unwrap_or(true),
            Child::Model(child) => {
                let run = run::current().expect("a model thread's scope ends outside its execution");
                run.perform(Op::Join { child }, site);
                false
            }
        }
    }
}

/// Waits for the rest when the scope is left, by whatever way.
struct Leave<'a> {
    children: &'a Children,
    panicked: &'a Cell<bool>,
    site: run::Site,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        while let Some(child) = pop(self.children, |_| true) {
            let model = if let Child::Model(id) = child { Some(id) } else { None };
            self.panicked.set(self.panicked.get() | child.wait(self.site));
            if let (Some(child), Some(run)) = (model, run::current()) {
                run.left_in_scope(child);
            }
        }
    }
}

/// Runs `f` with a scope, and waits for all threads started in it.
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    let children = Children::default();
    let scope = Scope { children: children.clone(), scope: PhantomData, env: PhantomData };
    let panicked = Cell::new(false);
    let result = {
        let _leave = Leave { children: &children, panicked: &panicked, site: Location::caller() };
        f(&scope)
    };
    assert!(!panicked.get(), "a scoped thread panicked");
    result
}

type Caught<T> = std::result::Result<T, Box<dyn Any + Send>>;

impl<'scope> Scope<'scope, '_> {
    /// Starts a thread.
    #[track_caller]
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.start(Builder::new(), f).expect("failed to spawn thread")
    }

    #[track_caller]
    pub(super) fn start<F, T>(&'scope self, builder: Builder, f: F) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let packet: Packet<Caught<T>> = Packet::default();
        let result = packet.clone();
        let (child, thread) = if let Some(run) = run::current() {
            let name = builder.name;
            // In a model the frame catches panics, for they are failures of the execution.
            let body: Box<dyn FnOnce() + 'scope> = Box::new(move || thread::put(&result, Ok(f())));
            // SAFETY: the lifetime is only forgotten. Everything that the body borrows outlives 'scope, and
            // `scope` does not return before `Leave` has seen the thread end. (If the engine abandons the
            // execution in between, it does not run the thread any more.)
            let body: Box<dyn FnOnce() + 'static> = unsafe { std::mem::transmute(body) };
            let id = run.spawn(name, Location::caller(), body);
            (Child::Model(id), Thread::model(run, id))
        } else {
            let f = native::inherit(f);
            let body: Box<dyn FnOnce() -> bool + Send + 'scope> = Box::new(move || {
                let caught = catch_unwind(AssertUnwindSafe(f));
                let panicked = caught.is_err();
                thread::put(&result, caught);
                panicked
            });
            // SAFETY: as above; `Leave` joins the thread.
            let body: Box<dyn FnOnce() -> bool + Send + 'static> = unsafe { std::mem::transmute(body) };
            let handle = builder.os().spawn(body)?;
            let thread = Thread::os(handle.thread().clone());
            (Child::Os(handle), thread)
        };
        lock(&self.children).push(child);
        Ok(ScopedJoinHandle { children: self.children.clone(), packet, thread, scope: PhantomData })
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// Owns the right to wait for a scoped thread.
pub struct ScopedJoinHandle<'scope, T> {
    children: Children,
    packet: Packet<Caught<T>>,
    thread: Thread,
    scope: PhantomData<&'scope ()>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Waits for the thread to end and returns its result.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        // Not there if the scope is being left by a panic and has waited already.
        if let Some(child) = pop(&self.children, |c| c.id() == self.thread.id()) {
            child.wait(Location::caller());
        }
        thread::take(&self.packet).unwrap_or_else(thread::no_result)
    }
    /// Has the thread ended? Refused in models, as `JoinHandle::is_finished`.
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        match lock(&self.children).iter().find(|c| c.id() == self.thread.id()) {
            Some(Child::Os(handle)) => handle.is_finished(),
            Some(Child::Model(_)) => thread::refuse_is_finished(),
            None => true,
        }
    }
    /// The thread.
    pub fn thread(&self) -> &Thread {
        &self.thread
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}
