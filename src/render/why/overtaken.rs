//! Failures of interleaving: one thread looks, another changes, the first acts on what it saw.
//!
//! A pattern is named only where the pair of steps that decides is part of it; else the pair speaks for itself.

use super::pass::whim;
use super::{Why, acquires, name, object, reads, releases, step, told, writes};
use crate::check::run::{Flip, Until};
use crate::check::runner::trace::{Trace, TraceEvent};

/// The patterns, then the pair, then what is known without one.
pub(super) fn overtaken(t: &Trace) -> Option<Why> {
    aba(t)
        .or_else(|| values(t))
        .or_else(|| locks(t))
        .or_else(|| pair(t))
        .or_else(|| whim(t))
        .or_else(|| conflict(t))
}

/// The two steps that decide, in the order of the log.
fn critical(t: &Trace) -> Option<[usize; 2]> {
    match t.flip {
        Flip::Pair { held, until: Until::Step(other) } => Some([held, other]),
        _ => None,
    }
}

/// What `object` holds before step `i`.
fn before<'a>(t: &'a Trace, object: &str, i: usize) -> Option<&'a str> {
    let last = t.events[..i].iter().rev().find(|e| e.object.as_deref() == Some(object) && e.wrote.is_some());
    let initial = || t.initial.iter().find(|(name, _)| name == object).map(|(_, v)| v.as_str());
    last.and_then(|e| e.wrote.as_deref()).or_else(initial)
}

/// Does it leave its object as it was?
fn changes_nothing(t: &Trace, i: usize) -> bool {
    let e = &t.events[i];
    e.wrote.is_some() && e.wrote.as_deref() == before(t, object(e), i)
}

/// What a read found.
fn found(t: &Trace, i: usize) -> Option<&str> {
    let e = &t.events[i];
    match e.from {
        Some(w) => t.events.get(w)?.wrote.as_deref(),
        None => before(t, object(e), i),
    }
}

/// A value that is back: compared with what was read before, while others had changed it in between.
pub(super) fn aba(t: &Trace) -> Option<Why> {
    let compares = |e: &TraceEvent| e.op == "cas" && e.wrote.is_some();
    for (k, act) in t.events.iter().enumerate().rev().filter(|(_, e)| compares(e) || e.op == "load") {
        let same = |e: &TraceEvent| e.object == act.object;
        let looked = |e: &TraceEvent| e.thread == act.thread && same(e) && (reads(e) || writes(e));
        let Some(now) = found(t, k).filter(|_| act.missed.is_none()) else { continue };
        let held = |i: &usize| t.events[*i].wrote.as_deref().or_else(|| found(t, *i));
        let alike = |i: &usize| looked(&t.events[*i]) && held(i) == Some(now);
        let Some(i) = (0..k).rev().find(alike) else { continue };
        let theirs: Vec<usize> =
            (i + 1..k).filter(|j| same(&t.events[*j]) && t.events[*j].wrote.is_some()).collect();
        let (Some(&away), Some(&back)) = (theirs.first(), theirs.last()) else { continue };
        let left = theirs.iter().any(|j| t.events[*j].wrote.as_deref() != Some(now));
        let others = theirs.iter().all(|j| t.events[*j].thread != act.thread);
        if !left || !others {
            continue;
        }
        // A load may come after the same value by chance; that it decides makes the difference.
        let about = critical(t).is_none_or(|c| c.iter().any(|s| *s == k || *s == i || theirs.contains(s)));
        let looks: Vec<usize> = (i..=k).filter(|j| looked(&t.events[*j])).collect();
        let chance = act.op == "load" && !decides_with(t, &theirs, &looks);
        if !about || chance {
            continue;
        }
        let what = if act.op == "load" { "finds" } else { "succeeds, because it finds" };
        let why = Why::default().say(format!(
            "ABA: {} {what} {} as {} had {} it, {now}; in between {} changed it, and {} changed it back.",
            step(t, k),
            object(act),
            step(t, i),
            if t.events[i].wrote.is_some() { "left" } else { "seen" },
            step(t, away),
            step(t, back),
        ));
        return Some(why.steps(t, &[k, back, away, i]));
    }
    None
}

/// Is one step of the pair that decides among these, and the other among those?
fn decides_with(t: &Trace, these: &[usize], those: &[usize]) -> bool {
    critical(t).is_some_and(|[a, b]| {
        these.contains(&a) && those.contains(&b) || these.contains(&b) && those.contains(&a)
    })
}

