//! The recorder: the state of the execution at hand, reached through a thread-local.
//!
//! An engine installs a [`Run`] on its OS thread before it calls the scenario. Facade objects ask
//! [`current`] at construction whether a run is installed; if not, they are native. From then on every
//! operation goes through [`Run::perform`]: announce, let the engine do it, record.
//!
//! Who is running: engines switch coroutines only inside [`Engine::perform`], so each caller restores
//! `current` to itself when its operation returns. No engine needs to be asked.

use super::engine::Engine;
use super::event::{Answer, Event, MAIN, ObjectId, ObjectKind, Op, ThreadId};
pub use super::failure::{Execution, Failure, Flip, ObjectInfo, Until};
use super::model::Outcome;
use super::progress::Promise;
pub use super::property::{always, note, sometimes, violated_unless};
use super::shown::View;
pub use super::unwind::execute;
use super::verdict::{Kind, Verdict};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source position.
pub type Site = &'static Location<'static>;

/// What the recorder knows of a thread.
#[derive(Clone, Debug)]
pub struct ThreadInfo {
    /// Who spawned it; itself for the scenario's thread.
    pub parent: ThreadId,
    /// Position among its parent's children.
    pub nth: u32,
    /// Name given to the builder.
    pub name: Option<String>,
    /// Where it was spawned.
    pub site: Option<Site>,
    /// The announced operation that is not done yet.
    pub pending: Option<(Op, Site)>,
    /// Objects it has created.
    pub created: u32,
    /// Threads it has spawned.
    pub spawned: u32,
    /// It has announced `Exit`.
    pub ended: bool,
    /// Sections with masked interrupts that it is in.
    pub masked: u32,
    /// Operations that it has done.
    pub done: u32,
    /// What it said it is about to do, until an operation follows.
    pub notes: Vec<String>,
}

/// The execution at hand.
pub struct Run {
    engine: &'static dyn Engine,
    pub(super) current: Cell<ThreadId>,
    /// Unique over the process: which run (24 bits) and which of its executions (40 bits).
    epoch: Cell<u64>,
    /// Bit set of the kinds of operation that the engine was asked about and does not refuse.
    asked: Cell<u64>,
    /// Objects of this execution that are still owed their end.
    pub(super) owed: Cell<u32>,
    /// Promises of progress that are still to be kept.
    pub(super) promised: Cell<u32>,
    /// The execution at hand has failed or was given up.
    pub(super) over: Cell<bool>,
    /// What the operation at hand reads from, if its engine said so.
    source: Cell<Option<u32>>,
    /// Notes are kept: this execution may be shown.
    pub(super) notes: Cell<bool>,
    /// One was not kept.
    pub(super) missed: Cell<bool>,
    pub(super) state: RefCell<State>,
}

/// Counts runs, for [`Run::epoch`]. Relaxed: only uniqueness matters.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// The recorder's tables.
#[derive(Default)]
pub struct State {
    /// Threads by id.
    pub threads: Vec<ThreadInfo>,
    /// Objects by creator, then by creation count.
    pub objects: Vec<Vec<ObjectInfo>>,
    /// The log of the execution at hand.
    pub events: Vec<Event>,
    /// Notes of the execution at hand: the thread, and which of its operations from 0 each precedes.
    pub notes: Vec<(ThreadId, u32, String)>,
    /// The first failure of the execution at hand.
    pub failure: Option<Box<Failure>>,
    /// Why the execution at hand was given up, where that is no failure of the model: a refusal or a limit.
    pub stopped: Option<Verdict>,
    /// Thread-locals by thread: the key's address, and the boxed value unless it is destroyed.
    pub(crate) locals: Vec<Vec<(usize, Option<*mut dyn Any>)>>,
    /// What the rules of the production types need to know.
    pub(crate) contract: super::contract::Contract,
    /// Counts of `Arc`s that are away as raw pointers, by address.
    pub(crate) raw: BTreeMap<usize, ObjectId>,
    /// How to show what locks protect.
    pub(super) views: BTreeMap<ObjectId, std::sync::Arc<View>>,
    /// Promises of progress in the execution at hand; `None` once kept or given up.
    pub(crate) promises: Vec<Option<Promise>>,
    /// Complete executions so far.
    pub executions: u64,
    /// Operations over all executions.
    pub steps: u64,
    /// Outcomes so far.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// A complete execution for each outcome: the first by the engine's schedule, which it begins with.
    pub witnesses: BTreeMap<Outcome, (Vec<u32>, Execution)>,
    /// `sometimes` properties seen so far.
    pub seen: Vec<&'static str>,
}

