//! [`Assembler`]: frames back into messages, each stream for itself.

use super::error::{FrameError, InvalidLimits};
use super::frame::{Frame, Limits};
use std::collections::BTreeMap;
use std::mem;

/// Puts the frames of any number of senders together again. See the [module](super).
///
/// A stream is one incarnation of one sender: `S` names it. When a sender leaves, [`forget`](Self::forget) it; if
/// it comes back it begins anew, and nothing of its earlier life is in the way of its first message.
///
/// | stream | frame | to |
/// |---|---|---|
/// | unknown | does not continue | between or within messages |
/// | unknown or joining | continues, and ends that message | as after its first piece, which is skipped |
/// | unknown or joining | continues, and does not end | joining: the rest of that message is skipped as well |
/// | between messages | does not continue | between, or within if more follows |
/// | within a message | continues | between, or within |
///
/// Every other frame is refused. So is, once in 2^32 frames, the first that an unknown stream is heard with: number 0 is
/// where a sender begins, and one that comes round to it in the middle of a message is refused as continuing nothing. The
/// next frame is taken.
#[derive(Debug)]
pub struct Assembler<S> {
    limits: Limits,
    streams: BTreeMap<S, Stream>,
    /// The message that the frame at hand has completed, kept for its memory.
    completed: Vec<u8>,
}

#[derive(Debug)]
struct Stream {
    /// The number of the next frame.
    expected: u32,
    position: Position,
    /// The pieces so far, within a message.
    partial: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Position {
    /// In a message whose beginning was sent before this assembler listened.
    Joining,
    Between,
    Within,
}

/// What a frame brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Messages delivered.
    pub messages: usize,
    /// Bytes of a message that was under way before the stream was first seen.
    pub skipped: usize,
}

impl<S: Ord + Clone> Assembler<S> {
    /// An assembler that knows no stream.
    pub fn new(limits: Limits) -> Result<Self, InvalidLimits> {
        Ok(Assembler { limits: limits.validated()?, streams: BTreeMap::new(), completed: Vec::new() })
    }

    /// Takes the next frame of `stream` and delivers the messages that it completes.
    ///
    /// The assembler has done its own work before the first delivery: if `deliver` panics, the frame is accepted
    /// and what was left to deliver of it is lost.
    pub fn accept(
        &mut self,
        stream: &S,
        frame: &[u8],
        mut deliver: impl FnMut(&[u8]),
    ) -> Result<Accepted, FrameError> {
        let frame = Frame::parse(frame, &self.limits)?;
        let header = &frame.header;
        let known = self.streams.get(stream);
        let joins = known.is_none_or(|s| s.position == Position::Joining);
        if let Some(known) = known {
            if header.sequence != known.expected {
                return Err(FrameError::OutOfSequence { expected: known.expected, found: header.sequence });
            }
            match (known.position, header.continues) {
                (Position::Between, true) => return Err(FrameError::NothingToContinue),
                // A sender does not begin a message before it has ended the last, whether we keep that or skip it.
                (Position::Within | Position::Joining, false) => return Err(FrameError::NotContinued),
                _ => {}
            }
        } else if header.continues && header.sequence == 0 {
            return Err(FrameError::NothingToContinue);
        }
        let before = known.map_or(0, |s| s.partial.len());
        self.within_limit(&frame, before, joins)?;

        // From here on nothing can fail.
        if known.is_none() {
            let fresh = Stream { expected: 0, position: Position::Between, partial: Vec::new() };
            self.streams.insert(stream.clone(), fresh);
        }
        let state = self.streams.get_mut(stream).expect("it is there by now");
        state.expected = header.sequence.wrapping_add(1);
        let last = usize::from(header.count) - 1;
        let ends_first = last > 0 || !header.more;
        let mut accepted = Accepted { messages: 0, skipped: 0 };
        let continued = header.continues && !joins;
        self.completed.clear();
        let mut position = if header.more { Position::Within } else { Position::Between };
        for (i, piece) in frame.pieces().enumerate() {
            if i == 0 && header.continues && joins {
                accepted.skipped = piece.len();
                if !ends_first {
                    position = Position::Joining;
                }
            } else if i == 0 && continued {
                state.partial.extend_from_slice(piece);
                if ends_first {
                    mem::swap(&mut state.partial, &mut self.completed);
                    state.partial.clear();
                }
            } else if i == last && header.more {
                state.partial.extend_from_slice(piece);
            }
        }
        state.position = position;

        for (i, piece) in frame.pieces().enumerate() {
            if i == last && header.more || i == 0 && header.continues && joins {
                continue;
            }
            accepted.messages += 1;
            deliver(if i == 0 && continued { &self.completed } else { piece });
        }
        Ok(accepted)
    }

    /// Would a message become too long with this frame?
    fn within_limit(&self, frame: &Frame<'_>, before: usize, joins: bool) -> Result<(), FrameError> {
        for (i, piece) in frame.pieces().enumerate() {
            let skipped = i == 0 && frame.header.continues && joins;
            let before = if i == 0 && frame.header.continues { before } else { 0 };
            if !skipped && before + piece.len() > self.limits.message {
                return Err(FrameError::MessageTooLong);
            }
        }
        Ok(())
    }

    /// The stream is over: its sender has left, or frames of it are lost for good. Returns how many bytes of an
    /// incomplete message are thrown away; `None` if the stream is not known.
    pub fn forget(&mut self, stream: &S) -> Option<usize> {
        self.streams.remove(stream).map(|s| s.partial.len())
    }

    /// Is no message of this stream under way?
    pub fn is_idle(&self, stream: &S) -> bool {
        self.streams.get(stream).is_none_or(|s| s.position == Position::Between)
    }

    /// The streams that are known.
    pub fn streams(&self) -> impl Iterator<Item = &S> {
        self.streams.keys()
    }
}
