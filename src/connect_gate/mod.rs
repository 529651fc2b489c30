//! Single-flight connecting: one leader, everyone else waits for the outcome of *that* attempt.
//!
//! Many threads and tasks share a connection that breaks. A [`ConnectGate`] makes sure that one of them, the
//! leader, repairs it while the others wait; that nobody but the leader touches the resource in between; and that
//! a waiter wakes with the outcome of the attempt it waited for, never because "something happened".
//!
//! The lesson behind it is a kernel bug (model `reconnect_early_wake`): a connect worker woke the task that waited
//! for it in mid-setup, and the task, awake too early, shut down the socket that the worker was about to connect.
//!
//! * **Single flight.** At most one [`Attempt`] exists. It owns the resource `R` until [`commit`](Attempt::commit),
//!   [`fail`](Attempt::fail) or drop. If the leader is dropped (a cancelled task, a panic), a waiter takes over.
//! * **Outcomes, not wakes.** Every attempt has an [`Epoch`]. A waiter is tagged with the epoch it waits for and is
//!   woken exactly once, after the attempt is over, with its outcome. A broadcaster that is late cannot touch a
//!   waiter of the next attempt.
//! * **Stale reports are harmless.** [`ConnectGate::invalidate`] names the epoch that broke; if somebody else has
//!   reconnected meanwhile it does nothing.
//! * **Threads and tasks in one queue**, woken in the order in which they came. Waits are cancel-safe: dropping
//!   [`Enter`] leaves the queue. Blocking waits take a deadline. No executor, timer or runtime is needed.
//! * **Back-off** by value ([`Backoff`]), after failures, and after successes that do not last if asked for
//!   ([`Backoff::also_after_success`]). Nobody sleeps while holding anything: a caller that comes too early is told how
//!   long to stay away.
//!
//! # What its users must see to
//! * `connect` must not call the gate that it is connecting: it would wait for itself, with [`Deadline::never`] for ever.
//! * A leader holds every waiter until its [`Attempt`] ends. Dropped, or unwound by a panic, it ends; kept and not polled
//!   it does not: the loser of a `select!` that is kept for later, a `FuturesUnordered` that nobody polls, an attempt that
//!   is forgotten (`mem::forget`). Two `ensure_async` of one gate in one task can block each other that way, if one leads
//!   and only the other is polled.
//! * A deadline bounds waiting for others. `connect` is the caller's, and bounds itself.
//!
//! # Example
//!
//! ```
//! use selvedge::connect_gate::{ConnectGate, EnsureError};
//! use selvedge::sync::time::Deadline;
//! use std::time::Duration;
//!
//! /// What only the leader may touch: here a counter, in earnest the half of a socket that connects and closes.
//! struct Line {
//!     dialled: u32,
//! }
//!
//! let gate: ConnectGate<Line, &'static str> = ConnectGate::new(Line { dialled: 0 });
//! let soon = Deadline::after(Duration::from_secs(5));
//!
//! // The first caller leads; callers that come while it dials wait for the same outcome.
//! let first = gate.ensure(&soon, |line| {
//!     line.dialled += 1;
//!     Ok(())
//! })?;
//! // Connected: the closure is not called.
//! let again = gate.ensure(&soon, |_| unreachable!())?;
//! assert_eq!(first, again);
//!
//! // The connection breaks. Two users notice; the second report is about an incarnation already gone.
//! assert!(gate.invalidate(first));
//! assert!(!gate.invalidate(first));
//!
//! // The peer refuses. Everyone who waited gets this error with this epoch.
//! let refused = gate.ensure(&soon, |_| Err("connection refused")).unwrap_err();
//! assert!(matches!(refused, EnsureError::Failed(f) if *f.error() == "connection refused"));
//! # Ok::<(), EnsureError<&'static str>>(())
//! ```

mod attempt;
mod backoff;
mod enter;
mod queue;

pub use attempt::{Attempt, Failure};
pub use backoff::Backoff;
pub use enter::{EnsureError, Enter, TimedOut, Turn};

use crate::sync::time::Deadline;
use crate::sync::{AtomicU64, Mutex, Named, Ordering, UnsafeCell};
use queue::{Outcome, Queue, Wake};
use std::fmt;
use std::time::Duration;

/// Which attempt: 0 before the first, then one more for each.
///
/// An epoch names an incarnation of the connection, so epochs are compared for equality only. There are 2^61 of
/// them: at an attempt each nanosecond, 73 years.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// Its number, for logs.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({})", self.0)
    }
}

/// What the gate is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nobody connects. The next caller leads, unless a back-off is in force.
    Idle(Epoch),
    /// A leader is at work.
    Attempting(Epoch),
    /// The attempt succeeded and nobody has invalidated it.
    Connected(Epoch),
}

