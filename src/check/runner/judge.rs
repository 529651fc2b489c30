//! From what a worker reported, and how it ended, to the verdict of the check.

use super::case::Case;
use super::process::{End, Ended};
use super::tally::Tally;
use super::trace::Trace;
use crate::check::model::EngineKind;
use crate::check::verdict::{Expect, Kind, Verdict};
use crate::check::worker::protocol::{Conclusion, Message};
use std::process::ExitStatus;

/// What a check concluded, before it is compared with what was declared.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// One line for people; empty when the verdict says it all.
    pub message: String,
    /// Complete executions.
    pub executions: u64,
    /// Visible operations.
    pub steps: u64,
    /// The failing execution.
    pub trace: Option<Trace>,
    /// A hash of the model's operations, where it is known.
    pub shape: Option<String>,
    /// How the executions came out.
    pub tally: Tally,
    /// `sometimes` properties seen.
    pub seen: Vec<String>,
    /// The engine failed, not the model.
    pub engine_failed: bool,
}

impl Judged {
    fn without_run(verdict: Verdict, message: impl Into<String>) -> Self {
        Judged {
            verdict,
            message: message.into(),
            executions: 0,
            steps: 0,
            trace: None,
            shape: None,
            tally: Tally::default(),
            seen: Vec::new(),
            engine_failed: false,
        }
    }
}

/// The verdict on a worker that has ended; `None` if it was interrupted.
pub fn judge(case: &Case, ended: &Ended, limits: super::limits::Limits) -> Option<Judged> {
    if let End::Interrupted = ended.end {
        return None;
    }
    let has = |pick: fn(&Message) -> bool| ended.messages.iter().find(|m| pick(m));
    if has(|m| matches!(m, Message::Forked)).is_some() {
        return Some(crashed("forked", "the model called fork: a copy of half an engine can only do harm"));
    }
    if let Some(Message::Done(c)) = has(|m| matches!(m, Message::Done(_))) {
        return Some(concluded(case, c));
    }
    match &ended.end {
        End::Interrupted => None,
        End::OutOfTime => {
            let why = format!("time: more than {} s", seconds(limits.time.as_secs_f64()));
            Some(Judged::without_run(Verdict::Inconclusive { why }, ""))
        }
        End::OutOfMemory => {
            let why = format!("memory: more than {} MiB", limits.memory >> 20);
            Some(Judged::without_run(Verdict::Inconclusive { why }, ""))
        }
        End::Exited(status) if signal(*status) == Some(SIGINT) => None,
        End::Exited(status) => Some(died(case, ended, *status)),
    }
}

fn seconds(s: f64) -> String {
    if s.fract() == 0.0 { format!("{s:.0}") } else { format!("{s:.1}") }
}

fn crashed(how: impl Into<String>, message: impl Into<String>) -> Judged {
    Judged::without_run(Verdict::Crashed { how: how.into() }, message)
}

/// The worker ended without a conclusion.
fn died(case: &Case, ended: &Ended, status: ExitStatus) -> Judged {
    for m in &ended.messages {
        match m {
            Message::DoublePanic { engine: false, at } => {
                return crashed("panicked while panicking", format!("the second panic came from {at}"));
            }
            Message::StackOverflow { main: true } => return crashed("stack overflow", "on the main stack"),
            Message::StackOverflow { main: false } => {
                return crashed("stack overflow", SMALL_STACK);
            }
            Message::EnginePanicked { message } => {
                let how = format!("the {} engine panicked", case.engine.word());
                return Judged { engine_failed: true, ..crashed(how, message.clone()) };
            }
            _ => {}
        }
    }
    // The loom engine's coroutines say it on stderr, where our handler does not reach them.
    if ended.stderr.contains("has overflowed its stack") {
        return crashed("stack overflow", SMALL_STACK);
    }
    if let (Some(SIGABRT), Some(line)) =
        (signal(status), ended.stderr.lines().find(|l| l.starts_with("memory allocation of ")))
    {
        let line = line.trim_end_matches(" failed");
        return Judged::without_run(Verdict::Inconclusive { why: format!("memory: {line} failed") }, "");
    }
    // A destructor that ran while the failed execution was torn down ended the process. The failure stands.
    let aborted = signal(status) == Some(SIGABRT) || (cfg!(windows) && !status.success());
    let provisional = ended.messages.iter().find_map(|m| match m {
        Message::Provisional { trace, executions } => Some((trace, *executions)),
        _ => None,
    });
    if let (true, Some((trace, executions))) = (aborted, provisional) {
        return Judged {
            verdict: Verdict::Found { property: trace.property.clone(), kind: trace.kind },
            message: trace.message.clone(),
            executions,
            steps: trace.events.len() as u64,
            trace: Some((**trace).clone()),
            shape: None,
            tally: Tally::default(),
            seen: Vec::new(),
            engine_failed: false,
        };
    }
    match (signal(status), status.code()) {
        (Some(s), _) => crashed(signal_name(s), ""),
        (_, Some(code)) => crashed(format!("exited with code {code} before it reported"), ""),
        _ => crashed("ended without a status", ""),
    }
}

