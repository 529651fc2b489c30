//! openais, RHBZ 441413: two messages are delivered as one, because a segment without bytes was to follow.
//!
#![doc = include_str!("lesson.md")]

#[cfg(test)]
mod golden;
mod miniature;
mod rules;
mod two_packers;

use crate::spawn;
use miniature::Miniature;
use rules::{ClearOnExit, IndexDecides, PeekNext, StripOneTrailing};
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::packer::{Assembler, Limits, Packer};
use selvedge::sync::{Arc, Mutex, Named};
use two_packers::TwoPackers;

/// The seam between the variants: a node that sends, and another that receives.
trait Node: Send + Sync + Sized + 'static {
    /// Frames have room for so many bytes of lengths and data.
    fn new(frame_bytes: usize) -> Self;
    fn send(&self, segments: &[&[u8]]);
    /// The token has come round.
    fn flush(&self);
    /// What the other node delivers, given the frames that have left.
    fn received(&self) -> Vec<Vec<u8>>;
    /// The number of messages, or pieces of them, in each frame that has left.
    fn pieces(&self) -> Vec<usize>;
}

type Wire = Arc<Mutex<Vec<Vec<u8>>>>;

/// Where the packer's frames go.
type Sink = Box<dyn FnMut(&[u8]) + Send>;

/// Fix: "more follows" is computed from the bytes that are left.
struct Shipped {
    packer: Packer<Sink>,
    wire: Wire,
    limits: Limits,
}

impl Node for Shipped {
    fn new(frame_bytes: usize) -> Self {
        let limits = Limits { frame: frame_bytes, message: 1 << 20 };
        let wire = Arc::new(Mutex::new(Vec::new()).named("wire"));
        let sink: Sink = {
            let wire: Wire = wire.clone();
            Box::new(move |frame| wire.lock().push(frame.to_vec()))
        };
        Shipped { packer: Packer::new(limits, sink).expect("valid limits"), wire, limits }
    }
    fn send(&self, segments: &[&[u8]]) {
        self.packer.send(segments).expect("a short message");
    }
    fn flush(&self) {
        self.packer.flush();
    }
    fn received(&self) -> Vec<Vec<u8>> {
        let mut received = Vec::new();
        let mut assembler = Assembler::new(self.limits).expect("valid limits");
        for frame in self.wire.lock().iter() {
            let accepted = assembler.accept(&"sender", frame, |message| received.push(message.to_vec()));
            always("byte-exact", accepted.is_ok(), || format!("a frame was refused: {accepted:?}"));
        }
        received
    }
    fn pieces(&self) -> Vec<usize> {
        self.wire.lock().iter().map(|frame| usize::from(frame[4])).collect()
    }
}

/// Room for lengths and data in a frame of the model: as much as a section and its length, and two bytes.
const FRAME_BYTES: usize = 14;

/// Three sections and a checkpoint, as the lengths of their segments. Each section fills an empty frame up to where the
/// packer of the incident gives the frame away.
const SYNCHRONISATION: [(u8, &[usize]); 4] =
    [(b'r', &[4, 6, 0]), (b's', &[10, 0, 0]), (b't', &[10, 0, 1]), (b'c', &[1, 4])];

/// Sends a message of these lengths, whose bytes are all `tag`. Returns the message.
fn send<N: Node>(node: &N, tag: u8, lengths: &[usize]) -> Vec<u8> {
    let segments: Vec<Vec<u8>> = lengths.iter().map(|n| vec![tag; *n]).collect();
    note(|| format!("sends {} in {lengths:?}", char::from(tag)));
    node.send(&segments.iter().map(Vec::as_slice).collect::<Vec<_>>());
    segments.concat()
}