/// A lost update: looked, overtaken, written.
fn values(t: &Trace) -> Option<Why> {
    for (k, act) in t.events.iter().enumerate().rev() {
        if act.op != "store" && act.op != "write-begin" {
            continue;
        }
        let same = |e: &TraceEvent| e.object == act.object;
        let mine = |e: &TraceEvent| e.thread == act.thread && same(e) && reads(e);
        let Some(i) = t.events[..k].iter().rposition(mine) else { continue };
        let theirs = |j: &usize| {
            let e = &t.events[*j];
            e.thread != act.thread && same(e) && writes(e) && !changes_nothing(t, *j)
        };
        let Some(j) = (i + 1..k).find(theirs) else { continue };
        // Who overtakes may have looked as well: then the two do the same to each other.
        let look = |e: &TraceEvent| e.thread == t.events[j].thread && same(e) && reads(e);
        let looked = t.events[..j].iter().rposition(look).unwrap_or(j);
        if !decides_with(t, &[j, looked], &[i, k]) {
            continue;
        }
        let why = Why::default().say(format!(
            "{} writes {} on the strength of step {}; {} changed it in between.",
            step(t, k),
            object(act),
            super::number(t, i),
            step(t, j)
        ));
        return Some(why.steps(t, &[i, j, k]));
    }
    None
}

/// Check and act under two holds of a lock, with somebody else's hold in between.
fn locks(t: &Trace) -> Option<Why> {
    for (k, act) in t.events.iter().enumerate().rev() {
        if !acquires(act) {
            continue;
        }
        let same = |e: &TraceEvent| e.object == act.object;
        let mine = |e: &TraceEvent| e.thread == act.thread && same(e);
        let Some(i) = t.events[..k].iter().rposition(|e| mine(e) && releases(e)) else { continue };
        let first = t.events[..i].iter().rposition(|e| mine(e) && acquires(e)).unwrap_or(i);
        let theirs = |j: &usize| !mine(&t.events[*j]) && same(&t.events[*j]) && acquires(&t.events[*j]);
        let Some(j) = (i + 1..k).filter(theirs).find(|j| decides_with(t, &[*j], &[first, i, k])) else {
            continue;
        };
        let why = Why::default().say(format!(
            "{} lets go of {} after {} and takes it again at {}; {} held it in between, so what was so during the \
             first hold need not be so during the second.",
            name(t, act.thread),
            object(act),
            held(t, first),
            held(t, k),
            told(t, j)
        ));
        return Some(why.steps(t, &[first, j, k]));
    }
    None
}

/// `step 7`, with what its thread says it is for.
fn held(t: &Trace, i: usize) -> String {
    match t.events[i].note.as_str() {
        "" => format!("step {}", super::number(t, i)),
        note => format!("step {} ({note})", super::number(t, i)),
    }
}

/// The pair of steps that decides, with what they had to do with each other.
fn pair(t: &Trace) -> Option<Why> {
    let Some([i, j]) = critical(t) else { return undone(t) };
    let b = &t.events[j];
    let read = reads(b) && b.from == Some(i) || reads(b) && writes(&t.events[i]) && found_by(t, i, j);
    let a = &t.events[i];
    let overwritten =
        a.object.is_some() && a.object == b.object && b.wrote.is_some() && !changes_nothing(t, j);
    let why = match found(t, i) {
        _ if read => format!("{} found {} as {} had left it.", told(t, j), object(b), told(t, i)),
        Some(value) if reads(a) && overwritten => {
            format!("{} found {} {value}: {} came after it.", told(t, i), object(a), told(t, j))
        }
        _ => format!("{} came before {}.", told(t, i), told(t, j)),
    };
    Some(Why { decides: true, ..Why::default().say(why).steps(t, &[i, j]) })
}

/// A step that came before something that had not been done when it failed.
fn undone(t: &Trace) -> Option<Why> {
    let Flip::Pair { held, until } = t.flip else { return None };
    let what = match until {
        Until::Next(thread) => super::pass::next(t, usize::from(thread)),
        Until::Rest => "the others had done what they could".to_owned(),
        Until::Step(_) => return None,
    };
    let why = Why::default().say(format!("{} came before {what}.", told(t, held))).steps(t, &[held]);
    Some(Why { decides: true, ..why })
}

/// Is what `i` wrote to the object of both still there at `j`?
fn found_by(t: &Trace, i: usize, j: usize) -> bool {
    let same = |e: &TraceEvent| e.object.is_some() && e.object == t.events[i].object;
    let last = t.events[..j].iter().rposition(|e| same(e) && writes(e));
    same(&t.events[j]) && last == Some(i) && t.events[j].from.is_none_or(|f| f == i)
}

/// The last two steps of different threads on one object, one of them a change: all that there is to say where nobody
/// has looked for more.
fn conflict(t: &Trace) -> Option<Why> {
    let changes = |e: &TraceEvent| writes(e) || acquires(e) || matches!(e.op.as_str(), "arc-drop" | "notify");
    for (j, b) in t.events.iter().enumerate().rev().filter(|(_, e)| e.object.is_some()) {
        let clash = |a: &TraceEvent| {
            a.object == b.object
                && a.thread != b.thread
                && (changes(a) || changes(b))
                && (changes(a) || reads(a))
        };
        if !(changes(b) || reads(b)) {
            continue;
        }
        if let Some(i) = t.events[..j].iter().rposition(clash) {
            let why = Why::default().say(format!(
                "{} and {} were the last to meet on {}, in this order; that they decide is not known.",
                told(t, i),
                told(t, j),
                object(b)
            ));
            return Some(why.steps(t, &[i, j]));
        }
    }
    None
}
