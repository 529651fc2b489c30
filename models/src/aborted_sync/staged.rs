//! The fix: the shipped [`StagedCommit`].

use super::{Database, FIRST, Member, Members, Step, Synchronisation, WHOLE};
use selvedge::staged_commit::{Epoch, StagedCommit};

/// What the members of a configuration have in common.
struct View {
    members: Members,
    database: Database,
    /// Who sends the database to the others, until it is complete.
    source: Option<Sending>,
}

/// A member of the last completed view sends that view's database.
struct Sending {
    database: Database,
    next: Database,
}

/// Fix: a round is a value that nobody sees, under the number of its configuration, and who has completed the last one is
/// asked there: what an aborted round has begun cannot stay behind, and no step of it reaches the next.
pub struct Staged(StagedCommit<View>);

impl Synchronisation for Staged {
    fn new() -> Self {
        let view = View { members: FIRST, database: WHOLE, source: None };
        Staged(StagedCommit::with_epoch(Epoch::new(1), view))
    }

    fn configure(&self, number: u64, members: Members) {
        let staged = self.0.stage_as(Epoch::new(number), |last| {
            let source = last.elect(|view| view.members.iter(), |m| members.contains(*m));
            let source = source.map(|_| Sending { database: last.database, next: 1 });
            View { members, database: 0, source }
        });
        staged.expect("configurations come in their order");
    }

    fn step(&self) -> Step {
        let Some(round) = self.0.under_way() else { return Step::Nothing };
        let received = self.0.update(round, |view| {
            let sending = view.source.as_mut().filter(|s| s.next & WHOLE != 0)?;
            view.database |= sending.database & sending.next;
            sending.next <<= 1;
            Some(())
        });
        match received {
            Ok(None) if self.0.activate(round).is_ok() => Step::Activation,
            // If a configuration has come meanwhile, this round is over, and the next step is the next one's.
            _ => Step::Piece,
        }
    }

    fn database(&self, member: Member) -> Database {
        let view = self.0.load();
        if view.members.contains(member) { view.database } else { 0 }
    }
}
