//! Why it failed, in one or two sentences, and what would make it pass: read from the log, by the kind of failure.
//!
//! A sentence says what the log shows and no more: who read what, who changed it, what was let go of in between. That a
//! step decides is said only of a pair that has been tried (`Flip::Pair`). Steps are called by the numbers of the rows in
//! which the timeline shows them, and by what their threads say they are for.

mod crossing;
mod flag;
mod memory;
mod overtaken;
mod pass;
mod stuck;
#[cfg(test)]
mod tests;

use super::timeline::row;
use crate::check::run::Flip;
use crate::check::runner::trace::{Trace, TraceEvent, TraceSite};
use crate::check::verdict::Kind;
use memory::{after_end, flag_of, race, stale};
use overtaken::{aba, led, overtaken};
use stuck::{deadlock, livelock, lost_wakeup};

/// The explanation of a counterexample.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Why {
    /// The sentences.
    pub sentences: Vec<String>,
    /// What would make it pass, as far as that is known.
    pub pass: String,
    /// The steps that either speaks of, as indices into the log.
    pub steps: Vec<usize>,
    /// The two places that clash (fewer if the log shows fewer), for quoting.
    pub places: Vec<TraceSite>,
    /// The sentences are about the pair of steps that decides, and nothing else.
    decides: bool,
    /// The order of steps is to blame even for accesses that nothing orders.
    by_order: bool,
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
        Kind::DataRace => race(t).map(|why| interleaved(t, why)),
        Kind::Deadlock => deadlock(t),
        Kind::LostWakeup => lost_wakeup(t),
        Kind::Livelock => livelock(t),
        Kind::Leak => leak(t),
        Kind::UseAfterFree | Kind::DoubleFree => after_end(t).map(|why| interleaved(t, why)),
        Kind::DoubleCompletion => twice(t),
        Kind::Assertion | Kind::Panic => None,
    };
    let interleaving = || overtaken(t).map(|why| led(t, why));
    let found = by_kind.or_else(|| hopeless(t)).or_else(|| stale(t)).or_else(interleaving);
    let mut why = found.unwrap_or_else(|| {
        Why::default().say("the log shows no object that two threads used: see the message.".to_owned())
    });
    for s in &t.sites {
        why.place(s.clone());
    }
    pass::complete(t, why)
}

/// `step 7 (main)`, by the number of its row.
fn step(t: &Trace, i: usize) -> String {
    format!("step {} ({})", number(t, i), name(t, t.events[i].thread))
}

/// `step 7 (main: closes the session)`: what its thread says it is for, or what it is.
fn told(t: &Trace, i: usize) -> String {
    let e = &t.events[i];
    // The orderings are in the table; where they matter, the sentence speaks of them.
    let what = e.text.split(", stale").next().unwrap_or_default();
    let what = what.strip_suffix(')').and_then(|s| s.rsplit_once(" (")).map_or(what, |(s, _)| s);
    let said = said(t, i);
    let said = if said.is_empty() { what.trim_end_matches(" begins") } else { said.as_str() };
    format!("step {} ({}: {said})", number(t, i), name(t, e.thread))
}

/// What its thread says of a step, and of what it has done in the hold of a lock that begins with it.
fn said(t: &Trace, i: usize) -> String {
    let inner = hold_end(t, i).map_or("", |u| t.events[u].note.as_str());
    let all = [t.events[i].note.as_str(), inner];
    all.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The end of the hold of a lock that begins at `i`.
fn hold_end(t: &Trace, i: usize) -> Option<usize> {
    let e = &t.events[i];
    let ends = |u: &TraceEvent| releases(u) && u.thread == e.thread && u.object == e.object;
    (i + 1..t.events.len()).find(|u| acquires(e) && ends(&t.events[*u]))
}

/// The number of the row that shows it.
fn number(t: &Trace, i: usize) -> usize {
    row(t, i) + 1
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

fn capital(s: String) -> String {
    let mut chars = s.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}

/// The last step at this place that did what is said of it: there may be several on one line. `None` if it has been
/// announced and not done.
fn at(t: &Trace, s: &TraceSite) -> Option<usize> {
    let next = t.threads.get(s.thread).filter(|x| Some(s.thread) == t.thread && !x.ended);
    let next = next.and_then(|x| Some((x.pending.as_ref()?, x.wants.as_ref()?)));
    if next.is_some_and(|(p, (op, object))| p.at == s.at && is(&s.what, op, object.as_deref())) {
        return None;
    }
    let here = |e: &TraceEvent| e.thread == s.thread && e.at == s.at;
    t.events.iter().rposition(|e| here(e) && is(&s.what, &e.op, e.object.as_deref()))
}

/// Is the operation what a site calls `read of letter`? Of other words nothing is known.
fn is(what: &str, op: &str, object: Option<&str>) -> bool {
    let end = what.strip_prefix("end of scope of ").map(|of| ("end", of));
    let Some((access, of)) = end.or_else(|| what.split_once(" of ")) else { return true };
    let named = |o: &str| of.strip_prefix(o).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    let reads = matches!(op, "load" | "plain-load" | "read-begin" | "read-end");
    let writes = matches!(op, "store" | "plain-store" | "write-begin" | "write-end");
    let fits = if access.ends_with("read") { !writes } else { !access.ends_with("write") || !reads };
    fits && object.is_none_or(named)
}

/// No execution passes: then there is nothing that had come before anything else.
fn hopeless(t: &Trace) -> Option<Why> {
    t.hopeless?;
    let last = t.events.iter().rposition(|e| Some(e.thread) == t.thread && e.op != "exit");
    let why =
        Why::default().say("the order of steps plays no part: the rule itself does not hold.".to_owned());
    Some(Why { steps: last.into_iter().collect(), ..why })
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
        return Some(decided(why, overtaken(t)));
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
    let other = overtaken(t).filter(|c| c.steps.iter().all(|i| !it(&t.events[*i])));
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

/// Two unordered accesses of which the interleaving is to blame, and no ordering: what led there.
fn interleaved(t: &Trace, why: Why) -> Why {
    match aba(t) {
        Some(first) => {
            // What is said of a flag that is too weak would lead astray: no ordering mends this.
            let sentences = first.sentences.into_iter().chain(why.sentences.into_iter().take(1)).collect();
            let steps = [first.steps, why.steps].concat();
            let places = [first.places, why.places].concat();
            Why { sentences, steps, places, by_order: true, ..Why::default() }
        }
        None if flag_of(t).is_none() => match overtaken(t).filter(|_| matches!(t.flip, Flip::Pair { .. })) {
            Some(by) => {
                // The two accesses are what is quoted.
                let places = [why.places.clone(), by.places.clone()].concat();
                Why { by_order: true, places, ..decided(why, Some(by)) }
            }
            None => why,
        },
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

fn twice(t: &Trace) -> Option<Why> {
    let why = stale(t).or_else(|| overtaken(t))?;
    let mut first = why.sentences[0].clone();
    first.insert_str(0, "completed a second time: ");
    Some(Why { sentences: std::iter::once(first).chain(why.sentences.into_iter().skip(1)).collect(), ..why })
}
