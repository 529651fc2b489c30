//! A counterexample in thread columns, at most 100 columns wide and 25 rows high: time goes down, each thread has its
//! column, the value sits on the operation, where another thread takes over the one before it says why, what changes
//! has a column of its own, and the last row names the violated property. Below it: why.

mod columns;
mod fit;
mod state;
mod steps;

use super::style::{bad, dim};
use super::why::{Why, why};
use crate::check::runner::switch::Reason;
use crate::check::runner::trace::Trace;
use crate::check::verdict::Kind;
use columns::Row;
use fit::{Fit, fit};
use std::fmt::Write;
pub(super) use steps::row;

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
    /// What had no room.
    left_out: Vec<&'static str>,
}

/// From the name of the file, above the header, to the violated property: at most [`ROWS`] rows.
fn picture(out: &mut String, t: &Trace, why: &Why) -> Legend {
    let violated = format!("{}\n", bad(clipped(&format!("VIOLATED {} ({})", t.property, t.kind), WIDTH)));
    if t.events.is_empty() && t.threads.iter().all(|t| t.pending.is_none()) {
        // Real threads leave no log.
        *out += &violated;
        return Legend::default();
    }
    let Fit { rows, steps, columns, hidden, .. } = fit(t, why, &pending(t));
    columns.header(out, t);
    if hidden > 0 {
        let all = t.events.len();
        columns.remark(out, format!("... {hidden} of {all} steps hidden, before rows marked .. ..."));
    }
    rows[..steps].iter().for_each(|r| columns.row(out, r));
    columns.rule(out);
    rows[steps..].iter().for_each(|r| columns.row(out, r));
    *out += &violated;
    Legend { state: columns.states() > 0, left_out: columns.left_out() }
}

/// What the threads that have not ended wait for, or would do next; first of all what the failing one was about to do,
/// where that is the failure.
fn pending(t: &Trace) -> Vec<Row> {
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
            _ if stuck && !goes_round(t, i) => format!("waits: {}", p.what),
            _ => format!("next: {}", p.what),
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
    let row = |(thread, text, at)| Row { thread, text, at, bold: true, ..Row::default() };
    rows.into_iter().map(row).collect()
}

/// Does this thread move in the round that goes on for ever? Then it is not stuck, even where it waits just now.
fn goes_round(t: &Trace, thread: usize) -> bool {
    let moves = |(first, last): (usize, usize)| t.events[first..=last].iter().any(|e| e.thread == thread);
    t.kind == Kind::Livelock && t.repeats.is_some_and(moves)
}

fn said(r: &Reason) -> String {
    match r {
        Reason::Preempted => "~ preempted".to_owned(),
        Reason::Waits(what) => format!("~ waits {what}"),
        Reason::Yields => "~ yields".to_owned(),
        Reason::Ended => "~ ended".to_owned(),
    }
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
            dim(
                "====  what it holds after the step (a lock's content: after unlock), or who holds a lock; * changed"
            )
        );
    }
    if !legend.left_out.is_empty() {
        let text = format!(
            "no room for {}: `selvedge report` shows that step by step",
            legend.left_out.join(" and for ")
        );
        let _ = writeln!(out, "{}", dim(text));
    }
}

fn labelled(out: &mut String, label: &str, text: &str) {
    for (i, line) in wrapped(text, WIDTH - 8).iter().enumerate() {
        let label = if i == 0 { label } else { "" };
        let _ = writeln!(out, "{label:5} {line}");
    }
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
