//! A counterexample in thread columns, at most 100 columns wide and 25 rows high: time goes down, each thread has its
//! column, the value sits on the operation, and the last row names the violated property. Below it: why.

use super::style::{bad, bold, dim};
use super::why::{Why, why};
use crate::check::runner::trace::{Trace, TraceEvent};
use crate::check::verdict::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Nothing is wider.
pub const WIDTH: usize = 100;
/// From the header to the violated property.
pub const ROWS: usize = 25;
/// At most so many steps are shown; the others are counted.
pub const STEPS: usize = 20;
/// Rows that are not steps: the header, two rules, the violated property.
const FRAME: usize = 4;
const NUMBER: usize = 5;
const GAP: usize = 2;
/// The column of source positions.
const AT: usize = 22;
/// A column narrower than this is not worth reading; positions then go.
const NARROW: usize = 22;

/// One line of the picture: consecutive events of one thread that read as one.
#[derive(Clone)]
struct Step<'a> {
    thread: usize,
    first: usize,
    last: usize,
    text: String,
    at: &'a str,
    times: usize,
    /// Its thread could go on after it, and another one ran.
    preempted: bool,
}

/// The picture and the reasons, with a line feed at the end.
pub fn timeline(t: &Trace) -> String {
    let why = why(t);
    let mut out = picture(t, &why);
    ending(&mut out, t, &why);
    out
}

/// From the header to the violated property: at most [`ROWS`] rows.
fn picture(t: &Trace, why: &Why) -> String {
    let violated = format!("{}\n", bad(clipped(&format!("VIOLATED {} ({})", t.property, t.kind), WIDTH)));
    if t.events.is_empty() && t.threads.iter().all(|t| t.pending.is_none()) {
        // Real threads leave no log.
        return violated;
    }
    let used: Vec<usize> = (0..t.threads.len()).filter(|i| appears(t, *i)).collect();
    let threads = used.len().max(1);
    let space = WIDTH - NUMBER - 1;
    let with_at = (space - AT) / threads >= NARROW;
    let width = ((if with_at { space - AT } else { space }) / threads).saturating_sub(GAP).min(44);
    let columns = Columns { used, width, with_at };
    let steps = steps(&t.events);
    let mut tail = String::new();
    pending(&mut tail, t, &columns);
    // A step may take several rows: show as many steps as fit, the most telling ones first.
    let room = ROWS - FRAME - tail.lines().count().min(ROWS - FRAME - 1);
    let mut shown = steps.len().min(STEPS);
    let body = loop {
        let body = body(t, &columns, &steps, &telling(t, why, &steps, shown));
        if body.lines().count() <= room || shown == 0 {
            break body;
        }
        shown -= 1;
    };
    let mut out = String::new();
    columns.header(&mut out, t);
    out += &body;
    columns.rule(&mut out);
    out + &tail + &violated
}

/// What the threads that have not ended wait for, or would do next.
fn pending(out: &mut String, t: &Trace, columns: &Columns) {
    let stuck = matches!(t.kind, Kind::Deadlock | Kind::LostWakeup | Kind::Livelock);
    let mut rows = 0;
    if let Some((i, said)) =
        t.thread.and_then(|i| Some((i, t.threads.get(i)?))).filter(|(_, t)| !t.note.is_empty())
    {
        columns.row(out, "", i, &said.note, "", true);
    }
    for (i, thread) in t.threads.iter().enumerate() {
        let waits = thread.pending.as_ref().filter(|_| !thread.ended && (stuck || Some(i) != t.thread));
        // Where nobody is stuck, this is a side line.
        if let Some(p) = waits.filter(|_| rows < if stuck { 10 } else { 3 }) {
            let text = format!("{} {}", if stuck { "waits:" } else { "next:" }, p.what);
            columns.row(out, "", i, &text, &p.at, true);
            rows += 1;
        }
    }
}

