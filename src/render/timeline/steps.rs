//! From events to the lines of the picture: what reads as one becomes one, and what repeats is counted.

use crate::check::run::{Flip, Until};
use crate::check::runner::trace::{Trace, TraceEvent};
use crate::check::verdict::Kind;

/// One line of the picture: consecutive events of one thread that read as one.
#[derive(Clone)]
pub(super) struct Step<'a> {
    pub thread: usize,
    /// Its first event.
    pub first: usize,
    /// Its last event; of the last repetition, if it repeats.
    pub last: usize,
    pub text: String,
    pub at: &'a str,
    pub times: usize,
    /// The block of steps of one thread that repeats together, if it is in one.
    block: Option<usize>,
}

/// Folds the two halves of a plain access into one line, a lock that is released at once (what it protects is plain
/// data of the model, which leaves no log), and repetitions into one with a count: of up to four lines of one thread,
/// and of up to six of several in a livelock, which is nothing but its repetition.
pub(super) fn steps(t: &Trace) -> Vec<Step<'_>> {
    let events = &t.events;
    let decisive = match t.flip {
        Flip::Pair { held, until: Until::Step(other) } => [Some(held), Some(other)],
        Flip::Pair { held: step, .. } | Flip::Answer { step, .. } => [Some(step), None],
        _ => [None, None],
    };
    let mut out: Vec<Step<'_>> = Vec::new();
    let mut i = 0;
    while i < events.len() {
        let e = &events[i];
        // The switch after it says that the thread has ended, and at the end it says nothing.
        if e.op == "exit" && events.len() > 1 {
            i += 1;
            continue;
        }
        let mut text = e.text.clone();
        let mut inner = "";
        let first = i;
        if let (Some(kind), Some(after)) = (e.op.strip_suffix("-begin"), events.get(i + 1)) {
            let ends = after.op.strip_suffix("-end") == Some(kind);
            if ends && after.thread == e.thread && after.object == e.object {
                text = format!("{kind} {}", e.object.as_deref().unwrap_or(""));
                i += 1;
            }
        }
        if let ("lock", Some(after)) = (e.op.as_str(), events.get(i + 1))
            && (after.op.as_str(), after.thread, &after.object) == ("unlock", e.thread, &e.object)
        {
            // What it protects has changed, and the unlock says how; or it has not, as far as is known.
            text = match changes(after) {
                Some(change) => change.to_owned(),
                None => format!("lock+{}", after.text),
            };
            inner = after.note.as_str();
            i += 1;
        }
        if !e.note.is_empty() {
            text = format!("{}: {text}", e.note);
        }
        if !inner.is_empty() {
            text = format!("{text}, {inner}");
        }
        out.push(Step { thread: e.thread, first, last: i, text, at: &e.at, times: 1, block: None });
        let together = if t.kind == Kind::Livelock { 6 } else { 4 };
        // A step of the pair that decides stands for itself.
        let whole = |period: usize| {
            let last = out.iter().rev().take(2 * period);
            last.clone().all(|s| !decisive.iter().flatten().any(|c| (s.first..=s.last).contains(c)))
        };
        let period =
            (1..=together).find(|&period| whole(period) && folds(&out, period, t.kind == Kind::Livelock));
        if let Some(period) = period {
            fold(&mut out, period);
        }
        i += 1;
    }
    blocks(out)
}

/// A block that repeats becomes one line, because its lines with a count each would read as if each were repeated by
/// itself.
fn blocks(steps: Vec<Step<'_>>) -> Vec<Step<'_>> {
    let mut out: Vec<Step<'_>> = Vec::new();
    for s in steps {
        match out.last_mut() {
            Some(last) if last.block.is_some() && (last.block, last.times) == (s.block, s.times) => {
                last.text = format!("{}, {}", last.text, s.text);
                last.last = s.last;
            }
            _ => out.push(s),
        }
    }
    out
}

/// `nodes: [0, 2] -> [0]`, if `e` ends a section that has changed what its lock protects, and that is shown.
pub(super) fn changes(e: &TraceEvent) -> Option<&str> {
    let (verb, change) = e.text.split_once(' ')?;
    let ends = verb.starts_with("unlock") && e.wrote.is_some();
    (ends && e.object.as_deref() != Some(change)).then_some(change)
}

/// A step where there is little room: what its author says of it, or else what it is.
pub(super) fn brief(t: &Trace, s: &Step<'_>) -> String {
    let notes = t.events[s.first..=s.last].iter().filter(|e| e.thread == s.thread && !e.note.is_empty());
    let notes: Vec<&str> = notes.map(|e| e.note.as_str()).collect();
    if notes.is_empty() { s.text.clone() } else { notes.join(", ") }
}

/// The event by whose number the row that shows event `i` goes: the first that is folded into it. The end of a thread has
/// no row; then it is the last one of that thread.
pub(in crate::render) fn row(t: &Trace, i: usize) -> usize {
    let steps = steps(t);
    let shows = |s: &&Step<'_>| s.first <= i && i <= s.last && s.thread == t.events[i].thread;
    let own = steps.iter().rfind(shows);
    let before = || steps.iter().rev().find(|s| s.thread == t.events[i].thread && s.last < i);
    own.or_else(before).map_or(i, |s| s.first)
}

/// Are the last `period` steps the same as those before them?
fn folds(steps: &[Step<'_>], period: usize, of_several: bool) -> bool {
    let n = steps.len();
    if n < 2 * period {
        return false;
    }
    let (before, after) = (&steps[n - 2 * period..n - period], &steps[n - period..]);
    let one_thread = before.iter().chain(after).all(|s| s.thread == after[0].thread);
    let same =
        |(a, b): (&Step<'_>, &Step<'_>)| (a.thread, &a.text, a.at, b.times) == (b.thread, &b.text, b.at, 1);
    (one_thread || of_several) && before.iter().zip(after).all(same)
}

/// Folds the last `period` steps into the equal ones before them.
fn fold(steps: &mut Vec<Step<'_>>, period: usize) {
    let n = steps.len();
    let one_thread = steps[n - 2 * period..].iter().all(|s| s.thread == steps[n - 1].thread);
    for i in 0..period {
        let last = steps[n - period + i].last;
        let s = &mut steps[n - 2 * period + i];
        s.last = last;
        s.times += 1;
        if one_thread && period > 1 {
            s.block = Some(n - 2 * period);
        }
    }
    steps.truncate(n - period);
}

/// Is it a count of references, where these are not the subject? What has no name was not meant to be spoken of.
pub(super) fn noise(t: &Trace, e: &TraceEvent) -> bool {
    let Some(o) = e.object.as_deref().filter(|o| structural(o)) else { return false };
    let subject = t.sites.iter().any(|s| s.what.split(' ').any(|w| w == o));
    matches!(e.op.as_str(), "arc-clone" | "arc-drop") && !subject
}

/// `o0.5`: what an object without a name is called.
pub(super) fn structural(object: &str) -> bool {
    let numbers = object.strip_prefix('o').and_then(|n| n.split_once('.'));
    numbers
        .is_some_and(|(a, b)| [a, b].iter().all(|n| !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit())))
}

/// Bookkeeping that seldom explains anything.
pub(super) fn quiet(e: &TraceEvent) -> bool {
    matches!(e.op.as_str(), "spawn" | "exit" | "join" | "yield" | "arc-clone" | "arc-drop")
}
