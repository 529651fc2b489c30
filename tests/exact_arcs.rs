//! Reference counts under the exact explorer: quiet where nobody can tell the order of clones and drops, counted where
//! somebody can. What each program can come to is known.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::engine::Exploration;
use selvedge::sync::{Arc, thread, thread_local};
use std::cell::Cell;
use support::{exact, outcomes};

#[track_caller]
fn comes_to(x: &Exploration, expected: &[&str]) {
    assert_eq!(x.verdict.to_string(), "exhausted");
    assert_eq!(outcomes(x).iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

/// Who counts through a shared reference does not own the only one: another thread may clone through it too.
#[test]
fn a_count_beside_a_clone_through_a_shared_reference() {
    let x = exact(|| {
        let a = Arc::new(());
        let mut n = 0;
        thread::scope(|s| {
            s.spawn(|| drop(a.clone()));
            n = Arc::strong_count(&a);
        });
        ["", "one", "two"][n]
    });
    comes_to(&x, &["one", "two"]);
    let x = exact(|| {
        let a = Arc::new(());
        let mut n = 0;
        thread::scope(|s| {
            s.spawn(|| drop(a.clone())).join().unwrap();
            n = Arc::strong_count(&a);
            s.spawn(|| drop(a.clone())).join().unwrap();
        });
        ["", "one", "two"][n]
    });
    assert_eq!(x.executions, 1, "what is ordered needs no counting");
    comes_to(&x, &["one"]);
}

thread_local! {
    static DESTROYED_HERE: Cell<u32> = Cell::new(0);
}

/// Its destructor does nothing that the engine performs, and yet shows where it runs.
struct Notes(fn());

impl Drop for Notes {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Two threads let go of a reference each; what the first of them to be started sees.
fn last_of_two(look: fn(), seen: fn() -> u32) -> Exploration {
    exact(move || {
        let a = Arc::new(Notes(look));
        let b = a.clone();
        let drops = |a| {
            thread::spawn(move || {
                drop(a);
                seen()
            })
        };
        let [first, second] = [drops(a), drops(b)];
        let first = first.join().unwrap();
        assert_eq!(first + second.join().unwrap(), 1);
        ["second", "first"][first as usize]
    })
}

#[test]
fn a_destructor_that_writes_to_a_thread_local() {
    let x = last_of_two(|| DESTROYED_HERE.set(1), || DESTROYED_HERE.get());
    comes_to(&x, &["first", "second"]);
}

/// Asking which thread this is tells the orders apart, even where the answer is used by a later panic only.
#[test]
fn a_destructor_that_asks_who_runs_it() {
    for name in ["a", "b"] {
        let x = exact(move || {
            let a = Arc::new(Notes(match name {
                "a" => || assert_ne!(thread::current().name(), Some("a")),
                _ => || assert_ne!(thread::current().name(), Some("b")),
            }));
            for (name, a) in [("a", a.clone()), ("b", a)] {
                thread::Builder::new().name(name.to_owned()).spawn(move || drop(a)).unwrap();
            }
            "ok"
        });
        assert!(x.failure.is_some(), "the one that is last may be {name}: {}", x.verdict);
    }
}
