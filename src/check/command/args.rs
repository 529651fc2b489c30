//! The command line. Names of commands and flags are frozen.

use crate::check::model::{Budget, EngineKind, Memory};
use crate::check::runner::budget::DEFAULT_SEED;
use crate::check::worker::protocol;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Checks concurrent Rust: every variant of every model, under every engine that can see it.
#[derive(Parser, Debug)]
#[command(name = "selvedge", version, about, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true, after_help = AFTER)]
pub struct Cli {
    /// What to do; `check` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub check: CheckArgs,
}

/// What no flag says.
const AFTER: &str = "\
Exit codes: 0 all as declared; 1 some verdict differs; 2 usage, or a file that cannot be read, written or understood;
3 an engine or the build failed; 4 nothing selected; 130 interrupted.

Examples:
  selvedge check vserver_swap            every check of one model
  selvedge show vserver_swap/shared_mutation
  selvedge check --out found             and then: selvedge replay found
  selvedge report --out page";

#[derive(Subcommand, Debug)]
pub enum Command {
    /// The gate: runs every check, prints a table, and exits with 1 if a verdict is not as declared.
    Check(CheckArgs),
    /// The catalogue: incidents, models, variants, and what each check is declared to say.
    List(ListArgs),
    /// The lesson of a model, or of one variant: the incident, and the counterexample, found anew.
    Show(ShowArgs),
    /// Runs a saved counterexample again: same failure, another failure, or no longer fails.
    Replay(ReplayArgs),
    /// What each engine can and cannot see, against the memory model's answer.
    Litmus(LitmusArgs),
    /// The gate, and every counterexample to step through, as one HTML file.
    Report(ReportArgs),
}

#[derive(Args, Debug, Clone)]
pub struct CheckArgs {
    /// Only variants with this text in `model/variant`.
    pub filter: Option<String>,
    /// Only this engine: native, loom, shuttle or exact.
    #[arg(long, value_parser = engine)]
    pub engine: Option<EngineKind>,
    /// What each check may spend, in executions.
    #[arg(long, value_enum, default_value = "quick")]
    pub budget: BudgetArg,
    /// Workers at a time; as many as there are cores if nothing is said.
    #[arg(long, value_name = "N", value_parser = jobs, allow_negative_numbers = true)]
    pub jobs: Option<usize>,
    /// Seed of every random choice.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SEED, value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// The exact engine's memory model, rc11 or sc, instead of the one that each check declares.
    #[arg(long, value_name = "MODEL", value_parser = memory)]
    pub memory: Option<Memory>,
    /// Only part K of N, from 1: every N-th check, or, of a single exact check, that share of its search.
    #[arg(long, value_name = "K/N", value_parser = shard)]
    pub shard: Option<Shard>,
    /// How to print the results.
    #[arg(long, value_enum, default_value = "human")]
    pub format: Format,
    /// Writes the counterexamples into this folder, as `.json` for `replay`.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ListArgs {
    /// Only variants with this text in `model/variant`.
    pub filter: Option<String>,
    /// How to print the catalogue.
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
}

#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The model, or one variant of it.
    #[arg(value_name = "MODEL[/VARIANT]")]
    pub name: String,
}

#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// A file that `check --out` wrote, or a folder of such files.
    pub file: PathBuf,
    /// Writes the folder anew: one counterexample for each buggy variant and wrong fix of the catalogue.
    #[arg(long)]
    pub bless: bool,
}

#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Only variants with this text in `model/variant`; the page says that it is a part.
    pub filter: Option<String>,
    /// Writes `report.html` into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

#[derive(Args, Debug)]
pub struct LitmusArgs {
    /// Only tests with this text in their names.
    pub filter: Option<String>,
    /// How to print the results.
    #[arg(long, value_enum, default_value = "human")]
    pub format: ListFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum BudgetArg {
    Quick,
    Standard,
    Deep,
}

impl From<BudgetArg> for Budget {
    fn from(b: BudgetArg) -> Budget {
        match b {
            BudgetArg::Quick => Budget::Quick,
            BudgetArg::Standard => Budget::Standard,
            BudgetArg::Deep => Budget::Deep,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// A table.
    Human,
    /// One object a line.
    Json,
    /// JUnit XML.
    Junit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ListFormat {
    /// Text.
    Human,
    /// One object a line.
    Json,
}

/// Part `k`, from 1, of `n`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    pub k: usize,
    pub n: usize,
}

fn engine(word: &str) -> Result<EngineKind, String> {
    let all = EngineKind::ALL.map(EngineKind::word).join(", ");
    protocol::engine(word).ok_or_else(|| format!("the engines are {all}"))
}

fn memory(word: &str) -> Result<Memory, String> {
    match word {
        "rc11" => Ok(Memory::Rc11),
        "sc" => Ok(Memory::Sc),
        _ => Err("the memory models are rc11, sc".to_owned()),
    }
}

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n @ 1..=1024) => Ok(n),
        _ => Err("it takes a number of workers from 1 to 1024".to_owned()),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("it takes a number from 0 to {}", u64::MAX))
}

fn shard(text: &str) -> Result<Shard, String> {
    let parsed = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match parsed {
        Some((k, n)) if 1 <= k && k <= n => Ok(Shard { k, n }),
        _ => Err("it takes K/N with 1 <= K <= N, such as 2/3".to_owned()),
    }
}

/// What the user asked for; `Err` is the exit code, after everything has been said.
pub fn parse(args: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Cli, u8> {
    Cli::try_parse_from(args).map_err(|e| {
        if !e.use_stderr() {
            // Help and version are results, not errors.
            super::output::print(&e.render().ansi().to_string());
            return super::exit::OK;
        }
        super::output::complain(&one_line(&e.render().to_string()));
        super::exit::USAGE
    })
}

/// Folds clap's message into one line, without usage and pointers to help.
fn one_line(message: &str) -> String {
    let keep = |l: &&str| !l.is_empty() && !l.starts_with("Usage:") && !l.starts_with("For more information");
    let lines: Vec<&str> = message.lines().map(str::trim).filter(keep).collect();
    let text = lines.join(" ");
    let text = text.strip_prefix("error: ").unwrap_or(&text).to_owned();
    if text.is_empty() { "the command line makes no sense; see `selvedge --help`".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn shards() {
        assert_eq!(shard("2/3"), Ok(Shard { k: 2, n: 3 }));
        for bad in ["3/2", "0/2", "1", "a/b", "1/0", "-1/2", "1/2/3"] {
            assert!(shard(bad).is_err(), "{bad}");
        }
    }
}