fn body(t: &Trace, columns: &Columns, steps: &[Step<'_>], shown: &BTreeSet<usize>) -> String {
    let mut out = String::new();
    if shown.len() < steps.len() {
        let hidden = steps.len() - shown.len();
        let line = format!("... {} hidden: less telling than these ...", super::count(hidden as u64, "step"));
        let _ = writeln!(out, "{:NUMBER$} {}", "", dim(line));
    }
    for (i, s) in steps.iter().enumerate().filter(|(i, _)| shown.contains(i)) {
        let text = if s.times > 1 { format!("{} (x{})", s.text, s.times) } else { s.text.clone() };
        // `~`: preempted after it. Steps that are hidden may lie between, so the mark is on the last one shown.
        let next = (i + 1..steps.len()).find(|n| shown.contains(n)).map(|n| steps[n].thread);
        let mark = if s.preempted && next.is_some_and(|n| n != s.thread) { "~" } else { "" };
        columns.row(&mut out, &format!("{mark}{}", s.first + 1), s.thread, &text, s.at, false);
    }
    debug_assert!(t.events.len() >= steps.len());
    out
}

/// The `n` steps that tell most: those that the reasons speak of, then what happens to the same objects, then to
/// objects that two threads use, then the rest; of equals the latest.
fn telling(t: &Trace, why: &Why, steps: &[Step<'_>], n: usize) -> BTreeSet<usize> {
    let mut users: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for e in &t.events {
        if let Some(o) = e.object.as_deref() {
            users.entry(o).or_default().insert(e.thread);
        }
    }
    let spoken: BTreeSet<&str> = why.steps.iter().filter_map(|i| t.events[*i].object.as_deref()).collect();
    let score = |i: usize| {
        let s = &steps[i];
        let e = &t.events[s.first];
        let quiet = matches!(e.op.as_str(), "spawn" | "exit" | "join" | "yield" | "arc-clone" | "arc-drop");
        match e.object.as_deref() {
            _ if why.steps.iter().any(|w| (s.first..=s.last).contains(w)) => 5,
            Some(o) if spoken.contains(o) => 4,
            _ if i + 1 == steps.len() || !e.note.is_empty() => 3,
            _ if quiet => 0,
            Some(o) if users[o].len() > 1 => 2,
            _ => 1,
        }
    };
    let mut by_score: Vec<usize> = (0..steps.len()).collect();
    by_score.sort_by_key(|i| std::cmp::Reverse((score(*i), *i)));
    by_score.into_iter().take(n).collect()
}

/// The reasons, the message, how short it is, and the positions that explain it.
fn ending(out: &mut String, t: &Trace, why: &Why) {
    for line in wrapped(&t.message, WIDTH - 6) {
        let _ = writeln!(out, "      {line}");
    }
    if let Some((first, last)) = t.repeats {
        labelled(out, "cycle", &format!("repeats: steps {}..{}", first + 1, last + 1));
    }
    labelled(out, "why", &why.sentences.join(" "));
    labelled(
        out,
        "pass",
        if t.nearest.is_empty() { "no passing schedule is known nearby" } else { &t.nearest },
    );
    labelled(out, "short", if t.minimal.is_empty() { "not certified" } else { &t.minimal });
    for s in &t.sites {
        let who = t.threads.get(s.thread).map_or("?", |t| t.name.as_str());
        labelled(out, "at", &format!("{who}: {} at {}", s.what, s.at));
    }
    if out.lines().any(|l| l.trim_start().starts_with('~')) {
        let _ = writeln!(out, "{}", dim("~     preempted after this step"));
    }
}

fn labelled(out: &mut String, label: &str, text: &str) {
    for (i, line) in wrapped(text, WIDTH - 8).iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        let _ = writeln!(out, "{label:5} {line}");
    }
}

fn appears(t: &Trace, i: usize) -> bool {
    let waits = t.threads[i].pending.is_some() && !t.threads[i].ended;
    waits || t.thread == Some(i) || t.events.iter().any(|e| e.thread == i)
}

/// Folds the two halves of a plain access into one line, a lock that is released at once (what it protects is plain
/// data of the model, which leaves no log), and repetitions, of up to four lines of one thread, into one with a count.
fn steps(events: &[TraceEvent]) -> Vec<Step<'_>> {
    let mut out: Vec<Step<'_>> = Vec::new();
    let mut i = 0;
    while i < events.len() {
        let e = &events[i];
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
            text = format!("lock+unlock {}", e.object.as_deref().unwrap_or(""));
            inner = after.note.as_str();
            i += 1;
        }
        if !e.note.is_empty() {
            text = format!("{}: {text}", e.note);
        }
        if !inner.is_empty() {
            text = format!("{text}, {inner}");
        }
        let preempted = preempted(events, i);
        out.push(Step { thread: e.thread, first, last: i, text, at: &e.at, times: 1, preempted });
        (1..=4).any(|period| fold(&mut out, period));
        i += 1;
    }
    out
}

