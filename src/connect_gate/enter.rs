//! The caller's side: get a connection, the lead, or the outcome of the attempt under way.

use super::queue::{Key, Outcome, Wake};
use super::{ATTEMPTING, Attempt, CONNECTED, COOLING, ConnectGate, Epoch, Failure, WAITERS, epoch, phase};
use crate::sync::time::Deadline;
use crate::sync::{Ordering, thread};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// What a caller of the gate is to do now.
#[must_use = "it may hold the lead, which others wait for"]
#[derive(Debug)]
pub enum Turn<'g, R, E> {
    /// There is a connection.
    Connected(Epoch),
    /// This caller connects.
    Lead(Attempt<'g, R, E>),
    /// The attempt that this caller waited for failed.
    Failed(Failure<E>),
    /// The last attempt failed, or its connection has not lasted, and the next may not start for so long. Come back then;
    /// nothing is held meanwhile.
    Backoff(Duration),
}

impl<R, E> ConnectGate<R, E> {
    /// Waits for a [`Turn`]. Resolves at once unless an attempt is under way.
    ///
    /// Cancel-safe: dropping the future leaves the queue. There is nothing to pass on, because an outcome goes to
    /// all waiters of an attempt at once; and if a leader is dropped, all its waiters learn it and the first to run
    /// takes over.
    pub fn enter(&self) -> Enter<'_, R, E> {
        Enter { gate: self, waiting: None }
    }

    /// [`enter`](ConnectGate::enter) for threads: blocks until `deadline` at the latest.
    pub fn enter_blocking(&self, deadline: &Deadline) -> Result<Turn<'_, R, E>, TimedOut> {
        let mut enter = self.enter();
        loop {
            if let Poll::Ready(turn) = enter.advance(|| Wake::Thread(thread::current()), |_| true) {
                return Ok(turn);
            }
            if !deadline.park() {
                // The outcome may have come in this very moment; then it counts.
                return enter.leave();
            }
        }
    }

    /// A connection: the one there is, or the one that another caller is making, or the one that `connect` makes with this
    /// caller as the leader. Blocks the thread; sits out a back-off.
    ///
    /// `deadline` ends waiting for another caller and sitting out a back-off. It does not end `connect`, nor keep a caller
    /// whose deadline has passed from leading: what `connect` does has its own time limits. `connect` must not call this
    /// gate.
    ///
    /// If `connect` panics, the attempt is abandoned and a waiter takes over.
    pub fn ensure(
        &self,
        deadline: &Deadline,
        connect: impl FnOnce(&mut R) -> Result<(), E>,
    ) -> Result<Epoch, EnsureError<E>> {
        loop {
            match self.enter_blocking(deadline)? {
                Turn::Connected(epoch) => return Ok(epoch),
                Turn::Failed(failure) => return Err(EnsureError::Failed(failure)),
                Turn::Lead(mut attempt) => {
                    return match connect(&mut attempt) {
                        Ok(()) => Ok(attempt.commit()),
                        Err(error) => Err(EnsureError::Failed(attempt.fail(error))),
                    };
                }
                // Until its end, not for so long: then one look at the gate is enough, unless another caller has failed.
                Turn::Backoff(_) if self.sit_out(deadline) => {}
                Turn::Backoff(_) => return Err(EnsureError::TimedOut),
            }
        }
    }

    /// [`ensure`](ConnectGate::ensure) for tasks. The executor's timer comes as `sleep`, used only to sit out a
    /// back-off; for a deadline, drop the future. `connect` must not call this gate; and a future that leads must be polled
    /// or dropped, for others wait for it.
    ///
    /// ```
    /// # use selvedge::connect_gate::{ConnectGate, EnsureError};
    /// # use selvedge::sync::future::block_on;
    /// let gate: ConnectGate<u32, std::io::Error> = ConnectGate::new(0);
    /// let connected = block_on(gate.ensure_async(
    ///     async |pause| std::thread::sleep(pause), // your runtime's timer
    ///     async |dialled| {
    ///         *dialled += 1;
    ///         Ok(())
    ///     },
    /// ));
    /// assert!(connected.is_ok());
    /// ```
    pub async fn ensure_async(
        &self,
        sleep: impl AsyncFn(Duration),
        connect: impl AsyncFnOnce(&mut R) -> Result<(), E>,
    ) -> Result<Epoch, EnsureError<E>> {
        loop {
            match self.enter().await {
                Turn::Connected(epoch) => return Ok(epoch),
                Turn::Failed(failure) => return Err(EnsureError::Failed(failure)),
                Turn::Lead(mut attempt) => {
                    return match connect(&mut attempt).await {
                        Ok(()) => Ok(attempt.commit()),
                        Err(error) => Err(EnsureError::Failed(attempt.fail(error))),
                    };
                }
                Turn::Backoff(pause) => sleep(pause).await,
            }
        }
    }
}

/// The future of [`ConnectGate::enter`].
#[must_use = "futures do nothing unless awaited"]
pub struct Enter<'g, R, E> {
    gate: &'g ConnectGate<R, E>,
    /// The attempt it waits for, and its place in the queue.
    waiting: Option<(Epoch, Key)>,
}

