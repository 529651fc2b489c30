//! Models of `ConnectGate` itself: one file a model.
//!
//! Each model runs the shipped gate and, to show that it can fail, a `miniature` of it with one defect: the first
//! of them is the naive gate that a reader would write, and that loses a wake-up within seconds in production.

mod cancelled_waiter;
mod late_broadcaster;
mod leader_dropped;
mod miniature;
mod mixed_queue;
mod two_leaders;

use selvedge::check::Model;
use selvedge::connect_gate::{Attempt, ConnectGate, Epoch, Turn};
use selvedge::sync::future::block_on;
use selvedge::sync::time::Deadline;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// All of them, simplest first.
pub fn models() -> Vec<Model> {
    vec![
        two_leaders::model(),
        leader_dropped::model(),
        late_broadcaster::model(),
        cancelled_waiter::model(),
        mixed_queue::model(),
    ]
}

/// What a caller of a gate is to do.
enum Next<A, E> {
    Connected(E),
    Lead(A),
    /// The attempt that it waited for failed.
    Failed,
}

/// The seam between the variants: as much of the gate as the models use. The resource is a number of attempts.
trait Gate: Send + Sync + 'static {
    type Attempt<'g>: Send;
    type Epoch: Copy + PartialEq + Send + Sync;
    fn new() -> Self;
    /// Blocks this thread.
    fn enter(&self) -> Next<Self::Attempt<'_>, Self::Epoch>;
    /// Waits as a task, if it can; says also whether it had to.
    fn enter_as_task(&self) -> (Next<Self::Attempt<'_>, Self::Epoch>, bool);
    /// Enters and, if that means to wait, gives up at once. Returns whether it did.
    fn enter_and_cancel(&self) -> bool;
    fn epoch(attempt: &Self::Attempt<'_>) -> Self::Epoch;
    /// Touches the resource and returns how many attempts have done so.
    fn work(attempt: &mut Self::Attempt<'_>) -> u32;
    fn commit(attempt: Self::Attempt<'_>) -> Self::Epoch;
    fn fail(attempt: Self::Attempt<'_>);
    fn invalidate(&self, epoch: Self::Epoch) -> bool;
}

type Shipped = ConnectGate<u32, &'static str>;

fn next<'g>(turn: Turn<'g, u32, &'static str>) -> Next<Attempt<'g, u32, &'static str>, Epoch> {
    match turn {
        Turn::Connected(epoch) => Next::Connected(epoch),
        Turn::Lead(attempt) => Next::Lead(attempt),
        Turn::Failed(_) => Next::Failed,
        Turn::Backoff(_) => unreachable!("without a back-off"),
    }
}

impl Gate for Shipped {
    type Attempt<'g> = Attempt<'g, u32, &'static str>;
    type Epoch = Epoch;

    fn new() -> Self {
        ConnectGate::new(0)
    }

    fn enter(&self) -> Next<Self::Attempt<'_>, Epoch> {
        next(self.enter_blocking(&Deadline::never()).expect("no deadline, no time-out"))
    }

    fn enter_as_task(&self) -> (Next<Self::Attempt<'_>, Epoch>, bool) {
        let mut waited = false;
        let mut enter = pin!(ConnectGate::enter(self));
        let turn = block_on(poll_fn(|cx| {
            let poll = enter.as_mut().poll(cx);
            waited |= poll.is_pending();
            poll
        }));
        (next(turn), waited)
    }

    fn enter_and_cancel(&self) -> bool {
        let mut enter = ConnectGate::enter(self);
        let poll = Pin::new(&mut enter).poll(&mut Context::from_waker(Waker::noop()));
        matches!(poll, Poll::Pending)
    }

    fn epoch(attempt: &Self::Attempt<'_>) -> Epoch {
        attempt.epoch()
    }

    fn work(attempt: &mut Self::Attempt<'_>) -> u32 {
        **attempt += 1;
        **attempt
    }

    fn commit(attempt: Self::Attempt<'_>) -> Epoch {
        attempt.commit()
    }

    fn fail(attempt: Self::Attempt<'_>) {
        let _ = attempt.fail("refused");
    }

    fn invalidate(&self, epoch: Epoch) -> bool {
        ConnectGate::invalidate(self, epoch)
    }
}

/// The lead, on a gate that nobody has entered yet.
fn lead<G: Gate>(gate: &G) -> G::Attempt<'_> {
    match gate.enter() {
        Next::Lead(attempt) => attempt,
        Next::Connected(_) | Next::Failed => unreachable!("the first to come leads"),
    }
}

/// Enters, and leads if that is what it takes. Returns the connection.
fn ensure<G: Gate>(gate: &G) -> Option<G::Epoch> {
    match gate.enter() {
        Next::Connected(epoch) => Some(epoch),
        Next::Lead(mut attempt) => {
            G::work(&mut attempt);
            Some(G::commit(attempt))
        }
        Next::Failed => None,
    }
}