/// Sections and a checkpoint, another sender's message, and the token, which lets what is staged leave.
fn scenario<N: Node>() -> &'static str {
    let node = Arc::new(N::new(FRAME_BYTES));
    let synchronisation = {
        let node = node.clone();
        spawn("synchronisation", move || SYNCHRONISATION.map(|(tag, lengths)| send(&*node, tag, lengths)))
    };
    let other = {
        let node = node.clone();
        spawn("other", move || send(&*node, b'o', &[2]))
    };
    note(|| "the token comes: flush".to_owned());
    node.flush();
    let synchronisation = synchronisation.join().unwrap();
    let other = other.join().unwrap();
    // Nobody sends any more, and the token comes twice.
    for _ in 0..2 {
        note(|| "the token comes: flush".to_owned());
        node.flush();
    }
    note(|| "the receiver puts the frames together".to_owned());
    let received = node.received();
    for message in &received {
        always("byte-exact", synchronisation.contains(message) || *message == other, || {
            format!("{:?} was delivered as a message", String::from_utf8_lossy(message))
        });
    }
    let shown = || received.iter().map(|m| String::from_utf8_lossy(m)).collect::<Vec<_>>().join(", ");
    always("all-delivered", received.len() == SYNCHRONISATION.len() + 1 && received.contains(&other), || {
        format!("everything was sent and flushed, and the receiver has {}", shown())
    });
    let mut mine = received.clone();
    mine.retain(|message| *message != other);
    always("in-order", mine == synchronisation, || format!("one sender's messages arrived as {}", shown()));
    let pieces = node.pieces();
    sometimes("frame-shared", pieces.iter().any(|n| *n > 1));
    let fragmented = pieces.iter().sum::<usize>() > received.len();
    sometimes("fragmented", fragmented);
    sometimes("never-fragmented", !fragmented);
    if fragmented { "a message in two frames" } else { "whole messages" }
}

/// The model.
pub fn model() -> Model {
    const MERGED: (&str, Kind) = ("byte-exact", Kind::Assertion);
    const LOST: (&str, Kind) = ("all-delivered", Kind::Assertion);
    Model::new(
        "packer_zero_segment",
        "two messages are delivered as one, because an empty segment was to follow",
    )
    .incident("001")
    .lesson(include_str!("lesson.md"))
    .always("byte-exact", "what is delivered is what was sent, byte for byte: not merged, not split")
    .always("all-delivered", "when nobody sends and the token has come twice, everything is delivered, once")
    .always("in-order", "messages of one sender are delivered in their order")
    .sometimes("frame-shared", "two messages travel in one frame")
    .sometimes("fragmented", "a message travels in two frames")
    .sometimes("never-fragmented", "every message travels in one frame: the token or chance has it so")
    .outcome("whole messages", Grade::Acceptable, "each message fits into the frame that it began in")
        .outcome("a message in two frames", Grade::Interesting, "a message goes on in the next frame, with an empty segment or without: the case that the incident is about")
        .variant(
        Variant::buggy("index_decides", scenario::<Miniature<IndexDecides>>, &[MERGED])
            .about("a frame says \"more follows\" because a segment follows, which is empty"),
    )
    .variant(
        Variant::wrong_fix("strip_one_trailing", scenario::<Miniature<StripOneTrailing>>, &[MERGED])
            .about("looks right because the report's messages end in one empty segment; two are as legal"),
    )
    .variant(Variant::wrong_fix("peek_next", scenario::<Miniature<PeekNext>>, &[MERGED]).about(
        "looks right because it asks for bytes; but only the next segment, and the last may have them",
    ))
    .variant(Variant::wrong_fix("clear_on_exit", scenario::<Miniature<ClearOnExit>>, &[LOST]).about(
        "looks right because the sender is consistent again; but the frame has left, and the receiver waits",
    ))
    .variant(
        Variant::fixed("byte_driven", scenario::<Shipped>)
            .about("Packer and Assembler: \"more follows\" is computed from the bytes that are left"),
    )
    .falsifier(
        "in-order",
        Kind::Assertion,
        scenario::<TwoPackers>,
        "long messages have a packer of their own",
    )
}
