//! Which test is running, and which call of `model` in it: how a re-executed test binary finds its way back.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The full name of the running test, if it can be known.
///
/// libtest names the thread of a test after it, where there are threads. On another thread the command line may
/// still name exactly one test, as cargo-nextest's does.
pub fn test_name() -> Option<String> {
    let thread = std::thread::current();
    match thread.name() {
        Some("main") | None => exact_argument(std::env::args().skip(1)),
        Some(name) => Some(name.to_owned()),
    }
}

/// The one filter on a command line with `--exact`.
fn exact_argument(args: impl Iterator<Item = String>) -> Option<String> {
    let (mut exact, mut names) = (false, Vec::new());
    let mut value_follows = false;
    for arg in args {
        if std::mem::take(&mut value_follows) {
            continue;
        }
        match arg.as_str() {
            "--exact" => exact = true,
            "--skip" | "--test-threads" | "--format" | "--color" | "--logfile" | "--shuffle-seed" | "-Z" => {
                value_follows = true;
            }
            a if a.starts_with('-') => {}
            _ => names.push(arg),
        }
    }
    (exact && names.len() == 1).then(|| names.remove(0))
}

/// The calls of `model` in the tests of this process.
static CALLS: Mutex<BTreeMap<String, Calls>> = Mutex::new(BTreeMap::new());

#[derive(Default)]
struct Calls {
    made: usize,
    failed: BTreeMap<usize, String>,
}

fn calls<R>(name: &str, f: impl FnOnce(&mut Calls) -> R) -> R {
    let mut all = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    f(all.entry(name.to_owned()).or_default())
}

/// A call of `model` in the test `name`.
pub struct Call<'a> {
    name: &'a str,
    /// Its position among the calls of the test, from 0.
    pub ordinal: usize,
    /// Those before it that failed, and how they panicked.
    pub failed: BTreeMap<usize, String>,
}

/// Enters a call of `model` in the test `name`.
pub fn enter(name: &str) -> Call<'_> {
    calls(name, |c| {
        c.made += 1;
        Call { name, ordinal: c.made - 1, failed: c.failed.clone() }
    })
}

impl Call<'_> {
    /// The model failed, and the call is about to panic with `message`.
    pub fn fails(&self, message: &str) {
        calls(self.name, |c| c.failed.insert(self.ordinal, message.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(line: &str) -> Option<String> {
        exact_argument(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn the_command_line_names_one_test_or_none() {
        assert_eq!(exact("--exact a::b --nocapture").as_deref(), Some("a::b"));
        assert_eq!(exact("a::b --nocapture --exact").as_deref(), Some("a::b"));
        assert_eq!(exact("--exact --test-threads 1 a::b").as_deref(), Some("a::b"));
        assert_eq!(exact("--exact a::b a::c"), None);
        assert_eq!(exact("a::b"), None);
    }

    #[test]
    fn calls_are_counted_by_test_and_failures_remembered() {
        assert_eq!((enter("one").ordinal, enter("other").ordinal), (0, 0));
        let call = enter("one");
        assert_eq!((call.ordinal, call.failed.len()), (1, 0));
        call.fails("so");
        let next = enter("one");
        assert_eq!((next.ordinal, next.failed.get(&1).map(String::as_str)), (2, Some("so")));
    }
}
