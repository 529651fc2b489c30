//! Operations of the facade, lowered to events and executed on the stack of the acting model thread.
//!
//! | operation | events |
//! |---|---|
//! | load, store, RMW, exchange, fence | themselves; an RMW is a read and a write that nothing separates |
//! | mutex | a lock section; if any mutex is try-locked, all are words: exchange 0 to 1 / store 0 |
//! | readers-writer lock | a word with a count of readers: RMWs with acquire and release |
//! | condition variable | a queue word (relaxed RMWs) and one flag per wait; which waiter is notified is a choice |
//! | park, unpark | a token per thread: exchange 1 to 0 (acquire) / swap 1 (release) |
//! | yield | none: a round of a loop that only read, and the same again, is a wait for one of its reads to change |
//! | cell, plain access, lifetime | none: checked against clocks (`cells`) |
//! | `Arc` | none, or an atomic count (`arcs`) |

mod act;
mod composed;
mod overtime;
mod plain;
mod primitives;
mod probe;
mod spurious;

pub use overtime::{Overtime, Written};
pub use probe::Probe;
pub use spurious::{IN_ROW, Twin};

use super::arcs::Arcs;
use super::cells::Cells;
use super::clock::THREADS;
use super::exec::{Reading, Stop, Want};
use super::fiber::Back;
use super::forward::Explore;
use super::graph::{EventId, Kind, Order};
use super::repeats::Withheld;
use super::rounds::Patience;
use super::update::Update;
use crate::check::engine::Engine;
use crate::check::event::{Answer, ObjectId, ObjectKind, Op, ThreadId};
use crate::check::quarantine::Turn;
use crate::check::run::{Abandoned, Run, Site};
use std::cell::UnsafeCell;
use std::collections::HashSet;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Timeouts that a thread may have at one wait in the source, on one object. One that could time out once more makes
/// the verdict `bounded`.
pub const TIMEOUTS: usize = 2;

/// The engine of one worker: everything that its model threads and its scheduler share.
///
/// All of it lives on one OS thread. Model threads are coroutines on that thread, and control passes between
/// them only in [`Exact::suspend`] and [`Exact::resume`].
#[derive(Default)]
pub struct Exact(UnsafeCell<Inner>);

#[derive(Default)]
pub struct Inner {
    pub e: Explore,
    pub run: Option<&'static Run>,
    pub cells: Cells,
    pub arcs: Arcs,
    /// Mutexes are words.
    pub words: bool,
    /// Reference counts are atomics.
    pub counted: bool,
    /// Some wait could have timed out once more. Over all executions.
    pub capped: bool,
    /// The access that the reported race is with: thread, and events it had executed.
    pub conflict: Option<(usize, u32)>,
    /// A blocked thread that is made to go round once more, to see whether its loop really waits.
    pub probe: Option<Probe>,
    /// What blocked threads knew that have passed that. Over all executions.
    pub probed: HashSet<u64>,
    /// Calls that the execution at hand has not let end spuriously once more: to be tried out.
    pub withheld: Vec<Withheld>,
    /// That is what the execution at hand is for.
    pub twin: Option<Twin>,
    /// Some call could have ended spuriously once more, and that changes what happens. Over all executions.
    pub capped_spurious: bool,
    /// Loops that give up.
    pub patience: Patience,
    /// Operations that an execution may have.
    pub steps: u64,
    /// A timed wait that is made to time out once more, to see whether its loop repeats.
    pub overtime: Option<Overtime>,
    /// Operations left to this execution.
    pub steps_left: u64,
    /// Threads unwind: operations are inert.
    pub abandoning: bool,
    /// The location whose destructor runs after a drop that was last by chance, by thread.
    quiet_drop: Vec<Option<u32>>,
    /// Inert operations since the execution was abandoned.
    pub inert: u32,
}

fn read_order(o: Ordering) -> Order {
    match o {
        Ordering::Acquire | Ordering::AcqRel => Order::Acquire,
        Ordering::SeqCst => Order::SeqCst,
        _ => Order::Relaxed,
    }
}

fn write_order(o: Ordering) -> Order {
    match o {
        Ordering::Release | Ordering::AcqRel => Order::Release,
        Ordering::SeqCst => Order::SeqCst,
        _ => Order::Relaxed,
    }
}