/// Somebody waits for the attempt at hand: its publisher must take the lock. Only ever set beside `ATTEMPTING`.
const WAITERS: u64 = 0b001;
/// The two bits that say what the gate is doing.
const PHASE: u64 = 0b110;
const IDLE: u64 = 0b000;
const ATTEMPTING: u64 = 0b010;
const CONNECTED: u64 = 0b100;
/// Idle after a failure: the next leader looks up under the lock whether the back-off is over.
const COOLING: u64 = 0b110;
/// Distance between epochs.
const EPOCH: u64 = 0b1000;

fn phase(word: u64) -> u64 {
    word & PHASE
}

fn epoch(word: u64) -> Epoch {
    Epoch(word / EPOCH)
}

/// What the leader, and only the leader, may touch.
struct Owned<R> {
    resource: R,
    /// Failures since the last success that counts; with a back-off after successes, those successes too.
    failures: u32,
}

/// What callers share under the lock.
struct Shared<E> {
    queue: Queue<E>,
    /// No attempt before this. Meaningful in `COOLING`, and with a back-off after successes while connected.
    not_before: Option<Deadline>,
    /// With a back-off after successes: the last connection broke later than that, and nobody has led since.
    lasted: bool,
}

/// A single-flight gate around a resource `R` whose attempts fail with `E`. See the [module](self).
///
/// | `word` (epoch, phase) | who may move it | to | ordering |
/// |---|---|---|---|
/// | n, idle or cooling | any caller, once: it is the leader of n+1 | n+1, attempting | Acquire (by the load before) |
/// | n, attempting | a waiter, under the lock | the same, with `WAITERS` | Relaxed |
/// | n, attempting | its leader | n, connected or idle or cooling, without `WAITERS` | Release |
/// | n, connected | whoever saw n break | n, idle; or cooling, if n has not lasted and that counts (under the lock) | Release |
///
/// The word is also the lock of `owned`: from the move to *attempting* until the move out of it, the leader alone
/// has access. One publisher, one `swap`: it takes `WAITERS` away, and only if it was set need the publisher look
/// into the queue. It then completes the waiters that are tagged with its own epoch and no others, because by the
/// time it gets there the next attempt may be under way and have waiters of its own.
pub struct ConnectGate<R, E> {
    word: AtomicU64,
    shared: Mutex<Shared<E>>,
    owned: UnsafeCell<Owned<R>>,
    backoff: Backoff,
}

// SAFETY: `owned` is the only field that is not `Sync` by itself. It is reached through an `Attempt`, of which at
// most one exists (the word), and through `&mut self` or `self`; so the resource moves between threads but is never
// shared by the gate: `R: Send` is enough. Errors are shared by everyone who waited: `E: Send + Sync`.
unsafe impl<R: Send, E: Send + Sync> Sync for ConnectGate<R, E> {}

impl<R, E> ConnectGate<R, E> {
    /// An idle gate around `resource`, without back-off.
    pub fn new(resource: R) -> Self {
        ConnectGate::with_backoff(resource, Backoff::NONE)
    }

    /// An idle gate around `resource` that keeps failed attempts apart.
    pub fn with_backoff(resource: R, backoff: Backoff) -> Self {
        let shared = Shared { queue: Queue::new(), not_before: None, lasted: false };
        ConnectGate {
            word: AtomicU64::new(IDLE).named("gate.word"),
            shared: Mutex::new(shared).named("gate.queue"),
            owned: UnsafeCell::new(Owned { resource, failures: 0 }).named("gate.resource"),
            backoff,
        }
    }

    /// What the gate is doing: one load. By the time the caller looks at it, it may be doing something else.
    pub fn state(&self) -> State {
        // Acquire: pairs with the Release of the publishing swap; whatever the leader did before its commit is
        // visible to whoever sees it connected.
        let word = self.word.load(Ordering::Acquire);
        match phase(word) {
            CONNECTED => State::Connected(epoch(word)),
            ATTEMPTING => State::Attempting(epoch(word)),
            _ => State::Idle(epoch(word)),
        }
    }

    /// The epoch of the connection, if there is one: one load.
    #[inline]
    pub fn connected(&self) -> Option<Epoch> {
        // Acquire: as in `state`.
        let word = self.word.load(Ordering::Acquire);
        (phase(word) == CONNECTED).then(|| epoch(word))
    }

    /// The connection of `broken` does not work any more: the next caller leads a new attempt. Returns whether
    /// this call is what ended it.
    ///
    /// Does nothing if `broken` is not the connection at hand: it has been invalidated already, or somebody has
    /// reconnected, or is about to. So a late report of an old failure cannot tear down its successor.
    pub fn invalidate(&self, broken: Epoch) -> bool {
        if !self.backoff.counts_successes() {
            return self.end(broken, IDLE);
        }
        // Under the lock, so that the pause is the one of `broken` if that is still the connection, and the next leader
        // hears whether it has lasted.
        let mut shared = self.shared.lock();
        let lasted = shared.not_before.as_ref().is_none_or(Deadline::expired);
        let ended = self.end(broken, if lasted { IDLE } else { COOLING });
        shared.lasted |= ended && lasted;
        ended
    }

