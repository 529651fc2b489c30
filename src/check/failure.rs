//! What is kept of an execution: of one that violates a property, and of one that does not; and of its objects.

use super::event::{Event, ObjectId, ObjectKind, ThreadId, Whim};
use super::run::{Site, State, ThreadInfo};
use super::shown::Meaning;
use super::verdict::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the recorder knows of an object.
#[derive(Clone, Debug)]
pub struct ObjectInfo {
    /// Its kind.
    pub kind: ObjectKind,
    /// Name given with `named`.
    pub name: Option<String>,
    /// What `shown` says of its values.
    pub meaning: Option<Box<Meaning>>,
    /// Where it was created.
    pub site: Site,
    /// The value that an atomic was created with, the count of an `Arc`.
    pub init: u64,
    /// It must end before the execution does (`Arc`, `Tracked`), and has not yet.
    pub owed: bool,
}

/// A violated property with the execution that violates it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The property.
    pub property: String,
    /// How it was violated.
    pub kind: Kind,
    /// One line for people.
    pub message: String,
    /// The failing thread, where there is one.
    pub thread: Option<ThreadId>,
    /// The two conflicting positions, for races and the like: (thread, what, where).
    pub sites: Vec<(ThreadId, String, Site)>,
    /// Threads at the moment of failure, with what each had announced.
    pub threads: Vec<ThreadInfo>,
    /// Objects by id.
    pub objects: BTreeMap<ObjectId, ObjectInfo>,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// What threads said of what they were about to do: at which of its own operations, from 0, each said it.
    pub notes: Vec<(ThreadId, u32, String)>,
    /// The engine's own schedule, for replay.
    pub schedule: Vec<u32>,
    /// No execution with fewer preemptions fails in this way: that is shown, if it is not 0. `None`: nobody has looked.
    pub least: Option<usize>,
    /// What else is known of how short it is, in words; empty if nothing is.
    pub minimal: String,
    /// The first and the last event of a cycle: they lead back to the state before them, and can repeat for ever.
    pub repeats: Option<(usize, usize)>,
    /// An execution nearby in which nothing is violated, if the engine has looked for one.
    pub passing: Option<Box<Execution>>,
    /// The reordering that makes it pass, if one has been tried and found: then `passing` is that execution.
    pub flip: Flip,
}

/// Which other order of the steps of a failing execution, or which other answer, makes it pass: never guessed, always
/// executed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Flip {
    /// Nobody has looked.
    #[default]
    Untried,
    /// The failing order does not fail where memory is sequentially consistent, so that no order of steps is to blame.
    Unordered,
    /// No single thread that is held back at one of its steps makes it pass, and no single answer of the environment
    /// that is given otherwise.
    NoSingle {
        /// Pairs of steps that were tried.
        pairs: usize,
        /// Answers that were tried.
        answers: usize,
        /// There are no others; else the bound of work was met.
        all: bool,
    },
    /// It passes if the thread of this step is held back just before it until another has come so far, and everything else
    /// is as in the failing order as far as it can be.
    Pair {
        /// The step that waits, as an index into the log.
        held: usize,
        /// What it waits for.
        until: Until,
    },
    /// It passes if the environment answers this step otherwise, and everything else is as in the failing order as far as
    /// it can be: no spurious end, no timeout, no failure of an exchange that finds what it expects, another choice.
    Answer {
        /// The step, as an index into the log.
        step: usize,
        /// The environment's part in it.
        whim: Whim,
        /// What is chosen instead, where it is a choice.
        instead: u32,
    },
}

/// What has to come first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Until {
    /// This step, as an index into the log.
    Step(usize),
    /// What this thread was about to do at the end of the log; if it had not begun, its first step.
    Next(u8),
    /// All that the others can do without it.
    Rest,
}

/// An execution as the recorder saw it.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Its threads.
    pub threads: Vec<ThreadInfo>,
    /// Its objects by id.
    pub objects: BTreeMap<ObjectId, ObjectInfo>,
    /// Everything that happened, in order.
    pub events: Vec<Event>,
    /// What threads said of what they were about to do: at which of its own operations, from 0, each said it.
    pub notes: Vec<(ThreadId, u32, String)>,
}

impl State {
    /// The execution at hand, so far.
    pub fn execution(&self) -> Execution {
        let mut objects = BTreeMap::new();
        for (t, per_thread) in self.objects.iter().enumerate() {
            for (n, o) in per_thread.iter().enumerate() {
                objects.insert(ObjectId::new(ThreadId(t as u8), n as u32), o.clone());
            }
        }
        let (threads, events, notes) = (self.threads.clone(), self.events.clone(), self.notes.clone());
        Execution { threads, objects, events, notes }
    }
}
