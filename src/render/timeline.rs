//! A counterexample in thread columns, at most 100 columns wide: time goes down, each thread has its column, the
//! value sits on the operation, and the last row names the violated property.

use super::style::{bad, bold, dim};
use crate::check::runner::trace::{Trace, TraceEvent};
use crate::check::verdict::Kind;
use std::fmt::Write;

/// Nothing is wider.
pub const WIDTH: usize = 100;
/// More steps than this are shortened at the front: the end is where it goes wrong.
const STEPS: usize = 80;
const NUMBER: usize = 5;
const GAP: usize = 2;
/// The column of source positions.
const AT: usize = 22;
/// A column narrower than this is not worth reading; positions then go.
const NARROW: usize = 22;

/// One line of the picture: consecutive events of one thread that read as one.
struct Step<'a> {
    thread: usize,
    first: usize,
    text: String,
    at: &'a str,
    times: usize,
}

/// The picture, with a line feed at its end.
pub fn timeline(t: &Trace) -> String {
    let mut out = String::new();
    if t.events.is_empty() && t.threads.iter().all(|t| t.pending.is_none()) {
        // Real threads leave no log.
        ending(&mut out, t);
        return out;
    }
    let used: Vec<usize> = (0..t.threads.len()).filter(|i| appears(t, *i)).collect();
    let threads = used.len().max(1);
    let space = WIDTH - NUMBER - 1;
    let with_at = (space - AT) / threads >= NARROW;
    let width = ((if with_at { space - AT } else { space }) / threads - GAP).min(44);
    let columns = Columns { used, width, with_at };

    columns.header(&mut out, t);
    let steps = steps(&t.events);
    let hidden = steps.len().saturating_sub(STEPS);
    if hidden > 0 {
        let _ = writeln!(out, "{:NUMBER$} {}", "", dim(format!("... {hidden} earlier rows ...")));
    }
    for s in &steps[hidden..] {
        let text = if s.times > 1 { format!("{} (x{})", s.text, s.times) } else { s.text.clone() };
        columns.row(&mut out, &(s.first + 1).to_string(), s.thread, &text, s.at, false);
    }
    columns.rule(&mut out);
    for (i, thread) in t.threads.iter().enumerate() {
        if let Some(p) = thread.pending.as_ref().filter(|_| !thread.ended && Some(i) != t.thread) {
            let stuck = matches!(t.kind, Kind::Deadlock | Kind::LostWakeup);
            let text = format!("{} {}", if stuck { "waits:" } else { "next:" }, p.what);
            columns.row(&mut out, "", i, &text, &p.at, true);
        }
    }
    ending(&mut out, t);
    out
}

/// The violated property, the message, and the positions that explain it.
fn ending(out: &mut String, t: &Trace) {
    let head = format!("VIOLATED {} ({})", t.property, t.kind);
    let _ = writeln!(out, "{}", bad(head));
    for line in wrapped(&t.message, WIDTH - 4) {
        let _ = writeln!(out, "    {line}");
    }
    for line in wrapped(&t.minimal, WIDTH - 4).iter().filter(|l| !l.is_empty()) {
        let _ = writeln!(out, "    {}", dim(line));
    }
    for s in &t.sites {
        let who = t.threads.get(s.thread).map_or("?", |t| t.name.as_str());
        for (i, line) in wrapped(&format!("{who}: {} at {}", s.what, s.at), WIDTH - 6).iter().enumerate() {
            let _ = writeln!(out, "{}{line}", if i == 0 { "    " } else { "      " });
        }
    }
}

fn appears(t: &Trace, i: usize) -> bool {
    let waits = t.threads[i].pending.is_some() && !t.threads[i].ended;
    waits || t.thread == Some(i) || t.events.iter().any(|e| e.thread == i)
}

/// Folds the two halves of a plain access into one line, a lock that is released at once (what it protects is plain
/// data of the model, which leaves no log), and repetitions into one with a count.
fn steps(events: &[TraceEvent]) -> Vec<Step<'_>> {
    let mut out: Vec<Step<'_>> = Vec::new();
    let mut i = 0;
    while i < events.len() {
        let e = &events[i];
        let mut text = e.text.clone();
        let mut next = i + 1;
        if let (Some(kind), Some(after)) = (e.op.strip_suffix("-begin"), events.get(next)) {
            let ends = after.op.strip_suffix("-end") == Some(kind);
            if ends && after.thread == e.thread && after.object == e.object {
                text = format!("{kind} {}", e.object.as_deref().unwrap_or(""));
                next += 1;
            }
        }
        if let ("lock", Some(after)) = (e.op.as_str(), events.get(next))
            && (after.op.as_str(), after.thread, &after.object) == ("unlock", e.thread, &e.object)
        {
            text = format!("lock+unlock {}", e.object.as_deref().unwrap_or(""));
            next += 1;
        }
        match out.last_mut() {
            Some(s) if s.thread == e.thread && s.text == text && s.at == e.at => s.times += 1,
            _ => out.push(Step { thread: e.thread, first: i, text, at: &e.at, times: 1 }),
        }
        i = next;
    }
    out
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

fn clipped(s: &str, width: usize) -> String {
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
