//! The transport of the incident in miniature. What the variants disagree about is left to a [`Rule`].

use super::{Sock, Socket, Transport};
use crate::spawn_in;
use selvedge::check::{note, sometimes};
use selvedge::sync::thread::Scope;
use selvedge::sync::{Condvar, Mutex, Named, Shown};
use std::marker::PhantomData;

/// Which wakes the reset makes, and what a woken task does.
pub(super) trait Rule: Send + Sync + 'static {
    /// The socket's error callback wakes the queue.
    const ERROR_REPORT: bool = true;
    /// Marking the connection closed wakes the queue. It is marked in any case.
    const DISCONNECT_DONE: bool = true;
    /// A task that is woken with EAGAIN goes back to the connect step instead of sending.
    const RECONNECT_ON_EAGAIN: bool = false;
    /// A worker that finds a connection that can send leaves it alone, where the original calls that an error and closes it.
    const LEAVES_CONNECTED: bool = false;
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

/// BUG: as before; what is mended is only what the second worker does to a good connection.
pub(super) struct ConnectedLeftAlone;
impl Rule for ConnectedLeftAlone {
    const RECONNECT_ON_EAGAIN: bool = true;
    const LEAVES_CONNECTED: bool = true;
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

impl Bits {
    fn words(&self) -> String {
        let bits = [(self.connected, "connected"), (self.connecting, "worker"), (self.asleep, "asleep")];
        let set: Vec<&str> = bits.iter().filter(|b| b.0).map(|b| b.1).collect();
        if set.is_empty() { "-".to_owned() } else { set.join(" ") }
    }
}

pub(super) struct Kernel<R> {
    socket: Socket,
    bits: Mutex<Bits>,
    pending: Condvar,
    rule: PhantomData<R>,
}

impl<R: Rule> Kernel<R> {
    /// Wakes whoever waits for the connection, with EAGAIN: it does not say which attempt, nor how it came out.
    fn wake(&self, because: &str, change: impl FnOnce(&mut Bits)) {
        note(|| format!("wakes: {because}"));
        let mut bits = self.bits.lock();
        change(&mut bits);
        if bits.asleep {
            bits.asleep = false;
            self.pending.notify_one();
        }
    }

    /// The connect worker.
    fn worker(&self) {
        let reset = self.socket.reset();
        if reset && R::ERROR_REPORT {
            self.wake("error", |_| {});
        }
        if reset && R::DISCONNECT_DONE {
            self.wake("closed", |bits| bits.connected = false);
        } else if reset {
            note(|| "closed".to_owned());
            self.bits.lock().connected = false;
        }
        if reset || !R::LEAVES_CONNECTED {
            self.socket.connect();
        }
        self.wake("connected", |bits| bits.connected = true);
        note(|| "ends".to_owned());
        self.bits.lock().connecting = false;
    }
}

impl<R: Rule> Transport for Kernel<R> {
    type Connection = ();

    fn new() -> Self {
        Kernel {
            socket: Socket::new(),
            bits: Mutex::new(Bits::default()).named("transport").shown(Bits::words),
            pending: Condvar::new().named("pending"),
            rule: PhantomData,
        }
    }

    fn socket(&self) -> &Socket {
        &self.socket
    }

    fn await_connection<'s>(&'s self, workers: &'s Scope<'s, '_>) {
        loop {
            note(|| "connected?".to_owned());
            if self.bits.lock().connected {
                return;
            }
            note(|| "joins the queue".to_owned());
            self.bits.lock().asleep = true;
            let mut bits = self.bits.lock();
            if !bits.connecting {
                bits.connecting = true;
                spawn_in(workers, "worker", || self.worker());
            }
            sometimes("waits", bits.asleep);
            while bits.asleep {
                self.pending.wait(&mut bits);
            }
            if !R::RECONNECT_ON_EAGAIN {
                note(|| "takes it for the outcome".to_owned());
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
            self.wake("old connection", |_| {});
        }
    }
}
