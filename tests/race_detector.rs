//! The happens-before detector by itself: each rule of `selvedge::check::race`, fed by hand.
#![cfg(any(feature = "check", loom, shuttle))]

use selvedge::check::event::{Answer, Means, ObjectId, ObjectKind, Op, Rmw, ThreadId};
use selvedge::check::race::{Detector, Race};
use std::panic::Location;
use std::sync::atomic::Ordering::{self, *};

/// A detector with three threads, a cell `x`, atomics `a` and `b`, a mutex and a readers-writer lock, all made by
/// thread 0 before it spawned the others.
struct Bench {
    d: Detector,
}

const fn t(n: u8) -> ThreadId {
    ThreadId(n)
}

fn obj(n: u32) -> ObjectId {
    ObjectId::new(t(0), n)
}

fn x() -> ObjectId {
    obj(0)
}
fn a() -> ObjectId {
    obj(1)
}
fn b() -> ObjectId {
    obj(2)
}
fn mutex() -> ObjectId {
    obj(3)
}
fn rw() -> ObjectId {
    obj(4)
}
fn arc() -> ObjectId {
    obj(5)
}

impl Bench {
    fn new() -> Self {
        let mut d = Detector::default();
        d.begin_execution();
        let atomic = ObjectKind::Atomic { width: 32, means: Means::Unsigned };
        let kinds =
            [ObjectKind::Cell, atomic, atomic, ObjectKind::Mutex, ObjectKind::RwLock, ObjectKind::Arc];
        for (n, kind) in kinds.into_iter().enumerate() {
            d.created(t(0), obj(n as u32), kind);
        }
        let mut bench = Bench { d };
        for child in [t(1), t(2)] {
            bench.ok(0, Op::Spawn { child });
        }
        bench
    }

    #[track_caller]
    fn step(&mut self, by: u8, op: Op, answer: Answer) -> Result<(), Race> {
        self.d.done(t(by), &op, answer, Location::caller())
    }

    #[track_caller]
    fn ok(&mut self, by: u8, op: Op) {
        self.step(by, op, Answer::DONE).unwrap_or_else(|r| panic!("{op:?} by {by} is no race: {r:?}"));
    }

    #[track_caller]
    fn racy(&mut self, by: u8, op: Op) -> Race {
        self.step(by, op, Answer::DONE).expect_err("this access races")
    }

    #[track_caller]
    fn store(&mut self, by: u8, obj: ObjectId, order: Ordering) {
        self.ok(by, Op::Store { obj, order, value: 1 });
    }

    #[track_caller]
    fn load(&mut self, by: u8, obj: ObjectId, order: Ordering) {
        self.ok(by, Op::Load { obj, order });
    }

    #[track_caller]
    fn rmw(&mut self, by: u8, obj: ObjectId, order: Ordering) {
        self.ok(by, Op::Rmw { obj, order, rmw: Rmw::Add, operand: 1, width: 32 });
    }

    #[track_caller]
    fn write(&mut self, by: u8) {
        self.ok(by, Op::CellBegin { obj: x(), write: true });
        self.ok(by, Op::CellEnd { obj: x(), write: true });
    }
}

fn read_x() -> Op {
    Op::CellBegin { obj: x(), write: false }
}

fn write_x() -> Op {
    Op::CellBegin { obj: x(), write: true }
}

/// Thread 1 writes the cell and publishes by `publish`; thread 2 takes it by `take`, then reads the cell.
fn handed_over(publish: impl FnOnce(&mut Bench), take: impl FnOnce(&mut Bench)) -> Result<(), Race> {
    let mut s = Bench::new();
    s.write(1);
    publish(&mut s);
    take(&mut s);
    s.step(2, read_x(), Answer::DONE)
}

