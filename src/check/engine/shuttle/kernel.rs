//! Between facade and shuttle: performs announced operations. Who goes on at a scheduling point is `driver.rs`.
//!
//! One `Kernel` serves one exploration and lives on one OS thread. [`Kernel::perform`] runs on the stack of the
//! acting thread. No borrow of the kernel is held across a `switch`.

use super::chooser::{Chooser, DATA};
use super::lasso::Lasso;
use super::rounds::Rounds;
use super::state::{Need, Readiness, State};
use super::{Plan, STACK};
use crate::check::engine::{Engine, stuck};
use crate::check::event::{Answer, ObjectId, ObjectKind, Op, ThreadId};
use crate::check::model::{Discipline, Outcome};
use crate::check::progress::Digest;
use crate::check::race::{Detector, Race};
use crate::check::run::Run;
use crate::check::verdict::{Kind, Verdict};
use shuttle_engine::runtime::execution::ExecutionState;
use shuttle_engine::runtime::thread::switch;
use std::cell::{Cell, RefCell, RefMut};
use std::mem::ManuallyDrop;
use std::panic::Location;

thread_local! {
    /// Whose exploration is under way on this OS thread.
    static KERNEL: Cell<Option<&'static Kernel>> = const { Cell::new(None) };
    /// The kernel of the explorations before, for the next one.
    static SPARE: Cell<Option<&'static Kernel>> = const { Cell::new(None) };
}

/// One exploration after another: coroutines that were given up may keep references to it for ever, so it is never freed,
/// and there is one an OS thread.
#[derive(Default)]
pub struct Kernel {
    run: Cell<Option<&'static Run>>,
    step_limit: Cell<u64>,
    counted_arcs: Cell<bool>,
    pub(super) discipline: RefCell<Discipline>,
    /// The discipline has one processor: nothing happens at the same time, and nothing is unordered.
    one_processor: Cell<bool>,
    pub(super) executions: Cell<u64>,
    pub(super) state: RefCell<State>,
    pub(super) chooser: RefCell<Chooser>,
    /// Races are looked for.
    detects: Cell<bool>,
    detector: RefCell<Detector>,
    pub(super) schedule: RefCell<Vec<u32>>,
    /// Model thread by shuttle task.
    pub(super) threads: RefCell<Vec<ThreadId>>,
    /// The next scheduling decision is none: shuttle asks at places that are no visible operation.
    pub(super) stay: Cell<bool>,
    /// Steps of the execution at hand.
    pub(super) steps: Cell<u64>,
    /// Executions begun.
    pub(super) begun: Cell<u64>,
    /// What the scenario returned in the execution at hand.
    pub(super) outcome: RefCell<Option<Outcome>>,
    /// States are looked at: somebody has declared a fingerprint, or spins for long, in the execution at hand.
    pub(super) watching: Cell<bool>,
    pub(super) lasso: RefCell<Lasso>,
    pub(super) rounds: RefCell<Rounds>,
    /// The execution at hand was left because what follows has been explored.
    pub(super) pruned: Cell<bool>,
}

impl Kernel {
    /// The kernel of this OS thread, for an exploration by `plan`, with the run that it reports to.
    pub(super) fn begin(
        plan: &Plan,
        chooser: Chooser,
        detect_races: bool,
    ) -> (&'static Kernel, &'static Run) {
        let k = SPARE.take().unwrap_or_else(|| {
            let k: &'static Kernel = Box::leak(Box::default());
            k.run.set(Some(Run::leak(k)));
            k
        });
        k.run().renew();
        k.step_limit.set(plan.steps);
        k.counted_arcs.set(plan.counted_arcs);
        k.executions.set(plan.executions);
        k.one_processor.set(plan.discipline != Discipline::Preemptive);
        k.detects.set(detect_races && !k.one_processor());
        *k.discipline.borrow_mut() = plan.discipline.clone();
        *k.chooser.borrow_mut() = chooser;
        k.begun.set(0);
        k.pruned.set(false);
        KERNEL.set(Some(k));
        (k, k.run())
    }