    /// Moves the word from the connection of `broken` to `phase`, if that is still what it says.
    fn end(&self, broken: Epoch, phase: u64) -> bool {
        let (connected, over) = ((broken.0 * EPOCH) | CONNECTED, (broken.0 * EPOCH) | phase);
        // Release: pairs with the Acquire load of the next leader in `Enter`; what the caller did with the broken
        // connection is over before the leader touches it. Relaxed on failure: nothing is read on the strength
        // of it.
        self.word.compare_exchange(connected, over, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Becomes the leader of the next attempt, if `word`, read with Acquire, is still what the gate is doing.
    fn lead(&self, word: u64) -> Option<Attempt<'_, R, E>> {
        let next = (word & !(PHASE | WAITERS)).wrapping_add(EPOCH) | ATTEMPTING;
        // Relaxed: the caller has read `word` with Acquire, and no value is ever written to the word twice, so this
        // exchange reads the very write that the caller has synchronised with.
        self.word
            .compare_exchange(word, next, Ordering::Relaxed, Ordering::Relaxed)
            .ok()
            .map(|_| Attempt::new(self, epoch(next)))
    }

    /// How long no attempt may start, if a back-off is in force.
    fn cooling(&self) -> Option<Duration> {
        let not_before = self.shared.lock().not_before.clone()?;
        not_before.remaining().map_or(Some(Duration::MAX), |left| (left > Duration::ZERO).then_some(left))
    }

    /// Sleeps until the back-off in force is over; `false` if `deadline` passes before that.
    fn sit_out(&self, deadline: &Deadline) -> bool {
        let not_before = self.shared.lock().not_before.clone();
        not_before.is_none_or(|not_before| not_before.sleep(deadline))
    }

    /// Ends the attempt of `epoch` and completes its waiters.
    fn publish(&self, epoch: Epoch, phase: u64, outcome: Outcome<E>) {
        // Release: pairs with the Acquire in `state`, `connected` and `Enter`; the attempt's work is visible to
        // whoever sees that it is over. Nothing need be acquired: if `WAITERS` was set, the waiter set it while
        // it held the lock that `broadcast` takes next, so its entry is there by then.
        let before = self.word.swap((epoch.0 * EPOCH) | phase, Ordering::Release);
        if before & WAITERS != 0 {
            self.broadcast(epoch, outcome);
        }
    }

    /// Completes every waiter of `epoch`, oldest first, and wakes it with no lock held.
    fn broadcast(&self, epoch: Epoch, outcome: Outcome<E>) {
        /// Wakes what is left even if a task's waker panics: the others must not be lost with it.
        struct Broadcast<'g, R, E> {
            gate: &'g ConnectGate<R, E>,
            epoch: Epoch,
            outcome: Outcome<E>,
            batch: [Option<Wake>; 32],
            all_awake: bool,
        }

        impl<R, E> Broadcast<'_, R, E> {
            fn run(&mut self) {
                loop {
                    let completed = {
                        let mut shared = self.gate.shared.lock();
                        shared.queue.complete(self.epoch, &self.outcome, &mut self.batch)
                    };
                    self.wake();
                    // No waiter of this epoch can register any more, so a batch that is not full is the last.
                    if completed < self.batch.len() {
                        self.all_awake = true;
                        return;
                    }
                }
            }

            fn wake(&mut self) {
                self.batch.iter_mut().filter_map(Option::take).for_each(Wake::wake);
            }
        }

        impl<R, E> Drop for Broadcast<'_, R, E> {
            fn drop(&mut self) {
                if !self.all_awake {
                    self.wake();
                    self.run();
                }
            }
        }

        Broadcast { gate: self, epoch, outcome, batch: [const { None }; 32], all_awake: false }.run();
    }

    /// The resource, which nobody else can touch.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.owned.get_mut().resource
    }

    /// The resource.
    pub fn into_inner(self) -> R {
        self.owned.into_inner().resource
    }
}

impl<R, E> fmt::Debug for ConnectGate<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectGate").field("state", &self.state()).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(ConnectGate<std::cell::Cell<u8>, String>: Send, Sync);
static_assertions::assert_not_impl_any!(ConnectGate<*mut u8, String>: Send, Sync);
// A waiter hands the error of the leader's thread to its own.
static_assertions::assert_not_impl_any!(ConnectGate<u8, std::cell::Cell<u8>>: Sync);
// The lead can move to another thread; sharing it shares the resource.
static_assertions::assert_impl_all!(Attempt<'static, std::cell::Cell<u8>, String>: Send);
static_assertions::assert_not_impl_any!(Attempt<'static, std::cell::Cell<u8>, String>: Sync);
static_assertions::assert_impl_all!(Enter<'static, u8, String>: Send, Unpin, std::future::Future);
