//! What the facade costs on loom and on shuttle: executions per second of three models, written against the
//! facade and against the engine itself.
//!
//! One source for both: a macro instantiates the models over either set of names. Rounds are interleaved and the
//! medians of nine are compared, so that a busy machine disturbs both alike. Under loom the numbers of executions
//! must agree exactly: the facade's objects are loom's objects, one for one.
//!
//! `cargo run --release -p selvedge-bench --features checked --bin engine-overhead [ROUNDS [MODEL]]`

use selvedge::check::engine::{Plan, loom as engine_loom, shuttle as engine_shuttle};
use selvedge::check::model::{Scenario, Strategy};
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const SEED: u64 = 1;

/// Three models over one set of names.
macro_rules! models {
    () => {
        use std::sync::atomic::Ordering::*;

        /// Two threads, three operations each on two atomics.
        pub fn atomics() {
            let xy = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
            let theirs = xy.clone();
            let t = thread::spawn(move || {
                theirs.0.store(1, Release);
                theirs.1.fetch_add(1, AcqRel);
                theirs.1.load(Acquire);
            });
            xy.1.store(2, Release);
            xy.0.fetch_add(1, AcqRel);
            xy.0.load(Acquire);
            t.join().unwrap();
        }

        /// Two threads, three locked increments each.
        pub fn mutex_counter() {
            let n = Arc::new(Mutex::new(0u32));
            let theirs = n.clone();
            let add = |n: &Mutex<u32>| *lock(n) += 1;
            let t = thread::spawn(move || (0..3).for_each(|_| add(&theirs)));
            (0..3).for_each(|_| add(&n));
            t.join().unwrap();
            assert_eq!(*lock(&n), 6);
        }

        /// A message in a cell, published three times by a flag that the reader polls.
        pub fn message_passing() {
            let data = Arc::new((Cell::new(0u32), AtomicU64::new(0)));
            let theirs = data.clone();
            let t = thread::spawn(move || {
                for _ in 0..3 {
                    if theirs.1.load(Acquire) == 1 {
                        theirs.0.get();
                        theirs.1.store(0, Release);
                    }
                }
            });
            for _ in 0..3 {
                if data.1.load(Acquire) == 0 {
                    data.0.set(42);
                    data.1.store(1, Release);
                }
            }
            t.join().unwrap();
        }
    };
}

/// A watched cell over `$with`: `with`/`with_mut` of the engine's own.
macro_rules! cell {
    ($cell:ty) => {
        pub struct Cell($cell);
        // SAFETY: the models hand it over by a flag that is stored with Release and loaded with Acquire.
        unsafe impl Sync for Cell {}
        // SAFETY: as above.
        unsafe impl Send for Cell {}
        impl Cell {
            fn new(v: u32) -> Self {
                Cell(<$cell>::new(v))
            }
            fn get(&self) -> u32 {
                // SAFETY: the flag says that the other thread is done with it.
                self.0.with(|p| unsafe { *p })
            }
            fn set(&self, v: u32) {
                // SAFETY: as for `get`.
                self.0.with_mut(|p| unsafe { *p = v })
            }
        }
    };
}

mod facade {
    use selvedge::sync::{Arc, AtomicU64, Mutex, MutexGuard, UnsafeCell, thread};
    cell!(UnsafeCell<u32>);
    fn lock(m: &Mutex<u32>) -> MutexGuard<'_, u32> {
        m.lock()
    }
    models!();
}

mod raw_loom {
    use loom::{cell::UnsafeCell, sync::Mutex, sync::MutexGuard, sync::atomic::AtomicU64, thread};
    use std::sync::Arc;
    cell!(UnsafeCell<u32>);
    fn lock(m: &Mutex<u32>) -> MutexGuard<'_, u32> {
        m.lock().unwrap()
    }
    models!();
}

mod raw_shuttle {
    use shuttle::{sync::Mutex, sync::MutexGuard, sync::atomic::AtomicU64, thread};
    use std::sync::Arc;
    /// shuttle has no watched cell: a plain one.
    pub struct Cell(std::cell::Cell<u32>);
    // SAFETY: shuttle runs one thread at a time.
    unsafe impl Sync for Cell {}
    impl Cell {
        fn new(v: u32) -> Self {
            Cell(std::cell::Cell::new(v))
        }
        fn get(&self) -> u32 {
            self.0.get()
        }
        fn set(&self, v: u32) {
            self.0.set(v)
        }
    }
    fn lock(m: &Mutex<u32>) -> MutexGuard<'_, u32> {
        m.lock().unwrap()
    }
    models!();
}