/// The engine concluded: what the model's own declarations make of it.
fn concluded(case: &Case, c: &Conclusion) -> Judged {
    let mut verdict = c.verdict.clone();
    let mut message = match (&verdict, &c.trace) {
        (Verdict::Found { .. }, Some(t)) => t.message.clone(),
        _ => String::new(),
    };
    let passed = matches!(verdict, Verdict::Exhausted | Verdict::Bounded { .. } | Verdict::NotFound { .. });
    if passed && c.executions == 0 && case.plan.shard.is_none() {
        verdict = Verdict::Inconclusive { why: "nothing was explored".to_owned() };
    } else if passed {
        let forbidden = c.tally.outcomes.iter().find(|s| case.forbidden.contains(&s.word));
        if let Some(s) = forbidden {
            verdict = Verdict::found(Some("outcome"), Kind::Assertion);
            message = format!("forbidden outcome `{}`, seen {} times", s.word, s.count);
        } else if let Expect::OutOfReach(reason) = &case.expect {
            verdict = Verdict::OutOfReach { reason: reason.clone() };
        } else if let Some((p, why)) = unlike_declared(case, &verdict, &c.seen) {
            verdict = Verdict::found(Some(&p), Kind::Assertion);
            message = why;
        } else if c.observed.threads >= 2 && !c.observed.shared {
            message = format!(
                "warning: {} threads share no checked object, so nothing was checked between them",
                c.observed.threads
            );
        } else if let (Verdict::NotFound { .. }, EngineKind::Shuttle) = (&verdict, case.engine) {
            // Not of native: the same seed is to give the same lines.
            let unmet = case.sometimes.iter().filter(|p| !c.seen.contains(p));
            let unmet: Vec<String> = unmet.map(|p| format!("`{p}`")).collect();
            if !unmet.is_empty() {
                message = format!("none of these executions has met {}", unmet.join(", "));
            }
        }
    }
    Judged {
        verdict,
        message,
        executions: c.executions,
        steps: c.steps,
        trace: c.trace.clone(),
        shape: c.shape.clone(),
        tally: c.tally.clone(),
        seen: c.seen.clone(),
        engine_failed: false,
    }
}

/// A `sometimes` property that this search has not seen and should have, or has seen and declared that it cannot; and what
/// to say of it.
///
/// Only a search that explored all can be asked for what it has not seen. One that was to find a failure and did not is
/// wrong already. What was seen was seen, whoever looked.
fn unlike_declared(case: &Case, verdict: &Verdict, seen: &[String]) -> Option<(String, String)> {
    let all = matches!(verdict, Verdict::Exhausted | Verdict::Bounded { .. }) && case.plan.shard.is_none();
    let asked = all && !matches!(case.expect, Expect::Found(_));
    if let Some(p) = case.sometimes.iter().find(|p| asked && !seen.contains(p)) {
        return Some((p.clone(), format!("`{p}` was never seen: the model is vacuous")));
    }
    let (p, because) = case.never_seen.iter().find(|(p, _)| seen.iter().any(|s| s == p))?;
    Some((p.to_string(), format!("`{p}` was seen, and is declared never to be: {because}")))
}

const SMALL_STACK: &str = "on the stack of a model thread, which is small: keep large values on the heap";
const SIGINT: i32 = 2;
const SIGABRT: i32 = 6;

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

fn signal_name(n: i32) -> String {
    match n {
        4 => "SIGILL: illegal instruction".to_owned(),
        6 => "SIGABRT: aborted".to_owned(),
        8 => "SIGFPE: arithmetic fault".to_owned(),
        9 => "SIGKILL: killed from outside".to_owned(),
        11 => "SIGSEGV: segmentation fault".to_owned(),
        15 => "SIGTERM: terminated from outside".to_owned(),
        // Numbers above differ between systems only for these two.
        7 | 10 => "SIGBUS: bus error".to_owned(),
        n => format!("signal {n}"),
    }
}
