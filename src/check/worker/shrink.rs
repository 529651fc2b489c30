//! Shrinks what shuttle has found: a recorded schedule becomes a sparse list of overrides over "stay on the thread that
//! runs", as few as still violate the same property in the same way; then what threads do in one go is moved together
//! (`blocks.rs`); then all schedules with fewer preemptions are tried,
//! from none upwards, until one fails (it is taken) or none does (that is certified), or the budget is spent (that is
//! said). The last override, left out, is the nearest schedule that passes.
//!
//! After Zeller and Hildebrandt's delta debugging (2002), applied to schedules as Choi and Zeller did, and Musuvathi and
//! Qadeer's iterative context bounding (PLDI 2007). Everything is counted in replays, not in seconds, so that the same
//! seed gives the same counterexample; the clock is a safety net.

use super::blocks::moved;
use crate::check::engine::shuttle::{self, DATA, STAY};
use crate::check::engine::{Exploration, Plan};
use crate::check::model::{Memory, Scenario, Strategy};
use crate::check::run::{self, Execution, Failure};
use crate::check::runner::switch;
use crate::check::runner::trace::Trace;
use crate::check::verdict::Verdict;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Replays at most, for one counterexample, and steps over all of them.
const REPLAYS: usize = 20_000;
const REPLAYED_STEPS: usize = 2_000_000;
/// Steps, over all schedules that are tried to find one with fewer preemptions, and such schedules.
const TRIED_STEPS: u64 = 4_000_000;
const TRIED: u64 = 100_000;
/// Replays, at least, for the search for one that passes.
const NEARBY: usize = 300;
/// What it may take where replays are slow.
const TIME: Duration = Duration::from_secs(8);
/// Longer schedules are left as they are: their replays would take too long.
const LONGEST: usize = 4000;

struct Shrinker<'a> {
    /// The scenario, which leaves its last complete execution in `last`.
    scenario: Scenario,
    /// The scenario as it is.
    plain: &'a Scenario,
    plan: &'a Plan,
    like: &'a Failure,
    left: usize,
    until: Instant,
    last: Last,
}

/// A schedule that fails, sparse or full, with its execution.
type Found = (Vec<u32>, Box<Failure>);

pub(super) type Last = Arc<Mutex<Option<Execution>>>;

/// How large a counterexample is to its reader: preemptions, switches, steps.
type Rank = (usize, usize, usize);

fn rank(f: &Failure) -> Rank {
    let t = Trace::of(f);
    (switch::preemptions(&t), t.switches(), t.events.len())
}

/// Shrinks `failure`, says how short it is known to be, and looks for a schedule nearby that passes; `None` if there is
/// nothing to go by. What it returns has a full schedule that replays strictly.
pub fn shrink(scenario: &Scenario, plan: &Plan, failure: &Failure) -> Option<Box<Failure>> {
    if failure.schedule.is_empty() || failure.schedule.len() > LONGEST {
        return None;
    }
    let last = Last::default();
    let mut s = Shrinker {
        scenario: logged(scenario, &last),
        plain: scenario,
        plan,
        like: failure,
        left: (REPLAYED_STEPS / failure.schedule.len()).clamp(NEARBY, REPLAYS),
        until: Instant::now() + TIME,
        last,
    };
    let mut best = (failure.schedule.clone(), Box::new(failure.clone()));
    let mut complete = s.shorter(&mut best, None);
    if s.joined(&mut best) {
        let most = rank(&best.1).0;
        complete = s.shorter(&mut best, Some(most));
    }
    let (fewer, least) = s.fewer_preemptions(rank(&best.1).0, failure.events.len());
    if let Some(f) = fewer {
        let most = rank(&f).0;
        s.left = s.left.max(NEARBY);
        let mut other = (f.schedule.clone(), f);
        let done = s.shorter(&mut other, Some(most));
        if rank(&other.1) < rank(&best.1) {
            (best, complete) = (other, done);
        }
    }
    let (sparse, mut shrunk) = best;
    let choices = sparse.iter().filter(|e| **e != STAY).count() as u64;
    shrunk.least = Some(least);
    if complete && choices > 0 && least < rank(&shrunk).0 {
        let choices = crate::render::count(choices, "forced choice");
        shrunk.minimal = format!("{choices}, none of which can be left out by itself");
    }
    shrunk.passing = s.nearest(&sparse, &shrunk).map(Box::new);
    Some(shrunk)
}

