//! A session is closed, and its slot used again, while others read it.
//!
#![doc = include_str!("guard.md")]

use super::miniature::{Defect, Miniature};
use super::{Session, Table, destroyed, open};
use crate::spawn;
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::session_table::SessionTable;
use selvedge::sync::{Arc, Ordering};

struct Uncounted;
impl Defect for Uncounted {
    /// BUG: the closer cannot know that somebody is reading.
    const GUARDS_COUNT: bool = false;
}

struct LeaveWithoutRelease;
impl Defect for LeaveWithoutRelease {
    /// BUG: whoever destroys the value has not seen that this reader is done with it.
    const LEAVE: Ordering = Ordering::Acquire;
}

struct LeaveWithoutAcquire;
impl Defect for LeaveWithoutAcquire {
    /// BUG: the last one out destroys the value without having seen that the others are done with it.
    const LEAVE: Ordering = Ordering::Release;
}

struct RelaxedEnter;
impl Defect for RelaxedEnter {
    /// BUG: a closer that finds no guard destroys the value without having seen that they are done with it.
    const ENTER: Ordering = Ordering::Relaxed;
}

struct RelaxedTakeOver;
impl Defect for RelaxedTakeOver {
    /// BUG: a claim that is alone takes the value without having seen that its readers are done with it.
    const TAKE_OVER: Ordering = Ordering::Relaxed;
}

struct ComparesOnce;
impl Defect for ComparesOnce {
    const COMPARES_AGAIN: bool = false;
}

struct StaysOpen;
impl Defect for StaysOpen {
    const CLOSES: bool = false;
}

struct KeepsValue;
impl Defect for KeepsValue {
    const DESTROYS: bool = false;
}

/// How the session ends.
#[derive(Clone, Copy)]
enum End {
    Close,
    Complete,
}

fn guard_across<T: Table>(end: End) -> &'static str {
    let destroyed = destroyed();
    let table = Arc::new(T::new(1, 2));
    let id = open(&*table, 1, &destroyed).expect("the table is empty");
    let reader = {
        let table = table.clone();
        spawn("reader", move || {
            note(|| "gets the session and reads its value".to_owned());
            table.visit(id)
        })
    };
    let ended = match end {
        End::Close => {
            note(|| "closes the session".to_owned());
            table.close(id)
        }
        End::Complete => {
            note(|| "completes the session".to_owned());
            table.complete(id)
        }
    };
    // The slot is free again unless the reader holds it.
    let next = open(&*table, 2, &destroyed);
    note(|| "looks for session 1".to_owned());
    let late = table.visit(id);
    let seen = reader.join().unwrap();
    always("own-session", seen.is_none_or(|name| name == 1), || {
        format!("the guard on session 1 read session {seen:?}")
    });
    always("closed-is-closed", ended && late.is_none(), || format!("a closed session was read: {late:?}"));
    // A refused open gives its session back, and that one is dropped as well.
    let gone = destroyed.load(Ordering::Relaxed);
    always("destroyed-in-time", gone == 1 + u32::from(next.is_none()), || {
        format!("{gone} sessions were destroyed")
    });
    sometimes("guard-outlives-session", next.is_none());
    sometimes("read-and-reused", seen == Some(1) && next.is_some());
    sometimes("read-too-late", seen.is_none());
    match (seen, next) {
        (Some(_), None) => "guard outlives session",
        (Some(_), Some(_)) => "read, then reused",
        (None, _) => "read too late",
    }
}

/// The model.
pub fn model() -> Model {
    const RACE: (&str, Kind) = ("race-free", Kind::DataRace);
    Model::new("session_table_guard", "a guard keeps a session's value, and its slot, until it is dropped")
        .lesson(include_str!("guard.md"))
        .always("own-session", "a guard reads the session that it was taken for")
        .always("closed-is-closed", "after a close no guard is given out")
        .always(
            "destroyed-in-time",
            "a value is destroyed when its session is closed and unguarded, and once",
        )
        .always("race-free", "no value is destroyed or replaced while it is read")
        .sometimes("guard-outlives-session", "the slot cannot be reused yet, because the guard is there")
        .sometimes("read-and-reused", "the reader was done before the close")
        .sometimes("read-too-late", "the reader finds the session closed")
        .outcome(
            "guard outlives session",
            Grade::Interesting,
            "the session is closed, and its slot cannot be used again because a guard is still there",
        )
        .outcome(
            "read, then reused",
            Grade::Acceptable,
            "the reader was done before the close, and the slot is used again",
        )
        .outcome("read too late", Grade::Acceptable, "the reader finds the session closed")
        .variant(
            Variant::buggy("uncounted_guard", || guard_across::<Miniature<Uncounted>>(End::Close), &[RACE])
                .about("the reader checks the generation and reads, and the closer does not know"),
        )
        .variant(
            Variant::buggy(
                "leave_without_release",
                || guard_across::<Miniature<LeaveWithoutRelease>>(End::Close),
                &[RACE],
            )
            .about("guards are counted, but dropping one does not release what was read"),
        )
        .variant(
            Variant::buggy(
                "leave_without_acquire",
                || guard_across::<Miniature<LeaveWithoutAcquire>>(End::Complete),
                &[RACE],
            )
            .about("guards are counted, but the last one does not acquire what the others have read"),
        )
        .variant(
            Variant::buggy("relaxed_enter", || guard_across::<Miniature<RelaxedEnter>>(End::Close), &[RACE])
                .about(
                    "the exchange that closes the session does not acquire what its readers have released",
                ),
        )
        .variant(
            Variant::buggy(
                "relaxed_take_over",
                || guard_across::<Miniature<RelaxedTakeOver>>(End::Complete),
                &[RACE],
            )
            .about(
                "the session is completed, and the exchange that takes the value over does not acquire it",
            ),
        )
        .variant(
            Variant::fixed("session_table", || guard_across::<SessionTable<Session>>(End::Close))
                .about("SessionTable, closed"),
        )
        .variant(
            Variant::fixed("session_table_completed", || {
                guard_across::<SessionTable<Session>>(End::Complete)
            })
            .about("SessionTable, completed and taken over"),
        )
        .falsifier(
            "own-session",
            Kind::Assertion,
            || guard_across::<Miniature<ComparesOnce>>(End::Close),
            "who finds the word changed takes a guard on whatever is open by then",
        )
        .falsifier(
            "closed-is-closed",
            Kind::Assertion,
            || guard_across::<Miniature<StaysOpen>>(End::Close),
            "a close says that it has closed the session, and does not",
        )
        .falsifier(
            "destroyed-in-time",
            Kind::Assertion,
            || guard_across::<Miniature<KeepsValue>>(End::Close),
            "a value stays until its slot is filled again",
        )
}
