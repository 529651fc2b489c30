//! The fix: the shipped [`StagedCommit`]; what does not fit ends the round, and the database that is in use stays.

use super::{Checkpoint, Database, Message, Receiver, UnknownCheckpoint};
use selvedge::staged_commit::{Epoch, StagedCommit};
use selvedge::sync::{AtomicU64, Named, Ordering};

/// Fix: an error with a name instead of an assertion; and a round that met one is not activated, so that nothing is lost.
pub struct Staged {
    database: StagedCommit<Database>,
    /// The epoch of the round that the source has begun. Relaxed: `begin` happens before what arrives in its round.
    round: AtomicU64,
}

impl Staged {
    fn round(&self) -> Epoch {
        Epoch::new(self.round.load(Ordering::Relaxed))
    }
}

/// Puts a message where it belongs.
fn apply(database: &mut Database, message: Message) -> Result<(), UnknownCheckpoint> {
    match message {
        Message::Checkpoint { name, retention } => {
            database.push(Checkpoint { name, retention, sections: Vec::new() });
        }
        Message::Section { of, section } => {
            let checkpoint = database.iter_mut().find(|c| c.name == of).ok_or(UnknownCheckpoint)?;
            checkpoint.sections.push(section);
        }
    }
    Ok(())
}

impl Receiver for Staged {
    fn new() -> Self {
        Staged { database: StagedCommit::new(Vec::new()), round: AtomicU64::new(0).named("round") }
    }
    fn begin(&self) {
        let round = self.database.stage(|_| Vec::new()).expect("epochs are not spent");
        self.round.store(round.get(), Ordering::Relaxed);
    }
    fn receive(&self, message: Message) {
        let round = self.round();
        if self.database.update(round, |next| apply(next, message)) == Ok(Err(UnknownCheckpoint)) {
            // What has come without its beginning is thrown away as a whole; what comes after it is refused.
            self.database.abort(round).expect("the round is under way, and nobody else ends it");
        }
    }
    fn end(&self) -> bool {
        self.database.activate(self.round()).is_ok()
    }
    fn database(&self) -> Database {
        self.database.load().to_vec()
    }
}
