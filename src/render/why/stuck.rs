//! Why nobody gets on: wait-for cycles, signals that came too early, rounds without an end.

use super::{Why, acquires, name, number, object, reads, releases, step, told, writes};
use crate::check::runner::trace::{Trace, TraceEvent};

/// Who holds `lock` at the end of the log, and since which step.
fn holder(t: &Trace, lock: &str) -> Option<(usize, usize)> {
    let mut held: Vec<(usize, usize)> = Vec::new();
    for (i, e) in t.events.iter().enumerate().filter(|(_, e)| e.object.as_deref() == Some(lock)) {
        if acquires(e) {
            held.push((e.thread, i));
        } else if releases(e)
            && let Some(at) = held.iter().rposition(|(thread, _)| *thread == e.thread)
        {
            held.remove(at);
        }
    }
    held.pop()
}

/// The cycle of who waits for whom, from the least thread in it.
fn cycle(t: &Trace) -> Vec<(usize, Option<usize>)> {
    let blocker = |i: usize| -> Option<(usize, Option<usize>)> {
        let (op, what) = t.threads[i].wants.as_ref()?;
        let what = what.as_deref()?;
        match op.as_str() {
            "join" => Some((t.threads.iter().position(|o| o.name == what)?, None)),
            _ => holder(t, what).map(|(who, since)| (who, Some(since))),
        }
    };
    for start in 0..t.threads.len() {
        let mut path: Vec<(usize, Option<usize>)> = Vec::new();
        let mut at = start;
        while let Some((next, since)) = blocker(at) {
            path.push((at, since));
            if next == start {
                return path;
            }
            if path.iter().any(|(p, _)| *p == next) {
                break;
            }
            at = next;
        }
    }
    Vec::new()
}

pub(super) fn deadlock(t: &Trace) -> Option<Why> {
    let cycle = cycle(t);
    if cycle.is_empty() {
        return None;
    }
    let n = cycle.len();
    let part = |k: usize| {
        let (who, since) = cycle[k];
        let (_, wants) = t.threads[who].wants.as_ref()?;
        let (wants, other) = (wants.as_deref()?, cycle[(k + 1) % n].0);
        Some(match since {
            Some(i) if n == 1 => {
                format!("{} takes {wants} again, which it holds since {}", name(t, who), step(t, i))
            }
            Some(i) => {
                format!(
                    "{} wants {wants}, held by {} since step {}",
                    name(t, who),
                    name(t, other),
                    number(t, i)
                )
            }
            None => format!("{} waits for {} to end", name(t, who), name(t, other)),
        })
    };
    let parts: Vec<String> = (0..n).filter_map(part).collect();
    let mut why = Why::default().say(format!("the wait-for cycle: {}.", parts.join("; ")));
    let held: Vec<usize> = cycle.iter().filter_map(|(_, since)| *since).collect();
    if n == 2 && held.len() == 2 {
        why = why.say("The two take the same two locks in inverted order (AB-BA).".to_owned());
    }
    for (who, _) in &cycle {
        if let Some(p) = &t.threads[*who].pending {
            why.place(p.clone());
        }
    }
    why.steps.extend(held);
    Some(why)
}

/// Is this event a signal that the waiter could have waited for?
type Signal<'a> = dyn Fn(&TraceEvent) -> bool + 'a;

/// Is it the end of a wait that somebody has brought about?
fn signalled(e: &TraceEvent) -> bool {
    e.text.ends_with(" woken")
}

/// The end of a wait of `waiter` on `on` after the signal `i`.
fn woke(t: &Trace, waiter: usize, on: Option<&str>, i: usize) -> Option<usize> {
    let ends =
        |e: &TraceEvent| e.thread == waiter && e.op == "wait" && e.object.as_deref() == on && signalled(e);
    t.events.iter().skip(i + 1).position(ends).map(|n| i + 1 + n)
}

