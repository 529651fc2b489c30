//! The runner: one worker process per check, on all cores, under limits; it emits [`Event`]s and renders nothing.
//!
//! Reading order: [`case`] (what is to run), [`budget`] and [`limits`] (what it may spend), [`process`] (one worker),
//! [`judge`] (from what a worker said to a verdict), [`agreement`] (of the engines on a variant), [`trace`] (a failure
//! in words), [`switch`] and [`nearest`] (what is read from it), [`tally`] (how all executions came out).

pub mod agreement;
pub mod budget;
pub mod case;
pub mod fingerprint;
pub mod interrupt;
pub mod judge;
pub mod limits;
pub mod nearest;
pub mod process;
pub mod saved;
pub mod switch;
pub mod tally;
pub mod trace;

use super::engine::Progress;
use super::engine::spent::Spent;
use super::verdict::{Expect, Verdict};
use super::worker::protocol::{Message, Order, Subject, WirePlan};
use case::Case;
use limits::Limits;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use tally::Tally;
use trace::Trace;

/// A check that has run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Which check.
    pub case: Arc<Case>,
    /// What it concluded.
    pub verdict: Verdict,
    /// Is that what was declared?
    pub as_declared: bool,
    /// One line for people; empty when the verdict says it all.
    pub message: String,
    /// Complete executions.
    pub executions: u64,
    /// Visible operations.
    pub steps: u64,
    /// Wall clock.
    pub elapsed: Duration,
    /// The failing execution.
    pub trace: Option<Trace>,
    /// Its fingerprint.
    pub fingerprint: Option<String>,
    /// A hash of the model's operations, if it has failed or was replayed.
    pub shape: Option<String>,
    /// How its executions came out.
    pub tally: Tally,
    /// The worker's standard output, shortened.
    pub stdout: String,
    /// The worker's standard error, shortened.
    pub stderr: String,
    /// The engine failed, not the model.
    pub engine_failed: bool,
    /// What making the counterexample shorter took, where that was done.
    pub shortening: Option<Spent>,
}

impl Report {
    /// It has found what cannot happen, as it was declared to, for this reason.
    pub fn false_alarm(&self) -> Option<&'static str> {
        self.case.because.filter(|_| matches!(self.verdict, Verdict::Found { .. }))
    }
}

/// What happens during a run.
#[derive(Debug)]
pub enum Event {
    /// A worker was started for the case with this index.
    Started(usize),
    /// How far the search of the case with this index has come.
    Progress(usize, Progress),
    /// The next report, in the order of the cases.
    Reported(Box<Report>),
    /// The engines disagree about the variant that is reported next, for these declared reasons.
    Disagreed(Vec<agreement::Disagreement>),
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The user stopped it, or the reader of its results went away.
    pub interrupted: bool,
    /// A worker could not be started.
    pub broken: Option<String>,
}

/// Runs `cases` on `jobs` workers and tells `on_event`, on the calling thread. Reports come in the order of the
/// cases, whatever the order in which workers end.
pub fn run(cases: Vec<Case>, jobs: usize, limits: Limits, mut on_event: impl FnMut(Event)) -> Outcome {
    let cases: Vec<Arc<Case>> = cases.into_iter().map(Arc::new).collect();
    let next = AtomicUsize::new(0);
    let mut waiting: Vec<Option<Option<Box<Report>>>> = cases.iter().map(|_| None).collect();
    let mut outcome = Outcome::default();
    let mut reported = 0;
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        for _ in 0..jobs.min(cases.len()) {
            let (tell, next, cases) = (tell.clone(), &next, &cases);
            scope.spawn(move || {
                while let Some((i, case)) = claim(next, cases) {
                    let _ = tell.send(Told::Started(i));
                    let heed = |p| drop(tell.send(Told::Progress(i, p)));
                    let ended = run_heeding(case, limits, &heed).map(|r| r.map(Box::new));
                    let _ = tell.send(Told::Ended(i, ended));
                }
            });
        }
        drop(tell);
        for told in told {
            match told {
                Told::Started(i) => on_event(Event::Started(i)),
                Told::Progress(i, p) => on_event(Event::Progress(i, p)),
                Told::Ended(i, Ok(report)) => waiting[i] = Some(report),
                Told::Ended(_, Err(e)) => {
                    // Without workers there is no run: let the others end, and start no more.
                    next.store(cases.len(), Ordering::Relaxed);
                    outcome.broken.get_or_insert(e);
                }
            }
            // A variant's rows are reported together, once the engines can be compared.
            while let Some(rows) = next_variant(&cases, &mut waiting, &mut reported) {
                settle(rows, &mut on_event);
            }
        }
    });
    // After an interruption, what ended out of order is still known.
    settle(waiting.into_iter().flatten().flatten().map(|r| *r).collect(), &mut on_event);
    outcome.interrupted = interrupt::requested();
    outcome
}

fn settle(mut rows: Vec<Report>, on_event: &mut impl FnMut(Event)) {
    let disagreements = agreement::settle(&mut rows);
    agreement::lend(&mut rows);
    if !disagreements.is_empty() {
        on_event(Event::Disagreed(disagreements));
    }
    rows.into_iter().for_each(|r| on_event(Event::Reported(Box::new(r))));
}

