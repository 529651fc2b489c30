//! `Packer` and `Assembler`: the lengths of the incident, every small case, what is refused, and several threads.

use selvedge::packer::{Accepted, Assembler, FrameError, HEADER_BYTES, Limits, MessageTooLong, Packer};
use selvedge::sync::{Arc, Mutex, mpsc, thread};

const LIMITS: Limits = Limits { frame: 14, message: 64 };

/// A message with these segments, each byte telling which message it belongs to.
fn message(tag: usize, segments: &[usize]) -> Vec<Vec<u8>> {
    segments.iter().map(|n| vec![tag as u8; *n]).collect()
}

/// Packs the messages, with a flush behind those that are marked, and one at the end.
fn pack(limits: Limits, messages: &[(Vec<Vec<u8>>, bool)]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let packer = Packer::new(limits, |frame: &[u8]| frames.push(frame.to_vec())).expect("valid limits");
    for (segments, flush) in messages {
        let segments: Vec<&[u8]> = segments.iter().map(Vec::as_slice).collect();
        packer.send(&segments).expect("short enough");
        if *flush {
            packer.flush();
        }
    }
    packer.flush();
    assert!(packer.is_idle());
    drop(packer);
    frames
}

fn assemble(limits: Limits, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut received = Vec::new();
    let mut assembler = Assembler::new(limits).expect("valid limits");
    for frame in frames {
        assert!(frame.len() <= HEADER_BYTES + limits.frame, "a frame of {} bytes", frame.len());
        let before = received.len();
        let accepted = assembler.accept(&0, frame, |m| received.push(m.to_vec())).expect("our own frame");
        assert_eq!(accepted, Accepted { messages: received.len() - before, skipped: 0 });
    }
    assert!(assembler.is_idle(&0), "a message is left incomplete");
    received
}

