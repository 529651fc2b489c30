//! `Packer` and `Assembler` against random messages, random frames, damaged frames and lost frames.

use proptest::prelude::*;
use selvedge::packer::{Assembler, HEADER_BYTES, Limits, Packer};

const MESSAGE: usize = 4096;

/// Messages as segments, each with a flush behind it or not.
fn messages() -> impl Strategy<Value = Vec<(Vec<Vec<u8>>, bool)>> {
    let segment = prop_oneof![
        2 => Just(Vec::new()),
        5 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ];
    prop::collection::vec((prop::collection::vec(segment, 0..6), any::<bool>()), 0..12)
}

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
    drop(packer);
    frames
}

fn sent(messages: &[(Vec<Vec<u8>>, bool)]) -> Vec<Vec<u8>> {
    messages.iter().map(|(segments, _)| segments.concat()).collect()
}

/// Accepts what it can; a refused frame must leave no trace.
fn accept_all(limits: Limits, frames: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, TestCaseError> {
    let mut received = Vec::new();
    let mut assembler = Assembler::new(limits).expect("valid limits");
    for frame in frames {
        let (before, state) = (received.len(), format!("{assembler:?}"));
        match assembler.accept(&0u8, frame, |m| received.push(m.to_vec())) {
            Ok(accepted) => prop_assert_eq!(accepted.messages, received.len() - before),
            Err(_) => {
                prop_assert_eq!(received.len(), before, "a refused frame delivered something");
                prop_assert_eq!(format!("{assembler:?}"), state, "a refused frame changed the assembler");
            }
        }
    }
    Ok(received)
}

proptest! {
    #[test]
    fn messages_arrive_as_they_were_sent(frame in 3usize..80, messages in messages()) {
        let limits = Limits { frame, message: MESSAGE };
        let frames = pack(limits, &messages);
        prop_assert!(frames.iter().all(|f| f.len() <= HEADER_BYTES + frame));
        prop_assert_eq!(accept_all(limits, &frames)?, sent(&messages));
    }

    /// Where the segments are cut makes no difference on the wire.
    #[test]
    fn segments_leave_no_trace(frame in 3usize..80, messages in messages()) {
        let limits = Limits { frame, message: MESSAGE };
        let whole: Vec<_> = messages.iter().map(|(s, flush)| (vec![s.concat()], *flush)).collect();
        prop_assert_eq!(pack(limits, &messages), pack(limits, &whole));
    }

    /// From the frame on that is lost nothing is accepted, so what was delivered is a prefix.
    #[test]
    fn a_lost_frame_merges_nothing(frame in 3usize..40, messages in messages(), lost in any::<prop::sample::Index>()) {
        let limits = Limits { frame, message: MESSAGE };
        let mut frames = pack(limits, &messages);
        prop_assume!(frames.len() > 1);
        let lost = 1 + lost.index(frames.len() - 1);
        frames.remove(lost);
        let received = accept_all(limits, &frames)?;
        prop_assert!(sent(&messages).starts_with(&received));
    }

    /// A frame may come twice, and the copies late.
    #[test]
    fn repeated_frames_deliver_once(frame in 3usize..40, messages in messages(), again in any::<prop::sample::Index>()) {
        let limits = Limits { frame, message: MESSAGE };
        let mut frames = pack(limits, &messages);
        prop_assume!(!frames.is_empty());
        let again = again.index(frames.len());
        frames.insert(again + 1, frames[again].clone());
        frames.push(frames[0].clone());
        prop_assert_eq!(accept_all(limits, &frames)?, sent(&messages));
    }

    /// Whoever joins in mid-stream gets whole messages of the sender, and all of them to the end.
    #[test]
    fn who_joins_late_gets_a_suffix(frame in 3usize..40, messages in messages(), from in any::<prop::sample::Index>()) {
        let limits = Limits { frame, message: MESSAGE };
        let frames = pack(limits, &messages);
        prop_assume!(!frames.is_empty());
        let received = accept_all(limits, &frames[from.index(frames.len())..])?;
        prop_assert!(sent(&messages).ends_with(&received));
    }

    /// Any bytes, for an assembler that is in any position: refused or not, nothing goes wrong.
    #[test]
    fn strangers_cause_no_harm(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
    ) {
        accept_all(Limits { frame: 30, message: 50 }, &frames)?;
    }

    /// Bytes of real frames are changed: no message grows beyond the limit, and a refused frame leaves no trace.
    #[test]
    fn damaged_frames_cause_no_harm(
        messages in messages(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, any::<u8>()), 1..6),
    ) {
        let limits = Limits { frame: 30, message: MESSAGE };
        let mut frames = pack(limits, &messages);
        prop_assume!(!frames.is_empty());
        for (which, at, value) in damage {
            let which = which.index(frames.len());
            if let Some(byte) = frames[which].get_mut(at) {
                *byte = value;
            }
        }
        prop_assert!(accept_all(limits, &frames)?.iter().all(|m| m.len() <= MESSAGE));
    }
}
