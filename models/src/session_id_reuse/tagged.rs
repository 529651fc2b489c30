//! The fix: the shipped [`SessionTable`].

use super::{Connections, Opened, Reply, Token};
use selvedge::session_table::{SessionId, SessionTable};
use selvedge::sync::{AtomicBool, Named, Ordering};

struct Connection {
    incarnation: u32,
    /// Its session is there.
    attached: AtomicBool,
}

/// Fix: the token is the [`SessionId`], so the whole generation travels; compare and claim are one exchange.
pub struct Tagged(SessionTable<Connection>);

impl Tagged {
    /// As with every token from a network: any bits may come.
    fn id(token: Token) -> SessionId {
        SessionId::try_from(token).expect("the model's network forges nothing")
    }
}

impl Connections for Tagged {
    fn new() -> Self {
        Tagged(SessionTable::new(1))
    }

    fn open(&self, incarnation: u32) -> Option<Opened> {
        let attached = AtomicBool::new(false).named_with(|| format!("connection {incarnation}.attached"));
        let id = self.0.open(Connection { incarnation, attached }).ok().map(Token::from)?;
        Some(Opened { own: id, token: id })
    }

    fn attach(&self, own: u64) {
        if let Some(connection) = self.0.get(Self::id(own)) {
            // Release: pairs with the Acquire in `bind_reply`.
            connection.attached.store(true, Ordering::Release);
        }
    }

    fn close(&self, own: u64) -> Option<u32> {
        // A claim rather than `SessionTable::close`, to be able to say which incarnation it was.
        self.0.complete(Self::id(own)).taken().map(|connection| connection.incarnation)
    }

    fn bind_reply(&self, token: Token) -> Reply {
        match self.0.complete(Self::id(token)).taken() {
            // Acquire: pairs with the Release in `attach`.
            Some(connection) => Reply::Applied {
                to: connection.incarnation,
                attached: connection.attached.load(Ordering::Acquire),
            },
            None => Reply::Refused,
        }
    }

    fn refused(&self) -> u64 {
        self.0.counters().stale
    }
}
