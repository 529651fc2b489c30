//! `selvedge litmus`: every litmus test under every engine, against the memory model and what is declared.

use super::args::{ListFormat, LitmusArgs};
use super::{Fault, exit, meant, output};
use crate::check::litmus::judge::Row;
use crate::check::litmus::run;
use crate::check::litmus::subject::SUBJECTS;
use crate::check::litmus::{Test, tests};
use crate::check::model::Budget;
use crate::check::runner::interrupt;
use crate::check::runner::limits::Limits;
use crate::render::litmus as text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Instant;

/// Runs the tests.
pub fn litmus(args: &LitmusArgs) -> Result<u8, Fault> {
    let limits = Limits::of(Budget::Quick).map_err(Fault::usage)?;
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    let filter = args.filter.as_deref().unwrap_or_default();
    let wanted: Vec<&'static Test> = tests().filter(|t| t.name.contains(filter)).collect();
    if wanted.is_empty() {
        let names = meant(filter, "the first of them are", tests().map(|t| t.name));
        return Err(Fault::nothing(format!("no litmus test contains `{filter}`; {names}")));
    }
    let bar = bar(wanted.len() * SUBJECTS.len());
    let mut rows: Vec<Row> = Vec::new();
    let mut gone = false;
    let complete = run::run(&wanted, jobs, limits, |row| {
        bar.inc(1);
        bar.set_message(row.test.name);
        if args.format == ListFormat::Json && !gone {
            gone = output::try_print_raw(&text::json(&row)).is_err();
            if gone {
                interrupt::request();
            }
        }
        rows.push(row);
    });
    bar.finish_and_clear();
    let complete = complete.map_err(Fault::engine)?;
    if gone {
        // Nobody reads the results any more, and not all were made: that is not a pass.
        return Ok(exit::USAGE);
    }
    if args.format == ListFormat::Human {
        output::print(&text::table(&rows));
        output::print(&text::summary(&rows, start.elapsed(), !complete));
    }
    Ok(match (complete, rows.iter().all(Row::as_declared)) {
        (false, _) => exit::INTERRUPTED,
        (true, true) => exit::OK,
        (true, false) => exit::DIFFERS,
    })
}

fn bar(len: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(len as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
