//! What `check` prints for people: a row per check, what differs in full, and a line at the end.

use super::style::{bad, bold, dim, good, warn};
use super::timeline::timeline;
use super::{count, engine, grouped, under};
use crate::check::engine::Progress;
use crate::check::model::{Discipline, EngineKind, Role};
use crate::check::runner::Report;
use crate::check::runner::agreement::Disagreement;
use crate::check::verdict::Verdict;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// Lines of a failing worker's output that are shown.
const OUTPUT_LINES: usize = 30;

/// Width of the column of verdicts: with the others, and `DIFFERS`, 100.
const VERDICT: usize = 31;

/// The first line: what is about to run, and all it depends on.
pub fn opening(checks: usize, budget: &str, seed: u64, jobs: usize) -> String {
    let workers = count(jobs as u64, "worker");
    format!("{} at the {budget} budget, seed {seed}, {workers}\n", count(checks as u64, "check"))
}

/// The table.
pub fn table(reports: &[Report]) -> String {
    let mut out = String::new();
    if reports.is_empty() {
        return out;
    }
    let head =
        format!("  {:23} {:9} {:14} {:VERDICT$} {:>9}", "variant", "role", "engine", "verdict", "runs");
    let _ = writeln!(out, "\n{}", dim(head));
    let (mut model, mut variant) = ("", "");
    for (i, r) in reports.iter().enumerate() {
        let c = &r.case;
        if c.model != model {
            let incident = c.incident.as_ref().map_or(String::new(), |i| format!("  incident {i}"));
            let _ = writeln!(out, "\n{}{}", bold(&c.model), dim(incident));
            (model, variant) = (&c.model, "");
        }
        let first = c.variant != variant;
        variant = &c.variant;
        row(&mut out, r, first);
        let last = reports.get(i + 1).is_none_or(|n| n.case.variant != c.variant || n.case.model != c.model);
        if last {
            mention(&mut out, reports, r);
        }
    }
    out
}

fn row(out: &mut String, r: &Report, first: bool) {
    let c = &r.case;
    let (variant, role) = if first { (c.variant.as_str(), c.role.word()) } else { ("", "") };
    let engine = engine(c.engine, c.strategy);
    let verdict = clipped(&r.verdict.to_string(), VERDICT);
    let padded = format!("{verdict:VERDICT$}");
    let verdict = match (&r.verdict, r.as_declared) {
        (_, false) => bad(padded),
        (Verdict::Exhausted, _) => good(padded),
        (Verdict::OutOfReach { .. } | Verdict::EngineLimit { .. }, _) => warn(padded),
        _ => padded,
    };
    let mark = if r.as_declared { good("ok") } else { bad("DIFFERS") };
    // The execution that fails counts for people; the number of complete ones is in the JSON.
    let runs = grouped(r.executions + u64::from(matches!(r.verdict, Verdict::Found { .. })));
    let _ = writeln!(out, "  {variant:23} {role:9} {engine:14} {verdict} {runs:>9} {mark}");
    if c.discipline != Discipline::Preemptive {
        let _ = writeln!(out, "{:35}{}", "", dim(under(&c.discipline)));
    }
    if r.as_declared && r.message.starts_with("warning: ") {
        let _ = writeln!(out, "    {}", warn(&r.message));
    }
}

/// One line on what was found in a variant that must fail.
fn mention(out: &mut String, reports: &[Report], last: &Report) {
    if !matches!(last.case.role, Role::Buggy | Role::WrongFix) {
        return;
    }
    let same = |r: &&Report| r.case.model == last.case.model && r.case.variant == last.case.variant;
    let found = reports.iter().filter(same).find(|r| r.as_declared && r.trace.is_some());
    if let Some(r) = found {
        let text = r.message.lines().next().unwrap_or("");
        let _ = writeln!(out, "    {}", dim(clipped(&format!("{}: {text}", r.case.engine.word()), 96)));
    }
}

fn clipped(s: &str, width: usize) -> String {
    let line = s.lines().next().unwrap_or("");
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width - 2).chain("..".chars()).collect()
}

