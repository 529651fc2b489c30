//! Shrinks what shuttle has found: a recorded schedule becomes a sparse list of overrides over "stay on the thread that
//! runs", as few as still violate the same property in the same way; the last of them, left out, is the nearest
//! schedule that passes.
//!
//! After Zeller and Hildebrandt's delta debugging (2002), applied to schedules as Choi and Zeller did. Everything is
//! counted in replays, not in seconds, so that the same seed gives the same counterexample; the clock is a safety net.

use crate::check::engine::shuttle::{self, DATA, STAY};
use crate::check::engine::{Exploration, Plan};
use crate::check::event::Event;
use crate::check::model::Scenario;
use crate::check::run::{self, Failure};
use crate::check::verdict::Verdict;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Replays at most, for one counterexample.
const REPLAYS: usize = 1500;
/// Replays, at least, for the search for one that passes.
const NEARBY: usize = 300;
/// What it may take where replays are slow.
const TIME: Duration = Duration::from_secs(8);
/// Longer schedules are left as they are: their replays would take too long.
const LONGEST: usize = 4000;

/// A counterexample after shrinking.
pub struct Shrunk {
    /// The failure, with a full schedule that replays strictly.
    pub failure: Box<Failure>,
    /// The nearest passing schedule, in words; empty if there is none.
    pub nearest: String,
}

struct Shrinker<'a> {
    scenario: Scenario,
    plan: &'a Plan,
    like: &'a Failure,
    left: usize,
    until: Instant,
    log: Arc<Mutex<Vec<Event>>>,
}

/// Shrinks `failure`; `None` if that did not make it shorter.
pub fn shrink(scenario: &Scenario, plan: &Plan, failure: &Failure) -> Option<Shrunk> {
    if failure.schedule.is_empty() || failure.schedule.len() > LONGEST {
        return None;
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut s = Shrinker {
        scenario: logged(scenario, &log),
        plan,
        like: failure,
        left: REPLAYS,
        until: Instant::now() + TIME,
        log,
    };
    let (sparse, complete) = s.sparse(failure.schedule.clone());
    let mut shrunk = s.fails(&sparse)?;
    // The full schedule of the shrunk execution must lead there by itself, strictly.
    let strictly = shuttle::replay(&s.scenario, plan, &shrunk.schedule, true);
    let same = same_failure(failure, strictly)?;
    if same.schedule != shrunk.schedule || switches(&shrunk) > switches(failure) {
        return None;
    }
    let overrides = sparse.iter().filter(|e| **e != STAY).count();
    shrunk.minimal = match (overrides, complete) {
        (0, _) => "the schedule without any forced switch fails".to_owned(),
        (n, true) => format!(
            "{n} forced {} of {} recorded, none of which can be left out by itself; not certified beyond that",
            if n == 1 { "choice" } else { "choices" },
            failure.schedule.len()
        ),
        (_, false) => "not certified".to_owned(),
    };
    let nearest = s.nearest(&sparse, &shrunk);
    Some(Shrunk { failure: shrunk, nearest })
}

/// The scenario, which leaves the log of its last complete execution behind.
fn logged(scenario: &Scenario, log: &Arc<Mutex<Vec<Event>>>) -> Scenario {
    let (scenario, log) = (scenario.clone(), log.clone());
    Arc::new(move || {
        let outcome = scenario();
        if let Some(run) = run::current() {
            *log.lock().unwrap_or_else(PoisonError::into_inner) = run.state().events.clone();
        }
        outcome
    })
}

fn same_failure(like: &Failure, e: Exploration) -> Option<Box<Failure>> {
    e.failure.filter(|f| f.property == like.property && f.kind == like.kind)
}

fn switches(f: &Failure) -> usize {
    f.events.windows(2).filter(|w| w[0].thread != w[1].thread).count()
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

    /// Leaves out ever smaller runs of choices while it still fails; whether it came to an end.
    fn sparse(&mut self, mut schedule: Vec<u32>) -> (Vec<u32>, bool) {
        let mut size = schedule.len();
        while size > 0 {
            let mut dropped = false;
            let mut at = 0;
            while at < schedule.len() {
                let end = (at + size).min(schedule.len());
                if schedule[at..end].iter().any(|e| *e != STAY) {
                    let mut candidate = schedule.clone();
                    candidate[at..end].fill(STAY);
                    if self.fails(&candidate).is_some() {
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
    fn nearest(&mut self, sparse: &[u32], failing: &Failure) -> String {
        self.left = self.left.max(NEARBY);
        for at in (0..sparse.len()).rev().filter(|i| sparse[*i] != STAY) {
            let mut candidate = sparse.to_vec();
            candidate[at] = STAY;
            if let Some(passing) = self.passes(&candidate) {
                return compared(failing, &passing);
            }
        }
        let full = &failing.schedule;
        for at in (0..full.len()).rev().filter(|i| full[*i] & DATA == 0) {
            for other in (0..failing.threads.len() as u32).filter(|t| *t != full[at]) {
                let candidate: Vec<u32> = full[..at].iter().copied().chain([other]).collect();
                if let Some(passing) = self.passes(&candidate) {
                    return compared(failing, &passing);
                }
            }
        }
        String::new()
    }

    /// The log of the execution, if it is complete and nothing is violated in it.
    fn passes(&mut self, schedule: &[u32]) -> Option<Vec<Event>> {
        let e = self.replay(schedule)?;
        let passed =
            e.failure.is_none() && matches!(e.verdict, Verdict::NotFound { .. }) && e.executions == 1;
        passed.then(|| self.log.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Where the passing execution leaves the failing one, and the pair of steps that changes places there.
fn compared(failing: &Failure, passing: &[Event]) -> String {
    let same = |(a, b): &(&Event, &Event)| a.thread == b.thread && a.op == b.op && a.answer == b.answer;
    let d = failing.events.iter().zip(passing).take_while(same).count();
    let name = |t: crate::check::event::ThreadId| match failing.threads.get(t.0 as usize) {
        Some(info) => info.name.clone().unwrap_or_else(|| format!("t{}", t.0)),
        None => format!("t{}", t.0),
    };
    let (Some(f), Some(p)) = (failing.events.get(d), passing.get(d)) else { return String::new() };
    let step = |i: usize| format!("step {} ({})", i + 1, name(failing.events[i].thread));
    if f.thread == p.thread {
        return format!("another choice at {} passes; the critical step is {}.", step(d), d + 1);
    }
    match failing.events[d..].iter().position(|e| e.thread == p.thread).map(|i| d + i) {
        Some(k) => format!(
            "let {} go on before {} and the property holds; critical pair: {} <-> {}.",
            step(k),
            step(d),
            d + 1,
            k + 1
        ),
        None => format!(
            "let {} go on before {} and the property holds; critical step: {}.",
            name(p.thread),
            step(d),
            d + 1
        ),
    }
}
