//! Six threads take one ticket each.
//!
#![doc = include_str!("six_threads.md")]

use super::{right, wrong};
use selvedge::check::{EngineKind, Grade, Kind, Model, always, sometimes};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering, thread};

const LIMIT: &str = "thread-limit: loom runs at most 5 threads, main included";

fn tickets(atomic: bool) -> &'static str {
    let next = Arc::new(AtomicU32::new(0).named("next"));
    let take = move |next: &AtomicU32| {
        if atomic {
            next.fetch_add(1, Ordering::Relaxed)
        } else {
            let ticket = next.load(Ordering::Relaxed);
            // BUG: somebody else may have loaded the same.
            next.store(ticket + 1, Ordering::Relaxed);
            ticket
        }
    };
    let others: Vec<_> = (0..5)
        .map(|_| {
            let next = next.clone();
            thread::spawn(move || take(&next))
        })
        .collect();
    let mine = take(&next);
    let mut tickets: Vec<u32> = others.into_iter().map(|t| t.join().unwrap()).collect();
    tickets.push(mine);
    sometimes("main-is-not-first", mine > 0);
    tickets.sort_unstable();
    always("tickets-distinct", tickets == [0, 1, 2, 3, 4, 5], || format!("the tickets are {tickets:?}"));
    "distinct"
}

/// The model.
pub fn model() -> Model {
    Model::new("canary_six_threads", "six threads: one more than loom can run")
        .lesson(include_str!("six_threads.md"))
        .always("tickets-distinct", "no two threads have the same ticket")
        .sometimes("main-is-not-first", "the threads do overtake each other")
        .outcome("distinct", Grade::Acceptable, "every thread has drawn a number of its own")
        .variant(
            wrong("load_store", || tickets(false), &[("tickets-distinct", Kind::Assertion)])
                .out_of_reach(EngineKind::Loom, LIMIT)
                .about("wrong: a lost update"),
        )
        .variant(right("fetch_add", || tickets(true)).out_of_reach(EngineKind::Loom, LIMIT).about("right"))
}
