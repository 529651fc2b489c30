//! The state columns: what the atomics hold, what the locks protect or else who holds them, after each row. Only what changes gets one.

use super::steps::structural;
use crate::check::runner::trace::Trace;
use crate::check::verdict::Kind;
use crate::render::why::Why;
use std::collections::{BTreeMap, BTreeSet};

/// What holds nothing known yet.
const UNKNOWN: &str = "?";
/// A lock that nobody holds.
const FREE: &str = "-";

/// An object and what it holds after each row.
pub(super) struct StateColumn {
    pub name: String,
    /// By row: its value, and whether that differs from the row above.
    pub cells: Vec<(String, bool)>,
}

impl StateColumn {
    /// As wide as it needs to be, and no wider than a column beside others may be.
    pub fn width(&self) -> usize {
        self.natural().min(20)
    }

    /// As wide as its name and its longest value.
    pub fn natural(&self) -> usize {
        let cells = self.cells.iter().map(|(v, changed)| v.chars().count() + usize::from(*changed));
        cells.max().unwrap_or(0).max(self.name.chars().count())
    }
}

/// The objects that change from one row to another: those of the steps that decide first, then those that the reasons
/// speak of, then those that several threads use. What has no name was not meant to be spoken of, and what one thread
/// alone uses explains nothing. Of a lock it is shown who holds it, where that is the point: in a deadlock, or when the
/// reasons speak of it and it changes hands. `rows`: the last event of each.
pub(super) fn columns(t: &Trace, why: &Why, rows: &[usize]) -> Vec<StateColumn> {
    let of = |steps: &[usize]| -> BTreeSet<&str> {
        steps.iter().filter_map(|i| t.events.get(*i)?.object.as_deref()).collect()
    };
    let (critical, spoken) = (of(&t.critical), of(&why.steps));
    let told = |o: &str| critical.contains(o) || spoken.contains(o);
    let mut users: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for e in &t.events {
        let Some(o) = e.object.as_deref().filter(|o| !structural(o)) else { continue };
        users.entry(o).or_default().insert(e.thread);
        let holds = e.wrote.is_some() || (lock(&e.op) && told(o));
        if holds && !order.contains(&o) {
            order.push(o);
        }
    }
    order.retain(|o| told(o) || users[o].len() > 1);
    order.sort_by_key(|o| (!critical.contains(o), !spoken.contains(o), users[o].len() < 2));
    let column = |o: &str| {
        let cells = cells(t, o, rows);
        let changes = cells.iter().filter(|(_, changed)| *changed).count();
        let held = t.events.iter().any(|e| e.object.as_deref() == Some(o) && lock(&e.op));
        let least = if held && t.kind != Kind::Deadlock { 2 } else { 1 };
        (changes >= least).then_some(StateColumn { name: o.to_owned(), cells })
    };
    order.into_iter().filter_map(column).collect()
}

fn lock(op: &str) -> bool {
    matches!(op, "lock" | "try-lock" | "unlock")
}

/// What `object` holds after each of the rows.
fn cells(t: &Trace, object: &str, rows: &[usize]) -> Vec<(String, bool)> {
    let initial = t.initial.iter().find(|(name, _)| name == object).map(|(_, value)| value.as_str());
    let mut of_it = t.events.iter().filter(|e| e.object.as_deref() == Some(object));
    let is_lock = initial.is_none() && of_it.any(|e| lock(&e.op));
    let mut value = initial.unwrap_or(if is_lock { FREE } else { UNKNOWN }).to_owned();
    let mut cells: Vec<(String, bool)> = Vec::new();
    let mut at = 0;
    for &last in rows {
        let above = value.clone();
        for e in t.events.iter().take(last + 1).skip(at).filter(|e| e.object.as_deref() == Some(object)) {
            if let Some(wrote) = &e.wrote {
                value.clone_from(wrote);
            } else if !is_lock {
                continue;
            } else if e.op == "unlock" {
                FREE.clone_into(&mut value);
            } else if lock(&e.op) && !e.text.ends_with("busy") {
                value = format!("by {}", t.threads.get(e.thread).map_or("?", |x| x.name.as_str()));
            }
        }
        at = at.max(last + 1);
        let changed = value != above;
        cells.push((value.clone(), changed));
    }
    cells
}
