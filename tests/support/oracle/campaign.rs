//! Many random programs, on all cores, and what to print when one fails.
//!
//! Two environment variables, for long runs and for running a failure again:
//!
//! * `SELVEDGE_ORACLE_PROGRAMS=N` compares N programs in every campaign instead of its own number;
//! * `SELVEDGE_ORACLE_SEED=S` starts at seed S instead of 1. Program *i* is a function of S + i alone, and a failure
//!   names its seed, so that `SELVEDGE_ORACLE_SEED=<that> SELVEDGE_ORACLE_PROGRAMS=1` is that program again.

use super::compare::Tally;
use super::program::Program;
use super::random::Rng;
use super::shrink::shrink;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// A family of programs, and how each is judged; `None` = too large for the oracle.
pub struct Campaign {
    pub name: &'static str,
    pub programs: u64,
    pub make: fn(&mut Rng) -> Program,
    pub judge: fn(&Program) -> Option<Result<Tally, String>>,
}

fn variable(name: &str) -> Option<u64> {
    let v = std::env::var(name).ok()?;
    Some(v.parse().unwrap_or_else(|_| panic!("{name}={v} is not a number")))
}

/// The program of a seed: the first that the oracle can judge and that `make` draws from it.
fn judged(c: &Campaign, seed: u64, skipped: &AtomicU64) -> (Program, Result<Tally, String>) {
    let mut r = Rng(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
    for _ in 0..10_000 {
        let p = (c.make)(&mut r);
        assert!(p.valid(), "seed {seed} makes a program that is none:\n{p}");
        match (c.judge)(&p) {
            Some(result) => return (p, result),
            None => drop(skipped.fetch_add(1, Ordering::Relaxed)),
        }
    }
    panic!("seed {seed} of {}: 10,000 programs in a row are too large for the oracle", c.name)
}

/// Runs the campaign; panics with the smallest failing program.
pub fn run(c: &Campaign) {
    let programs = variable("SELVEDGE_ORACLE_PROGRAMS").unwrap_or(c.programs);
    let first = variable("SELVEDGE_ORACLE_SEED").unwrap_or(1);
    let start = Instant::now();
    let (next, skipped, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let result: Mutex<(Tally, Option<u64>)> = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|s| {
        for _ in 0..workers {
            s.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= programs || over.load(Ordering::Relaxed) {
                        return;
                    }
                    let (_, r) = judged(c, first + i, &skipped);
                    let mut all = result.lock().unwrap();
                    match r {
                        Ok(t) => all.0.add(t),
                        Err(_) => {
                            all.1 = Some(all.1.map_or(first + i, |s| s.min(first + i)));
                            over.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (tally, failed) = result.into_inner().unwrap();
    if let Some(seed) = failed {
        fail(c, seed, &skipped);
    }
    assert_eq!(tally.programs, programs, "a campaign that compared nothing shows nothing");
    eprintln!(
        "{}: seeds {first}..{}, {} programs ({} too large), {} racy, {} deadlocking; {} RC11 graphs, {} SC graphs; \
         {:.1} s",
        c.name,
        first + programs,
        tally.programs,
        skipped.into_inner(),
        tally.racy,
        tally.deadlocking,
        tally.graphs,
        tally.sc_graphs,
        start.elapsed().as_secs_f64()
    );
}

fn fail(c: &Campaign, seed: u64, skipped: &AtomicU64) -> ! {
    let (p, first) = judged(c, seed, skipped);
    let error = |p: &Program| (c.judge)(p).and_then(Result::err);
    let small = shrink(p.clone(), &|p| error(p).is_some());
    let shown = error(&small).unwrap_or_else(|| "it does not fail every time".into());
    let first = first.err().unwrap_or_default();
    panic!("{}: seed {seed}: {shown}\nsmallest program found:\n{small}\nfound as:\n{p}{first}", c.name)
}
