//! Why it failed, in one or two sentences, and the two steps that clash: read from the log, by the kind of failure.
//!
//! The sentences say what the log shows and no more: who read what, who changed it, what was let go of in between.

mod stuck;

use crate::check::runner::trace::{Trace, TraceEvent, TraceSite};
use crate::check::verdict::Kind;
use stuck::{deadlock, livelock, lost_wakeup};

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
    let found = by_kind.or_else(|| stale(t)).or_else(|| overtaken(t));
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

fn race(t: &Trace) -> Option<Why> {
    let [a, b] = two_sides(t)?;
    let of = |s: &TraceSite| match at(t, s).and_then(|i| t.events[i].object.as_deref()) {
        Some(o) if !s.what.contains(o) => format!("{} of {o}", s.what),
        _ => s.what.clone(),
    };
    let mut why = Why::default().say(format!(
        "{} ({}) and {} ({}) are not ordered: no lock, join or release/acquire pair lies between them.",
        of(a),
        side(t, a),
        of(b),
        side(t, b)
    ));
    why.place(a.clone());
    why.place(b.clone());
    why.steps.extend([at(t, a), at(t, b)].into_iter().flatten());
    if let Some((w, r, sentence)) = weak_flag(t, at(t, a).unwrap_or(0), a.thread, b.thread) {
        why.steps.extend([w, r]);
        why = why.say(sentence);
    }
    Some(why)
}

/// `t1, step 3`; the last access may not have been done.
fn side(t: &Trace, s: &TraceSite) -> String {
    let step = at(t, s).map_or("next".to_owned(), |i| format!("step {}", i + 1));
    format!("{}, {step}", name(t, s.thread))
}

/// The flag that was to publish what `writer` did at `first` to `reader`: written after it, read by the other, and one of
/// the two too weakly. The write, the read, and what is wrong with them.
fn weak_flag(t: &Trace, first: usize, writer: usize, reader: usize) -> Option<(usize, usize, String)> {
    let (w, r) = t.events.iter().enumerate().skip(first).find_map(|(r, read)| {
        let same = |(w, e): &(usize, &TraceEvent)| {
            *w < r && e.thread == writer && e.wrote.is_some() && e.object == read.object
        };
        let (w, _) = t.events.iter().enumerate().skip(first + 1).find(same)?;
        (read.thread == reader && reads(read) && read.missed.is_none()).then_some((w, r))
    })?;
    let weak = |i: usize| t.events[i].text.contains("(rlx)");
    let fault = match (weak(w), weak(r)) {
        (true, true) => "both are relaxed",
        (true, false) => "the write is relaxed",
        (false, true) => "the read is relaxed",
        (false, false) => return None,
    };
    let flag = object(&t.events[r]);
    let saw = format!("{} saw {flag} as {} had written it", capital(step(t, r)), step(t, w));
    Some((w, r, format!("{saw}, but {fault}, so that orders nothing else.")))
}

fn capital(s: String) -> String {
    let mut chars = s.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
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
        why = why.say(format!("{} by {}, and no step gave it back.", s.what, name(t, s.thread)));
        return Some(decided(why, pivot(t).or_else(|| conflict(t))));
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
        "{object} was made once, cloned {} and dropped {}: {} stayed behind. The last step on it is {}: {}.",
        times(clones),
        times(drops),
        crate::render::count((clones + 1).saturating_sub(drops) as u64, "reference"),
        step(t, last),
        t.events[last].text
    ));
    let other = pivot(t).or_else(|| conflict(t)).filter(|c| c.steps.iter().all(|i| !it(&t.events[*i])));
    Some(decided(why.steps(t, &[last]), other))
}

/// What decides who gives a value back is some other object: its steps come first.
fn decided(why: Why, by: Option<Why>) -> Why {
    let Some(by) = by else { return why };
    let places = [by.places, why.places].concat();
    let why = Why { steps: [by.steps, why.steps].concat(), places, ..why };
    match by.sentences.first() {
        Some(first) => why.say(capital(first.clone())),
        None => why,
    }
}

fn times(n: usize) -> String {
    match n {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        n => format!("{n} times"),
    }
}

fn after_end(t: &Trace) -> Option<Why> {
    let [a, b] = two_sides(t)?;
    let mut why = Why::default().say(format!(
        "{} ({}) and {} ({}) are not ordered: nothing keeps the value alive until its last use.",
        a.what,
        side(t, a),
        b.what,
        side(t, b)
    ));
    why.place(a.clone());
    why.place(b.clone());
    why.steps.extend([at(t, a), at(t, b)].into_iter().flatten());
    Some(why)
}

fn twice(t: &Trace) -> Option<Why> {
    let why = stale(t).or_else(|| overtaken(t))?;
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
    let mut why = Why::default().say(format!(
        "{} read {source} from {}, not the newer value of {}: nothing makes that write happen before this read{hint}.",
        step(t, r),
        object(read),
        step(t, w),
    ));
    why = why.steps(t, &[w, r]);
    if let Some((w, r, sentence)) = weak_flag(t, w, write.thread, read.thread) {
        why.steps.extend([w, r]);
        why = why.say(sentence);
    }
    Some(why)
}

/// A thread looks, another changes, the first acts on what it saw: on a value, or on what a lock protected; or simply
/// two steps that do not commute. Where it is known which pair of steps decides, it must be about one of them.
fn overtaken(t: &Trace) -> Option<Why> {
    let decides = |w: &Why| t.critical.len() < 2 || w.steps.iter().any(|i| t.critical.contains(i));
    values(t)
        .filter(decides)
        .or_else(|| locks(t).filter(decides))
        .or_else(|| pivot(t))
        .or_else(|| conflict(t))
}

/// The pair of steps that decides.
fn pivot(t: &Trace) -> Option<Why> {
    let [i, j] = t.critical[..] else { return None };
    let (a, b) = (t.events.get(i)?, t.events.get(j)?);
    let why = Why::default().say(format!(
        "{}, {}, came before {}, {}; the other way round the property holds.",
        step(t, i),
        a.text,
        step(t, j),
        b.text
    ));
    Some(why.steps(t, &[i, j]))
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