/// The sequences at which the packer of the incident merged the last two messages: a checkpoint is (4, 1, 400)
/// bytes, a section (4, 1, 352, id, 0).
#[test]
fn the_sequences_of_the_incident_arrive_whole() {
    for (frame, lengths) in [
        (1330, [405, 369, 405, 364, 363, 369, 369, 405]),
        (1330, [405, 369, 369, 363, 367, 405, 364, 405]),
        (1366, [405, 363, 405, 405, 405, 369, 364, 405]),
    ] {
        let limits = Limits { frame, message: 1 << 20 };
        let messages: Vec<_> = lengths
            .iter()
            .enumerate()
            .map(|(i, n)| {
                let segments = if *n == 405 { vec![4, 1, 400] } else { vec![4, 1, 352, n - 357, 0] };
                (message(i, &segments), false)
            })
            .collect();
        let received = assemble(limits, &pack(limits, &messages));
        assert_eq!(received.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
        assert!(received.iter().enumerate().all(|(i, m)| m.iter().all(|b| usize::from(*b) == i)));
    }
}

/// Every sequence of two messages of up to three segments, and of three with fewer lengths, in frames of 12 to 16 bytes,
/// flushed or not after each.
#[test]
fn every_small_sequence_arrives_whole() {
    const LENGTHS: [usize; 5] = [0, 1, 2, 4, 6];
    let shapes = |segments: u32, lengths: &[usize]| -> Vec<Vec<usize>> {
        let of = lengths.len();
        (0..=segments)
            .flat_map(|n| (0..of.pow(n)).map(move |i| (0..n).map(|k| lengths[i / of.pow(k) % of]).collect()))
            .collect()
    };
    let mut runs = 0;
    let few = [shapes(2, &[0, 2, 6]), shapes(3, &[0, 4]), shapes(3, &[0, 6])];
    for (messages, shapes) in [(2, shapes(3, &LENGTHS))].into_iter().chain(few.map(|shapes| (3, shapes))) {
        for frame in 12..=16 {
            let limits = Limits { frame, message: 64 };
            for choice in 0..(2 * shapes.len()).pow(messages) {
                let sequence: Vec<_> = (0..messages)
                    .map(|k| {
                        let one = choice / (2 * shapes.len()).pow(k) % (2 * shapes.len());
                        (message(k as usize, &shapes[one / 2]), one % 2 == 1)
                    })
                    .collect();
                let received = assemble(limits, &pack(limits, &sequence));
                let sent: Vec<_> = sequence.iter().map(|(segments, _)| segments.concat()).collect();
                assert_eq!(received, sent, "frames of {frame}, sent {sequence:?}");
                runs += 1;
            }
        }
    }
    assert!(runs > 800_000, "only {runs} sequences");
}

fn one_frame(segments: &[&[u8]]) -> Vec<u8> {
    let segments = segments.iter().map(|s| s.to_vec()).collect();
    pack(LIMITS, &[(segments, true)]).remove(0)
}

fn refusal(assembler: &mut Assembler<u8>, frame: &[u8]) -> FrameError {
    let before = format!("{assembler:?}");
    let refused = assembler.accept(&0, frame, |m| panic!("delivered {m:?}")).expect_err("it is refused");
    assert_eq!(format!("{assembler:?}"), before, "a refused frame has changed the assembler");
    refused
}

/// A frame by hand: sequence number, flags, the pieces.
fn frame(sequence: u32, flags: u16, pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = sequence.to_le_bytes().to_vec();
    bytes.extend((pieces.len() as u16).to_le_bytes());
    bytes.extend(flags.to_le_bytes());
    bytes.extend(pieces.iter().flat_map(|p| (p.len() as u16).to_le_bytes()));
    bytes.extend(pieces.concat());
    bytes
}
const CONTINUES: u16 = 1;
const MORE: u16 = 2;

#[test]
fn the_wire_format_is_as_documented() {
    assert_eq!(one_frame(&[b"ab", b"", b"c"]), frame(0, 0, &[b"abc"]));
    let frames = pack(LIMITS, &[(vec![b"abcdefghijklmnopq".to_vec()], false), (vec![vec![]], false)]);
    assert_eq!(frames, [frame(0, MORE, &[b"abcdefghijkl"]), frame(1, CONTINUES, &[b"mnopq", b""])]);
}

#[test]
fn malformed_frames_are_refused_whole() {
    let mut a = Assembler::new(LIMITS).unwrap();
    assert_eq!(refusal(&mut a, &[]), FrameError::Truncated { bytes: 0 });
    assert_eq!(refusal(&mut a, &[0; 7]), FrameError::Truncated { bytes: 7 });
    assert_eq!(refusal(&mut a, &frame(0, 0, &[b"abc"])[..9]), FrameError::Truncated { bytes: 9 });
    assert_eq!(refusal(&mut a, &frame(0, 0, &[])), FrameError::NoPieces);
    assert_eq!(refusal(&mut a, &frame(0, 4, &[b"a"])), FrameError::UnknownFlags { flags: 4 });
    assert_eq!(refusal(&mut a, &frame(0, 0, &[b"0123456789abc"])), FrameError::TooLong { bytes: 23 });
    assert_eq!(refusal(&mut a, &frame(0, MORE, &[b"a", b""])), FrameError::EmptyPiece);
    assert_eq!(refusal(&mut a, &frame(7, CONTINUES, &[b"", b"a"])), FrameError::EmptyPiece);
    let mut long = frame(0, 0, &[b"abc"]);
    long.push(0);
    assert_eq!(refusal(&mut a, &long), FrameError::LengthMismatch { declared: 3, present: 4 });
    assert_eq!(
        refusal(&mut a, &frame(0, 0, &[b"abc"])[..12]),
        FrameError::LengthMismatch { declared: 3, present: 2 }
    );
    assert_eq!(refusal(&mut a, &frame(0, CONTINUES, &[b"a"])), FrameError::NothingToContinue);
    assert_eq!(a.streams().count(), 0, "a refused frame made a stream");
}

#[test]
fn frames_out_of_their_turn_are_refused() {
    let mut a = Assembler::new(LIMITS).unwrap();
    let mut got = Vec::new();
    a.accept(&0, &frame(0, MORE, &[b"one", b"tw"]), |m| got.push(m.to_vec())).unwrap();
    assert!(!a.is_idle(&0));
    let expected = 1;
    for found in [0, 2, u32::MAX] {
        let refused = refusal(&mut a, &frame(found, CONTINUES, &[b"o"]));
        assert_eq!(refused, FrameError::OutOfSequence { expected, found });
    }
    assert_eq!(refusal(&mut a, &frame(1, 0, &[b"o"])), FrameError::NotContinued);
    a.accept(&0, &frame(1, CONTINUES, &[b"o", b""]), |m| got.push(m.to_vec())).unwrap();
    assert_eq!(refusal(&mut a, &frame(2, CONTINUES, &[b"o"])), FrameError::NothingToContinue);
    assert_eq!(got, [&b"one"[..], b"two", b""]);
}

#[test]
fn a_message_that_grows_too_long_is_refused() {
    let limits = Limits { frame: 14, message: 4 };
    let packer = Packer::new(limits, |_: &[u8]| panic!("it took some of it")).unwrap();
    assert_eq!(packer.send(&[b"abc", b"", b"de"]), Err(MessageTooLong { bytes: 5, most: 4 }));
    assert!(packer.is_idle());
    let mut a = Assembler::new(limits).unwrap();
    assert_eq!(refusal(&mut a, &frame(0, 0, &[b"abcde"])), FrameError::MessageTooLong);
    assert_eq!(a.accept(&0, &frame(0, MORE, &[b"abc"]), |_| ()).unwrap().messages, 0);
    assert_eq!(refusal(&mut a, &frame(1, CONTINUES | MORE, &[b"de"])), FrameError::MessageTooLong);
    assert_eq!(a.accept(&0, &frame(1, CONTINUES, &[b"d"]), |m| assert_eq!(m, b"abcd")).unwrap().messages, 1);
}

/// A receiver that joins in the middle of a message skips the rest of it and nothing else.
#[test]
fn who_joins_late_misses_one_message() {
    let mut a = Assembler::new(LIMITS).unwrap();
    let mut got = Vec::new();
    let mut accept = |frame: Vec<u8>| a.accept(&0, &frame, |m| got.push(m.to_vec())).unwrap();
    assert_eq!(accept(frame(8, CONTINUES | MORE, &[b"of a"])), Accepted { messages: 0, skipped: 4 });
    assert_eq!(accept(frame(9, CONTINUES | MORE, &[b"n ol"])), Accepted { messages: 0, skipped: 4 });
    assert_eq!(
        accept(frame(10, CONTINUES | MORE, &[b"d", b"on", b"tw"])),
        Accepted { messages: 1, skipped: 1 }
    );
    assert_eq!(accept(frame(11, CONTINUES, &[b"o"])), Accepted { messages: 1, skipped: 0 });
    assert_eq!(got, [b"on".to_vec(), b"two".to_vec()]);
}

/// A sender that restarts is a new stream once the old one is forgotten; other streams are not touched.
#[test]
fn streams_are_separate_and_can_be_forgotten() {
    let mut a = Assembler::new(LIMITS).unwrap();
    let mut got = Vec::new();
    for stream in ["left", "stays"] {
        let accepted = a.accept(&stream, &frame(0, MORE, &[stream.as_bytes()]), |_| unreachable!()).unwrap();
        assert_eq!(accepted.messages, 0);
    }
    assert_eq!(a.forget(&"left"), Some(4));
    assert_eq!(a.forget(&"left"), None);
    for (stream, frame) in [("left", frame(0, 0, &[b"new"])), ("stays", frame(1, CONTINUES, &[b"!"]))] {
        let accepted = a.accept(&stream, &frame, |m| got.push(m.to_vec())).unwrap();
        assert_eq!(accepted.messages, 1);
    }
    assert_eq!(got, [b"new".to_vec(), b"stays!".to_vec()]);
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    for frame in [0, 2, 65_536] {
        let limits = Limits { frame, message: 1 };
        assert_eq!(Packer::new(limits, |_: &[u8]| ()).unwrap_err().frame, frame);
        assert_eq!(Assembler::<u8>::new(limits).unwrap_err().frame, frame);
    }
    for frame in [3, 65_535] {
        let limits = Limits { frame, message: 200_000 };
        let sent: Vec<u8> = (0..200_000).map(|n| n as u8).collect();
        let mut sink_calls = 0;
        let packer = Packer::new(limits, |_: &[u8]| sink_calls += 1).unwrap();
        let most = packer.frames_at_most(sent.len());
        packer.send(&[&sent]).unwrap();
        drop(packer);
        assert!(sink_calls <= most, "{sink_calls} frames where at most {most} were promised");
        assert_eq!(assemble(limits, &pack(limits, &[(vec![sent.clone()], false)])), [sent]);
    }
}

/// A sink that panics loses its frame and the rest of the message; the receiver notices, and merges nothing.
#[test]
fn a_panicking_sink_is_a_gap_and_no_merge() {
    let frames = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let (frames, mut calls) = (frames.clone(), 0);
        move |frame: &[u8]| {
            calls += 1;
            assert!(calls != 2, "the network is down");
            frames.lock().push(frame.to_vec());
        }
    };
    let packer = Packer::new(LIMITS, sink).unwrap();
    let send = std::panic::AssertUnwindSafe(|| packer.send(&[&[b'x'; 40]]));
    assert!(std::panic::catch_unwind(send).is_err());
    packer.send(&[b"next"]).unwrap();
    packer.flush();
    let frames = frames.lock();
    assert_eq!(frames.len(), 2);
    let mut a = Assembler::new(LIMITS).unwrap();
    assert_eq!(a.accept(&0, &frames[0], |_| unreachable!()).unwrap().messages, 0);
    assert_eq!(refusal(&mut a, &frames[1]), FrameError::OutOfSequence { expected: 1, found: 2 });
}

