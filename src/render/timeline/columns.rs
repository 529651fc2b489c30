//! The layout of the picture: a column for the number, one for each thread, some for state, one for the source.

use super::fit::Heights;
use super::state::StateColumn;
use super::{WIDTH, clipped, wrapped};
use crate::check::runner::trace::Trace;
use crate::render::style::{bold, dim};
use std::fmt::Write;

const NUMBER: usize = 5;
const GAP: usize = 2;
/// Positions in another file than most are cut to this.
const AT: usize = 20;
/// Titles and marks may be cut to this where there is no room.
const TITLE: usize = 18;
/// No thread's column is narrower.
const NARROWEST: usize = 8;

/// A row of the picture.
#[derive(Clone, Default)]
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
    /// It tells of several steps.
    pub joined: bool,
}

/// What goes where.
pub(super) struct Columns {
    /// Threads with their widths.
    threads: Vec<(usize, usize)>,
    states: Vec<(StateColumn, usize)>,
    /// 0: positions are left out.
    at: usize,
    /// There are positions.
    positions: bool,
    /// The file of most positions: it is said once, and they are lines of it.
    file: String,
    /// Something changes, and had no room.
    pub left_out_states: bool,
}

/// The width of each column where they have `room` together: of all ways to share it the one in which the texts take the
/// fewest lines, words that are broken counting a little; what is then left over goes to the narrowest for their texts.
fn shared_out(room: usize, columns: &[(usize, usize, Vec<&str>)], heights: &Heights) -> Vec<usize> {
    let natural = |i: usize| columns[i].1;
    let mut widths: Vec<usize> = (0..columns.len()).map(natural).collect();
    let total = |widths: &[usize]| widths.iter().map(|w| w + GAP).sum::<usize>();
    if total(&widths) <= room {
        return widths;
    }
    let least = columns.iter().map(|c| c.0 + GAP).sum::<usize>();
    if least > room {
        let even = (room / columns.len()).saturating_sub(GAP).max(1);
        return widths.into_iter().map(|w| w.min(even)).collect();
    }
    const BROKEN: usize = 1;
    const LINE: usize = 3;
    let cost = |(least, natural, texts): &(usize, usize, Vec<&str>)| -> Vec<usize> {
        let mut costs = vec![0; natural - least + 1];
        for text in texts {
            let lines = heights.of(text, WIDTH);
            let word = text.split(' ').map(|w| w.chars().count()).max().unwrap_or(0);
            for (i, cost) in costs.iter_mut().enumerate() {
                let width = least + i;
                let broken = lines[width] > 1 && word + 2 > width;
                *cost += LINE * lines[width] + if broken { BROKEN } else { 0 };
            }
        }
        costs
    };
    // By how much room the columns so far have: their least cost, and the width of the last of them.
    let mut best: Vec<Vec<(usize, usize)>> = vec![vec![(0, 0); room + 1]];
    for column in columns {
        let costs = cost(column);
        let before = &best[best.len() - 1];
        let with = |space: usize| {
            let widths = (column.0..=column.1).take_while(|w| w + GAP <= space);
            let all = widths.map(|w| (before[space - w - GAP].0.saturating_add(costs[w - column.0]), w));
            all.min().unwrap_or((usize::MAX, column.0))
        };
        let now = (0..=room).map(with).collect();
        best.push(now);
    }
    let mut space = room;
    for i in (0..columns.len()).rev() {
        widths[i] = best[i + 1][space].1;
        space -= widths[i] + GAP;
    }
    for _ in 0..space {
        let lacks = |i: &usize| natural(*i) - widths[*i];
        if let Some(i) = (0..columns.len()).filter(|i| lacks(i) > 0).max_by_key(lacks) {
            widths[i] += 1;
        }
    }
    widths
}

impl Columns {
    /// Columns for `rows`, of the threads that appear, with these beside them.
    pub fn new(t: &Trace, rows: &[Row], states: Vec<StateColumn>, at: bool, heights: &Heights) -> Columns {
        let used: Vec<usize> = (0..t.threads.len()).filter(|i| appears(t, *i)).collect();
        let file = usual(rows);
        let wanted = rows.iter().map(|r| short(&r.at, &file).chars().count()).max().unwrap_or(0);
        let at = if at { wanted } else { 0 };
        let states: Vec<(StateColumn, usize)> =
            states.into_iter().map(|s| (s.width(), s)).map(|(w, s)| (s, w)).collect();
        let beside: usize = states.iter().map(|(_, w)| w + GAP).sum();
        let room = (WIDTH - NUMBER - 1).saturating_sub(at + beside);
        let column = |i: &usize| {
            let texts: Vec<&str> = rows.iter().filter(|r| r.thread == *i).map(|r| r.text.as_str()).collect();
            let marks = rows.iter().flat_map(|r| &r.marks).filter(|m| m.0 == *i).map(|m| m.1.chars().count());
            let titled = marks.chain([title(t, *i).chars().count(), NARROWEST]).max().unwrap_or(NARROWEST);
            let natural = texts.iter().map(|x| x.chars().count()).chain([titled]).max().unwrap_or(titled);
            (titled.min(TITLE), natural.min(WIDTH), texts)
        };
        let columns: Vec<_> = used.iter().map(column).collect();
        let widths = shared_out(room, &columns, heights);
        let threads = used.into_iter().zip(widths).collect();
        Columns { threads, states, at, positions: wanted > 0, file, left_out_states: false }
    }

    /// How many state columns there are.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// For each state column: does it show the beginning of a long text only?
    pub fn clipped(&self) -> impl Iterator<Item = bool> {
        self.states.iter().map(|(s, width)| s.natural() > *width)
    }

    /// What would have been told in a column of its own, and had no room.
    pub fn left_out(&self) -> Vec<&'static str> {
        let at = (self.positions && self.at == 0).then_some("the lines of source");
        at.into_iter().chain(self.left_out_states.then_some("what objects hold")).collect()
    }

    /// In how many lines header, rules and rows are written.
    pub fn height(&self, rows: &[Row], heights: &Heights) -> usize {
        let width = |thread: usize| self.threads.iter().find(|c| c.0 == thread).map_or(WIDTH, |c| c.1);
        let row = |r: &Row| heights.of(&r.text, WIDTH)[width(r.thread)].max(1);
        3 + usize::from(self.at > 0) + rows.iter().map(row).sum::<usize>()
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
            // `~ waits for run 1` is short for `~ waits for run 1 to end`.
            Some((_, mark)) if mark.chars().count() <= w => vec![mark.clone()],
            Some((_, mark)) => vec![clipped(mark.trim_end_matches(" to end"), w)],
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

fn appears(t: &Trace, i: usize) -> bool {
    // One that has not begun is there too: that it has not may be what matters.
    let waits = !t.threads[i].ended;
    waits || t.thread == Some(i) || t.events.iter().any(|e| e.thread == i)
}
