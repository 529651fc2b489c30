//! The pair, and the answer, that decide: of programs whose fault is known.

use super::*;
use crate::check::always;
use crate::check::engine::{exact, shuttle};
use crate::check::event::{Event, Op, Whim};
use crate::check::model::{Outcome, Strategy};
use crate::check::runner::trace::Trace;
use crate::sync::{Arc, AtomicUsize, Condvar, Mutex, Named, Ordering::SeqCst, choose, thread};
use std::sync::atomic::AtomicBool;

/// The failure that the exact engine finds, decided.
fn decided<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> (Scenario, Failure) {
    let scenario: Scenario = std::sync::Arc::new(move || f().into());
    let plan = Plan { executions: 10_000, ..Plan::default() };
    let mut f = exact::explore(&scenario, &plan).failure.expect("it fails");
    decide(&scenario, &plan, &mut f);
    (scenario, *f)
}

fn pair(f: &Failure) -> [String; 2] {
    let t = Trace::of(f);
    let Flip::Pair { held, until: Until::Step(other) } = f.flip else { panic!("{:?}", f.flip) };
    [held, other].map(|i| t.events[i].text.clone())
}

/// The read of one and the write of the other, and not the two writes: with these alone the other way round, the
/// update is lost all the same.
#[test]
fn of_a_lost_update_the_read_and_the_write_decide() {
    let (scenario, f) = decided(|| {
        let n = Arc::new(AtomicUsize::new(0).named("n"));
        let theirs = n.clone();
        let t = thread::spawn(move || theirs.store(theirs.load(SeqCst) + 1, SeqCst));
        n.store(n.load(SeqCst) + 1, SeqCst);
        t.join().unwrap();
        always("counted", n.load(SeqCst) == 2, || "lost".into());
        "counted"
    });
    assert_eq!(pair(&f), ["load n -> 0 (sc)", "store n = 1 (sc)"]);
    assert!(holds(&scenario, &Plan::default(), &f));
    // The two writes: tried, and refused.
    let writes = |e: &Event| matches!(e.op, Op::Store { .. });
    let first = f.events.iter().position(writes).expect("a write");
    let last = f.events.iter().rposition(writes).expect("another");
    let guess = Flip::Pair { held: first, until: Until::Step(last) };
    assert!(!holds(&scenario, &Plan::default(), &Failure { flip: guess, ..f }));
}

/// What comes too late has not been done when it fails: a wait counts from its beginning.
#[test]
fn a_wait_has_to_begin_before_the_signal() {
    let (scenario, f) = decided(|| {
        let shared = Arc::new((AtomicUsize::new(0), Mutex::new(()), Condvar::new().named("changed")));
        let theirs = shared.clone();
        let t = thread::spawn(move || {
            let mut guard = theirs.1.lock();
            if theirs.0.load(SeqCst) == 0 {
                theirs.2.wait(&mut guard);
            }
        });
        shared.0.store(1, SeqCst);
        shared.2.notify_one();
        t.join().unwrap();
        "woken"
    });
    let Flip::Pair { held, until: Until::Next(1) } = f.flip else { panic!("{:?}", f.flip) };
    assert!(matches!(f.events[held].op, Op::Notify { .. }));
    assert!(holds(&scenario, &Plan::default(), &f));
}

/// A value that is put back: the write that does so and the exchange that is deceived, before any other pair.
#[test]
fn of_a_value_that_comes_back_the_exchange_decides() {
    let (_, f) = decided(|| {
        let n = Arc::new(AtomicUsize::new(1).named("n"));
        let theirs = n.clone();
        let t = thread::spawn(move || {
            theirs.store(2, SeqCst);
            theirs.store(1, SeqCst);
            theirs.load(SeqCst)
        });
        let seen = n.load(SeqCst);
        let between = n.load(SeqCst);
        let took = n.compare_exchange(seen, 3, SeqCst, SeqCst).is_ok();
        always("untouched", !took || between == seen, || "it was away".into());
        t.join().unwrap();
        "done"
    });
    assert_eq!(pair(&f), ["store n = 1 (sc)", "CAS n 1->3 ok (sc)"]);
}

#[test]
fn what_always_fails_has_no_pair() {
    let (_, f) = decided(|| {
        let n = Arc::new(AtomicUsize::new(0).named("n"));
        let theirs = n.clone();
        let t = thread::spawn(move || theirs.store(1, SeqCst));
        let _ = n.load(SeqCst);
        t.join().unwrap();
        always("zero", n.load(SeqCst) == 0, || "one".into());
        "zero"
    });
    assert!(matches!(f.flip, Flip::NoSingle { pairs: 1.., answers: 0, all: true }), "{:?}", f.flip);
    assert!(f.passing.is_none());
}

