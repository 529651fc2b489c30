//! Selvedge in other people's test suites.
//!
//! * [`test_main`]: a `harness = false` target that speaks the test runner's protocol, one test per check.
//! * [`model`]: a drop-in for `loom::model` inside an ordinary `#[test]`.
//!
//! ```no_run
//! // tests/models.rs, with `harness = false`
//! # use selvedge::check::Catalogue;
//! # fn catalogue() -> Catalogue { Catalogue::new() }
//! fn main() -> std::process::ExitCode {
//!     selvedge::check::test_main(catalogue())
//! }
//! ```

mod checker;
mod identity;

pub use checker::{Checker, model};

use super::model::{Budget, Catalogue};
use super::runner::case::{self, Case, Selection, only_engine};
use super::runner::limits::Limits;
use super::runner::{self, Report};
use super::worker;
use crate::render::table;
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;
use std::sync::Arc;

/// Chooses the budget of [`test_main`]: `quick` (the default), `standard` or `deep`.
pub const BUDGET_ENV: &str = "SELVEDGE_BUDGET";

/// The budget of a test run. `--cfg loom` and `--cfg shuttle` run one engine, at full depth.
fn budget() -> Result<Budget, String> {
    let default = if only_engine().is_some() { Budget::Deep } else { Budget::Quick };
    let Some(word) = std::env::var_os(BUDGET_ENV) else { return Ok(default) };
    [Budget::Quick, Budget::Standard, Budget::Deep]
        .into_iter()
        .find(|b| word == b.word())
        .ok_or_else(|| format!("{BUDGET_ENV} must be quick, standard or deep"))
}

/// Runs the checks of `catalogue` as tests named `model::variant::engine[::strategy]`, each in a process of its own.
/// Understands the command line of `cargo test` and of cargo-nextest.
pub fn test_main(catalogue: Catalogue) -> ExitCode {
    worker::serve(&catalogue);
    let ready = case::validate(&catalogue).and_then(|()| {
        let budget = budget()?;
        Ok((budget, Limits::of(budget)?))
    });
    let (budget, limits) = match ready {
        Ok(ready) => ready,
        Err(fault) => {
            super::command::output::complain(&fault);
            return ExitCode::from(super::command::exit::USAGE);
        }
    };
    let arguments = Arguments::from_args();
    let cases = case::select(&catalogue, &Selection { budget, ..Selection::default() });
    let trials = cases.into_iter().map(|c| trial(Arc::new(c), limits)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(case: Arc<Case>, limits: Limits) -> Trial {
    Trial::test(case.test_name(), move || match runner::run_one(&case, limits) {
        Ok(Some(report)) => verdict(&report),
        Ok(None) => Err(Failed::from("interrupted")),
        Err(fault) => Err(Failed::from(fault)),
    })
}

fn verdict(report: &Report) -> Result<(), Failed> {
    if report.as_declared {
        return Ok(());
    }
    Err(Failed::from(plain(&table::failure(report, None))))
}

/// Test output is read in logs: without colours.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
