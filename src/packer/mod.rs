//! [`Packer`] and [`Assembler`]: messages of several segments in bounded frames, and back.
//!
//! Small messages share a frame, large ones span several; a receiver gets each message whole, in order, and no byte
//! of its neighbours. Whether more of a message follows in the next frame is computed from the *bytes* that are
//! left, in one place, never from the number of the segment at hand: so an empty segment, at the end of a message
//! or elsewhere, is nothing special. (The lesson: model `packer_zero_segment`. A cluster's packer said "more
//! follows" because a segment followed; it was empty, nothing followed, and two messages were delivered as one.)
//!
//! ```
//! use selvedge::packer::{Assembler, FrameError, Limits, Packer};
//! use selvedge::sync::mpsc;
//!
//! let (wire, frames) = mpsc::channel();
//! let limits = Limits { frame: 16, message: 1024 };
//! let packer = Packer::new(limits, move |frame: &[u8]| wire.send(frame.to_vec()).unwrap())?;
//! packer.send(&[b"head", b"sixsix", b""])?;
//! packer.send(&[b"a longer message, in pieces"])?;
//! packer.flush();
//!
//! let mut assembler = Assembler::new(limits)?;
//! let mut received = Vec::new();
//! let frames: Vec<Vec<u8>> = frames.try_iter().collect();
//! for frame in &frames {
//!     assembler.accept(&"node 1", frame, |message| received.push(message.to_vec()))?;
//! }
//! assert_eq!(received, [&b"headsixsix"[..], b"a longer message, in pieces"]);
//!
//! // A frame that comes again is refused, and changes nothing.
//! let again = assembler.accept(&"node 1", &frames[0], |_| unreachable!());
//! assert!(matches!(again, Err(FrameError::OutOfSequence { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//! * What one packer sends, an assembler that accepts its frames in order delivers: the same messages, byte for byte,
//!   in the order in which [`Packer::send`] took them. After a [`Packer::flush`] nothing is left behind.
//! * A frame never exceeds [`HEADER_BYTES`] and `Limits::frame`; no message begins in a frame without a byte of it
//!   (unless it has none).
//! * Any bytes may come from a stranger. A frame that is malformed, repeated or out of its turn is refused as a
//!   whole with a [`FrameError`], before anything of it is delivered, and leaves the assembler as it was. A frame
//!   that is lost shows as the sequence number of the next one: it cannot join the halves of two messages.
//! * Streams do not touch each other: what one of them is in the middle of, another cannot end.
//!
//! It does not promise that frames arrive: that is the transport's. The sequence number has 32 bits, so exactly
//! 2^32 frames lost in a row would go unnoticed.

mod assembler;
mod error;
mod frame;

pub use assembler::{Accepted, Assembler};
pub use error::{FrameError, InvalidLimits, MessageTooLong};
pub use frame::{HEADER_BYTES, Limits};

use crate::sync::{Mutex, Named};
use frame::{Header, LENGTH_BYTES};
use std::fmt;

/// Packs messages into frames and hands them to `sink`. See the [module](self).
///
/// All state is under one lock, `staging`, which `sink` runs under as well, so that frames leave in the order of
/// their numbers. `sink` must not call the packer, and must not fail: a sender with a bounded queue reserves room
/// first, [`Packer::frames_at_most`] frames for a message. If it panics, its frame and what was to follow of the same
/// message are lost; the receiver sees the gap.
///
/// | staging | who may move it | to |
/// |---|---|---|
/// | idle: no piece staged, no message open | `send` | filling |
/// | filling: whole messages staged, perhaps behind the end of an older one | `send` | filling, or cut |
/// | cut: a frame left with "more follows" | the same `send`, in the same hold of the lock | filling, or cut again |
/// | filling | `flush`, or `send` that finds no room | idle |
///
/// *Cut* is never seen by anyone else: when the lock is free, no message is open.
pub struct Packer<F> {
    staging: Mutex<Staging<F>>,
    limits: Limits,
}

struct Staging<F> {
    sink: F,
    /// The pieces staged, one after the other. Header and lengths are put before them when the frame leaves.
    data: Vec<u8>,
    lengths: Vec<u16>,
    /// The first staged piece continues the message that the last frame ended in.
    continues: bool,
    sequence: u32,
    /// The frame as it leaves, kept for its memory.
    frame: Vec<u8>,
}

impl<F: FnMut(&[u8])> Packer<F> {
    /// An idle packer, whose first frame has sequence number 0.
    pub fn new(limits: Limits, sink: F) -> Result<Self, InvalidLimits> {
        let limits = limits.validated()?;
        let staging = Staging {
            sink,
            data: Vec::with_capacity(limits.frame),
            lengths: Vec::new(),
            continues: false,
            sequence: 0,
            frame: Vec::with_capacity(HEADER_BYTES + limits.frame),
        };
        Ok(Packer { staging: Mutex::new(staging).named("packer.staging"), limits })
    }

