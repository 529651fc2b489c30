//! The disciplines under shuttle: what each lets happen and what it forbids, counted against a brute-force enumeration,
//! and that a counterexample found under one replays under it.
#![cfg(any(feature = "check", loom, shuttle))]

mod known;
mod one_cpu;

use known::{Shared, assert_found, outcomes, plan, scenario, words};
use one_cpu::{Dice, Program, Step, enumerate, outcome, value};
use selvedge::check::engine::{Exploration, Plan, shuttle};
use selvedge::check::model::{Discipline, Outcome, Strategy};
use selvedge::check::{Kind, Verdict, interrupt, io, masked};
use selvedge::sync::atomic::Ordering::SeqCst;
use selvedge::sync::{Arc, AtomicU32, Mutex, thread};
use std::collections::BTreeSet;
use std::time::Duration;

const COOPERATIVE: Discipline = Discipline::Cooperative;
const INTERRUPT: Discipline = Discipline::Interrupt;

/// `high` above `low` above all others.
fn high_low() -> Discipline {
    Discipline::priority(["high", "low"])
}

fn all() -> [Discipline; 4] {
    [Discipline::Preemptive, COOPERATIVE, high_low(), INTERRUPT]
}

fn under(discipline: &Discipline, strategy: Strategy) -> Plan {
    Plan { discipline: discipline.clone(), executions: 1_000_000, ..plan(strategy) }
}

fn dfs<O: Into<Outcome>>(discipline: &Discipline, f: impl Fn() -> O + Send + Sync + 'static) -> Exploration {
    shuttle::explore(&scenario(f), &under(discipline, Strategy::Dfs))
}

/// Exhausted with exactly these outcomes.
#[track_caller]
fn allows<O: Into<Outcome>, const N: usize>(
    discipline: &Discipline,
    want: [&str; N],
    f: impl Fn() -> O + Send + Sync + 'static,
) {
    let e = dfs(discipline, f);
    assert_eq!(
        (&e.verdict, outcomes(&e)),
        (&Verdict::Exhausted, words(want)),
        "{discipline} {:?}",
        e.failure
    );
}

/// Found by the exhaustive search, which says so in these words; and found again by its schedule.
#[track_caller]
fn fails<O: Into<Outcome>>(
    discipline: &Discipline,
    (property, kind): (&str, Kind),
    says: &str,
    f: impl Fn() -> O + Send + Sync + Copy + 'static,
) {
    let e = dfs(discipline, f);
    assert_found(&e, property, kind);
    let first = e.failure.unwrap();
    assert!(first.message.contains(says), "{}", first.message);
    let again = shuttle::replay(&scenario(f), &under(discipline, Strategy::Dfs), &first.schedule, true);
    assert_found(&again, property, kind);
    let again = again.failure.unwrap();
    assert_eq!((&again.schedule, again.events.len()), (&first.schedule, first.events.len()));
}

fn named<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn(f).unwrap()
}

