//! A round's number and its result, and why a round or a piece of work is refused.

use std::fmt;
use std::ops::Deref;

/// The number of a round. Numbers only grow and are used once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Epoch(u64);

impl Epoch {
    /// Before the first round.
    pub const INITIAL: Epoch = Epoch(0);
    /// The last there is.
    pub const LAST: Epoch = Epoch(u64::MAX);

    /// The epoch with this number.
    #[inline]
    pub const fn new(number: u64) -> Self {
        Epoch(number)
    }

    /// Its number.
    #[inline]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one after it; `None` after [`Epoch::LAST`].
    #[inline]
    pub const fn next(self) -> Option<Epoch> {
        match self.0.checked_add(1) {
            Some(next) => Some(Epoch(next)),
            None => None,
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The state of a round that was completed. Dereferences to its value.
#[derive(PartialEq, Eq, Debug)]
pub struct Completed<T> {
    epoch: Epoch,
    value: T,
}

impl<T> Completed<T> {
    pub(super) fn new(epoch: Epoch, value: T) -> Self {
        Completed { epoch, value }
    }

    /// The round that made it.
    #[inline]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Who is to send this state to the others: the first, in their order, of the members of this completed view who are
    /// present now. `None`: nobody who is present can be known to have it.
    ///
    /// Everybody elects the same one if all know the same view and the same members present. That the one elected *has* the
    /// state is what this node cannot see: it knows that it has completed the round itself, and a member of the view whose
    /// own round was aborted in the last moment has not. So [`activate`](super::StagedCommit::activate) only when all
    /// members are known to have everything (a barrier, a round of acknowledgements), and let one that is elected and is
    /// still at an older epoch say so instead of sending: the epoch of what it sends tells.
    pub fn elect<'a, M: Ord, I: IntoIterator<Item = M>>(
        &'a self,
        members: impl FnOnce(&'a T) -> I,
        present: impl FnMut(&M) -> bool,
    ) -> Option<M> {
        members(&self.value).into_iter().filter(present).min()
    }
}

impl<T> Deref for Completed<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

/// A round that could not begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StageError {
    /// The epoch is that of an earlier round, or of none that can still come.
    NotNewer {
        /// The largest that was staged.
        newest: Epoch,
    },
    /// No epoch is left.
    Spent,
}

impl fmt::Display for StageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StageError::NotNewer { newest } => write!(f, "a new round must have an epoch above {newest}"),
            StageError::Spent => f.write_str("all epochs are spent"),
        }
    }
}

impl std::error::Error for StageError {}

/// Why an epoch names no round that is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RoundError {
    /// It is what readers see.
    Activated,
    /// It was the newest, and was given up: by `abort`, or by a panic in `update`.
    Aborted,
    /// It is over: another was staged since. Or it never was, because [`stage_as`](super::StagedCommit::stage_as) has
    /// skipped it: only the newest epoch is remembered.
    Superseded {
        /// The largest epoch that was staged.
        newest: Epoch,
    },
    /// There was none.
    NeverStaged {
        /// The largest epoch that was staged.
        newest: Epoch,
    },
}

impl fmt::Display for RoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RoundError::Activated => f.write_str("the round has been activated already"),
            RoundError::Aborted => f.write_str("the round was aborted"),
            RoundError::Superseded { newest } => write!(f, "the round is over: {newest} was staged since"),
            RoundError::NeverStaged { newest } => write!(f, "no such round: the newest is {newest}"),
        }
    }
}

impl std::error::Error for RoundError {}

/// Why an epoch is not that of the completed state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotCurrent {
    /// It is an earlier one.
    Over {
        /// The epoch of the completed state.
        completed: Epoch,
    },
    /// It is a later one, which may be under way.
    NotYet {
        /// The epoch of the completed state.
        completed: Epoch,
    },
}

impl fmt::Display for NotCurrent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotCurrent::Over { completed } => write!(f, "that round is over: {completed} is in use"),
            NotCurrent::NotYet { completed } => {
                write!(f, "that round is not completed: {completed} is in use")
            }
        }
    }
}

impl std::error::Error for NotCurrent {}

static_assertions::assert_eq_size!(Epoch, u64);
