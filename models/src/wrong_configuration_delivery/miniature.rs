//! The nodes that deliver in the wrong configuration, in miniature: a state machine under a lock, as one thread ran it,
//! and a handler for what arrives.

use super::{Configuration, NEW, Node, OLD};
use selvedge::check::note;
use selvedge::sync::{AtomicU64, Mutex, MutexGuard, Named, Ordering, Shown};
use std::marker::PhantomData;

/// Where a node is in a change of membership.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Operational,
    Gather,
    Commit,
}

/// The seam: a message has arrived.
pub trait Handler: Send + Sync + 'static {
    fn receive(node: &Membership, sent: Configuration, deliver: impl FnOnce()) -> bool;
}

/// A node's part in the ring.
pub struct Membership {
    state: Mutex<State>,
    /// The configuration that the application was told of last. Written with `state` held. `SeqCst`: its order is not at fault.
    view: AtomicU64,
}

impl Membership {
    fn enter(&self, state: State) -> MutexGuard<'_, State> {
        let mut now = self.state.lock();
        *now = state;
        now
    }
    fn view(&self) -> Configuration {
        self.view.load(Ordering::SeqCst)
    }
}

/// The incident.
pub struct AnyState;

impl Handler for AnyState {
    fn receive(node: &Membership, _: Configuration, deliver: impl FnOnce()) -> bool {
        // BUG: nobody asks which state the node is in, nor which configuration the message is of.
        let _state = node.state.lock();
        note(|| "delivers it, whatever the state".to_owned());
        deliver();
        true
    }
}

/// Delivers between changes only.
pub struct OperationalOnly;

impl Handler for OperationalOnly {
    fn receive(node: &Membership, _: Configuration, deliver: impl FnOnce()) -> bool {
        // BUG: operational, but in which configuration?
        let state = node.state.lock();
        let operational = *state == State::Operational;
        if operational {
            note(|| "delivers it: the node is operational".to_owned());
            deliver();
        }
        operational
    }
}

/// Compares the configuration of the message with that of the node.
pub struct CheckThenDeliver;

impl Handler for CheckThenDeliver {
    fn receive(node: &Membership, sent: Configuration, deliver: impl FnOnce()) -> bool {
        let current = {
            let _state = node.state.lock();
            note(|| "is it of this configuration?".to_owned());
            node.view() == sent
        };
        // BUG: the lock is free, and the next configuration may be installed before this is delivered.
        if current {
            note(|| "delivers it: it was of this configuration".to_owned());
            deliver();
        }
        current
    }
}

/// Delivers what is of this configuration, and says that it did not.
pub struct DeliversAndRefuses;

impl Handler for DeliversAndRefuses {
    fn receive(node: &Membership, sent: Configuration, deliver: impl FnOnce()) -> bool {
        let _state = node.state.lock();
        if node.view() == sent {
            deliver();
        }
        false
    }
}

/// A node with this handler.
pub struct Miniature<H> {
    membership: Membership,
    handler: PhantomData<H>,
}

impl<H: Handler> Node for Miniature<H> {
    fn new() -> Self {
        let state = Mutex::new(State::Operational).named("state").shown(|state| format!("{state:?}"));
        let membership = Membership { state, view: AtomicU64::new(OLD).named("view") };
        Miniature { membership, handler: PhantomData }
    }
    fn gather(&self) {
        drop(self.membership.enter(State::Gather));
    }
    fn commit(&self) {
        drop(self.membership.enter(State::Commit));
    }
    fn install(&self) {
        let _state = self.membership.enter(State::Operational);
        note(|| "tells the application".to_owned());
        self.membership.view.store(NEW, Ordering::SeqCst);
    }
    fn receive(&self, sent: Configuration, deliver: impl FnOnce()) -> bool {
        H::receive(&self.membership, sent, deliver)
    }
    fn view(&self) -> Configuration {
        self.membership.view()
    }
}