    pub(super) fn of_this_thread() -> &'static Kernel {
        KERNEL.get().expect("an exploration is under way on this OS thread")
    }

    #[inline]
    pub(super) fn run(&self) -> &'static Run {
        self.run.get().expect("a kernel is made with its run")
    }

    /// The exploration is over. What may have become large is given back.
    pub(super) fn end(&'static self) {
        self.state.take();
        self.schedule.take();
        self.threads.take();
        self.lasso.take();
        self.detector.take();
        self.chooser.take();
        self.outcome.take();
        KERNEL.set(None);
        SPARE.set(Some(self));
    }

    /// The detector, if races are looked for.
    #[inline]
    pub(super) fn races(&self) -> Option<RefMut<'_, Detector>> {
        self.detects.get().then(|| self.detector.borrow_mut())
    }

    pub(super) fn exhausted(&self) -> bool {
        matches!(&*self.chooser.borrow(), Chooser::Dfs(d) if d.exhausted)
    }

    pub(super) fn diverged(&self) -> Option<String> {
        self.chooser.borrow().diverged()
    }

    /// The scenario's thread is done, with this result.
    pub(super) fn main(&self, result: Result<Outcome, ()>) {
        *self.outcome.borrow_mut() = result.ok();
        self.leave();
    }

    /// A thread's body has returned: abandons the execution if it is over. Otherwise shuttle may ask once more
    /// who is next, before the thread ends; the answer is no choice.
    fn leave(&self) {
        if self.run().over() {
            self.abandon();
        }
    }

    /// Never returns: the strategy is told to stop and shuttle leaks the stack, so that no destructor runs.
    fn abandon(&self) {
        self.stay.set(false);
        switch();
        unreachable!("shuttle does not resume an execution that was stopped");
    }

    /// A scheduling point: `me` is about to do something that needs `need`. Returns when it may.
    #[inline]
    fn point(&self, me: ThreadId, need: Need) {
        let go_on = {
            let mut s = self.state.borrow_mut();
            let t = &mut s.threads[me.0 as usize];
            t.need = need;
            // Having been scheduled for the first time was the choice of its first operation. But who sleeps leaves the
            // processor, and on one processor that lets somebody else have it.
            let fresh = std::mem::take(&mut t.fresh);
            fresh && s.readiness(me) == Readiness::Ready && !(self.one_processor() && s.sleeps(me))
        };
        if !go_on {
            switch();
        }
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps > self.step_limit.get() {
            self.run().stop(Verdict::EngineLimit { what: "steps".to_owned() });
        }
    }

    /// One of `0..n`, recorded.
    fn choose(&self, n: u32, rare: bool) -> u32 {
        if n <= 1 {
            return 0;
        }
        let mut chooser = self.chooser.borrow_mut();
        chooser.heed(self.run(), &self.state);
        let v = chooser.data(n, rare);
        drop(chooser);
        self.schedule.borrow_mut().push(DATA | v);
        if self.watching.get() && (!rare || v != 0) {
            self.lasso.borrow_mut().arbitrary();
        }
        v
    }

    /// From here on, states are looked at.
    fn watch(&self) {
        self.watching.set(true);
    }

    /// `me` was given an answer that its further steps may depend on.
    #[inline]
    fn answered(&self, me: ThreadId, op: &Op, answer: Answer) {
        if self.watching.get() {
            self.lasso.borrow_mut().answered(me, op, answer);
        }
    }

    /// `me` goes on without having been notified or unparked. `ok`: it woke spuriously, it did not time out.
    fn unprompted(&self, me: ThreadId, timed: bool) -> Answer {
        {
            let mut s = self.state.borrow_mut();
            s.threads[me.0 as usize].woke_at = Some(s.changes);
        }
        // Only a timed wait can time out; what ends an untimed one is a spurious wake-up.
        if !timed || self.choose(2, true) == 1 { Answer::SPURIOUS } else { Answer::TIMED_OUT }
    }

    pub(super) fn one_processor(&self) -> bool {
        self.one_processor.get()
    }

    fn visible(&self, op: &Op) -> bool {
        match op {
            Op::PlainLoad { .. } | Op::PlainStore { .. } | Op::CellEnd { .. } => false,
            // The detector finds what is not ordered in any order. On one processor it is the value that is wrong.
            Op::CellBegin { .. } => self.one_processor(),
            // A fence touches nothing, and the ends of a thread matter to `Join` alone, which waits for them.
            Op::Fence { .. } | Op::Spawn { .. } | Op::Exit | Op::Choose { .. } => false,
            Op::Lifetime { .. } | Op::UseEnd { .. } => !self.detects.get(),
            Op::ArcClone { .. } | Op::ArcDrop { .. } => self.counted_arcs.get(),
            _ => true,
        }
    }

    fn wait(&self, me: ThreadId, condvar: ObjectId, mutex: ObjectId, timed: bool) -> Answer {
        if let Some(mut r) = self.races() {
            r.waits(me, mutex);
        }
        {
            let mut s = self.state.borrow_mut();
            s.unlock(mutex);
            s.waiters(condvar).push(me);
        }
        self.point(me, Need::Notify(timed));
        // A notifier takes the waiter off the queue and makes it need the mutex.
        let notified = !self.state.borrow_mut().waiters(condvar).contains(&me);
        let answer = if notified {
            Answer::DONE
        } else {
            let answer = self.unprompted(me, timed);
            let free = {
                let mut s = self.state.borrow_mut();
                s.waiters(condvar).retain(|t| *t != me);
                s.threads[me.0 as usize].need = Need::Mutex(mutex);
                s.readiness(me) == Readiness::Ready
            };
            if !free {
                self.point(me, Need::Mutex(mutex));
            }
            answer
        };
        self.state.borrow_mut().lock(me, mutex);
        answer
    }

    fn notify(&self, condvar: ObjectId, all: bool) -> Answer {
        let waiting = self.state.borrow_mut().waiters(condvar).len() as u32;
        let woken = if all { waiting } else { waiting.min(1) };
        let first = if all { 0 } else { self.choose(waiting, false) as usize };
        let mut s = self.state.borrow_mut();
        for _ in 0..woken {
            let t = s.waiters(condvar).remove(first);
            let mutex = self.run().state().threads[t.0 as usize].pending;
            let Some((Op::Wait { mutex, .. }, _)) = mutex else { unreachable!("{t:?} waits") };
            s.threads[t.0 as usize].need = Need::Mutex(mutex);
        }
        s.changes += 1;
        Answer::value(u64::from(woken))
    }

    fn park(&self, me: ThreadId, timed: bool) -> Answer {
        self.point(me, Need::Token(timed));
        let token = std::mem::take(&mut self.state.borrow_mut().threads[me.0 as usize].token);
        if token { Answer::DONE } else { self.unprompted(me, timed) }
    }

    fn yields(&self, me: ThreadId) -> Answer {
        let in_vain = {
            let s = self.state.borrow();
            s.threads[me.0 as usize].yielded_at.filter(|at| *at == s.changes)
        };
        self.state.borrow_mut().threads[me.0 as usize].yielding = true;
        self.point(me, in_vain.map_or(Need::Nothing, Need::Change));
        let mut s = self.state.borrow_mut();
        s.threads[me.0 as usize].yielding = false;
        s.threads[me.0 as usize].yielded_at = Some(s.changes);
        Answer::DONE
    }

    fn weak_failure(&self, me: ThreadId, op: &Op) -> Option<Answer> {
        let Op::Cas { obj, expected, weak: true, .. } = *op else { return None };
        let changes = {
            let mut s = self.state.borrow_mut();
            let stale = s.threads[me.0 as usize].failed_at == Some(s.changes);
            if stale || *s.value(obj) != expected {
                return None;
            }
            s.changes
        };
        if self.choose(2, true) == 0 {
            return None;
        }
        self.state.borrow_mut().threads[me.0 as usize].failed_at = Some(changes);
        Some(Answer { value: expected, ok: false })
    }

    #[inline]
    fn act(&self, me: ThreadId, op: &Op) -> Answer {
        match *op {
            Op::Choose { n } => return Answer::value(u64::from(self.choose(n, false))),
            Op::Park { timed } => return self.park(me, timed),
            Op::Yield => return self.yields(me),
            _ => {}
        }
        if self.visible(op) {
            self.point(
                me,
                match *op {
                    Op::Lock { obj } => Need::Mutex(obj),
                    Op::RwLock { obj, write } => Need::RwLock(obj, write),
                    Op::Join { child } => Need::End(child),
                    _ => Need::Nothing,
                },
            );
        }
        match *op {
            Op::Wait { obj, mutex, timed } => self.wait(me, obj, mutex, timed),
            Op::Notify { obj, all } => self.notify(obj, all),
            Op::Cas { weak: true, .. } => {
                let failure = self.weak_failure(me, op);
                failure.unwrap_or_else(|| self.state.borrow_mut().apply(me, op))
            }
            _ => self.state.borrow_mut().apply(me, op),
        }
    }

    #[cold]
    fn race(&self, race: Race, lifetime: bool) -> ! {
        let run = self.run();
        let (message, sites) = stuck::unordered(&run.state(), &race);
        let kind = if lifetime { Kind::UseAfterFree } else { Kind::DataRace };
        run.fail(None, kind, message, sites)
    }
}

