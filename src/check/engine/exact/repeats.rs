//! Would a spurious end that is not offered have been a repetition?
//!
//! Where a thread's last call ended spuriously and it has learnt nothing since, one more such end is not explored
//! (`spurious`). It is tried out instead. What the thread knows at the call - its causal past, a graph of its own - is
//! executed to the end several times, with nothing chosen and nothing explored: as it goes on without a further spurious
//! end, with a good many of them in a row, and with a few. The thread must come back to the call each time, have no effect
//! on the way, and after that everybody must do the same in all of them. If not, the search starts again and offers as many in a row as it
//! takes for the difference; where each one makes another, some are, and the verdict is `bounded`.
//!
//! A thread is a function of what it knows, so this is done once for each causal past.

use super::exec::{Stop, Waits, Want};
use super::graph::{EventId, Graph, INIT, Kind, Tag};
use super::job::{End, Worker};
use super::lower::{IN_ROW, Twin};
use super::rounds::ROUNDS;
use super::spurious::Call;
use super::update::Effect;
use crate::check::model::Outcome;
use crate::check::quarantine::Window;

/// Spurious ends in a row that are tried. A loop that gives up later is not noticed.
pub const TRIED: u32 = 64;

/// All numbers of them up to this one are tried too: a loop may care for one of them and for no greater.
const FEW: u32 = 8;

/// A call that could end spuriously once more.
pub struct Withheld {
    /// A digest of it all.
    pub key: u64,
    /// What its thread knows.
    pub graph: Graph,
    /// Events of each thread in it.
    pub bound: Vec<usize>,
    pub t: usize,
    pub call: Call,
    /// Spurious ends in a row before it.
    pub in_row: u32,
}

/// An event of a tail: what it is, what the program asked for, where, and which alternative it took.
type Act = (Kind, Tag, u32, u16);

/// What became of one of them.
#[derive(PartialEq)]
enum Tried {
    /// It tells nothing: the thread came to know something else, or cannot go on.
    Nothing,
    /// It is longer than an execution may be.
    Limit,
    /// The thread did not come back to the call.
    Leaves,
    /// It had an effect before it did.
    Acts,
    Fails,
    /// What each thread did afterwards, and the outcome if all came to their ends.
    Goes {
        tails: Vec<Vec<Act>>,
        outcome: Option<Outcome>,
    },
}

impl Worker {
    /// Tries out what the last job has withheld, unless it has ended the search.
    pub fn try_repeats(&self, end: End) -> End {
        let i = self.exact.inner();
        let withheld = std::mem::take(&mut i.withheld);
        if withheld.is_empty() || !matches!(end, End::Leaf { .. } | End::Stopped(Stop::DeadEnd)) {
            return end;
        }
        // None of what follows happens.
        let jobs = std::mem::take(&mut i.e.pushed);
        let (capped, steps, seen) = {
            let s = self.run.state();
            (i.capped, s.steps, s.seen.len())
        };
        let learnt = withheld.iter().find_map(|w| {
            let stop = self.repeats(w).err();
            if stop.is_none() {
                self.exact.remember(w.key);
            }
            stop
        });
        let i = self.exact.inner();
        (i.e.pushed, i.capped, i.twin) = (jobs, capped, None);
        i.withheld.clear();
        let mut s = self.run.state();
        s.steps = steps;
        s.seen.truncate(seen);
        drop(s);
        learnt.map_or(end, End::Stopped)
    }

    fn repeats(&self, w: &Withheld) -> Result<(), Stop> {
        let none = self.tries(w, 0);
        let Tried::Goes { tails: tails_of_none, .. } = &none else {
            // Too long to be tried out: nothing is known of it.
            self.exact.inner().capped_spurious |= none == Tried::Limit;
            return Ok(());
        };
        // As many as an execution has room for: a loop that backs off further each time fills it sooner.
        let mut room = [TRIED, TRIED / 2, TRIED / 4, FEW].into_iter().map(|n| (n, self.tries(w, n)));
        let Some((most, many)) = room.find(|(_, tried)| *tried != Tried::Limit) else {
            self.exact.inner().capped_spurious = true;
            return self.few(w, tails_of_none);
        };
        if many == Tried::Nothing || many == none {
            return self.few(w, tails_of_none);
        }
        let first = || (1..most).find(|&n| self.tries(w, n) == many).unwrap_or(most);
        // Whether it comes to the same after any number of them, or each makes a difference.
        let n = match &many {
            Tried::Acts => None,
            Tried::Goes { .. } => (self.tries(w, most - 1) == many).then(first),
            _ => Some(first()),
        };
        let repeated = match (n, &many) {
            (Some(n), _) => w.in_row + n,
            // How many there were is no part of an outcome.
            (None, Tried::Goes { tails, .. }) if tails == tails_of_none => return self.few(w, tails_of_none),
            (None, _) if w.in_row < IN_ROW => w.in_row + 1,
            (None, _) => {
                self.exact.inner().capped_spurious = true;
                return Ok(());
            }
        };
        Err(Self::gives_up(w, repeated))
    }

