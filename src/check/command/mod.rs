//! The `selvedge` command, as a library function over a catalogue: a crate of one's own gets all of it with a
//! binary of one line.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     selvedge::check::main(selvedge::check::Catalogue::new())
//! }
//! ```

mod args;
mod check;
mod list;
mod litmus;
pub(super) mod output;
mod replay;
mod report;
mod show;

use super::model::Catalogue;
use super::runner::{case, interrupt};
use super::worker;
use args::Command;
use std::process::ExitCode;

/// The frozen exit codes.
pub mod exit {
    /// All as declared.
    pub const OK: u8 = 0;
    /// Some verdict differs.
    pub const DIFFERS: u8 = 1;
    /// Usage, or a file that cannot be read, written or understood.
    pub const USAGE: u8 = 2;
    /// An engine or the build failed.
    pub const ENGINE: u8 = 3;
    /// Nothing selected.
    pub const NOTHING: u8 = 4;
    /// Interrupted.
    pub const INTERRUPTED: u8 = 130;
}

/// Runs the `selvedge` command over `catalogue`, or one check if this process is a worker.
pub fn main(catalogue: Catalogue) -> ExitCode {
    worker::serve(&catalogue);
    let code = match args::parse(std::env::args_os()) {
        Ok(cli) => match case::validate(&catalogue) {
            Ok(()) => dispatch(&catalogue, cli),
            Err(fault) => {
                output::complain(&fault);
                exit::ENGINE
            }
        },
        Err(code) => code,
    };
    // Whatever the result was, the user has not got it.
    let lost = code <= exit::DIFFERS && output::unwritable();
    let code = if lost { exit::USAGE } else { code };
    ExitCode::from(code)
}

fn dispatch(catalogue: &Catalogue, cli: args::Cli) -> u8 {
    interrupt::listen();
    let result = match cli.command {
        None if cli.check.filter.as_deref() == Some("mutate") => Err(Fault::usage(
            "`mutate` is the name of a command that is not built yet; to check models of that name: selvedge check \
             mutate"
                .to_owned(),
        )),
        None => check::check(catalogue, &cli.check),
        Some(Command::Check(args)) => check::check(catalogue, &args),
        Some(Command::List(args)) => list::list(catalogue, &args),
        Some(Command::Show(args)) => show::show(catalogue, &args),
        Some(Command::Replay(args)) => replay::replay(catalogue, &args),
        Some(Command::Litmus(args)) => litmus::litmus(&args),
        Some(Command::Report(args)) => report::report(catalogue, &args),
    };
    result.unwrap_or_else(|fault| {
        output::complain(&fault.message);
        fault.code
    })
}

/// Why a command could not do its work: one line, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Fault {
    code: u8,
    message: String,
}

impl Fault {
    fn usage(message: impl Into<String>) -> Fault {
        Fault { code: exit::USAGE, message: message.into() }
    }
    fn engine(message: impl Into<String>) -> Fault {
        Fault { code: exit::ENGINE, message: message.into() }
    }
    fn nothing(message: impl Into<String>) -> Fault {
        Fault { code: exit::NOTHING, message: message.into() }
    }
}

/// `did you mean a?`, if `wanted` may have been meant for one of these names; else all of them behind `say`.
fn meant(wanted: &str, say: &str, names: impl Iterator<Item = impl Into<String>>) -> String {
    let all: Vec<String> = names.map(Into::into).collect();
    let near = near(wanted, &all);
    if near.is_empty() { format!("{say} {}", few(&all)) } else { format!("did you mean {}?", few(&near)) }
}

/// Those names that `wanted` may have been meant for, the most likely first.
fn near(wanted: &str, all: &[String]) -> Vec<String> {
    let likely = |name: &&String| {
        let (name, wanted) = (name.to_lowercase(), wanted.to_lowercase());
        !wanted.is_empty() && (name.contains(&wanted) || edits(&name, &wanted) <= wanted.chars().count() / 3)
    };
    let mut near: Vec<String> = all.iter().filter(likely).cloned().collect();
    near.sort_by_key(|name| edits(name, wanted));
    near
}

/// `a, b and 3 more`.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut text = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text += &format!(" and {} more", names.len() - SHOWN);
    }
    text
}

/// How many letters must be changed, left out or put in to make one word of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{edits, meant};

    #[test]
    fn what_was_meant_comes_first() {
        let models = ["session_id_reuse", "vserver_swap", "pool_cache"];
        let says = |wanted| meant(wanted, "the models are", models.into_iter());
        assert_eq!(says("vserver"), "did you mean vserver_swap?");
        assert_eq!(says("VSERVER_SWAP"), "did you mean vserver_swap?");
        assert_eq!(says("pool_cahce"), "did you mean pool_cache?");
        assert_eq!(says("nothing_like_it"), format!("the models are {}", models.join(", ")));
        assert_eq!((edits("", "abc"), edits("abc", "abd"), edits("kitten", "sitting")), (3, 1, 3));
    }
}
