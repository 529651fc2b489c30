//! What `list` and `show` print for people.

use super::source::{Read, quotes};
use super::style::{bad, bold, dim};
use super::timeline::{WIDTH, timeline, wrapped};
use super::{count, engine, under};
use crate::check::model::{Catalogue, Grade, Model, Variant};
use crate::check::runner::Report;
use std::fmt::Write;

/// The catalogue: models, variants, and what each check is declared to say.
/// `wanted`: which variants of which models.
pub fn list(catalogue: &Catalogue, wanted: &dyn Fn(&str, &str) -> bool) -> String {
    let mut out = String::new();
    for m in catalogue.models() {
        let mut variants = m.variants.iter().filter(|v| wanted(m.name, v.name)).peekable();
        if variants.peek().is_none() {
            continue;
        }
        heading(&mut out, m);
        variants.for_each(|v| variant(&mut out, v));
        out.push('\n');
    }
    out
}

fn heading(out: &mut String, m: &Model) {
    let incident = m.incident.map_or(String::new(), |i| format!("  incident {i}"));
    let _ = writeln!(out, "{}{}", bold(m.name), dim(incident));
    indented(out, "  ", m.title, |s| s);
}

fn variant(out: &mut String, v: &Variant) {
    let _ = writeln!(out, "  {:23} {}", v.name, v.role.word());
    if !v.about.is_empty() {
        indented(out, "    ", v.about, dim);
    }
    checks(out, v);
}

fn checks(out: &mut String, v: &Variant) {
    for c in &v.checks {
        let expect = c.expect.to_string() + &under(&c.discipline);
        for (i, line) in wrapped(&expect, WIDTH - 19).iter().enumerate() {
            let engine = if i == 0 { engine(c.engine, c.strategy) } else { String::new() };
            let _ = writeln!(out, "    {engine:14} {}{line}", if i == 0 { "" } else { "  " });
        }
    }
}

/// Text in lines that fit behind `indent`.
fn indented(out: &mut String, indent: &str, text: &str, paint: fn(String) -> String) {
    for line in wrapped(text, WIDTH - indent.len()) {
        let _ = writeln!(out, "{indent}{}", paint(line));
    }
}

/// A name, a word about it (11 wide), and a sentence.
fn named(out: &mut String, name: &str, word: &str, sentence: &str) {
    for (i, line) in wrapped(sentence, WIDTH - 39).iter().enumerate() {
        let _ = match i {
            0 => writeln!(out, "  {name:24} {word} {line}"),
            _ => writeln!(out, "{:41}{line}", ""),
        };
    }
}

/// What the counterexample of a variant is headed with: few lines, for it is the counterexample that was asked for.
pub fn opening(m: &Model, v: &Variant) -> String {
    let mut out = String::new();
    let incident = m.incident.map_or(String::new(), |i| format!(", incident {i}"));
    let head = format!("{}/{}", m.name, v.name);
    let _ = writeln!(out, "{}  {}", bold(head), dim(format!("{}{incident}", v.role.word())));
    indented(&mut out, "  ", m.title, |s| s);
    if !v.about.is_empty() {
        indented(&mut out, "  ", &format!("this variant: {}", v.about), dim);
    }
    out
}

/// What else there is to say of a variant: what each of its checks is declared to say, and the incident.
pub fn background(m: &Model, v: &Variant) -> String {
    let mut out = format!("\n{}\n", bold(format!("checks of {}, with what each is declared to say", v.name)));
    checks(&mut out, v);
    let incident = m.lesson.split("\n# ").next().unwrap_or_default();
    let incident = incident.trim_start().strip_prefix("# Incident").unwrap_or_default().trim();
    if !incident.is_empty() {
        let number = m.incident.map_or(String::new(), |i| format!(" {i}"));
        let _ = writeln!(out, "\n{}", bold(format!("incident{number}")));
        let text = incident.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        indented(&mut out, "  ", &text, |s| s);
    }
    out
}

/// The lesson of a model up to its counterexample.
pub fn lesson(m: &Model) -> String {
    let mut out = String::new();
    heading(&mut out, m);
    if !m.lesson.is_empty() {
        out.push('\n');
        for line in m.lesson.lines() {
            let _ = writeln!(out, "  {}", line.trim_end());
        }
    }
    if !m.properties.is_empty() {
        let _ = writeln!(out, "\n{}", bold("properties"));
        for p in &m.properties {
            let when = format!("{:?}", p.kind).to_lowercase();
            named(&mut out, p.name, &format!("{when:11}"), p.sentence);
        }
    }
    if !m.outcomes.is_empty() {
        let _ = writeln!(out, "\n{}", bold("outcomes"));
        for o in &m.outcomes {
            let grade = format!("{:?}", o.grade).to_lowercase();
            let grade = format!("{grade:11}");
            let grade = if o.grade == Grade::Forbidden { bad(grade) } else { grade };
            named(&mut out, o.word, &grade, o.sentence);
        }
    }
    let _ = writeln!(out, "\n{}", bold("variants"));
    for v in &m.variants {
        variant(&mut out, v);
    }
    out
}

/// The counterexample of a lesson.
pub fn counterexample(r: &Report, read: Read<'_>) -> String {
    let c = &r.case;
    let by = engine(c.engine, c.strategy) + &under(&c.discipline);
    let mut out = String::new();
    let head = format!("counterexample of {}", c.variant);
    let _ = writeln!(out, "\n{}, found by {by} in execution {}", bold(head), r.executions + 1);
    if let Some(reason) = r.false_alarm() {
        let text = format!("FALSE ALARM of {by}, declared as such: this cannot happen. {reason}");
        for line in wrapped(&text, WIDTH) {
            let _ = writeln!(out, "{}", bad(line));
        }
    }
    if let Some(t) = &r.trace {
        let size = t.size();
        let line = format!(
            "{}, {}, {}, {}, fingerprint {}",
            count(size.threads as u64, "thread"),
            count(size.steps as u64, "step"),
            super::plural(size.switches as u64, "switch", "switches"),
            count(size.preemptions as u64, "preemption"),
            r.fingerprint.as_deref().unwrap_or("none")
        );
        let _ = writeln!(out, "{}\n", dim(line));
        out += &timeline(t);
        let quotes = quotes(t, read);
        if !quotes.is_empty() {
            let _ = write!(out, "\n{quotes}");
        }
    }
    out
}
