//! `FlightRecorder`: what a dump holds, what is refused, several writers with a reader among them, and a panic.

use proptest::prelude::*;
use selvedge::flight_recorder::{Dump, DumpError, FlightRecorder, InvalidCapacity, Record, dump_on_panic};
use selvedge::sync::{Arc, AtomicBool, Mutex, Ordering, thread};
use std::io;

fn words<const W: usize>(dump: &Dump<W>) -> Vec<[u64; W]> {
    dump.records.iter().map(|r| r.words).collect()
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    assert_eq!(FlightRecorder::<3>::new(0).unwrap_err(), InvalidCapacity(0));
    assert_eq!(FlightRecorder::<0>::new(1).unwrap_err(), InvalidCapacity(1));
    assert_eq!(FlightRecorder::<1>::new(1).unwrap().capacity(), 1);
}

#[test]
fn a_new_recorder_is_empty() {
    let dump = FlightRecorder::<2>::new(3).unwrap().dump();
    assert_eq!(dump, Dump::default());
    assert_eq!(dump.missing(), 0);
}

#[test]
fn the_newest_records_are_kept_in_order() {
    let recorder = FlightRecorder::<2>::new(4).unwrap();
    for n in 0..11 {
        assert!(recorder.record([n, n * n]));
        let dump = recorder.dump();
        let expected: Vec<_> = ((n + 1).saturating_sub(4)..=n).map(|n| [n, n * n]).collect();
        assert_eq!(words(&dump), expected);
        assert!(dump.records.iter().all(|r| r.sequence == r.words[0]));
        assert_eq!((dump.recorded, dump.missing()), (n + 1, (n + 1).saturating_sub(4)));
        assert_eq!(dump.overwritten(), dump.missing(), "nothing else became of them");
    }
}

#[test]
fn bytes_say_what_memory_says() {
    let recorder = FlightRecorder::<2>::new(4).unwrap();
    for n in 0..7 {
        recorder.record([n, !n]);
        let mut written = Vec::new();
        recorder.write_to(&mut written).unwrap();
        assert_eq!(written, recorder.to_bytes());
        assert_eq!(Dump::<2>::from_bytes(&written).unwrap(), recorder.dump());
        // As in a core file: something follows.
        written.extend([0xff; 100]);
        assert_eq!(Dump::<2>::from_bytes(&written).unwrap(), recorder.dump());
    }
}

#[test]
fn bytes_that_are_no_dump_are_refused() {
    let recorder = FlightRecorder::<2>::new(2).unwrap();
    recorder.record([1, 2]);
    let bytes = recorder.to_bytes();
    assert_eq!(bytes.len(), 8 * (4 + 2 * 3));
    assert_eq!(Dump::<2>::from_bytes(&[]), Err(DumpError::NotADump));
    assert_eq!(Dump::<2>::from_bytes(&bytes[1..]), Err(DumpError::NotADump));
    assert_eq!(Dump::<3>::from_bytes(&bytes), Err(DumpError::Words { found: 2 }));
    let short = &bytes[..bytes.len() - 1];
    assert_eq!(Dump::<2>::from_bytes(short), Err(DumpError::Truncated { expected: 80, found: 79 }));
    assert_eq!(Dump::<2>::from_bytes(&bytes[..9]), Err(DumpError::Truncated { expected: 32, found: 9 }));
    let mut none = bytes.clone();
    none[8..12].fill(0);
    assert_eq!(Dump::<2>::from_bytes(&none), Err(DumpError::Capacity));
    // A stamp that belongs to another place: that record is lost, the dump is not.
    let mut damaged = bytes;
    damaged[32] = 4;
    let dump = Dump::<2>::from_bytes(&damaged).unwrap();
    assert_eq!((dump.records.len(), dump.unreadable, dump.missing()), (0, 1, 1));
    // A stamp of a writer that did not come to its end.
    damaged[32] = 1;
    let dump = Dump::<2>::from_bytes(&damaged).unwrap();
    assert_eq!((dump.records.len(), dump.torn, dump.unreadable), (0, 1, 0));
    assert_eq!((dump.missing(), dump.overwritten()), (1, 0));
}