impl Engine for Kernel {
    fn created(&self, me: ThreadId, obj: ObjectId, kind: ObjectKind, init: u64) {
        self.state.borrow_mut().create(obj, kind, init);
        if let Some(mut r) = self.races() {
            r.created(me, obj, kind);
        }
    }

    fn perform(&self, me: ThreadId, op: &Op, site: &'static Location<'static>) -> Answer {
        // Inert while an execution is abandoned.
        if self.run().over() {
            return self.state.borrow_mut().apply(me, op);
        }
        // While a thread unwinds, from a panic that the model may still catch, another one must not run.
        if std::thread::panicking() {
            let answer = self.state.borrow_mut().apply(me, op);
            if let Some(mut r) = self.races() {
                // Its edges count; a race is not reported from a destructor.
                let _ = r.done(me, op, answer, site);
            }
            self.answered(me, op, answer);
            return answer;
        }
        let answer = self.act(me, op);
        self.answered(me, op, answer);
        // An operation that lasts (`Wait`, `Lock`) is seen when it is done: nothing else of `me` is between.
        let seen = self.races().map(|mut r| r.done(me, op, answer, site));
        if let Some(Err(race)) = seen {
            self.race(race, matches!(op, Op::Lifetime { .. } | Op::UseEnd { .. }));
        }
        answer
    }

