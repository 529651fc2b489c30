//! `SessionTable` from outside: what each operation promises, one thread at a time and on real threads.
//!
//! All interleavings of small cases are the models' business; the sequential behaviour over long histories is that
//! of `session_table_model.rs`.

use proptest::prelude::*;
use selvedge::session_table::{
    Completion, InvalidLimits, Limits, MAX_CAPACITY, Rejected, SessionId, SessionTable,
};
use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};
use std::sync::mpsc;

/// Counts its destruction.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Lets its threads go within nanoseconds of each other, which `std::sync::Barrier` does not.
#[derive(Default)]
struct SpinBarrier(AtomicUsize);

impl SpinBarrier {
    fn wait(&self, threads: usize) {
        let arrived = self.0.fetch_add(1, AcqRel) + 1;
        let round_is_full = arrived.next_multiple_of(threads);
        let mut spins = 0u32;
        while self.0.load(Acquire) < round_is_full {
            spins += 1;
            if spins.is_multiple_of(1_000) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

fn forged(index: u32, generation: u64) -> SessionId {
    SessionId::try_from(generation << 24 | u64::from(index)).unwrap()
}

#[test]
fn a_session_is_found_until_it_is_closed() {
    let table = SessionTable::new(2);
    let id = table.open("a").unwrap();
    assert_eq!(table.get(id).map(|s| *s), Some("a"));
    assert_eq!(table.lookup(id).unwrap().id(), id);
    assert_eq!(table.close(id), Ok(()));
    assert_eq!(table.lookup(id).err(), Some(Rejected::Stale));
    assert_eq!(table.close(id), Err(Rejected::Stale));
    assert!(matches!(table.complete(id), Completion::Stale));
}

#[test]
fn a_full_table_gives_the_value_back() {
    let table = SessionTable::new(2);
    let ids = [table.open(1).unwrap(), table.open(2).unwrap()];
    assert_ne!(ids[0], ids[1]);
    assert_eq!(table.open(3).unwrap_err().0, 3);
    assert_eq!(table.counters().full, 1);
    table.close(ids[0]).unwrap();
    assert!(table.open(4).is_ok());
}

#[test]
fn a_reused_slot_has_another_id() {
    let table = SessionTable::new(1);
    let mut seen = HashSet::new();
    for n in 0..1_000 {
        let id = table.open(n).unwrap();
        assert!(seen.insert(id), "{id} was issued twice");
        assert_eq!(id.index(), 0);
        table.close(id).unwrap();
    }
    assert!(seen.iter().all(|id| table.get(*id).is_none()));
}

#[test]
fn a_guard_keeps_the_value_and_the_slot() {
    let destroyed = AtomicUsize::new(0);
    let table = SessionTable::new(1);
    let id = table.open(Counted(&destroyed)).unwrap();
    let (one, two) = (table.get(id).unwrap(), table.get(id).unwrap());
    table.close(id).unwrap();
    assert!(table.get(id).is_none(), "no new guard after the close");
    drop(one);
    assert_eq!(destroyed.load(Relaxed), 0, "a guard is left");
    assert!(table.open(Counted(&destroyed)).map_err(std::mem::forget).is_err(), "the slot is still in use");
    drop(two);
    assert_eq!(destroyed.load(Relaxed), 1, "destroyed by the last guard");
    table.open(Counted(&destroyed)).unwrap();
    drop(table);
    assert_eq!(destroyed.load(Relaxed), 2, "an open session is destroyed with the table");
}

#[test]
fn a_guard_on_an_open_session_leaves_it_open() {
    let table = SessionTable::new(1);
    let id = table.open(7).unwrap();
    drop(table.get(id));
    drop(table.get(id));
    assert_eq!(table.get(id).map(|s| *s), Some(7));
}

#[test]
fn a_claim_gives_up_the_value_when_it_is_alone() {
    let table = SessionTable::new(1);
    let id = table.open(String::from("reply")).unwrap();
    let guard = table.get(id).unwrap();
    let claim = table.complete(id).taken().unwrap();
    assert_eq!((&**claim, claim.id()), ("reply", id));
    let claim = claim.try_into_inner().unwrap_err();
    assert_eq!(*guard, "reply", "the guard still reads it");
    drop(guard);
    assert_eq!(claim.try_into_inner().unwrap(), "reply");
    assert!(table.open(String::new()).is_ok(), "the slot is free again");
}

#[test]
fn a_dropped_claim_destroys_the_value_once() {
    let destroyed = AtomicUsize::new(0);
    let table = SessionTable::new(1);
    let id = table.open(Counted(&destroyed)).unwrap();
    let guard = table.get(id);
    drop(table.complete(id));
    assert_eq!(destroyed.load(Relaxed), 0, "a guard is left");
    drop(guard);
    assert_eq!(destroyed.load(Relaxed), 1);
    drop(table);
    assert_eq!(destroyed.load(Relaxed), 1);
}

#[test]
fn a_spent_slot_is_retired_and_its_ids_stay_dead() {
    let table = SessionTable::with_limits(Limits { capacity: 2, generations: 2 }).unwrap();
    let mut ids = Vec::new();
    while let Ok(id) = table.open(()) {
        table.close(id).unwrap();
        ids.push(id);
        assert!(ids.len() <= 4, "two slots of two generations hold four sessions");
    }
    assert_eq!(ids.len(), 4);
    assert_eq!((table.counters().retired, table.counters().full), (2, 1));
    assert!(ids.iter().all(|id| table.lookup(*id).err() == Some(Rejected::Stale)));
    assert_eq!(table.lookup(forged(0, 3)).err(), Some(Rejected::Vacant));
    assert!(table.iter().next().is_none());
}

#[test]
fn iteration_sees_the_open_sessions() {
    let table = SessionTable::new(8);
    let ids: Vec<_> = (0..8).map(|n| table.open(n).unwrap()).collect();
    for id in &ids[..5] {
        table.close(*id).unwrap();
    }
    let seen: Vec<_> = table.iter().map(|s| (s.id(), *s)).collect();
    assert_eq!(seen, [(ids[5], 5), (ids[6], 6), (ids[7], 7)]);
    for session in &table {
        table.close(session.id()).unwrap();
    }
    assert_eq!(table.iter().count(), 0);
}

#[test]
fn limits_are_checked() {
    for capacity in [0, MAX_CAPACITY + 1] {
        let refused = SessionTable::<()>::with_limits(Limits::new(capacity)).unwrap_err();
        assert_eq!(refused, InvalidLimits::Capacity(capacity));
    }
    for generations in [0, Limits::GENERATIONS_MAX + 1] {
        let refused = SessionTable::<()>::with_limits(Limits { capacity: 1, generations }).unwrap_err();
        assert_eq!(refused, InvalidLimits::Generations(generations));
    }
}

#[test]
fn a_destructor_may_panic() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("destructor");
        }
    }
    let table = SessionTable::new(1);
    let id = table.open(Some(Panics)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| table.close(id))).is_err());
    assert_eq!(table.close(id), Err(Rejected::Stale));
    assert!(table.open(None).is_ok(), "the slot was free before the destructor ran");
}