/// The reports of the next variant, if all of them are there; those that were interrupted are left out.
fn next_variant(
    cases: &[Arc<Case>],
    waiting: &mut [Option<Option<Box<Report>>>],
    reported: &mut usize,
) -> Option<Vec<Report>> {
    let first = cases.get(*reported)?;
    let same = |c: &&Arc<Case>| (&c.model, &c.variant) == (&first.model, &first.variant);
    let rows = &mut waiting[*reported..];
    let n = cases[*reported..].iter().take_while(same).count();
    if rows[..n].iter().any(Option::is_none) {
        return None;
    }
    *reported += n;
    Some(rows[..n].iter_mut().filter_map(|r| r.take().flatten().map(|r| *r)).collect())
}

enum Told {
    Started(usize),
    Progress(usize, Progress),
    Ended(usize, Result<Option<Box<Report>>, String>),
}

fn claim<'a>(next: &AtomicUsize, cases: &'a [Arc<Case>]) -> Option<(usize, &'a Arc<Case>)> {
    if interrupt::requested() {
        return None;
    }
    let i = next.fetch_add(1, Ordering::Relaxed);
    cases.get(i).map(|c| (i, c))
}

/// Runs one case of a catalogue in a worker; `None` if it was interrupted.
pub fn run_one(case: &Arc<Case>, limits: Limits) -> Result<Option<Report>, String> {
    run_heeding(case, limits, &|_| {})
}

/// [`run_one`], telling `heed` of its progress.
fn run_heeding(case: &Arc<Case>, limits: Limits, heed: &dyn Fn(Progress)) -> Result<Option<Report>, String> {
    let subject = Subject::Variant { model: case.model.clone(), variant: case.variant.clone() };
    run_subject(case, subject, None, own_binary()?, limits, heed)
}

/// [`run_one`], but only the execution that was recorded as `schedule`, where the engine can do that.
pub fn rerun(case: &Arc<Case>, schedule: Vec<u32>, limits: Limits) -> Result<Option<Report>, String> {
    let subject = Subject::Variant { model: case.model.clone(), variant: case.variant.clone() };
    run_subject(case, subject, Some(schedule), own_binary()?, limits, &|_| {})
}

/// This binary, to be run again.
pub fn own_binary() -> Result<Command, String> {
    let path = std::env::current_exe().map_err(|e| format!("cannot find this program's own binary: {e}"))?;
    Ok(Command::new(path))
}

/// Runs `case` with `command` as its worker; `None` if it was interrupted. The error says why no worker ran.
pub fn run_subject(
    case: &Arc<Case>,
    subject: Subject,
    schedule: Option<Vec<u32>>,
    command: Command,
    limits: Limits,
    heed: &dyn Fn(Progress),
) -> Result<Option<Report>, String> {
    let order = Order {
        parent: std::process::id(),
        subject,
        engine: case.engine.word().to_owned(),
        plan: WirePlan::from(&case.plan),
        schedule,
        memory_limit: limits.memory,
    };
    let ended = process::supervise(command, &order, limits, heed)
        .map_err(|e| format!("cannot start a worker: {e}"))?;
    let Some(judged) = judge::judge(case, &ended, limits) else { return Ok(None) };
    let mut message = judged.message;
    let mut as_declared = case.expect.accepts(&judged.verdict);
    let mut verdict = judged.verdict;
    if let (Some((k, n)), Verdict::Exhausted | Verdict::Bounded { .. }) = (case.plan.shard, &verdict) {
        // A share without the failure is no evidence against it: another share has it. And what no share has seen is
        // known only when all of them are together, so none of them is called by the verdict of the whole.
        as_declared |= matches!(case.expect, Expect::Found(_));
        message = format!("share {} of {n} of the search, {verdict} within it", k + 1);
        if !case.sometimes.is_empty() {
            let list = |seen: bool| {
                let names = case.sometimes.iter().filter(|p| judged.seen.contains(p) == seen);
                let names: Vec<String> = names.map(|p| format!("`{p}`")).collect();
                if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
            };
            message += &format!(
                "; of what must be seen it has {}, and left to other shares {}",
                list(true),
                list(false)
            );
        }
        verdict = Verdict::NotFound { n: judged.executions };
    }
    if case.nobody_looks && as_declared {
        as_declared = false;
        message = "every check of this variant is declared out of reach: nobody looks at it".to_owned();
    }
    let fingerprint = judged.trace.as_ref().map(|t| fingerprint::fingerprint(&case.model, &case.variant, t));
    Ok(Some(Report {
        case: case.clone(),
        verdict,
        as_declared,
        message,
        executions: judged.executions,
        steps: judged.steps,
        elapsed: ended.elapsed,
        trace: judged.trace,
        fingerprint,
        shape: judged.shape,
        tally: judged.tally,
        stdout: ended.stdout,
        stderr: ended.stderr,
        engine_failed: judged.engine_failed,
        shortening: ended.messages.iter().find_map(|m| match m {
            Message::Done(c) => c.shortening,
            _ => None,
        }),
    }))
}