/// Four threads send, a fifth flushes: what each sent arrives whole and in its order.
#[test]
fn senders_and_a_flusher_share_a_packer() {
    const MESSAGES: u16 = 2_000;
    let limits = Limits { frame: 64, message: 256 };
    let (wire, frames) = mpsc::channel();
    let packer = Packer::new(limits, move |frame: &[u8]| wire.send(frame.to_vec()).unwrap()).unwrap();
    let mut next = [0u16; 4];
    thread::scope(|s| {
        for sender in 0..4u8 {
            let packer = &packer;
            s.spawn(move || {
                for n in 0..MESSAGES {
                    let body = vec![sender; usize::from(n % 90)];
                    packer.send(&[&[sender], &n.to_le_bytes(), &body, b""]).unwrap();
                }
            });
        }
        s.spawn(|| (0..MESSAGES).for_each(|_| packer.flush()));
    });
    packer.flush();
    drop(packer);
    let mut a = Assembler::new(limits).unwrap();
    let mut check = |m: &[u8]| {
        let (sender, n) = (usize::from(m[0]), u16::from_le_bytes([m[1], m[2]]));
        assert_eq!(n, next[sender], "sender {sender}");
        assert_eq!(m[3..], vec![m[0]; usize::from(n % 90)]);
        next[sender] += 1;
    };
    for frame in frames {
        let accepted = a.accept(&(), &frame, &mut check).unwrap();
        assert_eq!(accepted.skipped, 0);
    }
    assert_eq!(next, [MESSAGES; 4]);
}
