//! Why it failed, in one or two sentences, and the two steps that clash: read from the log, by the kind of failure.
//!
//! The sentences say what the log shows and no more: who read what, who changed it, what was let go of in between.

use crate::check::runner::trace::{Trace, TraceEvent, TraceSite};
use crate::check::verdict::Kind;

/// The explanation of a counterexample.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Why {
    /// The sentences.
    pub sentences: Vec<String>,
    /// The steps they speak of, as indices into the log.
    pub steps: Vec<usize>,
    /// The two places that clash (fewer if the log shows fewer), for quoting.
    pub places: Vec<TraceSite>,
}

impl Why {
    fn say(mut self, sentence: String) -> Self {
        self.sentences.push(sentence);
        self
    }

    fn steps(mut self, t: &Trace, steps: &[usize]) -> Self {
        self.steps.extend_from_slice(steps);
        for &i in steps {
            let e = &t.events[i];
            self.place(TraceSite { thread: e.thread, what: e.text.clone(), at: e.at.clone() });
        }
        self
    }

    fn place(&mut self, s: TraceSite) {
        if !self.places.iter().any(|p| (p.thread, &p.at) == (s.thread, &s.at)) {
            self.places.push(s);
        }
    }
}

/// Explains `t`.
pub fn why(t: &Trace) -> Why {
    let by_kind = match t.kind {
        Kind::DataRace => race(t),
        Kind::Deadlock => deadlock(t),
        Kind::LostWakeup => lost_wakeup(t),
        Kind::Livelock => livelock(t),
        Kind::Leak => leak(t),
        Kind::UseAfterFree | Kind::DoubleFree => after_end(t),
        Kind::DoubleCompletion => twice(t),
        Kind::Assertion | Kind::Panic => None,
    };
    let found = by_kind.or_else(|| stale(t)).or_else(|| check_then_act(t)).or_else(|| conflict(t));
    let mut why = found.unwrap_or_else(|| {
        Why::default().say("the log shows no object that two threads used: see the message".to_owned())
    });
    for s in &t.sites {
        why.place(s.clone());
    }
    why
}

/// `step 7 (main)`.
fn step(t: &Trace, i: usize) -> String {
    format!("step {} ({})", i + 1, name(t, t.events[i].thread))
}

fn name(t: &Trace, thread: usize) -> &str {
    t.threads.get(thread).map_or("?", |t| t.name.as_str())
}

fn object(e: &TraceEvent) -> &str {
    e.object.as_deref().unwrap_or("it")
}

/// Takes a lock, in any way, and has it.
fn acquires(e: &TraceEvent) -> bool {
    match e.op.as_str() {
        "lock" | "rw-lock" => true,
        "try-lock" | "try-rw-lock" => !e.text.ends_with("busy"),
        _ => false,
    }
}

fn releases(e: &TraceEvent) -> bool {
    matches!(e.op.as_str(), "unlock" | "rw-unlock")
}

fn reads(e: &TraceEvent) -> bool {
    matches!(e.op.as_str(), "load" | "cas" | "rmw" | "read-begin" | "plain-load" | "arc-count")
}

fn writes(e: &TraceEvent) -> bool {
    e.wrote.is_some() || e.op == "write-begin"
}

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

fn race(t: &Trace) -> Option<Why> {
    let [a, b] = two_sides(t)?;
    let of = |s: &TraceSite| match at(t, s).and_then(|i| t.events[i].object.as_deref()) {
        Some(o) if !s.what.contains(o) => format!("{} of {o}", s.what),
        _ => s.what.clone(),
    };
    let mut why = Why::default().say(format!(
        "{} ({}) and {} ({}) are not ordered: no lock, join or release/acquire pair lies between them.",
        of(a),
        name(t, a.thread),
        of(b),
        name(t, b.thread)
    ));
    why.place(a.clone());
    why.place(b.clone());
    why.steps.extend([at(t, a), at(t, b)].into_iter().flatten());
    // The flag that was to order them: written after the first access, read before the second, too weakly.
    let first = at(t, a).unwrap_or(0);
    let flag = t.events.iter().enumerate().skip(first).find_map(|(r, read)| {
        let same = |(w, e): &(usize, &TraceEvent)| {
            *w < r && e.thread == a.thread && e.wrote.is_some() && e.object == read.object
        };
        let (w, write) = t.events.iter().enumerate().skip(first).find(same)?;
        (read.thread == b.thread && reads(read) && read.missed.is_none()).then_some((w, write, r, read))
    });
    if let Some((w, write, r, read)) = flag {
        let weak = |e: &TraceEvent| e.text.contains("(rlx)");
        let fault = match (weak(write), weak(read)) {
            (true, true) => "both are relaxed",
            (true, false) => "the write is relaxed",
            (false, true) => "the read is relaxed",
            (false, false) => return Some(why),
        };
        why.steps.extend([w, r]);
        why = why.say(format!(
            "{} saw {}'s write of {}, but {fault}, so seeing it orders nothing else.",
            step(t, r),
            step(t, w),
            object(read)
        ));
    }
    Some(why)
}

