//! The HTML report: one file that opens from disk, with style, script and data in it. What it looks like is in `report/`;
//! this makes its data. The same reports give the same bytes.

use super::outcomes::{best, clearest, table};
use super::source::{Read, place};
use super::timeline::timeline;
use super::why::why;
use crate::check::model::{Catalogue, Model, Variant};
use crate::check::runner::Report;
use crate::check::runner::case::Case;
use crate::check::runner::tally::Witness;
use crate::check::runner::trace::{Trace, TraceEvent};
use crate::check::verdict::{Expect, Verdict};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// How the reports of a page were made.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// At this budget.
    pub budget: &'a str,
    /// With this seed.
    pub seed: u64,
    /// Of those variants only that have this in `model/variant`.
    pub part: Option<&'a str>,
}

/// The page for `reports`.
pub fn page(catalogue: &Catalogue, reports: &[Report], made: Made<'_>, read: Read<'_>) -> String {
    let mut data = Data::default();
    let mut variants = Vec::new();
    for m in catalogue.models() {
        for v in &m.variants {
            let of = |r: &&Report| r.case.model == m.name && r.case.variant == v.name;
            let mine: Vec<&Report> = reports.iter().filter(of).collect();
            if !mine.is_empty() {
                variants.push(data.variant(m, v, &mine));
            }
        }
    }
    let sources = sources(&data.places, read);
    // Beyond 2^53 a script would round the seed.
    let page = json!({
        "version": env!("CARGO_PKG_VERSION"), "budget": made.budget, "seed": made.seed.to_string(),
        "part": made.part,
        "variants": variants, "failures": data.failures, "witnesses": data.witnesses,
        "sources": sources, "strings": data.strings.all,
    });
    // All that depends on the clock, by itself.
    let seconds: Map<String, Value> = reports
        .iter()
        .map(|r| (r.case.identity(), json!((r.elapsed.as_secs_f64() * 1000.0).round() / 1000.0)))
        .collect();
    // No text of the catalogue may end the element that it is in.
    let inert = |v: Value| v.to_string().replace('<', "\\u003c");
    let mut out = String::new();
    let mut rest = include_str!("report/page.html");
    // One pass, so that what is put in is not searched.
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out += before;
        match name {
            "css" => out += include_str!("report/page.css"),
            "js" => {
                out += include_str!("report/data.js");
                out += include_str!("report/stepper.js");
                out += include_str!("report/page.js");
            }
            "data" => out += &inert(page.clone()),
            "seconds" => out += &inert(Value::Object(seconds.clone())),
            _ => {}
        }
        rest = after;
    }
    out + rest
}

/// Texts, each once: logs repeat themselves.
#[derive(Default)]
struct Strings {
    all: Vec<String>,
    at: BTreeMap<String, usize>,
}

impl Strings {
    fn number(&mut self, s: &str) -> usize {
        if let Some(n) = self.at.get(s) {
            return *n;
        }
        self.all.push(s.to_owned());
        self.at.insert(s.to_owned(), self.all.len() - 1);
        self.all.len() - 1
    }
}

#[derive(Default)]
struct Data {
    strings: Strings,
    failures: Vec<Value>,
    witnesses: Vec<Value>,
    /// Lines that are quoted, by file.
    places: BTreeMap<String, Vec<usize>>,
}

impl Data {
    fn variant(&mut self, m: &Model, v: &Variant, mine: &[&Report]) -> Value {
        let checks: Vec<Value> = mine.iter().map(|r| self.check(m, r)).collect();
        let outcomes = best(mine.iter().copied()).and_then(|r| self.outcomes(m, r));
        let properties: Vec<Value> =
            m.properties.iter().map(|p| json!([p.name, format!("{:?}", p.kind).to_lowercase()])).collect();
        let clearest = clearest(mine.iter().copied()).map(|(r, _)| r.case.identity());
        json!({
            "model": m.name, "variant": v.name, "role": v.role.word(), "title": m.title, "about": v.about,
            "incident": m.incident, "properties": properties, "checks": checks, "outcomes": outcomes, "clearest": clearest,
        })
    }

    fn check(&mut self, m: &Model, r: &Report) -> Value {
        let failure = r.trace.as_ref().map(|t| self.failure(m, r, t));
        let reason = match &r.case.expect {
            Expect::OutOfReach(reason) => Some(reason.as_str()),
            _ => r.case.because,
        };
        json!({
            "id": r.case.identity(), "engine": engine(&r.case), "expected": r.case.expect.to_string(),
            "verdict": r.verdict.to_string(), "word": r.verdict.word(), "says": says(&r.verdict),
            "ok": r.as_declared, "executions": r.executions, "reason": reason,
            "message": if r.trace.is_some() { "" } else { r.message.as_str() }, "failure": failure,
        })
    }

