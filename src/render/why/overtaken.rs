//! Failures of interleaving: one thread looks, another changes, the first acts on what it saw.
//!
//! A pattern is named only where the pair of steps that decides is part of it; else the pair speaks for itself, and what
//! the failing thread read last of what others had written.

use super::flag::source;
use super::pass::whim;
use super::{Why, acquires, capital, hold_end, name, object, reads, releases, said, step, told, writes};
use crate::check::run::{Flip, Until};
use crate::check::runner::trace::{Trace, TraceEvent};
use crate::check::verdict::Kind;

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
pub(super) fn found(t: &Trace, i: usize) -> Option<&str> {
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

/// A lost update: looked, and wrote over what another has written since. That is lost: it had looked at the same as the
/// other, or nobody but itself has seen what it wrote. That a value follows from what was read is not to be seen; that it
/// is no longer so is.
fn values(t: &Trace) -> Option<Why> {
    for (k, act) in t.events.iter().enumerate().rev() {
        if act.op != "store" && act.op != "write-begin" {
            continue;
        }
        let same = |i: &usize| t.events[*i].object == act.object;
        let uses = |i: &usize| same(i) && (reads(&t.events[*i]) || writes(&t.events[*i]));
        let looks = |i: &usize, who: usize| same(i) && t.events[*i].thread == who && reads(&t.events[*i]);
        // What its thread knows of it, by a look.
        let Some(i) = (0..k).rev().find(|i| uses(i) && t.events[*i].thread == act.thread) else { continue };
        let changes = |j: &usize| same(j) && writes(&t.events[*j]) && !changes_nothing(t, *j);
        let Some(j) = (i + 1..k).rev().find(changes).filter(|_| reads(&t.events[i])) else { continue };
        let other = t.events[j].thread;
        let knows = t.events[i].wrote.as_deref().or_else(|| found(t, i));
        let holds = act.op == "store" && before(t, object(act), k) == knows;
        if other == act.thread || holds {
            continue;
        }
        let looked = (0..j).rev().find(|l| looks(l, other));
        let alike = looked.is_some_and(|l| found(t, l) == found(t, i));
        let unseen = !(j + 1..k).any(|l| same(&l) && reads(&t.events[l]) && t.events[l].thread != other);
        if !(alike || unseen) || !decides_with(t, &[j, looked.unwrap_or(j)], &[i, k]) {
            continue;
        }
        let why = Why::default().say(format!(
            "{} overwrites what {} wrote to {}, which it had read before that, at step {}: a lost update.",
            step(t, k),
            step(t, j),
            object(act),
            super::number(t, i),
        ));
        return Some(why.steps(t, &[i, j, k]));
    }
    None
}

/// Check and act under two holds of a lock, with somebody else's hold in between, which is not known to have left
/// everything as it was.
fn locks(t: &Trace) -> Option<Why> {
    for (k, act) in t.events.iter().enumerate().rev() {
        if !acquires(act) {
            continue;
        }
        let same = |e: &TraceEvent| e.object == act.object;
        let mine = |e: &TraceEvent| e.thread == act.thread && same(e);
        let Some(i) = t.events[..k].iter().rposition(|e| mine(e) && releases(e)) else { continue };
        let first = t.events[..i].iter().rposition(|e| mine(e) && acquires(e)).unwrap_or(i);
        let theirs = |j: &usize| {
            let e = &t.events[*j];
            !mine(e) && same(e) && acquires(e) && changed(t, *j) != Some(false)
        };
        // Where what it protects is shown, what the first hold found says more than that another came after it.
        let shown = before(t, object(act), k).is_some();
        let mine: &[usize] = if shown { &[k] } else { &[first, i, k] };
        let Some(j) = (i + 1..k).filter(theirs).find(|j| decides_with(t, &[*j], mine)) else { continue };
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
    match said(t, i).as_str() {
        "" => format!("step {}", super::number(t, i)),
        said => format!("step {} ({said})", super::number(t, i)),
    }
}

/// Has the hold that begins at `i` changed what its lock protects? `None` if that is not shown.
fn changed(t: &Trace, i: usize) -> Option<bool> {
    before(t, object(&t.events[i]), i)?;
    let mine = |e: &TraceEvent| e.thread == t.events[i].thread && e.object == t.events[i].object;
    let mut all = i + 1..hold_end(t, i).map_or(t.events.len(), |u| u + 1);
    Some(all.any(|u| mine(&t.events[u]) && t.events[u].wrote.is_some() && !changes_nothing(t, u)))
}

/// What a step finds, and the step that left it so, if it is in the log: of an atomic, or of what a lock protects where
/// that is shown.
fn finding(t: &Trace, i: usize) -> Option<(&str, Option<usize>)> {
    let e = &t.events[i];
    if reads(e) {
        return Some((found(t, i)?, source(t, i)));
    }
    if !acquires(e) {
        return None;
    }
    let value = before(t, object(e), i)?;
    let same = |x: &TraceEvent| x.object == e.object;
    let left =
        (0..i).rev().find(|u| same(&t.events[*u]) && t.events[*u].wrote.is_some() && !changes_nothing(t, *u));
    // A hold goes by the step that it begins with.
    let of = |u: usize| move |x: &TraceEvent| x.thread == t.events[u].thread && same(x) && acquires(x);
    let began = left.map(|u| t.events[..u].iter().rposition(of(u)).unwrap_or(u));
    Some((value, began))
}

/// `step 7 (main) found table = 1:session`; long contents are in the picture.
fn finds(t: &Trace, i: usize, value: &str, who: String) -> String {
    let e = &t.events[i];
    // Of a load there is no more to say.
    let who = if e.op == "load" && e.note.is_empty() { step(t, i) } else { who };
    match value.chars().count() {
        0..=40 => format!("{who} found {} = {value}", object(e)),
        _ => format!("{who} found {}", object(e)),
    }
}

/// The pair of steps that decides, with what they had to do with each other.
fn pair(t: &Trace) -> Option<Why> {
    let Some([i, j]) = critical(t) else { return undone(t) };
    let (a, b) = (&t.events[i], &t.events[j]);
    let overwrites =
        b.wrote.is_some() && !changes_nothing(t, j) || acquires(b) && changed(t, j) == Some(true);
    let why = match (finding(t, i), finding(t, j)) {
        (_, Some((_, Some(left)))) if left == i => {
            format!("{} found {} as {} had left it.", told(t, j), object(b), told(t, i))
        }
        (Some((value, _)), _) if a.object == b.object && overwrites => {
            let so = if acquires(a) && changed(t, i) == Some(false) { " and left it so" } else { "" };
            format!("{}{so}: {} came after it.", finds(t, i, value, told(t, i)), told(t, j))
        }
        _ => format!("{} came before {}.", told(t, i), told(t, j)),
    };
    Some(Why { decides: true, ..Why::default().say(why).steps(t, &[i, j]) })
}

/// `why` with what the failing thread read last, before it failed, of what another had written, if that is not said yet. A
/// thread that has waited for others to end and had no part in the pair looks at everything: of that, what the pair is
/// about, or what it says something of.
pub(super) fn led(t: &Trace, why: Why) -> Why {
    let fails = matches!(t.kind, Kind::Assertion | Kind::Panic | Kind::DoubleFree);
    let Some(who) = t.thread.filter(|_| fails && why.sentences.len() == 1) else { return why };
    let spoken = |i: &usize| why.steps.contains(i);
    let takes_part = why.steps.iter().any(|i| t.events[*i].thread == who);
    let about = |e: &TraceEvent| why.steps.iter().any(|i| t.events[*i].object == e.object);
    // Counting is no look, unless its thread has something to say of it.
    let counts = |e: &TraceEvent| e.op == "rmw" && !e.text.starts_with("swap") && e.note.is_empty();
    let joined = t.events.iter().position(|e| e.thread == who && e.op == "join").unwrap_or(t.events.len());
    let tells = |i: &usize| takes_part || *i < joined || about(&t.events[*i]) || !said(t, *i).is_empty();
    let mine = |i: &usize| t.events[*i].thread == who && !counts(&t.events[*i]) && tells(i);
    let last = (0..t.events.len()).rev().filter(mine).find_map(|i| {
        let (value, left) = finding(t, i)?;
        Some((i, value, left.filter(|w| t.events[*w].thread != who)?))
    });
    let Some((i, value, left)) = last else { return why };
    let same = |n: &usize| t.events[*n].thread == who && t.events[*n].object == t.events[i].object;
    let again = |n: &usize| same(n) && finding(t, *n).is_some_and(|(_, from)| from == Some(left));
    if spoken(&left) && why.steps.iter().any(again) {
        return why;
    }
    let found = if spoken(&i) { finds(t, i, value, step(t, i)) } else { finds(t, i, value, told(t, i)) };
    let by = if spoken(&left) { step(t, left) } else { told(t, left) };
    // What is quoted stays the pair.
    let mut why = why.say(format!("{}, as {by} had left it.", capital(found)));
    why.steps.extend([left, i]);
    why
}

/// A step that came before something that had not been done when it failed.
fn undone(t: &Trace) -> Option<Why> {
    let Flip::Pair { held, until } = t.flip else { return None };
    let what = match until {
        Until::Next(thread) => super::pass::next(t, usize::from(thread)),
        Until::Rest => "all that the others were still to do".to_owned(),
        Until::Step(_) => return None,
    };
    let why = Why::default().say(format!("{} came before {what}.", told(t, held))).steps(t, &[held]);
    Some(Why { decides: true, ..why })
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
