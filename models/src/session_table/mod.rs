//! Models of `SessionTable` itself, with tables of one or two slots: one file a model.
//!
//! Each model runs the shipped table and, to show that it can fail, a `miniature` of it with one defect.

mod claim;
mod free_list;
mod guard;
mod iterate;
mod miniature;
mod retirement;

use selvedge::check::{Model, note};
use selvedge::session_table::{Limits, SessionId, SessionTable};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering};

/// All of them, simplest first.
pub fn models() -> Vec<Model> {
    vec![claim::model(), guard::model(), iterate::model(), free_list::model(), retirement::model()]
}

/// A session of the models: it knows its name and reports its destruction.
struct Session {
    name: u32,
    destroyed: Arc<AtomicU32>,
}

/// Counts destroyed sessions.
fn destroyed() -> Arc<AtomicU32> {
    Arc::new(AtomicU32::new(0).named("destroyed"))
}

/// Opens a session of this name.
fn open<T: Table>(table: &T, name: u32, destroyed: &Arc<AtomicU32>) -> Option<T::Id> {
    let session = Session::new(name, destroyed);
    note(|| format!("opens session {name}"));
    table.open(session)
}

impl Session {
    fn new(name: u32, destroyed: &Arc<AtomicU32>) -> Self {
        Session { name, destroyed: destroyed.clone() }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Relaxed: read after all threads are joined.
        self.destroyed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The seam between the variants: as much of the table as the models use. Guards last for one call.
trait Table: Send + Sync + Sized + 'static {
    type Id: Copy + PartialEq + std::fmt::Debug + Send + Sync + 'static;
    /// An id in words.
    fn shown(id: Self::Id) -> String;
    fn new(capacity: usize, generations: u64) -> Self;
    fn open(&self, session: Session) -> Option<Self::Id>;
    /// Did this call close the session?
    fn close(&self, id: Self::Id) -> bool;
    /// Did this call claim the session? The value is taken over if nobody else has it, and left to the last otherwise.
    fn complete(&self, id: Self::Id) -> bool;
    /// The name of the session, read under a guard.
    fn visit(&self, id: Self::Id) -> Option<u32>;
    /// All open sessions, each read under a guard.
    fn visit_all(&self) -> Vec<(Self::Id, u32)>;
    /// The slot that an id names.
    fn slot(id: Self::Id) -> usize;
    /// Slots retired so far.
    fn retired(&self) -> u64;
}

impl Table for SessionTable<Session> {
    type Id = SessionId;
    fn shown(id: SessionId) -> String {
        format!("slot {} g{}", id.index(), id.generation())
    }
    fn new(capacity: usize, generations: u64) -> Self {
        SessionTable::with_limits(Limits { capacity, generations }).expect("small limits are valid")
    }
    fn open(&self, session: Session) -> Option<SessionId> {
        self.open(session).ok()
    }
    fn close(&self, id: SessionId) -> bool {
        self.close(id).is_ok()
    }
    fn complete(&self, id: SessionId) -> bool {
        let Some(claim) = self.complete(id).taken() else { return false };
        drop(claim.try_into_inner());
        true
    }
    fn visit(&self, id: SessionId) -> Option<u32> {
        self.get(id).map(|session| session.name)
    }
    fn visit_all(&self) -> Vec<(SessionId, u32)> {
        self.iter().map(|session| (session.id(), session.name)).collect()
    }
    fn slot(id: SessionId) -> usize {
        id.index() as usize
    }
    fn retired(&self) -> u64 {
        self.counters().retired
    }
}
