//! Four threads record what they do; one of them dies, and the dump that its panic leaves says what came before.
//!
//! `cargo run -p selvedge --release --example flight_recorder`

use selvedge::flight_recorder::{Dump, FlightRecorder, dump_on_panic};
use selvedge::sync::{Arc, thread};
use std::fs::{self, File};

/// Events: what, by whom, with what.
const OPENED: u64 = 1;
const CLOSED: u64 = 2;
const REFUSED: u64 = 3;

#[allow(
    clippy::assertions_on_constants,
    reason = "a const assertion would fail in a checked build of all targets"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    assert!(!selvedge::sync::CHECKED, "examples show the production form: build with `-p selvedge`");
    let path = std::env::temp_dir().join(format!("flight-recorder-{}.dump", std::process::id()));
    let recorder = Arc::new(FlightRecorder::<3>::new(1024)?);
    dump_on_panic(&recorder, {
        let path = path.clone();
        move || File::create(&path).ok().map(std::io::BufWriter::new)
    });

    let workers: Vec<_> = (0..4u64)
        .map(|worker| {
            let recorder = recorder.clone();
            thread::spawn(move || {
                for session in 0..10_000 {
                    recorder.record([OPENED, worker, session]);
                    if worker == 2 && session == 7_000 {
                        recorder.record([REFUSED, worker, session]);
                        panic!("session {session} was refused");
                    }
                    recorder.record([CLOSED, worker, session]);
                }
            })
        })
        .collect();
    let died = workers.into_iter().map(|w| w.join()).filter(Result::is_err).count();
    assert_eq!(died, 1);

    let dump = Dump::<3>::from_bytes(&fs::read(&path)?)?;
    fs::remove_file(&path)?;
    println!(
        "{} records, {} older ones overwritten or lost, {} being written",
        dump.records.len(),
        dump.missing(),
        dump.torn
    );
    let Some(last) = dump.records.iter().rfind(|r| r.words[1] == 2) else {
        println!("the others were so busy that nothing of worker 2 is left");
        return Ok(());
    };
    println!("the last thing that worker 2 did: event {} with session {}", last.words[0], last.words[2]);
    Ok(())
}