/// Words of one record belong together, whoever reads them and whenever.
#[test]
fn no_reader_sees_a_torn_record() {
    const WRITERS: u64 = 3;
    const EVENTS: u64 = 20_000;
    let recorder = FlightRecorder::<3>::new(8).unwrap();
    let done = AtomicBool::new(false);
    let whole = |r: &Record<3>| r.words == [r.words[0], r.words[0] ^ 0xabcd, !r.words[0]];
    let (mut dumps, mut recorded) = (0, 0);
    thread::scope(|s| {
        let reader = s.spawn(|| {
            let mut dumps = 0u64;
            loop {
                let last = done.load(Ordering::Acquire);
                let dump = recorder.dump();
                assert!(dump.records.iter().all(whole), "torn: {dump:?}");
                assert!(dump.records.is_sorted_by(|a, b| a.sequence < b.sequence), "{dump:?}");
                let bytes = Dump::<3>::from_bytes(&recorder.to_bytes()).unwrap();
                assert!(bytes.records.iter().all(whole) && bytes.unreadable == 0, "torn: {bytes:?}");
                dumps += 1;
                // One at least, however late this thread runs.
                if last {
                    break;
                }
            }
            dumps
        });
        let recorder = &recorder;
        let writers: Vec<_> = (0..WRITERS)
            .map(|w| {
                s.spawn(move || {
                    (0..EVENTS)
                        .filter(|n| {
                            let n = w << 32 | n;
                            recorder.record([n, n ^ 0xabcd, !n])
                        })
                        .count() as u64
                })
            })
            .collect();
        recorded = writers.into_iter().map(|w| w.join().unwrap()).sum();
        done.store(true, Ordering::Release);
        dumps = reader.join().unwrap();
    });
    let dump = recorder.dump();
    assert!(dumps > 0);
    assert_eq!(dump.recorded, WRITERS * EVENTS);
    assert_eq!(dump.dropped, WRITERS * EVENTS - recorded, "every record is there or counted");
    assert_eq!(dump.torn, 0, "nobody writes any more");
    assert!(dump.records.iter().all(whole));
    assert_eq!(dump.overwritten(), recorded - dump.records.len() as u64);
}

/// As from a core file: the recorder is not asked, its memory is read. (In the checked form a word is more than a word.)
#[cfg(all(target_os = "linux", target_endian = "little", not(any(feature = "check", loom, shuttle))))]
#[test]
fn the_memory_of_a_process_holds_a_dump() {
    use std::io::{Read, Seek, SeekFrom};
    // Of this size there is no other in this process.
    let recorder = FlightRecorder::<5>::new(61).unwrap();
    for n in 0..100u64 {
        recorder.record([n, !n, n << 32, n * n, 5]);
    }
    let mut memory = std::fs::File::open("/proc/self/mem").unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let writable = maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|p| p.starts_with("rw")));
    let regions = writable.filter_map(|line| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    });
    let found = regions.into_iter().any(|(start, end)| {
        let mut region = vec![0; (end - start) as usize];
        let read = memory.seek(SeekFrom::Start(start)).and_then(|_| memory.read_exact(&mut region));
        // Some regions cannot be read; the ring is aligned as its words are.
        read.is_ok()
            && (0..region.len()).step_by(8).any(|at| {
                let dump = Dump::<5>::from_bytes(&region[at..]).ok();
                dump.is_some_and(|d| d.records.len() == 61 && d == recorder.dump())
            })
    });
    assert!(found, "no dump in the memory of this process");
}

