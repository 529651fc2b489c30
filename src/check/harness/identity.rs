//! Which test is running, and which call of `model` in it: how a re-executed test binary finds its way back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The full name of the running test, if it can be known.
///
/// libtest names the thread of a test after it. With one test thread it runs tests on the main thread; then the
/// command line may still name exactly one test, as cargo-nextest's does.
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

/// The position of this call of `model` among those of the test `name` in this process, from 0.
pub fn ordinal(name: &str) -> usize {
    static CALLS: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);
    let mut calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    let n = calls.get_or_insert_default().entry(name.to_owned()).or_insert(0);
    *n += 1;
    *n - 1
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
    fn calls_are_counted_by_test() {
        assert_eq!((ordinal("one"), ordinal("other"), ordinal("one")), (0, 0, 1));
    }
}