/// What fails under weak memory alone does not fail where the log is run again.
#[test]
fn a_stale_read_has_no_pair() {
    use crate::sync::Ordering::Relaxed;
    let (_, f) = decided(|| {
        let (data, flag) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (d, g) = (data.clone(), flag.clone());
        let t = thread::spawn(move || {
            d.store(7, Relaxed);
            g.store(1, Relaxed);
        });
        if flag.load(Relaxed) == 1 {
            always("sees-the-data", data.load(Relaxed) == 7, || "old".into());
        }
        t.join().unwrap();
        "read"
    });
    assert_eq!(f.flip, Flip::Unordered);
}

/// The text of the step that is answered otherwise.
fn answer(f: &Failure) -> (String, Whim) {
    let Flip::Answer { step, whim, .. } = f.flip else { panic!("{:?}", f.flip) };
    (Trace::of(f).events[step].text.clone(), whim)
}

/// Who takes the end of a wait for what it waits for is deceived by an end that nobody has brought about; and the table
/// says that nobody has, whoever has found it.
#[test]
fn an_end_that_nobody_has_brought_about_decides() {
    let (scenario, f) = decided(|| {
        let done = Arc::new(AtomicUsize::new(0).named("done"));
        let theirs = done.clone();
        let waiter = thread::spawn(move || {
            thread::park();
            always("told", theirs.load(SeqCst) == 1, || "not yet".into());
        });
        done.store(1, SeqCst);
        waiter.thread().unpark();
        waiter.join().unwrap();
        "told"
    });
    assert_eq!(answer(&f), ("park ends by itself (spurious)".to_owned(), Whim::Spurious));
    assert!(holds(&scenario, &Plan::default(), &f));
    let passing = f.passing.as_deref().expect("what passes");
    assert!(passing.events.iter().all(|e| e.op.whim(e.answer).is_none()), "it was woken there");
    let plan = Plan { strategy: Strategy::Dfs, executions: 1_000, ..Plan::default() };
    let mut f = shuttle::explore(&scenario, &plan).failure.expect("it fails");
    decide(&scenario, &plan, &mut f);
    assert_eq!(answer(&f).1, Whim::Spurious);
}

/// It is claimed of the answer only if the answer was another: here it waits longer, and times out all the same.
#[test]
fn an_answer_that_comes_later_is_no_other_answer() {
    let (scenario, f) = decided(|| {
        let flag = Arc::new(AtomicUsize::new(0).named("flag"));
        let theirs = flag.clone();
        let t = thread::spawn(move || theirs.store(1, SeqCst));
        thread::park_timeout(std::time::Duration::from_secs(1));
        always("set", flag.load(SeqCst) == 1, || "not yet".into());
        t.join().unwrap();
        "set"
    });
    assert!(matches!(f.flip, Flip::Pair { .. }), "{:?}", f.flip);
    let ended = |e: &Event| e.op.whim(e.answer);
    let (step, whim) = f.events.iter().enumerate().find_map(|(i, e)| Some((i, ended(e)?))).expect("a park");
    let guess = Flip::Answer { step, whim, instead: 0 };
    assert!(!holds(&scenario, &Plan::default(), &Failure { flip: guess, ..f }));
}

/// What decides is not that another thread had not begun, if it is those that begin it who must go on.
#[test]
fn a_thread_that_has_not_begun_is_named_only_if_it_matters() {
    let (_, f) = decided(|| {
        let flag = Arc::new(AtomicUsize::new(0).named("flag"));
        let (theirs, bystander) = (flag.clone(), AtomicUsize::new(0));
        let a = thread::spawn(move || always("set", theirs.load(SeqCst) == 1, || "not yet".into()));
        let b = thread::spawn(move || {
            bystander.store(1, SeqCst);
        });
        flag.store(1, SeqCst);
        a.join().unwrap();
        b.join().unwrap();
        "set"
    });
    assert!(!matches!(f.flip, Flip::Pair { until: Until::Next(2), .. }), "{:?}", f.flip);
    assert!(matches!(f.flip, Flip::Pair { .. }), "{:?}", f.flip);
}