fn plan(strategy: Strategy, executions: u64) -> Plan {
    Plan { strategy, seed: SEED, executions, ..Plan::default() }
}

fn scenario(f: fn()) -> Scenario {
    StdArc::new(move || {
        f();
        "done".into()
    })
}

/// Runs `f`, which says how many executions it did; answers (executions, executions per second).
fn rate(f: impl FnOnce() -> u64) -> (u64, f64) {
    let start = Instant::now();
    let n = f();
    (n, n as f64 / start.elapsed().as_secs_f64())
}

fn via_facade_on_loom(f: fn(), repeat: u64) -> u64 {
    let f = scenario(f);
    (0..repeat).map(|_| engine_loom::explore(&f, &plan(Strategy::Random, u64::MAX)).executions).sum()
}

fn on_loom(f: fn(), repeat: u64) -> u64 {
    let n = StdArc::new(AtomicU64::new(0));
    for _ in 0..repeat {
        let n = n.clone();
        let mut b = loom::model::Builder::new();
        b.max_branches = 20_000;
        b.check(move || {
            n.fetch_add(1, Relaxed);
            f();
        });
    }
    n.load(Relaxed)
}

fn via_facade_on_shuttle(f: fn(), executions: u64, detect_races: bool) -> u64 {
    engine_shuttle::explore_with(&scenario(f), &plan(Strategy::Random, executions), detect_races).executions
}

fn on_shuttle(f: fn(), executions: u64) -> u64 {
    let mut c = shuttle::Config::new();
    c.stack_size = 512 * 1024;
    c.failure_persistence = shuttle::FailurePersistence::None;
    c.silence_warnings = true;
    let s = shuttle::scheduler::RandomScheduler::new_from_seed(SEED, executions as usize);
    shuttle::Runner::new(s, c).run(f) as u64
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

fn main() {
    let rounds: usize = std::env::args().nth(1).map_or(9, |a| a.parse().expect("a number of rounds"));
    type Row = (&'static str, fn(), fn(), fn(), u64);
    let models: [Row; 3] = [
        ("atomics", facade::atomics, raw_loom::atomics, raw_shuttle::atomics, 40),
        ("mutex counter", facade::mutex_counter, raw_loom::mutex_counter, raw_shuttle::mutex_counter, 40),
        (
            "message passing",
            facade::message_passing,
            raw_loom::message_passing,
            raw_shuttle::message_passing,
            40,
        ),
    ];
    // Panic hooks settle: shuttle puts one on top of all others when it first runs, which the engine takes away.
    via_facade_on_shuttle(facade::atomics, 1, true);
    println!(
        "{:<16} {:<24} {:>10} {:>10} {:>10} {:>7}",
        "model", "engine", "executions", "raw /s", "facade /s", "ratio"
    );
    let only = std::env::args().nth(2).unwrap_or_default();
    for (name, ours, theirs, shuttles, repeat) in models.into_iter().filter(|m| m.0.contains(&only)) {
        let (mut a, mut b, mut counts) = (Vec::new(), Vec::new(), (0, 0));
        for _ in 0..rounds {
            let (n, r) = rate(|| on_loom(theirs, repeat));
            a.push(r);
            let (m, s) = rate(|| via_facade_on_loom(ours, repeat));
            b.push(s);
            counts = (n, m);
        }
        assert_eq!(counts.0, counts.1, "{name}: loom explores the same executions through the facade");
        row(name, "loom", counts.0 / repeat, a, b);
        const N: u64 = 100_000;
        for detect_races in [false, true] {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for _ in 0..rounds {
                a.push(rate(|| on_shuttle(shuttles, N)).1);
                let (n, r) = rate(|| via_facade_on_shuttle(ours, N, detect_races));
                assert_eq!(n, N, "{name}: every execution passes");
                b.push(r);
            }
            row(name, if detect_races { "shuttle, races watched" } else { "shuttle, no detector" }, N, a, b);
        }
    }
}

fn row(model: &str, engine: &str, executions: u64, raw: Vec<f64>, facade: Vec<f64>) {
    let (raw, facade) = (median(raw), median(facade));
    println!("{model:<16} {engine:<24} {executions:>10} {raw:>10.0} {facade:>10.0} {:>7.2}", facade / raw);
}
