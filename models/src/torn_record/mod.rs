//! openais and its heirs: the recorder that should explain a crash mixes two records, or drops one and does not say so.
//!
#![doc = include_str!("lesson.md")]

mod miniature;

use crate::spawn;
use miniature::{HeadUnderLock, InLoggerFlag};
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::flight_recorder::FlightRecorder;
use selvedge::sync::Arc;

/// An event of two words that belong together.
type Event = [u64; 2];

/// What a reader finds: whole records as they are taken to be, and how many it is told are not among them.
struct Found {
    events: Vec<Event>,
    missing: u64,
}

/// The seam between the variants.
trait Recorder: Send + Sync + 'static {
    /// With room for so many events.
    fn new(capacity: usize) -> Self;
    fn record(&self, event: Event);
    /// What a reader finds who waits for nobody: after a crash there is nobody to wait for.
    fn read(&self) -> Found;
}

/// Fix: numbers are dealt out by one exchange, and a stamp on each record says whether it is whole.
impl Recorder for FlightRecorder<2> {
    fn new(capacity: usize) -> Self {
        FlightRecorder::new(capacity).expect("a small ring")
    }
    fn record(&self, event: Event) {
        FlightRecorder::record(self, event);
    }
    fn read(&self) -> Found {
        let dump = self.dump();
        Found { events: dump.records.iter().map(|r| r.words).collect(), missing: dump.missing() }
    }
}

/// The event of a writer: whoever sees one word of it knows the other.
fn event(writer: u64) -> Event {
    [writer, 10 + writer]
}

fn check(found: &Found) {
    for e in &found.events {
        always("whole", [event(1), event(2)].contains(e), || format!("{e:?} was never recorded"));
    }
}

/// What is asked of the recorder.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    /// That what it shows is true.
    Whole,
    /// And that it says how much it does not show.
    Accounted,
}

/// Two writers; the reader is the crash handler, and comes at any time.
fn scenario<R: Recorder>(capacity: usize, asked: Asked) -> &'static str {
    let recorder = Arc::new(R::new(capacity));
    let writers = [1, 2].map(|writer| {
        let recorder = recorder.clone();
        spawn(["", "writer 1", "writer 2"][writer as usize], move || {
            note(|| format!("records event {writer}"));
            recorder.record(event(writer))
        })
    });
    note(|| "the crash handler reads".to_owned());
    let crash = recorder.read();
    check(&crash);
    for writer in writers {
        writer.join().unwrap();
    }
    note(|| "reads again, when all is over".to_owned());
    let end = recorder.read();
    check(&end);
    let accounted = end.events.len() as u64 + end.missing;
    always("accounted", accounted == 2 || asked == Asked::Whole, || {
        format!("2 events: {} are there, {} are said to be missing", end.events.len(), end.missing)
    });
    sometimes("read-in-time", !crash.events.is_empty());
    sometimes("crash-in-mid-record", crash.missing > 0);
    if crash.events.is_empty() { "crash before a record" } else { "crash after a record" }
}

/// The model.
pub fn model() -> Model {
    const TORN: (&str, Kind) = ("whole", Kind::Assertion);
    const LOST: (&str, Kind) = ("accounted", Kind::Assertion);
    Model::new("torn_record", "the recorder of a crash mixes two records, or drops one and does not say so")
        .incident("001")
        .lesson(include_str!("lesson.md"))
        .always("whole", "a record that is read was written, as it is, by one writer")
        .always("accounted", "when the writers are done, each event is there or counted as missing")
        .sometimes("read-in-time", "the crash handler finds a whole record")
        .sometimes("crash-in-mid-record", "the crash handler comes while a record is written")
        .outcome("crash after a record", Grade::Acceptable, "the crash handler finds a whole record")
        .outcome(
            "crash before a record",
            Grade::Acceptable,
            "the crash handler comes before any record is whole",
        )
        .variant(
            Variant::buggy(
                "head_under_lock",
                || scenario::<HeadUnderLock>(2, Asked::Accounted),
                &[TORN, LOST],
            )
            .about("only the publication of the head is locked: two writers take the same place"),
        )
        .variant(
            Variant::buggy("mixed_record", || scenario::<HeadUnderLock>(2, Asked::Whole), &[TORN])
                .about("the same recorder, asked only that what it shows is true: a record is of two events"),
        )
        .variant(
            Variant::wrong_fix("in_logger_flag", || scenario::<InLoggerFlag>(2, Asked::Accounted), &[LOST])
                .about(
                    "looks right because one thread at a time records; the other's event is dropped silently",
                ),
        )
        .variant(
            Variant::fixed("stamped", || scenario::<FlightRecorder<2>>(2, Asked::Accounted))
                .about("FlightRecorder: each writer has its own place, each record says whether it is whole")
                // loom tries every stale value of every word: bounded by its preemptions. exact exhausts it.
                .loom_bounded(1, 2, Some(3)),
        )
        .variant(
            Variant::fixed("stamped_overwriting", || scenario::<FlightRecorder<2>>(1, Asked::Accounted))
                .about("FlightRecorder with room for one: an event is overwritten, or dropped and counted")
                .loom_bounded(1, 2, Some(3)),
        )
}
