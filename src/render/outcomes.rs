//! The outcomes of a variant, as jcstress lists them: word, grade, share of executions, the author's sentence, and an
//! execution that comes out so. A violated property is a forbidden outcome like any other.

use super::style::{bad, bold, dim, warn};
use super::timeline::{WIDTH, clipped, wrapped};
use crate::check::model::{EngineKind, Grade, Model, PropertyKind};
use crate::check::runner::Report;
use crate::check::runner::tally::Witness;
use crate::check::runner::trace::Trace;
use std::fmt::Write;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The word that the scenario returns, or the property that it violates.
    pub word: &'a str,
    /// It is a property, and the line counts its violations.
    pub violated: bool,
    /// The author's grade.
    pub grade: Option<Grade>,
    /// The author's sentence.
    pub sentence: &'a str,
    /// How often it was seen.
    pub count: u64,
    /// An execution that comes out so. That of a violation is the counterexample.
    pub witness: Option<&'a Witness>,
}

/// The table of one check.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    /// Its lines: outcomes in the author's order, those without a grade, properties.
    pub rows: Vec<Row<'a>>,
    /// It counts every execution.
    pub whole: bool,
    /// Some executions end in a violation, and are known up to there only.
    pub cut: bool,
    /// Executions in all.
    pub total: u64,
}

impl Table<'_> {
    /// What cannot happen says so, if every execution has been seen to its end. Otherwise it was not seen.
    pub fn share(&self, row: &Row<'_>) -> String {
        match row.count {
            0 if self.whole && !self.cut => "impossible".to_owned(),
            0 => "not seen".to_owned(),
            n if n == self.total => "100 %".to_owned(),
            n => match 100.0 * n as f64 / self.total as f64 {
                p if p < 0.01 => "< 0.01 %".to_owned(),
                p if p > 99.99 => "> 99.99 %".to_owned(),
                p => format!("{p:.2} %"),
            },
        }
    }
}

/// The table of `r`, a check of a variant of `m`; `None` if nothing was executed.
pub fn table<'a>(m: &'a Model, r: &'a Report) -> Option<Table<'a>> {
    let (t, total) = (&r.tally, r.tally.executions());
    if total == 0 {
        return None;
    }
    let witness = |word: &str| t.outcomes.iter().find(|s| s.word == word).and_then(|s| s.witness.as_ref());
    let graded = m.outcomes.iter().map(|o| Row {
        word: o.word,
        violated: false,
        grade: Some(o.grade),
        sentence: o.sentence,
        count: t.outcome(o.word),
        witness: witness(o.word),
    });
    let ungraded = t.outcomes.iter().filter(|s| m.outcomes.iter().all(|o| o.word != s.word)).map(|s| Row {
        word: &s.word,
        violated: false,
        grade: None,
        sentence: "",
        count: s.count,
        witness: s.witness.as_ref(),
    });
    let violated = |word, sentence| Row {
        word,
        violated: true,
        grade: Some(Grade::Forbidden),
        sentence,
        count: t.violation(word),
        witness: None,
    };
    let properties = || m.properties.iter().filter(|p| p.kind != PropertyKind::Sometimes);
    let declared = properties().map(|p| violated(p.name, p.sentence));
    // A kind of failure that the model does not name: its implied property.
    let implied = t.violations.iter().filter(|v| properties().all(|p| p.name != v.property));
    let implied = implied.map(|v| violated(v.property.as_str(), ""));
    let rows = graded.chain(ungraded).chain(declared).chain(implied).collect();
    Some(Table { rows, whole: t.whole, cut: !t.violations.is_empty(), total })
}

/// Of the checks of one variant the one whose table says most: of every machine before one under a discipline, all
/// executions before some, the memory model's before an engine with known gaps, one that has seen a violation, then the
/// one with most executions.
pub fn best<'a>(reports: impl Iterator<Item = &'a Report>) -> Option<&'a Report> {
    reports.filter(|r| r.tally.executions() > 0).max_by_key(|r| {
        let exact = r.case.engine == EngineKind::Exact;
        let preemptive = r.case.discipline == Default::default();
        (
            preemptive,
            r.tally.whole && exact,
            r.tally.whole,
            exact && !r.tally.outcomes.is_empty(),
            !r.tally.violations.is_empty(),
            r.tally.executions(),
        )
    })
}

