//! Which steps are rows, and which columns stand beside them: as much as 25 rows of 100 columns hold, lines of cells that
//! are broken counted.
//!
//! Steps are taken in the order of how much they tell ([`Tells`]), each that still fits, so that whatever is hidden would
//! not fit any more, or is routine: a count of references that nobody has named, where that is not the subject. What has
//! a column of its own takes lines from the steps, because narrower cells are broken more often: of all ways to choose
//! the columns that one is taken which shows most. Positions go only where steps that the reasons name would not fit.

use super::columns::{Columns, Row};
use super::steps::{Step, brief, changes, noise, quiet, steps};
use super::{ROWS, STEPS, state, wrapped};
use crate::check::runner::switch::reasons;
use crate::check::runner::trace::Trace;
use crate::check::verdict::Kind;
use crate::render::why::Why;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Of longer logs so many steps are tried, the most telling ones.
const TRIED: usize = 100;
/// More state columns are a crowd.
const STATES: usize = 4;
/// What the state columns are worth, in lines, from the first; and one that shows the beginning of a long text only.
const STATE: [i32; STATES] = [18, 9, 3, 2];
const CLIPPED: i32 = 1;

/// How much a step tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tells {
    /// Bookkeeping that seldom explains anything.
    Little,
    /// What one thread alone can notice.
    Alone,
    /// It happens to an object that several threads use.
    Shared,
    /// Its author says something of it.
    Noted,
    /// It happens to an object that the reasons speak of, or changes what a lock protects.
    Related,
    /// The failing thread has read what it wrote, or what it wrote has come from there in turn.
    Read,
    /// The reasons speak of it, or it is the last: what it came to.
    Named,
}

impl Tells {
    /// In lines.
    fn worth(self) -> i32 {
        [1, 2, 5, 8, 12, 16, 40][self as usize]
    }
}

/// What is shown.
pub(super) struct Fit {
    /// Steps, then what is still to come.
    pub rows: Vec<Row>,
    /// So many rows are steps.
    pub steps: usize,
    pub columns: Columns,
    /// Events that are in no row.
    pub hidden: usize,
    /// From the first line to the last but one, which names the property.
    height: usize,
}

/// As many lines as a text takes in a column, by its width.
#[derive(Default)]
pub(super) struct Heights(RefCell<BTreeMap<String, Rc<[usize]>>>);

impl Heights {
    /// From no width at all up to `most`.
    pub fn of(&self, text: &str, most: usize) -> Rc<[usize]> {
        if let Some(known) = self.0.borrow().get(text) {
            return known.clone();
        }
        let lines = |width| if width < 4 { usize::MAX } else { wrapped(text, width).len() };
        let all: Rc<[usize]> = (0..=most).map(lines).collect();
        self.0.borrow_mut().insert(text.to_owned(), all.clone());
        all
    }
}

/// How many steps that the reasons name are hidden, then what is shown, in lines.
type Value = (std::cmp::Reverse<usize>, i32);

/// Chooses rows and columns. `pending`: what comes below them, whatever fits.
pub(super) fn fit(t: &Trace, why: &Why, pending: &[Row]) -> Fit {
    let steps = steps(t);
    let ranked = ranked(t, why, &steps);
    let heights = Heights::default();
    let mut best: Option<(Value, Fit)> = None;
    // The steps of one thread in a round may share a row, and positions may go, but only for what must be shown.
    let round = t.kind == Kind::Livelock && t.repeats.is_some();
    for (at, joined) in [(true, false), (true, true), (false, round)] {
        if joined && !round {
            continue;
        }
        for states in 0..=STATES {
            let layout = |shown: &BTreeSet<usize>| {
                layout(t, why, &steps, shown, pending, (at, states, joined), &heights)
            };
            let mut shown = BTreeSet::new();
            let mut fit = layout(&shown);
            let mut worth = 0;
            for (i, tells) in ranked.iter().take(TRIED) {
                // A step that joins the row before it may take no line.
                if !joined && (fit.steps == STEPS || fit.height + 1 >= ROWS) {
                    break;
                }
                shown.insert(*i);
                let more = layout(&shown);
                if more.height < ROWS && more.steps <= STEPS {
                    (fit, worth) = (more, worth + tells.worth());
                } else {
                    shown.remove(i);
                }
            }
            let columns: i32 =
                STATE.iter().zip(fit.columns.clipped()).map(|(n, cut)| if cut { CLIPPED } else { *n }).sum();
            let named = |(i, tells): &&(usize, Tells)| *tells == Tells::Named && !shown.contains(i);
            let value =
                (std::cmp::Reverse(ranked.iter().filter(named).count()), worth + columns - fit.height as i32);
            let fewer = fit.columns.states() < states;
            if best.as_ref().is_none_or(|b| b.0 < value) {
                best = Some((value, fit));
            }
            if fewer {
                break;
            }
        }
        if best.as_ref().is_some_and(|b| b.0.0.0 == 0) {
            break;
        }
    }
    let (_, mut fit) = best.expect("at least one way to choose the columns was tried");
    fit.columns.left_out_states = fit.columns.states() == 0 && {
        let all: Vec<usize> = (0..t.events.len()).collect();
        !state::columns(t, why, &all).is_empty()
    };
    fit
}

