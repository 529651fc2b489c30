//! Pending calls: one end for each, no serial twice, and any number from a stranger is refused.

use proptest::prelude::*;
use selvedge::claim::{Ending, InvalidCapacity, MAX_PENDING, PendingCalls, Refused, Unmatched};
use selvedge::serial::Serial;
use selvedge::sync::{Arc, AtomicU32, Barrier, Ordering, thread};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn of_three_contenders_one_wins() {
    for _ in 0..500 {
        let calls = Arc::new(PendingCalls::new(1).unwrap());
        let serial = calls.register("call").unwrap();
        let (start, wins) = (Arc::new(Barrier::new(3)), Arc::new(AtomicU32::new(0)));
        let contenders = [Ending::Reply, Ending::Timeout, Ending::Abort].map(|ending| {
            let (calls, start, wins) = (calls.clone(), start.clone(), wins.clone());
            thread::spawn(move || {
                start.wait();
                if let Ok(token) = calls.claim(serial, ending) {
                    assert_eq!((token.serial(), token.ending()), (serial, ending));
                    assert_eq!(token.end(), "call");
                    wins.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        contenders.into_iter().for_each(|c| c.join().unwrap());
        assert_eq!(wins.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_place_is_not_used_while_its_token_is_held() {
    let calls = PendingCalls::new(1).unwrap();
    let serial = calls.register(1).unwrap();
    let token = calls.claim(serial, Ending::Timeout).unwrap();
    assert_eq!(calls.register(2), Err(Refused::Full(2)));
    assert_eq!(*token, 1);
    drop(token);
    let next = calls.register(2).unwrap();
    assert_eq!(calls.claim(serial, Ending::Reply).unwrap_err(), Unmatched::Late);
    assert_eq!(calls.claim(next, Ending::Reply).unwrap().end(), 2);
    assert_eq!((calls.counters().unmatched_replies, calls.counters().full), (1, 1));
}

#[test]
fn spent_serials_do_not_come_round() {
    let calls = PendingCalls::with_generations(2, 3).unwrap();
    let mut seen = BTreeSet::new();
    while let Ok(serial) = calls.register(()) {
        assert!(seen.insert(serial.get()), "{serial} was issued twice");
        calls.claim(serial, Ending::Reply).unwrap();
    }
    assert_eq!(seen.len(), 6);
    assert_eq!(calls.register(()), Err(Refused::Spent(())));
    assert_eq!(calls.counters().spent, 2);
}

#[test]
fn a_lost_connection_ends_every_call() {
    let calls = PendingCalls::new(5).unwrap();
    let kept: Vec<_> = (0..5).map(|n| calls.register(n).unwrap()).collect();
    calls.claim(kept[3], Ending::Reply).unwrap();
    let mut aborted: Vec<_> = calls.claim_all(Ending::Abort).map(|token| token.end()).collect();
    aborted.sort_unstable();
    assert_eq!(aborted, [0, 1, 2, 4]);
    assert_eq!(calls.claim_all(Ending::Abort).count(), 0);
}

#[test]
fn a_closed_table_begins_no_call_and_leaves_those_that_are_pending() {
    let calls = PendingCalls::new(2).unwrap();
    let serial = calls.register(1).unwrap();
    assert!(!calls.is_closed());
    assert!(calls.close() && calls.is_closed());
    assert!(!calls.close(), "once");
    assert_eq!(calls.register(2), Err(Refused::Closed(2)));
    assert_eq!(calls.claim(serial, Ending::Reply).unwrap().end(), 1, "a reply that is there already counts");
    assert_eq!(calls.register(3), Err(Refused::Closed(3)));
    assert_eq!(calls.claim_all(Ending::Abort).count(), 0);
    // Closed, whatever else would be a reason.
    let spent = PendingCalls::with_generations(1, 1).unwrap();
    drop(spent.claim(spent.register(()).unwrap(), Ending::Reply));
    assert_eq!(spent.register(()), Err(Refused::Spent(())));
    spent.close();
    assert_eq!(spent.register(()), Err(Refused::Closed(())));
}

/// Senders that go on until they are refused, beside the loss of their connection: each call is ended once, and none is
/// left.
#[test]
fn of_calls_beside_a_lost_connection_none_is_left_behind() {
    for round in 0..200u64 {
        let calls = Arc::new(PendingCalls::<Box<dyn FnOnce(Ending) + Send>>::new(64).unwrap());
        let ended = Arc::new(AtomicU32::new(0));
        let start = Arc::new(Barrier::new(4));
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let (calls, ended, start) = (calls.clone(), ended.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    let mut begun = 0;
                    loop {
                        let ended = ended.clone();
                        let call = Box::new(move |_| _ = ended.fetch_add(1, Ordering::Relaxed));
                        match calls.register(call) {
                            Ok(_) => begun += 1,
                            Err(Refused::Closed(_)) => return begun,
                            Err(Refused::Full(_)) => thread::yield_now(),
                            Err(Refused::Spent(_)) => unreachable!("few calls"),
                        }
                    }
                })
            })
            .collect();
        start.wait();
        (0..round % 50).for_each(|_| std::hint::spin_loop());
        calls.close();
        calls.claim_all(Ending::Abort).for_each(|token| token.end()(Ending::Abort));
        let begun: u32 = senders.into_iter().map(|s| s.join().unwrap()).sum();
        assert_eq!(ended.load(Ordering::Relaxed), begun);
        assert_eq!(calls.claim_all(Ending::Abort).count(), 0);
    }
}

#[test]
fn capacities_are_checked() {
    for n in [0, MAX_PENDING + 1, usize::MAX] {
        assert_eq!(PendingCalls::<()>::new(n).unwrap_err(), InvalidCapacity(n));
    }
    assert_eq!(PendingCalls::<()>::new(MAX_PENDING).unwrap().capacity(), MAX_PENDING);
}

proptest! {
    /// Against a map: what is pending can be claimed once, everything else is refused.
    #[test]
    fn it_behaves_like_a_map(
        capacity in 1usize..6,
        steps in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..200),
    ) {
        let calls = PendingCalls::new(capacity).unwrap();
        let (mut pending, mut issued) = (BTreeMap::new(), Vec::new());
        for (n, (begin, pick)) in steps.into_iter().enumerate() {
            if begin {
                match calls.register(n) {
                    Ok(serial) => {
                        prop_assert!(!issued.contains(&serial));
                        issued.push(serial);
                        pending.insert(serial.get(), n);
                    }
                    Err(refused) => {
                        prop_assert_eq!(refused, Refused::Full(n));
                        prop_assert_eq!(pending.len(), capacity);
                    }
                }
            } else if !issued.is_empty() {
                let serial = issued[pick.index(issued.len())];
                let got = calls.claim(serial, Ending::Reply).map(|token| token.end());
                prop_assert_eq!(got.ok(), pending.remove(&serial.get()));
            }
        }
    }

    /// Closed at any point of any history: what is pending then is what `claim_all` finds, and nothing comes after it.
    #[test]
    fn closing_ends_any_history(
        capacity in 1usize..6,
        steps in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..60),
        after in 1usize..5,
    ) {
        let calls = PendingCalls::new(capacity).unwrap();
        let mut pending = BTreeMap::new();
        for (n, (begin, pick)) in steps.into_iter().enumerate() {
            if begin {
                if let Ok(serial) = calls.register(n) {
                    pending.insert(serial.get(), n);
                }
            } else if !pending.is_empty() {
                let bits = *pending.keys().nth(pick.index(pending.len())).unwrap();
                let token = calls.claim(Serial::new(bits).unwrap(), Ending::Reply).unwrap();
                prop_assert_eq!(token.end(), pending.remove(&bits).unwrap());
            }
        }
        calls.close();
        for n in 0..after {
            prop_assert_eq!(calls.register(n), Err(Refused::Closed(n)));
        }
        let left: BTreeMap<_, _> = calls.claim_all(Ending::Abort).map(|t| (t.serial().get(), t.end())).collect();
        prop_assert_eq!(left, pending);
    }

    #[test]
    fn a_strangers_number_does_no_harm(capacity in 1usize..9, bits in 1u32..) {
        let calls = PendingCalls::new(capacity).unwrap();
        let mine = calls.register("mine").unwrap();
        let stranger = Serial::new(bits).unwrap();
        if stranger != mine {
            prop_assert_eq!(calls.claim(stranger, Ending::Reply).unwrap_err(), Unmatched::Unknown);
            prop_assert_eq!(calls.counters().unmatched_replies, 1);
        }
        prop_assert_eq!(calls.claim(mine, Ending::Reply).unwrap().end(), "mine");
    }
}
