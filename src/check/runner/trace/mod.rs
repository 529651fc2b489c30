//! A failure in words: the owned, serialisable form of [`Failure`] that leaves the worker.
//!
//! Names come from the source (`named`, thread builders); what has no name gets a structural one, so that the
//! same execution reads the same in every process. The only values that depend on the process are addresses:
//! they are numbered in order of appearance (`ptr#1`).

mod values;
mod words;

use super::nearest::{Difference, difference};
use super::switch::certificate;
use crate::check::event::{ObjectKind, ThreadId};
use crate::check::run::{Failure, Flip, Site, Until};
use crate::check::verdict::Kind;
use serde::{Deserialize, Serialize};
use words::{Words, position};

pub use words::word;

/// A violated property with the execution that violates it, in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trace {
    /// The property.
    pub property: String,
    /// How it was violated.
    pub kind: Kind,
    /// One line for people.
    pub message: String,
    /// The failing thread, as an index into `threads`.
    pub thread: Option<usize>,
    /// Positions that explain the failure, such as the two sides of a race.
    pub sites: Vec<TraceSite>,
    /// The threads at the moment of failure.
    pub threads: Vec<TraceThread>,
    /// Everything that happened, in order.
    pub events: Vec<TraceEvent>,
    /// The engine's own schedule.
    pub schedule: Vec<u32>,
    /// What is known of how short it is; empty if nothing. The preemptions that it speaks of are those of its
    /// [`size`](Trace::size).
    pub minimal: String,
    /// The reordering or the other answer that makes it pass, if one was tried and did; `passing` is then that execution.
    #[serde(default)]
    pub flip: Flip,
    /// Otherwise, how the nearest passing execution differs.
    #[serde(default)]
    pub differs: Option<Difference>,
    /// The steps of either, as indices into the events.
    #[serde(default)]
    pub critical: Vec<usize>,
    /// Every one of so many executions violates a property, and there are no others.
    #[serde(default)]
    pub hopeless: Option<u64>,
    /// The log of the nearest passing execution; empty if none is known.
    #[serde(default)]
    pub passing: Vec<TraceEvent>,
    /// What the atomics in the log held when they were created, by name.
    #[serde(default)]
    pub initial: Vec<(String, String)>,
    /// The first and the last event of a cycle, after which everything is as before it, so that it can go on for ever.
    #[serde(default)]
    pub repeats: Option<(usize, usize)>,
    /// How large it was when it was found, if it has been shrunk since.
    #[serde(default)]
    pub raw: Option<Size>,
}

/// How large an execution is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Size {
    /// Model threads.
    pub threads: usize,
    /// Visible operations.
    pub steps: usize,
    /// How often control passed from one thread to another.
    pub switches: usize,
    /// How often it did so although the thread that ran could have gone on.
    pub preemptions: usize,
}

/// A position that explains the failure.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TraceSite {
    /// Whose, as an index into the threads.
    pub thread: usize,
    /// What happens there.
    pub what: String,
    /// `file:line`.
    pub at: String,
}

/// A thread at the moment of failure.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TraceThread {
    /// `main`, the builder's name, or `t1`.
    pub name: String,
    /// What it had announced and not done.
    pub pending: Option<TraceSite>,
    /// That operation's kind, one word, and its object (for `join`, the thread): what it waits for if it is stuck.
    #[serde(default)]
    pub wants: Option<(String, Option<String>)>,
    /// It had ended.
    pub ended: bool,
    /// What it had said it was about to do, and no operation followed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// One completed operation.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TraceEvent {
    /// Who, as an index into the threads.
    pub thread: usize,
    /// The kind of operation, one word.
    pub op: String,
    /// The object's name, where it acts on one.
    pub object: Option<String>,
    /// The operation with its values, for people.
    pub text: String,
    /// `file:line`.
    pub at: String,
    /// What its thread said it was about to do; empty if nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What the atomic holds once the operation is done, if it has written it.
    #[serde(default)]
    pub wrote: Option<String>,
    /// For a read: the event that wrote what it read, where the engine knows it and it is not the initial value.
    #[serde(default)]
    pub from: Option<usize>,
    /// For a read of an old value: the newest write that it did not see.
    #[serde(default)]
    pub missed: Option<usize>,
}

