//! The sequences of the report, message by message, through the packer of the incident and through the shipped one:
//! 774 and 769 bytes are what two messages of 369 or 364 and of 405 bytes become. And every small sequence, for the
//! wrong fixes.

use super::miniature::{Miniature, Rule};
use super::rules::{ClearOnExit, IndexDecides, PeekNext, StripOneTrailing};
use super::{Node, Shipped};

/// The lengths that arrive if messages of these lengths are sent: a checkpoint is (4, 1, 400) bytes, a section
/// (4, 1, 352, id, 0).
fn delivered<N: Node>(frame_bytes: usize, lengths: &[usize]) -> Vec<usize> {
    let node = N::new(frame_bytes);
    for length in lengths {
        let section = [4, 1, 352, length.saturating_sub(357), 0];
        let segments: &[usize] = if *length == 405 { &[4, 1, 400] } else { &section };
        super::send(&node, b'm', segments);
    }
    node.flush();
    node.received().iter().map(Vec::len).collect()
}

#[test]
fn the_lengths_of_the_report() {
    let golden: [(usize, [usize; 8], [usize; 7]); 3] = [
        (1330, [405, 369, 405, 364, 363, 369, 369, 405], [405, 369, 405, 364, 363, 369, 774]),
        (1330, [405, 369, 369, 363, 367, 405, 364, 405], [405, 369, 369, 363, 367, 405, 769]),
        (1366, [405, 363, 405, 405, 405, 369, 364, 405], [405, 363, 405, 405, 405, 369, 769]),
    ];
    for (frame_bytes, sent, merged) in golden {
        assert_eq!(delivered::<Miniature<IndexDecides>>(frame_bytes, &sent), merged);
        assert_eq!(delivered::<Shipped>(frame_bytes, &sent), sent);
    }
}

/// The shortest form: one message, marked as continued, stuck for ever.
#[test]
fn a_single_message_is_stuck() {
    fn one<N: Node>() -> usize {
        let node = N::new(14);
        super::send(&node, b's', &[4, 6, 0]);
        node.flush();
        node.flush();
        node.received().len()
    }
    assert_eq!(one::<Miniature<IndexDecides>>(), 0);
    assert_eq!(one::<Shipped>(), 1);
}

/// Decides by the bytes that are left, in the incident's packer: what the wrong fixes should have been.
struct BytesLeft;

impl Rule for BytesLeft {
    fn more_follows(segments: &[&[u8]], at: usize, unsent: usize) -> bool {
        unsent > 0 || segments[at + 1..].iter().any(|s| !s.is_empty())
    }
}

/// All messages of up to three segments of these lengths. The packer of the incident does not send one without bytes.
fn shapes(lengths: &[usize]) -> Vec<Vec<usize>> {
    let of = lengths.len();
    let shapes = (1..=3u32).flat_map(|n| {
        (0..of.pow(n)).map(move |i| (0..n).map(|k| lengths[i / of.pow(k) % of]).collect::<Vec<_>>())
    });
    shapes.filter(|shape| shape.iter().sum::<usize>() > 0).collect()
}

/// Of all sequences of so many of these messages, in frames of 12 to 16 bytes, flushed or not after each: how many do not
/// arrive as they were sent?
fn broken<N: Node>(messages: u32, shapes: &[Vec<usize>]) -> usize {
    let mut broken = 0;
    for frame_bytes in 12..=16 {
        for choice in 0..(2 * shapes.len()).pow(messages) {
            let node = N::new(frame_bytes);
            let sent: Vec<_> = (0..messages)
                .map(|k| {
                    let one = choice / (2 * shapes.len()).pow(k) % (2 * shapes.len());
                    let message = super::send(&node, b'1' + k as u8, &shapes[one / 2]);
                    if one % 2 == 1 {
                        node.flush();
                    }
                    message
                })
                .collect();
            node.flush();
            broken += usize::from(node.received() != sent);
        }
    }
    broken
}

#[test]
fn every_small_sequence() {
    for (messages, shapes) in
        [(1, shapes(&[0, 1, 2, 4, 6])), (2, shapes(&[0, 1, 4, 6])), (3, shapes(&[0, 6]))]
    {
        assert_eq!(broken::<Miniature<BytesLeft>>(messages, &shapes), 0);
        assert_eq!(broken::<Shipped>(messages, &shapes), 0);
        for (name, wrong) in [
            ("index_decides", broken::<Miniature<IndexDecides>>(messages, &shapes)),
            ("strip_one_trailing", broken::<Miniature<StripOneTrailing>>(messages, &shapes)),
            ("peek_next", broken::<Miniature<PeekNext>>(messages, &shapes)),
            ("clear_on_exit", broken::<Miniature<ClearOnExit>>(messages, &shapes)),
        ] {
            // Two of the wrong fixes need two segments behind the one that fills the frame: no single message of these
            // has them, and they look right.
            let looks_right = messages == 1 && ["strip_one_trailing", "peek_next"].contains(&name);
            assert_eq!(
                wrong == 0,
                looks_right,
                "{name}: {wrong} sequences of {messages} messages are broken"
            );
        }
    }
}
