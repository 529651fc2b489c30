//! Completions: results, time-outs, and that no scope ends before its signal is used up.
#![allow(clippy::drop_non_drop, reason = "a waiter that is dropped unused is what is tested")]

use proptest::prelude::*;
use selvedge::claim::{Ending, PendingCalls};
use selvedge::completion::{Abandoned, Completion, Signal, Waited};
use selvedge::sync::time::Deadline;
use selvedge::sync::{Arc, AtomicBool, AtomicU32, Ordering, mpsc, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(1))
}

#[test]
fn the_value_arrives_whoever_is_first() {
    for early in [true, false] {
        let got = Completion::scope(|waiter, signal: Signal<String>| {
            let completer = thread::spawn(move || {
                if !early {
                    thread::sleep(Duration::from_millis(2));
                }
                signal.complete("done".to_owned());
            });
            if early {
                completer.join().unwrap();
            }
            waiter.wait()
        });
        assert_eq!(got.as_deref(), Ok("done"));
    }
}

#[test]
fn a_dropped_signal_is_an_answer() {
    let got = Completion::scope(|waiter, signal: Signal<u32>| {
        thread::spawn(move || drop(signal));
        waiter.wait()
    });
    assert_eq!(got, Err(Abandoned));
}

/// Each way out of a scope whose signal is still out: it must not end before the completer has finished.
#[test]
fn no_way_out_of_the_scope_leaves_the_signal_behind() {
    for way in 0..4 {
        let finished = Arc::new(AtomicBool::new(false));
        let mark = finished.clone();
        let out = catch_unwind(AssertUnwindSafe(|| {
            Completion::scope(|waiter, signal: Signal<u32>| {
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(20));
                    mark.store(true, Ordering::Relaxed);
                    signal.complete(7);
                });
                match way {
                    0 => drop(waiter),
                    1 => panic!("the waiter fails"),
                    2 => drop(waiter.wait_until(&soon())),
                    _ => match waiter.wait_until(&soon()) {
                        Waited::TimedOut(late) => assert_eq!(late.drain(), Ok(7)),
                        Waited::Done(result) => assert_eq!(result, Ok(7)),
                    },
                }
            });
        }));
        assert_eq!(out.is_err(), way == 1);
        assert!(finished.load(Ordering::Relaxed), "way {way}: the scope ended before the completer");
    }
}

#[test]
fn a_signal_in_hand_cancels_at_once() {
    Completion::scope(|waiter, signal: Signal<u32>| match waiter.wait_until(&soon()) {
        Waited::TimedOut(late) => late.cancel(signal).expect("its own signal"),
        Waited::Done(result) => panic!("{result:?} from nowhere"),
    });
}

#[test]
fn a_value_that_nobody_takes_is_destroyed_once() {
    let alive = Arc::new(());
    Completion::scope(|waiter, signal| {
        signal.complete(alive.clone());
        drop(waiter);
    });
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// Real threads, the composition that ships: the call times out or is answered, and both sides agree which.
#[test]
fn reply_and_timeout_agree_under_load() {
    const CALLS: u32 = 5_000;
    let calls = Arc::new(PendingCalls::<Signal<u32>>::new(4).unwrap());
    let answered = Arc::new(AtomicU32::new(0));
    let (wire, requests) = mpsc::channel();
    let server = {
        let (calls, answered) = (calls.clone(), answered.clone());
        thread::spawn(move || {
            for (serial, n) in requests {
                if let Ok(token) = calls.claim(serial, Ending::Reply) {
                    answered.fetch_add(1, Ordering::Relaxed);
                    token.end().complete(n);
                }
            }
        })
    };
    let mut received = 0;
    for n in 0..CALLS {
        let result = Completion::scope(|waiter, signal| {
            let serial = calls.register(signal).expect("one call at a time");
            wire.send((serial, n)).unwrap();
            match waiter.wait_until(&Deadline::after(Duration::from_nanos(u64::from(n % 3) * 20_000))) {
                Waited::Done(result) => result.ok(),
                Waited::TimedOut(late) => match calls.claim(serial, Ending::Timeout) {
                    Ok(token) => {
                        late.cancel(token.end()).expect("its own signal");
                        None
                    }
                    Err(_) => late.drain().ok(),
                },
            }
        });
        assert!(result.is_none_or(|r| r == n), "call {n} got the answer {result:?}");
        received += u32::from(result.is_some());
    }
    drop(wire);
    server.join().unwrap();
    assert_eq!(received, answered.load(Ordering::Relaxed));
    assert!(received > 0);
}

/// What the side that has the signal does with it.
#[derive(Clone, Copy, Debug)]
enum Completer {
    Completes(u32),
    Drops,
    /// Never gets to it: the signal stays in the table.
    Stays,
}

fn completer() -> impl Strategy<Value = Completer> {
    prop_oneof![any::<u32>().prop_map(Completer::Completes), Just(Completer::Drops), Just(Completer::Stays)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// However the two sides meet: the waiter has the value of a completer that had the call, or nothing if it took the
    /// call back; and the scope ends after the last access.
    #[test]
    fn a_timed_wait_ends_in_one_of_its_ways(
        completer in completer(),
        delay in 0u64..300,
        patience in 0u64..300,
        work in 0u64..300,
    ) {
        let calls = Arc::new(PendingCalls::<Signal<u32>>::new(1).unwrap());
        let had_it = Arc::new(AtomicBool::new(false));
        let (result, other) = Completion::scope(|waiter, signal| {
            let serial = calls.register(signal).unwrap();
            let (calls_there, mark) = (calls.clone(), had_it.clone());
            let other = thread::spawn(move || {
                thread::sleep(Duration::from_micros(delay));
                if matches!(completer, Completer::Stays) {
                    return;
                }
                let Ok(call) = calls_there.claim(serial, Ending::Reply) else { return };
                mark.store(true, Ordering::Relaxed);
                // Time to give up in while the call is in hand: who does so has to drain.
                thread::sleep(Duration::from_micros(work));
                match completer {
                    Completer::Completes(value) => call.end().complete(value),
                    _ => drop(call),
                }
            });
            let result = match waiter.wait_until(&Deadline::after(Duration::from_micros(patience))) {
                Waited::Done(result) => Some(result),
                Waited::TimedOut(late) => match calls.claim(serial, Ending::Timeout) {
                    Ok(call) => {
                        late.cancel(call.end()).expect("its own signal");
                        None
                    }
                    Err(_) => Some(late.drain()),
                },
            };
            (result, other)
        });
        // Relaxed is enough: the mark was set before the signal was used up.
        prop_assert_eq!(result.is_some(), had_it.load(Ordering::Relaxed));
        match (result, completer) {
            (Some(result), Completer::Completes(value)) => prop_assert_eq!(result, Ok(value)),
            (Some(result), Completer::Drops) => prop_assert_eq!(result, Err(Abandoned)),
            (None, _) => {}
            (Some(result), Completer::Stays) => prop_assert!(false, "{result:?} from nobody"),
        }
        other.join().unwrap();
    }
}

/// A signal of another completion ends nothing: neither this wait, nor that one.
#[test]
fn a_foreign_signal_comes_back() {
    let theirs = Completion::scope(|theirs, signal| {
        Completion::scope(|mine, own: Signal<u8>| {
            let Waited::TimedOut(late) = mine.wait_until(&Deadline::after(Duration::ZERO)) else {
                unreachable!("nobody completes it")
            };
            let (late, signal) = late.cancel(signal).expect_err("another completion's");
            late.cancel(own).expect("its own");
            signal.complete(7);
        });
        theirs.wait()
    });
    assert_eq!(theirs, Ok(7));
}