/// Two threads add to one word by a load and a store. Outcome: what they counted.
fn count(names: [&'static str; 2], between: fn()) -> String {
    let n = Arc::new(AtomicU32::new(0));
    let threads = names.map(|name| {
        let n = n.clone();
        named(name, move || {
            let seen = n.load(SeqCst);
            between();
            n.store(seen + 1, SeqCst);
        })
    });
    threads.into_iter().for_each(|t| t.join().unwrap());
    n.load(SeqCst).to_string()
}

fn nothing() {}

#[test]
fn cooperative_threads_switch_where_they_yield_and_nowhere_else() {
    allows(&Discipline::Preemptive, ["1", "2"], || count(["a", "b"], nothing));
    // Between two adjacent statements nobody else runs..
    allows(&COOPERATIVE, ["2"], || count(["a", "b"], nothing));
    // ..and across a yield, or I/O, somebody may.
    allows(&COOPERATIVE, ["1", "2"], || count(["a", "b"], thread::yield_now));
    allows(&COOPERATIVE, ["1", "2"], || count(["a", "b"], io));
}

/// A cooperative thread that blocks gives the processor away, too.
#[test]
fn a_cooperative_thread_that_blocks_is_left() {
    let held_across_io = || {
        let m = Arc::new(Mutex::new(0));
        let other = {
            let m = m.clone();
            thread::spawn(move || *m.lock() += 1)
        };
        let mut held = m.lock();
        let seen = *held;
        io();
        *held = seen + 1;
        drop(held);
        other.join().unwrap();
        let end = *m.lock();
        end.to_string()
    };
    allows(&COOPERATIVE, ["2"], held_across_io);
}

/// `waker` stores 1, wakes `sleeper`, and stores 2. Outcome: what the sleeper finds when it wakes.
fn wake_and_go_on(sleeper: &'static str, waker: &'static str) -> String {
    let x = Arc::new(AtomicU32::new(0));
    let asleep = {
        let x = x.clone();
        named(sleeper, move || {
            thread::park_until(|| x.load(SeqCst) != 0);
            x.load(SeqCst)
        })
    };
    let (handle, y) = (asleep.thread().clone(), x.clone());
    let awake = named(waker, move || {
        y.store(1, SeqCst);
        handle.unpark();
        y.store(2, SeqCst);
    });
    awake.join().unwrap();
    asleep.join().unwrap().to_string()
}

#[test]
fn only_a_higher_priority_preempts() {
    // The woken thread preempts its waker..
    allows(&high_low(), ["1"], || wake_and_go_on("high", "low"));
    // ..waits until it is done..
    allows(&high_low(), ["2"], || wake_and_go_on("low", "high"));
    // ..or may do either, among equals, with or without a name in the order.
    allows(&high_low(), ["1", "2"], || wake_and_go_on("low", "low"));
    allows(&high_low(), ["1", "2"], || wake_and_go_on("a", "b"));
}

#[test]
fn strict_priorities_leave_one_schedule_and_equals_all_of_them() {
    let e = dfs(&high_low(), || count(["low", "high"], nothing));
    assert_eq!((e.verdict, e.executions), (Verdict::Exhausted, 1));
    allows(&high_low(), ["1", "2"], || count(["low", "low"], nothing));
    // A yield gives the processor to equals, never to those below.
    allows(&high_low(), ["2"], || count(["low", "high"], thread::yield_now));
}

/// `high` waits for what `low` does by looking again and again.
fn spin(wait: fn()) -> &'static str {
    let flag = Arc::new(AtomicU32::new(0));
    let spinner = {
        let flag = flag.clone();
        named("high", move || {
            while flag.load(SeqCst) == 0 {
                wait();
            }
        })
    };
    let setter = named("low", move || flag.store(1, SeqCst));
    spinner.join().unwrap();
    setter.join().unwrap();
    "seen"
}

#[test]
fn who_spins_above_whom_it_waits_for_starves_it() {
    let starved = "high spins for what low should do, and low never gets the processor from it";
    fails(&high_low(), ("progress", Kind::Livelock), starved, || spin(thread::yield_now));
    // With a sleep that an event ends, it does.
    allows(&high_low(), ["seen"], || spin(|| thread::park_timeout(Duration::from_millis(1))));
    allows(&COOPERATIVE, ["seen"], || spin(thread::yield_now));
}

/// The spinner in the middle starves whom is below, but somebody above it has a timeout to come.
#[test]
fn a_timeout_above_the_spinner_is_no_livelock() {
    let order = Discipline::priority(["top", "high", "low"]);
    allows(&order, ["rescued"], || {
        let flag = Arc::new(AtomicU32::new(0));
        let timer = {
            let flag = flag.clone();
            named("top", move || {
                thread::park_timeout(Duration::from_millis(1));
                flag.store(1, SeqCst);
            })
        };
        let low = named("low", || io());
        let spinner = named("high", move || {
            while flag.load(SeqCst) == 0 {
                thread::yield_now();
            }
        });
        [timer, low, spinner].into_iter().for_each(|t| t.join().unwrap());
        "rescued"
    });
}

/// Two stores by one, one look by the other. Outcome: what was seen.
fn half_way(
    writer: fn(Box<dyn FnOnce() + Send>) -> thread::JoinHandle<()>,
    look: fn(&AtomicU32) -> u32,
) -> String {
    let x = Arc::new(AtomicU32::new(0));
    let other = {
        let x = x.clone();
        writer(Box::new(move || {
            x.store(1, SeqCst);
            x.store(2, SeqCst);
        }))
    };
    let seen = look(&x);
    other.join().unwrap();
    seen.to_string()
}

#[test]
fn a_handler_runs_to_its_end() {
    let look = |x: &AtomicU32| x.load(SeqCst);
    allows(&INTERRUPT, ["0", "2"], move || half_way(|f| interrupt(f), look));
    allows(&INTERRUPT, ["0", "1", "2"], move || half_way(|f| thread::spawn(f), look));
    allows(&Discipline::Preemptive, ["0", "1", "2"], move || half_way(|f| interrupt(f), look));
}

#[test]
fn handlers_do_not_interrupt_each_other() {
    let both = || {
        let n = Arc::new(AtomicU32::new(0));
        let handlers = [(), ()].map(|()| {
            let n = n.clone();
            interrupt(move || {
                let seen = n.load(SeqCst);
                n.store(seen + 1, SeqCst);
            })
        });
        handlers.into_iter().for_each(|h| h.join().unwrap());
        n.load(SeqCst).to_string()
    };
    allows(&INTERRUPT, ["2"], both);
    allows(&Discipline::Preemptive, ["1", "2"], both);
}

