//! What is refused, by whom, and why.

use std::fmt;

/// Frames of this size cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidLimits {
    /// The size asked for.
    pub frame: usize,
}

impl fmt::Display for InvalidLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a frame has room for 3 to 65535 bytes, not {}", self.frame)
    }
}

impl std::error::Error for InvalidLimits {}

/// [`Packer::send`](super::Packer::send) took nothing of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageTooLong {
    /// Its bytes.
    pub bytes: usize,
    /// `Limits::message`.
    pub most: usize,
}

impl fmt::Display for MessageTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a message of {} bytes, where {} are agreed on", self.bytes, self.most)
    }
}

impl std::error::Error for MessageTooLong {}

/// [`Assembler::accept`](super::Assembler::accept) refused a frame, delivered nothing of it and is as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FrameError {
    /// The frame ends before its header and lengths do.
    Truncated {
        /// Its bytes.
        bytes: usize,
    },
    /// The frame is longer than `Limits::frame` allows.
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// A flag is set that has no meaning.
    UnknownFlags {
        /// All of them.
        flags: u16,
    },
    /// The lengths of the pieces and the bytes behind them differ.
    LengthMismatch {
        /// Sum of the lengths.
        declared: usize,
        /// Bytes behind them.
        present: usize,
    },
    /// A frame without a piece.
    NoPieces,
    /// A piece that continues a message, or is to be continued, is empty: no packer sends that.
    EmptyPiece,
    /// Frames are missing before this one, or it has been accepted already.
    OutOfSequence {
        /// The number whose turn it is.
        expected: u32,
        /// The number of the frame.
        found: u32,
    },
    /// The frame continues a message, but none is open.
    NothingToContinue,
    /// A message is open, and the frame does not continue it.
    NotContinued,
    /// A message would become longer than `Limits::message`.
    MessageTooLong,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Truncated { bytes } => write!(f, "the frame ends after {bytes} bytes"),
            FrameError::TooLong { bytes } => write!(f, "a frame of {bytes} bytes is too long"),
            FrameError::UnknownFlags { flags } => write!(f, "unknown flags in {flags:#06x}"),
            FrameError::LengthMismatch { declared, present } => {
                write!(f, "the pieces have {declared} bytes, the frame has {present}")
            }
            FrameError::NoPieces => f.write_str("the frame is empty"),
            FrameError::EmptyPiece => f.write_str("a piece of a longer message is empty"),
            FrameError::OutOfSequence { expected, found } => {
                write!(f, "frame {found}, where {expected} was expected")
            }
            FrameError::NothingToContinue => f.write_str("the frame continues a message, but none is open"),
            FrameError::NotContinued => f.write_str("the frame does not continue the message that is open"),
            FrameError::MessageTooLong => f.write_str("a message is longer than agreed on"),
        }
    }
}

impl std::error::Error for FrameError {}
