//! Rounds of a schedule: in each, everybody who could go on when it began has gone on, or can no longer.

use super::lasso::Threads;
use crate::check::event::ThreadId;

/// Counts rounds.
#[derive(Default)]
pub struct Rounds {
    /// Complete ones.
    done: u64,
    /// Who has still to move, or to stop being able to, before the round is complete.
    left: Threads,
}

impl Rounds {
    /// A decision is due, and these can go on: how many rounds are complete.
    pub fn decision(&mut self, enabled: Threads) -> u64 {
        self.left = self.left.and(enabled);
        if self.left.is_empty() {
            self.done += 1;
            self.left = enabled;
        }
        self.done
    }

    /// The decision that was due has been made.
    pub fn ran(&mut self, t: ThreadId) {
        self.left.remove(t);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(threads: &[u8]) -> Threads {
        let mut s = Threads::default();
        threads.iter().for_each(|t| s.insert(ThreadId(*t)));
        s
    }

    #[test]
    fn a_round_is_over_when_everybody_has_moved_or_cannot() {
        let mut r = Rounds::default();
        let both = set(&[0, 200]);
        assert_eq!(r.decision(both), 1);
        for _ in 0..5 {
            r.ran(ThreadId(0));
            assert_eq!(r.decision(both), 1, "thread 200 has not had its turn");
        }
        r.ran(ThreadId(200));
        assert_eq!(r.decision(both), 2);
        r.ran(ThreadId(0));
        assert_eq!(r.decision(set(&[0])), 3, "thread 200 can no longer go on");
    }
}
