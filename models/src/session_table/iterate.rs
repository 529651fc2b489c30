//! Iteration meets a session that is being replaced by another in the same slot.
//!
#![doc = include_str!("iterate.md")]

use super::miniature::{Defect, Miniature};
use super::{Session, Table, destroyed, open};
use crate::spawn;
use selvedge::check::{EngineKind, Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::session_table::SessionTable;
use selvedge::sync::{Arc, Ordering};

struct RelaxedPublish;
impl Defect for RelaxedPublish {
    /// BUG: whoever finds the session open has not seen its value written.
    const PUBLISH: Ordering = Ordering::Relaxed;
}

struct RelaxedPush;
impl Defect for RelaxedPush {
    /// BUG: the opener fills a slot that it has not seen emptied.
    const PUSH: Ordering = Ordering::Relaxed;
}

struct RelaxedPop;
impl Defect for RelaxedPop {
    /// BUG: as with `RelaxedPush`, seen from the other side.
    const POP: Ordering = Ordering::Relaxed;
}

struct ComparesOnce;
impl Defect for ComparesOnce {
    const COMPARES_AGAIN: bool = false;
}

struct ComesByTwice;
impl Defect for ComesByTwice {
    const PASSES: usize = 2;
}

fn iteration_meets_reuse<T: Table>() -> &'static str {
    let destroyed = destroyed();
    let table = Arc::new(T::new(1, 2));
    let first = open(&*table, 1, &destroyed).expect("the table is empty");
    let closer = {
        let table = table.clone();
        spawn("closer", move || {
            note(|| "closes session 1".to_owned());
            table.close(first)
        })
    };
    let opener = {
        let (table, destroyed) = (table.clone(), destroyed.clone());
        spawn("opener", move || open(&*table, 2, &destroyed))
    };
    let iterator = {
        let table = table.clone();
        spawn("iterator", move || {
            note(|| "looks at all sessions".to_owned());
            table.visit_all()
        })
    };
    closer.join().unwrap();
    let second = opener.join().unwrap();
    let seen = iterator.join().unwrap();
    always("bounded", seen.len() <= 1, || format!("one slot showed {} sessions", seen.len()));
    for (id, name) in &seen {
        always(
            "own-session",
            (*id == first) == (*name == 1) && (Some(*id) == second) == (*name == 2),
            || format!("{} showed session {name}", T::shown(*id)),
        );
    }
    sometimes("sees-the-first", seen.iter().any(|(_, name)| *name == 1));
    sometimes("sees-the-second", seen.iter().any(|(_, name)| *name == 2));
    sometimes("sees-nothing", seen.is_empty());
    match seen.first() {
        Some((_, 1)) => "first",
        Some(_) => "second",
        None => "nothing",
    }
}

/// The model.
pub fn model() -> Model {
    const RACE: (&str, Kind) = ("race-free", Kind::DataRace);
    Model::new("session_table_iterate", "iteration sees whole sessions only, and each under its own id")
        .lesson(include_str!("iterate.md"))
        .always("own-session", "what is seen under an id is the session with that id")
        .always("bounded", "no more sessions are seen than there are slots")
        .always("race-free", "no value is read before it is written or after it is destroyed")
        .sometimes("sees-the-first", "the iterator comes by before the close")
        .sometimes("sees-the-second", "the iterator comes by after the slot is used again")
        .sometimes("sees-nothing", "the iterator comes by in between")
        .outcome("first", Grade::Acceptable, "the iteration sees the first session")
        .outcome("second", Grade::Acceptable, "the iteration sees the session that came into the same slot")
        .outcome("nothing", Grade::Acceptable, "the iteration comes between the two, and sees neither")
        .variant(
            Variant::buggy("relaxed_publish", iteration_meets_reuse::<Miniature<RelaxedPublish>>, &[RACE])
                // Found in about one of 2,500 random schedules; quick, for it stops there.
                .tune(EngineKind::Shuttle, |c| c.executions(50_000, 50_000, 400_000))
                .about("the word is stored without Release, so it may be seen before the value"),
        )
        .variant(
            Variant::buggy("relaxed_push", iteration_meets_reuse::<Miniature<RelaxedPush>>, &[RACE])
                .about("the slot goes back to the free list without Release, so it may be filled before it is emptied"),
        )
        .variant(
            Variant::buggy("relaxed_pop", iteration_meets_reuse::<Miniature<RelaxedPop>>, &[RACE])
                .about("the slot is taken from the free list without Acquire, with the same effect"),
        )
        .variant(Variant::fixed("session_table", iteration_meets_reuse::<SessionTable<Session>>).about("SessionTable"))
        .falsifier(
            "own-session",
            Kind::Assertion,
            iteration_meets_reuse::<Miniature<ComparesOnce>>,
            "who finds the word changed takes a guard on whatever is open by then",
        )
        .falsifier(
            "bounded",
            Kind::Assertion,
            iteration_meets_reuse::<Miniature<ComesByTwice>>,
            "the iteration comes by each slot twice",
        )
}
