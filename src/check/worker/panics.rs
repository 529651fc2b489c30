//! The worker's panic hook: one line per panic on stderr, and word to the runner before a double panic aborts.

use super::pipe;
use super::protocol::Message;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where the last panic came from.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Panics that are printed: a search that fails over and over says the same thing each time.
const PRINTED: u32 = 20;

/// Installs the hook over the recorder's, which reads the panics of models and passes on the others.
pub fn install() {
    let printed = AtomicU32::new(0);
    // Panics outside a model then end with the recorder's hook: ours has said all there is to say.
    std::panic::set_hook(Box::new(|_| {}));
    crate::check::unwind::install_hook();
    let recorder = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let at = info.location().map_or_else(String::new, |l| format!("{}:{}", l.file(), l.line()));
        let message = info.payload_as_str().unwrap_or("a value that is not a string");
        if printed.fetch_add(1, Ordering::Relaxed) < PRINTED {
            eprintln!("panicked at {at}: {message}");
        }
        // The standard library's last word before it aborts; the panic that caused it is the one before, and has
        // been read.
        if message == "panic in a destructor during cleanup" {
            let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
            pipe::send(Message::DoublePanic { engine: is_engine(&last), at: last.clone() });
        } else {
            *LAST.lock().unwrap_or_else(PoisonError::into_inner) = at;
            recorder(info);
        }
    }));
}

/// Is this source file part of an engine, or of what one stands on?
fn is_engine(file: &str) -> bool {
    let file = file.replace('\\', "/");
    let of = |part: &str| {
        ["loom", "shuttle", "shuttle-engine", "shuttle-std", "generator", "corosensei"].iter().any(|name| {
            part == *name
                || part
                    .strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix('-'))
                    .is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    // A dependency's own sources: `<name>-<version>/src/..` in a registry, `<name>/src/..` when vendored.
    let mut parts = file.split('/').peekable();
    while let Some(part) = parts.next() {
        if of(part) && parts.peek() == Some(&"src") {
            return true;
        }
    }
    file.contains("src/check/engine/")
        || file.contains("src/check/run.rs")
        || file.contains("src/sync/checked/")
}

#[cfg(test)]
mod tests {
    use super::is_engine;

    #[test]
    fn engines_are_told_from_models() {
        assert!(is_engine("/r/registry/src/index/loom-0.7.2/src/rt/mutex.rs:10"));
        assert!(is_engine("vendor/shuttle-engine/src/runtime/execution.rs:1"));
        assert!(is_engine("src/check/engine/loom/mod.rs:3"));
        assert!(!is_engine("models/src/loom_canaries/mod.rs:3"));
        assert!(!is_engine("tests/loom/mod.rs:3"));
        assert!(!is_engine("/home/u/shuttle-bus/src/lib.rs:3"));
    }
}
