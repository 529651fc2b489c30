//! Vector clocks of fixed width.

/// Model threads that one execution may have, the scenario's own included.
pub const THREADS: usize = 32;

/// For each thread, how many of its events (a prefix in program order) are included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock([u16; THREADS]);

impl Clock {
    pub const ZERO: Clock = Clock([0; THREADS]);

    /// Component-wise maximum.
    #[inline]
    pub fn join(&mut self, other: &Clock) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a = (*a).max(*b);
        }
    }

    /// How many events of `t` are included.
    #[inline]
    pub fn get(&self, t: usize) -> u32 {
        self.0[t] as u32
    }

    #[inline]
    pub fn set(&mut self, t: usize, n: u32) {
        self.0[t] = n as u16;
    }
}