    /// The table of outcomes, each with its execution.
    fn outcomes(&mut self, m: &Model, r: &Report) -> Option<Value> {
        let t = table(m, r)?;
        let rows: Vec<Value> = t
            .rows
            .iter()
            .map(|row| {
                json!({
                    "word": row.word, "violated": row.violated, "grade": row.grade.map(|g| g.word()),
                    "sentence": row.sentence, "share": t.share(row), "count": row.count,
                    "witness": row.witness.map(|w| self.witness(w)),
                })
            })
            .collect();
        Some(json!({
            "by": engine(&r.case), "whole": t.whole, "cut": t.cut, "total": t.total, "rows": rows,
        }))
    }

    fn witness(&mut self, w: &Witness) -> usize {
        let threads: Vec<Value> = w.threads.iter().map(|name| json!({ "name": name })).collect();
        let value = json!({ "threads": threads, "events": self.events(&w.events), "schedule": w.schedule() });
        self.witnesses.push(value);
        self.witnesses.len() - 1
    }

    fn failure(&mut self, m: &Model, r: &Report, t: &Trace) -> usize {
        let why = why(t);
        let sentence = m.properties.iter().find(|p| p.name == t.property).map_or("", |p| p.sentence);
        let places: Vec<Value> = why
            .places
            .iter()
            .take(2)
            .map(|p| {
                self.quote(&p.at);
                json!({ "thread": p.thread, "what": p.what, "at": p.at })
            })
            .collect();
        let threads: Vec<Value> = t
            .threads
            .iter()
            .map(|x| {
                let waits = x.pending.as_ref().filter(|_| !x.ended);
                json!({ "name": x.name, "next": waits.map(|p| &p.what), "note": x.note })
            })
            .collect();
        let value = json!({
            "check": r.case.identity(), "engine": engine(&r.case), "executions": r.executions,
            "alarm": r.false_alarm(), "fingerprint": r.fingerprint, "property": t.property, "sentence": sentence, "kind": t.kind.word(),
            "message": t.message, "why": why.sentences, "steps": why.steps, "places": places,
            "critical": t.critical, "nearest": why.pass, "minimal": t.minimal, "threads": threads,
            "thread": t.thread, "initial": t.initial, "repeats": t.repeats, "events": self.events(&t.events),
            "passing": self.events(&t.passing), "text": anstream::adapter::strip_str(&timeline(t)).to_string(),
        });
        self.failures.push(value);
        self.failures.len() - 1
    }

    /// `[thread, op, object, text, at, wrote, from, missed, note]`; texts by their numbers, -1 for what is not there.
    fn events(&mut self, events: &[TraceEvent]) -> Vec<Value> {
        events
            .iter()
            .map(|e| {
                if e.op != "exit" {
                    self.quote(&e.at);
                }
                let mut number = |s: Option<&str>| s.map_or(-1, |s| self.strings.number(s) as i64);
                let step = |i: Option<usize>| i.map_or(-1, |i| i as i64);
                json!([
                    e.thread,
                    number(Some(&e.op)),
                    number(e.object.as_deref()),
                    number(Some(&e.text)),
                    number(Some(&e.at)),
                    number(e.wrote.as_deref()),
                    step(e.from),
                    step(e.missed),
                    number(Some(e.note.as_str()).filter(|n| !n.is_empty())),
                ])
            })
            .collect()
    }

    fn quote(&mut self, at: &str) {
        if let Some((file, line)) = place(at) {
            self.places.entry(file.to_owned()).or_default().push(line);
        }
    }
}

fn engine(c: &Case) -> String {
    super::engine(c.engine, c.strategy) + &super::under(&c.discipline)
}

/// What the verdict says of the variant.
fn says(v: &Verdict) -> &'static str {
    match v {
        Verdict::Found { .. } => "fails",
        Verdict::Exhausted => "holds",
        Verdict::Bounded { .. } => "holds within the bound",
        Verdict::NotFound { .. } => "no failure seen",
        Verdict::OutOfReach { .. } => "cannot tell",
        Verdict::EngineLimit { .. } | Verdict::Inconclusive { .. } | Verdict::Crashed { .. } => "no answer",
    }
}

/// The lines around every place, by file and line.
fn sources(places: &BTreeMap<String, Vec<usize>>, read: Read<'_>) -> Value {
    const AROUND: usize = 3;
    let mut files = Map::new();
    for (file, lines) in places {
        let Some(text) = read(file) else { continue };
        let near = |n: usize| lines.iter().any(|l| n + AROUND >= *l && n <= l + AROUND);
        let kept = text.lines().enumerate().map(|(i, s)| (i + 1, s)).filter(|(n, _)| near(*n));
        let kept: Map<String, Value> = kept.map(|(n, s)| (n.to_string(), Value::from(s))).collect();
        files.insert(file.clone(), Value::Object(kept));
    }
    Value::Object(files)
}
