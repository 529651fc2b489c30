//! The same worker and the same task as in `reconnect_early_wake`, left alone until the request is sent, or never is.
//!
#![doc = include_str!("endless.md")]

use super::{task_first, worker_first};
use crate::spawn_in;
use selvedge::check::discipline::INTERRUPT;
use selvedge::check::{
    Check, EngineKind, Expect, Grade, Kind, Model, Role, Variant, always, fingerprint, note, sometimes,
};
use selvedge::connect_gate::{Attempt, ConnectGate, Turn};
use selvedge::sync::future::block_on;
use selvedge::sync::thread::{self, Scope};
use selvedge::sync::{Condvar, Mutex, MutexGuard, Named, Shown};
use std::convert::Infallible;

/// The socket and the transport's bits: all that a round begins with, and leaves to the next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct State {
    socket: Socket,
    /// Nothing can be sent on the socket any more, neither on its present connection nor on its next.
    shut_down: bool,
    /// The bit of the transport that says so.
    connected: bool,
    /// A worker has been queued and has not come to its end.
    connecting: bool,
    /// The task is in the queue of those who wait for the connection.
    asleep: bool,
    /// The worker is wanted, the network is; they and the task may go.
    work: bool,
    answer: bool,
    over: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Socket {
    Closed,
    /// The handshake is under way: there is nothing to send on, and nothing wrong.
    SynSent,
    Established,
}

/// The server has closed the connection, and the task has shut its side down for that.
const CLOSED: State = State {
    socket: Socket::Closed,
    shut_down: true,
    connected: false,
    connecting: false,
    asleep: false,
    work: false,
    answer: false,
    over: false,
};

/// What happened when the task sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Sent {
    Whole,
    /// Not yet: the handshake is under way.
    NotConnected,
    /// The socket cannot send. It is shut down, and so torn down if it was connected.
    Epipe,
}

impl State {
    fn words(&self) -> String {
        let bits = [
            (self.shut_down, "shut"),
            (self.connected, "connected"),
            (self.connecting, "worker"),
            (self.asleep, "asleep"),
        ];
        let set = bits.iter().filter(|b| b.0).fold(String::new(), |words, b| words + " " + b.1);
        format!("{:?}{set}", self.socket)
    }

    fn send(&mut self) -> Sent {
        match self.socket {
            Socket::SynSent => Sent::NotConnected,
            Socket::Established if !self.shut_down => Sent::Whole,
            _ => {
                note(|| "EPIPE".to_owned());
                (self.socket, self.connected, self.shut_down) = (Socket::Closed, false, true);
                Sent::Epipe
            }
        }
    }
}

/// Each access is one call into the kernel, and declares what it leaves: that is all there is.
struct Kernel {
    state: Mutex<State>,
    pending: Condvar,
    /// For the worker and the network, where they are one thread each, for ever.
    wanted: Condvar,
}

impl Kernel {
    fn new() -> Self {
        Kernel {
            state: Mutex::new(CLOSED).named("kernel").shown(State::words),
            pending: Condvar::new().named("pending"),
            wanted: Condvar::new().named("wanted"),
        }
    }

    #[track_caller]
    fn call<R: std::hash::Hash>(&self, what: &'static str, f: impl FnOnce(&mut State) -> R) -> R {
        note(|| what.to_owned());
        let mut state = self.state.lock();
        let result = f(&mut state);
        fingerprint((*state, &result));
        result
    }

