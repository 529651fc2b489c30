//! How fast the exact explorer proves, against raw loom and raw shuttle (depth first) on the same models.
//!
//! 1. Executions and time to proof of contended and independent counters; the executions must equal the optimum.
//! 2. Executions per second on a model of two threads and six operations, one worker.
//! 3. Two workers against one on a search of several seconds.
//! 4. Resident memory before and after a million executions.
//! 5. Time to proof over the fixed variants of the catalogue that loom exhausts too.
//!
//! Engines take turns; each figure is the median of the rounds. A peer that does not finish within its cap is shown
//! with `>=`.
//!
//! `cargo run --release -p selvedge-bench --features checked --bin exact-speed [ROUNDS]`

use selvedge::check::engine::{Exploration, Plan, exact, loom as engine_loom};
use selvedge::check::model::{Role, Scenario};
use selvedge::check::{EngineKind, Verdict};
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Executions after which a peer's search is cut off.
const SHUTTLE_CAP: usize = 2_000_000;
/// Seconds after which loom's is.
const LOOM_CAP: u64 = 10;

/// `threads` threads add to one word, or each to its own, `ops` times.
macro_rules! adders {
    ($name:ident, $atomic:ty, $thread:path) => {
        fn $name(threads: usize, ops: usize, shared: bool) {
            use $thread as thread;
            let words: StdArc<Vec<$atomic>> =
                StdArc::new((0..if shared { 1 } else { threads }).map(|_| <$atomic>::new(0)).collect());
            let handles: Vec<_> = (0..threads)
                .map(|t| {
                    let words = words.clone();
                    thread::spawn(move || {
                        for _ in 0..ops {
                            words[if shared { 0 } else { t }].fetch_add(1, Relaxed);
                        }
                    })
                })
                .collect();
            for h in handles {
                h.join().unwrap();
            }
        }
    };
}

adders!(facade, selvedge::sync::AtomicUsize, selvedge::sync::thread);
adders!(raw_loom, loom::sync::atomic::AtomicUsize, loom::thread);
adders!(raw_shuttle, shuttle::sync::atomic::AtomicUsize, shuttle::thread);

fn plan(jobs: usize) -> Plan {
    Plan { executions: u64::MAX, jobs, ..Plan::default() }
}

fn scenario(f: impl Fn() + Send + Sync + 'static) -> Scenario {
    StdArc::new(move || {
        f();
        "done".into()
    })
}

fn prove(s: &Scenario, jobs: usize) -> Exploration {
    let x = exact::explore(s, &plan(jobs));
    assert_eq!(x.verdict, Verdict::Exhausted);
    x
}

fn seconds<T>(f: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let value = f();
    (value, start.elapsed().as_secs_f64())
}

/// Executions, seconds, finished.
fn loom_proves(t: usize, k: usize, shared: bool) -> (u64, f64, bool) {
    silence();
    let n = StdArc::new(AtomicU64::new(0));
    let counter = n.clone();
    let mut b = loom::model::Builder::new();
    b.max_branches = 20_000;
    b.checkpoint_interval = 1_000;
    b.max_duration = Some(Duration::from_secs(LOOM_CAP));
    let ((), s) = seconds(|| {
        b.check(move || {
            counter.fetch_add(1, Relaxed);
            raw_loom(t, k, shared);
        });
    });
    (n.load(Relaxed), s, s < LOOM_CAP as f64)
}

/// Raw shuttle puts its hook on top of all others: it would speak, and take its time, at every coroutine that loom cancels.
fn silence() {
    std::panic::set_hook(Box::new(|_| {}));
}

fn shuttle_proves(t: usize, k: usize, shared: bool) -> (u64, f64, bool) {
    let mut c = shuttle::Config::new();
    c.failure_persistence = shuttle::FailurePersistence::None;
    c.silence_warnings = true;
    let dfs = shuttle::scheduler::DfsScheduler::new(Some(SHUTTLE_CAP), false);
    let (n, s) = seconds(|| shuttle::Runner::new(dfs, c).run(move || raw_shuttle(t, k, shared)));
    (n as u64, s, n < SHUTTLE_CAP)
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v[v.len() / 2]
}

fn resident_mib() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some((statm.split(' ').nth(1)?.parse::<u64>().ok()? * 4096) >> 20)
}

fn peer((n, s, finished): (u64, f64, bool), ours: f64) -> String {
    let mark = if finished { "  " } else { ">=" };
    format!("{n:>9} {mark}{:>9.2} ms {mark}{:>7.0}x", s * 1e3, s / ours)
}

