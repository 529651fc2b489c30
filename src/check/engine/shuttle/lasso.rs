//! Lassos: a schedule that brings the program back to a state it has been in, and can do so for ever.
//!
//! A *state* is what decides everything that can follow: the objects, who waits for what, and each thread's own state.
//! The last is not visible. It is known by what the thread declared last ([`fingerprint`]) and everything that it was
//! answered since, because a thread is deterministic; a turn of `hint::spin_until` declares by itself, because its
//! evaluations have no effect. So a thread that has moved without declaring never repeats, and a cycle is reported only
//! if every thread that moves in it declares in it. Plain data is not visible either: it belongs into a fingerprint.
//!
//! A cycle is *fair* if every thread that can go on somewhere in it does go on in it. Fair ones are livelocks. So is one
//! that only timeouts keep going; not one that needs a spurious wake-up, a spurious failure or a free choice
//! (`choose`, who is notified), because an environment that always chooses the same way is none that can be blamed.
//!
//! A cycle that is not fair says nothing about the program and would lead an exhaustive search round for ever, so those
//! whom it starves go first from then on. No interleaving is lost by that: whatever can follow the second visit of a
//! state can follow the first, where everything was still allowed. After Musuvathi and Qadeer, *Fair Stateless Model
//! Checking* (PLDI 2008), who know states by yields alone.
//!
//! Nothing is looked at before the first declaration of an execution.
//!
//! [`fingerprint`]: crate::check::fingerprint

use super::chooser::{Candidate, Candidates};
use super::discipline::Offer;
use super::state::State;
use crate::check::event::{Answer, Op, ThreadId, Whim};
use crate::check::model::Discipline;
use crate::check::progress::Digest;
use crate::check::run::ThreadInfo;
use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Range;

/// Failed evaluations of one `spin_until` after which states are looked at: a loop that waits for something ordinary is
/// over by then.
const SPINS: u32 = 16;

/// Longer cycles than this are looked for only between one visit of a state and the next, not back to the first.
const LONGEST: usize = 4096;

/// A set of threads.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Threads([u64; 4]);

impl Threads {
    pub fn insert(&mut self, t: ThreadId) {
        self.0[usize::from(t.0 >> 6)] |= 1 << (t.0 & 63);
    }

    pub fn remove(&mut self, t: ThreadId) {
        self.0[usize::from(t.0 >> 6)] &= !(1 << (t.0 & 63));
    }

    pub fn contains(&self, t: ThreadId) -> bool {
        self.0[usize::from(t.0 >> 6)] >> (t.0 & 63) & 1 == 1
    }

    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    /// In both.
    pub fn and(mut self, other: Threads) -> Threads {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= b);
        self
    }

    /// In either.
    pub fn or(mut self, other: Threads) -> Threads {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
        self
    }

    /// In this one and not in the other.
    pub fn minus(mut self, other: Threads) -> Threads {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= !b);
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = ThreadId> + '_ {
        (0..=u8::MAX).map(ThreadId).filter(|t| self.contains(*t))
    }

    /// Those who can go on, by themselves or because nobody else can.
    pub fn of(offer: &Offer<'_>) -> Threads {
        let mut set = Threads::default();
        offer.ready.iter().chain(&offer.idle).for_each(|c| set.insert(c.thread));
        set
    }
}

/// A thread's own state.
#[derive(Clone, Copy, Default)]
struct Own {
    /// What it declared last and was answered since.
    digest: Digest,
    /// It is in a `spin_until`: its own state when that began, and how often the condition has failed.
    spin: Option<(Digest, u32)>,
}

/// One decision of the scheduler.
#[derive(Clone, Copy)]
struct Decision {
    /// Length of the log.
    events: usize,
    /// Who could go on.
    enabled: Threads,
    /// Who did.
    ran: Option<ThreadId>,
    /// An arbitrary choice of the environment was made here or before the next decision.
    arbitrary: bool,
}

/// The program at a decision.
pub struct Place<'a> {
    pub state: &'a State,
    pub infos: &'a [ThreadInfo],
    pub discipline: &'a Discipline,
    /// Who has run last.
    pub current: Option<ThreadId>,
}

/// What a visit of a state means.
pub enum Visit {
    /// It has not been visited, or what lies between is not fair.
    On,
    /// It repeats, fairly, by these events, in which these threads move.
    Repeats(Range<usize>, Threads),
    /// It repeats if the environment chooses the same way again.
    ByChoice,
}

/// The states of the execution at hand.
#[derive(Default)]
pub struct Lasso {
    threads: Vec<Own>,
    /// By digest of the state: the first and the last decision there.
    seen: HashMap<Digest, (usize, usize)>,
    decisions: Vec<Decision>,
    /// Starved by a cycle.
    owed: Threads,
}

impl Lasso {
    pub fn begin_execution(&mut self) {
        self.threads.clear();
        self.seen.clear();
        self.decisions.clear();
        self.owed = Threads::default();
    }