thread_local! {
    pub(super) static RUN: Cell<Option<&'static Run>> = const { Cell::new(None) };
}

/// The run installed on this OS thread.
#[inline]
pub fn current() -> Option<&'static Run> {
    RUN.with(Cell::get)
}

/// The payload of the panic that unwinds a thread out of an execution that has failed or is being abandoned.
/// It is thrown with `resume_unwind`, so no panic hook sees it.
pub struct Abandoned;

/// Told of every first failure at once, before anything unwinds: a destructor may abort the process (loom does).
/// Told of a panic too, which the model may still catch: what it hears counts only if the process then dies.
/// Set by the worker.
pub static ON_FAILURE: std::sync::OnceLock<fn(&Failure)> = std::sync::OnceLock::new();

/// The run is installed on this OS thread until the guard is dropped.
pub struct Installed(());

impl Drop for Installed {
    fn drop(&mut self) {
        RUN.with(|r| r.set(None));
    }
}

impl Run {
    /// A run on `engine`. Both live for the rest of the process: a worker makes one per OS thread and check.
    pub fn leak(engine: &'static dyn Engine) -> &'static Run {
        super::unwind::install_hook();
        let run = Box::leak(Box::new(Run {
            engine,
            current: Cell::new(MAIN),
            epoch: Cell::new(RUNS.fetch_add(1, Ordering::Relaxed) << 40),
            asked: Cell::new(0),
            owed: Cell::new(0),
            promised: Cell::new(0),
            over: Cell::new(false),
            source: Cell::new(None),
            notes: Cell::new(true),
            missed: Cell::new(false),
            state: RefCell::new(State::default()),
        }));
        run.begin_execution();
        run
    }

    /// Forgets everything that it has counted: another exploration begins.
    pub(crate) fn renew(&self) {
        *self.state.borrow_mut() = State::default();
        self.begin_execution();
    }

    /// Makes it the run of this OS thread.
    pub fn install(&'static self) -> Installed {
        RUN.with(|r| {
            assert!(r.get().is_none(), "a model was started from inside a model");
            r.set(Some(self));
        });
        Installed(())
    }

    /// The engine.
    pub fn engine(&self) -> &'static dyn Engine {
        self.engine
    }

