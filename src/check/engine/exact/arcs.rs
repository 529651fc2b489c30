//! Reference counts that are not the subject: no events, no schedules, only a check that they could not matter.
//!
//! Most `Arc`s in a model merely share. Modelling each count as an atomic would multiply executions by the
//! orders of clones and drops, which nobody can tell apart. So counts are *quiet* by default: kept here, in
//! physical order. That is exact as long as nobody can observe the order, and the four ways of observing it are
//! watched for: a destructor that does something visible (or asks which thread it is on) while drops are not ordered,
//! a count that is read while others hold references, or beside a clone through the reference that was looked at, an
//! upgrade of a `Weak`, and `into_inner`, which says who was last. When one occurs, the search starts again with counts
//! modelled as atomics.

use super::clock::Clock;

#[derive(Default)]
struct Count {
    refs: i64,
    /// Drops so far: (thread, events it had executed).
    drops: Vec<(usize, u32)>,
    /// Those who have read the count, the same way.
    looks: Vec<(usize, u32)>,
}

/// Quiet counts of one execution, by location.
#[derive(Default)]
pub struct Arcs {
    counts: Vec<Count>,
}

/// What a drop came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dropped {
    /// Others still hold references.
    Shared,
    /// The last one, and every other drop happens before it.
    LastInOrder,
    /// The last one here; another could have been.
    LastByChance,
}

impl Arcs {
    pub fn begin(&mut self) {
        for c in &mut self.counts {
            c.drops.clear();
            c.looks.clear();
        }
    }

    pub fn created(&mut self, loc: u32, refs: u64) {
        if self.counts.len() <= loc as usize {
            self.counts.resize_with(loc as usize + 1, Count::default);
        }
        let c = &mut self.counts[loc as usize];
        c.refs = refs as i64;
        c.drops.clear();
        c.looks.clear();
    }

    /// False if somebody has read the count who could have read this clone too, through a reference that is shared.
    #[must_use]
    pub fn cloned(&mut self, loc: u32, t: usize, hb: &Clock) -> bool {
        let c = &mut self.counts[loc as usize];
        c.refs += 1;
        in_order(&c.looks, t, hb)
    }

    pub fn dropped(&mut self, loc: u32, t: usize, at: u32, hb: &Clock) -> Dropped {
        let c = &mut self.counts[loc as usize];
        c.refs -= 1;
        if c.refs > 0 {
            c.drops.push((t, at));
            return Dropped::Shared;
        }
        match in_order(&c.drops, t, hb) {
            true => Dropped::LastInOrder,
            false => Dropped::LastByChance,
        }
    }

    /// The count, as `t` reads it after `at` of its events, if it cannot differ in another order: this is the only
    /// reference, and the others' drops happen before. (Of clones to come, [`Arcs::cloned`] says whether.)
    pub fn certain(&mut self, loc: u32, t: usize, at: u32, hb: &Clock) -> Option<u64> {
        let c = &mut self.counts[loc as usize];
        c.looks.retain(|l| l.0 != t);
        c.looks.push((t, at));
        (c.refs == 1 && in_order(&c.drops, t, hb)).then_some(1)
    }
}

/// Does all of this happen before what `t` does next?
fn in_order(done: &[(usize, u32)], t: usize, hb: &Clock) -> bool {
    done.iter().all(|&(o, at)| o == t || hb.get(o) > at)
}
