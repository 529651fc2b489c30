//! The recorders that do not hold, in miniature: a head, records of two words, and a reader that takes what is behind
//! the head to be records.

use super::{Event, Found, Recorder};
use selvedge::check::note;
use selvedge::sync::{AtomicBool, AtomicU64, Mutex, Named, Ordering, Shown};

/// The ring. All accesses are `SeqCst`: not their order is at fault, but what is done between them.
struct Ring {
    head: AtomicU64,
    records: Vec<[AtomicU64; 2]>,
}

impl Ring {
    fn new(capacity: usize) -> Self {
        let word = |at, w| AtomicU64::new(0).named_with(|| format!("record[{at}].word[{w}]"));
        Ring {
            head: AtomicU64::new(0).named("head"),
            records: (0..capacity).map(|at| [word(at, 0), word(at, 1)]).collect(),
        }
    }

    fn write(&self, head: u64, event: Event) {
        let place = &self.records[head as usize % self.records.len()];
        for (place, word) in place.iter().zip(event) {
            place.store(word, Ordering::SeqCst);
        }
    }

    fn read(&self) -> Found {
        let head = self.head.load(Ordering::SeqCst);
        let events = (0..head).map(|at| {
            let place = &self.records[at as usize % self.records.len()];
            [0, 1].map(|w| place[w].load(Ordering::SeqCst))
        });
        Found { events: events.collect(), missing: 0 }
    }
}

/// The recorder of 2008.
pub struct HeadUnderLock {
    ring: Ring,
    publishing: Mutex<()>,
}

impl Recorder for HeadUnderLock {
    fn new(capacity: usize) -> Self {
        HeadUnderLock { ring: Ring::new(capacity), publishing: Mutex::new(()).named("publishing") }
    }
    fn record(&self, event: Event) {
        // BUG: the head is read, and the record written at it, before the lock is taken: so does another writer.
        let head = self.ring.head.load(Ordering::SeqCst);
        self.ring.write(head, event);
        note(|| "publishes the head".to_owned());
        let _publishing = self.publishing.lock();
        self.ring.head.store(head + 1, Ordering::SeqCst);
    }
    fn read(&self) -> Found {
        self.ring.read()
    }
}

/// One flag for everyone: whoever finds it set leaves.
pub struct InLoggerFlag {
    ring: Ring,
    in_logger: AtomicBool,
}

impl Recorder for InLoggerFlag {
    fn new(capacity: usize) -> Self {
        let in_logger = AtomicBool::new(false).named("in_logger");
        let in_logger = in_logger.shown(|set| if *set { "busy" } else { "free" });
        InLoggerFlag { ring: Ring::new(capacity), in_logger }
    }
    fn record(&self, event: Event) {
        note(|| "leaves if somebody is in here".to_owned());
        if self.in_logger.swap(true, Ordering::SeqCst) {
            // BUG: meant for a recorder that is called by itself; it is another thread's event that is dropped, and
            // nobody counts it.
            return;
        }
        let head = self.ring.head.load(Ordering::SeqCst);
        self.ring.write(head, event);
        self.ring.head.store(head + 1, Ordering::SeqCst);
        note(|| "is done".to_owned());
        self.in_logger.store(false, Ordering::SeqCst);
    }
    fn read(&self) -> Found {
        self.ring.read()
    }
}