impl<'g, R, E> Enter<'g, R, E> {
    /// One step. `wake` says how to wake this caller, `current` whether what is registered still does that.
    fn advance(&mut self, wake: impl Fn() -> Wake, current: impl Fn(&Wake) -> bool) -> Poll<Turn<'g, R, E>> {
        if let Some((epoch, key)) = self.waiting {
            // A waker's clone and drop are foreign code: they run with no lock held.
            let mut renewed = None;
            let outcome = loop {
                let mut shared = self.gate.shared.lock();
                match shared.queue.registered(key) {
                    None => break shared.queue.remove(key).ok(),
                    Some(registered) if current(registered) => return Poll::Pending,
                    Some(registered) => match renewed.take() {
                        Some(new) => {
                            let old = std::mem::replace(registered, new);
                            drop(shared);
                            drop(old);
                            return Poll::Pending;
                        }
                        None => {
                            drop(shared);
                            renewed = Some(wake());
                        }
                    },
                }
            };
            self.waiting = None;
            match outcome {
                Some(Outcome::Connected) => return Poll::Ready(Turn::Connected(epoch)),
                Some(Outcome::Failed(error)) => return Poll::Ready(Turn::Failed(Failure { epoch, error })),
                Some(Outcome::Abandoned) | None => {} // Start over: somebody must lead.
            }
        }
        let gate = self.gate;
        loop {
            // Acquire: pairs with the Release of the publishing swap, for the caller who finds a connection and for the
            // one who takes the lead: the resource is as the last leader left it. Also with that of an `invalidate`
            // in between, which continues the swap's release sequence.
            let word = gate.word.load(Ordering::Acquire);
            match phase(word) {
                CONNECTED => return Poll::Ready(Turn::Connected(epoch(word))),
                ATTEMPTING => {
                    if let Some(waiting) = self.register(wake()) {
                        self.waiting = Some(waiting);
                        return Poll::Pending;
                    }
                }
                idle_or_cooling => {
                    if idle_or_cooling == COOLING
                        && let Some(pause) = gate.cooling()
                    {
                        return Poll::Ready(Turn::Backoff(pause));
                    }
                    if let Some(attempt) = gate.lead(word) {
                        return Poll::Ready(Turn::Lead(attempt));
                    }
                }
            }
        }
    }

    /// Joins the queue of the attempt under way; `None` if there is none any more.
    fn register(&self, wake: Wake) -> Option<(Epoch, Key)> {
        let word = &self.gate.word;
        let mut shared = self.gate.shared.lock();
        // Relaxed: the value is only used to name the attempt; no data is read on the strength of it. It cannot
        // be too old: a publisher that has already looked into the queue has released the lock since, and then
        // its swap happened before this load.
        let seen = word.load(Ordering::Relaxed);
        if phase(seen) != ATTEMPTING {
            return None;
        }
        // Relaxed: the lock orders the entry below before the publisher's look into the queue. While the lock is
        // held, only that publisher can move the word; if it does, the attempt is over.
        if seen & WAITERS == 0
            && word.compare_exchange(seen, seen | WAITERS, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return None;
        }
        Some((epoch(seen), shared.queue.push(epoch(seen), wake)))
    }

    /// Gives up waiting.
    fn leave(mut self) -> Result<Turn<'g, R, E>, TimedOut> {
        let Some((epoch, key)) = self.waiting.take() else { unreachable!("only a registered caller waits") };
        let left = self.gate.shared.lock().queue.remove(key);
        match left {
            Ok(Outcome::Connected) => Ok(Turn::Connected(epoch)),
            Ok(Outcome::Failed(error)) => Ok(Turn::Failed(Failure { epoch, error })),
            Ok(Outcome::Abandoned) | Err(_) => Err(TimedOut { epoch }),
        }
    }
}

impl<'g, R, E> Future for Enter<'g, R, E> {
    type Output = Turn<'g, R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let task = cx.waker();
        self.advance(
            || Wake::Task(task.clone()),
            |registered| matches!(registered, Wake::Task(same) if same.will_wake(task)),
        )
    }
}

impl<R, E> Drop for Enter<'_, R, E> {
    fn drop(&mut self) {
        if let Some((_, key)) = self.waiting.take() {
            let left = self.gate.shared.lock().queue.remove(key);
            drop(left);
        }
    }
}

impl<R, E> fmt::Debug for Enter<'_, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits_for = self.waiting.map(|(epoch, _)| epoch);
        f.debug_struct("Enter").field("waits_for", &waits_for).finish_non_exhaustive()
    }
}

/// The deadline passed while an attempt was under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimedOut {
    epoch: Epoch,
}

impl TimedOut {
    /// The attempt that was not over in time.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection attempt {} was not over in time", self.epoch)
    }
}

impl std::error::Error for TimedOut {}

/// There is no connection.
#[derive(Clone, Debug)]
pub enum EnsureError<E> {
    /// The attempt failed, led by this caller or by the one it waited for.
    Failed(Failure<E>),
    /// The deadline passed first.
    TimedOut,
}

impl<E> From<TimedOut> for EnsureError<E> {
    fn from(_: TimedOut) -> Self {
        EnsureError::TimedOut
    }
}

impl<E> fmt::Display for EnsureError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnsureError::Failed(failure) => failure.fmt(f),
            EnsureError::TimedOut => f.write_str("no connection in time"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for EnsureError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            EnsureError::Failed(failure) => failure.source(),
            EnsureError::TimedOut => None,
        }
    }
}
