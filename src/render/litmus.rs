//! What `litmus` prints: a row a test, the legend of the gaps, what is not as declared, a summary; or a JSON object a
//! test and engine.

use super::style::{bad, bold, dim, good, warn};
use super::{count, grouped};
use crate::check::litmus::gap::Gap;
use crate::check::litmus::judge::Row;
use crate::check::litmus::program::source;
use crate::check::litmus::subject::{SUBJECTS, Subject};
use crate::check::litmus::suite::FAMILIES;
use crate::check::litmus::{Outcomes, Test};
use crate::check::model::EngineKind;
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind_of_line: &'static str,
    test: &'a str,
    engine: &'static str,
    memory: &'static str,
    outcomes: &'a Outcomes,
    missed: &'a Outcomes,
    invented: &'a Outcomes,
    executions: u64,
}

/// The frozen object of a test and engine.
pub fn json(row: &Row) -> String {
    let line = Line {
        kind_of_line: "litmus",
        test: row.test.name,
        engine: row.subject.engine.word(),
        memory: row.subject.memory_word(),
        outcomes: &row.outcomes,
        missed: &row.missed,
        invented: &row.invented,
        executions: row.executions,
    };
    serde_json::to_string(&line).expect("lines are plain data") + "\n"
}

const NAME: usize = 23;
const ALLOWED: usize = 7;

/// Width of the column of `subject`.
fn width(subject: &Subject) -> usize {
    match subject.engine {
        EngineKind::Loom => 34,
        EngineKind::Shuttle => 11,
        _ => 10,
    }
}

/// What stands over the column of `subject`.
fn heading(subject: &Subject) -> String {
    match subject.engine {
        EngineKind::Exact => format!("exact {}", subject.memory_word()),
        EngineKind::Shuttle => "shuttle dfs".to_owned(),
        other => other.word().to_owned(),
    }
}

/// The table, and what explains it.
pub fn table(rows: &[Row]) -> String {
    let mut out = String::new();
    let mut head = format!("{:NAME$} {:ALLOWED$}", "test", "allowed");
    for s in &SUBJECTS {
        let _ = write!(head, " {:w$}", heading(s), w = width(s));
    }
    let _ = writeln!(out, "{}", bold(head + " program"));
    for family in FAMILIES {
        let _ = writeln!(out, "{}", dim(family.title));
        for test in family.tests {
            let of_test: Vec<&Row> = rows.iter().filter(|r| r.test.name == test.name).collect();
            if !of_test.is_empty() {
                line(&mut out, test, &of_test);
            }
        }
    }
    legend(&mut out, rows);
    for row in rows.iter().filter(|r| !r.as_declared()) {
        fault(&mut out, row);
    }
    out
}

fn line(out: &mut String, test: &Test, rows: &[&Row]) {
    let _ = write!(out, "{:NAME$} {:ALLOWED$}", test.name, allowed(test));
    for s in &SUBJECTS {
        let text = rows.iter().find(|r| r.subject == *s).map_or(String::new(), |r| cell(r));
        let w = width(s);
        let padded = format!("{text:w$}");
        let _ = write!(
            out,
            " {}",
            match rows.iter().find(|r| r.subject == *s) {
                Some(r) if !r.as_declared() => bad(padded),
                Some(r) if r.agrees() => good(padded),
                _ => warn(padded),
            }
        );
    }
    let _ = writeln!(out, " {}", dim(source(test.threads)));
}

/// `4`, `3+1`, `3 (+1)`: how many outcomes sequential consistency allows, RC11 more, and C++20 more than that.
fn allowed(test: &Test) -> String {
    if test.is_racy() {
        return "race".to_owned();
    }
    let (sc, rc11, beyond) = (test.under_sc().len(), test.under_rc11().len(), test.beyond_rc11().len());
    let mut text = sc.to_string();
    if rc11 > sc {
        let _ = write!(text, "+{}", rc11 - sc);
    }
    if beyond > 0 {
        let _ = write!(text, " (+{beyond})");
    }
    text
}

fn cell(row: &Row) -> String {
    if row.agrees() {
        return "=".to_owned();
    }
    let mut text = if row.as_declared() { String::new() } else { "RED ".to_owned() };
    if row.gaps.contains(&Gap::ThreadLimit) {
        return text + Gap::ThreadLimit.word();
    }
    if !row.missed.is_empty() {
        let _ = write!(text, "-{} ", row.missed.len());
    }
    if !row.invented.is_empty() {
        let _ = write!(text, "+{} ", row.invented.len());
    }
    let words: Vec<&str> = row.gaps.iter().map(|g| g.word()).collect();
    text + &words.join(", ")
}