    /// Wakes the task with EAGAIN: it does not say what for.
    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.asleep) {
            self.pending.notify_one();
        }
    }

    /// The connect worker.
    fn attempt(&self) {
        let reset = self.call("resets, wakes: error", |s| {
            let reset = s.socket == Socket::Closed || s.shut_down;
            if reset {
                // BUG: the callback of the error wakes the task before there is anything to send on.
                (s.socket, s.shut_down) = (Socket::Closed, false);
                self.wake(s);
            }
            reset
        });
        if reset {
            self.call("wakes: closed", |s| {
                // BUG: and so does this.
                s.connected = false;
                self.wake(s);
            });
        }
        // A connection that is there already is an error to `connect`, and is closed; one that comes is left to come.
        self.call("connects", |s| match s.socket {
            Socket::Closed => s.socket = Socket::SynSent,
            Socket::SynSent => {}
            Socket::Established => (s.socket, s.connected) = (Socket::Closed, false),
        });
        self.call("ends", |s| {
            s.connecting = false;
            // The server takes its time: the worker is done by then.
            s.answer = s.socket == Socket::SynSent;
        });
    }

    /// The server's answer has come: an interrupt.
    fn answered(&self) {
        self.call("established, wakes: connected", |s| {
            s.answer = false;
            if s.socket == Socket::SynSent {
                (s.socket, s.connected) = (Socket::Established, true);
                self.wake(s);
            }
        });
    }

    /// Joins the queue unless there is a connection, and says whether a worker is to be queued for it.
    fn joins(&self) -> bool {
        self.call("connected?", |s| {
            s.asleep = !s.connected;
            s.asleep && !std::mem::replace(&mut s.connecting, true)
        })
    }

    fn sleeps(&self) {
        let mut state = self.state.lock();
        sometimes("waits", state.asleep);
        while state.asleep {
            fingerprint(*state);
            self.pending.wait(&mut state);
        }
        note(|| "takes it for the outcome".to_owned());
    }

    /// Somebody who is there for ever waits for what it is there for. `false`: it may go.
    fn waits(&self, wanted: impl Fn(&mut State) -> bool) -> bool {
        let mut state: MutexGuard<'_, State> = self.state.lock();
        while !state.over {
            if wanted(&mut state) {
                fingerprint(*state);
                return true;
            }
            fingerprint(*state);
            self.wanted.wait(&mut state);
        }
        false
    }
}

/// One round: from a closed socket with a worker queued, to the next time that one is.
fn one_round() -> &'static str {
    let kernel = Kernel::new();
    thread::scope(|scope| {
        let k = &kernel;
        kernel.joins();
        spawn_in(scope, "worker", || {
            k.attempt();
            spawn_in(scope, INTERRUPT, || k.answered());
        });
        loop {
            kernel.sleeps();
            let sent = kernel.call("sends", State::send);
            always("never-sent", sent != Sent::Whole, || "the request is sent".to_owned());
            if kernel.joins() {
                break;
            }
        }
        // Nobody but the task has anything left to do: the worker has cleared its bit, and was answered.
        let state = *kernel.state.lock();
        let began = State { asleep: true, connecting: true, ..CLOSED };
        always("ends-as-it-began", state == began, || format!("the next round begins with {state:?}"));
    });
    "torn down"
}

/// The task, the worker and the network go on until the request is sent.
fn for_ever() -> &'static str {
    let kernel = Kernel::new();
    thread::scope(|scope| {
        let k = &kernel;
        spawn_in(scope, INTERRUPT, || {
            while k.waits(|s| s.answer) {
                k.answered();
            }
        });
        spawn_in(scope, "worker", || {
            while k.waits(|s| std::mem::take(&mut s.work)) {
                k.attempt();
                k.wanted.notify_all();
            }
        });
        loop {
            if kernel.joins() {
                kernel.call("queues the worker", |s| s.work = true);
                kernel.wanted.notify_all();
            }
            kernel.sleeps();
            if kernel.call("sends", State::send) == Sent::Whole {
                break;
            }
        }
        kernel.call("is done", |s| s.over = true);
        kernel.wanted.notify_all();
    });
    "sent"
}

/// When the task is told.
#[derive(Clone, Copy, PartialEq)]
enum Tells {
    /// When the server has answered.
    Answered,
    /// When the worker has done its part. Of the falsifier alone.
    Begun,
}

/// Fix: whoever has the attempt has the socket; it passes from the task to the worker, and from the worker to the answer,
/// which ends it. Nobody is woken before.
struct Gated {
    state: Mutex<State>,
    tells: Tells,
    gate: ConnectGate<(), Infallible>,
}