#[test]
fn a_destructor_may_use_the_table() {
    struct Reopens<'a>(&'a Cell<Option<&'a SessionTable<Reopens<'a>>>>, &'a Cell<u32>);
    impl Drop for Reopens<'_> {
        fn drop(&mut self) {
            if self.1.get() > 0 {
                self.1.set(self.1.get() - 1);
                let table = self.0.get().unwrap();
                assert!(table.open(Reopens(self.0, self.1)).is_ok());
            }
        }
    }
    let (handle, left) = (Cell::new(None), Cell::new(1));
    let table = std::mem::ManuallyDrop::new(SessionTable::new(1));
    let id = table.open(Reopens(&handle, &left)).unwrap();
    handle.set(Some(&*table));
    table.close(id).unwrap();
    assert_eq!(left.get(), 0);
    assert_eq!(table.iter().count(), 1, "the destructor opened another session in the same slot");
}

#[test]
fn a_forgotten_guard_costs_its_slot_and_nothing_else() {
    let destroyed = AtomicUsize::new(0);
    let table = SessionTable::new(1);
    let id = table.open(Counted(&destroyed)).unwrap();
    std::mem::forget(table.get(id));
    table.close(id).unwrap();
    assert!(table.open(Counted(&destroyed)).map_err(std::mem::forget).is_err());
    drop(table);
    assert_eq!(destroyed.load(Relaxed), 1);
}

