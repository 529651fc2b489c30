//! Random histories of a `ConnectGate`, step by step against a reference that a reader can check at a glance.

use proptest::prelude::*;
use selvedge::connect_gate::{Attempt, Backoff, ConnectGate, Enter, Epoch, State, Turn};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

type Gate = ConnectGate<u32, u32>;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A new task enters, or a known one is polled again.
    Poll(usize),
    /// A task is dropped.
    Cancel(usize),
    Commit,
    Fail,
    Abandon,
    /// An epoch breaks, counted back from the last.
    Invalidate(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8usize).prop_map(Step::Poll),
        2 => (0..8usize).prop_map(Step::Cancel),
        1 => Just(Step::Commit),
        1 => Just(Step::Fail),
        1 => Just(Step::Abandon),
        2 => (0..3u64).prop_map(Step::Invalidate),
    ]
}

/// What the reference knows of a task: the epoch it waits for, or the outcome it was given.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Known {
    Waits(u64),
    Connected(u64),
    Failed(u64),
    Abandoned,
}

struct Bell(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// The reference: a number, a word, and a list of waiters in order of arrival.
#[derive(Default)]
struct Reference {
    epoch: u64,
    connected: bool,
    attempting: bool,
    order: Vec<usize>,
    known: [Option<Known>; 8],
}

impl Reference {
    fn end(&mut self, outcome: Known) -> Vec<usize> {
        self.attempting = false;
        self.connected = matches!(outcome, Known::Connected(_));
        let woken = std::mem::take(&mut self.order);
        for &task in &woken {
            self.known[task] = Some(outcome);
        }
        woken
    }
    fn state(&self) -> (u64, bool, bool) {
        (self.epoch, self.connected, self.attempting)
    }
}

fn observed(state: State) -> (u64, bool, bool) {
    match state {
        State::Idle(e) => (e.get(), false, false),
        State::Attempting(e) => (e.get(), false, true),
        State::Connected(e) => (e.get(), true, false),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_history_matches_the_reference(steps in prop::collection::vec(step(), 0..60)) {
        let gate = Gate::new(0);
        let rung: Arc<Mutex<Vec<usize>>> = Arc::default();
        let mut tasks: [Option<Enter<'_, u32, u32>>; 8] = Default::default();
        let mut lead: Option<Attempt<'_, u32, u32>> = None;
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut reference = Reference::default();
        for step in steps {
            let mut expect_woken = Vec::new();
            match step {
                Step::Poll(n) => {
                    let enter = tasks[n].get_or_insert_with(|| gate.enter());
                    let waker = Arc::new(Bell(n, rung.clone())).into();
                    let got = Pin::new(enter).poll(&mut Context::from_waker(&waker));
                    let before = reference.known[n].take();
                    match got {
                        Poll::Pending => {
                            prop_assert!(reference.attempting, "waits although nobody is at work");
                            reference.known[n] = Some(Known::Waits(reference.epoch));
                            match before {
                                Some(Known::Waits(e)) => prop_assert_eq!(e, reference.epoch),
                                None | Some(Known::Abandoned) => reference.order.push(n),
                                other => prop_assert!(false, "has an outcome and waits on: {:?}", other),
                            }
                        }
                        Poll::Ready(turn) => {
                            tasks[n] = None;
                            match turn {
                                Turn::Lead(attempt) => {
                                    prop_assert!(matches!(before, None | Some(Known::Abandoned)));
                                    prop_assert!(!reference.attempting && !reference.connected, "a second leader");
                                    reference.attempting = true;
                                    reference.epoch += 1;
                                    prop_assert_eq!(attempt.epoch().get(), reference.epoch);
                                    epochs.push(attempt.epoch());
                                    lead = Some(attempt);
                                }
                                Turn::Connected(e) => match before {
                                    Some(Known::Connected(own)) => prop_assert_eq!(e.get(), own),
                                    None | Some(Known::Abandoned) => {
                                        prop_assert!(reference.connected);
                                        prop_assert_eq!(e.get(), reference.epoch);
                                    }
                                    other => prop_assert!(false, "connected, but {:?}", other),
                                },
                                Turn::Failed(f) => {
                                    prop_assert_eq!(before, Some(Known::Failed(f.epoch().get())));
                                    prop_assert_eq!(u64::from(*f.error()), f.epoch().get());
                                }
                                Turn::Backoff(_) => prop_assert!(false, "no back-off was asked for"),
                            }
                        }
                    }
                }
                Step::Cancel(n) => {
                    tasks[n] = None;
                    reference.known[n] = None;
                    reference.order.retain(|&other| other != n);
                }
                Step::Commit => if let Some(mut attempt) = lead.take() {
                    *attempt += 1;
                    attempt.commit();
                    expect_woken = reference.end(Known::Connected(reference.epoch));
                },
                Step::Fail => if let Some(mut attempt) = lead.take() {
                    *attempt += 1;
                    let _ = attempt.fail(reference.epoch as u32);
                    expect_woken = reference.end(Known::Failed(reference.epoch));
                },
                Step::Abandon => if let Some(mut attempt) = lead.take() {
                    *attempt += 1;
                    drop(attempt);
                    expect_woken = reference.end(Known::Abandoned);
                },
                Step::Invalidate(back) => {
                    if let Some(&epoch) = epochs.iter().rev().nth(back as usize) {
                        let was = gate.invalidate(epoch);
                        prop_assert_eq!(was, reference.connected && epoch.get() == reference.epoch);
                        reference.connected &= !was;
                    }
                }
            }
            prop_assert_eq!(std::mem::take(&mut *rung.lock().unwrap()), expect_woken, "who is woken, in order");
            prop_assert_eq!(observed(gate.state()), reference.state());
        }
        let under_way = u32::from(lead.is_some());
        drop(lead);
        tasks = Default::default();
        drop(tasks);
        prop_assert_eq!(gate.into_inner() + under_way, epochs.len() as u32, "the resource kept every change");
    }

    #[test]
    fn pauses_grow_to_their_limit_and_jitter_takes_at_most_half(
        first in 0..10_000u64, longest in 0..100_000u64, failures in 0..80u32,
    ) {
        let longest = longest.max(first);
        let plain = Backoff::exponential(Duration::from_micros(first), Duration::from_micros(longest));
        let full = plain.delay(failures);
        prop_assert!(full <= Duration::from_micros(longest));
        prop_assert!(plain.delay(failures + 1) >= full);
        prop_assert_eq!(full == Duration::ZERO, failures == 0 || first == 0);
        prop_assert_eq!(plain.delay(1), Duration::from_micros(first));
        let cut = plain.with_jitter().delay(failures);
        prop_assert!(cut <= full && cut >= full / 2);
    }
}