    fn spawn(&self, me: ThreadId, child: ThreadId, body: Box<dyn FnOnce()>) {
        let kernel = Kernel::of_this_thread();
        {
            let mut s = self.state.borrow_mut();
            s.threads.push(super::state::Thread::new());
            // When `me` was scheduled there was no child that could have gone first.
            s.threads[me.0 as usize].fresh = false;
        }
        // A thread that has not begun when an execution is abandoned is dropped by shuttle when it tears down, and what its
        // body borrows may be gone by then: it is forgotten, as the stacks of those that have begun are.
        let body = ManuallyDrop::new(body);
        let task = move || {
            ManuallyDrop::into_inner(body)();
            kernel.leave();
        };
        // shuttle has a scheduling point here; a spawn is no visible operation.
        self.stay.set(true);
        let id = ExecutionState::spawn_thread(Box::new(task), STACK, None, None, Location::caller());
        // Not asked if nobody else could run; the next question is about something else.
        self.stay.set(false);
        let mut threads = self.threads.borrow_mut();
        debug_assert_eq!(threads.len(), usize::from(id));
        threads.push(child);
    }

    fn masks(&self, me: ThreadId) {
        let inert = self.run().over() || std::thread::panicking();
        if *self.discipline.borrow() == Discipline::Interrupt && !inert {
            self.point(me, Need::Nothing);
        }
    }

    fn classify(&self, message: &str, at: Option<&Location<'_>>) -> Option<Verdict> {
        let inside = at?.file().split(['/', '\\']).any(|part| part.starts_with("shuttle-"));
        inside.then(|| Verdict::Inconclusive { why: format!("shuttle panicked: {message}") })
    }

    fn declared(&self, me: ThreadId, fingerprint: Digest) {
        self.watch();
        self.lasso.borrow_mut().declared(me, fingerprint);
    }

    fn spin_begin(&self, me: ThreadId) {
        if self.lasso.borrow_mut().spins(me) {
            self.watch();
        }
    }

    fn spin_end(&self, me: ThreadId) {
        self.lasso.borrow_mut().spun(me);
    }

    fn switches_at_io(&self) -> bool {
        *self.discipline.borrow() == Discipline::Cooperative
    }

    fn precedes(&self, other: &[u32]) -> bool {
        **self.schedule.borrow() < *other
    }

    fn schedule(&self) -> Vec<u32> {
        self.schedule.try_borrow().map(|s| s.clone()).unwrap_or_default()
    }
}
