//! A routing table is rebuilt from what the neighbours send, while it is in use. Neighbours come and go in the middle of
//! it: most rounds are given up, and no packet is ever routed by half a table.
//!
//! `cargo run -p selvedge --release --example staged_commit`

use selvedge::staged_commit::{Epoch, RoundError, StagedCommit};
use selvedge::sync::{Arc, AtomicBool, Ordering, choose, thread};
use std::time::Duration;

/// The next hop for each destination, as one configuration of the network has it.
struct Routes {
    configuration: u64,
    next_hop: Vec<u64>,
}

const DESTINATIONS: usize = 4096;
const CONFIGURATIONS: u64 = 1_000;

#[allow(
    clippy::assertions_on_constants,
    reason = "a const assertion would fail in a checked build of all targets"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    assert!(!selvedge::sync::CHECKED, "examples show the production form: build with `-p selvedge`");
    let first = Routes { configuration: 0, next_hop: vec![0; DESTINATIONS] };
    let routes = Arc::new(StagedCommit::new(first));
    let over = Arc::new(AtomicBool::new(false));

    let forwarders: Vec<_> = (0..2)
        .map(|_| {
            let (routes, over) = (routes.clone(), over.clone());
            thread::spawn(move || {
                let mut packets = 0u64;
                loop {
                    let last = over.load(Ordering::Acquire);
                    let table = routes.load();
                    assert_eq!(table.next_hop.len(), DESTINATIONS, "half a table");
                    assert!(
                        table.next_hop.iter().all(|hop| *hop == table.configuration),
                        "two tables in one"
                    );
                    packets += 1;
                    if last {
                        return packets;
                    }
                }
            })
        })
        .collect();

    // Builds the table of each configuration, a destination at a time, until the next configuration is there.
    let builder = {
        let (routes, over) = (routes.clone(), over.clone());
        thread::spawn(move || {
            let (mut activated, mut overtaken) = (0, 0);
            loop {
                let last = over.load(Ordering::Acquire);
                let Some(round) = routes.under_way() else {
                    if last {
                        return (activated, overtaken);
                    }
                    thread::yield_now();
                    continue;
                };
                let built = (0..DESTINATIONS)
                    .try_for_each(|_| routes.update(round, |table| table.next_hop.push(table.configuration)));
                match built.and_then(|()| routes.activate(round)) {
                    Ok(_) => activated += 1,
                    Err(RoundError::Superseded { .. }) => overtaken += 1,
                    Err(why) => unreachable!("{why}"),
                }
            }
        })
    };

    for configuration in 1..=CONFIGURATIONS {
        let table = Routes { configuration, next_hop: Vec::new() };
        routes.stage_as(Epoch::new(configuration), |_| table)?;
        thread::sleep(Duration::from_micros(choose(400).into()));
    }
    over.store(true, Ordering::Release);
    let (activated, overtaken) = builder.join().expect("the builder does not fail");
    let packets: u64 = forwarders.into_iter().map(|f| f.join().expect("no half table")).sum();
    // Nobody overtakes the last one.
    assert_eq!(routes.load().configuration, CONFIGURATIONS);
    println!("{CONFIGURATIONS} configurations: {activated} activated, {overtaken} overtaken in mid-round");
    println!("{packets} packets were routed, each by one whole table");
    Ok(())
}
