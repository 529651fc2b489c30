//! Linux sunrpc: the connect worker wakes the task that waits for the connection while it is still setting it up.
//!
#![doc = include_str!("lesson.md")]

mod endless;
mod gated;
mod kernel;
mod torn_down;

use crate::spawn_in;
use gated::Gated;
use kernel::{BothWakesRemoved, ConnectedLeftAlone, EagainToConnect, EarlyWake, Kernel, OneWakeRemoved};
use selvedge::check::discipline::INTERRUPT;
use selvedge::check::{Check, Discipline, EngineKind, Expect, Grade, Kind, Model, Variant, always, note};
use selvedge::sync::thread::{self, Scope};
use selvedge::sync::{Mutex, Named, Shown};
use torn_down::TornDown;

/// Handshakes that a request may need: one, and one more if the first was for nothing.
const HANDSHAKES_MAX: u8 = 2;

/// The socket: each method is one call into the kernel, under the socket's own lock.
struct Socket(Mutex<Sock>);

#[derive(Default)]
struct Sock {
    connected: bool,
    /// Nothing can be sent any more. Set by `shut_down`, taken away by `reset`.
    shut_down: bool,
    /// An attempt is under way: between `reset` and the end of `connect`.
    attempt: bool,
    handshakes: u8,
    /// The first property that was violated without an immediate consequence, to be reported if none follows.
    violated: Option<&'static str>,
}

impl Socket {
    /// As the server left it: the connection is gone.
    fn new() -> Self {
        Socket(Mutex::new(Sock::default()).named("socket").shown(Sock::words))
    }

    /// Back to the beginning: the first half of an attempt. Leaves a socket alone that is connected and can send;
    /// returns whether it did something.
    fn reset(&self) -> bool {
        note(|| "resets".to_owned());
        let mut sock = self.0.lock();
        let useless = !sock.connected || sock.shut_down;
        if useless {
            (sock.connected, sock.shut_down, sock.attempt) = (false, false, true);
        }
        useless
    }

    /// Connects: the second half of an attempt. The server answers at once.
    fn connect(&self) {
        note(|| "connects".to_owned());
        let mut sock = self.0.lock();
        always("owner-closes", !sock.connected, || {
            "a second worker finds the socket connected already, takes that for an error and closes it"
                .to_owned()
        });
        always("no-poisoned-connect", !sock.shut_down, || {
            "the worker connects a socket that was shut down since it was reset: nothing can be sent on it"
                .to_owned()
        });
        sock.handshakes += 1;
        always("two-handshakes", sock.handshakes <= HANDSHAKES_MAX, || {
            format!("handshake {}, and the request is not sent yet", sock.handshakes)
        });
        (sock.connected, sock.attempt) = (true, false);
    }

    /// Sends the request. `false` is EPIPE, and what the sender then does about it is done in the same call: that the
    /// original takes two spares it nothing.
    fn send(&self, on_epipe: impl FnOnce(&mut Sock)) -> bool {
        note(|| "sends".to_owned());
        let mut sock = self.0.lock();
        let sent = sock.connected && !sock.shut_down;
        if !sent {
            note(|| "EPIPE".to_owned());
            sock.violated.get_or_insert("wakes-with-outcome");
            on_epipe(&mut sock);
        }
        sent
    }
}

impl Sock {
    fn words(&self) -> String {
        let state = match self {
            Sock { connected: true, .. } => "connected",
            Sock { attempt: true, .. } => "reset",
            _ => "closed",
        };
        format!("{state}{}", if self.shut_down { ", shut" } else { "" })
    }

    /// Shuts it down for sending, by somebody who does not lead the attempt.
    fn shut_down(&mut self) {
        note(|| "shuts it down".to_owned());
        if self.attempt {
            self.violated = Some("owner-closes");
        }
        self.shut_down = true;
    }
}

/// The seam: how a transport gets a connection, and who tells whom.
trait Transport: Send + Sync {
    /// Names a connection.
    type Connection;
    fn new() -> Self;
    fn socket(&self) -> &Socket;
    /// The task waits for the connection.
    fn await_connection<'s>(&'s self, workers: &'s Scope<'s, '_>) -> Self::Connection;
    /// The task sends on it; `false` is EPIPE.
    fn send(&self, connection: Self::Connection) -> bool;
    /// The callback of the *old* connection's end, which runs late.
    fn late_callback(&self);
}

/// The server has closed the connection; a task, which is the scenario's own thread, has a request to send.
fn scenario<T: Transport>() -> &'static str {
    let transport = T::new();
    thread::scope(|workers| {
        spawn_in(workers, INTERRUPT, || transport.late_callback());
        while {
            let connection = transport.await_connection(workers);
            !transport.send(connection)
        } {}
    });
    match transport.socket().0.lock().violated {
        Some("owner-closes") => always("owner-closes", false, || {
            "the task shut the socket down while the worker was between its reset and its connect".to_owned()
        }),
        Some(property) => always(property, false, || {
            "the task was woken from its wait for a connection, and there was none to send on".to_owned()
        }),
        None => {}
    }
    "sent"
}