/// Folds the last `period` steps into the equal ones before them.
fn fold(steps: &mut Vec<Step<'_>>, period: usize) -> bool {
    let n = steps.len();
    if n < 2 * period {
        return false;
    }
    let (before, after) = (&steps[n - 2 * period..n - period], &steps[n - period..]);
    let one_thread = before.iter().chain(after).all(|s| s.thread == after[0].thread);
    let same = |(a, b): (&Step<'_>, &Step<'_>)| a.text == b.text && a.at == b.at && b.times == 1;
    if !one_thread || !before.iter().zip(after).all(same) {
        return false;
    }
    for i in 0..period {
        let (last, preempted) = (steps[n - period + i].last, steps[n - period + i].preempted);
        let s = &mut steps[n - 2 * period + i];
        (s.last, s.preempted) = (last, preempted);
        s.times += 1;
    }
    steps.truncate(n - period);
    true
}

/// Another thread runs after event `i` though its own could: its next operation needs nobody.
fn preempted(events: &[TraceEvent], i: usize) -> bool {
    let e = &events[i];
    if events.get(i + 1).is_none_or(|n| n.thread == e.thread) || matches!(e.op.as_str(), "exit" | "yield") {
        return false;
    }
    let waits = |n: &TraceEvent| matches!(n.op.as_str(), "lock" | "rw-lock" | "join" | "wait" | "park");
    events[i + 1..].iter().find(|n| n.thread == e.thread).is_some_and(|n| !waits(n))
}

struct Columns {
    used: Vec<usize>,
    width: usize,
    with_at: bool,
}

impl Columns {
    fn header(&self, out: &mut String, t: &Trace) {
        let mut line = format!("{:>NUMBER$} ", "step");
        for i in &self.used {
            let name = &t.threads[*i].name;
            let title =
                if *i == 0 || *name == format!("t{i}") { name.clone() } else { format!("{name} (t{i})") };
            let _ = write!(line, "{:w$}", clipped(&title, self.width), w = self.width + GAP);
        }
        if self.with_at {
            line += "at";
        }
        let _ = writeln!(out, "{}", bold(line.trim_end()));
        self.rule(out);
    }

    fn rule(&self, out: &mut String) {
        let mut line = format!("{:>NUMBER$} ", "----");
        for _ in &self.used {
            let _ = write!(line, "{}{:GAP$}", "-".repeat(self.width), "");
        }
        if self.with_at {
            line += &"-".repeat(AT - 2);
        }
        let _ = writeln!(out, "{}", dim(line.trim_end()));
    }

    /// A step: its number, its text in the column of its thread, and where it is in the source.
    fn row(&self, out: &mut String, number: &str, thread: usize, text: &str, at: &str, faint: bool) {
        let column = self.used.iter().position(|u| *u == thread).unwrap_or(0);
        let before = column * (self.width + GAP);
        let after = (self.used.len() - column - 1) * (self.width + GAP);
        for (i, part) in wrapped(text, self.width).iter().enumerate() {
            let number = if i == 0 { number } else { "" };
            let part = if i == 0 { part.clone() } else { format!("  {part}") };
            let mut line = format!("{number:>NUMBER$} {:before$}{part:w$}", "", w = self.width + GAP);
            if self.with_at && i == 0 {
                let _ = write!(line, "{:after$}{}", "", dim(short(at)));
            }
            let line = line.trim_end();
            let _ = if faint { writeln!(out, "{}", bold(line)) } else { writeln!(out, "{line}") };
        }
    }
}

/// `file.rs:41`: the folder is rarely the question, and the column is narrow.
fn short(at: &str) -> String {
    let name = at.rsplit('/').next().unwrap_or(at);
    let too_long = name.chars().count().saturating_sub(AT - 2);
    if too_long == 0 { name.to_owned() } else { name.chars().skip(too_long).collect() }
}

pub(super) fn clipped(s: &str, width: usize) -> String {
    if s.chars().count() <= width {
        return s.to_owned();
    }
    let mut t: String = s.chars().take(width.saturating_sub(2)).collect();
    t += "..";
    t
}

/// Breaks at spaces where there are some; lines after the first are two narrower, for their indent.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let mut word = word;
            loop {
                let room = if lines.is_empty() { width } else { width - 2 };
                let used = line.chars().count() + usize::from(!line.is_empty());
                if used + word.chars().count() <= room {
                    if !line.is_empty() {
                        line.push(' ');
                    }
                    line.push_str(word);
                    break;
                }
                if line.is_empty() {
                    let cut = word.char_indices().nth(room).map_or(word.len(), |(i, _)| i);
                    lines.push(word[..cut].to_owned());
                    word = &word[cut..];
                } else {
                    lines.push(std::mem::take(&mut line));
                }
            }
        }
        lines.push(line);
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}