/// The two accesses of a race; loom may list the creation of the object beside them.
fn two_sides(t: &Trace) -> Option<[&TraceSite; 2]> {
    match t.sites.as_slice() {
        [] | [_] => None,
        [.., a, b] => Some([a, b]),
    }
}

/// The last step at this place.
fn at(t: &Trace, s: &TraceSite) -> Option<usize> {
    t.events.iter().rposition(|e| e.thread == s.thread && e.at == s.at)
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

fn deadlock(t: &Trace) -> Option<Why> {
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
                format!("{} wants {wants}, held by {} since step {}", name(t, who), name(t, other), i + 1)
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

fn lost_wakeup(t: &Trace) -> Option<Why> {
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
        Some(i) => {
            let outcome =
                if t.events[i].text.ends_with("woke 0") { "woke nobody" } else { "did not wake it" };
            why.say(format!(
                "{who} waits {what}; the last signal, {}, came before that and {outcome}: a signal is not stored.",
                step(t, i)
            ))
            .steps(t, &[i])
        }
        None => why.say(format!("{who} waits {what}, and nobody has signalled it or is left to do so.")),
    };
    if let Some(p) = &t.threads[waiter].pending {
        why.place(p.clone());
    }
    // What it checked before it went to sleep, and who has changed that since.
    if let Some((i, j)) = last_read_overtaken(t, waiter) {
        why = why.say(format!(
            "It decided to wait at step {}, on {}; {} changed that before it slept.",
            i + 1,
            object(&t.events[i]),
            step(t, j)
        ));
        why.steps.extend([i, j]);
    }
    Some(why)
}

/// The last read of `thread` that somebody else's later write made untrue.
fn last_read_overtaken(t: &Trace, thread: usize) -> Option<(usize, usize)> {
    let i = t.events.iter().rposition(|e| e.thread == thread && reads(e))?;
    let changed = |e: &TraceEvent| e.thread != thread && writes(e) && e.object == t.events[i].object;
    let j = t.events.iter().skip(i + 1).position(changed)?;
    Some((i, i + 1 + j))
}

fn livelock(t: &Trace) -> Option<Why> {
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
    let times = t.events.iter().filter(|o| o.thread == who && o.op == e.op && o.object == e.object).count();
    let often = if times > 1 { format!(" (seen {times} times)") } else { String::new() };
    let mut why = Why::default().say(format!(
        "{} goes round and round: {} at step {} {often}, and nothing it waits for can change.",
        name(t, who),
        e.text,
        i + 1
    ));
    why = why.steps(t, &[i]);
    let last = t.events.iter().rposition(|w| w.thread != who && writes(w) && w.object == e.object);
    if let Some(w) = last {
        why = why.say(format!(
            "The last write to {} by another thread is {}: {}.",
            object(e),
            step(t, w),
            t.events[w].text
        ));
        why = why.steps(t, &[w]);
    }
    Some(why)
}

/// What each thread of a cycle reads in it last: what sends it round again.
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
            i + 1
        ));
        why = why.steps(t, &[i]);
    }
    why.say(format!("The state after step {} is the state before step {}.", last + 1, first + 1))
}

fn leak(t: &Trace) -> Option<Why> {
    let s = t.sites.first()?;
    let named = |e: &&TraceEvent| {
        let o = e.object.as_deref()?;
        s.what.split(' ').any(|w| w == o).then(|| o.to_owned())
    };
    let object = t.events.iter().find_map(|e| named(&e));
    let mut why = Why::default();
    why.place(s.clone());
    let Some(object) = object else {
        return Some(why.say(format!("{} by {}, and no step gave it back.", s.what, name(t, s.thread))));
    };
    let of = |op: &str| {
        let is = |e: &&TraceEvent| e.object.as_deref() == Some(object.as_str()) && e.op == op;
        t.events.iter().filter(is).count()
    };
    let (clones, drops) = (of("arc-clone"), of("arc-drop"));
    let it = |e: &TraceEvent| e.object.as_deref() == Some(object.as_str());
    let clone = t.events.iter().rposition(|e| it(e) && e.op == "arc-clone");
    let last = clone.or_else(|| t.events.iter().rposition(it))?;
    why = why.say(format!(
        "{object} was cloned {clones} times and dropped {drops} times: {} stayed behind. The last clone, or else the last step, is {}: {}.",
        crate::render::count((clones + 1).saturating_sub(drops) as u64, "reference"),
        step(t, last),
        t.events[last].text
    ));
    Some(why.steps(t, &[last]))
}