#[test]
fn release_acquire_orders_and_every_weaker_pair_does_not() {
    for publish in [Relaxed, Release, SeqCst] {
        for take in [Relaxed, Acquire, SeqCst] {
            let ordered = publish != Relaxed && take != Relaxed;
            let got = handed_over(|s| s.store(1, a(), publish), |s| s.load(2, a(), take));
            assert_eq!(got.is_ok(), ordered, "{publish:?} to {take:?}");
        }
    }
}

#[test]
fn a_race_names_both_accesses() {
    let race = handed_over(|s| s.store(1, a(), Relaxed), |s| s.load(2, a(), Acquire)).unwrap_err();
    assert_eq!((race.first.thread, race.first.what), (t(1), "write"));
    assert_eq!((race.second.thread, race.second.what), (t(2), "read"));
    assert!(race.first.site.unwrap().line() < race.second.site.unwrap().line());
}

#[test]
fn what_follows_a_release_is_not_published_by_it() {
    let mut s = Bench::new();
    s.store(1, a(), Release);
    s.write(1);
    s.load(2, a(), Acquire);
    s.racy(2, read_x());
}

#[test]
fn another_atomic_does_not_order() {
    assert!(handed_over(|s| s.store(1, a(), Release), |s| s.load(2, b(), Acquire)).is_err());
}

#[test]
fn a_relaxed_rmw_continues_a_release_sequence_a_plain_store_breaks_it() {
    let by = |order: fn(&mut Bench)| {
        handed_over(|s| s.store(1, a(), Release), |s| (order(s), s.load(2, a(), Acquire)).1)
    };
    assert!(by(|s| s.rmw(0, a(), Relaxed)).is_ok());
    assert!(by(|s| s.store(0, a(), Relaxed)).is_err());
    // C++20: also by the thread that released.
    assert!(by(|s| s.store(1, a(), Relaxed)).is_err());
}

#[test]
fn fences_make_relaxed_accesses_synchronize() {
    let fence = |s: &mut Bench, by, order| s.ok(by, Op::Fence { order });
    for order in [Release, AcqRel, SeqCst] {
        let publish = |s: &mut Bench| {
            fence(s, 1, order);
            s.store(1, a(), Relaxed);
        };
        assert!(handed_over(publish, |s| s.load(2, a(), Acquire)).is_ok(), "{order:?} fence, relaxed store");
    }
    for order in [Acquire, AcqRel, SeqCst] {
        let take = |s: &mut Bench| {
            s.load(2, a(), Relaxed);
            fence(s, 2, order);
        };
        assert!(handed_over(|s| s.store(1, a(), Release), take).is_ok(), "relaxed load, {order:?} fence");
    }
    // On the wrong side of the access, or of the wrong kind, they do nothing.
    let late = |s: &mut Bench| {
        s.store(1, a(), Relaxed);
        fence(s, 1, Release);
    };
    assert!(handed_over(late, |s| s.load(2, a(), Acquire)).is_err());
    let early = |s: &mut Bench| {
        fence(s, 2, Acquire);
        s.load(2, a(), Relaxed);
    };
    assert!(handed_over(|s| s.store(1, a(), Release), early).is_err());
    let wrong = |s: &mut Bench| {
        fence(s, 1, Acquire);
        s.store(1, a(), Relaxed);
    };
    assert!(handed_over(wrong, |s| s.load(2, a(), Acquire)).is_err());
}

#[test]
fn two_seqcst_fences_alone_order_nothing() {
    let fence = |by: u8| move |s: &mut Bench| s.ok(by, Op::Fence { order: SeqCst });
    assert!(handed_over(fence(1), fence(2)).is_err());
}

#[test]
fn a_release_fence_publishes_what_preceded_it_only() {
    let mut s = Bench::new();
    s.ok(1, Op::Fence { order: Release });
    s.write(1);
    s.store(1, a(), Relaxed);
    s.load(2, a(), Acquire);
    s.racy(2, read_x());
}