fn fence_order(o: Ordering) -> Order {
    match o {
        Ordering::Acquire => Order::Acquire,
        Ordering::Release => Order::Release,
        Ordering::AcqRel => Order::AcqRel,
        _ => Order::SeqCst,
    }
}

fn reading(update: Update, success: Ordering, failure: Ordering) -> Reading {
    Reading {
        update,
        success: read_order(success),
        failure: read_order(failure),
        write: write_order(success),
    }
}

impl Exact {
    /// The shared state.
    #[allow(clippy::mut_from_ref)]
    pub fn inner(&self) -> &mut Inner {
        // SAFETY: one OS thread, and no reference is kept across `suspend` or `resume`, where control passes to
        // another stack: between those nobody else is here.
        unsafe { &mut *self.0.get() }
    }

    /// Gives control to the scheduler until `t` may try again.
    fn suspend(&self, t: usize, want: Want) {
        let handle = {
            let th = &mut self.inner().e.x.threads[t];
            th.want = want;
            th.handle.clone()
        };
        handle.suspend();
        // It was resumed in the middle of an operation of the engine.
        Turn::engine().keep();
        if self.inner().abandoning {
            resume_unwind(Box::new(Abandoned));
        }
        self.inner().e.x.threads[t].want = Want::Go;
    }

    /// Stops here for ever if the job is over.
    fn check(&self, t: usize) {
        while self.inner().e.x.stop.is_some() {
            self.suspend(t, Want::Blocked);
        }
    }

    /// Runs `t` until it suspends or ends.
    pub fn resume(&self, t: usize) {
        let i = self.inner();
        let mut fiber =
            i.e.x.threads[t].fiber.take().expect("a thread is resumed by one scheduler at a time");
        if let Some(run) = i.run {
            run.set_me(ThreadId(t as u8));
        }
        let turn = Turn::model(ThreadId(t as u8));
        let back = fiber.resume();
        drop(turn);
        let th = &mut self.inner().e.x.threads[t];
        if back == Back::Finished {
            th.want = Want::Done;
        }
        th.fiber = Some(fiber);
    }

    /// Unwinds what is left of every thread, children before their parents: a scope's threads borrow from it.
    pub fn abandon(&self) {
        self.inner().abandoning = true;
        for t in (0..self.inner().e.x.threads.len()).rev() {
            self.abandon_thread(t);
        }
        self.inner().abandoning = false;
    }

    fn abandon_thread(&self, t: usize) {
        let i = self.inner();
        let th = &mut i.e.x.threads[t];
        if th.want == Want::Done {
            return;
        }
        if let Some(body) = th.fiber.as_mut().and_then(|f| f.unload()) {
            drop(body); // never started
            self.inner().e.x.threads[t].want = Want::Done;
            return;
        }
        if th.fiber.is_some() {
            self.resume(t);
        }
    }
}

impl Engine for Exact {
    fn created(&self, me: ThreadId, obj: ObjectId, kind: ObjectKind, init: u64) {
        let i = self.inner();
        let at = i.e.x.threads[me.0 as usize].pc;
        i.e.x.locations.created(obj, init, me, at);
        if kind == ObjectKind::Arc {
            let loc = i.e.x.locations.object(obj);
            i.arcs.created(loc, init);
        }
    }

    fn perform(&self, me: ThreadId, op: &Op, site: Site) -> Answer {
        let _turn = Turn::engine();
        let t = me.0 as usize;
        let i = self.inner();
        if i.abandoning || i.run.is_some_and(Run::over) || std::thread::panicking() {
            if *op == Op::Exit {
                i.e.x.threads[t].want = Want::Done;
            }
            return self.inert(op);
        }
        if i.probe.is_some() {
            return self.probed(t, op);
        }
        if i.overtime.is_some() {
            return self.timed_out(t, op);
        }
        if i.inert > 0 {
            i.e.x.halt(Stop::Refused(
                "a panic was caught inside the model; exact does not run destructors of a panic it will forgive: \
                 use shuttle or native"
                    .into(),
            ));
        }
        if i.quiet_drop.get(t).is_some_and(Option::is_some) && *op != Op::Exit {
            i.e.x.halt(Stop::CountedArcs);
        }
        if i.steps_left == 0 {
            i.e.x.halt(Stop::Limit("steps in one execution".into()));
        }
        i.steps_left = i.steps_left.saturating_sub(1);
        self.check(t);
        self.act(t, op, site)
    }

