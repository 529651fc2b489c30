//! The fixed transport: `ConnectGate` owns the right to reset, connect and shut down.

use super::{Socket, Transport};
use crate::spawn_in;
use selvedge::check::{note, sometimes};
use selvedge::connect_gate::{Attempt, ConnectGate, Epoch, Turn};
use selvedge::sync::thread::Scope;
use selvedge::sync::time::Deadline;
use std::convert::Infallible;

/// The right to reset, connect and shut down the socket. Whoever has it holds the attempt.
struct Control;

pub(super) struct Gated {
    socket: Socket,
    gate: ConnectGate<Control, Infallible>,
    /// The connection that the server has closed.
    old: Epoch,
}

impl Gated {
    /// The connect worker: the attempt is its own until it is over, and nobody is woken before.
    fn worker(&self, attempt: Attempt<'_, Control, Infallible>) {
        self.socket.reset();
        self.socket.connect();
        attempt.commit();
    }
}

impl Transport for Gated {
    type Connection = Epoch;

    fn new() -> Self {
        let gate = ConnectGate::new(Control);
        let old = match gate.enter_blocking(&Deadline::never()) {
            Ok(Turn::Lead(attempt)) => attempt.commit(),
            _ => unreachable!("a new gate gives the lead to the first who comes"),
        };
        gate.invalidate(old);
        Gated { socket: Socket::new(), gate, old }
    }

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn await_connection<'s>(&'s self, workers: &'s Scope<'s, '_>) -> Epoch {
        loop {
            match self.gate.enter_blocking(&Deadline::never()) {
                Ok(Turn::Connected(epoch)) => return epoch,
                // Fix: the attempt itself is handed to the worker.
                Ok(Turn::Lead(attempt)) => {
                    spawn_in(workers, "worker", || self.worker(attempt));
                    sometimes("waits", self.gate.connected().is_none());
                }
                Ok(Turn::Failed(_) | Turn::Backoff(_)) | Err(_) => unreachable!("this server always answers"),
            }
        }
    }

    fn send(&self, connection: Epoch) -> bool {
        let sent = self.socket.send(|_| {});
        if !sent {
            // Fix: the task reports which connection broke; to shut it down is for whoever leads the next attempt.
            self.gate.invalidate(connection);
        }
        sent
    }

    fn late_callback(&self) {
        // Fix: it names the connection whose end it is about.
        note(|| "old connection".to_owned());
        let ended = self.gate.invalidate(self.old);
        sometimes("stale-report-ignored", !ended && self.gate.connected().is_some());
    }
}
