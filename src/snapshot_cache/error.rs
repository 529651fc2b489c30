//! Why a refresh gave no snapshot, and why a lookup found nothing.

use super::Generation;
use crate::connect_gate::Failure;
use std::fmt;
use std::time::Duration;

/// There is no newer snapshot. The one that there was is still there.
#[derive(Clone, Debug)]
pub enum RefreshError<E> {
    /// The listing failed, taken by this caller or by the one it waited for.
    Failed(Failure<E>),
    /// The last listing failed and the next may not begin for so long.
    Backoff(Duration),
    /// The deadline passed while another caller's listing was under way.
    TimedOut,
}

impl<E> fmt::Display for RefreshError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RefreshError::Failed(failure) => write!(f, "refresh {} failed", failure.epoch()),
            RefreshError::Backoff(pause) => {
                write!(f, "the last refresh failed, the next may begin in {} ms", pause.as_millis())
            }
            RefreshError::TimedOut => f.write_str("the refresh under way was not over in time"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RefreshError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RefreshError::Failed(failure) => Some(failure.error()),
            RefreshError::Backoff(_) | RefreshError::TimedOut => None,
        }
    }
}

/// A lookup found nothing.
#[derive(Clone, Debug)]
pub enum LookupError<E> {
    /// It does not exist: a complete listing that began after the lookup does not have it.
    NotFound {
        /// Which one.
        generation: Generation,
    },
    /// Nobody knows: the snapshot that there is does not have it, and there is no newer one.
    Unconfirmed {
        /// Which one there is, or was when the lookup began.
        generation: Generation,
        /// Why there is no newer one.
        why: RefreshError<E>,
    },
}

impl<E> fmt::Display for LookupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupError::NotFound { generation } => write!(f, "not found in snapshot {generation}"),
            LookupError::Unconfirmed { generation, why } => {
                write!(f, "not found in snapshot {generation}, which may be out of date: {why}")
            }
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for LookupError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LookupError::NotFound { .. } => None,
            // `Display` speaks for the error inside, so the chain goes on behind it.
            LookupError::Unconfirmed { why, .. } => why.source(),
        }
    }
}
