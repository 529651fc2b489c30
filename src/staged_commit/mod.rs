//! [`StagedCommit`]: state that is replaced in rounds, any of which may be aborted or overtaken; readers see completed
//! rounds only.
//!
//! After a change of membership a cluster builds its next state from what one member sends, and while it does, the
//! next change may come: the round is given up and another begins. Three things go wrong there, for decades now (model
//! `aborted_sync`): what an aborted round has begun to change stays changed; a step of an old round reaches the new one;
//! and who sends is elected from a list that no round has ever completed, so that an empty newcomer replaces everybody's
//! data. Here a round is a value that nobody sees, under a number of its own.
//!
//! ```
//! use selvedge::staged_commit::{Completed, RoundError, StagedCommit};
//!
//! #[derive(Default, Debug)]
//! struct View {
//!     members: Vec<u32>,
//!     database: Vec<&'static str>,
//! }
//!
//! /// The next view, and who sends the database to its members.
//! fn next(last: &Completed<View>, members: &[u32]) -> (View, Option<u32>) {
//!     let source = last.elect(|view| view.members.iter().copied(), |m| members.contains(m));
//!     (View { members: members.to_vec(), ..View::default() }, source)
//! }
//!
//! // Nodes 2 and 3 hold the database; node 1 joins, with nothing.
//! let view = StagedCommit::new(View { members: vec![2, 3], database: vec!["c1", "c2"] });
//! let mut source = None;
//! let first = view.stage(|last| {
//!     let (next, from) = next(last, &[1, 2, 3]);
//!     source = from;
//!     next
//! })?;
//! assert_eq!(source, Some(2));
//! view.update(first, |next| next.database.push("c1"))?;
//!
//! // Node 2 leaves before it has sent everything. The next round begins, which ends the first one.
//! let second = view.stage(|last| {
//!     let (next, from) = next(last, &[1, 3]);
//!     source = from;
//!     next
//! })?;
//! // Not node 1, which has completed no round.
//! assert_eq!(source, Some(3));
//! assert_eq!(view.activate(first).unwrap_err(), RoundError::Superseded { newest: second });
//! assert_eq!(view.load().database, ["c1", "c2"]);
//!
//! view.update(second, |next| next.database.extend(["c1", "c2"]))?;
//! view.activate(second)?;
//! assert_eq!((&view.load().members[..], view.load().epoch()), (&[1, 3][..], second));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//! * [`load`](StagedCommit::load) takes no lock and returns the state of one completed round, whole. Nothing of a round
//!   that is under way, aborted or superseded is ever seen.
//! * Of each round at most one [`activate`](StagedCommit::activate) succeeds, and none once it was aborted or another was
//!   staged. Epochs only grow, so no later round can be taken for an earlier one.
//! * A round is staged from the last *completed* state, which no activation can replace meanwhile.
//! * What is refused says why ([`RoundError`]) and changes nothing.
//!
//! Losing a round is not an error of the one who drives it: it is told at the next step, and looks which round is under way.
//!
//! A member that fails and returns is another member: elect by a name that includes the incarnation, or a node that has
//! come back empty is taken for the one that held the data (variant `source_by_node`).

mod round;

pub use round::{Completed, Epoch, NotCurrent, RoundError, StageError};

use crate::sync::{Arc, ArcSwap, Mutex, Named};
use std::fmt;

/// State that is replaced in rounds. See the [module](self).
///
/// `completed` is what readers see; `staging` is the lock under which rounds begin and end.
///
/// | staging | who may move it | to | completed |
/// |---|---|---|---|
/// | no round; the newest had epoch n | `stage`: any epoch above n | round of that epoch | stays |
/// | round n | `stage`: any epoch above n | round of that epoch; the value of n is dropped | stays |
/// | round n | `update(n)` | round n, its value changed | stays |
/// | round n | `update(n)` whose closure panics | no round | stays |
/// | round n | `abort(n)` | no round; the value is handed back | stays |
/// | round n | `activate(n)` | no round | n, in the same hold of the lock |
///
/// Every other call is refused. `completed` is replaced by a SeqCst exchange, which the Acquire in `load` pairs with:
/// who sees a round sees everything that was staged for it.
pub struct StagedCommit<T> {
    completed: ArcSwap<Completed<T>>,
    staging: Mutex<Staging<T>>,
}

struct Staging<T> {
    /// The largest epoch that was ever staged.
    newest: Epoch,
    /// The epoch of `completed`.
    completed: Epoch,
    /// The value of round `newest`, if that is under way.
    round: Option<T>,
}

impl<T> StagedCommit<T> {
    /// Begins with `value`, as if a round with [`Epoch::INITIAL`] had completed.
    pub fn new(value: T) -> Self {
        StagedCommit::with_epoch(Epoch::INITIAL, value)
    }

    /// Begins with `value` as the state of a round that was completed elsewhere, or in an earlier life.
    pub fn with_epoch(epoch: Epoch, value: T) -> Self {
        StagedCommit {
            completed: ArcSwap::new(Arc::new(Completed::new(epoch, value))).named("completed"),
            staging: Mutex::new(Staging { newest: epoch, completed: epoch, round: None }).named("staging"),
        }
    }

