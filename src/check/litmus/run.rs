//! One worker process per (test, engine), on all cores, under the limits of any other worker.

use super::judge::{Observation, Row, judge};
use super::subject::{SUBJECTS, Subject};
use super::{Outcomes, Test, interpret, tests};
use crate::check::runner::limits::Limits;
use crate::check::runner::process::{self, End, Ended};
use crate::check::runner::{interrupt, own_binary};
use crate::check::verdict::Verdict;
use crate::check::worker;
use crate::check::worker::protocol::{self, Message, Order, WirePlan};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Explores `test` in this process. For engines that never abort it.
pub fn observe(test: &'static Test, subject: Subject) -> Row {
    let x = worker::explore(subject.engine, &interpret::scenario(test), &subject.plan(), None);
    let outcomes = x.outcomes.into_keys().map(|o| o.into_owned()).collect();
    judge(test, subject, Observation { verdict: x.verdict, outcomes, executions: x.executions })
}

/// The test of that name.
pub fn find(name: &str) -> Option<&'static Test> {
    tests().find(|t| t.name == name)
}

/// These tests under every engine, each in a worker; tells `on_row` in the order of the table. `Ok(false)` if it was
/// interrupted; the error says why no worker ran.
pub fn run(
    tests: &[&'static Test],
    jobs: usize,
    limits: Limits,
    mut on_row: impl FnMut(Row),
) -> Result<bool, String> {
    let of = |test: &&'static Test| SUBJECTS.map(|subject| (*test, subject));
    let pairs: Vec<(&'static Test, Subject)> = tests.iter().flat_map(of).collect();
    let next = AtomicUsize::new(0);
    let broken = Mutex::new(None);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, pairs.len()) {
            let (tell, next, pairs, broken) = (tell.clone(), &next, &pairs, &broken);
            scope.spawn(move || {
                while !interrupt::requested() {
                    // Relaxed: the scope's end is what publishes results; this only deals out numbers.
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&(test, subject)) = pairs.get(i) else { break };
                    match work(test, subject, limits) {
                        Ok(Some(seen)) => drop(tell.send((i, judge(test, subject, seen)))),
                        Ok(None) => break,
                        Err(e) => {
                            broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
                            next.store(pairs.len(), Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        drop(tell);
        let mut waiting: Vec<Option<Row>> = pairs.iter().map(|_| None).collect();
        let mut reported = 0;
        for (i, row) in told {
            waiting[i] = Some(row);
            while let Some(row) = waiting.get_mut(reported).and_then(Option::take) {
                reported += 1;
                on_row(row);
            }
        }
    });
    match broken.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(e) => Err(e),
        None => Ok(!interrupt::requested()),
    }
}

/// Runs one worker; `None` if it was interrupted.
fn work(test: &'static Test, subject: Subject, limits: Limits) -> Result<Option<Observation>, String> {
    let order = Order {
        parent: std::process::id(),
        subject: protocol::Subject::Litmus { test: test.name.to_owned() },
        engine: subject.engine.word().to_owned(),
        plan: WirePlan::from(&subject.plan()),
        schedule: None,
        memory_limit: limits.memory,
    };
    let ended = process::supervise(own_binary()?, &order, limits, &|_| {})
        .map_err(|e| format!("cannot start a worker: {e}"))?;
    Ok(match ended.end {
        End::Interrupted => None,
        _ => Some(observation(ended)),
    })
}

/// What a worker that has ended had to say.
fn observation(ended: Ended) -> Observation {
    let mut provisional = None;
    for m in ended.messages {
        match m {
            Message::Done(c) => {
                let outcomes = c.tally.outcomes.into_iter().map(|s| s.word).collect();
                return Observation { verdict: c.verdict, outcomes, executions: c.executions };
            }
            Message::Provisional { trace, executions } => provisional = Some((trace, executions)),
            _ => {}
        }
    }
    // A destructor ended the process while the failed execution was torn down. The failure stands.
    if let (End::Exited(_), Some((trace, executions))) = (&ended.end, provisional) {
        let verdict = Verdict::Found { property: trace.property, kind: trace.kind };
        return Observation { verdict, outcomes: Outcomes::new(), executions };
    }
    let last = ended.stderr.lines().last().unwrap_or("").to_owned();
    let verdict = match ended.end {
        End::Exited(status) => Verdict::Crashed { how: format!("{status} {last}").trim().to_owned() },
        End::OutOfTime => Verdict::Inconclusive { why: "time".to_owned() },
        End::OutOfMemory | End::Interrupted => Verdict::Inconclusive { why: "memory".to_owned() },
    };
    Observation { verdict, outcomes: Outcomes::new(), executions: 0 }
}