    /// The recorder's tables. Never hold the borrow across [`Run::perform`].
    pub fn state(&self) -> std::cell::RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// Which execution of which run this is, unique over the process.
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.epoch.get()
    }

    /// Has the execution at hand failed, or was it given up? An engine then abandons it.
    #[inline]
    pub fn over(&self) -> bool {
        self.over.get()
    }

    /// For engines: the operation at hand reads from this write of the log ([`Event::from`]). Call it when nothing
    /// else will be recorded before that operation.
    pub fn note_source(&self, from: Option<u32>) {
        self.source.set(from);
    }

    /// For engines: takes the failure of the execution at hand and lets the execution go on without it.
    pub fn reopen(&self) -> Option<Box<Failure>> {
        let failure = self.state.borrow_mut().failure.take()?;
        self.over.set(false);
        Some(failure)
    }

    /// Who acts now.
    #[inline]
    pub fn me(&self) -> ThreadId {
        self.current.get()
    }

    /// Says who acts now. For engines that start or resume a thread's stack themselves.
    #[inline]
    pub fn set_me(&self, me: ThreadId) {
        self.current.set(me);
    }

    /// Forgets the last execution and starts with the scenario's thread alone.
    pub fn begin_execution(&self) {
        self.current.set(MAIN);
        self.epoch.set(self.epoch.get() + 1);
        self.owed.set(0);
        self.promised.set(0);
        self.over.set(false);
        let mut s = self.state.borrow_mut();
        s.stopped = None;
        s.raw.clear();
        s.contract.begin_execution();
        s.promises.clear();
        // Values left behind by threads that never ended leak: their destructors belong to that execution.
        s.locals.clear();
        s.threads.clear();
        s.threads.push(ThreadInfo {
            parent: MAIN,
            nth: 0,
            name: Some("main".to_owned()),
            site: None,
            pending: None,
            created: 0,
            spawned: 0,
            ended: false,
            masked: 0,
            notes: Vec::new(),
            done: 0,
        });
        for per_thread in &mut s.objects {
            per_thread.clear();
        }
        s.events.clear();
        s.notes.clear();
        s.views.clear();
        s.failure = None;
    }

    /// Counts a complete execution, and keeps it if its outcome is new.
    pub fn end_execution(&self, outcome: Outcome) {
        let mut s = self.state.borrow_mut();
        s.executions += 1;
        // An engine that searches in parallel comes by in any order, and must keep the same one.
        if s.witnesses.get(&outcome).is_none_or(|kept| self.engine.precedes(&kept.0)) {
            let witness = (self.engine.schedule(), s.execution());
            s.witnesses.insert(outcome.clone(), witness);
        }
        *s.outcomes.entry(outcome).or_insert(0) += 1;
    }

    /// Registers an object made by the acting thread and tells the engine.
    pub fn create(&self, kind: ObjectKind, init: u64, site: Site) -> ObjectId {
        let me = self.current.get();
        let owed = matches!(kind, ObjectKind::Arc | ObjectKind::Lifetime);
        let id = {
            let mut s = self.state.borrow_mut();
            let t = &mut s.threads[me.0 as usize];
            let id = ObjectId::new(me, t.created);
            t.created += 1;
            if s.objects.len() <= me.0 as usize {
                s.objects.resize_with(me.0 as usize + 1, Vec::new);
            }
            s.objects[me.0 as usize].push(ObjectInfo { kind, name: None, meaning: None, site, init, owed });
            self.owed.set(self.owed.get() + u32::from(owed));
            id
        };
        self.engine.created(me, id, kind, init);
        id
    }

    /// Names an object.
    pub fn name(&self, obj: ObjectId, name: String) {
        let mut s = self.state.borrow_mut();
        if let Some(o) =
            s.objects.get_mut(obj.creator().0 as usize).and_then(|v| v.get_mut(obj.nth() as usize))
        {
            o.name = Some(name);
        }
    }

    /// Gives the execution up without calling it a failure, and unwinds the acting thread.
    pub fn stop(&self, why: Verdict) -> ! {
        self.note_stop(why);
        std::panic::resume_unwind(Box::new(Abandoned))
    }

    /// [`Run::stop`] without unwinding. A failure, or an earlier reason, stands.
    pub fn note_stop(&self, why: Verdict) {
        if !self.over.replace(true) {
            self.state.borrow_mut().stopped = Some(why);
        }
    }

    /// Asks the engine, once per kind of operation, whether it can do this.
    #[cold]
    fn ask(&self, op: &Op) {
        if let Some(reason) = self.engine.refuses(op) {
            self.note_stop(Verdict::OutOfReach { reason: reason.to_owned() });
            if !std::thread::panicking() {
                std::panic::resume_unwind(Box::new(Abandoned));
            }
        } else {
            self.asked.set(self.asked.get() | 1 << op.code());
        }
    }

    /// Announces `op`, lets the engine perform it, records it.
    #[inline]
    pub fn perform(&self, op: Op, site: Site) -> Answer {
        if self.asked.get() & 1 << op.code() == 0 {
            self.ask(&op);
        }
        let me = self.current.get();
        if let Some(t) = self.state.borrow_mut().threads.get_mut(me.0 as usize) {
            t.pending = Some((op, site));
        }
        let answer = self.engine.perform(me, &op, site);
        self.current.set(me);
        let s = &mut *self.state.borrow_mut();
        if let Some(t) = s.threads.get_mut(me.0 as usize) {
            t.pending = None;
            t.ended |= matches!(op, Op::Exit);
            let nth = t.done;
            t.done += 1;
            if !t.notes.is_empty() {
                s.notes.extend(t.notes.drain(..).map(|note| (me, nth, note)));
            }
        }
        s.steps += 1;
        s.events.push(Event { thread: me, op, answer, from: self.source.take(), site });
        answer
    }

    /// Registers a child of the acting thread, tells the engine, records the spawn.
    ///
    /// `body` runs in its [`Run::frame`]: the engine gets a closure that does not unwind.
    pub(crate) fn spawn(
        &'static self,
        name: Option<String>,
        site: Site,
        body: impl FnOnce() + 'static,
    ) -> ThreadId {
        let me = self.current.get();
        let child = {
            let mut s = self.state.borrow_mut();
            let nth = s.threads[me.0 as usize].spawned;
            s.threads[me.0 as usize].spawned += 1;
            let info = ThreadInfo {
                parent: me,
                nth,
                name,
                site: Some(site),
                pending: None,
                created: 0,
                spawned: 0,
                ended: false,
                masked: 0,
                notes: Vec::new(),
                done: 0,
            };
            let next = u8::try_from(s.threads.len()).expect("more than 255 model threads");
            let child = self.engine.thread_id(me, nth).unwrap_or(ThreadId(next));
            // A re-executing engine may start threads out of the order of their ids: fill the gap.
            while s.threads.len() <= child.0 as usize {
                s.threads.push(info.clone());
            }
            s.threads[child.0 as usize] = info;
            child
        };
        let framed = Box::new(move || {
            self.frame(child, site, body);
        });
        self.engine.spawn(me, child, framed);
        self.current.set(me);
        self.perform(Op::Spawn { child }, site);
        child
    }

    /// The execution so far as a failure.
    pub(crate) fn failure(
        &self,
        property: Option<&str>,
        kind: Kind,
        message: String,
        sites: Vec<(ThreadId, String, Site)>,
    ) -> Box<Failure> {
        // Who makes no progress breaks the promise of progress that was made by name.
        let promised = property.is_none() && kind == Kind::Livelock;
        let property = property.or_else(|| self.promised().filter(|_| promised));
        let mut f = Box::new(Failure {
            property: property.unwrap_or(kind.implied_property()).to_owned(),
            kind,
            message,
            thread: Some(self.current.get()),
            sites,
            threads: Vec::new(),
            objects: BTreeMap::new(),
            events: Vec::new(),
            notes: Vec::new(),
            schedule: self.engine.schedule(),
            least: None,
            minimal: String::new(),
            repeats: None,
            passing: None,
            flip: Default::default(),
        });
        // Borrowed only if the recorder itself panicked: then its message is all there is.
        if let Ok(s) = self.state.try_borrow() {
            let seen = s.execution();
            (f.threads, f.objects, f.events, f.notes) = (seen.threads, seen.objects, seen.events, seen.notes);
        }
        f
    }

    /// The violated property together with the execution so far. The first failure of an execution stands.
    pub fn note_failure(
        &self,
        property: Option<&str>,
        kind: Kind,
        message: String,
        sites: Vec<(ThreadId, String, Site)>,
    ) {
        if self.over.get() {
            return;
        }
        self.note(self.failure(property, kind, message, sites));
    }

    /// [`Run::note_failure`], with the picture of the execution taken already.
    pub(crate) fn note(&self, f: Box<Failure>) {
        if let (Some(tell), false) = (ON_FAILURE.get(), self.over.get()) {
            tell(&f);
        }
        self.keep_failure(f);
    }

    /// Makes `f` the failure of the execution at hand, unless it is over already.
    pub(crate) fn keep_failure(&self, f: Box<Failure>) {
        if !self.over.replace(true) {
            self.state.borrow_mut().failure = Some(f);
        }
    }

    /// [`Run::note_failure`], then unwinds the acting thread.
    pub fn fail(
        &self,
        property: Option<&str>,
        kind: Kind,
        message: String,
        sites: Vec<(ThreadId, String, Site)>,
    ) -> ! {
        self.note_failure(property, kind, message, sites);
        std::panic::resume_unwind(Box::new(Abandoned))
    }
}
