//! What a `ConnectGate` promises, case by case, on real threads and hand-polled tasks.

use selvedge::connect_gate::{Backoff, ConnectGate, EnsureError, Enter, State, Turn};
use selvedge::sync::future::block_on;
use selvedge::sync::time::Deadline;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

type Gate = ConnectGate<u32, &'static str>;

fn never() -> Deadline {
    Deadline::never()
}

/// A waker that writes its name into a list.
struct Bell(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// One task, polled by hand.
struct Task<'g> {
    enter: Enter<'g, u32, &'static str>,
    waker: Waker,
}

impl<'g> Task<'g> {
    fn new(gate: &'g Gate, name: &'static str, rung: &Arc<Mutex<Vec<&'static str>>>) -> Self {
        Task { enter: gate.enter(), waker: Arc::new(Bell(name, rung.clone())).into() }
    }
    fn poll(&mut self) -> Poll<Turn<'g, u32, &'static str>> {
        Pin::new(&mut self.enter).poll(&mut Context::from_waker(&self.waker))
    }
}

#[track_caller]
fn lead(gate: &Gate) -> selvedge::connect_gate::Attempt<'_, u32, &'static str> {
    match gate.enter_blocking(&never()) {
        Ok(Turn::Lead(attempt)) => attempt,
        other => panic!("expected the lead, got {other:?}"),
    }
}

#[test]
fn the_first_caller_leads_and_owns_the_resource() {
    let gate = Gate::new(7);
    assert!(matches!(gate.state(), State::Idle(e) if e.get() == 0));
    let mut attempt = lead(&gate);
    assert_eq!(attempt.epoch().get(), 1);
    assert!(matches!(gate.state(), State::Attempting(e) if e.get() == 1));
    assert_eq!(gate.connected(), None);
    *attempt += 1;
    let epoch = attempt.commit();
    assert_eq!(gate.connected(), Some(epoch));
    assert_eq!(gate.into_inner(), 8);
}

#[test]
fn waiters_of_one_attempt_share_its_outcome_in_the_order_in_which_they_came() {
    let gate = Gate::new(0);
    let rung = Arc::default();
    let attempt = lead(&gate);
    let mut tasks = ["a", "b", "c"].map(|name| Task::new(&gate, name, &rung));
    for task in &mut tasks {
        assert!(task.poll().is_pending());
        assert!(task.poll().is_pending(), "polling twice registers once");
    }
    let failure = attempt.fail("refused");
    assert_eq!(*rung.lock().unwrap(), ["a", "b", "c"]);
    for task in &mut tasks {
        match task.poll() {
            Poll::Ready(Turn::Failed(f)) => {
                assert_eq!((f.epoch(), *f.error()), (failure.epoch(), "refused"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn more_waiters_than_a_batch_are_all_woken_in_order() {
    let gate = Gate::new(0);
    let rung: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let names: Vec<&'static str> = (0..100).map(|n| &*format!("{n}").leak()).collect();
    let attempt = lead(&gate);
    let mut tasks: Vec<_> = names.iter().map(|name| Task::new(&gate, name, &rung)).collect();
    assert!(tasks.iter_mut().all(|t| t.poll().is_pending()));
    attempt.commit();
    assert_eq!(*rung.lock().unwrap(), names);
}

#[test]
fn a_cancelled_waiter_is_not_woken_and_its_place_is_reused() {
    let gate = Gate::new(0);
    let rung = Arc::default();
    let attempt = lead(&gate);
    let mut gone = Task::new(&gate, "gone", &rung);
    let mut stays = Task::new(&gate, "stays", &rung);
    assert!(gone.poll().is_pending() && stays.poll().is_pending());
    drop(gone);
    let mut late = Task::new(&gate, "late", &rung);
    assert!(late.poll().is_pending());
    attempt.commit();
    assert_eq!(*rung.lock().unwrap(), ["stays", "late"]);
}

#[test]
fn cancelling_a_waiter_that_is_already_woken_takes_nothing_from_the_others() {
    let gate = Gate::new(0);
    let rung = Arc::default();
    let attempt = lead(&gate);
    let mut first = Task::new(&gate, "first", &rung);
    let mut second = Task::new(&gate, "second", &rung);
    assert!(first.poll().is_pending() && second.poll().is_pending());
    drop(attempt);
    drop(first);
    assert_eq!(*rung.lock().unwrap(), ["first", "second"]);
    assert!(matches!(second.poll(), Poll::Ready(Turn::Lead(_))), "whoever runs first takes over");
}

#[test]
fn a_moved_task_is_woken_through_its_last_waker() {
    let gate = Gate::new(0);
    let rung = Arc::default();
    let attempt = lead(&gate);
    let mut task = Task::new(&gate, "old", &rung);
    assert!(task.poll().is_pending());
    task.waker = Arc::new(Bell("new", rung.clone())).into();
    assert!(task.poll().is_pending());
    attempt.commit();
    assert_eq!(*rung.lock().unwrap(), ["new"]);
}

#[test]
fn a_waker_that_panics_does_not_take_the_other_wakes_with_it() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's own business");
        }
    }
    let gate = Gate::new(0);
    let rung = Arc::default();
    let attempt = lead(&gate);
    let mut bad = Task { enter: gate.enter(), waker: Arc::new(Panics).into() };
    let mut good: Vec<_> = (0..70).map(|_| Task::new(&gate, "good", &rung)).collect();
    assert!(bad.poll().is_pending() && good.iter_mut().all(|t| t.poll().is_pending()));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| attempt.commit()));
    assert!(panicked.is_err());
    assert_eq!(*rung.lock().unwrap(), ["good"; 70]);
    assert!(gate.connected().is_some());
}

#[test]
fn a_stale_report_does_not_tear_down_the_successor() {
    let gate = Gate::new(0);
    let first = lead(&gate).commit();
    assert!(gate.invalidate(first));
    let attempt = lead(&gate);
    assert!(!gate.invalidate(first), "an attempt is under way");
    assert!(!gate.invalidate(attempt.epoch()), "and it is not over");
    let second = attempt.commit();
    assert!(!gate.invalidate(first));
    assert_eq!(gate.connected(), Some(second));
}

#[test]
fn a_panicking_leader_abandons_the_attempt() {
    let gate = Gate::new(0);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = gate.ensure(&never(), |_| panic!("the connector's own business"));
    }));
    assert!(panicked.is_err());
    assert!(gate.ensure(&never(), |_| Ok(())).is_ok());
}

