//! [`FlightRecorder`]: the last events of all threads, in a ring that is written without a lock and can be read
//! from the wreck.
//!
//! ```
//! use selvedge::flight_recorder::{Dump, FlightRecorder};
//!
//! const OPENED: u64 = 1;
//! const CLOSED: u64 = 2;
//!
//! let recorder = FlightRecorder::<3>::new(4)?;
//! for session in 0..5 {
//!     recorder.record([OPENED, session, 0]);
//! }
//! recorder.record([CLOSED, 3, 0]);
//!
//! // The oldest two of six events are gone; the dump says so.
//! let bytes = recorder.to_bytes();
//! let dump = Dump::<3>::from_bytes(&bytes)?;
//! assert_eq!(dump.records.first().map(|r| (r.sequence, r.words)), Some((2, [OPENED, 2, 0])));
//! assert_eq!(dump.records.last().map(|r| r.words), Some([CLOSED, 3, 0]));
//! assert_eq!((dump.recorded, dump.dropped, dump.torn), (6, 0, 0));
//! assert_eq!((dump.missing(), dump.overwritten()), (2, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//! * [`FlightRecorder::record`] takes no lock, waits for nobody and allocates nothing: a thread of the highest
//!   priority cannot be held up by one that was preempted in mid-record, and a signal handler may call it.
//! * A record that is read was written as one [`record`](FlightRecorder::record) wrote it. What is half written, or
//!   overwritten while it is read, is counted as torn and not shown.
//! * A record that is lost is counted. New records overwrite the oldest; one is dropped only where two threads are a whole
//!   lap apart: its place is still being written by a thread that was stopped that long ago, or its own writer was, and
//!   a newer record is there by now.
//! * A dump never waits for writers, so it can be made when they hang or are gone; see [`Dump`] for the bytes, which
//!   are also what a core file holds. [`dump_on_panic`] makes one when a thread panics.
//!
//! # How fast it is
//! An uncontended record costs two read-modify-writes, on the shared position and on the record's stamp. Threads share the
//! line of the position; where that matters, give each thread a recorder of its own, with a time stamp among its
//! words, and merge the dumps.
//!
//! # Who invented it
//! A stamp that is odd while its words are being written is a sequence lock, as in Linux; how to write one with the orderings
//! of C++ is H.-J. Boehm's *Can seqlocks get along with programming language memory models?* (MSPC 2012).

mod dump;
mod panic;

pub use dump::{Dump, DumpError, Record};
pub use panic::dump_on_panic;

use crate::sync::{AtomicU64, Named, Ordering};
use std::fmt;

/// A ring of records of `WORDS` words, written by any number of threads. See the [module](self).
///
/// `ring[0..4]` is the header: magic, words and capacity, position, drops. Record *s* has its place at *s* mod
/// capacity: a stamp, then its words.
///
/// | stamp | means | who may move it | to | ordering |
/// |---|---|---|---|---|
/// | 0 | never written | the writer of any record of this place | 2s + 1 | Acquire |
/// | 2s + 2 | record s is whole | the writer of a later record of this place | 2s' + 1, s' > s | Acquire |
/// | 2s + 1 | record s is being written | its writer, and no one else | 2s + 2 | Release |
///
/// The position only deals out numbers: Relaxed. The words are atomics, stored with Release and loaded with Acquire:
/// who reads a word of a later record also sees that record's claim when it looks at the stamp for the second time.
/// So does the next writer, by the Acquire of its claim, and no word of an earlier record comes after it.
pub struct FlightRecorder<const WORDS: usize = 3> {
    ring: Box<[AtomicU64]>,
    capacity: u64,
}

const MAGIC: u64 = u64::from_le_bytes(*b"selvFR01");
const HEADER: usize = 4;
const POSITION: usize = 2;
const DROPPED: usize = 3;

/// No ring of this size: without a record, or too large for a dump to describe or for memory to address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidCapacity(
    /// The number of records asked for.
    pub usize,
);

impl fmt::Display for InvalidCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a flight recorder has 1 to {} records of 1 to {} words, and fits into the address space; not {} records",
            u32::MAX,
            u16::MAX,
            self.0
        )
    }
}

impl std::error::Error for InvalidCapacity {}

impl<const WORDS: usize> FlightRecorder<WORDS> {
    /// A ring of `capacity` records, allocated here and never again: `8 * (4 + capacity * (WORDS + 1))` bytes. If there
    /// are not as many, that ends the program, as for any allocation.
    pub fn new(capacity: usize) -> Result<Self, InvalidCapacity> {
        let bytes = (WORDS.checked_add(1))
            .and_then(|words| {
                words.checked_mul(capacity)?.checked_add(HEADER)?.checked_mul(size_of::<AtomicU64>())
            })
            .filter(|bytes| isize::try_from(*bytes).is_ok());
        let described =
            (1..=u32::MAX as usize).contains(&capacity) && (1..=usize::from(u16::MAX)).contains(&WORDS);
        if bytes.is_none() || !described {
            return Err(InvalidCapacity(capacity));
        }
        let header = [MAGIC, shape(WORDS, capacity), 0, 0];
        let names = ["magic", "shape", "position", "dropped"];
        let header = header.into_iter().zip(names).map(|(word, name)| AtomicU64::new(word).named(name));
        let record = |at| {
            (0..=WORDS).map(move |word| {
                AtomicU64::new(0).named_with(|| match word {
                    0 => format!("record[{at}].stamp"),
                    _ => format!("record[{at}].word[{}]", word - 1),
                })
            })
        };
        let ring = header.chain((0..capacity).flat_map(record)).collect();
        Ok(FlightRecorder { ring, capacity: capacity as u64 })
    }

