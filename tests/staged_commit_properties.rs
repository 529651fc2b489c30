//! `StagedCommit` against a reference that remembers every round there ever was: random histories, in one thread.

use proptest::prelude::*;
use selvedge::staged_commit::{Epoch, NotCurrent, RoundError, StageError, StagedCommit};

/// One step. Epochs are relative to the newest: below, at or above it.
#[derive(Clone, Debug)]
enum Step {
    Stage,
    StageAs(i64),
    Update(i64, u8),
    Activate(i64),
    Abort(i64),
    Pinned(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let near = prop_oneof![4 => Just(0i64), 2 => -6i64..3];
    prop_oneof![
        3 => Just(Step::Stage),
        1 => (-4i64..5).prop_map(Step::StageAs),
        5 => (near.clone(), any::<u8>()).prop_map(|(e, v)| Step::Update(e, v)),
        2 => near.clone().prop_map(Step::Activate),
        1 => near.clone().prop_map(Step::Abort),
        1 => near.prop_map(Step::Pinned),
    ]
}

/// What became of a round.
#[derive(Clone, PartialEq, Debug)]
enum Fate {
    UnderWay(Vec<u8>),
    Over,
    Activated(Vec<u8>),
}

/// What round `epoch` begins with, after this one.
fn marked(completed: &[u8], epoch: u64) -> Vec<u8> {
    [completed, &[epoch as u8]].concat()
}

/// Every round there ever was, in the order of their epochs; the first is what it begins with.
struct Reference(Vec<(u64, Fate)>);

impl Reference {
    fn newest(&self) -> u64 {
        self.0.last().expect("never empty").0
    }
    /// The last that was activated.
    fn completed(&self) -> (u64, &Vec<u8>) {
        let activated = self.0.iter().rev().find_map(|(epoch, fate)| match fate {
            Fate::Activated(value) => Some((*epoch, value)),
            _ => None,
        });
        activated.expect("the first one was")
    }
    fn stage(&mut self, epoch: u64) {
        let (_, newest) = self.0.last_mut().expect("never empty");
        if let Fate::UnderWay(_) = newest {
            *newest = Fate::Over;
        }
        // Made from the completed one, with a mark of its own.
        let value = marked(self.completed().1, epoch);
        self.0.push((epoch, Fate::UnderWay(value)));
    }
    /// The value of the round that is under way, if it is this one; or why it is not.
    fn under_way(&mut self, epoch: u64) -> Result<&mut Fate, RoundError> {
        let (newest, completed) = (self.newest(), self.completed().0);
        let why = match epoch {
            e if e > newest => RoundError::NeverStaged { newest: Epoch::new(newest) },
            e if e == completed => RoundError::Activated,
            e if e == newest => RoundError::Aborted,
            _ => RoundError::Superseded { newest: Epoch::new(newest) },
        };
        let found = self.0.iter_mut().find(|(e, fate)| *e == epoch && matches!(fate, Fate::UnderWay(_)));
        found.map(|(_, fate)| fate).ok_or(why)
    }
}

proptest! {
    #[test]
    fn any_history_is_as_the_reference_has_it(start in 0u64..5, steps in prop::collection::vec(step(), 0..60)) {
        let commit = StagedCommit::with_epoch(Epoch::new(start), vec![0u8]);
        let mut known = Reference(vec![(start, Fate::Activated(vec![0]))]);
        for step in steps {
            let newest = known.newest();
            let at = |relative: i64| newest.saturating_add_signed(relative);
            match step {
                Step::Stage => {
                    let made = commit.stage(|last| marked(last, newest + 1));
                    prop_assert_eq!(made, Ok(Epoch::new(newest + 1)));
                    known.stage(newest + 1);
                }
                Step::StageAs(relative) => {
                    let epoch = at(relative);
                    let made = commit.stage_as(Epoch::new(epoch), |last| marked(last, epoch));
                    if epoch > newest {
                        prop_assert_eq!(made, Ok(()));
                        known.stage(epoch);
                    } else {
                        prop_assert_eq!(made, Err(StageError::NotNewer { newest: Epoch::new(newest) }));
                    }
                }
                Step::Update(relative, byte) => {
                    let updated = commit.update(Epoch::new(at(relative)), |value| {
                        value.push(byte);
                        value.len()
                    });
                    let expected = known.under_way(at(relative)).map(|fate| {
                        let Fate::UnderWay(value) = fate else { unreachable!() };
                        value.push(byte);
                        value.len()
                    });
                    prop_assert_eq!(updated, expected);
                }
                Step::Activate(relative) => {
                    let activated = commit.activate(Epoch::new(at(relative)));
                    let expected = known.under_way(at(relative)).map(|fate| {
                        let Fate::UnderWay(value) = fate.clone() else { unreachable!() };
                        *fate = Fate::Activated(value.clone());
                        value
                    });
                    prop_assert_eq!(activated.map(|completed| completed.to_vec()), expected);
                }
                Step::Abort(relative) => {
                    let expected = known.under_way(at(relative)).map(|fate| {
                        let Fate::UnderWay(value) = std::mem::replace(fate, Fate::Over) else { unreachable!() };
                        value
                    });
                    prop_assert_eq!(commit.abort(Epoch::new(at(relative))), expected);
                }
                Step::Pinned(relative) => {
                    let (epoch, (completed, value)) = (at(relative), known.completed());
                    let current = Epoch::new(completed);
                    let expected = match epoch.cmp(&completed) {
                        std::cmp::Ordering::Less => Err(NotCurrent::Over { completed: current }),
                        std::cmp::Ordering::Greater => Err(NotCurrent::NotYet { completed: current }),
                        std::cmp::Ordering::Equal => Ok(value.clone()),
                    };
                    prop_assert_eq!(commit.pinned(Epoch::new(epoch), |now| now.to_vec()), expected);
                }
            }
            let seen = commit.load();
            prop_assert_eq!((seen.epoch().get(), &**seen), (known.completed().0, known.completed().1));
            let under_way = known.0.last().filter(|(_, fate)| matches!(fate, Fate::UnderWay(_)));
            prop_assert_eq!(commit.under_way().map(Epoch::get), under_way.map(|(epoch, _)| *epoch));
        }
    }

    /// The source has completed the last round and is present, and nobody before it is.
    #[test]
    fn the_source_is_the_first_that_is_left(
        view in prop::collection::btree_set(0u32..12, 0..8),
        present in prop::collection::btree_set(0u32..12, 0..8),
    ) {
        let commit = StagedCommit::new(view.clone());
        let source = commit.load().elect(|v| v.iter().copied(), |m| present.contains(m));
        prop_assert_eq!(source, view.intersection(&present).next().copied());
    }
}
