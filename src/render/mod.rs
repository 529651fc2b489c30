//! Verdicts and events to text, JSON and JUnit: pure functions from reports to strings. They explore nothing and
//! write nowhere; colours are in the strings, and whoever writes them strips what the reader cannot show.
//!
//! | file | makes |
//! |---|---|
//! | [`json`] | the frozen objects, one a line |
//! | [`table`] | the table of `check`, and what failed |
//! | [`listing`] | `list` and `show` |
//! | [`timeline`] | a counterexample in thread columns |
//! | [`why`] | why it failed, in a sentence or two, and the steps that clash |
//! | [`junit`] | JUnit XML |
//! | [`outcomes`] | the outcomes of a variant with their grades |
//! | [`source`] | the lines of source that clash |
//! | [`html`] | the report to step through |
//! | [`litmus`] | the table of `litmus` |

pub mod html;
pub mod json;
pub mod junit;
pub mod listing;
pub mod litmus;
pub mod outcomes;
pub mod source;
mod style;
pub mod table;
pub mod timeline;
pub mod why;

use crate::check::model::{Discipline, EngineKind, Strategy};

/// Who explored and how: `loom`, `shuttle random`.
fn engine(engine: EngineKind, strategy: Option<Strategy>) -> String {
    strategy.map_or(engine.word().to_owned(), |s| format!("{} {}", engine.word(), s.word()))
}

/// What a verdict is bound to: ` under interrupt`; nothing under the discipline of every machine with several processors.
fn under(discipline: &Discipline) -> String {
    match discipline {
        Discipline::Preemptive => String::new(),
        other => format!(" under {other}"),
    }
}

/// `1 check`, `2 checks`, `1,000 checks`.
pub fn count(n: u64, noun: &str) -> String {
    plural(n, noun, &format!("{noun}s"))
}

/// `1 switch`, `2 switches`.
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// Digits in groups of three.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

// The goldens are of all engines side by side.
#[cfg(all(test, not(any(loom, shuttle))))]
mod golden;
#[cfg(all(test, not(any(loom, shuttle))))]
mod page_test;

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_grouped() {
        let got: Vec<String> = [0, 999, 1000, 1234567].into_iter().map(super::grouped).collect();
        assert_eq!(got, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(super::count(1, "check"), "1 check");
    }

    #[test]
    fn progress_is_shown_with_its_estimate_and_rate() {
        let so_far = |estimate| {
            super::table::progress(&crate::check::engine::Progress {
                executions: 1200,
                estimate,
                rate: 4321.9,
            })
        };
        assert_eq!(so_far(Some(90_000.5)), "1,200 of about 90,000 executions, 4,321 a second");
        assert_eq!(so_far(Some(1000.0)), "1,200 executions, 4,321 a second");
        assert_eq!(so_far(None), "1,200 executions, 4,321 a second");
    }
}