/// The counterexample to read: the one with fewest switches, but a schedule nearby that passes, and values that nobody
/// would call stale, are worth a few; loom's orders count for less than they should, so its counterexamples come last. Of
/// equals the first, so that it is the same one every time.
pub fn clearest<'a>(reports: impl Iterator<Item = &'a Report>) -> Option<(&'a Report, &'a Trace)> {
    let cost = |r: &Report, t: &Trace| {
        let stale = t.events.iter().any(|e| e.missed.is_some());
        let loom = r.case.engine == EngineKind::Loom;
        t.switches() + 3 * usize::from(t.passing.is_empty()) + 4 * usize::from(stale) + 4 * usize::from(loom)
    };
    reports.filter_map(|r| Some((r, r.trace.as_ref()?))).min_by_key(|(r, t)| (cost(r, t), t.events.len()))
}

/// A schedule in so much room: as many of its parts as fit, and that there are more.
fn whole_parts(schedule: &str, room: usize) -> String {
    if schedule.chars().count() <= room {
        return schedule.to_owned();
    }
    let mut out = String::new();
    for part in schedule.split(", ") {
        if out.chars().count() + part.chars().count() + ", and on".len() > room {
            break;
        }
        out += part;
        out += ", ";
    }
    out + "and on"
}

/// A variant that holds, in one line.
pub fn line(m: &Model, r: &Report) -> String {
    let Some(t) = table(m, r) else { return String::new() };
    let seen = t.rows.iter().filter(|row| row.count > 0).count();
    let forbidden = t.rows.iter().filter(|row| row.grade == Some(Grade::Forbidden));
    let never = match (forbidden.clone().count(), forbidden.clone().all(|row| t.share(row) == "impossible")) {
        (0, _) => String::new(),
        (_, true) => ", what is forbidden is impossible".to_owned(),
        (_, false) => format!(", forbidden ones seen: {}", forbidden.filter(|row| row.count > 0).count()),
    };
    let all = if t.whole { "all" } else { "some" };
    let executions = super::count(t.total, "execution");
    format!(
        "{} {}: {all} {executions}, {}{never}\n",
        r.case.role.word(),
        r.case.variant,
        super::count(seen as u64, "outcome")
    )
}

/// The table for people. `shown`: the counterexample above it, which is a witness of one property and of no other.
pub fn text(m: &Model, r: &Report, shown: Option<&Trace>) -> String {
    let Some(t) = table(m, r) else { return String::new() };
    let mut out = String::new();
    let by = super::engine(r.case.engine, r.case.strategy) + &super::under(&r.case.discipline);
    let head = format!("outcomes of {} by {by}", r.case.variant);
    let how = if t.whole { "exhaustive" } else { "not exhaustive" };
    let _ = writeln!(out, "\n{} ({how}: {})", bold(head), super::count(t.total, "execution"));
    let cut = match r.case.engine {
        _ if !t.cut => "",
        // It goes on with the other threads.
        EngineKind::Exact => "; failing ones count with what follows",
        _ => "; those that fail count up to there",
    };
    let shares = format!("shares are of the executions, which are not equally likely{cut}");
    let _ = writeln!(out, "  {}", dim(shares));
    // Other failures that this variant might have had, and did not.
    let unseen = |row: &&Row<'_>| row.violated && t.share(row) == "not seen";
    for row in t.rows.iter().filter(|row| !unseen(row)) {
        let padded = format!("{:11}", row.grade.map_or("ungraded", Grade::word));
        let grade = match row.grade {
            Some(Grade::Forbidden) if row.count > 0 => bad(padded),
            Some(Grade::Interesting) => warn(padded),
            _ => padded,
        };
        let word = if row.violated { format!("violates {}", row.word) } else { row.word.to_owned() };
        let _ = writeln!(out, "  {:>10}  {grade}  {}", t.share(row), clipped(&word, WIDTH - 25));
        let under = |out: &mut String, text: &str| {
            for line in wrapped(text, WIDTH - 27) {
                let _ = writeln!(out, "{:27}{}", "", dim(line));
            }
        };
        if !row.sentence.is_empty() {
            under(&mut out, row.sentence);
        }
        if let Some(w) = row.witness {
            under(&mut out, &format!("so: {}", whole_parts(&w.schedule(), WIDTH - 31)));
        } else if row.violated && shown.is_some_and(|t| t.property == row.word) {
            under(&mut out, "so: the counterexample");
        }
    }
    let names: Vec<&str> = t.rows.iter().filter(unseen).map(|row| row.word).collect();
    if !names.is_empty() {
        for line in wrapped(&format!("violations not seen: {}", names.join(", ")), WIDTH - 2) {
            let _ = writeln!(out, "  {}", dim(line));
        }
    }
    out
}
