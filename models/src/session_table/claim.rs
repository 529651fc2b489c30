//! A reply, its timeout and a cancellation compete for one session: exactly one of them ends it.
//!
#![doc = include_str!("claim.md")]

use super::miniature::{Defect, Miniature, Sound};
use super::{Session, Table, destroyed, open};
use crate::spawn;
use selvedge::check::{
    EngineKind, Expect, Grade, Kind, Model, Variant, always, note, sometimes, violated_unless,
};
use selvedge::session_table::SessionTable;
use selvedge::sync::{Arc, Ordering};

struct LoadThenStore;
impl Defect for LoadThenStore {
    /// BUG: two threads can both find the session open before either closes it.
    const EXCHANGE: bool = false;
}

struct ClosesTwice;
impl Defect for ClosesTwice {
    const CLOSES_ONCE: bool = false;
}

struct KeepsValue;
impl Defect for KeepsValue {
    const DESTROYS: bool = false;
}

struct ReadsClosed;
impl Defect for ReadsClosed {
    const OPEN_ONLY: bool = false;
}

fn claim_races_close<T: Table>() -> &'static str {
    let destroyed = destroyed();
    let table = Arc::new(T::new(1, 2));
    let id = open(&*table, 1, &destroyed).expect("the table is empty");
    let timeout = {
        let table = table.clone();
        spawn("closer", move || {
            note(|| "closes the session".to_owned());
            table.close(id)
        })
    };
    let duplicate = {
        let table = table.clone();
        spawn("reply", move || {
            note(|| "completes the session".to_owned());
            table.complete(id)
        })
    };
    note(|| "completes the session".to_owned());
    let reply = table.complete(id);
    let (closed, completed) = (timeout.join().unwrap(), duplicate.join().unwrap());
    let winners = [reply, closed, completed].into_iter().filter(|won| *won).count();
    violated_unless("one-winner", Kind::DoubleCompletion, winners == 1, || {
        format!("{winners} threads ended the session")
    });
    always("destroyed-once", destroyed.load(Ordering::Relaxed) == 1, || {
        format!("the value was destroyed {} times", destroyed.load(Ordering::Relaxed))
    });
    always("stale-for-ever", table.visit(id).is_none() && !table.complete(id), || {
        "the id still opens something".to_owned()
    });
    sometimes("timeout-wins", closed);
    sometimes("reply-wins", reply);
    sometimes("duplicate-wins", completed);
    if closed { "timed out" } else { "answered" }
}

/// The model.
pub fn model() -> Model {
    const TWICE: (&str, Kind) = ("one-winner", Kind::DoubleCompletion);
    const RACE: (&str, Kind) = ("race-free", Kind::DataRace);
    Model::new("session_table_claim", "of several threads that end one session, exactly one succeeds")
        .lesson(include_str!("claim.md"))
        .always("one-winner", "exactly one close or completion of a session succeeds")
        .always("destroyed-once", "the value is destroyed once")
        .always("stale-for-ever", "an id that has been closed opens nothing")
        .always(
            "race-free",
            "the value is written and destroyed by one thread at a time, and by none that others read",
        )
        .sometimes("timeout-wins", "the close succeeds")
        .sometimes("reply-wins", "the completion succeeds")
        .sometimes("duplicate-wins", "the other completion succeeds")
        .outcome("timed out", Grade::Acceptable, "the timeout ends the session")
        .outcome("answered", Grade::Acceptable, "the reply, or its duplicate, ends the session")
        .variant(
            Variant::buggy("load_then_store", claim_races_close::<Miniature<LoadThenStore>>, &[TWICE, RACE])
                .about("the session is checked to be open, then closed, in two steps")
                .expect(EngineKind::Loom, Expect::found(&[RACE]))
                .expect(EngineKind::Exact, Expect::found(&[RACE])),
        )
        .variant(
            Variant::fixed("miniature", claim_races_close::<Miniature<Sound>>)
                .canary()
                .about("the miniature without a defect: what the buggy variants differ from in one constant"),
        )
        .variant(
            Variant::fixed("session_table", claim_races_close::<SessionTable<Session>>).about("SessionTable"),
        )
        .falsifier(
            "one-winner",
            Kind::DoubleCompletion,
            claim_races_close::<Miniature<ClosesTwice>>,
            "a close of a session that is closed already succeeds",
        )
        .falsifier(
            "destroyed-once",
            Kind::Assertion,
            claim_races_close::<Miniature<KeepsValue>>,
            "a value stays until its slot is filled again",
        )
        .falsifier(
            "stale-for-ever",
            Kind::Assertion,
            claim_races_close::<Miniature<ReadsClosed>>,
            "a slot is read whether its session is open or not",
        )
}
