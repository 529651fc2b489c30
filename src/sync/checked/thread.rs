//! Threads of the checked form: model threads inside a model, OS threads outside.

use crate::check::engine::native;
use crate::check::event::{self, Op};
use crate::check::run::{self, Abandoned, Run};
use crate::check::verdict::Verdict;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::Location;
use std::sync::{Arc as StdArc, Mutex as StdMutex, PoisonError};
use std::thread as os;
use std::time::Duration;

pub use super::local::{AccessError, LocalKey};
pub use super::scope::{Scope, ScopedJoinHandle, scope};
pub use std::thread::{Result, panicking};

/// A thread's identity, for comparing and hashing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ThreadId(Id);

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Id {
    Os(os::ThreadId),
    Model(event::ThreadId),
}

impl ThreadId {
    pub(super) fn model(id: event::ThreadId) -> ThreadId {
        ThreadId(Id::Model(id))
    }
}

/// A handle to a thread, for waking it.
#[derive(Clone)]
pub struct Thread(Repr);

#[derive(Clone)]
enum Repr {
    Os(os::Thread),
    Model { id: event::ThreadId, epoch: u64, name: Option<StdArc<str>> },
}

impl Thread {
    pub(super) fn model(run: &Run, id: event::ThreadId) -> Thread {
        let name = run.state().threads.get(id.0 as usize).and_then(|t| t.name.as_deref().map(StdArc::from));
        Thread(Repr::Model { id, epoch: run.epoch(), name })
    }
    pub(super) fn os(thread: os::Thread) -> Thread {
        Thread(Repr::Os(thread))
    }
    /// Makes the thread's next, or current, `park` return.
    #[track_caller]
    pub fn unpark(&self) {
        match &self.0 {
            Repr::Os(t) => t.unpark(),
            Repr::Model { id, epoch, .. } => {
                // A waker may outlive its execution; there is nobody left to wake.
                if let Some(run) = run::current().filter(|r| r.epoch() == *epoch) {
                    run.perform(Op::Unpark { thread: *id }, Location::caller());
                }
            }
        }
    }
    /// Its identity.
    pub fn id(&self) -> ThreadId {
        ThreadId(match &self.0 {
            Repr::Os(t) => Id::Os(t.id()),
            Repr::Model { id, .. } => Id::Model(*id),
        })
    }
    /// The name given to its builder; `main` for the scenario's own.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Repr::Os(t) => t.name(),
            Repr::Model { name, .. } => name.as_deref(),
        }
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread").field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The thread that asks.
pub fn current() -> Thread {
    match run::current() {
        Some(run) => {
            run.engine().asks_who(run.me());
            Thread::model(run, run.me())
        }
        None => Thread::os(os::current()),
    }
}

/// Where a model thread leaves its result, for `join`.
pub(super) type Packet<T> = StdArc<StdMutex<Option<T>>>;

pub(super) fn take<T>(packet: &Packet<T>) -> Option<T> {
    packet.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What `join` says of a model thread that left no result. Its panic is the failure of the execution; this thread
/// goes down with it.
pub(super) fn no_result<T>() -> Result<T> {
    if !panicking() {
        std::panic::resume_unwind(Box::new(Abandoned));
    }
    Err(Box::new("the execution was abandoned"))
}

/// Owns the right to wait for a thread.
pub struct JoinHandle<T>(Join<T>);

enum Join<T> {
    Os { handle: os::JoinHandle<T>, thread: Thread },
    Model { child: event::ThreadId, packet: Packet<T>, thread: Thread },
}

// SAFETY: as std's, without a condition on `T`: the result is written by the thread before it ends and read by
// `join` after it has ended, and `join` consumes the only handle.
unsafe impl<T> Send for JoinHandle<T> {}
// SAFETY: as for `Send`; nothing that takes `&self` reaches the result.
unsafe impl<T> Sync for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// Waits for the thread to end and returns its result.
    ///
    /// In a model it never returns `Err`: a panic that leaves a thread fails the execution.
    #[track_caller]
    pub fn join(self) -> Result<T> {
        match self.0 {
            Join::Os { handle, .. } => handle.join(),
            Join::Model { child, packet, .. } => {
                let run = run::current().expect("a model thread is joined outside its execution");
                run.perform(Op::Join { child }, Location::caller());
                take(&packet).map_or_else(no_result, Ok)
            }
        }
    }
    /// Has the thread ended? Refused in models, where the answer would bring no happens-before edge along that
    /// anyone could rely on.
    #[track_caller]
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            Join::Os { handle, .. } => handle.is_finished(),
            Join::Model { .. } => refuse_is_finished(),
        }
    }
    /// The thread.
    pub fn thread(&self) -> &Thread {
        match &self.0 {
            Join::Os { thread, .. } | Join::Model { thread, .. } => thread,
        }
    }
}