proptest! {
    /// Ids from a stranger: nothing but an open session is ever reached, and nothing breaks.
    #[test]
    fn forged_ids_are_harmless(bits: Vec<u64>, near in prop::collection::vec((0u32..6, 0u64..5), 0..50)) {
        let table = SessionTable::with_limits(Limits { capacity: 4, generations: 3 }).unwrap();
        let ids: Vec<_> = (0..4).map(|n| table.open(n).unwrap()).collect();
        table.close(ids[1]).unwrap();
        let held = table.get(ids[2]).unwrap();
        table.close(ids[2]).unwrap();
        let ids = [ids[0], ids[3], table.open(9).unwrap()];
        let near = near.into_iter().map(|(index, generation)| generation << 24 | u64::from(index));
        for id in bits.into_iter().chain(near).filter_map(|b| SessionId::try_from(b).ok()) {
            prop_assert_eq!(table.get(id).is_some(), ids.contains(&id));
            if !ids.contains(&id) {
                prop_assert!(table.close(id).is_err());
                prop_assert!(table.complete(id).taken().is_none());
            }
        }
        prop_assert_eq!(*held, 2);
        prop_assert_eq!(table.iter().count(), 3);
    }
}

#[test]
fn threads_closing_and_completing_one_session_have_one_winner() {
    const ROUNDS: usize = 20_000;
    let destroyed = AtomicUsize::new(0);
    let table = SessionTable::new(2);
    let (start, wins) = (SpinBarrier::default(), AtomicUsize::new(0));
    let current = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                start.wait(2);
                let id = SessionId::try_from(current.load(Relaxed)).unwrap();
                wins.fetch_add(usize::from(table.complete(id).taken().is_some()), Relaxed);
                start.wait(2);
            }
        });
        for round in 1..=ROUNDS {
            let id = table.open(Counted(&destroyed)).unwrap();
            current.store(id.into(), Relaxed);
            let guard = (round % 2 == 0).then(|| table.get(id));
            start.wait(2);
            wins.fetch_add(usize::from(table.close(id).is_ok()), Relaxed);
            drop(guard);
            start.wait(2);
            assert_eq!((wins.load(Relaxed), destroyed.load(Relaxed)), (round, round));
        }
    });
    assert_eq!(table.counters().stale, ROUNDS as u64);
}

#[test]
fn threads_churning_never_meet_a_foreign_session() {
    const SESSIONS: u64 = 20_000;
    let table = SessionTable::new(8);
    let (ids, received) = mpsc::sync_channel::<(SessionId, u64)>(4);
    std::thread::scope(|scope| {
        let table = &table;
        scope.spawn(move || {
            let mut remembered: Vec<SessionId> = Vec::new();
            for (id, value) in received {
                let guard = table.get(id).expect("open until we close it");
                assert_eq!(*guard, value);
                table.close(id).unwrap();
                assert_eq!(*guard, value);
                drop(guard);
                remembered.push(id);
                assert!(table.get(remembered[value as usize / 2]).is_none(), "a closed session came back");
            }
        });
        for n in 0..SESSIONS {
            // At most 4 in the channel, one being closed and one being opened: 8 slots are enough.
            ids.send((table.open(n).unwrap(), n)).unwrap();
            for session in table {
                assert!(*session <= n);
            }
        }
        drop(ids);
    });
    assert_eq!(table.iter().count(), 0);
}

#[test]
fn threads_opening_and_closing_never_share_a_slot() {
    const SESSIONS: u64 = 2_000_000;
    let table = SessionTable::new(3);
    std::thread::scope(|scope| {
        for thread in [1, 2] {
            let table = &table;
            scope.spawn(move || {
                for n in 0..SESSIONS {
                    let value = thread << 32 | n;
                    let id = table.open(value).expect("two threads with one session each need two slots");
                    assert_eq!(*table.get(id).expect("nobody else knows the id"), value);
                    assert_eq!(table.close(id), Ok(()));
                }
            });
        }
    });
    assert_eq!((table.iter().count(), table.counters().stale), (0, 0));
}
