//! What a frame looks like on the wire, and what it may hold.
//!
//! | bytes | field |
//! |---|---|
//! | 4 | sequence number, from 0, wraps |
//! | 2 | number of pieces, at least 1 |
//! | 2 | flags: 1 = the first piece continues a message, 2 = more of the last one follows; others are 0 |
//! | 2 for each piece | its length |
//! | the rest | the pieces |
//!
//! All numbers are little-endian. The frame ends where its last piece ends.

use super::error::{FrameError, InvalidLimits};

/// Bytes of a frame before its lengths and data.
pub const HEADER_BYTES: usize = 8;
pub(super) const LENGTH_BYTES: usize = 2;

const CONTINUES: u16 = 1;
const MORE: u16 = 2;

/// What both sides have agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a frame for lengths (2 for each piece) and data, without the header: 3 to 65,535.
    pub frame: usize,
    /// Bytes of the longest message. An assembler keeps as many for each stream.
    pub message: usize,
}

impl Limits {
    pub(super) fn validated(self) -> Result<Self, InvalidLimits> {
        // At least a length and a byte; and any length fits into its 16 bits.
        if !(LENGTH_BYTES + 1..=usize::from(u16::MAX)).contains(&self.frame) {
            return Err(InvalidLimits { frame: self.frame });
        }
        Ok(self)
    }
}

/// The first bytes of a frame.
pub(super) struct Header {
    pub(super) sequence: u32,
    pub(super) count: u16,
    /// The first piece continues the message that the last frame ended in.
    pub(super) continues: bool,
    /// The last piece is continued by the next frame.
    pub(super) more: bool,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let flags = if self.continues { CONTINUES } else { 0 } | if self.more { MORE } else { 0 };
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.count.to_le_bytes());
        bytes[6..].copy_from_slice(&flags.to_le_bytes());
        bytes
    }
}

/// A frame whose lengths add up.
pub(super) struct Frame<'a> {
    pub(super) header: Header,
    lengths: &'a [[u8; LENGTH_BYTES]],
    data: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Everything that can be known of a frame by itself.
    pub(super) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, FrameError> {
        if bytes.len() > HEADER_BYTES + limits.frame {
            return Err(FrameError::TooLong { bytes: bytes.len() });
        }
        let truncated = FrameError::Truncated { bytes: bytes.len() };
        let Some((&[a, b, c, d, count_low, count_high, flags_low, flags_high], rest)) =
            bytes.split_first_chunk::<HEADER_BYTES>()
        else {
            return Err(truncated);
        };
        let flags = u16::from_le_bytes([flags_low, flags_high]);
        if flags & !(CONTINUES | MORE) != 0 {
            return Err(FrameError::UnknownFlags { flags });
        }
        let header = Header {
            sequence: u32::from_le_bytes([a, b, c, d]),
            count: u16::from_le_bytes([count_low, count_high]),
            continues: flags & CONTINUES != 0,
            more: flags & MORE != 0,
        };
        let Some((lengths, data)) = rest.split_at_checked(usize::from(header.count) * LENGTH_BYTES) else {
            return Err(truncated);
        };
        let frame = Frame { header, lengths: lengths.as_chunks().0, data };
        let declared = (0..frame.lengths.len()).map(|i| frame.length(i)).sum();
        if declared != data.len() {
            return Err(FrameError::LengthMismatch { declared, present: data.len() });
        }
        let Some(last) = frame.lengths.len().checked_sub(1) else { return Err(FrameError::NoPieces) };
        if frame.header.continues && frame.length(0) == 0 || frame.header.more && frame.length(last) == 0 {
            return Err(FrameError::EmptyPiece);
        }
        Ok(frame)
    }

    fn length(&self, piece: usize) -> usize {
        usize::from(u16::from_le_bytes(self.lengths[piece]))
    }

    /// The pieces, in order.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (lengths, mut data) = (self.lengths, self.data);
        lengths.iter().map(move |length| {
            let (piece, rest) = data.split_at(usize::from(u16::from_le_bytes(*length)));
            data = rest;
            piece
        })
    }
}
