//! What shuttle's runner asks between steps: whether there is another execution, and who goes on.
//!
//! [`Driver::next_task`] runs inside `switch`, with shuttle's own state borrowed, so it touches the kernel and the run
//! and never calls shuttle.

use super::chooser::{Candidate, Candidates};
use super::discipline::{Offer, View};
use super::kernel::Kernel;
use super::lasso::{Place, Threads, Visit};
use super::state::{Readiness, Thread};
use crate::check::engine::stuck;
use crate::check::event::MAIN;
use crate::check::verdict::Kind;
use shuttle_engine::scheduler::{Schedule, Scheduler, Task, TaskId};
use std::ops::Range;

/// What shuttle's runner asks.
pub(super) struct Driver(pub(super) &'static Kernel);

impl Driver {
    /// Accounts for the execution that has just ended, if it was complete.
    fn finish(&self) {
        let run = self.0.run();
        let pruned = self.0.pruned.take();
        if self.0.begun.get() == 0 || run.over() || pruned {
            return;
        }
        run.check_leaks();
        if let (false, Some(outcome)) = (run.over(), self.0.outcome.borrow_mut().take()) {
            run.end_execution(outcome);
        }
    }
}

impl Scheduler for Driver {
    fn new_execution(&mut self) -> Option<Schedule> {
        let k = self.0;
        self.finish();
        let mut chooser = k.chooser.borrow_mut();
        let other = k.run().state().failure.as_ref().is_some_and(|f| !chooser.looks_for(f));
        if other {
            k.run().reopen();
        }
        if k.run().over() || chooser.diverged().is_some() {
            return None;
        }
        // An exhaustive search must be asked once more to learn that it is complete.
        let more = (k.begun.get() < k.executions.get() || chooser.exhaustive()) && chooser.new_execution();
        if !more || k.begun.get() >= k.executions.get() {
            return None;
        }
        k.begun.set(k.begun.get() + 1);
        k.state.borrow_mut().begin_execution();
        if let Some(mut r) = k.races() {
            r.begin_execution();
        }
        k.schedule.borrow_mut().clear();
        let mut threads = k.threads.borrow_mut();
        threads.clear();
        threads.push(MAIN);
        k.stay.set(false);
        k.steps.set(0);
        k.watching.set(false);
        k.lasso.borrow_mut().begin_execution();
        k.rounds.take();
        *k.outcome.borrow_mut() = None;
        k.run().begin_execution();
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, _yielding: bool) -> Option<TaskId> {
        let k = self.0;
        let run = k.run();
        if run.over() {
            return None;
        }
        if k.stay.take() {
            return current;
        }
        let threads = k.threads.borrow();
        let none = Candidates::new;
        let mut offer = Offer { ready: none(), idle: none(), spurious: none() };
        {
            let state = k.state.borrow();
            for &task in runnable {
                let thread = threads[usize::from(task.id())];
                // The scenario's thread has ended and shuttle asks before it lets it go: no choice.
                if state.threads[thread.0 as usize].ended {
                    return Some(task.id());
                }
                let yields = state.threads[thread.0 as usize].yielding;
                let Thread { need, .. } = state.threads[thread.0 as usize];
                let asleep = state.sleeps(thread);
                let candidate = Candidate { thread, task, yields, need, asleep };
                match state.readiness(thread) {
                    Readiness::Ready => offer.ready.push(candidate),
                    Readiness::Idle => offer.idle.push(candidate),
                    Readiness::Spurious => offer.spurious.push(candidate),
                    Readiness::Blocked => {}
                }
            }
        }
        if k.one_processor() && !k.keep_discipline(&mut offer, current) {
            return None;
        }
        let watched = k.watching.get() || run.promises();
        if watched && !k.keep_progress(&mut offer, current) {
            return None;
        }
        let Offer { mut ready, idle, spurious } = offer;
        let mut prompted = ready.len();
        if !ready.is_empty() {
            if !spurious.is_empty() && k.chooser.borrow_mut().offers_spurious() {
                ready.extend(spurious);
            }
        } else if idle.is_empty() {
            stuck::report(run);
            return None;
        } else {
            prompted = idle.len();
            ready = idle;
        }
        let mut chooser = k.chooser.borrow_mut();
        chooser.heed(run, &k.state);
        let chosen = chooser.thread(&ready, prompted, current);
        k.schedule.borrow_mut().push(u32::from(chosen.0));
        let place = ready.iter().position(|c| c.thread == chosen)?;
        if watched {
            k.rounds.borrow_mut().ran(chosen);
            k.lasso.borrow_mut().chose(chosen, place >= prompted);
        }
        Some(ready[place].task.id())
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("model code draws through `choose`, never through shuttle")
    }
}

impl Kernel {
    /// Leaves those whom the discipline lets run; `false`: it lets nobody run, and that is reported.
    fn keep_discipline(&self, offer: &mut Offer<'_>, current: Option<TaskId>) -> bool {
        let starved = {
            let (state, recorded) = (self.state.borrow(), self.run().state());
            let current = current.map(|id| self.threads.borrow()[usize::from(id)]);
            View { discipline: &self.discipline.borrow(), state: &state, infos: &recorded.threads, current }
                .restrict(offer)
        };
        let Err(starved) = starved else { return true };
        let pending = self.run().state().threads[starved.thread.0 as usize].pending;
        let site = pending.map(|(_, site)| (starved.thread, "waits here".to_owned(), site));
        self.run().note_failure(None, starved.kind, starved.message, site.into_iter().collect());
        false
    }

    /// Looks for a state that repeats and for promises that are overdue, and leaves those who must go first, if a cycle
    /// has starved some; `false`: the execution ends here.
    #[cold]
    fn keep_progress(&self, offer: &mut Offer<'_>, current: Option<TaskId>) -> bool {
        let run = self.run();
        let enabled = Threads::of(offer);
        if enabled.is_empty() {
            return true;
        }
        if run.promises() {
            let rounds = self.rounds.borrow_mut().decision(enabled);
            run.check_promises(rounds);
            if run.over() {
                return false;
            }
        }
        if !self.watching.get() {
            return true;
        }
        let visit = {
            let (state, recorded) = (self.state.borrow(), run.state());
            let current = current.map(|id| self.threads.borrow()[usize::from(id)]);
            let place = Place {
                state: &state,
                infos: &recorded.threads,
                discipline: &self.discipline.borrow(),
                current,
            };
            self.lasso.borrow_mut().visit(&place, recorded.events.len(), enabled)
        };
        match visit {
            Visit::Repeats(cycle, moved) => {
                self.repeats(cycle, moved);
                return false;
            }
            Visit::ByChoice if self.chooser.borrow().exhaustive() => {
                self.pruned.set(true);
                return false;
            }
            Visit::ByChoice | Visit::On => {}
        }
        let first = self.lasso.borrow().first(offer);
        if !first.is_empty() {
            *offer = Offer { ready: first, idle: Candidates::new(), spurious: Candidates::new() };
        }
        true
    }

    /// Reports that what these events do can go on for ever.
    fn repeats(&self, cycle: Range<usize>, moved: Threads) {
        let run = self.run();
        let (who, sites) = {
            let s = run.state();
            let names: Vec<_> = moved.iter().map(|t| stuck::thread_name(&s, t)).collect();
            let pending = moved.iter().filter_map(|t| Some((t, s.threads[usize::from(t.0)].pending?)));
            let sites: Vec<_> =
                pending.map(|(t, (_, site))| (t, "goes round here".to_owned(), site)).collect();
            (names.join(", "), sites)
        };
        let message = format!(
            "repeats: after step {} everything is again as it was before step {}, so steps {} to {} can go on for ever; {who} \
             {} in them, and nobody else can",
            cycle.end,
            cycle.start + 1,
            cycle.start + 1,
            cycle.end,
            if sites.len() == 1 { "moves" } else { "move" },
        );
        let mut failure = run.failure(None, Kind::Livelock, message, sites);
        failure.repeats = Some((cycle.start, cycle.end - 1));
        run.note(failure);
    }
}
