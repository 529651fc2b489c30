//! The outcomes of a variant, as jcstress lists them: word, grade, share of executions, and the author's sentence.

use super::style::{bad, bold, dim, warn};
use super::timeline::{WIDTH, clipped};
use crate::check::model::{Grade, GradedOutcome};
use crate::check::runner::Report;
use crate::check::verdict::Verdict;
use std::fmt::Write;

/// The table; empty if nothing is graded and nothing was seen. What a finished exhaustive engine has never seen cannot
/// happen, and says so; in any other run it was merely not seen.
pub fn table(graded: &[GradedOutcome], r: &Report) -> String {
    let total: u64 = r.outcomes.iter().map(|(_, n)| n).sum();
    if graded.is_empty() || r.executions == 0 {
        return String::new();
    }
    let whole = matches!(r.verdict, Verdict::Exhausted);
    let how = if whole { "exhaustive" } else { "not exhaustive" };
    let mut out = String::new();
    let by = super::engine(r.case.engine, r.case.strategy) + &super::under(&r.case.discipline);
    let head = format!("outcomes of {} by {by}", r.case.variant);
    let _ = writeln!(out, "\n{} ({how}, {})", bold(head), super::count(total, "execution"));
    let mut line = |word: &str, grade: Option<Grade>, n: u64, sentence: &str| {
        let share = match (n, whole) {
            (0, true) => "impossible".to_owned(),
            (0, false) => "not seen".to_owned(),
            _ => format!("{:.2} %", 100.0 * n as f64 / total as f64),
        };
        let padded = format!("{:11}", grade.map_or("ungraded", Grade::word));
        let grade = match grade {
            Some(Grade::Forbidden) if n > 0 => bad(padded),
            Some(Grade::Interesting) => warn(padded),
            _ => padded,
        };
        let sentence = dim(clipped(sentence, WIDTH - 53));
        let _ = writeln!(out, "  {:24} {grade} {share:>12} {sentence}", clipped(word, 24));
    };
    for g in graded {
        let n = r.outcomes.iter().find(|(w, _)| w == g.word).map_or(0, |(_, n)| *n);
        line(g.word, Some(g.grade), n, g.sentence);
    }
    for (word, n) in r.outcomes.iter().filter(|(w, _)| graded.iter().all(|g| g.word != w)) {
        line(word, None, *n, "");
    }
    out
}