fn legend(out: &mut String, rows: &[Row]) {
    let _ = writeln!(out, "\n{}", bold("legend"));
    for (sign, meaning) in [
        (
            "allowed",
            "outcomes of sequential consistency; +n: of RC11 beyond it; (+n): of C++20 and Rust beyond RC11",
        ),
        ("=", "shows just what is allowed, by RC11 or, in the column `exact sc`, by sequential consistency"),
        ("-n", "does not show n outcomes that are allowed, because of the gap named"),
        ("+n", "shows n outcomes that cannot be, because of the gap named"),
        (
            "RED",
            "not as declared: a difference without a declared gap, or a declared gap that no longer shows",
        ),
    ] {
        let _ = writeln!(out, "  {sign:20} {meaning}");
    }
    for gap in Gap::ALL {
        let of_gap: Vec<&Row> = rows.iter().filter(|r| r.gaps.contains(&gap)).collect();
        if of_gap.is_empty() {
            continue;
        }
        let (name, what, where_) = (warn(format!("{:20}", gap.word())), gap.sentence(), gap.upstream());
        let times = count(of_gap.len() as u64, "row");
        let _ = writeln!(out, "  {name} {what}; {where_}; {times}{}", example(&of_gap));
    }
    let _ = writeln!(
        out,
        "  {:20} weak exchanges that fail by themselves again and again: exact and shuttle bound that",
        "not tested"
    );
}

/// One outcome that a gap hides or makes up.
fn example(rows: &[&Row]) -> String {
    let one =
        rows.iter().find(|r| r.gaps.len() == 1 && !matches!(r.gaps[0], Gap::ThreadLimit | Gap::EngineLimit));
    let Some(row) = one else { return String::new() };
    let words =
        |verb: &str, set: &Outcomes| set.first().map(|o| format!(", such as {}: {verb} {o}", row.test.name));
    words("misses", &row.missed).or(words("shows", &row.invented)).unwrap_or_default()
}

fn fault(out: &mut String, row: &Row) {
    let engine = heading(&row.subject);
    let _ = writeln!(out, "\n{} {} under {engine}", bad("NOT AS DECLARED"), bold(row.test.name));
    let _ = writeln!(out, "  {}", row.test.about);
    let _ = writeln!(out, "  {}", source(row.test.threads));
    for f in &row.faults {
        let _ = writeln!(out, "  {f}");
    }
}

/// The last line.
pub fn summary(rows: &[Row], elapsed: Duration, interrupted: bool) -> String {
    let of = |pick: fn(&&Row) -> bool| rows.iter().filter(pick).count();
    let differing = of(|r| !r.as_declared());
    let exact = of(|r| r.subject.engine == EngineKind::Exact && r.agrees());
    let all = of(|r| r.subject.engine == EngineKind::Exact);
    let mut names: Vec<&str> = rows.iter().map(|r| r.test.name).collect();
    names.dedup();
    let executions: u64 = rows.iter().map(|r| r.executions).sum();
    let mut text = format!(
        "{}, {}, {} executions: exact agrees in {exact} of {all}; ",
        count(names.len() as u64, "test"),
        count(rows.len() as u64, "row"),
        grouped(executions)
    );
    text += &match differing {
        0 => "every gap is as declared".to_owned(),
        n => format!("{} not as declared", count(n as u64, "row")),
    };
    let text = if interrupted { format!("interrupted after {text}") } else { text };
    let painted = if differing > 0 || interrupted { bad(text) } else { good(text) };
    format!("\n{painted} ({:.1} s)\n", elapsed.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::litmus::judge::{Observation, judge};
    use crate::check::litmus::run::find;
    use crate::check::verdict::Verdict;

    fn row(engine: EngineKind, test: &str, letters: &str) -> Row {
        let test = find(test).expect("a test");
        let subject = SUBJECTS.into_iter().rfind(|s| s.engine == engine).expect("an engine");
        let outcomes = test.outcomes(letters);
        judge(test, subject, Observation { verdict: Verdict::Exhausted, outcomes, executions: 7 })
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn marks_and_words_say_it_without_colours() {
        let rows = [
            row(EngineKind::Loom, "SB+sc", "00 01 10 11"),
            row(EngineKind::Shuttle, "SB+sc", "01 10"),
            row(EngineKind::Exact, "SB+sc", "01 10 11"),
        ];
        let text = plain(&table(&rows));
        let line = text.lines().find(|l| l.starts_with("SB+sc ")).expect("a row a test");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..7], ["SB+sc", "3", "+1", "seqcst-as-acqrel", "RED", "-1", "="]);
        assert!(line.ends_with("x=1.sc; r0=y.sc || y=1.sc; r1=x.sc"), "{line}");
        assert!(text.contains("seqcst-as-acqrel     takes SeqCst"), "the legend explains the type");
        assert!(text.contains("such as SB+sc: shows r0=0 r1=0"), "{text}");
        assert!(text.contains("NOT AS DECLARED SB+sc under shuttle dfs"), "{text}");
        assert!(text.contains("r0=1 r1=1: missed, and not declared to be"), "{text}");
        let end = plain(&summary(&rows, Duration::ZERO, false));
        assert!(
            end.contains("1 test, 3 rows, 21 executions: exact agrees in 1 of 1; 1 row not as declared"),
            "{end}"
        );
    }

    #[test]
    fn the_frozen_object() {
        assert_eq!(
            json(&row(EngineKind::Loom, "SB+sc", "00 01 10")),
            "{\"type\":\"litmus\",\"test\":\"SB+sc\",\"engine\":\"loom\",\"memory\":\"rc11\",\
             \"outcomes\":[\"r0=0 r1=0\",\"r0=0 r1=1\",\"r0=1 r1=0\"],\"missed\":[\"r0=1 r1=1\"],\
             \"invented\":[\"r0=0 r1=0\"],\"executions\":7}\n"
        );
    }
}