/// Everything about a check that differs: what was expected, what was found, and the worker's own words.
pub fn failure(r: &Report, counterexample: Option<&Path>) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "\n{} {}", bad("DIFFERS"), bold(r.case.identity()));
    let _ = writeln!(out, "  expected {}", r.case.expect);
    let _ = writeln!(out, "  got      {}", r.verdict);
    if !r.message.is_empty() && r.trace.is_none() {
        let _ = writeln!(out, "  {}", r.message);
    }
    if let Some(hint) = hint(&r.verdict) {
        let _ = writeln!(out, "  {}", dim(hint));
    }
    if let Some(t) = &r.trace {
        out.push('\n');
        out += &timeline(t);
    }
    if let Some(path) = counterexample {
        let _ = writeln!(out, "  saved as {}", path.display());
    }
    for (name, text) in [("stdout", &r.stdout), ("stderr", &r.stderr)] {
        output(&mut out, name, text);
    }
    out
}

fn output(out: &mut String, name: &str, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "  {}", dim(format!("the worker's {name}:")));
    let hidden = lines.len().saturating_sub(OUTPUT_LINES);
    if hidden > 0 {
        let _ = writeln!(out, "  | {}", dim(format!("... {} ...", count(hidden as u64, "earlier line"))));
    }
    for line in &lines[hidden..] {
        let _ = writeln!(out, "  | {line}");
    }
}

/// What to try.
fn hint(v: &Verdict) -> Option<&'static str> {
    match v {
        Verdict::Inconclusive { why } if why.starts_with("time") => {
            Some("a slower machine than usual? SELVEDGE_TIME_SCALE=3 triples every time limit")
        }
        Verdict::Inconclusive { why } if why.starts_with("memory") => {
            Some("SELVEDGE_MEMORY_SCALE=2 doubles every memory limit; a smaller model is better")
        }
        Verdict::Inconclusive { why } if why.starts_with("non-deterministic") => {
            Some("only the facade may decide: no hash order, clock, address or random number of your own")
        }
        Verdict::EngineLimit { .. } => {
            Some("a limit is not a pass: make the model smaller, or raise the limit in the catalogue")
        }
        _ => None,
    }
}

/// How far a long search has come, for the progress bar.
pub fn progress(p: &Progress) -> String {
    let rate = grouped(p.rate as u64);
    match p.estimate {
        Some(e) if e > p.executions as f64 => {
            format!("{} of about {} executions, {rate} a second", grouped(p.executions), grouped(e as u64))
        }
        _ => format!("{} executions, {rate} a second", grouped(p.executions)),
    }
}

/// How far the engines agree about the variants that exact has answered for.
pub fn agreement(reports: &[Report], disagreements: &[Disagreement]) -> String {
    let answered = |r: &&Report| {
        let answers = matches!(r.verdict, Verdict::Found { .. } | Verdict::Exhausted);
        r.case.engine == EngineKind::Exact && answers
    };
    let variants = reports.iter().filter(answered).count();
    if variants == 0 {
        return String::new();
    }
    let mut text = format!("\nengines agree about {}", count(variants as u64, "variant"));
    let of = |d: Disagreement| disagreements.iter().filter(|&&o| o == d).count();
    let typed: Vec<String> = Disagreement::ALL
        .into_iter()
        .filter(|&d| of(d) > 0)
        .map(|d| format!("{} {}", of(d), d.word()))
        .collect();
    if !typed.is_empty() {
        let _ = write!(
            text,
            ", but for {} declared: {}",
            count(disagreements.len() as u64, "row"),
            typed.join(", ")
        );
    }
    text + "\n"
}

/// The last line.
pub fn summary(checks: usize, as_declared: usize, elapsed: Duration, interrupted: bool) -> String {
    let seconds = elapsed.as_secs_f64();
    let differing = checks - as_declared;
    let text = match differing {
        0 => format!("{}: all as declared", count(checks as u64, "check")),
        n => format!("{}: {as_declared} as declared, {n} not", count(checks as u64, "check")),
    };
    let text = if interrupted { format!("interrupted after {text}") } else { text };
    let painted = if differing > 0 || interrupted { bad(text) } else { good(text) };
    format!("\n{painted} ({seconds:.1} s)\n")
}
