//! How a failing execution differs from one nearby that passes: the *critical pair* of steps that stand the other way
//! round there, or the read that sees something else.
//!
//! After hermit's analysis of schedules (Meta) and differential schedule projections (Machado, Lucia, Rodrigues, PLDI
//! 2015): what the two executions share explains nothing.

use super::trace::{Trace, TraceEvent};
use std::collections::BTreeMap;

/// The difference, in words and as indices into the failing log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Nearest {
    /// One sentence; empty if the two do not differ.
    pub sentence: String,
    /// The critical steps.
    pub critical: Vec<usize>,
}

/// One operation of the failing execution: done, or, past the end of the log, what a thread still waits to do.
struct Act<'a> {
    thread: usize,
    op: &'a str,
    object: Option<&'a str>,
    /// Its place in the passing log, if the thread did the same up to there.
    passing: Option<usize>,
}

/// Compares.
pub fn nearest(failing: &Trace, passing: &[TraceEvent]) -> Nearest {
    let acts = matched(failing, passing);
    let step = |i: usize| match failing.events.get(i) {
        Some(e) => format!("step {} ({})", i + 1, name(failing, e.thread)),
        None => format!("{}'s `{}`", name(failing, acts[i].thread), waited(failing, acts[i].thread)),
    };
    if let Some((a, b)) = reversed(&acts) {
        let done = [a, b].into_iter().filter(|i| *i < failing.events.len()).collect::<Vec<_>>();
        let pair = match done.as_slice() {
            [a, b] => format!("critical pair: {} <-> {}", a + 1, b + 1),
            _ => format!("critical step: {}", a + 1),
        };
        return Nearest {
            sentence: format!("let {} come before {} and the property holds; {pair}.", step(b), step(a)),
            critical: done,
        };
    }
    if let Some((i, p)) = answered_otherwise(failing, passing, &acts) {
        return other_answer(failing, passing, &acts, i, p);
    }
    diverged(failing, passing)
}

fn name(t: &Trace, thread: usize) -> &str {
    t.threads.get(thread).map_or("?", |x| x.name.as_str())
}

/// What a thread waits to do.
fn waited(t: &Trace, thread: usize) -> &str {
    t.threads.get(thread).and_then(|x| x.pending.as_ref()).map_or("?", |p| p.what.trim_end_matches(" begins"))
}

/// The operations of the failing execution with their places in the passing one.
fn matched<'a>(failing: &'a Trace, passing: &[TraceEvent]) -> Vec<Act<'a>> {
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, e) in passing.iter().enumerate() {
        places.entry(e.thread).or_default().push(i);
    }
    // How far each thread has come in the passing log; `None` once it has done something else there.
    let mut at: BTreeMap<usize, Option<usize>> = BTreeMap::new();
    let mut acts = Vec::new();
    let mut add = |thread: usize, op: &'a str, object: Option<&'a str>| {
        let n = at.entry(thread).or_insert(Some(0));
        let place = n.and_then(|n| places.get(&thread)?.get(n).copied());
        let same = place.filter(|p| passing[*p].op == op && passing[*p].object.as_deref() == object);
        *n = same.and(*n).map(|n| n + 1);
        acts.push(Act { thread, op, object, passing: same });
    };
    for e in &failing.events {
        add(e.thread, &e.op, e.object.as_deref());
    }
    for (thread, t) in failing.threads.iter().enumerate().filter(|(_, t)| !t.ended) {
        if let Some((op, object)) = &t.wants {
            // The subject of a join is a thread, which the log does not count as an object.
            let object = object.as_deref().filter(|_| op != "join" && op != "unpark");
            add(thread, op, object);
        }
    }
    acts
}

/// Does the order of the two matter?
fn conflict(a: &Act<'_>, b: &Act<'_>) -> bool {
    let changes = |o: &str| {
        matches!(o, "store" | "rmw" | "cas" | "plain-store" | "write-begin" | "arc-drop" | "notify")
            || takes(o)
    };
    let looks =
        |o: &str| matches!(o, "load" | "plain-load" | "read-begin" | "arc-count" | "arc-upgrade" | "wait");
    let both = |f: &dyn Fn(&str) -> bool| (f(a.op), f(b.op));
    a.thread != b.thread
        && a.object.is_some()
        && a.object == b.object
        && matches!(
            (both(&changes), both(&looks)),
            ((true, true), _) | ((true, false), (_, true)) | ((false, true), (true, _))
        )
}

fn takes(op: &str) -> bool {
    matches!(op, "lock" | "try-lock" | "rw-lock" | "try-rw-lock")
}

