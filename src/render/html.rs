//! The HTML report: one file that opens from disk, with style, script and data in it. What it shows is in `report/`;
//! this makes its data.

use super::source::{Read, place};
use super::timeline::timeline;
use super::why::why;
use crate::check::model::Catalogue;
use crate::check::runner::Report;
use crate::check::runner::case::Case;
use crate::check::runner::trace::Trace;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The page for `reports`, made at this budget with this seed.
pub fn page(catalogue: &Catalogue, reports: &[Report], budget: &str, seed: u64, read: Read<'_>) -> String {
    let found = reports.iter().filter_map(|r| Some((r, r.trace.as_ref()?)));
    let counterexamples: Vec<Value> = found.clone().map(|(r, t)| counterexample(r, t)).collect();
    let data = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "budget": budget,
        // Beyond 2^53 a script would round it.
        "seed": seed.to_string(),
        "checks": reports.iter().map(check).collect::<Vec<_>>(),
        "models": catalogue.models().iter().map(|m| json!({
            "name": m.name,
            "title": m.title,
            "outcomes": m.outcomes.iter().map(|o| json!({
                "word": o.word, "grade": o.grade.word(), "sentence": o.sentence,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "counterexamples": counterexamples,
        "sources": sources(found.map(|(_, t)| t), read),
    });
    // No text of the catalogue may end the element that it is in.
    let data = data.to_string().replace('<', "\\u003c");
    let page = include_str!("report/page.html");
    let page = page.replace("{{css}}", include_str!("report/page.css"));
    let page = page.replace("{{js}}", include_str!("report/page.js"));
    page.replace("{{data}}", &data)
}

fn engine(c: &Case) -> String {
    super::engine(c.engine, c.strategy) + &super::under(&c.discipline)
}

fn check(r: &Report) -> Value {
    json!({
        "check": r.case.identity(),
        "model": r.case.model,
        "variant": r.case.variant,
        "role": r.case.role.word(),
        "engine": engine(&r.case),
        "expected": r.case.expect.to_string(),
        "verdict": r.verdict.to_string(),
        "as_declared": r.as_declared,
        "executions": r.executions,
        "seconds": r.elapsed.as_secs_f64(),
        "outcomes": r.tally.outcomes.iter().map(|s| (&s.word, s.count)).collect::<Vec<_>>(),
    })
}

fn counterexample(r: &Report, t: &Trace) -> Value {
    let why = why(t);
    let stuck = |p: &crate::check::runner::trace::TraceSite| p.what.clone();
    json!({
        "check": r.case.identity(),
        "model": r.case.model,
        "variant": r.case.variant,
        "engine": engine(&r.case),
        "executions": r.executions,
        "fingerprint": r.fingerprint,
        "property": t.property,
        "kind": t.kind.word(),
        "message": t.message,
        "why": why.sentences,
        "critical": why.steps,
        "nearest": t.nearest,
        "minimal": t.minimal,
        "threads": t.threads.iter().map(|x| json!({
            "name": x.name,
            "waits": x.pending.as_ref().filter(|_| !x.ended).map(stuck),
        })).collect::<Vec<_>>(),
        "events": t.events.iter().map(|e| json!({
            "t": e.thread, "op": e.op, "object": e.object, "text": e.text, "at": e.at,
            "wrote": e.wrote, "from": e.from,
        })).collect::<Vec<_>>(),
        "text": anstream::adapter::strip_str(&timeline(t)).to_string(),
    })
}

/// The lines around every position, by file and line.
fn sources<'a>(traces: impl Iterator<Item = &'a Trace>, read: Read<'_>) -> Value {
    const AROUND: usize = 2;
    let mut wanted: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for t in traces {
        for (file, line) in t.events.iter().filter_map(|e| place(&e.at)) {
            wanted.entry(file).or_default().push(line);
        }
    }
    let mut files = Map::new();
    for (file, lines) in wanted {
        let Some(text) = read(file) else { continue };
        let near = |n: usize| lines.iter().any(|l| n + AROUND >= *l && n <= l + AROUND);
        let kept = text.lines().enumerate().map(|(i, s)| (i + 1, s)).filter(|(n, _)| near(*n));
        let kept: Map<String, Value> = kept.map(|(n, s)| (n.to_string(), Value::from(s))).collect();
        files.insert(file.to_owned(), Value::Object(kept));
    }
    Value::Object(files)
}
