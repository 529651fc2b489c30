//! `StagedCommit`: what each call does in each state, panics, destructors, and several threads.

use selvedge::staged_commit::{Epoch, NotCurrent, RoundError, StageError, StagedCommit};
use selvedge::sync::{Arc, AtomicBool, Mutex, Ordering, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn epoch(n: u64) -> Epoch {
    Epoch::new(n)
}

#[test]
fn a_round_is_seen_when_it_is_activated() {
    let commit = StagedCommit::new(vec![1]);
    assert_eq!((commit.load().epoch(), commit.under_way()), (Epoch::INITIAL, None));
    let round = commit.stage(|last| last.iter().map(|n| n * 10).collect()).unwrap();
    commit.update(round, |value| value.push(2)).unwrap();
    assert_eq!((&commit.load()[..], commit.under_way()), (&[1][..], Some(round)));
    let activated = commit.activate(round).unwrap();
    assert_eq!((&activated[..], activated.epoch()), (&[10, 2][..], round));
    assert_eq!((commit.load(), commit.under_way()), (activated, None));
}

#[test]
fn an_aborted_round_leaves_no_trace() {
    let commit = StagedCommit::new("old");
    let round = commit.stage(|_| "new").unwrap();
    assert_eq!(commit.abort(round), Ok("new"));
    assert_eq!((**commit.load(), commit.load().epoch()), ("old", Epoch::INITIAL));
    assert_eq!(commit.abort(round), Err(RoundError::Aborted));
    assert_eq!(commit.update(round, |_| ()), Err(RoundError::Aborted));
    assert_eq!(commit.activate(round), Err(RoundError::Aborted));
    // Its epoch is not used again.
    assert_eq!(commit.stage(|last| **last), Ok(epoch(2)));
}

#[test]
fn epochs_that_name_no_round_are_refused() {
    let commit = StagedCommit::with_epoch(epoch(5), 'a');
    let never = RoundError::NeverStaged { newest: epoch(5) };
    assert_eq!(commit.activate(epoch(6)), Err(never));
    assert_eq!(commit.abort(epoch(5)), Err(RoundError::Activated));
    assert_eq!(commit.update(epoch(4), |_| ()), Err(RoundError::Superseded { newest: epoch(5) }));
    for old in [0, 4, 5] {
        let refused = commit.stage_as(epoch(old), |_| unreachable!());
        assert_eq!(refused, Err(StageError::NotNewer { newest: epoch(5) }));
    }
    commit.stage_as(epoch(8), |_| 'b').unwrap();
    assert_eq!(commit.stage_as(epoch(8), |_| 'c'), Err(StageError::NotNewer { newest: epoch(8) }));
    // What is refused has not ended the round.
    assert_eq!(commit.activate(epoch(7)), Err(RoundError::Superseded { newest: epoch(8) }));
    assert_eq!(**commit.activate(epoch(8)).unwrap(), 'b');
    assert_eq!(commit.activate(epoch(8)), Err(RoundError::Activated));
    // While the next is under way, the one that readers see is still that.
    commit.stage(|_| 'd').unwrap();
    assert_eq!(commit.activate(epoch(8)), Err(RoundError::Activated));
    assert_eq!(commit.abort(epoch(7)), Err(RoundError::Superseded { newest: epoch(9) }));
}

#[test]
fn the_last_epoch_is_the_last() {
    let commit = StagedCommit::new(0);
    commit.stage_as(Epoch::LAST, |_| 1).unwrap();
    assert_eq!(commit.stage(|_| unreachable!()), Err(StageError::Spent));
    // Refused, so the round is still there.
    assert_eq!(commit.activate(Epoch::LAST).unwrap().epoch().get(), u64::MAX);
    assert_eq!(commit.stage(|_| unreachable!()), Err(StageError::Spent));
}

#[test]
fn a_newer_round_ends_an_older_one() {
    let commit = StagedCommit::new(String::from("completed"));
    let first = commit.stage(|_| "first".to_owned()).unwrap();
    // From what was completed, not from what is under way.
    let second = commit.stage(|last| format!("after {}", **last)).unwrap();
    let over = Err(RoundError::Superseded { newest: second });
    assert_eq!(commit.update(first, |_| unreachable!()), over);
    assert_eq!(commit.activate(first).map(drop), over);
    assert_eq!(**commit.activate(second).unwrap(), "after completed");
}

#[test]
fn the_source_has_completed_the_last_round() {
    let commit = StagedCommit::new(vec![3, 2]);
    let elect = |present: &[i32]| commit.load().elect(|view| view.iter().copied(), |m| present.contains(m));
    assert_eq!(elect(&[1, 2, 3]), Some(2));
    // Another round does not change who has the data, until it is completed.
    let round = commit.stage(|_| vec![1, 2, 3]).unwrap();
    assert_eq!((elect(&[1, 3]), elect(&[1]), elect(&[])), (Some(3), None, None));
    commit.activate(round).unwrap();
    assert_eq!(elect(&[1, 3]), Some(1));
}

#[test]
fn work_is_pinned_to_its_epoch() {
    let commit = StagedCommit::with_epoch(epoch(3), 'c');
    assert_eq!(commit.pinned(epoch(3), |now| (**now, now.epoch())), Ok(('c', epoch(3))));
    assert_eq!(commit.pinned(epoch(2), |_| ()), Err(NotCurrent::Over { completed: epoch(3) }));
    commit.stage(|_| 'd').unwrap();
    assert_eq!(commit.pinned(epoch(4), |_| ()), Err(NotCurrent::NotYet { completed: epoch(3) }));
    commit.activate(epoch(4)).unwrap();
    assert_eq!(commit.pinned(epoch(4), |now| **now), Ok('d'));
}

/// Nothing is left half done, and no lock is left behind.
#[test]
fn a_panic_ends_the_round_at_most() {
    let commit = StagedCommit::new(1);
    let panics = |work: &dyn Fn()| catch_unwind(AssertUnwindSafe(work)).is_err();
    assert!(panics(&|| _ = commit.stage(|_| panic!("while it is made"))));
    assert_eq!(commit.under_way(), None);
    let round = commit.stage(|_| 2).unwrap();
    assert_eq!(round, epoch(1), "the epoch of the round that was not made is free");
    assert!(panics(&|| _ = commit.stage(|_| panic!("while the next is made"))));
    assert_eq!(commit.under_way(), Some(round));
    assert!(panics(&|| _ = commit.pinned(Epoch::INITIAL, |_| panic!("at work"))));
    assert!(panics(&|| _ = commit.update(round, |_| panic!("while it is changed"))));
    assert_eq!((commit.under_way(), commit.activate(round)), (None, Err(RoundError::Aborted)));
    assert_eq!(**commit.load(), 1);
}

/// A value whose destructor comes back.
struct Returns(Arc<Mutex<Vec<u32>>>, Option<Arc<StagedCommit<Returns>>>, u32);

impl Drop for Returns {
    fn drop(&mut self) {
        if let Some(commit) = &self.1 {
            let _ = commit.under_way();
        }
        self.0.lock().push(self.2);
    }
}

#[test]
fn destructors_run_outside_the_lock_and_once() {
    let gone = Arc::new(Mutex::new(Vec::new()));
    let commit = Arc::new(StagedCommit::new(Returns(gone.clone(), None, 0)));
    let value = |n| Returns(gone.clone(), Some(commit.clone()), n);
    commit.stage(|_| value(1)).unwrap();
    commit.stage(|_| value(2)).unwrap();
    assert_eq!(*gone.lock(), [1]);
    drop(commit.abort(epoch(2)));
    assert_eq!(*gone.lock(), [1, 2]);
    let round = commit.stage(|_| value(3)).unwrap();
    let panics = catch_unwind(AssertUnwindSafe(|| commit.update(round, |_| panic!("while it is changed"))));
    assert!(panics.is_err());
    assert_eq!(*gone.lock(), [1, 2, 3]);
    // Without a way back: it would keep itself alive.
    let round = commit.stage(|_| Returns(gone.clone(), None, 4)).unwrap();
    commit.activate(round).unwrap();
    // (The checked form keeps what was replaced until the object itself goes.)
    drop(commit);
    let mut gone = gone.lock().clone();
    gone.sort();
    assert_eq!(gone, [0, 1, 2, 3, 4]);
}

/// Drivers overtake each other; readers see whole values whose epochs only grow; of each round one thing became.
#[test]
fn drivers_and_readers_at_once() {
    const DRIVERS: u64 = 3;
    const ROUNDS: u64 = 3_000;
    let commit = StagedCommit::new([0u64; 4]);
    let done = AtomicBool::new(false);
    let mut activated = 0;
    thread::scope(|s| {
        let (commit, done) = (&commit, &done);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                s.spawn(move || {
                    let (mut reads, mut newest) = (0u64, Epoch::INITIAL);
                    loop {
                        let last = done.load(Ordering::Acquire);
                        let seen = commit.load();
                        assert!(seen.epoch() >= newest, "{} after {newest}", seen.epoch());
                        assert_eq!(**seen, [seen.epoch().get(); 4], "half a round");
                        newest = seen.epoch();
                        let pinned = commit.pinned(newest, |now| {
                            thread::yield_now();
                            now.epoch() == commit.load().epoch()
                        });
                        assert_ne!(pinned, Ok(false), "activated while work was pinned");
                        reads += 1;
                        if last {
                            return reads;
                        }
                    }
                })
            })
            .collect();
        let drive = move || {
            let drive_one = |_: &u64| {
                let round = commit.stage(|last| **last).unwrap();
                for word in 0..4 {
                    if let Err(why) = commit.update(round, |value| value[word] = round.get()) {
                        assert!(matches!(why, RoundError::Superseded { newest } if newest > round));
                        return false;
                    }
                }
                if round.get().is_multiple_of(7) {
                    return commit.abort(round).is_err_and(|why| why == RoundError::Activated);
                }
                commit.activate(round).is_ok()
            };
            (0..ROUNDS).filter(drive_one).count()
        };
        let drivers: Vec<_> = (0..DRIVERS).map(|_| s.spawn(drive)).collect();
        activated = drivers.into_iter().map(|d| d.join().unwrap()).sum();
        done.store(true, Ordering::Release);
        assert!(readers.into_iter().all(|r| r.join().unwrap() > 0));
    });
    assert!(activated > 0);
    let newest = commit.stage(|last| **last).unwrap();
    assert_eq!(newest.get(), DRIVERS * ROUNDS + 1, "every round had an epoch of its own");
}