/// The thread marks each place it passes; the handler says how far it had come, and how often it could arrive.
#[test]
fn an_interrupt_arrives_everywhere_but_in_a_masked_section() {
    let f = || {
        let place = Arc::new(AtomicU32::new(0));
        let handler = {
            let place = place.clone();
            interrupt(move || place.load(SeqCst))
        };
        place.store(1, SeqCst);
        masked(|| {
            place.store(2, SeqCst);
            masked(|| place.store(3, SeqCst));
            place.store(4, SeqCst);
        });
        place.store(5, SeqCst);
        handler.join().unwrap().to_string()
    };
    let e = dfs(&INTERRUPT, f);
    // Before the first store, before the section, after it, and at the end: each of them once.
    assert_eq!((&e.verdict, outcomes(&e)), (&Verdict::Exhausted, words(["0", "1", "4", "5"])));
    assert_eq!(e.executions, 4);
    // On several processors a masked section keeps nobody out.
    allows(&Discipline::Preemptive, ["0", "1", "2", "3", "4", "5"], f);
}

/// The place before a masked section is one of its own, even if nothing but the section is left to do there.
#[test]
fn an_interrupt_arrives_between_two_masked_sections() {
    allows(&INTERRUPT, ["0", "1", "2"], || {
        let place = Arc::new(AtomicU32::new(0));
        let handler = {
            let place = place.clone();
            interrupt(move || place.load(SeqCst))
        };
        masked(|| place.store(1, SeqCst));
        masked(|| place.store(2, SeqCst));
        handler.join().unwrap().to_string()
    });
}

/// Who blocks with interrupts masked lets others go on: the mask is its own.
#[test]
fn a_masked_thread_that_blocks_is_left() {
    allows(&INTERRUPT, ["after"], || {
        let ready = Arc::new(AtomicU32::new(0));
        let (waiter, r) = (thread::current(), ready.clone());
        let other = thread::spawn(move || {
            r.store(1, SeqCst);
            waiter.unpark();
        });
        masked(|| thread::park_until(|| ready.load(SeqCst) == 1));
        other.join().unwrap();
        "after"
    });
}

#[test]
fn a_handler_that_waits_for_whom_it_has_interrupted_is_found() {
    fn held(mask: bool) -> &'static str {
        let m = Arc::new(Mutex::new(0));
        let handler = {
            let m = m.clone();
            interrupt(move || *m.lock() += 1)
        };
        let hold = || *m.lock() += 1;
        if mask {
            masked(hold)
        } else {
            hold()
        }
        handler.join().unwrap();
        "done"
    }
    let waits = "handler interrupt waits for somebody whom it has interrupted";
    fails(&INTERRUPT, ("deadlock-free", Kind::Deadlock), waits, || held(false));
    allows(&INTERRUPT, ["done"], || held(true));
    allows(&Discipline::Preemptive, ["done"], || held(false));

    fails(&INTERRUPT, ("progress", Kind::Livelock), waits, || {
        let flag = Arc::new(AtomicU32::new(0));
        let handler = {
            let flag = flag.clone();
            interrupt(move || {
                while flag.load(SeqCst) == 0 {
                    thread::yield_now();
                }
            })
        };
        flag.store(1, SeqCst);
        handler.join().unwrap();
        "done"
    });
}

/// On one processor plain data is not raced for, but an interrupt between its reading and its writing loses a write.
#[test]
fn plain_data_is_torn_by_an_interrupt() {
    fn add(mask: bool) -> String {
        let n = Arc::new(Shared::new(0u32));
        let handler = {
            let n = n.clone();
            interrupt(move || n.set(n.get() + 1))
        };
        let add = || n.set(n.get() + 1);
        if mask {
            masked(add)
        } else {
            add()
        }
        handler.join().unwrap();
        n.get().to_string()
    }
    allows(&INTERRUPT, ["1", "2"], || add(false));
    allows(&INTERRUPT, ["2"], || add(true));
    let e = dfs(&Discipline::Preemptive, || add(true));
    assert_found(&e, "race-free", Kind::DataRace);
}

/// What the program under check shares.
struct World {
    variables: [AtomicU32; 2],
    cell: Shared<u32>,
    lock: Mutex<()>,
}

/// Runs `steps` as thread `t`.
fn perform(world: &World, t: usize, steps: &[Step], writes: &mut u32, reads: &mut Vec<u32>) {
    let fresh = |writes: &mut u32| {
        *writes += 1;
        value(t, *writes - 1)
    };
    for step in steps {
        match step {
            Step::Load(v) => reads.push(world.variables[*v].load(SeqCst)),
            Step::Store(v) => world.variables[*v].store(fresh(writes), SeqCst),
            Step::Peek => reads.push(world.cell.get()),
            Step::Poke => world.cell.set(fresh(writes)),
            Step::Yield => thread::yield_now(),
            Step::Locked(inner) => {
                let _held = world.lock.lock();
                perform(world, t, inner, writes, reads);
            }
            Step::Masked(inner) => masked(|| perform(world, t, inner, writes, reads)),
        }
    }
}