#[test]
fn a_deadline_bounds_the_wait_and_leaves_the_queue() {
    let gate = Gate::new(0);
    let attempt = lead(&gate);
    let begun = Instant::now();
    let late = gate.enter_blocking(&Deadline::after(Duration::from_millis(20))).unwrap_err();
    assert!(begun.elapsed() >= Duration::from_millis(20));
    assert_eq!(late.epoch(), attempt.epoch());
    assert!(matches!(gate.ensure(&Deadline::after(Duration::ZERO), |_| Ok(())), Err(EnsureError::TimedOut)));
    attempt.commit();
}

#[test]
fn back_off_keeps_attempts_apart_and_a_success_resets_it() {
    let pause = Duration::from_millis(200); // Long beside what a loaded machine adds to a sleep.
    let gate: Gate = ConnectGate::with_backoff(0, Backoff::exponential(pause, pause * 8));
    let _ = lead(&gate).fail("refused");
    match gate.enter_blocking(&never()) {
        Ok(Turn::Backoff(left)) => assert!(left > Duration::ZERO && left <= pause),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        gate.ensure(&Deadline::after(Duration::from_millis(1)), |_| Ok(())),
        Err(EnsureError::TimedOut)
    ));
    let begun = Instant::now();
    let refused = gate.ensure(&never(), |_| Err("again"));
    assert!(matches!(refused, Err(EnsureError::Failed(f)) if *f.error() == "again"));
    assert!(begun.elapsed() >= pause / 2, "most of the pause was still to come");
    match gate.enter_blocking(&never()) {
        Ok(Turn::Backoff(left)) => assert!(left > pause && left <= pause * 2, "the second pause is longer"),
        other => panic!("{other:?}"),
    }
    let up = gate.ensure(&never(), |_| Ok(())).unwrap();
    assert!(gate.invalidate(up));
    let _ = lead(&gate).fail("refused");
    match gate.enter_blocking(&never()) {
        Ok(Turn::Backoff(left)) => assert!(left <= pause, "the streak began anew"),
        other => panic!("{other:?}"),
    };
}

#[test]
fn an_abandoned_attempt_causes_no_back_off() {
    let gate: Gate = ConnectGate::with_backoff(0, Backoff::constant(Duration::from_secs(60)));
    drop(lead(&gate));
    assert_eq!(lead(&gate).epoch().get(), 2);
}

#[test]
fn tasks_sit_out_a_back_off_on_their_own_timer() {
    let gate: Gate = ConnectGate::with_backoff(0, Backoff::constant(Duration::from_millis(5)));
    let slept = AtomicU32::new(0);
    let sleep = async |pause| {
        slept.fetch_add(1, Ordering::Relaxed);
        thread::sleep(pause);
    };
    let refused = block_on(gate.ensure_async(&sleep, async |_| Err("refused")));
    assert!(matches!(refused, Err(EnsureError::Failed(_))));
    assert!(block_on(gate.ensure_async(&sleep, async |_| Ok(()))).is_ok());
    assert!(slept.load(Ordering::Relaxed) >= 1);
}