/// The first pair of conflicting operations that stand the other way round in the passing execution; of the first
/// operation's partners the nearest.
fn reversed(acts: &[Act<'_>]) -> Option<(usize, usize)> {
    (0..acts.len()).find_map(|b| {
        let later = acts[b].passing?;
        let a = (0..b)
            .rev()
            .find(|a| conflict(&acts[*a], &acts[b]) && acts[*a].passing.is_some_and(|p| p > later))?;
        Some((a, b))
    })
}

/// The first operation that is the same in both and got another answer, with its place in the passing log.
fn answered_otherwise(failing: &Trace, passing: &[TraceEvent], acts: &[Act<'_>]) -> Option<(usize, usize)> {
    let done = acts.iter().zip(&failing.events).enumerate();
    let mut both = done.filter_map(|(i, (a, e))| Some((i, a.passing?, e)));
    // What is newer depends on the order alone, and is no answer.
    let answer = |e: &TraceEvent| e.text.split(", stale").next().unwrap_or_default().to_owned();
    both.find(|(_, p, e)| answer(&passing[*p]) != answer(e)).map(|(i, p, _)| (i, p))
}

fn other_answer(failing: &Trace, passing: &[TraceEvent], acts: &[Act<'_>], i: usize, p: usize) -> Nearest {
    let me = format!("step {} ({})", i + 1, name(failing, failing.events[i].thread));
    let source = passing[p].from.and_then(|w| acts.iter().position(|a| a.passing == Some(w)));
    match source.filter(|w| *w != i && *w < failing.events.len()) {
        Some(w) => Nearest {
            sentence: format!(
                "let {me} read what step {} ({}) wrote and the property holds; critical pair: {} <-> {}.",
                w + 1,
                name(failing, failing.events[w].thread),
                w.min(i) + 1,
                w.max(i) + 1
            ),
            critical: vec![w.min(i), w.max(i)],
        },
        None => Nearest {
            sentence: format!(
                "with another answer at {me}, `{}`, the property holds; critical step: {}.",
                passing[p].text.split(", stale").next().unwrap_or_default(),
                i + 1
            ),
            critical: vec![i],
        },
    }
}

/// Nothing that both do conflicts: where the passing execution goes on with another thread.
fn diverged(failing: &Trace, passing: &[TraceEvent]) -> Nearest {
    let same =
        |(a, b): &(&TraceEvent, &TraceEvent)| (a.thread, &a.op, &a.object) == (b.thread, &b.op, &b.object);
    let d = failing.events.iter().zip(passing).take_while(same).count();
    let Some(p) = passing.get(d) else { return Nearest::default() };
    let (who, at) = (name(failing, p.thread), d.min(failing.events.len().saturating_sub(1)));
    let Some(f) = failing.events.get(at) else { return Nearest::default() };
    let sentence = match failing.events.get(d) {
        Some(_) if f.thread != p.thread => format!(
            "let {who} go on before step {} ({}) and the property holds; critical step: {}.",
            at + 1,
            name(failing, f.thread),
            at + 1
        ),
        _ => format!(
            "let {who} go on with `{}` after step {} ({}) and the property holds; critical step: {}.",
            p.text,
            at + usize::from(failing.events.get(d).is_none()),
            name(failing, f.thread),
            at + 1
        ),
    };
    Nearest { sentence, critical: vec![at] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::runner::trace::{TraceSite, TraceThread};
    use crate::check::verdict::Kind;

    fn event(thread: usize, op: &str, object: &str, text: &str) -> TraceEvent {
        TraceEvent {
            thread,
            op: op.to_owned(),
            object: (!object.is_empty()).then(|| object.to_owned()),
            text: text.to_owned(),
            ..TraceEvent::default()
        }
    }

    fn failing(events: Vec<TraceEvent>, wants: [Option<(&str, &str)>; 2]) -> Trace {
        let thread = |(i, w): (usize, Option<(&str, &str)>)| TraceThread {
            name: ["main", "t1"][i].to_owned(),
            pending: w.map(|(op, o)| TraceSite { thread: i, what: format!("{op} {o}"), at: String::new() }),
            wants: w.map(|(op, o)| (op.to_owned(), Some(o.to_owned()))),
            ended: w.is_none(),
            note: String::new(),
        };
        let threads = wants.into_iter().enumerate().map(thread).collect();
        Trace { threads, events, ..Trace::empty("p", Kind::Assertion) }
    }

    #[test]
    fn the_pair_that_stands_the_other_way_round_is_critical() {
        let (look, set) = (event(0, "load", "x", "load x -> 1"), event(1, "store", "x", "store x = 1"));
        let other = event(1, "store", "y", "store y = 1");
        let t = failing(vec![other.clone(), set.clone(), look.clone()], [None, None]);
        let n = nearest(&t, &[event(0, "load", "x", "load x -> 0"), other, set]);
        assert_eq!(n.critical, [1, 2]);
        assert_eq!(
            n.sentence,
            "let step 3 (main) come before step 2 (t1) and the property holds; critical pair: 2 <-> 3."
        );
    }

    #[test]
    fn two_reads_the_other_way_round_explain_nothing() {
        let (a, b) = (event(0, "load", "x", "load x -> 0"), event(1, "load", "x", "load x -> 0"));
        let t = failing(vec![a.clone(), b.clone()], [None, None]);
        assert_eq!(nearest(&t, &[b, a]).critical, [0], "only the place where they part is left");
    }

    #[test]
    fn a_stale_read_would_have_seen_the_newer_write() {
        let set = event(1, "store", "x", "store x = 1 (rlx)");
        let stale =
            TraceEvent { missed: Some(0), ..event(0, "load", "x", "load x -> 0 (rlx), stale: 1 is newer") };
        let fresh = TraceEvent { from: Some(0), ..event(0, "load", "x", "load x -> 1 (rlx)") };
        let n = nearest(&failing(vec![set.clone(), stale], [None, None]), &[set, fresh]);
        assert_eq!(n.critical, [0, 1]);
        assert!(n.sentence.starts_with("let step 2 (main) read what step 1 (t1) wrote"), "{}", n.sentence);
    }

    /// In a deadlock the other half of the pair has not happened: it is what a thread waits to do.
    #[test]
    fn what_a_thread_waits_to_do_counts() {
        let lock = |t, o: &str| event(t, "lock", o, &format!("lock {o}"));
        let t = failing(vec![lock(0, "a"), lock(1, "b")], [Some(("lock", "b")), Some(("lock", "a"))]);
        let n = nearest(&t, &[lock(0, "a"), lock(0, "b"), event(0, "unlock", "b", "unlock b"), lock(1, "b")]);
        assert_eq!(n.critical, [1]);
        assert!(n.sentence.starts_with("let main's `lock b` come before step 2 (t1)"), "{}", n.sentence);
    }
}