pub(super) fn refuse_is_finished() -> bool {
    let run = run::current().expect("a model thread is asked about outside its execution");
    run.stop(Verdict::OutOfReach {
        reason: "JoinHandle::is_finished is not modelled: let the thread store to an atomic, and load that"
            .into(),
    })
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

/// Starts a thread.
#[track_caller]
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn(f).expect("failed to spawn thread")
}

/// Options for a new thread.
#[derive(Debug, Default)]
pub struct Builder {
    pub(super) name: Option<String>,
    pub(super) stack_size: Option<usize>,
}

impl Builder {
    /// No options.
    pub fn new() -> Builder {
        Builder::default()
    }
    /// Names the thread.
    pub fn name(mut self, name: String) -> Builder {
        self.name = Some(name);
        self
    }
    /// Sets the size of its stack in bytes. Ignored in models, where the engine decides.
    pub fn stack_size(mut self, size: usize) -> Builder {
        self.stack_size = Some(size);
        self
    }
    /// The same for an OS thread.
    pub(super) fn os(self) -> os::Builder {
        let mut builder = os::Builder::new();
        if let Some(name) = self.name {
            builder = builder.name(name);
        }
        if let Some(size) = self.stack_size {
            builder = builder.stack_size(size);
        }
        builder
    }
    /// Starts the thread.
    #[track_caller]
    pub fn spawn<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let Some(run) = run::current() else {
            let handle = self.os().spawn(native::inherit(f))?;
            let thread = Thread::os(handle.thread().clone());
            return Ok(JoinHandle(Join::Os { handle, thread }));
        };
        let packet = Packet::default();
        let result = packet.clone();
        let child = run.spawn(self.name, Location::caller(), move || put(&result, f()));
        let thread = Thread::model(run, child);
        Ok(JoinHandle(Join::Model { child, packet, thread }))
    }
    /// Starts the thread inside a scope.
    #[track_caller]
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        scope.start(self, f)
    }
}

pub(super) fn put<T>(packet: &Packet<T>, value: T) {
    *packet.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

/// Gives the processor away; in a model, lets someone else move.
#[track_caller]
pub fn yield_now() {
    match run::current() {
        Some(run) => {
            run.perform(Op::Yield, Location::caller());
        }
        None => os::yield_now(),
    }
}

/// Waits for this thread's token, and takes it. May return without it.
#[track_caller]
pub fn park() {
    match run::current() {
        Some(run) => {
            run.perform(Op::Park { timed: false }, Location::caller());
        }
        None => os::park(),
    }
}

/// Parks this thread until `condition` holds, which is looked at before each park. Whoever makes it hold unparks.
///
/// In a model, destructors of an execution that is being abandoned do not wait here: nobody else will move.
#[track_caller]
pub fn park_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        if run::current().is_some_and(|run| run.over() || panicking()) {
            return;
        }
        park();
    }
}

/// [`park`], but at most for `timeout`; in a model a choice.
#[track_caller]
pub fn park_timeout(timeout: Duration) {
    park_timed(timeout);
}

/// [`park_timeout`] that says, in a model, whether the park ended otherwise than by its timeout.
#[track_caller]
pub(super) fn park_timed(timeout: Duration) -> bool {
    match run::current() {
        Some(run) => run.perform(Op::Park { timed: true }, Location::caller()).ok,
        None => {
            os::park_timeout(timeout);
            true
        }
    }
}

/// Sleeps; in a model it only lets others move, for no duration means anything there.
#[track_caller]
pub fn sleep(duration: Duration) {
    match run::current() {
        Some(_) => yield_now(),
        None => os::sleep(duration),
    }
}

/// How many threads can run at once: always 2 in a model, so that it does not depend on the machine.
pub fn available_parallelism() -> io::Result<NonZeroUsize> {
    match run::current() {
        Some(_) => Ok(const { NonZeroUsize::new(2).unwrap() }),
        None => os::available_parallelism(),
    }
}