#[test]
fn a_failed_cas_reads_with_its_failure_ordering_and_publishes_nothing() {
    let cas = |failure| Op::Cas { obj: a(), expected: 9, new: 10, success: AcqRel, failure, weak: false };
    let failed = Answer { value: 1, ok: false };
    for (failure, ordered) in [(Relaxed, false), (Acquire, true)] {
        let take = |s: &mut Bench| s.step(2, cas(failure), failed).unwrap();
        assert_eq!(handed_over(|s| s.store(1, a(), Release), take).is_ok(), ordered);
    }
    let publish = |s: &mut Bench| s.step(1, cas(Acquire), failed).unwrap();
    assert!(handed_over(publish, |s| s.load(2, a(), Acquire)).is_err());
}

#[test]
fn locks_order() {
    let lock = |by: u8| move |s: &mut Bench| s.ok(by, Op::Lock { obj: mutex() });
    let unlock = |by: u8| move |s: &mut Bench| s.ok(by, Op::Unlock { obj: mutex() });
    assert!(handed_over(unlock(1), lock(2)).is_ok());
    let try_lock =
        |ok| move |s: &mut Bench| s.step(2, Op::TryLock { obj: mutex() }, Answer { value: 0, ok }).unwrap();
    assert!(handed_over(unlock(1), try_lock(true)).is_ok());
    assert!(handed_over(unlock(1), try_lock(false)).is_err());
    // A wait releases its mutex when it begins and takes it when it ends; the notification orders nothing.
    let wait = Op::Wait { obj: obj(9), mutex: mutex(), timed: false };
    assert!(handed_over(|s| s.d.waits(t(1), mutex()), lock(2)).is_ok());
    assert!(handed_over(unlock(1), |s| s.ok(2, wait)).is_ok());
    assert!(handed_over(|s| s.ok(1, Op::Notify { obj: obj(9), all: true }), |s| s.ok(2, wait)).is_err());
}

#[test]
fn readers_are_ordered_with_writers_and_not_with_each_other() {
    let lock = |write| move |s: &mut Bench| s.ok(2, Op::RwLock { obj: rw(), write });
    let unlock = |write| move |s: &mut Bench| s.ok(1, Op::RwUnlock { obj: rw(), write });
    assert!(handed_over(unlock(true), lock(false)).is_ok());
    assert!(handed_over(unlock(true), lock(true)).is_ok());
    assert!(handed_over(unlock(false), lock(true)).is_ok());
    assert!(handed_over(unlock(false), lock(false)).is_err(), "two readers do not synchronize");
}

#[test]
fn spawn_join_and_park_tokens_order() {
    let mut s = Bench::new();
    s.write(0);
    s.racy(1, read_x());

    let mut s = Bench::new();
    s.write(0);
    s.ok(0, Op::Spawn { child: t(3) });
    s.ok(3, read_x());

    let mut s = Bench::new();
    s.write(1);
    s.ok(1, Op::Exit);
    s.ok(0, Op::Join { child: t(1) });
    s.ok(0, write_x());

    let unpark = |s: &mut Bench| s.ok(1, Op::Unpark { thread: t(2) });
    assert!(handed_over(unpark, |s| s.ok(2, Op::Park { timed: false })).is_ok());
    let timed_out =
        |s: &mut Bench| s.step(2, Op::Park { timed: true }, Answer { value: 0, ok: false }).unwrap();
    assert!(handed_over(unpark, timed_out).is_err());
    let other = |s: &mut Bench| s.ok(1, Op::Unpark { thread: t(0) });
    assert!(handed_over(other, |s| s.ok(2, Op::Park { timed: false })).is_err());
}

