//! Calls over a network that answers late, twice, or never: every call has exactly one end, and no answer reaches
//! a call that did not ask for it.
//!
//! `cargo run -p selvedge --release --example session_table`

use selvedge::session_table::{Completion, SessionId, SessionTable};
use selvedge::sync::{mpsc, thread};

/// What the client remembers of a call that is under way.
struct Call {
    request: u32,
}

/// Sends each request with its id on the wire; some answers come late, some twice, some ids are damaged.
fn network(requests: mpsc::Receiver<(u64, u32)>, answers: mpsc::Sender<(u64, u32)>) {
    let mut late = Vec::new();
    for (wire_id, request) in requests {
        let answer = (wire_id, request * 2);
        match request % 4 {
            0 => late.push(answer),
            1 => answers.send(answer).and_then(|()| answers.send(answer)).expect("the client listens"),
            2 => answers.send(answer).expect("the client listens"),
            _ => answers.send((wire_id ^ 0xdead_beef << 32, request)).expect("the client listens"),
        }
    }
    for answer in late {
        answers.send(answer).expect("the client listens");
    }
}

#[allow(
    clippy::assertions_on_constants,
    reason = "a const assertion would fail in a checked build of all targets"
)]
fn main() {
    assert!(!selvedge::sync::CHECKED, "examples show the production form: build with `-p selvedge`");
    const CALLS: u32 = 100_000;
    let table = SessionTable::<Call>::new(8);
    let (to_network, requests) = mpsc::channel();
    let (from_network, answers) = mpsc::channel();
    let network = thread::spawn(move || network(requests, from_network));

    let (mut answered, mut timed_out, mut ignored) = (0u32, 0u32, 0u32);
    let mut deliver = |(wire_id, answer): (u64, u32)| {
        // Whatever the peer sends, `try_from` and the table decide whether it means a call of ours.
        let completion = SessionId::try_from(wire_id).map(|id| table.complete(id));
        match completion.map(Completion::taken) {
            Ok(Some(call)) => {
                assert_eq!(answer, call.request * 2, "an answer to another call");
                answered += 1;
            }
            _ => ignored += 1,
        }
    };
    for request in 0..CALLS {
        let mut patience = 100;
        let id = loop {
            while let Ok(answer) = answers.try_recv() {
                deliver(answer);
            }
            match table.open(Call { request }) {
                Ok(id) => break id,
                Err(_full) if patience > 0 => {
                    patience -= 1;
                    thread::yield_now();
                }
                Err(_full) => {
                    // Whatever is still open times out. The answers may come yet, and will be refused.
                    for call in &table {
                        timed_out += u32::from(table.close(call.id()).is_ok());
                    }
                }
            }
        };
        to_network.send((id.into(), request)).expect("the network runs");
    }
    drop(to_network);
    for answer in answers {
        deliver(answer);
    }
    timed_out += table.iter().filter(|call| table.close(call.id()).is_ok()).count() as u32;
    network.join().expect("the network does not fail");

    let counters = table.counters();
    assert_eq!(answered + timed_out, CALLS, "every call has one end");
    println!("{answered} calls answered, {timed_out} timed out");
    println!("{ignored} answers refused: {} stale, {} never issued", counters.stale, counters.vacant);
}