    /// Takes one message, the segments one after the other. Full frames leave at once; the rest waits for company,
    /// or for [`flush`](Self::flush).
    ///
    /// Any segment may be empty, and so may the message: it is then delivered as a message without bytes.
    pub fn send(&self, segments: &[&[u8]]) -> Result<(), MessageTooLong> {
        let mut rest = Rest::of(segments, self.limits.message)?;
        let mut staging = self.staging.lock();
        // Room for a length and, unless nothing is left to send, one byte: else the piece would say nothing.
        if staging.room(&self.limits) < LENGTH_BYTES + usize::from(!rest.is_empty()) {
            staging.transmit(false);
        }
        loop {
            let most = staging.room(&self.limits) - LENGTH_BYTES;
            let staged = staging.data.len();
            rest.take(most, |bytes| staging.data.extend_from_slice(bytes));
            let piece = staging.data.len() - staged;
            staging.lengths.push(piece as u16);
            if rest.is_empty() {
                return Ok(());
            }
            staging.transmit(true);
        }
    }

    /// Lets what is staged leave now. Does nothing if that is nothing.
    pub fn flush(&self) {
        let mut staging = self.staging.lock();
        if !staging.lengths.is_empty() {
            staging.transmit(false);
        }
    }
}

impl<F> Packer<F> {
    /// Is nothing staged? By the time the caller looks at it, something may be.
    pub fn is_idle(&self) -> bool {
        self.staging.lock().lengths.is_empty()
    }

    /// How many frames a [`send`](Packer::send) of a message of `bytes` hands to the sink at most.
    pub fn frames_at_most(&self, bytes: usize) -> usize {
        // One for what was staged before; the last piece stays.
        1 + bytes / (self.limits.frame - LENGTH_BYTES)
    }

    /// Consumes the packer and returns its sink. What is staged is lost: flush first.
    pub fn into_sink(self) -> F {
        self.staging.into_inner().sink
    }
}

impl<F> Staging<F> {
    /// Bytes free for lengths and data.
    fn room(&self, limits: &Limits) -> usize {
        limits.frame - self.lengths.len() * LENGTH_BYTES - self.data.len()
    }
}

impl<F: FnMut(&[u8])> Staging<F> {
    /// The staged frame leaves; `more` of its last message follows.
    fn transmit(&mut self, more: bool) {
        let count = self.lengths.len() as u16;
        let header = Header { sequence: self.sequence, count, continues: self.continues, more };
        self.frame.clear();
        self.frame.extend_from_slice(&header.encode());
        self.frame.extend(self.lengths.iter().flat_map(|n| n.to_le_bytes()));
        self.frame.extend_from_slice(&self.data);
        self.data.clear();
        self.lengths.clear();
        self.sequence = self.sequence.wrapping_add(1);
        // In order before the sink runs: it may panic.
        self.continues = false;
        (self.sink)(&self.frame);
        self.continues = more;
    }
}

/// What is left to send of one message. It knows bytes; how many segments they are in, it does not tell.
struct Rest<'a> {
    segments: &'a [&'a [u8]],
    /// Bytes of the first segment that are gone.
    gone: usize,
    bytes: usize,
}

impl<'a> Rest<'a> {
    fn of(segments: &'a [&'a [u8]], most: usize) -> Result<Self, MessageTooLong> {
        let bytes = segments.iter().try_fold(0usize, |sum, s| sum.checked_add(s.len()));
        match bytes {
            Some(bytes) if bytes <= most => Ok(Rest { segments, gone: 0, bytes }),
            _ => Err(MessageTooLong { bytes: bytes.unwrap_or(usize::MAX), most }),
        }
    }

    fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Takes `most` bytes, or all that are left.
    fn take(&mut self, most: usize, mut sink: impl FnMut(&[u8])) {
        let mut room = most.min(self.bytes);
        self.bytes -= room;
        while room > 0 {
            let segment = &self.segments[0][self.gone..];
            let n = segment.len().min(room);
            sink(&segment[..n]);
            room -= n;
            if n == segment.len() {
                self.segments = &self.segments[1..];
                self.gone = 0;
            } else {
                self.gone += n;
            }
        }
    }
}

impl<F> fmt::Debug for Packer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").field("limits", &self.limits).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(Packer<fn(&[u8])>: Send, Sync);
// The sink runs on whichever thread sends: it must be able to go there.
static_assertions::assert_not_impl_any!(Packer<*mut u8>: Send, Sync);
static_assertions::assert_impl_all!(Assembler<u32>: Send, Sync);