#[test]
fn the_last_drop_of_a_count_comes_after_all_others() {
    let drop = |by: u8, last| {
        move |s: &mut Bench| s.step(by, Op::ArcDrop { obj: arc() }, Answer { value: 0, ok: last }).unwrap()
    };
    assert!(handed_over(drop(1, false), drop(2, true)).is_ok());
    assert!(handed_over(drop(1, false), drop(2, false)).is_err());
    let count = |n| {
        move |s: &mut Bench| s.step(2, Op::ArcCount { obj: arc(), sole: true }, Answer::value(n)).unwrap()
    };
    assert!(handed_over(drop(1, false), count(1)).is_ok(), "get_mut and try_unwrap acquire");
    assert!(handed_over(drop(1, false), count(2)).is_err());
}

/// An upgrade that succeeds reads the count that the drops before it left.
#[test]
fn an_upgrade_comes_after_the_drops_before_it() {
    let upgrade =
        |b: &mut Bench, ok| b.step(2, Op::ArcUpgrade { obj: arc() }, Answer { value: 0, ok }).unwrap();
    let drop_one =
        |b: &mut Bench| b.step(1, Op::ArcDrop { obj: arc() }, Answer { value: 0, ok: false }).unwrap();
    assert!(handed_over(drop_one, |b| upgrade(b, true)).is_ok());
    assert!(handed_over(drop_one, |b| upgrade(b, false)).is_err());
}

#[test]
fn reads_do_not_race_with_reads_and_writes_race_with_both() {
    let mut s = Bench::new();
    s.ok(1, read_x());
    s.ok(2, read_x());
    let race = s.racy(0, write_x());
    assert_eq!(race.first.what, "read");
    let mut s = Bench::new();
    s.ok(1, write_x());
    s.racy(2, write_x());
}

#[test]
fn an_access_lasts_from_begin_to_end() {
    let mut s = Bench::new();
    s.ok(1, write_x());
    // Published in the middle of the access: ordered after its begin, not after its end.
    s.store(1, a(), Release);
    s.load(2, a(), Acquire);
    s.ok(2, read_x());
    s.ok(2, Op::CellEnd { obj: x(), write: false });
    let race = s.racy(1, Op::CellEnd { obj: x(), write: true });
    assert_eq!((race.first.thread, race.first.what), (t(2), "read"));
}

#[test]
fn plain_accesses_to_atomics_race_with_atomic_ones() {
    let plain_store = Op::PlainStore { obj: a(), value: 3 };
    let plain_load = Op::PlainLoad { obj: a() };
    let mut s = Bench::new();
    s.load(1, a(), SeqCst);
    s.ok(2, plain_load);
    assert_eq!(s.racy(0, plain_store).first.what, "plain read");
    let mut s = Bench::new();
    s.store(1, a(), SeqCst);
    assert_eq!(s.racy(2, plain_load).first.what, "atomic write");
    let mut s = Bench::new();
    s.ok(1, plain_store);
    assert_eq!(s.racy(2, Op::Load { obj: a(), order: SeqCst }).first.what, "plain write");
    let mut s = Bench::new();
    s.ok(1, plain_load);
    assert_eq!(s.racy(2, Op::Store { obj: a(), order: SeqCst, value: 1 }).first.what, "plain read");
    // Atomic accesses never race with each other.
    let mut s = Bench::new();
    s.store(1, a(), Relaxed);
    s.store(2, a(), Relaxed);
    s.rmw(0, a(), Relaxed);
}

#[test]
fn creation_is_a_write() {
    let mut s = Bench::new();
    let late = ObjectId::new(t(1), 0);
    s.d.created(t(1), late, ObjectKind::Cell);
    s.store(1, a(), Relaxed);
    s.load(2, a(), Acquire);
    let race = s.racy(2, Op::CellBegin { obj: late, write: false });
    assert_eq!((race.first.what, race.first.site), ("creation", None));
}

#[test]
fn executions_are_independent() {
    let mut s = Bench::new();
    s.write(1);
    s.d.begin_execution();
    s.d.created(t(0), x(), ObjectKind::Cell);
    s.ok(0, Op::Spawn { child: t(1) });
    s.ok(0, Op::Spawn { child: t(2) });
    s.ok(2, read_x());
}
