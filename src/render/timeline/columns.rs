//! The layout of the picture: a column for the number, one for each thread, some for state, one for the source.

use super::state::StateColumn;
use super::{WIDTH, clipped, wrapped};
use crate::check::runner::trace::Trace;
use crate::render::style::{bold, dim};
use std::fmt::Write;

const NUMBER: usize = 5;
const GAP: usize = 2;
/// Positions in another file than most are cut to this.
const AT: usize = 20;
/// Positions go when a thread's column would be narrower than this because of them.
const NARROW: usize = 22;
/// A state column goes when texts would be broken to less than this because of it.
const ROOMY: usize = 26;
/// More are a crowd.
const STATES: usize = 4;

/// A row of the picture.
#[derive(Default)]
pub(super) struct Row {
    pub number: String,
    pub thread: usize,
    pub text: String,
    /// What is said of other threads: why they do not run.
    pub marks: Vec<(usize, String)>,
    /// Which row of the state columns it is, if it is a step.
    pub state: Option<usize>,
    pub at: String,
    pub bold: bool,
}

/// What goes where.
pub(super) struct Columns<'s> {
    /// Threads with their widths.
    threads: Vec<(usize, usize)>,
    states: Vec<(&'s StateColumn, usize)>,
    /// 0: positions are left out.
    at: usize,
    /// The file of most positions: it is said once, and they are lines of it.
    file: String,
    /// Something that changes, or where it happens, has found no room.
    pub cramped: bool,
}

/// The widest that columns may be, so that all of them fit into `room`.
fn widest(natural: &[usize], room: usize) -> usize {
    let fits = |cap: usize| natural.iter().map(|n| (*n).min(cap) + GAP).sum::<usize>() <= room;
    let longest = natural.iter().copied().max().unwrap_or(0);
    (1..=longest).rev().find(|cap| fits(*cap)).unwrap_or(1)
}