    /// The state of the last completed round.
    #[inline]
    pub fn load(&self) -> Arc<Completed<T>> {
        self.completed.load_full()
    }

    /// Begins a round under the next epoch. Its value is made from the last completed state; a round that is under way
    /// is superseded.
    ///
    /// `make` runs under the lock: it must not call this object, but for [`load`](Self::load).
    pub fn stage(&self, make: impl FnOnce(&Completed<T>) -> T) -> Result<Epoch, StageError> {
        self.begin(|newest| newest.next().ok_or(StageError::Spent), make)
    }

    /// The same under an epoch from elsewhere, such as the number of a configuration that all members agree on. It must be
    /// above every epoch that was staged before.
    pub fn stage_as(&self, epoch: Epoch, make: impl FnOnce(&Completed<T>) -> T) -> Result<(), StageError> {
        let choose = |newest| if epoch > newest { Ok(epoch) } else { Err(StageError::NotNewer { newest }) };
        self.begin(choose, make).map(drop)
    }

    fn begin(
        &self,
        choose: impl FnOnce(Epoch) -> Result<Epoch, StageError>,
        make: impl FnOnce(&Completed<T>) -> T,
    ) -> Result<Epoch, StageError> {
        let mut staging = self.staging.lock();
        let epoch = choose(staging.newest)?;
        let value = make(&self.completed.load());
        // If `make` has panicked, nothing has changed.
        staging.newest = epoch;
        let superseded = staging.round.replace(value);
        drop(staging);
        // Outside the lock: a destructor may be slow, or come back.
        drop(superseded);
        Ok(epoch)
    }

    /// Changes the value of the round that is under way. If `change` panics, the round is over.
    ///
    /// `change` runs under the lock: it must not call this object, but for [`load`](Self::load).
    pub fn update<R>(&self, epoch: Epoch, change: impl FnOnce(&mut T) -> R) -> Result<R, RoundError> {
        // Declared before the guard: when `change` panics, the value is dropped outside the lock.
        let mut value;
        let mut staging = self.staging.lock();
        value = Some(staging.take(epoch)?);
        let changed = value.as_mut().map(change);
        staging.round = value.take();
        Ok(changed.expect("it was there"))
    }

    /// Completes the round: from now on its value is what readers see.
    pub fn activate(&self, epoch: Epoch) -> Result<Arc<Completed<T>>, RoundError> {
        let mut staging = self.staging.lock();
        let completed = Arc::new(Completed::new(epoch, staging.take(epoch)?));
        // Under the lock, so that no round is staged from the state before, and nothing `pinned` sees the next one.
        let before = self.completed.swap(completed.clone());
        staging.completed = epoch;
        drop(staging);
        drop(before);
        Ok(completed)
    }

    /// Gives the round up and hands its value back. What readers see stays as it is.
    pub fn abort(&self, epoch: Epoch) -> Result<T, RoundError> {
        self.staging.lock().take(epoch)
    }

    /// The round that is under way. By the time the caller looks at it, it may be over.
    pub fn under_way(&self) -> Option<Epoch> {
        let staging = self.staging.lock();
        staging.round.is_some().then_some(staging.newest)
    }

    /// Runs `work` with the completed state if that is the one of `epoch`, and lets no round begin or end meanwhile: for
    /// what belongs to one configuration, such as a message that was sent in it.
    ///
    /// `work` runs under the lock: it must not call this object, but for [`load`](Self::load).
    pub fn pinned<R>(&self, epoch: Epoch, work: impl FnOnce(&Completed<T>) -> R) -> Result<R, NotCurrent> {
        let staging = self.staging.lock();
        let completed = staging.completed;
        match epoch.cmp(&completed) {
            std::cmp::Ordering::Less => Err(NotCurrent::Over { completed }),
            std::cmp::Ordering::Greater => Err(NotCurrent::NotYet { completed }),
            std::cmp::Ordering::Equal => Ok(work(&self.completed.load())),
        }
    }
}

impl<T> Staging<T> {
    /// Ends the round, if it is under way.
    fn take(&mut self, epoch: Epoch) -> Result<T, RoundError> {
        let round = if epoch == self.newest { self.round.take() } else { None };
        round.ok_or_else(|| {
            let newest = self.newest;
            if epoch > newest {
                RoundError::NeverStaged { newest }
            } else if epoch == self.completed {
                RoundError::Activated
            } else if epoch < newest {
                RoundError::Superseded { newest }
            } else {
                RoundError::Aborted
            }
        })
    }
}

impl<T> fmt::Debug for StagedCommit<T> {
    /// Does not look at the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let staging = self.staging.lock();
        f.debug_struct("StagedCommit")
            .field("completed", &staging.completed)
            .field("under_way", &staging.round.as_ref().map(|_| staging.newest))
            .finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(StagedCommit<Box<u8>>: Send, Sync);
// Readers on any thread share the value, and the last of them drops it.
static_assertions::assert_not_impl_any!(StagedCommit<std::cell::Cell<u8>>: Send, Sync);
static_assertions::assert_not_impl_any!(StagedCommit<std::rc::Rc<u8>>: Send, Sync);
