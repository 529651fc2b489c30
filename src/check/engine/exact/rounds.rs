//! Rounds of loops: what a thread has read, yield by yield, since it last did anything but read and yield.
//!
//! A loop *waits* where it goes round again and everything it reads comes from where it came from the round before:
//! the round that repeats is no news, and nor would any further one be, until something else is there to be read.
//! A loop whose rounds differ goes on, so what it carries from one to the next is explored. It does so as often as
//! there are writes to tell its rounds apart, for a thread never reads an older write after a newer one.

use super::graph::{EventId, Graph};
use crate::check::run::Site;

/// Rounds of one loop of one thread, before the engine gives up: those that differ or have effects, and those of a
/// loop that gives up by itself.
pub const ROUNDS: u32 = 256;

/// What was read between two yields, and where the second one is.
struct Round {
    reads: Vec<EventId>,
    site: Site,
}

/// What is known of the loops of one thread.
#[derive(Default)]
pub struct Rounds {
    past: Vec<Round>,
    /// Yields that ended something, by their place in the source.
    ended: Vec<(Site, u32)>,
}

/// How often a round must come again, by the yield that ends it: what a search has learnt of loops that give up.
#[derive(Clone, Default, Debug)]
pub struct Patience(Vec<(Site, u32)>);

impl Patience {
    pub fn get(&self, site: Site) -> Option<u32> {
        self.0.iter().find(|p| p.0 == site).map(|p| p.1)
    }

    /// A loop whose rounds end at `site` gave up after it had repeated itself so often.
    pub fn learn(&mut self, site: Site, repeated: u32) {
        match self.0.iter_mut().find(|p| p.0 == site) {
            Some(p) => p.1 = repeated.max(2 * p.1).min(ROUNDS),
            None => self.0.push((site, repeated)),
        }
    }
}

impl Rounds {
    /// The thread has done something that others may notice: what comes now is no repetition of what was before.
    pub fn forget(&mut self) {
        self.past.clear();
    }

    /// Counts a yield that ends a round, or something with effects. False beyond the limit.
    pub fn count(&mut self, site: Site) -> bool {
        match self.ended.iter_mut().find(|e| e.0 == site) {
            Some((_, n)) => {
                *n += 1;
                *n <= ROUNDS
            }
            None => {
                self.ended.push((site, 1));
                true
            }
        }
    }

    /// A round ends. If the last rounds are the same ones over again, so often that the loop counts as a wait: all
    /// that they read, once.
    pub fn end(&mut self, g: &Graph, reads: Vec<EventId>, site: Site, patience: u32) -> Option<Vec<EventId>> {
        self.past.push(Round { reads, site });
        let (n, times) = (self.past.len(), patience as usize + 1);
        // A loop with several yields in its body has a period of so many rounds.
        let period = (1..=n / times).find(|p| self.repeats(g, n - times * p, *p))?;
        Some(self.past[n - period..].iter().flat_map(|r| r.reads.iter().copied()).collect())
    }

    /// From `first` on, does every round equal the one a period before it?
    fn repeats(&self, g: &Graph, first: usize, period: usize) -> bool {
        (first..self.past.len() - period).all(|i| {
            let (a, b) = (&self.past[i], &self.past[i + period]);
            // What was read in front of the loop is no part of its first round.
            let extra = a.reads.len().saturating_sub(b.reads.len());
            let skip = if i == first { extra } else { 0 };
            let same = |(&x, &y): (&EventId, &EventId)| {
                let (x, y) = (g.ev(x), g.ev(y));
                x.loc == y.loc && x.rf == y.rf
            };
            a.site == b.site
                && a.reads.len() - skip == b.reads.len()
                && a.reads[skip..].iter().zip(&b.reads).all(same)
        })
    }
}
