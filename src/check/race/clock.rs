//! Vector clocks over model threads.

use super::super::event::ThreadId;
use smallvec::SmallVec;

/// One component per thread; a missing component is 0.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Clock(SmallVec<[u32; 6]>);

impl Clock {
    /// The component of `t`.
    #[inline]
    pub fn get(&self, t: ThreadId) -> u32 {
        self.0.get(t.0 as usize).copied().unwrap_or(0)
    }

    /// Sets the component of `t`.
    #[inline]
    pub fn set(&mut self, t: ThreadId, to: u32) {
        let i = t.0 as usize;
        if self.0.len() <= i {
            self.0.resize(i + 1, 0);
        }
        self.0[i] = to;
    }

    /// Advances the component of `t` by one.
    #[inline]
    pub fn tick(&mut self, t: ThreadId) {
        self.set(t, self.get(t) + 1);
    }

    /// The least clock that is at least both.
    #[inline]
    pub fn join(&mut self, other: &Clock) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// Overwrites with `other`, without giving up the buffer.
    #[inline]
    pub fn assign(&mut self, other: &Clock) {
        self.0.clear();
        self.0.extend_from_slice(&other.0);
    }

    /// Back to all zeros, without giving up the buffer.
    #[inline]
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The first thread other than `me` whose component here is ahead of `seen`.
    #[inline]
    pub fn ahead_of(&self, seen: &Clock, me: ThreadId) -> Option<ThreadId> {
        (0..self.0.len()).map(|i| ThreadId(i as u8)).find(|&t| t != me && self.get(t) > seen.get(t))
    }
}
