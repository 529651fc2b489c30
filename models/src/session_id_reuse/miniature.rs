//! The connection table of the incident in miniature: one entry behind a lock. What the variants disagree about is
//! left to a [`Rule`].

use super::{Connections, Opened, Reply, Token};
use selvedge::check::note;
use selvedge::sync::{Mutex, Named, Shown};
use std::marker::PhantomData;

/// How replies are matched to connections.
pub trait Rule: Send + Sync + 'static {
    /// What the network carries of the generation.
    fn token(generation: u64) -> Token;
    /// Is the id kept from use for some time after a close?
    const QUARANTINE: bool = false;
    /// A reply has arrived.
    fn reply(table: &Mutex<Entry>, token: Token) -> Reply;
}

/// The one entry of the table.
pub struct Entry {
    /// Opens so far.
    pub generation: u64,
    /// The connection that is open.
    pub connection: Option<Connection>,
    /// The id must not be used again yet.
    pub quarantined: bool,
    /// Closes and replies refused.
    pub refused: u64,
}

impl Entry {
    /// For counterexamples: which incarnation the entry holds, and what of a session it has.
    fn words(&self) -> String {
        match &self.connection {
            Some(Connection { incarnation, session: Some(()) }) => format!("{incarnation}:session"),
            Some(Connection { incarnation, session: None }) => format!("{incarnation}:null"),
            None if self.quarantined => "quarantine".to_owned(),
            None => "free".to_owned(),
        }
    }
    /// Counts a refused reply.
    pub fn refuse(&mut self) -> Reply {
        self.refused += 1;
        Reply::Refused
    }
    /// Ends the connection, whichever it is, with the reply. Its handler looks at the session.
    pub fn apply(&mut self) -> Reply {
        match self.connection.take() {
            Some(c) => Reply::Applied { to: c.incarnation, attached: c.session.is_some() },
            None => self.refuse(),
        }
    }
    /// [`Entry::apply`], if there is a session to look at.
    pub fn apply_checked(&mut self) -> Reply {
        match &self.connection {
            Some(c) if c.session.is_some() => self.apply(),
            _ => self.refuse(),
        }
    }
}

/// A connection in state "bind sent".
pub struct Connection {
    /// Which open made it. Known to the model, not to the code.
    pub incarnation: u32,
    /// The session, once there is one.
    pub session: Option<()>,
}

/// The table.
pub struct Miniature<R> {
    entry: Mutex<Entry>,
    rule: PhantomData<R>,
}

impl<R: Rule> Connections for Miniature<R> {
    fn new() -> Self {
        let entry = Entry { generation: 0, connection: None, quarantined: false, refused: 0 };
        Miniature { entry: Mutex::new(entry).named("table").shown(Entry::words), rule: PhantomData }
    }

    fn open(&self, incarnation: u32) -> Option<Opened> {
        let mut entry = self.entry.lock();
        if entry.connection.is_some() || entry.quarantined {
            return None;
        }
        entry.generation += 1;
        entry.connection = Some(Connection { incarnation, session: None });
        Some(Opened { own: entry.generation, token: R::token(entry.generation) })
    }

    fn attach(&self, own: u64) {
        let mut entry = self.entry.lock();
        if entry.generation == own
            && let Some(connection) = &mut entry.connection
        {
            connection.session = Some(());
        }
    }

    fn close(&self, own: u64) -> Option<u32> {
        let mut entry = self.entry.lock();
        if entry.generation == own
            && let Some(connection) = entry.connection.take()
        {
            entry.quarantined = R::QUARANTINE;
            return Some(connection.incarnation);
        }
        entry.refuse();
        None
    }

    fn time_passes(&self) {
        if R::QUARANTINE {
            note(|| "the quarantine is over".to_owned());
            self.entry.lock().quarantined = false;
        }
    }

    fn bind_reply(&self, token: Token) -> Reply {
        R::reply(&self.entry, token)
    }

    fn refused(&self) -> u64 {
        self.entry.lock().refused
    }
}