    /// Records one event, over the oldest. Returns whether it is there; if not, it is counted as dropped.
    #[inline]
    pub fn record(&self, words: [u64; WORDS]) -> bool {
        // Relaxed: deals out numbers; the stamp orders what is done with them.
        let sequence = self.ring[POSITION].fetch_add(1, Ordering::Relaxed);
        let (stamp, places) = self.place(sequence);
        // Relaxed: only what the exchange confirms is acted upon.
        let before = stamp.load(Ordering::Relaxed);
        let writing = 2 * sequence + 1;
        // Being written by somebody else, or written by a thread that is a lap ahead: this record is the one to go.
        // Acquire: pairs with the Release that completed the last record of this place; its words come before ours.
        let claimed = before & 1 == 0
            && before < writing
            && stamp.compare_exchange(before, writing, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if !claimed {
            return self.drop_one();
        }
        for (place, word) in places.iter().zip(words) {
            // Release: pairs with the Acquire in `read`; who sees the word sees the claim.
            place.store(word, Ordering::Release);
        }
        // Release: pairs with the Acquire in `read` and with the next claim; who sees the stamp sees the words.
        stamp.store(writing + 1, Ordering::Release);
        true
    }

    #[cold]
    fn drop_one(&self) -> bool {
        // Relaxed: a sum that orders nothing.
        self.ring[DROPPED].fetch_add(1, Ordering::Relaxed);
        false
    }

    /// What is in the ring now, oldest first. Waits for nobody; who writes meanwhile makes a record torn or missing.
    pub fn dump(&self) -> Dump<WORDS> {
        let (recorded, dropped) = self.totals();
        let mut dump = Dump { records: Vec::new(), recorded, dropped, torn: 0, unreadable: 0 };
        for at in 0..self.capacity {
            match self.read(at) {
                Read::Vacant => {}
                Read::Whole(record) => dump.records.push(record),
                Read::Torn(_) => dump.torn += 1,
            }
        }
        dump.records.sort_by_key(|record| record.sequence);
        dump
    }

    /// The same as bytes: what [`Dump::from_bytes`] reads.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 * self.ring.len());
        let Ok(()) = self.each_word(|word| {
            bytes.extend_from_slice(&word.to_le_bytes());
            Ok::<(), std::convert::Infallible>(())
        });
        bytes
    }

    /// The same, written out word by word, without allocating. On a bare file that is a system call a word: wrap it in a
    /// `BufWriter`, if allocating its buffer is allowed at this moment.
    pub fn write_to(&self, mut out: impl std::io::Write) -> std::io::Result<()> {
        self.each_word(|word| out.write_all(&word.to_le_bytes()))
    }

    /// The words of a dump. A record that is torn keeps the stamp of one that is being written.
    fn each_word<E>(&self, mut out: impl FnMut(u64) -> Result<(), E>) -> Result<(), E> {
        let (recorded, dropped) = self.totals();
        for word in [MAGIC, shape(WORDS, self.capacity as usize), recorded, dropped] {
            out(word)?;
        }
        for at in 0..self.capacity {
            let (stamp, words) = match self.read(at) {
                Read::Vacant => (0, [0; WORDS]),
                Read::Torn(stamp) => (stamp, [0; WORDS]),
                Read::Whole(record) => (2 * record.sequence + 2, record.words),
            };
            out(stamp)?;
            words.into_iter().try_for_each(&mut out)?;
        }
        Ok(())
    }

    fn totals(&self) -> (u64, u64) {
        // Relaxed: sums. Read before the records, so that none of them is newer by more than is being written.
        (self.ring[POSITION].load(Ordering::Relaxed), self.ring[DROPPED].load(Ordering::Relaxed))
    }

    /// Reads the place `at`.
    fn read(&self, at: u64) -> Read<WORDS> {
        let (stamp, places) = self.place(at);
        // Acquire: pairs with the Release of the completed record; its words, or later ones, are visible.
        let before = stamp.load(Ordering::Acquire);
        if before == 0 {
            return Read::Vacant;
        }
        if before & 1 == 1 {
            return Read::Torn(before);
        }
        let mut words = [0; WORDS];
        for (word, place) in words.iter_mut().zip(places) {
            // Acquire: pairs with the Release in `record`; if this is a later record's word, its claim is visible.
            *word = place.load(Ordering::Acquire);
        }
        // Relaxed: ordered after the words by their Acquire.
        if stamp.load(Ordering::Relaxed) != before {
            // The stamp that this record had while it was being written: of this place, whoever writes there now.
            return Read::Torn(before - 1);
        }
        Read::Whole(Record { sequence: before / 2 - 1, words })
    }

    /// The stamp and the words of the place of record `sequence`.
    #[inline]
    fn place(&self, sequence: u64) -> (&AtomicU64, &[AtomicU64]) {
        let at = HEADER + (sequence % self.capacity) as usize * (WORDS + 1);
        (&self.ring[at], &self.ring[at + 1..at + 1 + WORDS])
    }

    /// Records in the ring at most.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }
}

/// What a place of the ring holds.
enum Read<const WORDS: usize> {
    Vacant,
    /// Being written, or written while it was read. With an odd stamp.
    Torn(u64),
    Whole(Record<WORDS>),
}

/// The second word of the header: records have so many words, the ring has so many records.
fn shape(words: usize, capacity: usize) -> u64 {
    (words as u64) << 32 | capacity as u64
}

impl<const WORDS: usize> fmt::Debug for FlightRecorder<WORDS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightRecorder").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(FlightRecorder: Send, Sync, std::panic::RefUnwindSafe);