impl Gated {
    fn attempt<'s>(&'s self, attempt: Attempt<'s, (), Infallible>, scope: &'s Scope<'s, '_>) {
        {
            note(|| "resets".to_owned());
            let mut state = self.state.lock();
            (state.socket, state.shut_down) = (Socket::Closed, false);
        }
        note(|| "connects".to_owned());
        self.state.lock().socket = Socket::SynSent;
        let attempt = match self.tells {
            Tells::Answered => Some(attempt),
            Tells::Begun => {
                attempt.commit();
                None
            }
        };
        spawn_in(scope, INTERRUPT, move || {
            note(|| "established".to_owned());
            self.state.lock().socket = Socket::Established;
            attempt.map(Attempt::commit);
        });
    }
}

fn gated(tells: Tells) -> &'static str {
    let state = Mutex::new(CLOSED).named("kernel").shown(State::words);
    let gated = Gated { state, tells, gate: ConnectGate::new(()) };
    thread::scope(|scope| {
        let g = &gated;
        loop {
            match block_on(g.gate.enter()) {
                Turn::Lead(attempt) => {
                    spawn_in(scope, "worker", || g.attempt(attempt, scope));
                    sometimes("waits", g.gate.connected().is_none());
                }
                Turn::Connected(_) => break,
                Turn::Failed(_) | Turn::Backoff(_) => unreachable!("this server always answers"),
            }
        }
        let sent = g.state.lock().send();
        always("sent-at-once", sent == Sent::Whole, || "there was nothing to send on".to_owned());
    });
    "sent"
}

pub(super) fn model() -> Model {
    const LOOPS: &[(&str, Kind)] = &[("progress", Kind::Livelock)];
    const SENT: (&str, Kind) = ("never-sent", Kind::Assertion);
    const OTHERWISE: (&str, Kind) = ("ends-as-it-began", Kind::Assertion);
    Model::new("reconnect_for_ever", "the connection is made and torn down for ever, and the request is never sent")
        .incident("002")
        .lesson(include_str!("endless.md"))
        .always("progress", "the connection is not made and torn down for ever")
        .always("never-sent", "of `one_round` alone: the request is not sent in it")
        .always("ends-as-it-began", "of `one_round` alone: the next round begins in the state that this one began in")
        .always("sent-at-once", "whoever is told that there is a connection can send on it")
        .sometimes("waits", "the task is there before the connection is")
        .outcome("sent", Grade::Acceptable, "the request is sent")
        .outcome("torn down", Grade::Interesting, "the connection is torn down, and the task waits for another")
        .variant(
            // A loop without end is nothing for engines that unroll: they would come to their limits.
            Variant::new("early_wake", Role::Buggy, for_ever)
                .about("the reset wakes the task, which shuts the socket down before it is connected; and again")
                .check(Check::new(EngineKind::Shuttle, Expect::found(LOOPS)).discipline(task_first()))
                .check(
                    Check::new(EngineKind::Shuttle, Expect::NotFound)
                        .discipline(worker_first())
                        .never_sees("waits", "the worker runs as soon as it is wanted, and wakes the task before it sleeps"),
                ),
        )
        .variant(
            Variant::buggy("one_round", one_round, &[SENT, OTHERWISE])
                .canary()
                .expect(EngineKind::Loom, Expect::found(&[OTHERWISE]))
                .expect(EngineKind::Exact, Expect::found(&[SENT]))
                .about("one round of the same: with the task above the worker it always ends as it began")
                .check(Check::on_one_cpu(task_first(), Expect::Exhausted))
                .check(Check::on_one_cpu(worker_first(), Expect::found(&[OTHERWISE]))),
        )
        .variant(
            Variant::fixed("epoch_gate", || gated(Tells::Answered))
                .about("ConnectGate: the attempt has the socket until the server has answered, and wakes nobody before")
                .check(Check::new(EngineKind::Shuttle, Expect::NotFound).discipline(task_first())),
        )
        .falsifier(
            "sent-at-once",
            Kind::Assertion,
            || gated(Tells::Begun),
            "the attempt is committed when the worker has done its part, before the server has answered",
        )
}
