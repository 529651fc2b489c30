//! The packer and the receiver of the incident in miniature. What the variants disagree about is left to a [`Rule`].

use super::Node;
use selvedge::sync::{Mutex, Named, Shown};
use std::marker::PhantomData;

/// How a packer decides that more of a message follows.
pub trait Rule: Send + Sync + 'static {
    /// The segments that are packed, of those that were given.
    fn prepare<'a>(segments: &'a [&'a [u8]]) -> &'a [&'a [u8]] {
        segments
    }
    /// A frame leaves in which segment `at` ended, or of which `unsent` bytes are left.
    fn more_follows(segments: &[&[u8]], at: usize, unsent: usize) -> bool;
    /// Forget, when a send ends without a byte staged, that the next frame continues the last.
    const CLEAR_ON_EXIT: bool = false;
}

/// What travels.
pub struct Frame {
    /// The number in `fragmented` of the frame that this one continues, or 0.
    continuation: u8,
    /// Not 0: the last message is not complete.
    fragmented: u8,
    lengths: Vec<usize>,
    data: Vec<u8>,
}

/// The staging buffer of the sender, and the frames that have left.
pub struct Staging {
    frame_bytes: usize,
    lengths: Vec<usize>,
    data: Vec<u8>,
    /// Bytes of the message at hand in the frame at hand.
    open: usize,
    continuation: u8,
    next_fragment: u8,
    wire: Vec<Frame>,
}

impl Staging {
    /// An empty one, for frames with room for so many bytes of lengths and data.
    pub fn new(frame_bytes: usize) -> Self {
        Staging {
            frame_bytes,
            lengths: Vec::new(),
            data: Vec::new(),
            open: 0,
            continuation: 0,
            next_fragment: 1,
            wire: Vec::new(),
        }
    }

    /// Packs one message.
    pub fn send<R: Rule>(&mut self, segments: &[&[u8]]) {
        let segments = R::prepare(segments);
        for (at, segment) in segments.iter().enumerate() {
            let mut rest = *segment;
            loop {
                let most = self.frame_bytes - 2 * (self.lengths.len() + 1);
                if self.data.len() + rest.len() + 2 < most {
                    self.stage(rest);
                    break;
                }
                let n = rest.len().min(most - self.data.len());
                self.stage(&rest[..n]);
                rest = &rest[n..];
                self.transmit(R::more_follows(segments, at, rest.len()));
                if rest.is_empty() {
                    break;
                }
            }
        }
        if self.open > 0 {
            self.lengths.push(std::mem::take(&mut self.open));
        } else if R::CLEAR_ON_EXIT {
            self.continuation = 0;
        }
    }

    fn stage(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        self.open += bytes.len();
    }

    fn transmit(&mut self, more: bool) {
        self.lengths.push(std::mem::take(&mut self.open));
        let fragmented = if more { self.next_fragment } else { 0 };
        self.next_fragment += u8::from(more);
        self.leave(fragmented);
    }

    /// The token has come: what is staged leaves, if it is anything.
    pub fn flush(&mut self) {
        if !self.lengths.is_empty() {
            self.leave(0);
        }
    }

    fn leave(&mut self, fragmented: u8) {
        self.wire.push(Frame {
            continuation: std::mem::replace(&mut self.continuation, fragmented),
            fragmented,
            lengths: std::mem::take(&mut self.lengths),
            data: std::mem::take(&mut self.data),
        });
    }

    /// What the receiver makes of the frames that have left.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let (mut assembly, mut last, mut received) = (Vec::new(), 0, Vec::new());
        for frame in &self.wire {
            if frame.continuation != last {
                // It does not continue what is there: that is thrown away.
                assembly.clear();
            }
            last = frame.fragmented;
            let mut data = &frame.data[..];
            for (i, length) in frame.lengths.iter().enumerate() {
                let (piece, rest) = data.split_at(*length);
                data = rest;
                assembly.extend_from_slice(piece);
                if i + 1 < frame.lengths.len() || frame.fragmented == 0 {
                    received.push(std::mem::take(&mut assembly));
                }
            }
        }
        received
    }

    /// The frames that have left, each with `..` where it says that more follows or that it continues one, and what is
    /// staged for the next: `10r.. | ..10s | staged 1t+5c`.
    fn shown(&self) -> String {
        let dots = |n: u8| if n == 0 { "" } else { ".." };
        let frame = |f: &Frame| dots(f.continuation).to_owned() + &runs(&f.data) + dots(f.fragmented);
        let frames: Vec<String> = self.wire.iter().map(frame).collect();
        let left = if frames.is_empty() { "no frame".to_owned() } else { frames.join(" | ") };
        if self.data.is_empty() { left } else { format!("{left} | staged {}", runs(&self.data)) }
    }

    /// The number of pieces in each frame that has left.
    pub fn pieces(&self) -> Vec<usize> {
        self.wire.iter().map(|f| f.lengths.len()).collect()
    }
}

/// Bytes by their kind: `2o+10r`.
fn runs(data: &[u8]) -> String {
    let runs = data.chunk_by(|a, b| a == b).map(|run| format!("{}{}", run.len(), char::from(run[0])));
    runs.collect::<Vec<_>>().join("+")
}

/// A node: the staging buffer behind its lock.
pub struct Miniature<R> {
    staging: Mutex<Staging>,
    rule: PhantomData<R>,
}

impl<R: Rule> Node for Miniature<R> {
    fn new(frame_bytes: usize) -> Self {
        let staging = Mutex::new(Staging::new(frame_bytes)).named("staging").shown(Staging::shown);
        Miniature { staging, rule: PhantomData }
    }
    fn send(&self, segments: &[&[u8]]) {
        self.staging.lock().send::<R>(segments);
    }
    fn flush(&self) {
        self.staging.lock().flush();
    }
    fn received(&self) -> Vec<Vec<u8>> {
        self.staging.lock().received()
    }
    fn pieces(&self) -> Vec<usize> {
        self.staging.lock().pieces()
    }
}