/// Threads and tasks together: connections break all the time, and nobody is ever alone with a wrong belief.
#[test]
fn threads_and_tasks_share_one_flight() {
    const ROUNDS: u32 = 2_000;
    let gate: Arc<ConnectGate<(u32, u32), &'static str>> = Arc::new(ConnectGate::new((0, 0)));
    let leaders = Arc::new(AtomicU32::new(0));
    let workers: Vec<_> = (0..4)
        .map(|n| {
            let (gate, leaders) = (gate.clone(), leaders.clone());
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    let connect = |line: &mut (u32, u32)| {
                        assert_eq!(leaders.fetch_add(1, Ordering::Relaxed), 0, "two leaders");
                        // Plain fields: torn or lost if two leaders ever overlapped or did not see each other.
                        assert_eq!(line.0, line.1);
                        line.0 += 1;
                        if round % 7 == n {
                            thread::yield_now();
                        }
                        line.1 += 1;
                        leaders.fetch_sub(1, Ordering::Relaxed);
                        if round % 5 == 0 { Err("refused") } else { Ok(()) }
                    };
                    let outcome = if n % 2 == 0 {
                        gate.ensure(&Deadline::after(Duration::from_secs(60)), connect)
                    } else {
                        block_on(gate.ensure_async(async |_| {}, async |line| connect(line)))
                    };
                    match outcome {
                        Ok(epoch) => _ = gate.invalidate(epoch),
                        Err(EnsureError::Failed(f)) => assert_eq!(*f.error(), "refused"),
                        Err(EnsureError::TimedOut) => panic!("somebody sleeps with no one left to wake them"),
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    let gate = Arc::into_inner(gate).unwrap();
    let State::Idle(last) = gate.state() else { panic!("{gate:?}") };
    let (begun, ended) = gate.into_inner();
    assert_eq!((begun, u64::from(ended)), (ended, last.get()), "one attempt for each epoch");
}

/// More waiters than are woken in one batch, and gaps where some gave up: the others are told in the order in which they
/// came, and a waiter who gave up and came again stands behind them.
#[test]
fn waiters_are_told_in_the_order_in_which_they_came() {
    struct Numbered(usize, Arc<Mutex<Vec<usize>>>);
    impl Wake for Numbered {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    let gate = Gate::new(0);
    let rung: Arc<Mutex<Vec<usize>>> = Arc::default();
    let attempt = lead(&gate);
    let mut tasks: Vec<_> = (0..100)
        .map(|n| Some(Task { enter: gate.enter(), waker: Arc::new(Numbered(n, rung.clone())).into() }))
        .collect();
    assert!(tasks.iter_mut().flatten().all(|t| t.poll().is_pending()));
    let impatient: Vec<usize> = (0..100).filter(|n| n % 7 == 3).collect();
    for &n in &impatient {
        tasks[n] = None;
    }
    let mut back = Task { enter: gate.enter(), waker: Arc::new(Numbered(3, rung.clone())).into() };
    assert!(back.poll().is_pending());
    let _ = attempt.fail("refused");
    let mut order: Vec<usize> = (0..100).filter(|n| !impatient.contains(n)).collect();
    order.push(3);
    assert_eq!(*rung.lock().unwrap(), order);
    for mut task in tasks.into_iter().flatten().chain([back]) {
        assert!(matches!(task.poll(), Poll::Ready(Turn::Failed(f)) if *f.error() == "refused"));
    }
    // Nobody has to poll for the next one to come to pass: the lead goes to whoever asks first.
    assert_eq!(lead(&gate).epoch().get(), 2);
}

/// A thread that always comes back at once does not keep another one from the lead for ever.
#[test]
fn nobody_is_kept_out_by_those_who_keep_coming() {
    let gate: Arc<Gate> = Arc::new(Gate::new(0));
    let led = Arc::new([const { AtomicU32::new(0) }; 3]);
    let deadline = Instant::now() + Duration::from_secs(60);
    let workers: Vec<_> = (0..3)
        .map(|n| {
            let (gate, led) = (gate.clone(), led.clone());
            thread::spawn(move || {
                while led.iter().any(|l| l.load(Ordering::Relaxed) == 0) {
                    assert!(Instant::now() < deadline, "somebody has never led: {led:?}");
                    if let Turn::Lead(attempt) = gate.enter_blocking(&never()).expect("no deadline") {
                        led[n].fetch_add(1, Ordering::Relaxed);
                        thread::yield_now();
                        drop(attempt);
                    }
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|w| w.join().unwrap());
}

/// A peer that accepts and closes: the pauses grow as they do after failures, and a connection that lasts ends the streak.
#[test]
fn connections_that_do_not_last_are_a_streak_of_failures() {
    let first = Duration::from_millis(200);
    let policy = Backoff::exponential(first, Duration::from_secs(60)).also_after_success();
    let gate = Gate::with_backoff(0, policy);
    let breaks_at_once = || assert!(gate.invalidate(gate.ensure(&never(), |_| Ok(())).unwrap()));
    let pause = || match gate.enter_blocking(&never()) {
        Ok(Turn::Backoff(pause)) => pause,
        other => panic!("expected a pause, got {other:?}"),
    };
    breaks_at_once();
    assert!(pause() <= first);
    breaks_at_once();
    let second = pause();
    assert!(first < second && second <= 2 * first, "{second:?}");
    // The third lasts longer than its pause, of four times the first: its end is followed by none.
    let lasting = gate.ensure(&never(), |_| Ok(())).unwrap();
    thread::sleep(5 * first);
    assert!(gate.invalidate(lasting));
    let _ = lead(&gate).fail("refused");
    assert!(pause() <= first, "a new streak");
}
