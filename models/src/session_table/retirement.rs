//! Two threads use up the generations of a slot.
//!
#![doc = include_str!("retirement.md")]

use super::miniature::{Defect, Miniature};
use super::{Session, Table, destroyed, open};
use crate::spawn;
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::session_table::SessionTable;
use selvedge::sync::Arc;

struct Wraps;
impl Defect for Wraps {
    /// BUG: an id that has been issued is issued again.
    const RETIRE: bool = false;
}

struct OneMore;
impl Defect for OneMore {
    const BEYOND: u64 = 1;
}

struct ComparesNothing;
impl Defect for ComparesNothing {
    const COMPARES: bool = false;
    const COMPARES_AGAIN: bool = false;
}

/// Generations of the one slot.
const GENERATIONS: u64 = 2;

fn slot_is_used_up<T: Table>() -> &'static str {
    let destroyed = destroyed();
    let table = Arc::new(T::new(1, GENERATIONS));
    let first = open(&*table, 1, &destroyed).expect("the table is empty");
    let opener = {
        let (table, destroyed) = (table.clone(), destroyed.clone());
        spawn("opener", move || {
            let second = open(&*table, 2, &destroyed);
            second.map(|id| {
                note(|| "closes session 2".to_owned());
                (id, table.close(id))
            })
        })
    };
    let mut issued = vec![first];
    note(|| "closes session 1".to_owned());
    let closed = table.close(first);
    issued.extend(open(&*table, 3, &destroyed));
    let second = opener.join().unwrap();
    issued.extend(second.map(|(id, _)| id));
    issued.extend(open(&*table, 4, &destroyed));
    let unique = issued.iter().enumerate().all(|(n, id)| !issued[..n].contains(id));
    always("ids-unique", unique, || {
        let issued: Vec<String> = issued.iter().map(|id| T::shown(*id)).collect();
        format!("issued, in some order: {}", issued.join(", "))
    });
    always("generations-bounded", issued.len() as u64 <= GENERATIONS, || {
        format!("a slot of {GENERATIONS} generations held {} sessions", issued.len())
    });
    // Everybody is done: an id that is long stale closes nothing, whatever is open in its slot.
    note(|| "closes session 1 once more".to_owned());
    let again = table.close(first);
    always("owners-close", closed && !again && second.is_none_or(|(_, closed)| closed), || {
        "a session was closed by somebody else than its opener".to_owned()
    });
    sometimes("retired", table.retired() == 1);
    sometimes("still-open", table.retired() == 0);
    if table.retired() == 1 { "retired" } else { "still open" }
}

/// The model.
pub fn model() -> Model {
    const TWICE: (&str, Kind) = ("ids-unique", Kind::Assertion);
    Model::new("session_table_retirement", "a slot whose generations are spent is retired, not begun again")
        .lesson(include_str!("retirement.md"))
        .always("ids-unique", "no id is issued twice")
        .always("generations-bounded", "a slot holds as many sessions as it has generations")
        .always("owners-close", "a session is closed by its own id only")
        .sometimes("retired", "the slot is used up")
        .sometimes("still-open", "the last session of the slot is open")
        .outcome(
            "retired",
            Grade::Acceptable,
            "the generations of the slot are spent, and it is not used again",
        )
        .outcome(
            "still open",
            Grade::Acceptable,
            "the session with the last generation is still open at the end",
        )
        .variant(
            Variant::buggy("wraps", slot_is_used_up::<Miniature<Wraps>>, &[TWICE])
                .about("after its last generation the slot begins again at 1"),
        )
        .variant(
            Variant::fixed("session_table", slot_is_used_up::<SessionTable<Session>>).about("SessionTable"),
        )
        .falsifier(
            "generations-bounded",
            Kind::Assertion,
            slot_is_used_up::<Miniature<OneMore>>,
            "a slot is retired one session too late",
        )
        .falsifier(
            "owners-close",
            Kind::Assertion,
            slot_is_used_up::<Miniature<ComparesNothing>>,
            "the generation of an id is not compared",
        )
}