/// One processor, on which the task comes before the worker: the process of the incident.
fn task_first() -> Discipline {
    Discipline::priority(["main", "worker"])
}

/// The same with the worker first.
fn worker_first() -> Discipline {
    Discipline::priority(["worker", "main"])
}

/// Both of them.
pub fn models() -> [Model; 2] {
    [model(), endless::model()]
}

fn model() -> Model {
    const POISONED: (&str, Kind) = ("no-poisoned-connect", Kind::Assertion);
    const STRANGER: (&str, Kind) = ("owner-closes", Kind::Assertion);
    const EARLY: (&str, Kind) = ("wakes-with-outcome", Kind::Assertion);
    const ASLEEP: (&str, Kind) = ("no-lost-wakeup", Kind::LostWakeup);
    let on_one_cpu = |v: Variant, task_above: Expect, worker_above: Expect| {
        v.never_sees("stale-report-ignored", "no callback of the kernel says which connection it is about")
            .check(Check::on_one_cpu(task_first(), task_above))
            .check(Check::on_one_cpu(worker_first(), worker_above))
    };
    Model::new("reconnect_early_wake", "the connect worker wakes the task that waits for it in mid-setup")
        .incident("002")
        .lesson(include_str!("lesson.md"))
        .always("no-poisoned-connect", "no connection attempt starts on a socket that has been shut down")
        .always("owner-closes", "nobody but the owner of the attempt that connects the socket closes it")
        .always("wakes-with-outcome", "whoever waited for an attempt wakes with its outcome")
        .always("no-lost-wakeup", "nobody is asleep with no one left to wake them")
        .always("two-handshakes", "the request is sent within two handshakes")
        .sometimes("waits", "the task is there before the connection is")
        .sometimes("stale-report-ignored", "the late callback meets the next connection")
        .outcome("sent", Grade::Acceptable, "the request is sent once the connection is up")
        .variant(on_one_cpu(
            Variant::buggy("early_wake", scenario::<Kernel<EarlyWake>>, &[POISONED])
                .about("the reset of the socket wakes the task twice before the socket is connected"),
            Expect::found(&[POISONED]),
            Expect::Exhausted,
        ))
        .variant(on_one_cpu(
            Variant::wrong_fix("one_wake_removed", scenario::<Kernel<OneWakeRemoved>>, &[POISONED])
                .about("looks right because the wake that the trace shows is gone; the reset makes another one"),
            Expect::found(&[POISONED]),
            Expect::Exhausted,
        ))
        .variant(on_one_cpu(
            Variant::wrong_fix("eagain_to_connect", scenario::<Kernel<EagainToConnect>>, &[ASLEEP, STRANGER])
                .about(
                    "looks right because a task that is woken too early goes back to wait; it can join the queue \
                     when the last wake is over",
                )
                .expect(EngineKind::Loom, Expect::found(&[STRANGER]))
                .expect(EngineKind::Exact, Expect::found(&[STRANGER])),
            Expect::Exhausted,
            Expect::Exhausted,
        ))
        .variant(on_one_cpu(
            Variant::wrong_fix("connected_left_alone", scenario::<Kernel<ConnectedLeftAlone>>, &[ASLEEP]).about(
                "looks right because the task goes back to wait, and a worker too many leaves a good connection alone; \
                 the last wake may come just before the task is in the queue",
            ),
            Expect::Exhausted,
            Expect::Exhausted,
        ))
        .variant(on_one_cpu(
            Variant::wrong_fix("both_wakes_removed", scenario::<Kernel<BothWakesRemoved>>, &[
                POISONED, STRANGER, EARLY, ASLEEP,
            ])
            .about("looks right because the reset wakes nobody any more; other callbacks still do")
            .expect(EngineKind::Loom, Expect::found(&[EARLY]))
            .expect(EngineKind::Exact, Expect::found(&[POISONED])),
            Expect::found(&[EARLY]),
            Expect::Exhausted,
        ))
        .variant(
            Variant::fixed("epoch_gate", scenario::<Gated>)
                .about("ConnectGate: the attempt owns the socket and wakes its own waiters with its outcome")
                .loom_bounded(2, 3, Some(4))
                // Sampled: a waiter above the worker can wake spuriously before every step of the worker's, and a search
                // of all that has no end. The exact row leaves out nothing that either order of priorities allows.
                .check(
                    Check::new(EngineKind::Shuttle, Expect::NotFound)
                        .discipline(task_first())
                        // About one in 2,000 has the late callback meet the next connection.
                        .executions(20_000, 20_000, 200_000),
                )
                .check(
                    Check::on_one_cpu(worker_first(), Expect::Exhausted)
                        .never_sees("waits", "the worker has connected before the task that queued it runs again"),
                ),
        )
        .falsifier(
            "two-handshakes",
            Kind::Assertion,
            scenario::<TornDown>,
            "the transport tears down each connection that it has made, and never sends",
        )
}