fn main() {
    let rounds: usize = std::env::args().nth(1).map_or(5, |a| a.parse().expect("a number of rounds"));

    println!("1. proofs: executions, time, and how many times longer a peer takes");
    println!(
        "{:<14} {:>7} {:>9}    | {:^33} | {:^33}",
        "threads x ops", "exact", "time", "loom", "shuttle dfs"
    );
    let optimum =
        [(3, 2, true, 90), (3, 3, true, 1680), (4, 1, true, 24), (3, 3, false, 1), (2, 3, true, 20)];
    for (t, k, shared, expected) in optimum {
        let s = scenario(move || facade(t, k, shared));
        assert_eq!(prove(&s, 1).executions, expected, "the optimum for {t} x {k}");
        let (mut ours, mut looms, mut shuttles) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            ours.push(seconds(|| (0..5).for_each(|_| drop(prove(&s, 1)))).1 / 5.0);
            // A peer that takes seconds is not run in every round.
            if round == 0 || looms.iter().all(|l: &(u64, f64, bool)| l.1 < 1.0) {
                looms.push(loom_proves(t, k, shared));
            }
            if round == 0 || shuttles.iter().all(|l: &(u64, f64, bool)| l.1 < 1.0) {
                shuttles.push(shuttle_proves(t, k, shared));
            }
        }
        let ours = median(ours);
        let mid = |v: Vec<(u64, f64, bool)>| (v[0].0, median(v.iter().map(|x| x.1).collect()), v[0].2);
        let name = format!("{t} x {k}{}", if shared { "" } else { " distinct" });
        println!(
            "{name:<14} {expected:>7} {:>9.3} ms | {} | {}",
            ours * 1e3,
            peer(mid(looms), ours),
            peer(mid(shuttles), ours)
        );
    }

    let six = scenario(|| facade(2, 3, true));
    let rate = || {
        let (n, s) = seconds(|| (0..2000).map(|_| prove(&six, 1).executions).sum::<u64>());
        n as f64 / s
    };
    println!(
        "\n2. two threads, six operations, one worker: {:.0} executions/s",
        median((0..rounds).map(|_| rate()).collect())
    );

    let large = scenario(|| facade(3, 5, true));
    let pairs: Vec<_> = (0..rounds.min(3))
        .map(|_| {
            let (x, one) = seconds(|| prove(&large, 1));
            let (y, two) = seconds(|| prove(&large, 2));
            assert_eq!((x.executions, x.steps), (y.executions, y.steps), "workers change nothing");
            (x.executions, one, two)
        })
        .collect();
    println!(
        "\n3. two workers: {} executions in {:.1} s and {:.1} s, {:.2} times as fast",
        pairs[0].0,
        median(pairs.iter().map(|p| p.1).collect()),
        median(pairs.iter().map(|p| p.2).collect()),
        median(pairs.iter().map(|p| p.1 / p.2).collect()),
    );

    let before = resident_mib();
    let n: u64 = (0..2).map(|_| prove(&large, 1).executions).sum();
    if let (Some(before), Some(after)) = (before, resident_mib()) {
        println!("\n4. memory: {before} MiB resident before, {after} MiB after {n} more executions");
    }

    silence();
    println!("\n5. the catalogue's fixed variants, exact against loom (through the facade)");
    let mut ratios = Vec::new();
    for m in selvedge_models::catalogue().models() {
        for v in m.variants.iter().filter(|v| v.role == Role::Fixed) {
            let check = |e| v.checks.iter().find(|c| c.engine == e);
            let (Some(l), Some(_)) = (check(EngineKind::Loom), check(EngineKind::Exact)) else { continue };
            let counted = Plan { counted_arcs: v.counted_arcs, ..plan(1) };
            let ours = exact::explore(&v.scenario, &counted);
            if l.expect != selvedge::check::Expect::Exhausted || ours.verdict != Verdict::Exhausted {
                continue;
            }
            let (theirs, first) = seconds(|| engine_loom::explore(&v.scenario, &counted));
            if theirs.verdict != Verdict::Exhausted {
                continue;
            }
            let repeat = if first < 0.2 { rounds } else { 1 };
            let loom = median(
                (0..repeat).map(|_| seconds(|| engine_loom::explore(&v.scenario, &counted)).1).collect(),
            );
            let exact =
                median((0..rounds).map(|_| seconds(|| exact::explore(&v.scenario, &counted)).1).collect());
            println!(
                "  {:<44} exact {:>7} {:>9.2} ms   loom {:>7} {:>9.2} ms   {:>6.1}x",
                format!("{}/{}", m.name, v.name),
                ours.executions,
                exact * 1e3,
                theirs.executions,
                loom * 1e3,
                loom / exact
            );
            ratios.push(loom / exact);
        }
    }
    println!("  median over {} variants: {:.1}x", ratios.len(), median(ratios.clone()));
}