/// Two threads with much to do, and a rule that never holds.
#[test]
fn a_search_that_was_cut_short_says_so() {
    let scenario: Scenario = std::sync::Arc::new(|| {
        let n = Arc::new(AtomicUsize::new(0).named("n"));
        let theirs = n.clone();
        let count = |n: &AtomicUsize| (0..40).for_each(|i| n.store(i, SeqCst));
        let t = thread::spawn(move || count(&theirs));
        count(&n);
        t.join().unwrap();
        always("never", false, || "of course".into());
        "never".into()
    });
    let plan = Plan { executions: 1, ..Plan::default() };
    let mut f = shuttle::explore(&scenario, &plan).failure.expect("it fails");
    let effort = decide(&scenario, &plan, &mut f);
    let Flip::NoSingle { pairs, all: false, .. } = f.flip else { panic!("{:?}", f.flip) };
    assert!(effort.is_spent() && (500..RUNS).contains(&pairs), "{pairs} {effort:?}");
}

#[test]
fn so_do_a_timeout_an_exchange_that_fails_and_a_choice() {
    let (_, f) = decided(|| {
        let timely = Arc::new((Mutex::new(false), Condvar::new().named("changed")));
        let theirs = timely.clone();
        let t = thread::spawn(move || {
            *theirs.0.lock() = true;
            theirs.1.notify_one();
        });
        let mut guard = timely.0.lock();
        if !*guard {
            let end = timely.1.wait_for(&mut guard, std::time::Duration::from_secs(1));
            always("in-time", !end.timed_out(), || "late".into());
        }
        drop(guard);
        t.join().unwrap();
        "in time"
    });
    // That it waits at all is an order of steps, and that comes first.
    assert!(matches!(f.flip, Flip::Pair { .. }), "{:?}", f.flip);
    let (_, f) = decided(|| {
        let n = AtomicUsize::new(0).named("n");
        let took = n.compare_exchange_weak(0, 1, SeqCst, SeqCst).is_ok();
        always("took", took, || "failed".into());
        "took"
    });
    assert_eq!(answer(&f), ("CAS n 0->1 failed spuriously (sc)".to_owned(), Whim::Failed));
    let (_, f) = decided(|| {
        let drawn = choose(3);
        always("small", drawn < 2, || "large".into());
        "small"
    });
    assert_eq!(answer(&f), ("choose 0..3 -> 2".to_owned(), Whim::Chosen(2, 3)));
}

/// After the flip the thread has an operation more to do before it chooses, and chooses as it does in the log all the
/// same; otherwise it would seem that the pair does not decide.
#[test]
fn a_choice_belongs_to_its_operation_wherever_that_has_moved() {
    // What is found is a failure of the first kind; with the second, the pair passes only if the choice is kept.
    let both = std::sync::Arc::new(AtomicBool::new(false));
    let second = both.clone();
    let scenario: Scenario = std::sync::Arc::new(move || {
        let (flag, extra) = (Arc::new(AtomicUsize::new(0).named("flag")), AtomicUsize::new(0));
        let theirs = flag.clone();
        let t = thread::spawn(move || theirs.store(1, SeqCst));
        let seen = flag.load(SeqCst);
        if seen == 1 {
            extra.load(SeqCst);
        }
        let chosen = choose(2);
        always("kept", !(seen == 0 && chosen == 1), || "early".into());
        let strict = second.load(std::sync::atomic::Ordering::Relaxed);
        always("kept", !(strict && seen == 1 && chosen == 0), || "not chosen".into());
        t.join().unwrap();
        "kept".into()
    });
    let plan = Plan { executions: 10_000, ..Plan::default() };
    let mut f = exact::explore(&scenario, &plan).failure.expect("it fails");
    both.store(true, std::sync::atomic::Ordering::Relaxed);
    decide(&scenario, &plan, &mut f);
    let Flip::Pair { held, .. } = f.flip else { panic!("{:?}", f.flip) };
    assert!(matches!(f.events[held].op, Op::Load { .. }));
}

/// What is read twice: if the write came right after the first look, the second would be misled as the first is in the log.
/// So whoever looks goes on at once, and the pair is the look and the write, and not some other that happens to pass.
#[test]
fn who_is_not_misled_goes_on_before_the_other_writes() {
    let (scenario, f) = decided(|| {
        let connection = Arc::new(AtomicUsize::new(0).named("connection"));
        let timeouts = [25, 15].map(AtomicUsize::new);
        let theirs = connection.clone();
        let t = thread::spawn(move || theirs.store(1, SeqCst));
        for _ in 0..2 {
            let over = connection.load(SeqCst);
            always("own-timeout", timeouts[over].load(SeqCst) == 25, || "another's".into());
        }
        t.join().unwrap();
        "sent"
    });
    assert_eq!(pair(&f), ["store connection = 1 (sc)", "load connection -> 1 (sc)"]);
    assert!(holds(&scenario, &Plan::default(), &f));
}