    /// A great many in a row came to nothing else, as far as that is known. Does one of the small numbers?
    fn few(&self, w: &Withheld, tails_of_none: &[Vec<Act>]) -> Result<(), Stop> {
        for n in 1..=FEW {
            match self.tries(w, n) {
                Tried::Nothing => {}
                Tried::Limit => self.exact.inner().capped_spurious = true,
                // As above.
                Tried::Goes { tails, .. } if tails == tails_of_none => {}
                Tried::Goes { .. } | Tried::Acts if w.in_row >= IN_ROW => {
                    self.exact.inner().capped_spurious = true;
                    return Ok(());
                }
                _ => return Err(Self::gives_up(w, w.in_row + n)),
            }
        }
        Ok(())
    }

    fn gives_up(w: &Withheld, repeated: u32) -> Stop {
        if repeated <= ROUNDS {
            Stop::GivesUp { site: w.call.1, repeated }
        } else {
            Stop::Limit(format!(
                "{ROUNDS} spurious ends in a row of the call at {}:{}, after which the model does something else",
                w.call.1.file(),
                w.call.1.line()
            ))
        }
    }

    /// Executes what the thread knows, lets its call end spuriously `n` times, and everybody go on to the end.
    fn tries(&self, w: &Withheld, n: u32) -> Tried {
        let _held_back = Window::open();
        let _installed = self.run.install();
        let outcome = self.begin(w.graph.fork());
        let i = self.exact.inner();
        let twin = Twin { t: w.t, call: w.call, bound: w.bound.clone(), left: n, back_at: None, moot: false };
        i.twin = Some(twin);
        self.replay();
        let tried = self.goes_round(w);
        while self.advance().is_some() {}
        let i = self.exact.inner();
        let x = &i.e.x;
        let back_at = i.twin.as_ref().and_then(|w| w.back_at);
        let tails = x.g.th.iter().enumerate().map(|(u, l)| {
            let from = if u == w.t { back_at.unwrap_or(0) } else { w.bound.get(u).copied().unwrap_or(0) };
            l[from.min(l.len())..].iter().map(|e| (e.kind, e.tag, e.loc, e.aux)).collect()
        });
        let tails = tails.collect();
        let failed = self.run.over();
        let limit = matches!(x.stop, Some(Stop::Limit(_)));
        let stopped = x.stop.is_some();
        let outcome = if x.threads.iter().all(|t| t.want == Want::Done) { outcome.take() } else { None };
        self.exact.abandon();
        let failed = self.run.reopen().is_some() || failed;
        let refused = self.run.state().stopped.take().is_some();
        self.exact.inner().e.x.stop = None;
        match tried {
            _ if limit => Tried::Limit,
            Some(t) => t,
            None if stopped || refused => Tried::Nothing,
            None if failed => Tried::Fails,
            None => Tried::Goes { tails, outcome },
        }
    }

    /// Lets the thread go on alone until its call no longer ends spuriously. `None` if it is back there.
    fn goes_round(&self, w: &Withheld) -> Option<Tried> {
        loop {
            if self.over() {
                break;
            }
            self.exact.resume(w.t);
            let i = self.exact.inner();
            let x = &mut i.e.x;
            if i.twin.as_ref().is_none_or(|w| w.moot || w.back_at.is_some()) {
                break;
            }
            // It may have stopped short in front of something that it can have.
            let free = match x.threads[w.t].want {
                Want::Lock(loc) => x.mutex_free(loc),
                Want::Await { loc, update } => {
                    update.effect(x.value(x.g.mo_last(loc), loc), 0, &x.queues) != Effect::Blocked
                }
                _ => false,
            };
            if !free {
                break;
            }
            x.threads[w.t].go = matches!(x.threads[w.t].want, Want::Await { .. });
        }
        let i = self.exact.inner();
        let (x, twin) = (&i.e.x, i.twin.as_ref()?);
        if twin.moot || x.stop.is_some() {
            return Some(Tried::Nothing);
        }
        let Some(back_at) = twin.back_at else {
            // A lock that somebody holds says nothing.
            let th = &x.threads[w.t];
            let held = matches!(th.want, Want::Lock(_))
                || matches!(th.want, Want::Await { .. }) && th.waits == Waits::Lock;
            return Some(if held { Tried::Nothing } else { Tried::Leaves });
        };
        // A write of what is there already is none: a flag that is reset in every round.
        let acts = |e: EventId| {
            let (loc, val) = (x.g.ev(e).loc, x.info(e).val);
            let before = x.g.position(loc, e).checked_sub(2).map_or(INIT, |p| x.g.mo(loc)[p]);
            x.g.ev(e).kind == Kind::Write && x.value(before, loc) != val
        };
        let mut mine = (w.bound[w.t]..back_at).map(|n| EventId::new(w.t, n));
        mine.any(acts).then_some(Tried::Acts)
    }
}
