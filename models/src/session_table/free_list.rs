//! A thread that is about to take a free slot sleeps while others take it, the next one, and bring it back.
//!
#![doc = include_str!("free_list.md")]

use super::miniature::{Defect, Miniature};
use super::{Session, Table, destroyed, open};
use crate::spawn;
use selvedge::check::{EngineKind, Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::session_table::SessionTable;
use selvedge::sync::{Arc, Ordering};

struct ListOfIndexes;
impl Defect for ListOfIndexes {
    /// BUG: a slot that was taken and brought back looks as if it had never gone; what lies under it has changed.
    const FREE_LIST_OF_IDS: bool = false;
}

struct RelaxedRetry;
impl Defect for RelaxedRetry {
    /// BUG: the exchange that fails has read another top, and fills a slot that it has not seen emptied.
    const POP_AGAIN: Ordering = Ordering::Relaxed;
}

fn sleeper_meets_churn<T: Table>() -> &'static str {
    let destroyed = destroyed();
    let table = Arc::new(T::new(2, 3));
    let sleeper = {
        let (table, destroyed) = (table.clone(), destroyed.clone());
        spawn("sleeper", move || open(&*table, 1, &destroyed))
    };
    let top = open(&*table, 2, &destroyed);
    let next = open(&*table, 3, &destroyed);
    note(|| "closes session 2".to_owned());
    let closed = top.is_some_and(|id| table.close(id));
    let again = open(&*table, 4, &destroyed);
    let slept = sleeper.join().unwrap();
    let top_is_open = if closed { None } else { top };
    let slots: Vec<usize> = [slept, top_is_open, next, again].into_iter().flatten().map(T::slot).collect();
    let distinct = slots.iter().enumerate().all(|(n, slot)| !slots[..n].contains(slot));
    always("slots-distinct", distinct, || format!("sessions are open in slots {slots:?}"));
    sometimes("table-was-full", again.is_none() || next.is_none());
    sometimes("sleeper-refused", slept.is_none());
    sometimes("sleeper-served", slept.is_some());
    if slept.is_some() { "served" } else { "refused" }
}

/// The model.
pub fn model() -> Model {
    const SLOTS: (&str, Kind) = ("slots-distinct", Kind::Assertion);
    const RACE: (&str, Kind) = ("race-free", Kind::DataRace);
    Model::new("session_table_free_list", "no slot is given to two sessions at a time")
        .lesson(include_str!("free_list.md"))
        .always("slots-distinct", "open sessions are in different slots")
        .always("race-free", "a slot is filled by one thread at a time")
        .sometimes("table-was-full", "an open finds no slot")
        .sometimes("sleeper-refused", "the slow open finds no slot")
        .sometimes("sleeper-served", "the slow open finds a slot")
        .outcome("served", Grade::Acceptable, "the thread that was slow gets a slot")
        .outcome("refused", Grade::Acceptable, "it is refused: the slots are taken by then")
        .variant(
            Variant::buggy("list_of_indexes", sleeper_meets_churn::<Miniature<ListOfIndexes>>, &[SLOTS])
                // Found in about one of 2,500 random schedules; quick, for it stops there.
                .tune(EngineKind::Shuttle, |c| c.executions(50_000, 50_000, 400_000))
                .about("the free list is a Treiber stack of bare slot numbers: the ABA problem"),
        )
        .variant(
            Variant::buggy("relaxed_retry", sleeper_meets_churn::<Miniature<RelaxedRetry>>, &[RACE])
                .about("a pop that has to try again reads the new top without Acquire"),
        )
        .variant(
            Variant::fixed("session_table", sleeper_meets_churn::<SessionTable<Session>>)
                .about("SessionTable"),
        )
}