pub(super) fn lost_wakeup(t: &Trace) -> Option<Why> {
    let waiter =
        t.threads.iter().position(|w| matches!(&w.wants, Some((op, _)) if op == "wait" || op == "park"))?;
    let (op, on) = t.threads[waiter].wants.as_ref()?;
    let who = name(t, waiter);
    let (what, signal): (String, Box<Signal<'_>>) = if op == "park" {
        ("to be unparked".to_owned(), Box::new(|e| e.op == "unpark" && e.text == format!("unpark {who}")))
    } else {
        let on = on.as_deref().unwrap_or("it");
        (format!("on {on}"), Box::new(move |e| e.op == "notify" && e.object.as_deref() == Some(on)))
    };
    let mut why = Why::default();
    let last = t.events.iter().rposition(signal);
    why = match last {
        Some(i) if op == "park" => {
            // A token is kept for one park: an earlier one has had it.
            let spent = |e: &TraceEvent| e.thread == waiter && e.op == "park" && signalled(e);
            let spent = t.events.iter().skip(i + 1).position(spent).map(|n| i + 1 + n);
            match spent {
                Some(k) => why.say(format!(
                    "{who} waits {what}; the last signal to it, {}, ended an earlier wait, {}.",
                    step(t, i),
                    step(t, k)
                ))
                .steps(t, &[i, k]),
                None => why.say(format!("{who} waits {what}; the last signal to it was {}.", step(t, i))).steps(t, &[i]),
            }
        }
        Some(i) if let Some(k) = woke(t, waiter, on.as_deref(), i) => why
            .say(format!(
                "{who} waits {what}; the last signal, {}, ended an earlier wait, {}: a signal is not stored.",
                step(t, i),
                step(t, k)
            ))
            .steps(t, &[i, k]),
        Some(i) => {
            let outcome =
                if t.events[i].text.ends_with("woke 0") { "woke nobody" } else { "did not wake it" };
            why.say(format!(
                "{who} waits {what}; the last signal, {}, came before that and {outcome}: a signal is not stored.",
                step(t, i)
            ))
            .steps(t, &[i])
        }
        None => match signal_elsewhere(t, op) {
            Some((i, only)) => why
                .say(format!(
                    "{who} waits {what}, and nobody is left to signal it: the {} signal, {}, went to another.",
                    if only { "only" } else { "last" },
                    told(t, i)
                ))
                .steps(t, &[i]),
            None => {
                why.say(format!("{who} waits {what}, and nobody has signalled it or is left to do so."))
            }
        },
    };
    if let Some(p) = &t.threads[waiter].pending {
        why.place(p.clone());
    }
    // What it checked before it went to sleep, and who has changed that since.
    if let Some((i, j)) = last_read_overtaken(t, waiter) {
        why = why.say(format!(
            "It decided to wait at step {}, on {}; {} has changed that since.",
            number(t, i),
            object(&t.events[i]),
            step(t, j)
        ));
        why.steps.extend([i, j]);
    }
    Some(why)
}

/// The last signal of the kind that this one waits for, and whether there was no other.
fn signal_elsewhere(t: &Trace, op: &str) -> Option<(usize, bool)> {
    // A signal on another condition variable is another matter.
    let mut all =
        t.events.iter().enumerate().filter(|(_, e)| op == "park" && e.op == "unpark").map(|(i, _)| i);
    let last = all.next_back()?;
    Some((last, all.next().is_none()))
}

/// The last read of `thread` that somebody else's later write made untrue.
fn last_read_overtaken(t: &Trace, thread: usize) -> Option<(usize, usize)> {
    let i = t.events.iter().rposition(|e| e.thread == thread && reads(e))?;
    let changed = |e: &TraceEvent| e.thread != thread && writes(e) && e.object == t.events[i].object;
    let j = t.events.iter().skip(i + 1).position(changed)?;
    Some((i, i + 1 + j))
}

pub(super) fn livelock(t: &Trace) -> Option<Why> {
    if let Some((first, last)) = t.repeats {
        return Some(round_and_round(t, first, last));
    }
    // The last thread that polls: what it reads again and again.
    let spins =
        |e: &TraceEvent| e.op == "yield" || e.op == "load" || e.op == "cas" || e.op.starts_with("try-");
    let who = t.thread.or_else(|| t.events.iter().rev().find(|e| spins(e)).map(|e| e.thread));
    let who = who.or_else(|| t.sites.first().map(|s| s.thread))?;
    let mine = |e: &&TraceEvent| e.thread == who && reads(e) && e.object.is_some();
    let i = t.events.iter().rposition(|e| mine(&e));
    let Some(i) = i else {
        let why = Why::default();
        return Some(
            why.say(format!("{} repeats itself, and nobody can change what it waits for.", name(t, who))),
        );
    };
    let e = &t.events[i];
    let mut why = Why::default().say(format!(
        "{} repeats step {}, {}, for ever: nobody is left to change what it reads.",
        name(t, who),
        number(t, i),
        e.text
    ));
    why = why.steps(t, &[i]);
    let last = t.events.iter().rposition(|w| w.thread != who && writes(w) && w.object == e.object);
    if let Some(w) = last {
        why = why.say(format!("The last write to {} is {}: {}.", object(e), step(t, w), t.events[w].text));
        why = why.steps(t, &[w]);
    }
    Some(why)
}

/// What each thread of a cycle reads in it last: what sends it round again. Where they read under locks, what they say
/// that they do.
fn round_and_round(t: &Trace, first: usize, last: usize) -> Why {
    let mut why = Why::default();
    let events = &t.events[first..=last];
    for who in 0..t.threads.len() {
        let Some(i) = events.iter().rposition(|e| e.thread == who && reads(e)).map(|i| first + i) else {
            continue;
        };
        why = why.say(format!(
            "{} goes round because of {} at step {}.",
            name(t, who),
            t.events[i].text,
            number(t, i)
        ));
        why = why.steps(t, &[i]);
    }
    let said: Vec<usize> = (first..=last).filter(|&i| !t.events[i].note.is_empty()).collect();
    if why.sentences.is_empty() && !said.is_empty() {
        let notes: Vec<String> = said
            .iter()
            .map(|&i| {
                let note = t.events[i].note.trim_end_matches(':');
                format!("{} {} ({note})", name(t, t.events[i].thread), number(t, i))
            })
            .collect();
        why = why.say(format!("In one round, by step: {}; then all over again.", notes.join(", ")));
        why = why.steps(t, &said);
    }
    if why.sentences.is_empty() {
        why = why.say("Each round leaves everything as it found it, so nothing ever ends it.".to_owned());
    }
    why.steps.extend([first, last]);
    why
}
