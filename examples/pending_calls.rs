//! Requests with a deadline over a driver that answers late or never: each waits on its own stack, none is completed
//! twice, and no answer reaches a stack that is gone.
//!
//! `cargo run -p selvedge --release --example pending_calls`

use selvedge::claim::{Ending, PendingCalls};
use selvedge::completion::{Completion, Signal, Waited};
use selvedge::serial::Serial;
use selvedge::sync::time::Deadline;
use selvedge::sync::{Arc, mpsc, thread};
use std::time::Duration;

type Calls = PendingCalls<Signal<u32>>;

/// The driver: answers most requests at once, some late, some twice, and some never.
fn driver(calls: &Calls, requests: mpsc::Receiver<(Serial, u32)>) {
    let mut held = Vec::new();
    let answer = |(serial, request): (Serial, u32)| {
        if let Ok(token) = calls.claim(serial, Ending::Reply) {
            token.end().complete(request * 2);
        }
    };
    for (serial, request) in requests {
        match request % 50 {
            0 => held.push((serial, request)),
            1 => {}
            2 => [(serial, request); 2].into_iter().for_each(answer),
            _ => answer((serial, request)),
        }
        if held.len() > 3 {
            held.drain(..).for_each(answer);
        }
    }
}

#[allow(
    clippy::assertions_on_constants,
    reason = "a const assertion would fail in a checked build of all targets"
)]
fn main() {
    assert!(!selvedge::sync::CHECKED, "examples show the production form: build with `-p selvedge`");
    const REQUESTS: u32 = 2_000;
    let calls = Arc::new(Calls::new(8).expect("a small table"));
    let (wire, requests) = mpsc::channel();
    let server = {
        let calls = calls.clone();
        thread::spawn(move || driver(&calls, requests))
    };
    let (mut answered, mut timed_out) = (0, 0);
    for request in 0..REQUESTS {
        let answer = Completion::scope(|waiter, signal| {
            let serial = calls.register(signal).expect("one request at a time");
            wire.send((serial, request)).expect("the driver runs");
            match waiter.wait_until(&Deadline::after(Duration::from_millis(1))) {
                Waited::Done(answer) => answer.ok(),
                Waited::TimedOut(late) => match calls.claim(serial, Ending::Timeout) {
                    // Nobody completes it any more: this stack may go.
                    Ok(token) => {
                        late.cancel(token.end()).expect("its own signal");
                        None
                    }
                    // The driver has it in hand: wait for that.
                    Err(_) => late.drain().ok(),
                },
            }
        });
        match answer {
            Some(answer) => {
                assert_eq!(answer, request * 2, "an answer to another request");
                answered += 1;
            }
            None => timed_out += 1,
        }
    }
    drop(wire);
    server.join().expect("the driver does not fail");
    assert_eq!(answered + timed_out, REQUESTS);
    println!("{answered} requests answered, {timed_out} timed out");
    println!("{} answers matched no request and were dropped", calls.counters().unmatched_replies);
}