impl Trace {
    /// The failure in words.
    pub fn of(f: &Failure) -> Trace {
        let mut w = Words::new(&f.objects, &f.threads);
        let threads = f
            .threads
            .iter()
            .enumerate()
            .map(|(i, t)| TraceThread {
                name: w.thread(ThreadId(i as u8)),
                pending: t.pending.filter(|_| !t.ended).map(|(op, site)| TraceSite {
                    thread: i,
                    what: w.announced(&op),
                    at: position(site),
                }),
                wants: t.pending.filter(|_| !t.ended).map(|(op, _)| (word(&op).to_owned(), w.subject(&op))),
                ended: t.ended,
                note: t.notes.join("; "),
            })
            .collect();
        let events = w.events(&f.events, &f.notes);
        let initial = w.initial(&f.events);
        // The end of a scope has no line of its own, unless it is a call: it goes by that of its declaration.
        let declared = |at: Site| f.objects.values().any(|o| o.kind == ObjectKind::Lifetime && o.site == at);
        let sites = f.sites.iter().map(|(t, what, at)| TraceSite {
            thread: t.0 as usize,
            what: what.clone()
                + if what.starts_with("end of scope") && declared(at) { " (declared here)" } else { "" },
            at: position(at),
        });
        let mut trace = Trace {
            message: f.message.clone(),
            thread: f.thread.map(|t| t.0 as usize),
            sites: sites.collect(),
            threads,
            events,
            initial,
            schedule: f.schedule.clone(),
            minimal: f.minimal.clone(),
            repeats: f.repeats,
            flip: f.flip,
            ..Trace::empty(&f.property, f.kind)
        };
        if let Some(least) = f.least {
            let known = certificate(trace.size().preemptions, least);
            let more = std::mem::take(&mut trace.minimal);
            trace.minimal = if more.is_empty() { known } else { format!("{known}; {more}") };
        }
        if let Some(p) = &f.passing {
            trace.passes(Words::new(&p.objects, &p.threads).events(&p.events, &p.notes));
        }
        trace
    }

    /// Nothing but what was violated, and how: what real threads leave behind.
    pub fn empty(property: &str, kind: Kind) -> Trace {
        Trace {
            property: property.to_owned(),
            kind,
            message: String::new(),
            thread: None,
            sites: Vec::new(),
            threads: Vec::new(),
            events: Vec::new(),
            schedule: Vec::new(),
            minimal: String::new(),
            flip: Flip::default(),
            differs: None,
            hopeless: None,
            critical: Vec::new(),
            passing: Vec::new(),
            initial: Vec::new(),
            repeats: None,
            raw: None,
        }
    }

    /// This execution nearby passes.
    pub fn passes(&mut self, passing: Vec<TraceEvent>) {
        self.critical = match self.flip {
            Flip::Pair { held, until: Until::Step(other) } => vec![held, other],
            Flip::Pair { held: step, until: Until::Next(_) | Until::Rest } | Flip::Answer { step, .. } => {
                vec![step]
            }
            _ => {
                self.differs = difference(self, &passing);
                self.differs.map(Difference::steps).unwrap_or_default()
            }
        };
        self.passing = passing;
    }

    /// How often control passes from one thread to another.
    pub fn switches(&self) -> usize {
        self.events.windows(2).filter(|w| w[0].thread != w[1].thread).count()
    }

    /// How large it is.
    pub fn size(&self) -> Size {
        Size {
            threads: self.threads.len(),
            steps: self.events.len(),
            switches: self.switches(),
            preemptions: super::switch::preemptions(self),
        }
    }
}