    fn spawn(&self, me: ThreadId, child: ThreadId, body: Box<dyn FnOnce()>) {
        let _turn = Turn::engine();
        let t = me.0 as usize;
        let i = self.inner();
        if i.abandoning || std::thread::panicking() {
            return;
        }
        if child.0 as usize >= THREADS {
            i.e.x.halt(Stop::Refused(format!("more than {THREADS} threads")));
            self.check(t);
        }
        i.e.x.threads[t].pure_reads = false;
        self.acts(t);
        self.event(
            t,
            primitives::What::of(Kind::Spawn, 0),
            |e, k| e.x.do_plain(k),
            |e| e.add_spawn(t, child.0),
        );
        self.inner().e.x.add_thread(child, body, Some(me));
    }

    fn thread_id(&self, parent: ThreadId, nth: u32) -> Option<ThreadId> {
        let names = &mut self.inner().e.x.g.names;
        let key = (parent.0, nth);
        let at = match names.iter().skip(1).position(|&n| n == key) {
            Some(i) => i + 1,
            None => {
                Arc::make_mut(names).push(key);
                names.len() - 1
            }
        };
        Some(ThreadId(u8::try_from(at).unwrap_or(u8::MAX)))
    }

    fn spin_begin(&self, me: ThreadId) {
        if self.inner().probe.is_some() {
            return;
        }
        let th = &mut self.inner().e.x.threads[me.0 as usize];
        if !std::mem::replace(&mut th.pure_reads, true) {
            th.rounds.forget();
        }
        th.reads.clear();
        th.polls = true;
    }

    fn spin_end(&self, me: ThreadId) {
        self.inner().e.x.threads[me.0 as usize].polls = false;
    }

    fn unwinds_with_its_own(&self) -> bool {
        false
    }

    fn arc_observed(&self, me: ThreadId, obj: ObjectId) {
        let i = self.inner();
        let over = i.abandoning || i.run.is_some_and(Run::over) || std::thread::panicking();
        if !over && !i.counted && i.probe.is_none() {
            self.arc_certain(me.0 as usize, self.object(obj));
        }
    }

    fn uses_freed(&self, by: ThreadId) {
        let i = self.inner();
        let at = i.e.x.threads.get(by.0 as usize).map_or(0, |t| t.pc as u32);
        i.conflict = Some((by.0 as usize, at));
    }

    fn asks_who(&self, me: ThreadId) {
        let _turn = Turn::engine();
        let (t, i) = (me.0 as usize, self.inner());
        let over = i.abandoning || i.run.is_some_and(Run::over) || std::thread::panicking();
        if !over && i.quiet_drop.get(t).is_some_and(Option::is_some) {
            i.e.x.halt(Stop::CountedArcs);
            self.check(t);
        }
    }

    fn borrowed(&self, me: ThreadId, _mutex: ObjectId) {
        let i = self.inner();
        if !i.abandoning
            && let Some(th) = i.e.x.threads.get_mut(me.0 as usize)
        {
            th.spurious.borrows();
        }
    }

    fn arc_destroyed(&self, me: ThreadId, _obj: ObjectId) {
        if let Some(q) = self.inner().quiet_drop.get_mut(me.0 as usize) {
            *q = None;
        }
    }

    fn schedule(&self) -> Vec<u32> {
        self.inner().e.x.g.path.clone()
    }
}

impl Inner {
    /// Takes up a job.
    pub fn begin(&mut self, g: super::graph::Graph, steps: u64) {
        self.e.x.begin(g);
        self.e.pushed.clear();
        self.e.by_stamp.clear();
        let g = &self.e.x.g;
        for (t, l) in g.th.iter().enumerate() {
            self.e.by_stamp.extend((0..l.len()).map(|i| EventId::new(t, i)));
        }
        let g = &self.e.x.g;
        self.e.by_stamp.sort_unstable_by_key(|&e| g.ev(e).stamp);
        self.cells.begin();
        self.arcs.begin();
        (self.steps, self.steps_left) = (steps, steps);
        self.quiet_drop.clear();
        self.inert = 0;
        self.conflict = None;
        self.probe = None;
        self.overtime = None;
        self.withheld.clear();
        self.twin = None;
    }
}