fn after_end(t: &Trace) -> Option<Why> {
    let [a, b] = two_sides(t)?;
    let mut why = Why::default().say(format!(
        "{} ({}) and {} ({}) are not ordered: nothing keeps the value alive until its last use.",
        a.what,
        name(t, a.thread),
        b.what,
        name(t, b.thread)
    ));
    why.place(a.clone());
    why.place(b.clone());
    why.steps.extend([at(t, a), at(t, b)].into_iter().flatten());
    Some(why)
}

fn twice(t: &Trace) -> Option<Why> {
    let why = check_then_act(t).or_else(|| stale(t)).or_else(|| conflict(t))?;
    let mut first = why.sentences[0].clone();
    first.insert_str(0, "completed a second time: ");
    Some(Why { sentences: std::iter::once(first).chain(why.sentences.into_iter().skip(1)).collect(), ..why })
}

fn stale(t: &Trace) -> Option<Why> {
    let (r, w) = t.events.iter().enumerate().rev().find_map(|(i, e)| Some((i, e.missed?)))?;
    let (read, write) = (&t.events[r], &t.events[w]);
    if read.thread == write.thread {
        return None;
    }
    let source = match read.from {
        Some(f) => format!("what step {} wrote", f + 1),
        None => "an older value".to_owned(),
    };
    let weak = |e: &TraceEvent| e.text.contains("(rlx)");
    let hint = match (weak(write), weak(read)) {
        (true, true) => " (both are relaxed)",
        (true, false) => " (the write is relaxed)",
        (false, true) => " (the read is relaxed)",
        (false, false) => "",
    };
    let why = Why::default().say(format!(
        "{} read {source} from {}, not the newer value of {}: nothing makes that write happen before this read{hint}.",
        step(t, r),
        object(read),
        step(t, w),
    ));
    Some(why.steps(t, &[w, r]))
}

/// A thread looks, another changes, the first acts on what it saw: on a value, or on what a lock protected.
fn check_then_act(t: &Trace) -> Option<Why> {
    values(t).or_else(|| locks(t))
}

fn values(t: &Trace) -> Option<Why> {
    for (k, act) in t.events.iter().enumerate().rev() {
        if act.op != "store" && act.op != "write-begin" {
            continue;
        }
        let mine = |e: &TraceEvent| e.thread == act.thread && e.object == act.object && reads(e);
        let Some(i) = t.events[..k].iter().rposition(mine) else { continue };
        let theirs = |e: &TraceEvent| e.thread != act.thread && e.object == act.object && writes(e);
        let Some(j) = t.events[i + 1..k].iter().position(theirs).map(|j| i + 1 + j) else { continue };
        let why = Why::default().say(format!(
            "{} writes {} on the strength of step {}; {} changed it in between.",
            step(t, k),
            object(act),
            i + 1,
            step(t, j)
        ));
        return Some(why.steps(t, &[i, j, k]));
    }
    None
}

fn locks(t: &Trace) -> Option<Why> {
    for (k, act) in t.events.iter().enumerate().rev() {
        if !acquires(act) {
            continue;
        }
        let same = |e: &TraceEvent| e.object == act.object;
        let Some(i) = t.events[..k].iter().rposition(|e| e.thread == act.thread && same(e) && releases(e))
        else {
            continue;
        };
        let theirs = |e: &TraceEvent| e.thread != act.thread && same(e) && acquires(e);
        let Some(j) = t.events[i + 1..k].iter().position(theirs).map(|j| i + 1 + j) else { continue };
        let why = Why::default().say(format!(
            "{} lets go of {} at step {} and takes it again at step {}; {} held it in between, so what the first \
             hold had checked need no longer be so.",
            name(t, act.thread),
            object(act),
            i + 1,
            k + 1,
            step(t, j)
        ));
        return Some(why.steps(t, &[i, j, k]));
    }
    None
}

/// The last two steps of different threads on one object, one of them a change.
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
                "{}, {}, came before {}, {}: the last two steps on {} that do not commute.",
                step(t, i),
                t.events[i].text,
                step(t, j),
                b.text,
                object(b)
            ));
            return Some(why.steps(t, &[i, j]));
        }
    }
    None
}
