//! The rules by which the broken variants match a reply to a connection; each has its marked line.

use super::miniature::{Entry, Rule};
use super::{Reply, Token};
use selvedge::sync::Mutex;

/// The incident: the id of the connection is all there is.
pub struct IdOnly;

impl Rule for IdOnly {
    fn token(_generation: u64) -> Token {
        0
    }
    fn reply(table: &Mutex<Entry>, _token: Token) -> Reply {
        // BUG: whatever connection is in the entry is taken to be the one that the reply is for, and to have a
        // session.
        table.lock().apply()
    }
}

/// Looks before it dereferences.
pub struct NullCheck;

impl Rule for NullCheck {
    fn token(_generation: u64) -> Token {
        0
    }
    fn reply(table: &Mutex<Entry>, _token: Token) -> Reply {
        let mut entry = table.lock();
        match &entry.connection {
            // BUG: that there is a session does not make it the session of this reply.
            Some(connection) if connection.session.is_some() => entry.apply(),
            _ => entry.refuse(),
        }
    }
}

/// Looks before it dereferences, and does not use the id again for a while after a close.
pub struct Quarantine;

impl Rule for Quarantine {
    /// BUG: no time bounds how long a reply is under way, be it in the network or, already received, in a thread that
    /// is not scheduled. When this one ends, the reply may still be there.
    const QUARANTINE: bool = true;
    fn token(_generation: u64) -> Token {
        0
    }
    fn reply(table: &Mutex<Entry>, token: Token) -> Reply {
        NullCheck::reply(table, token)
    }
}

/// The whole generation travels and is compared.
pub struct CheckThenApply;

impl Rule for CheckThenApply {
    fn token(generation: u64) -> Token {
        generation
    }
    fn reply(table: &Mutex<Entry>, token: Token) -> Reply {
        let current = table.lock().generation == token;
        // BUG: the lock is free here. What was true of the entry may be history when the reply is applied.
        let mut entry = table.lock();
        if current { entry.apply() } else { entry.refuse() }
    }
}

/// `BITS` bits of the generation travel and are compared, in one hold of the lock.
pub struct NarrowGeneration<const BITS: u32>;

impl<const BITS: u32> Rule for NarrowGeneration<BITS> {
    fn token(generation: u64) -> Token {
        // BUG: generations that are a multiple of 2^BITS apart look the same.
        generation % (1 << BITS)
    }
    fn reply(table: &Mutex<Entry>, token: Token) -> Reply {
        let mut entry = table.lock();
        if Self::token(entry.generation) == token { entry.apply() } else { entry.refuse() }
    }
}