    fn own(&mut self, t: ThreadId) -> &mut Own {
        let i = usize::from(t.0);
        if self.threads.len() <= i {
            self.threads.resize_with(i + 1, Own::default);
        }
        &mut self.threads[i]
    }

    /// `me` has declared `fingerprint`.
    pub fn declared(&mut self, me: ThreadId, fingerprint: Digest) {
        self.own(me).digest = fingerprint;
    }

    /// `me` was given `answer`.
    pub fn answered(&mut self, me: ThreadId, op: &Op, answer: Answer) {
        let own = self.own(me);
        // It is not told whether anybody has woken it.
        let told = if op.whim(answer) == Some(Whim::Spurious) { Answer::DONE } else { answer };
        (op, told).hash(&mut own.digest);
    }

    /// `me` begins to evaluate the condition that it spins on, or evaluates it again. `true`: it has done so often
    /// enough to be looked at.
    pub fn spins(&mut self, me: ThreadId) -> bool {
        let own = self.own(me);
        match &mut own.spin {
            None => own.spin = Some((own.digest, 0)),
            Some((before, times)) => {
                own.digest = *before;
                *times += 1;
            }
        }
        own.spin.is_some_and(|(_, times)| times >= SPINS)
    }

    /// The condition that `me` spins on holds.
    pub fn spun(&mut self, me: ThreadId) {
        self.own(me).spin = None;
    }

    /// The state at a decision. Who ran last matters where it decides who may go on.
    fn state(&self, at: &Place<'_>) -> Digest {
        let mut d = Digest::default();
        at.state.digest(&mut d);
        for (t, info) in at.infos.iter().enumerate() {
            let own = self.threads.get(t).copied().unwrap_or_default();
            (own.digest, info.masked).hash(&mut d);
        }
        if *at.discipline != Discipline::Preemptive {
            at.current.hash(&mut d);
        }
        d
    }

    /// A decision is due, with the log so long.
    pub fn visit(&mut self, at: &Place<'_>, events: usize, enabled: Threads) -> Visit {
        let now = self.decisions.len();
        let key = self.state(at);
        let visit = match self.seen.get(&key).copied() {
            None => {
                self.seen.insert(key, (now, now));
                Visit::On
            }
            Some((first, last)) => {
                self.seen.insert(key, (first, now));
                self.revisit(first, last, events)
            }
        };
        self.decisions.push(Decision { events, enabled, ran: None, arbitrary: false });
        visit
    }

    fn revisit(&mut self, first: usize, last: usize, events: usize) -> Visit {
        let (starved, moved, arbitrary) = self.between(last);
        let begin = self.decisions[last].events;
        if !arbitrary && starved.is_empty() && begin < events {
            return Visit::Repeats(begin..events, moved);
        }
        // Cycles that are not fair one by one may be so together.
        if first < last && self.decisions.len() - first <= LONGEST {
            let (starved, moved, arbitrary) = self.between(first);
            if !arbitrary && starved.is_empty() {
                return Visit::Repeats(self.decisions[first].events..events, moved);
            }
        }
        if arbitrary {
            return Visit::ByChoice;
        }
        self.owed = self.owed.or(starved);
        Visit::On
    }

    /// From decision `from` on: who could have gone on and did not, who did, and whether an arbitrary choice was made.
    fn between(&self, from: usize) -> (Threads, Threads, bool) {
        let (mut enabled, mut moved, mut arbitrary) = (Threads::default(), Threads::default(), false);
        for d in &self.decisions[from..] {
            enabled = enabled.or(d.enabled);
            d.ran.into_iter().for_each(|t| moved.insert(t));
            arbitrary |= d.arbitrary;
        }
        (enabled.minus(moved), moved, arbitrary)
    }

    /// Those of the offer whom a cycle has starved; nobody, if there are none.
    pub fn first<'a>(&self, offer: &Offer<'a>) -> Candidates<'a> {
        let all = offer.ready.iter().chain(&offer.idle);
        all.filter(|c: &&Candidate<'_>| self.owed.contains(c.thread)).copied().collect()
    }

    /// The decision that was due has been made.
    pub fn chose(&mut self, t: ThreadId, arbitrary: bool) {
        self.owed.remove(t);
        if let Some(d) = self.decisions.last_mut() {
            d.ran = Some(t);
            d.arbitrary |= arbitrary;
        }
    }

    /// The environment has chosen something that it need not choose every time.
    pub fn arbitrary(&mut self) {
        if let Some(d) = self.decisions.last_mut() {
            d.arbitrary = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::event::MAIN;

    /// What a thread is not told makes no difference to what it does next: a cycle is one whoever ended its waits.
    #[test]
    fn who_has_ended_a_wait_is_no_part_of_the_state() {
        let after = |answer| {
            let mut lasso = Lasso::default();
            lasso.answered(MAIN, &Op::Park { timed: true }, answer);
            lasso.own(MAIN).digest
        };
        assert_eq!(after(Answer::DONE), after(Answer::SPURIOUS));
        assert_ne!(after(Answer::DONE), after(Answer::TIMED_OUT));
    }
}
