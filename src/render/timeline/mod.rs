//! A counterexample in thread columns, at most 100 columns wide and 25 rows high: time goes down, each thread has its
//! column, the value sits on the operation, where another thread takes over the one before it says why, what changes
//! has a column of its own, and the last row names the violated property. Below it: why.

mod columns;
mod state;
mod steps;

use super::style::{bad, dim};
use super::why::{Why, why};
use crate::check::runner::switch::{Reason, reasons};
use crate::check::runner::trace::Trace;
use crate::check::verdict::Kind;
use columns::{Columns, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
pub(super) use steps::row;
use steps::{Step, changes, noise, quiet, steps};

/// Nothing is wider.
pub const WIDTH: usize = 100;
/// From the line above the header to the violated property.
pub const ROWS: usize = 25;
/// At most so many steps are shown; the others are counted.
pub const STEPS: usize = 20;
/// Rows that are not steps: the file, the header, two rules, the violated property.
const FRAME: usize = 5;

/// The picture and the reasons, with a line feed at the end.
pub fn timeline(t: &Trace) -> String {
    let why = why(t);
    let mut out = String::new();
    let legend = picture(&mut out, t, &why);
    ending(&mut out, t, &why, &legend);
    out
}

/// What has to be said of the columns, below the picture.
#[derive(Default)]
struct Legend {
    /// There are state columns.
    state: bool,
    /// Something had no room.
    cramped: bool,
}

/// From the name of the file, above the header, to the violated property: at most [`ROWS`] rows.
fn picture(out: &mut String, t: &Trace, why: &Why) -> Legend {
    let violated = format!("{}\n", bad(clipped(&format!("VIOLATED {} ({})", t.property, t.kind), WIDTH)));
    if t.events.is_empty() && t.threads.iter().all(|t| t.pending.is_none()) {
        // Real threads leave no log.
        *out += &violated;
        return Legend::default();
    }
    let used: Vec<usize> = (0..t.threads.len()).filter(|i| appears(t, *i)).collect();
    let (steps, pending) = (steps(t), pending(t));
    // A step may take several lines: show as many steps as fit, the most telling ones first.
    let mut most = steps.len().min(STEPS);
    loop {
        let shown = telling(t, why, &steps, most);
        let covered = |e: &usize| shown.iter().any(|i| (steps[*i].first..=steps[*i].last).contains(e));
        // The end of a thread is no row: `~ ended` says it.
        let hidden = (0..t.events.len()).filter(|e| !covered(e) && t.events[*e].op != "exit").count();
        let mut rows = step_rows(t, &steps, &shown);
        let last: Vec<usize> = shown.iter().map(|i| steps[*i].last).collect();
        let states = state::columns(t, why, &last);
        let body = rows.len();
        rows.extend(pending.iter().map(|(thread, text, at)| Row {
            thread: *thread,
            text: text.clone(),
            at: at.clone(),
            bold: true,
            ..Row::default()
        }));
        let columns = Columns::new(t, &used, &rows, &states);
        let mut text = String::new();
        columns.header(&mut text, t);
        if hidden > 0 {
            let all = t.events.len();
            columns
                .remark(&mut text, format!("... {hidden} of {all} steps hidden, before rows marked .. ..."));
        }
        rows[..body].iter().for_each(|r| columns.row(&mut text, r));
        columns.rule(&mut text);
        rows[body..].iter().for_each(|r| columns.row(&mut text, r));
        if text.lines().count() < ROWS || most == 0 {
            *out += &text;
            *out += &violated;
            return Legend { state: columns.show_state(), cramped: columns.cramped };
        }
        most -= 1;
    }
}

/// What the threads that have not ended wait for, or would do next; first of all what the failing one was about to do,
/// where that is the failure.
fn pending(t: &Trace) -> Vec<(usize, String, String)> {
    let stuck = matches!(t.kind, Kind::Deadlock | Kind::LostWakeup | Kind::Livelock);
    let about_to = matches!(t.kind, Kind::DataRace | Kind::UseAfterFree);
    let mut rows = Vec::new();
    for (i, thread) in t.threads.iter().enumerate() {
        let Some(p) = thread.pending.as_ref().filter(|_| !thread.ended) else { continue };
        let what = match &thread.wants {
            _ if Some(i) == t.thread && about_to => format!("here: {}", p.what.trim_end_matches(" begins")),
            _ if Some(i) == t.thread && !stuck => continue,
            // Where nobody is stuck, waiting for others to end explains nothing.
            Some((op, _)) if op == "join" && !stuck => continue,
            Some((op, _)) if op == "yield" && t.kind == Kind::Livelock => "goes round again".to_owned(),
            _ => format!("{} {}", if stuck { "waits:" } else { "next:" }, p.what),
        };
        // Who said something before it came to this, and did nothing after it.
        let what = match thread.note.as_str() {
            said if !said.is_empty() && stuck => format!("{said}; {what}"),
            _ => what,
        };
        // Where nobody is stuck, this is a side line.
        if rows.len() < if stuck { 10 } else { 3 } {
            rows.push((i, what, p.at.clone()));
        }
    }
    rows.sort_by_key(|(_, what, _)| !what.starts_with("here:"));
    // The last words of the one that failed.
    if let Some((i, last)) =
        t.thread.and_then(|i| Some((i, t.threads.get(i)?))).filter(|(_, x)| !stuck && !x.note.is_empty())
    {
        rows.insert(0, (i, last.note.clone(), String::new()));
    }
    rows.truncate(ROWS - FRAME - 1);
    rows
}

/// The steps that are shown. The first row of another thread says why the one before it does not go on.
fn step_rows(t: &Trace, steps: &[Step<'_>], shown: &BTreeSet<usize>) -> Vec<Row> {
    let reasons = reasons(t);
    let mut left: BTreeMap<usize, &Reason> = BTreeMap::new();
    let mut rows = Vec::new();
    let mut next = 0;
    for (i, s) in steps.iter().enumerate() {
        left.remove(&s.thread);
        if shown.contains(&i) {
            let skips = (next..s.first).any(|e| t.events[e].op != "exit");
            let gap = if skips { ".." } else { "" };
            next = next.max(s.last + 1);
            let marks = std::mem::take(&mut left).into_iter().map(|(who, why)| (who, said(why)));
            rows.push(Row {
                number: format!("{gap}{}", s.first + 1),
                thread: s.thread,
                text: if s.times > 1 { format!("{} (x{})", s.text, s.times) } else { s.text.clone() },
                marks: marks.collect(),
                state: Some(rows.len()),
                at: s.at.to_owned(),
                bold: false,
            });
        }
        // The end of a thread is no step: it may come after its last one.
        let end = t.events.get(s.last + 1).filter(|e| e.thread == s.thread && e.op == "exit");
        if let Some(why) = &reasons[s.last + usize::from(end.is_some())] {
            left.insert(s.thread, why);
        }
    }
    rows
}

fn said(r: &Reason) -> String {
    match r {
        Reason::Preempted => "~ preempted".to_owned(),
        Reason::Waits(what) => format!("~ waits {what}"),
        Reason::Yields => "~ yields".to_owned(),
        Reason::Ended => "~ ended".to_owned(),
    }
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
    let named = || why.steps.iter().chain(&t.critical);
    let spoken: BTreeSet<&str> = named().filter_map(|i| t.events.get(*i)?.object.as_deref()).collect();
    let score = |i: usize| {
        let s = &steps[i];
        let e = &t.events[s.first];
        // Where a lock shows what it protects, a section that leaves that alone and says nothing tells little.
        let events = &t.events[s.first..=s.last];
        let section = e.op == "lock" && events.iter().any(|e| e.wrote.is_some());
        let says = events.iter().any(|e| !e.note.is_empty() || changes(e).is_some());
        match e.object.as_deref() {
            // The last one is what it came to.
            _ if i + 1 == steps.len() && !quiet(e) || named().any(|w| (s.first..=s.last).contains(w)) => 5,
            _ if section && says => 4,
            _ if section => 1,
            Some(o) if spoken.contains(o) => 4,
            _ if !e.note.is_empty() => 3,
            _ if quiet(e) => 0,
            Some(o) if users[o].len() > 1 => 2,
            _ => 1,
        }
    };
    let spoken_of = |i: &usize| !noise(t, &t.events[steps[*i].first]) || score(*i) >= 4;
    let mut by_score: Vec<usize> = (0..steps.len()).filter(spoken_of).collect();
    by_score.sort_by_key(|i| std::cmp::Reverse((score(*i), *i)));
    by_score.into_iter().take(n).collect()
}

/// The reasons, the message, how short it is, and the positions that explain it.
fn ending(out: &mut String, t: &Trace, why: &Why, legend: &Legend) {
    for line in wrapped(&t.message, WIDTH - 6) {
        let _ = writeln!(out, "      {line}");
    }
    if let Some((first, last)) = t.repeats {
        labelled(out, "cycle", &format!("repeats: steps {}..{}", first + 1, last + 1));
    }
    labelled(out, "why", &why.sentences.join(" "));
    labelled(out, "pass", &why.pass);
    let mut short = if t.minimal.is_empty() { "not certified".to_owned() } else { t.minimal.clone() };
    if let Some(raw) = t.raw.filter(|raw| *raw != t.size()) {
        let preemptions = super::count(raw.preemptions as u64, "preemption");
        short += &format!("; first found with {preemptions} in {}", super::count(raw.steps as u64, "step"));
    }
    labelled(out, "short", &short);
    for s in &t.sites {
        let who = t.threads.get(s.thread).map_or("?", |t| t.name.as_str());
        labelled(out, "at", &format!("{who}: {} at {}", s.what, s.at));
    }
    if legend.state {
        let _ = writeln!(
            out,
            "{}",
            dim("====  what it holds after the step, or by whom a lock is held; * where that has changed")
        );
    }
    if legend.cramped {
        let text =
            "there was no room for all lines of source and values: `selvedge report` shows them step by step";
        let _ = writeln!(out, "{}", dim(text));
    }
}

fn labelled(out: &mut String, label: &str, text: &str) {
    for (i, line) in wrapped(text, WIDTH - 8).iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        let _ = writeln!(out, "{label:5} {line}");
    }
}

fn appears(t: &Trace, i: usize) -> bool {
    // One that has not begun is there too: that it has not may be what matters.
    let waits = !t.threads[i].ended;
    waits || t.thread == Some(i) || t.events.iter().any(|e| e.thread == i)
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
