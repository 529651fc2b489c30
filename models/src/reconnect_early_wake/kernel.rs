//! The transport of the incident in miniature. What the variants disagree about is left to a [`Rule`].

use super::{Sock, Socket, Transport, start};
use selvedge::sync::thread::Scope;
use selvedge::sync::{Condvar, Mutex, Named};
use std::marker::PhantomData;

/// Which wakes the reset makes, and what a woken task does.
pub(super) trait Rule: Send + Sync + 'static {
    /// The socket's error callback wakes the queue.
    const ERROR_REPORT: bool = true;
    /// Marking the connection closed wakes the queue.
    const DISCONNECT_DONE: bool = true;
    /// A task that is woken with EAGAIN goes back to the connect step instead of sending.
    const RECONNECT_ON_EAGAIN: bool = false;
    /// The callback of the old connection's end wakes the queue as well, if it runs late. Of no account where the
    /// reset wakes: its wakes are shown without this one.
    const LATE_CALLBACK: bool = false;
}

/// BUG: the worker wakes the task between its reset and its connect, and the task takes that for the outcome.
pub(super) struct EarlyWake;
impl Rule for EarlyWake {}

/// BUG: the reset wakes through two callbacks; this removes the first one alone.
pub(super) struct OneWakeRemoved;
impl Rule for OneWakeRemoved {
    const ERROR_REPORT: bool = false;
}

/// BUG: the task goes back to a connect step that tests first and joins the queue afterwards.
pub(super) struct EagainToConnect;
impl Rule for EagainToConnect {
    const RECONNECT_ON_EAGAIN: bool = true;
}

/// BUG: the wakes of the reset are gone; any other wake is still taken for the outcome.
pub(super) struct BothWakesRemoved;
impl Rule for BothWakesRemoved {
    const ERROR_REPORT: bool = false;
    const DISCONNECT_DONE: bool = false;
    const LATE_CALLBACK: bool = true;
}

/// The bits and the wait queue, under the transport's lock. Held for one step at a time, as the original does.
///
/// | field | starts as | set by | cleared by |
/// |---|---|---|---|
/// | `connected` | false | the worker, when the handshake is done | the worker's reset |
/// | `connecting` | false | the task that queues the worker | the worker, at its end |
/// | `asleep` | false | the task, as it joins the queue | any wake |
#[derive(Default)]
struct Bits {
    connected: bool,
    connecting: bool,
    asleep: bool,
}

pub(super) struct Kernel<R> {
    socket: Socket,
    bits: Mutex<Bits>,
    pending: Condvar,
    rule: PhantomData<R>,
}

impl<R: Rule> Kernel<R> {
    /// Wakes whoever waits for the connection, with EAGAIN: it does not say which attempt, nor how it came out.
    fn wake(&self, change: impl FnOnce(&mut Bits)) {
        let mut bits = self.bits.lock();
        change(&mut bits);
        if bits.asleep {
            bits.asleep = false;
            self.pending.notify_one();
        }
    }

    /// The connect worker.
    fn worker(&self) {
        if self.socket.reset() {
            if R::ERROR_REPORT {
                self.wake(|_| {});
            }
            if R::DISCONNECT_DONE {
                self.wake(|bits| bits.connected = false);
            }
        }
        self.socket.connect();
        self.wake(|bits| bits.connected = true);
        self.bits.lock().connecting = false;
    }
}

impl<R: Rule> Transport for Kernel<R> {
    type Connection = ();

    fn new() -> Self {
        Kernel {
            socket: Socket::new(),
            bits: Mutex::new(Bits::default()).named("transport"),
            pending: Condvar::new().named("pending"),
            rule: PhantomData,
        }
    }

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn await_connection<'s>(&'s self, workers: &'s Scope<'s, '_>) {
        loop {
            if self.bits.lock().connected {
                return;
            }
            self.bits.lock().asleep = true;
            let mut bits = self.bits.lock();
            if !bits.connecting {
                bits.connecting = true;
                start("worker", workers, || self.worker());
            }
            while bits.asleep {
                self.pending.wait(&mut bits);
            }
            drop(bits);
            if !R::RECONNECT_ON_EAGAIN {
                return;
            }
        }
    }

    fn send(&self, (): ()) -> bool {
        self.socket.send(Sock::shut_down)
    }

    fn late_callback(&self) {
        if R::LATE_CALLBACK {
            self.wake(|_| {});
        }
    }
}
