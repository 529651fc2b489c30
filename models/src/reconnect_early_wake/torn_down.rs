//! What shows that `two-handshakes` can fail: a transport that tears down each connection that it has made.

use super::{HANDSHAKES_MAX, Sock, Socket, Transport};
use selvedge::sync::thread::Scope;

pub(super) struct TornDown(Socket);

impl Transport for TornDown {
    type Connection = ();

    fn new() -> Self {
        TornDown(Socket::new())
    }

    fn socket(&self) -> &Socket {
        &self.0
    }

    fn await_connection<'s>(&'s self, _: &'s Scope<'s, '_>) {
        for _ in 0..=HANDSHAKES_MAX {
            self.0.reset();
            self.0.connect();
            self.0.0.lock().shut_down();
        }
    }

    fn send(&self, (): ()) -> bool {
        self.0.send(Sock::shut_down)
    }

    fn late_callback(&self) {}
}
