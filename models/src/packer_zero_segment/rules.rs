//! The rules by which the broken variants decide that more of a message follows; each has its marked line.

use super::miniature::Rule;

/// The incident.
pub struct IndexDecides;

impl Rule for IndexDecides {
    fn more_follows(segments: &[&[u8]], at: usize, unsent: usize) -> bool {
        // BUG: another segment follows; that does not mean that another byte does.
        at + 1 < segments.len() || unsent > 0
    }
}

/// Drops the segment that made the trouble.
pub struct StripOneTrailing;

impl Rule for StripOneTrailing {
    fn prepare<'a>(segments: &'a [&'a [u8]]) -> &'a [&'a [u8]] {
        // BUG: the one before it may be empty as well.
        match segments {
            [rest @ .., []] => rest,
            all => all,
        }
    }
    fn more_follows(segments: &[&[u8]], at: usize, unsent: usize) -> bool {
        IndexDecides::more_follows(segments, at, unsent)
    }
}

/// Looks whether the next segment has bytes.
pub struct PeekNext;

impl Rule for PeekNext {
    fn more_follows(segments: &[&[u8]], at: usize, unsent: usize) -> bool {
        // BUG: the next one may be empty and the one behind it not.
        unsent > 0 || segments.get(at + 1).is_some_and(|next| !next.is_empty())
    }
}

/// Notices at the end that nothing was left, and takes "continues" back.
pub struct ClearOnExit;

impl Rule for ClearOnExit {
    /// BUG: the frame that says "more follows" has left already, and the receiver waits.
    const CLEAR_ON_EXIT: bool = true;
    fn more_follows(segments: &[&[u8]], at: usize, unsent: usize) -> bool {
        IndexDecides::more_follows(segments, at, unsent)
    }
}
