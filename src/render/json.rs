//! The frozen JSON objects, one a line. But for `seconds`, two runs with one seed print the same bytes.

use crate::check::runner::Report;
use crate::check::runner::case::Case;
use crate::check::verdict::Verdict;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

#[derive(Serialize)]
struct CheckLine<'a> {
    #[serde(rename = "type")]
    kind_of_line: &'static str,
    model: &'a str,
    incident: Option<&'a str>,
    variant: &'a str,
    role: &'static str,
    engine: &'static str,
    strategy: Option<&'static str>,
    discipline: String,
    expected: String,
    #[serde(flatten)]
    results: Option<Results<'a>>,
}

#[derive(Serialize)]
struct Results<'a> {
    verdict: String,
    property: Option<&'a str>,
    kind: Option<&'static str>,
    executions: u64,
    steps: u64,
    seconds: f64,
    as_declared: bool,
    message: &'a str,
    counterexample: Option<String>,
    fingerprint: Option<&'a str>,
}

#[derive(Serialize)]
struct SummaryLine {
    #[serde(rename = "type")]
    kind_of_line: &'static str,
    checks: usize,
    as_declared: usize,
    differing: usize,
    seconds: f64,
    exit_code: u8,
}

fn seconds(d: Duration) -> f64 {
    (d.as_secs_f64() * 1000.0).round() / 1000.0
}

fn text(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("lines are plain data") + "\n"
}

fn declared<'a>(case: &'a Case, results: Option<Results<'a>>) -> CheckLine<'a> {
    CheckLine {
        kind_of_line: "check",
        model: &case.model,
        incident: case.incident.as_deref(),
        variant: &case.variant,
        role: case.role.word(),
        engine: case.engine.word(),
        strategy: case.strategy.map(|s| s.word()),
        discipline: case.discipline.to_string(),
        expected: case.expect.to_string(),
        results,
    }
}

/// The line of a check that has not run.
pub fn listed(case: &Case) -> String {
    text(&declared(case, None))
}

/// The line of a check that has run.
pub fn report(r: &Report, counterexample: Option<&Path>) -> String {
    let (property, kind) = match &r.verdict {
        Verdict::Found { property, kind } => (Some(property.as_str()), Some(kind.word())),
        _ => (None, None),
    };
    let results = Results {
        verdict: r.verdict.to_string(),
        property,
        kind,
        executions: r.executions,
        steps: r.steps,
        seconds: seconds(r.elapsed),
        as_declared: r.as_declared,
        message: &r.message,
        counterexample: counterexample.map(|p| p.display().to_string()),
        fingerprint: r.fingerprint.as_deref(),
    };
    text(&declared(&r.case, Some(results)))
}

/// The last line.
pub fn summary(checks: usize, as_declared: usize, elapsed: Duration, exit_code: u8) -> String {
    text(&SummaryLine {
        kind_of_line: "summary",
        checks,
        as_declared,
        differing: checks - as_declared,
        seconds: seconds(elapsed),
        exit_code,
    })
}