struct Shared(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_leaves_a_dump() {
    let recorder = Arc::new(FlightRecorder::<1>::new(4).unwrap());
    let file = Arc::new(Mutex::new(Vec::new()));
    // Other tests' panics are not ours.
    let armed = Arc::new(AtomicBool::new(false));
    dump_on_panic(&recorder, {
        let (file, armed) = (file.clone(), armed.clone());
        move || armed.swap(false, Ordering::AcqRel).then(|| Shared(file.clone()))
    });
    recorder.record([7]);
    armed.store(true, Ordering::Release);
    let died = thread::spawn(|| panic!("on purpose")).join();
    assert!(died.is_err());
    assert_eq!(words(&Dump::<1>::from_bytes(&file.lock()).unwrap()), [[7]]);
}

/// A number of drops that no recorder has counted, beside a place that is torn: no sum of the two.
#[test]
fn numbers_from_damaged_bytes_do_not_overflow() {
    let recorder = FlightRecorder::<2>::new(4).unwrap();
    (0..6).for_each(|n| assert!(recorder.record([n, n])));
    let mut bytes = recorder.to_bytes();
    bytes[24..32].fill(0xff);
    // The stamp of the first place, which holds record 4: half written.
    bytes[32..40].copy_from_slice(&9u64.to_le_bytes());
    let dump = Dump::<2>::from_bytes(&bytes).unwrap();
    assert_eq!((dump.recorded, dump.dropped, dump.torn), (6, u64::MAX, 1));
    assert_eq!((dump.missing(), dump.overwritten()), (3, 0));
}

proptest! {
    #[test]
    fn any_history_reads_back(capacity in 1usize..20, events in prop::collection::vec(any::<[u64; 2]>(), 0..60)) {
        let recorder = FlightRecorder::<2>::new(capacity).unwrap();
        prop_assert!(events.iter().all(|e| recorder.record(*e)), "nobody is in the way");
        let dump = Dump::<2>::from_bytes(&recorder.to_bytes()).unwrap();
        let kept = &events[events.len().saturating_sub(capacity)..];
        prop_assert_eq!(words(&dump), kept);
        prop_assert_eq!(dump.missing() as usize, events.len() - kept.len());
        prop_assert_eq!(dump.overwritten(), dump.missing());
    }

    /// Damage anywhere: an error, or records whose place agrees with their number.
    #[test]
    fn any_damage_is_survived(
        events in 0u64..20,
        damage in prop::collection::vec((0usize..128, any::<u8>()), 1..8),
        words_damaged in prop::collection::vec((2usize..16, prop_oneof![any::<u64>(), u64::MAX - 9..=u64::MAX]), 0..4),
        cut in 0usize..129,
    ) {
        let recorder = FlightRecorder::<2>::new(4).unwrap();
        (0..events).for_each(|n| { recorder.record([n, n]); });
        let mut bytes = recorder.to_bytes();
        for (at, value) in damage {
            bytes[at] = value;
        }
        for (word, value) in words_damaged {
            bytes[8 * word..8 * word + 8].copy_from_slice(&value.to_le_bytes());
        }
        if let Ok(dump) = Dump::<2>::from_bytes(&bytes[..cut.min(bytes.len())]) {
            prop_assert!(dump.records.len() as u64 + dump.torn + dump.unreadable <= 4);
            let places: std::collections::BTreeSet<_> = dump.records.iter().map(|r| r.sequence % 4).collect();
            prop_assert_eq!(places.len(), dump.records.len(), "two records of one place");
            prop_assert!(dump.overwritten() <= dump.missing() && dump.missing() <= dump.recorded);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut prefixed = 0u64.to_le_bytes().to_vec();
        prefixed.copy_from_slice(b"selvFR01");
        prefixed.extend(&bytes);
        prop_assert!(Dump::<2>::from_bytes(&bytes).is_err() || bytes.starts_with(b"selvFR01"));
        let _ = Dump::<2>::from_bytes(&prefixed);
    }
}
