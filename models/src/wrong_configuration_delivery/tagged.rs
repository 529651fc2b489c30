//! The fix: the shipped [`StagedCommit`]; the epoch is the number of the configuration, and messages carry it.

use super::{Configuration, NEW, Node, OLD};
use selvedge::staged_commit::{Epoch, StagedCommit};

/// The number of members of the configuration that is installed; the next one is staged.
pub struct Tagged(StagedCommit<usize>);

impl Node for Tagged {
    fn new() -> Self {
        Tagged(StagedCommit::with_epoch(Epoch::new(OLD), 2))
    }
    /// Nothing that the application, or a message, could see.
    fn gather(&self) {}
    fn commit(&self) {
        self.0.stage_as(Epoch::new(NEW), |old| **old + 1).expect("the next configuration");
    }
    fn install(&self) {
        self.0.activate(Epoch::new(NEW)).expect("nobody has aborted it");
    }
    fn receive(&self, sent: Configuration, deliver: impl FnOnce()) -> bool {
        // Fix: compared and delivered while no other configuration can be installed.
        self.0.pinned(Epoch::new(sent), |_members| deliver()).is_ok()
    }
    fn view(&self) -> Configuration {
        self.0.load().epoch().get()
    }
}
