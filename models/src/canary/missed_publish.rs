//! A flag is stored without Release after the data it stands for; the writer has loaded the flag before.
//!
#![doc = include_str!("missed_publish.md")]

use super::{right, wrong};
use crate::spawn;
use selvedge::check::{EngineKind, Grade, Kind, Model, sometimes};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering, UnsafeCell};

struct Mailbox {
    full: AtomicU32,
    letter: UnsafeCell<u32>,
}

// SAFETY: the letter is read only after `full` was seen set. In the relaxed variants that is not enough, which is the
// point; the checker sees the access before it happens.
unsafe impl Sync for Mailbox {}

impl Mailbox {
    fn new() -> Self {
        Mailbox { full: AtomicU32::new(0).named("full"), letter: UnsafeCell::new(0).named("letter") }
    }

    fn write(&self, publish: Ordering) {
        if self.full.load(Ordering::Relaxed) == 0 {
            // SAFETY: `full` is 0, so nobody reads yet, and there is one writer.
            self.letter.with_mut(|l| unsafe { *l = 7 });
            self.full.store(1, publish);
        }
    }

    fn read(&self) -> Option<u32> {
        // Acquire: would pair with a Release in `write`.
        // SAFETY: `full` is 1, so the writer is done. False if `write` publishes with Relaxed.
        (self.full.load(Ordering::Acquire) == 1).then(|| self.letter.with(|l| unsafe { *l }))
    }
}

fn publish(publish: Ordering, main_reads: bool) -> &'static str {
    let mailbox = Arc::new(Mailbox::new());
    let letter = {
        let other = mailbox.clone();
        if main_reads {
            let writer = spawn("writer", move || other.write(publish));
            let letter = mailbox.read();
            writer.join().unwrap();
            letter
        } else {
            let reader = spawn("reader", move || other.read());
            mailbox.write(publish);
            reader.join().unwrap()
        }
    };
    sometimes("letter-read", letter == Some(7));
    sometimes("too-early", letter.is_none());
    if letter.is_some() { "read" } else { "too early" }
}

/// The model.
pub fn model() -> Model {
    const RACE: [(&str, Kind); 1] = [("race-free", Kind::DataRace)];
    Model::new("canary_missed_publish", "a publish without Release: loom passes it when main is the reader")
        .lesson(include_str!("missed_publish.md"))
        .always("race-free", "the letter is read after it was written")
        .sometimes("letter-read", "the reader finds the letter")
        .sometimes("too-early", "the reader does not see the letter published")
        .outcome("read", Grade::Acceptable, "the letter was published, and is read")
        .outcome("too early", Grade::Acceptable, "the reader does not see the letter published")
        .variant(
            wrong("main_reads", || publish(Ordering::Relaxed, true), &RACE)
                .out_of_reach(
                    EngineKind::Loom,
                    "missed-interleaving: the writer's own load hides the race of its store with the reader's load",
                )
                .about("wrong, and loom explores one execution of it"),
        )
        .variant(
            wrong("main_writes", || publish(Ordering::Relaxed, false), &RACE)
                .about("the same two threads the other way round: every engine finds the race"),
        )
        .variant(
            right("released", || publish(Ordering::Release, false)).about("right: Release pairs with Acquire"),
        )
}