fn run(program: &Program) -> String {
    let world =
        Arc::new(World { variables: [0; 2].map(AtomicU32::new), cell: Shared::new(0), lock: Mutex::new(()) });
    let start = |(i, (name, steps)): (usize, &(&'static str, Vec<Step>))| {
        let (world, steps) = (world.clone(), steps.clone());
        named(name, move || {
            let mut reads = Vec::new();
            perform(&world, i + 1, &steps, &mut 0, &mut reads);
            reads
        })
    };
    let threads: Vec<_> = program.threads.iter().enumerate().map(start).collect();
    let reads: Vec<Vec<u32>> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    let [x, y] = &world.variables;
    outcome(&reads, [x.load(SeqCst), y.load(SeqCst), world.cell.get()])
}

/// Every schedule that a discipline allows, and no other, by count and by outcome: random programs against brute force.
#[test]
fn exhaustive_search_is_what_the_discipline_allows() {
    const SCHEDULES_MAX: u64 = 3_000;
    let mut dice = Dice(3);
    for discipline in &all()[1..] {
        let (mut compared, mut stuck, mut branching) = (0, 0, 0);
        while compared < 150 {
            let program = dice.program();
            let Some(want) = enumerate(&program, discipline, SCHEDULES_MAX) else { continue };
            let p = program.clone();
            let e = dfs(discipline, move || run(&p));
            if want.stuck {
                assert_eq!(e.verdict.word(), "found", "{discipline} {program:?}");
                assert_eq!(e.failure.unwrap().kind, Kind::Deadlock, "{discipline} {program:?}");
                stuck += 1;
            } else {
                let got = (e.verdict.word(), e.executions, outcomes(&e));
                assert_eq!(got, ("exhausted", want.schedules, want.outcomes), "{discipline} {program:?}");
            }
            compared += 1;
            branching += u32::from(want.schedules > 10);
        }
        assert!(branching > 20, "{discipline}: only {branching} programs have more than 10 schedules");
        assert_eq!(stuck > 0, *discipline == INTERRUPT, "{discipline}: {stuck} programs get stuck");
    }
}

/// The random strategies stay within what is allowed, and the same seed makes the same choices.
#[test]
fn sampling_keeps_the_discipline_and_depends_on_the_seed_alone() {
    let program = Program {
        // Who may run first is spawned first: shuttle's urw knows no other order.
        threads: vec![
            ("interrupt", vec![Step::Load(1), Step::Store(1), Step::Store(0)]),
            ("high", vec![Step::Load(0), Step::Yield, Step::Store(0)]),
            ("low", vec![Step::Load(0), Step::Store(0), Step::Masked(vec![Step::Load(1), Step::Store(1)])]),
        ],
    };
    let mut different = BTreeSet::new();
    for discipline in all() {
        let want = enumerate(&program, &discipline, 1_000_000).unwrap();
        for strategy in [Strategy::Random, Strategy::Pct, Strategy::Urw] {
            let go = |seed| {
                let p = program.clone();
                let plan = Plan { seed, executions: 300, ..under(&discipline, strategy) };
                shuttle::explore(&scenario(move || run(&p)), &plan)
            };
            let e = go(1);
            assert_eq!(e.verdict, Verdict::NotFound { n: 300 }, "{discipline} {strategy:?} {:?}", e.failure);
            assert!(outcomes(&e).is_subset(&want.outcomes), "{discipline} {strategy:?}");
            assert_eq!(format!("{e:?}"), format!("{:?}", go(1)), "{discipline} {strategy:?}");
            different.insert(format!("{discipline} {e:?}"));
            different.insert(format!("{discipline} {:?}", go(2)));
        }
    }
    assert!(different.len() > 12, "seeds and strategies matter: {}", different.len());
}

/// What was found under one discipline is not possible under another, and the replay says so.
#[test]
fn a_counterexample_belongs_to_its_discipline() {
    let f = || {
        assert_eq!(count(["a", "b"], io), "2");
        "counted"
    };
    let e = dfs(&COOPERATIVE, f);
    assert_found(&e, "no-panic", Kind::Assertion);
    let schedule = e.failure.unwrap().schedule;
    let replay = |d: &Discipline| shuttle::replay(&scenario(f), &under(d, Strategy::Dfs), &schedule, true);
    assert_found(&replay(&COOPERATIVE), "no-panic", Kind::Assertion);
    let strict = replay(&Discipline::priority(["a", "b"]));
    assert_eq!(strict.verdict.word(), "inconclusive", "{:?}", strict.verdict);
}
