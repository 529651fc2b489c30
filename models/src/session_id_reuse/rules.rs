//! The rules by which the broken variants match a reply to a connection; each has its marked line.

use super::miniature::{Entry, Rule};
use super::{Reply, Token};
use selvedge::check::note;
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
        // BUG: that there is a session does not make it the session of this reply.
        table.lock().apply_checked()
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

/// The whole generation travels and is compared. The null check stays, here and below.
pub struct CheckThenApply;

impl Rule for CheckThenApply {
    fn token(generation: u64) -> Token {
        generation
    }
    fn reply(table: &Mutex<Entry>, token: Token) -> Reply {
        note(|| "compares the generations".to_owned());
        let current = table.lock().generation == token;
        // BUG: the lock is free here. What was true of the entry may be history when the reply is applied.
        note(|| if current { "same: applies the reply" } else { "another: refuses it" }.to_owned());
        let mut entry = table.lock();
        if current { entry.apply_checked() } else { entry.refuse() }
    }
}

/// The whole generation travels and is compared, and the reply is applied in the same hold of the lock. The entry is left
/// to whoever tears the connection down.
pub struct CompareWithoutClaim;

impl Rule for CompareWithoutClaim {
    fn token(generation: u64) -> Token {
        generation
    }
    fn reply(table: &Mutex<Entry>, token: Token) -> Reply {
        let mut entry = table.lock();
        match &entry.connection {
            // BUG: `EXISTS` has ended this open, and the connection is still there to be ended once more: by a close, or
            // by the same reply if it arrives twice.
            Some(c) if entry.generation == token && c.session.is_some() => {
                note(|| "applies it, and leaves the entry".to_owned());
                Reply::Applied { to: c.incarnation, attached: true }
            }
            _ => entry.refuse(),
        }
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
        if Self::token(entry.generation) == token { entry.apply_checked() } else { entry.refuse() }
    }
}