impl<'s> Columns<'s> {
    /// Columns for `rows`, of the threads `used`.
    pub fn new(t: &Trace, used: &[usize], rows: &[Row], states: &'s [StateColumn]) -> Columns<'s> {
        let natural: Vec<usize> = used
            .iter()
            .map(|i| {
                let texts = rows.iter().filter(|r| r.thread == *i).map(|r| r.text.chars().count());
                let marks =
                    rows.iter().flat_map(|r| &r.marks).filter(|m| m.0 == *i).map(|m| m.1.chars().count());
                texts.chain(marks).chain([title(t, *i).chars().count(), 8]).max().unwrap_or(8)
            })
            .collect();
        let mut room = WIDTH - NUMBER - 1;
        let file = usual(rows);
        let wanted = rows.iter().map(|r| short(&r.at, &file).chars().count()).max().unwrap_or(0);
        let longest = natural.iter().copied().max().unwrap_or(0);
        let enough = |room: usize, least: usize| {
            let cap = widest(&natural, room);
            cap >= longest || cap >= least
        };
        let at = if enough(room.saturating_sub(wanted), NARROW) { wanted } else { 0 };
        room -= at;
        let mut kept = Vec::new();
        for s in states {
            let width = s.width();
            if kept.len() < STATES && enough(room.saturating_sub(width + GAP), ROOMY) {
                room -= width + GAP;
                kept.push((s, width));
            }
        }
        let cap = widest(&natural, room);
        let threads = used.iter().zip(&natural).map(|(i, n)| (*i, (*n).min(cap))).collect();
        let cramped = at < wanted || (kept.is_empty() && !states.is_empty());
        Columns { threads, states: kept, at, file, cramped }
    }

    /// Are there state columns?
    pub fn show_state(&self) -> bool {
        !self.states.is_empty()
    }

    pub fn header(&self, out: &mut String, t: &Trace) {
        if self.at > 0 {
            let _ = writeln!(out, "{}", dim(clipped(&format!("at: lines of {}", self.file), WIDTH)));
        }
        let mut line = format!("{:>NUMBER$} ", "step");
        for (i, w) in &self.threads {
            let _ = write!(line, "{:w$}", clipped(&title(t, *i), *w), w = w + GAP);
        }
        for (s, w) in &self.states {
            let _ = write!(line, "{:w$}", clipped(&s.name, *w), w = w + GAP);
        }
        if self.at > 0 {
            line += "at";
        }
        let _ = writeln!(out, "{}", bold(line.trim_end()));
        self.rule(out);
    }

    pub fn rule(&self, out: &mut String) {
        let mut line = format!("{:>NUMBER$} ", "----");
        for (_, w) in &self.threads {
            let _ = write!(line, "{}{:GAP$}", "-".repeat(*w), "");
        }
        for (_, w) in &self.states {
            let _ = write!(line, "{}{:GAP$}", "=".repeat(*w), "");
        }
        line += &"-".repeat(self.at);
        let _ = writeln!(out, "{}", dim(line.trim_end()));
    }

    /// A row, in as many lines as its longest cell needs.
    pub fn row(&self, out: &mut String, row: &Row) {
        let parts = |i: usize, w: usize| match row.marks.iter().find(|m| m.0 == i) {
            _ if i == row.thread => wrapped(&row.text, w),
            Some((_, mark)) => vec![clipped(mark, w)],
            None => Vec::new(),
        };
        let cells: Vec<(Vec<String>, usize)> =
            self.threads.iter().map(|(i, w)| (parts(*i, *w), *w)).collect();
        let lines = cells.iter().map(|(c, _)| c.len()).max().unwrap_or(1).max(1);
        for n in 0..lines {
            let mut line = format!("{:>NUMBER$} ", if n == 0 { row.number.as_str() } else { "" });
            for (parts, w) in &cells {
                let part = parts.get(n).map_or("", String::as_str);
                let part = if n == 0 || part.is_empty() { part.to_owned() } else { format!("  {part}") };
                let _ = write!(line, "{part:w$}", w = w + GAP);
            }
            for (s, w) in &self.states {
                let cell = row.state.filter(|_| n == 0).map(|i| &s.cells[i]);
                let cell = cell.map_or(String::new(), |(v, changed)| {
                    format!("{}{}", clipped(v, w - usize::from(*changed)), if *changed { "*" } else { "" })
                });
                let _ = write!(line, "{cell:w$}", w = w + GAP);
            }
            if self.at > 0 && n == 0 && !row.at.is_empty() {
                line += &dim(short(&row.at, &self.file));
            }
            let line = line.trim_end();
            let _ = if row.bold { writeln!(out, "{}", bold(line)) } else { writeln!(out, "{line}") };
        }
    }

    /// A line across the threads.
    pub fn remark(&self, out: &mut String, text: String) {
        let _ = writeln!(out, "{:NUMBER$} {}", "", dim(text));
    }
}

fn title(t: &Trace, i: usize) -> String {
    let name = &t.threads[i].name;
    if i == 0 || *name == format!("t{i}") { name.clone() } else { format!("{name} (t{i})") }
}

/// The file of most rows; of several the one that comes first.
fn usual(rows: &[Row]) -> String {
    let files = || rows.iter().filter_map(|r| Some(r.at.rsplit_once(':')?.0));
    let times = |file: &str| files().filter(|f| *f == file).count();
    files().rev().max_by_key(|f| times(f)).unwrap_or_default().to_owned()
}

/// `:41` in the file of most rows, `file.rs:41` in another: the folder is rarely the question, and the column is narrow.
fn short(at: &str, file: &str) -> String {
    if let Some(line) = at.strip_prefix(file).filter(|line| line.starts_with(':')) {
        return line.to_owned();
    }
    let name = at.rsplit('/').next().unwrap_or(at);
    match name.chars().count().checked_sub(AT) {
        Some(0) | None => name.to_owned(),
        Some(more) => format!("..{}", name.chars().skip(more + 2).collect::<String>()),
    }
}
