//! [`Dump`]: what a recorder held, from memory or from bytes that come from a file or a core.

use super::{HEADER, MAGIC, shape};
use std::fmt;

/// One event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<const WORDS: usize = 3> {
    /// Its number among all that were recorded, from 0.
    pub sequence: u64,
    /// What was recorded.
    pub words: [u64; WORDS],
}

/// What a recorder held.
///
/// As bytes, all words little-endian: `selvFR01`; the capacity (low 32 bits) and the words of a record; events so far;
/// events dropped; then for each place the stamp (0 vacant, 2s + 2 record s, 2s + 1 record s half written) and the
/// words. The ring has the same form in memory, in one piece: on a little-endian machine what follows `selvFR01` in
/// a core file can be read as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Dump<const WORDS: usize = 3> {
    /// Whole records, oldest first.
    pub records: Vec<Record<WORDS>>,
    /// Events so far, whatever became of them.
    pub recorded: u64,
    /// Events that found their place being written, or taken by a newer one. In damaged bytes any number, as `recorded`.
    pub dropped: u64,
    /// Places that were being written.
    pub torn: u64,
    /// Places whose stamp no recorder writes there: the bytes are damaged. Always 0 in a dump from memory.
    pub unreadable: u64,
}

/// These bytes are not a dump.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DumpError {
    /// They do not begin as one.
    NotADump,
    /// Records of another size.
    Words {
        /// Words of a record.
        found: u64,
    },
    /// A capacity that no recorder has.
    Capacity,
    /// They end too early.
    Truncated {
        /// Bytes that a ring of this capacity takes.
        expected: u64,
        /// Bytes that are there.
        found: usize,
    },
}

impl fmt::Display for DumpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DumpError::NotADump => f.write_str("not the dump of a flight recorder"),
            DumpError::Words { found } => write!(f, "a dump with records of {found} words"),
            DumpError::Capacity => f.write_str("a dump of a ring without records"),
            DumpError::Truncated { expected, found } => {
                write!(f, "a dump of {expected} bytes, of which {found} are there")
            }
        }
    }
}

impl std::error::Error for DumpError {}

impl<const WORDS: usize> Dump<WORDS> {
    /// Reads a dump. What follows it is ignored, as in a core file; a place that makes no sense is counted, and the
    /// others are read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DumpError> {
        let mut words = bytes.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b));
        if words.next() != Some(MAGIC) {
            return Err(DumpError::NotADump);
        }
        let truncated = |expected| DumpError::Truncated { expected, found: bytes.len() };
        let header = 8 * HEADER as u64;
        let [Some(form), Some(recorded), Some(dropped)] = [words.next(), words.next(), words.next()] else {
            return Err(truncated(header));
        };
        let capacity = form & u64::from(u32::MAX);
        if form != shape(WORDS, capacity as usize) {
            return Err(DumpError::Words { found: form >> 32 });
        }
        if capacity == 0 {
            return Err(DumpError::Capacity);
        }
        let expected = header + 8 * capacity * (WORDS as u64 + 1);
        if (bytes.len() as u64) < expected {
            return Err(truncated(expected));
        }
        let mut dump = Dump { recorded, dropped, ..Dump::default() };
        for at in 0..capacity {
            let stamp = words.next().ok_or(truncated(expected))?;
            let mut record = [0; WORDS];
            for word in &mut record {
                *word = words.next().ok_or(truncated(expected))?;
            }
            let sequence = stamp.wrapping_sub(1) / 2;
            if stamp == 0 {
            } else if sequence % capacity != at {
                dump.unreadable += 1;
            } else if stamp & 1 == 1 {
                dump.torn += 1;
            } else {
                dump.records.push(Record { sequence, words: record });
            }
        }
        dump.records.sort_by_key(|record| record.sequence);
        Ok(dump)
    }

    /// Events that happened and are not here: overwritten, dropped, torn or damaged.
    pub fn missing(&self) -> u64 {
        self.recorded.saturating_sub(self.records.len() as u64)
    }

    /// Of those that are missing, the ones that newer events have taken the place of: the rest is dropped, torn or
    /// damaged. While others record, the sums are not of one moment, and this is an estimate.
    pub fn overwritten(&self) -> u64 {
        // The numbers may come from damaged bytes, and then add up to anything.
        let otherwise = self.dropped.saturating_add(self.torn).saturating_add(self.unreadable);
        self.missing().saturating_sub(otherwise)
    }
}