/// The scenario, which leaves its last complete execution behind.
pub(super) fn logged(scenario: &Scenario, last: &Last) -> Scenario {
    let (scenario, last) = (scenario.clone(), last.clone());
    Arc::new(move || {
        let outcome = scenario();
        if let Some(run) = run::current() {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.state().execution());
        }
        outcome
    })
}

/// Steps of an execution that is run by itself, at most: a loop that nobody else ends has no end there.
const STEPS: u64 = 20_000;

/// One execution by itself. What depends on the check and not on the model does not matter there, but the discipline and
/// the counted references do.
pub(super) fn once(plan: &Plan) -> Plan {
    Plan {
        strategy: Strategy::Dfs,
        seed: 0,
        executions: 1,
        steps: STEPS,
        preemptions: None,
        memory: Memory::Rc11,
        jobs: 1,
        shard: None,
        ..plan.clone()
    }
}

pub(super) fn same_failure(like: &Failure, e: Exploration) -> Option<Box<Failure>> {
    e.failure.filter(|f| f.property == like.property && f.kind == like.kind)
}

impl Shrinker<'_> {
    fn replay(&mut self, schedule: &[u32]) -> Option<Exploration> {
        if self.left == 0 || Instant::now() > self.until {
            return None;
        }
        self.left -= 1;
        Some(shuttle::replay(&self.scenario, self.plan, schedule, false))
    }

    fn fails(&mut self, schedule: &[u32]) -> Option<Box<Failure>> {
        let e = self.replay(schedule)?;
        same_failure(self.like, e)
    }

    /// The execution of a sparse schedule, with the schedule; `None` if its full schedule does not lead there by itself,
    /// strictly.
    fn settled(&mut self, sparse: Vec<u32>) -> Option<Found> {
        let shrunk = self.fails(&sparse)?;
        let strictly = shuttle::replay(&self.scenario, self.plan, &shrunk.schedule, true);
        let same = same_failure(self.like, strictly)?;
        (same.schedule == shrunk.schedule).then_some((sparse, shrunk))
    }

    /// Leaves out choices of `best`, as long as it has no more preemptions than `most`; whether none of those that are left
    /// can be left out.
    fn shorter(&mut self, best: &mut Found, most: Option<usize>) -> bool {
        let (sparse, complete) = self.sparse(best.1.schedule.clone(), most);
        match self.settled(sparse).filter(|f| rank(&f.1) <= rank(&best.1)) {
            Some(shorter) => {
                *best = shorter;
                complete
            }
            None => false,
        }
    }

    /// Moves blocks of `best` as long as one of the moves makes it easier to read; whether one has.
    fn joined(&mut self, best: &mut Found) -> bool {
        let before = rank(&best.1);
        'again: loop {
            for candidate in moved(&best.1.schedule) {
                let better = self.fails(&candidate).filter(|f| rank(f) < rank(&best.1));
                if let Some(settled) = better.and_then(|f| self.settled(f.schedule)) {
                    *best = settled;
                    continue 'again;
                }
                if self.left == 0 || Instant::now() > self.until {
                    break 'again;
                }
            }
            break;
        }
        rank(&best.1) < before
    }

    /// Tries all schedules without a preemption, then all with one, and so on up to what is `known`: the first that
    /// fails in the same way, if any, and the number below which none does.
    fn fewer_preemptions(&self, known: usize, steps: usize) -> (Option<Box<Failure>>, usize) {
        let mut left = (TRIED_STEPS / steps.max(1) as u64).clamp(100, TRIED);
        for k in 0..known {
            let plan = Plan { executions: left, ..self.plan.clone() };
            let e = shuttle::bounded(self.plain, &plan, k as u32, self.until, self.like);
            left = left.saturating_sub(e.executions);
            match e.verdict {
                Verdict::Exhausted if left > 0 => {}
                Verdict::Found { .. } => return (same_failure(self.like, e), k),
                _ => return (None, k),
            }
        }
        (None, known)
    }

    /// Leaves out ever smaller runs of choices while it still fails, with at most so many preemptions; whether it came
    /// to an end.
    fn sparse(&mut self, mut schedule: Vec<u32>, most: Option<usize>) -> (Vec<u32>, bool) {
        let mut size = schedule.len();
        while size > 0 {
            let mut dropped = false;
            let mut at = 0;
            while at < schedule.len() {
                let end = (at + size).min(schedule.len());
                if schedule[at..end].iter().any(|e| *e != STAY) {
                    let mut candidate = schedule.clone();
                    candidate[at..end].fill(STAY);
                    let fails = self.fails(&candidate);
                    if fails.is_some_and(|f| most.is_none_or(|m| rank(&f).0 <= m)) {
                        schedule = candidate;
                        dropped = true;
                    }
                    if self.left == 0 || Instant::now() > self.until {
                        return (schedule, false);
                    }
                }
                at = end;
            }
            if size > 1 {
                size /= 2;
            } else if !dropped {
                break;
            }
        }
        while schedule.last() == Some(&STAY) {
            schedule.pop();
        }
        (schedule, true)
    }

    /// One choice away from the failing schedule, from its end: an override left out, or another thread chosen. The
    /// first execution that passes is the nearest.
    fn nearest(&mut self, sparse: &[u32], failing: &Failure) -> Option<Execution> {
        self.left = self.left.max(NEARBY);
        for at in (0..sparse.len()).rev().filter(|i| sparse[*i] != STAY) {
            let mut candidate = sparse.to_vec();
            candidate[at] = STAY;
            if let Some(passing) = self.passes(&candidate) {
                return Some(passing);
            }
        }
        let full = &failing.schedule;
        for at in (0..full.len()).rev().filter(|i| full[*i] & DATA == 0) {
            for other in (0..failing.threads.len() as u32).filter(|t| *t != full[at]) {
                let candidate: Vec<u32> = full[..at].iter().copied().chain([other]).collect();
                if let Some(passing) = self.passes(&candidate) {
                    return Some(passing);
                }
            }
        }
        None
    }

    /// The execution, if it is complete and nothing is violated in it.
    fn passes(&mut self, schedule: &[u32]) -> Option<Execution> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        let e = self.replay(schedule)?;
        let passed =
            e.failure.is_none() && matches!(e.verdict, Verdict::NotFound { .. }) && e.executions == 1;
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take().filter(|_| passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::always;
    use crate::sync::{Arc, AtomicU32, Ordering::SeqCst, thread};

    /// Four threads with work of their own, and two of which one loses all of its updates.
    fn among_busy_threads() -> Scenario {
        std::sync::Arc::new(|| {
            let add = |n: &AtomicU32| (0..3).for_each(|_| n.store(n.load(SeqCst) + 1, SeqCst));
            let busy = |_| {
                thread::spawn(|| {
                    let own = AtomicU32::new(0);
                    (0..20).for_each(|_| own.store(1, SeqCst));
                })
            };
            let busy: Vec<_> = (0..4).map(busy).collect();
            let hits = Arc::new(AtomicU32::new(0));
            let theirs = hits.clone();
            let other = thread::spawn(move || add(&theirs));
            add(&hits);
            other.join().unwrap();
            busy.into_iter().for_each(|t| t.join().unwrap());
            always("not-all-lost", hits.load(SeqCst) > 3, || "lost".into());
            "counted".into()
        })
    }

    /// What other threads do shifts every choice: leaving out choices is not enough there.
    #[test]
    fn a_find_among_busy_threads_comes_down_to_one_preemption() {
        let scenario = among_busy_threads();
        for seed in 1..4 {
            let plan = Plan { seed, executions: 1000, ..Plan::default() };
            let raw = shuttle::explore(&scenario, &plan).failure.expect("found");
            let shrunk = shrink(&scenario, &plan, &raw).expect("shrunk");
            assert!(rank(&raw).0 > 30, "{:?}", rank(&raw));
            assert_eq!(rank(&shrunk).0, 1, "{:?}", rank(&shrunk));
        }
    }

    /// Another property is violated without a preemption: that is no failure of this one.
    #[test]
    fn another_failure_with_fewer_preemptions_does_not_end_the_search() {
        let scenario: Scenario = std::sync::Arc::new(|| {
            let hits = Arc::new(AtomicU32::new(0));
            let theirs = hits.clone();
            let other = thread::spawn(move || {
                let seen = theirs.load(SeqCst);
                always("first", seen == 0, || "second".into());
                theirs.store(seen + 1, SeqCst);
            });
            hits.store(hits.load(SeqCst) + 1, SeqCst);
            other.join().unwrap();
            always("no-lost-update", hits.load(SeqCst) == 2, || "lost".into());
            "counted".into()
        });
        let found = |seed| {
            let plan = Plan { seed, ..Plan::default() };
            shuttle::explore(&scenario, &plan).failure.filter(|f| f.property == "no-lost-update")
        };
        let raw = (0..50).find_map(found).expect("found");
        let shrunk = shrink(&scenario, &Plan::default(), &raw).expect("shrunk");
        assert_eq!(rank(&shrunk).0, 1);
        assert_eq!(shrunk.least, Some(1));
    }
}
