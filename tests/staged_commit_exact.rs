//! `StagedCommit` under the exact explorer: two drivers and a reader, every execution. (Its models are those of incident
//! 001, in the catalogue, in which one thread drives.)
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::always;
use selvedge::staged_commit::{Epoch, StagedCommit};
use selvedge::sync::{Arc, thread};
use support::{exact, outcomes};

/// A round that adds one to what was completed. Was it activated?
fn drive(commit: &StagedCommit<u64>) -> Option<Epoch> {
    let round = commit.stage(|last| **last + 1).expect("epochs are not spent");
    commit.activate(round).ok().map(|completed| completed.epoch())
}

#[test]
fn two_drivers_and_a_reader() {
    let explored = exact(|| {
        let commit = Arc::new(StagedCommit::new(0));
        let drivers = [(); 2].map(|()| {
            let commit = commit.clone();
            thread::spawn(move || drive(&commit))
        });
        let (first, second) = (commit.load(), commit.load());
        always("grows", first.epoch() <= second.epoch() && **first <= **second, || {
            format!("{first:?}, then {second:?}")
        });
        let still = commit.pinned(second.epoch(), |now| now.epoch() == commit.load().epoch());
        always("pinned", still != Ok(false), || "another round was completed meanwhile".to_owned());
        let activated: Vec<_> = drivers.into_iter().filter_map(|d| d.join().unwrap()).collect();
        let end = commit.load();
        // A round is staged from the last completed one, and none is completed between that and its own activation.
        always("none-lost", **end == activated.len() as u64, || format!("{activated:?} made {}", **end));
        always("newest-stays", activated.iter().max() == Some(&end.epoch()), || {
            format!("{activated:?}, and readers see {}", end.epoch())
        });
        if activated.len() == 2 { "both" } else { "one superseded the other" }
    });
    assert_eq!(explored.verdict, selvedge::check::Verdict::Exhausted, "{:?}", explored.failure);
    assert_eq!(outcomes(&explored), ["both", "one superseded the other"].map(str::to_owned).into());
}

/// Two who tell the same round apart: one of activate and abort wins.
#[test]
fn a_round_ends_once() {
    let explored = exact(|| {
        let commit = Arc::new(StagedCommit::new('a'));
        let round = commit.stage(|_| 'b').expect("the first");
        let aborts = {
            let commit = commit.clone();
            thread::spawn(move || commit.abort(round).is_ok())
        };
        let activated = commit.activate(round).is_ok();
        let aborted = aborts.join().unwrap();
        always("once", activated != aborted, || format!("activated: {activated}, aborted: {aborted}"));
        let seen = **commit.load();
        always("as-told", (seen == 'b') == activated, || format!("activated: {activated}, seen: {seen}"));
        if activated { "activated" } else { "aborted" }
    });
    assert_eq!(explored.verdict, selvedge::check::Verdict::Exhausted, "{:?}", explored.failure);
    assert_eq!(outcomes(&explored), ["aborted", "activated"].map(str::to_owned).into());
}
