//! What shows that `refusals-counted` can fail: a table that refuses and does not count. In every execution the reply and
//! the outage both want to end incarnation 1, so one of them is refused.

use super::tagged::Tagged;
use super::{Connections, Opened, Reply, Token};

pub struct Uncounted(Tagged);

impl Connections for Uncounted {
    fn new() -> Self {
        Uncounted(Tagged::new())
    }
    fn open(&self, incarnation: u32) -> Option<Opened> {
        self.0.open(incarnation)
    }
    fn attach(&self, own: u64) {
        self.0.attach(own);
    }
    fn close(&self, own: u64) -> Option<u32> {
        self.0.close(own)
    }
    fn bind_reply(&self, token: Token) -> Reply {
        self.0.bind_reply(token)
    }
    fn refused(&self) -> u64 {
        0
    }
}
