//! The README's catalogue, word for word.

use selvedge::check::{Catalogue, Kind, Model, Variant, always};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering, thread};

fn main() -> std::process::ExitCode {
    selvedge::check::test_main(catalogue())
}

fn catalogue() -> Catalogue {
    let counter = Model::new("counter", "two threads count")
        .always("nothing-lost", "the counter ends at the number of increments")
        .variant(Variant::buggy(
            "load_store",
            || count(|n| n.store(n.load(Ordering::Relaxed) + 1, Ordering::Relaxed)),
            &[("nothing-lost", Kind::Assertion)],
        ))
        .variant(Variant::fixed("fetch_add", || count(|n| _ = n.fetch_add(1, Ordering::Relaxed))));
    Catalogue::new().model(counter)
}

/// What both variants do: they differ in how they add.
fn count(add: fn(&AtomicU32)) -> &'static str {
    let n = Arc::new(AtomicU32::new(0).named("n"));
    let other = {
        let n = n.clone();
        thread::spawn(move || add(&n))
    };
    add(&n);
    other.join().unwrap();
    let end = n.load(Ordering::Relaxed);
    always("nothing-lost", end == 2, || format!("two increments, and the counter is {end}"));
    "counted"
}
