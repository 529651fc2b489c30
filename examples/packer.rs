//! A checkpoint and its sections on their way to another node: many small messages of several segments, some of
//! them empty, in frames of an Ethernet packet.
//!
//! `cargo run -p selvedge --release --example packer`

use selvedge::packer::{Assembler, Limits, Packer};
use selvedge::sync::{mpsc, thread};

#[allow(
    clippy::assertions_on_constants,
    reason = "a const assertion would fail in a checked build of all targets"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    assert!(!selvedge::sync::CHECKED, "examples show the production form: build with `-p selvedge`");
    const CHECKPOINTS: usize = 10_000;
    let limits = Limits { frame: 1330, message: 1 << 16 };
    let (wire, frames) = mpsc::sync_channel::<Vec<u8>>(64);

    let receiver = thread::spawn(move || {
        let mut assembler = Assembler::new(limits).expect("valid limits");
        let (mut count, mut messages) = (0, 0);
        for frame in frames {
            count += 1;
            let accepted = assembler.accept(&"node 1", &frame, |message| {
                let expected = if message[0] == b'c' { 405 } else { 357 + usize::from(message[1]) };
                assert_eq!(message.len(), expected, "not the message that was sent");
            });
            messages += accepted.expect("the network damages nothing").messages;
        }
        assert!(assembler.is_idle(&"node 1"));
        (count, messages)
    });

    let packer = Packer::new(limits, move |frame: &[u8]| wire.send(frame.to_vec()).expect("a receiver"))?;
    for n in 0..CHECKPOINTS {
        packer.send(&[b"c...", b"g", &[0; 400]])?;
        // A section with an id and no data: the last segment is empty.
        let id = format!("r{n}");
        packer.send(&[&[b's', id.len() as u8, 0, 0], b"g", &[0; 352], id.as_bytes(), b""])?;
    }
    // The token has come round: what is staged must not wait for more.
    packer.flush();
    drop(packer);

    let (frames, messages) = receiver.join().expect("the receiver does not fail");
    assert_eq!(messages, 2 * CHECKPOINTS);
    println!("{messages} messages in {frames} frames");
    Ok(())
}
