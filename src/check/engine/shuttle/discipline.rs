//! Disciplines: which of the threads that can go on a scheduler of that kind would let run.
//!
//! Each discipline ranks the threads; only the highest rank that can run by itself is offered to the strategy, so every
//! strategy, the exhaustive one too, explores all that the discipline allows and nothing else. A thread that could only
//! be woken by a timeout or spuriously is offered beside those whom it does not fall behind: an event of the
//! environment wakes it, it does not hold the processor.

use super::chooser::{Candidate, Candidates};
use super::state::{Need, State, Thread};
use crate::check::discipline::INTERRUPT;
use crate::check::event::{MAIN, ThreadId};
use crate::check::model::Discipline;
use crate::check::run::ThreadInfo;
use crate::check::verdict::Kind;

/// The threads that can go on, by why.
pub struct Offer<'a> {
    /// Can go on.
    pub ready: Candidates<'a>,
    /// Only if nobody is ready.
    pub idle: Candidates<'a>,
    /// Only beside somebody who is ready.
    pub spurious: Candidates<'a>,
}

/// The scheduler's view of the execution at hand.
pub struct View<'a> {
    pub discipline: &'a Discipline,
    pub state: &'a State,
    pub infos: &'a [ThreadInfo],
    /// Who has run last.
    pub current: Option<ThreadId>,
}

/// A processor that nobody can have although somebody could go on.
pub struct Starved {
    pub kind: Kind,
    pub thread: ThreadId,
    pub message: String,
}

impl View<'_> {
    fn thread(&self, t: ThreadId) -> &Thread {
        &self.state.threads[t.0 as usize]
    }

    fn name(&self, t: ThreadId) -> &str {
        let unnamed = if t == MAIN { "main" } else { "" };
        self.infos[t.0 as usize].name.as_deref().unwrap_or(unnamed)
    }

    fn is_handler(&self, t: ThreadId) -> bool {
        self.name(t).starts_with(INTERRUPT)
    }

    /// Has it been delivered and not returned?
    fn handles(&self, t: ThreadId) -> bool {
        let thread = self.thread(t);
        self.is_handler(t) && !thread.fresh && !thread.ended
    }

    /// May it be delivered now, whoever has the processor?
    fn arrives(&self, t: ThreadId) -> bool {
        matches!(self.discipline, Discipline::Priority(_)) && self.is_handler(t) && self.thread(t).fresh
    }

    fn sleeps(&self, t: ThreadId) -> bool {
        self.state.sleeps(t)
    }

    fn rank(&self, t: ThreadId) -> usize {
        match self.discipline {
            Discipline::Preemptive => 0,
            Discipline::Cooperative => {
                usize::from(self.current == Some(t) && !self.thread(t).yielding && !self.sleeps(t))
            }
            Discipline::Priority(_) if self.handles(t) => usize::MAX,
            Discipline::Priority(order) => {
                let name = self.name(t);
                order.iter().position(|n| n == name).map_or(0, |place| order.len() - place)
            }
            Discipline::Interrupt if self.handles(t) => 2,
            Discipline::Interrupt => usize::from(self.infos[t.0 as usize].masked > 0),
        }
    }

    /// Leaves in `offer` whom the discipline lets run.
    pub fn restrict(&self, offer: &mut Offer<'_>) -> Result<(), Starved> {
        if *self.discipline == Discipline::Preemptive {
            return Ok(());
        }
        self.blocked_handler(offer)?;
        let runs = offer.ready.iter().filter(|c| !self.sleeps(c.thread));
        let Some(top) = runs.map(|c| self.rank(c.thread)).max() else { return Ok(()) };
        let spins = |t: ThreadId| matches!(self.thread(t).need, Need::Change(_)) && self.rank(t) > top;
        let spinning = offer.idle.iter().map(|c| c.thread).filter(|t| spins(*t));
        if let Some(spinner) = spinning.max_by_key(|t| self.rank(*t)) {
            // Only an event takes the processor from it: one that wakes somebody to whom it gives way.
            let woken = |c: &Candidate<'_>| {
                self.arrives(c.thread) || self.sleeps(c.thread) && self.rank(c.thread) >= self.rank(spinner)
            };
            if offer.ready.iter().any(woken) {
                offer.ready.retain(|c| woken(c));
                offer.idle.retain(|c| self.rank(c.thread) >= self.rank(spinner));
                offer.spurious.clear();
                return Ok(());
            }
            let below = offer.ready.iter().find(|c| !self.sleeps(c.thread)).expect("somebody has rank `top`");
            let (name, below) = (self.called(spinner), self.called(below.thread));
            return Err(Starved {
                kind: Kind::Livelock,
                thread: spinner,
                message: format!(
                    "{name} spins for what {below} should do, and {below} never gets the processor from it"
                ),
            });
        }
        // A handler is not interrupted.
        let arrives = |t: ThreadId| top < usize::MAX && self.arrives(t);
        offer.ready.retain(|c| self.rank(c.thread) >= top || arrives(c.thread));
        offer.idle.retain(|c| self.rank(c.thread) >= top);
        offer.spurious.retain(|c| self.rank(c.thread) >= top);
        Ok(())
    }

    /// A handler cannot wait for those whom it has interrupted.
    fn blocked_handler(&self, offer: &Offer<'_>) -> Result<(), Starved> {
        if *self.discipline != Discipline::Interrupt {
            return Ok(());
        }
        let threads = (0..self.state.threads.len()).map(|t| ThreadId(t as u8));
        for t in threads.filter(|t| self.handles(*t)) {
            if !offer.ready.iter().any(|c| c.thread == t && !self.sleeps(t)) {
                let spins = offer.idle.iter().any(|c| c.thread == t);
                return Err(Starved {
                    kind: if spins { Kind::Livelock } else { Kind::Deadlock },
                    thread: t,
                    message: format!("handler {} waits for somebody whom it has interrupted", self.called(t)),
                });
            }
        }
        Ok(())
    }

    fn called(&self, t: ThreadId) -> String {
        match self.name(t) {
            "" => format!("t{}", t.0),
            name => name.to_owned(),
        }
    }
}