/// The picture of these steps, with or without positions, with at most so many state columns, and with the steps of one
/// thread in a round in a row or each by itself.
fn layout(
    t: &Trace,
    why: &Why,
    steps: &[Step<'_>],
    shown: &BTreeSet<usize>,
    pending: &[Row],
    (at, states, joined): (bool, usize, bool),
    heights: &Heights,
) -> Fit {
    let (mut rows, last) = step_rows(t, steps, shown, joined);
    let body = rows.len();
    rows.extend(pending.iter().cloned());
    let mut beside = if states == 0 { Vec::new() } else { state::columns(t, why, &last) };
    beside.truncate(states);
    let columns = Columns::new(t, &rows, beside, at, heights);
    let covered = |e: &usize| shown.iter().any(|i| (steps[*i].first..=steps[*i].last).contains(e));
    // The end of a thread is no row: `~ ended` says it.
    let hidden = (0..t.events.len()).filter(|e| t.events[*e].op != "exit" && !covered(e)).count();
    let height = columns.height(&rows, heights) + usize::from(hidden > 0);
    Fit { rows, steps: body, columns, hidden, height }
}

/// The steps that are shown, with the last event of each. The first row of another thread says why the one before it does
/// not go on.
fn step_rows(t: &Trace, steps: &[Step<'_>], shown: &BTreeSet<usize>, joined: bool) -> (Vec<Row>, Vec<usize>) {
    let reasons = reasons(t);
    let mut left = BTreeMap::new();
    let (mut rows, mut ends): (Vec<Row>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut next = 0;
    // The row before, if this step may become part of it.
    let mut open: Option<&Step<'_>> = None;
    for (i, s) in steps.iter().enumerate() {
        left.remove(&s.thread);
        open = open.filter(|o| o.thread == s.thread);
        if shown.contains(&i) {
            let skips = (next..s.first).any(|e| t.events[e].op != "exit");
            let gap = if skips { ".." } else { "" };
            next = next.max(s.last + 1);
            let said = if s.times > 1 { format!("{} (x{})", s.text, s.times) } else { s.text.clone() };
            match (open, rows.last_mut()) {
                (Some(before), Some(row)) => {
                    if ends.last() == Some(&before.last) && !row.joined {
                        row.text = brief(t, before);
                        row.joined = true;
                    }
                    row.text += &format!("; {}: {}", s.first + 1, brief(t, s));
                    *ends.last_mut().expect("a row has an end") = s.last;
                }
                _ => {
                    let marks =
                        std::mem::take(&mut left).into_iter().map(|(who, why)| (who, super::said(why)));
                    rows.push(Row {
                        number: format!("{gap}{}", s.first + 1),
                        thread: s.thread,
                        text: said,
                        marks: marks.collect(),
                        state: Some(rows.len()),
                        at: s.at.to_owned(),
                        ..Row::default()
                    });
                    ends.push(s.last);
                }
            }
            // A round that goes on for ever is long, and who does what in it is all that it tells.
            open = Some(s).filter(|s| joined && s.times == 1 && in_round(t, s));
        }
        // The end of a thread is no step: it may come after its last one.
        let end = t.events.get(s.last + 1).filter(|e| e.thread == s.thread && e.op == "exit");
        if let Some(why) = &reasons[s.last + usize::from(end.is_some())] {
            left.insert(s.thread, why);
            open = None;
        }
    }
    (rows, ends)
}

fn in_round(t: &Trace, s: &Step<'_>) -> bool {
    t.repeats.is_some_and(|(first, last)| first <= s.first && s.last <= last)
}

/// The steps that may be rows, those first that tell most; of equals the latest, but in a round the first.
fn ranked(t: &Trace, why: &Why, steps: &[Step<'_>]) -> Vec<(usize, Tells)> {
    let mut users: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for e in &t.events {
        if let Some(o) = e.object.as_deref() {
            users.entry(o).or_default().insert(e.thread);
        }
    }
    let named = || why.steps.iter().chain(&t.critical);
    let spoken: BTreeSet<&str> = named().filter_map(|i| t.events.get(*i)?.object.as_deref()).collect();
    let read = read_from(t);
    let tells = |i: usize| {
        let s = &steps[i];
        let e = &t.events[s.first];
        let any = |mut of: Box<dyn Iterator<Item = &usize> + '_>| of.any(|w| (s.first..=s.last).contains(w));
        // Where a lock shows what it protects, a section that leaves that alone and says nothing tells little.
        let events = &t.events[s.first..=s.last];
        let section = e.op == "lock" && events.iter().any(|e| e.wrote.is_some());
        let says = events.iter().any(|e| !e.note.is_empty() || changes(e).is_some());
        match e.object.as_deref() {
            _ if i + 1 == steps.len() && !quiet(e) || any(Box::new(named())) => Tells::Named,
            _ if any(Box::new(read.iter())) => Tells::Read,
            _ if section && says => Tells::Related,
            _ if section => Tells::Alone,
            Some(o) if spoken.contains(o) => Tells::Related,
            _ if !e.note.is_empty() => Tells::Noted,
            _ if quiet(e) => Tells::Little,
            Some(o) if users[o].len() > 1 => Tells::Shared,
            _ => Tells::Alone,
        }
    };
    let all = (0..steps.len()).map(|i| (i, tells(i)));
    let routine = |i: usize| noise(t, &t.events[steps[i].first]);
    let mut ranked: Vec<(usize, Tells)> =
        all.filter(|(i, tells)| !routine(*i) || *tells >= Tells::Related).collect();
    let late = |i: usize| if t.kind == Kind::Livelock { i } else { steps.len() - i };
    ranked.sort_by_key(|(i, tells)| (std::cmp::Reverse(*tells), late(*i)));
    ranked
}

/// What led to the last step of the failing thread: its last two reads of what others have written, with those writes;
/// and before each of these the last read of that thread, with its write.
fn read_from(t: &Trace) -> BTreeSet<usize> {
    let source = |i: usize| {
        let e = &t.events[i];
        let reads = matches!(e.op.as_str(), "load" | "cas" | "rmw" | "plain-load");
        let before = || {
            let wrote = |o: &usize| t.events[*o].object == e.object && t.events[*o].wrote.is_some();
            (0..i).rev().find(wrote).filter(|_| e.missed.is_none())
        };
        let from = e.from.filter(|_| reads).or_else(|| if reads { before() } else { None })?;
        (t.events.get(from)?.thread != e.thread).then_some(from)
    };
    let last_reads = |at: usize, n: usize| {
        let mine = (0..=at).rev().filter(move |i| t.events[*i].thread == t.events[at].thread);
        mine.filter_map(|i| Some((i, source(i)?))).take(n).collect::<Vec<_>>()
    };
    let fails = |i: &usize| t.thread.is_none_or(|who| t.events[*i].thread == who);
    let Some(end) = (0..t.events.len()).rev().find(fails) else { return BTreeSet::new() };
    let near = last_reads(end, 2);
    let far = near.iter().flat_map(|(_, write)| last_reads(*write, 1)).collect::<Vec<_>>();
    near.into_iter().chain(far).flat_map(|(read, write)| [read, write]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::runner::trace::{TraceEvent, TraceThread};
    use crate::render::why::why;

    /// Threads take turns at storing to `x`, with this said of each step.
    fn trace(kind: Kind, steps: usize, note: &str) -> Trace {
        let thread = |name: &str| TraceThread {
            name: name.to_owned(),
            pending: None,
            wants: None,
            ended: true,
            note: String::new(),
        };
        let event = |i: usize| TraceEvent {
            thread: i / 5 % 2,
            op: "store".to_owned(),
            object: Some("x".to_owned()),
            text: format!("store x = {i} (sc)"),
            at: format!("a.rs:{i}"),
            note: note.to_owned(),
            wrote: Some(i.to_string()),
            ..TraceEvent::default()
        };
        Trace {
            threads: vec![thread("main"), thread("other")],
            events: (0..steps).map(event).collect(),
            ..Trace::empty("p", kind)
        }
    }

    fn shown(t: &Trace) -> Fit {
        fit(t, &why(t), &[])
    }

    #[test]
    fn as_many_steps_are_rows_as_fit() {
        let fit = shown(&trace(Kind::Assertion, 40, ""));
        assert_eq!((fit.height + 1, fit.hidden), (ROWS, 40 - fit.steps));
        assert!((18..=STEPS).contains(&fit.steps), "{} rows", fit.steps);
        let all = shown(&trace(Kind::Assertion, 12, ""));
        assert_eq!((all.steps, all.hidden), (12, 0));
    }

    /// Two lines a step: less than two are left.
    #[test]
    fn lines_that_are_broken_count() {
        let fit = shown(&trace(Kind::Assertion, 40, &"says much of what it is about to do, ".repeat(2)));
        assert!(fit.height < ROWS && fit.height + 3 >= ROWS, "{} lines", fit.height);
        assert!(fit.steps >= 6, "{} rows", fit.steps);
        // One that fits nowhere keeps no others out.
        let mut t = trace(Kind::Assertion, 40, "");
        t.events[30].note = "says too much ".repeat(200);
        assert_eq!(shown(&t).height + 1, ROWS);
    }

    /// What the failing thread has read is shown before what else happens to other objects.
    #[test]
    fn where_a_value_came_from_is_shown() {
        let mut t = trace(Kind::Assertion, 60, "");
        for (i, e) in t.events.iter_mut().enumerate() {
            e.object = Some(format!("y{}", i % 7));
            e.note = "noted".to_owned();
        }
        let last = t.events.len() - 1;
        for (i, op, text) in [(3, "store", "store x = 9 (sc)"), (last - 30, "load", "load x -> 9 (sc)")] {
            let e = &mut t.events[i];
            (e.object, e.op, e.text) = (Some("x".to_owned()), op.to_owned(), text.to_owned());
            (e.wrote, e.note) = ((op == "store").then(|| "9".to_owned()), String::new());
        }
        let who = t.events[last].thread;
        (t.events[3].thread, t.events[last - 30].thread, t.thread) = (1 - who, who, Some(who));
        let numbers = |fit: &Fit| fit.rows.iter().map(|r| r.number.replace('.', "")).collect::<Vec<_>>();
        let numbers = numbers(&shown(&t));
        for i in [3, last - 30] {
            assert!(numbers.contains(&(i + 1).to_string()), "{numbers:?} without {}", i + 1);
        }
    }

    #[test]
    fn the_steps_of_one_thread_in_a_long_round_are_a_row() {
        let round =
            |steps: usize| Trace { repeats: Some((0, steps - 1)), ..trace(Kind::Livelock, steps, "turns") };
        let fit = shown(&round(10));
        assert_eq!((fit.steps, fit.hidden), (10, 0), "all have a row");
        let fit = shown(&round(40));
        assert_eq!((fit.steps, fit.hidden), (8, 0));
        assert!(fit.rows[1].text.starts_with("turns; 7: turns; 8: turns"), "{}", fit.rows[1].text);
        assert_eq!(fit.rows[1].number, "6");
    }
}
