//! [`Guard`] and [`Claim`]: what keeps a session's value alive, and what owns it.

use super::id::SessionId;
use super::{Rejected, SessionTable};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;

/// A session in use. Its value lives until the session is closed *and* the last guard is gone.
///
/// Any thread may close the session meanwhile; the guard does not notice. Dropping the last guard of a closed
/// session destroys the value, in the thread that drops it. A forgotten guard (`mem::forget`) keeps the slot until
/// the table is dropped.
pub struct Guard<'a, T> {
    table: &'a SessionTable<T>,
    id: SessionId,
}

impl<'a, T> Guard<'a, T> {
    /// The caller has added a guard to the slot of `id`; the new `Guard` stands for it.
    #[inline]
    pub(super) fn new(table: &'a SessionTable<T>, id: SessionId) -> Self {
        Guard { table, id }
    }

    /// The session.
    pub fn id(&self) -> SessionId {
        self.id
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `self` stands for one guard on the slot, and the reference does not outlive `self`.
        unsafe { self.table.slot(self.id).value() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.table.slot(self.id).leave() {
            // SAFETY: `leave` made us the owner of the slot, and nothing has been done with it yet.
            drop(unsafe { self.table.vacate(self.id) });
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("id", &self.id).field("value", &**self).finish()
    }
}

/// The outcome of [`SessionTable::complete`].
#[derive(Debug)]
#[must_use = "a completion that is not looked at may have been too late"]
pub enum Completion<'a, T> {
    /// The session was open and is now yours. Nobody else, closer or completer, gets it.
    Taken(Claim<'a, T>),
    /// Someone else has closed or completed it before.
    Stale,
    /// No session has had this id.
    Vacant,
}

impl<'a, T> Completion<'a, T> {
    /// The claim, if it was won.
    pub fn taken(self) -> Option<Claim<'a, T>> {
        match self {
            Completion::Taken(claim) => Some(claim),
            Completion::Stale | Completion::Vacant => None,
        }
    }
}

impl<T> From<Rejected> for Completion<'_, T> {
    fn from(why: Rejected) -> Self {
        match why {
            Rejected::Stale => Completion::Stale,
            Rejected::Vacant => Completion::Vacant,
        }
    }
}

/// The one right to finish a session: whoever holds it has closed the session and is the only one who can say what
/// becomes of the value. Guards taken before may still be reading it, which is why a claim dereferences to `&T`
/// at once and gives up `T` only when it is alone.
///
/// Dropped, it behaves like a guard: the last one out destroys the value.
pub struct Claim<'a, T>(Guard<'a, T>);

impl<'a, T> Claim<'a, T> {
    /// The caller has claimed the slot of `id`; the new `Claim` stands for it.
    #[inline]
    pub(super) fn new(table: &'a SessionTable<T>, id: SessionId) -> Self {
        Claim(Guard::new(table, id))
    }

    /// The session.
    pub fn id(&self) -> SessionId {
        self.0.id
    }

    /// The value itself, unless a guard is still out; then the claim comes back. It never waits: the guard may be
    /// the caller's own.
    #[inline]
    pub fn try_into_inner(self) -> Result<T, Self> {
        let (table, id) = (self.0.table, self.0.id);
        if !table.slot(id).leave_if_last(id.generation()) {
            return Err(self);
        }
        // The guard within has left already.
        let _left = ManuallyDrop::new(self);
        // SAFETY: `leave_if_last` made us the owner of the slot, and nothing has been done with it yet.
        let value = unsafe { table.vacate(id) };
        Ok(value.expect("a claimed slot holds a value until its owner takes it"))
    }
}

impl<T> Deref for Claim<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Claim<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("id", &self.0.id).field("value", &**self).finish()
    }
}
