//! Between facade and shuttle: performs announced operations, and offers shuttle's strategies the threads that
//! can go on.
//!
//! One `Kernel` serves one exploration and lives on one OS thread. [`Kernel::perform`] runs on the stack of the
//! acting thread; [`Driver::next_task`] runs inside `switch`, with shuttle's own state borrowed, so it touches
//! the kernel and the run and never calls shuttle. No borrow of the kernel is held across a `switch`.

use super::chooser::{Candidate, Candidates, Chooser, DATA};
use super::discipline::{Offer, View};
use super::state::{Need, Readiness, State};
use super::{Plan, STACK};
use crate::check::engine::{Engine, stuck};
use crate::check::event::{Answer, MAIN, ObjectId, ObjectKind, Op, ThreadId};
use crate::check::model::{Discipline, Outcome};
use crate::check::race::{Access, Detector, Race};
use crate::check::run::Run;
use crate::check::verdict::{Kind, Verdict};
use shuttle_engine::runtime::execution::ExecutionState;
use shuttle_engine::runtime::thread::switch;
use shuttle_engine::scheduler::{Schedule, Scheduler, Task, TaskId};
use std::cell::{Cell, RefCell};
use std::panic::Location;

thread_local! {
    static KERNEL: Cell<Option<&'static Kernel>> = const { Cell::new(None) };
}

/// One exploration.
pub struct Kernel {
    run: Cell<Option<&'static Run>>,
    step_limit: u64,
    counted_arcs: bool,
    discipline: Discipline,
    executions: u64,
    state: RefCell<State>,
    chooser: RefCell<Chooser>,
    races: Option<RefCell<Detector>>,
    schedule: RefCell<Vec<u32>>,
    /// Model thread by shuttle task.
    threads: RefCell<Vec<ThreadId>>,
    /// The next scheduling decision is none: shuttle asks at places that are no visible operation.
    stay: Cell<bool>,
    /// Steps of the execution at hand.
    steps: Cell<u64>,
    /// Executions begun.
    begun: Cell<u64>,
    /// What the scenario returned in the execution at hand.
    outcome: RefCell<Option<Outcome>>,
}

impl Kernel {
    pub(super) fn new(plan: &Plan, chooser: Chooser, detect_races: bool) -> Self {
        Kernel {
            run: Cell::new(None),
            step_limit: plan.steps,
            counted_arcs: plan.counted_arcs,
            executions: plan.executions,
            state: RefCell::default(),
            chooser: RefCell::new(chooser),
            // On one processor nothing is unordered.
            races: (detect_races && plan.discipline == Discipline::Preemptive).then(RefCell::default),
            discipline: plan.discipline.clone(),
            schedule: RefCell::default(),
            threads: RefCell::default(),
            stay: Cell::new(false),
            steps: Cell::new(0),
            begun: Cell::new(0),
            outcome: RefCell::default(),
        }
    }

    /// Makes `run` the run it reports to, and this the kernel of this OS thread.
    pub(super) fn attach(&'static self, run: &'static Run) {
        self.run.set(Some(run));
        KERNEL.set(Some(self));
    }

    pub(super) fn of_this_thread() -> &'static Kernel {
        KERNEL.get().expect("attached before shuttle was started on this OS thread")
    }

    #[inline]
    pub(super) fn run(&self) -> &'static Run {
        self.run.get().expect("attached before shuttle was started")
    }

    /// Gives the tables back: a minimiser makes thousands of kernels, and they stay for ever.
    pub(super) fn release(&self) {
        self.state.take();
        self.schedule.take();
        self.threads.take();
        if let Some(r) = &self.races {
            r.take();
        }
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
            // Having been scheduled for the first time was the choice of its first operation.
            std::mem::take(&mut t.fresh) && s.readiness(me) == Readiness::Ready
        };
        if !go_on {
            switch();
        }
        let steps = self.steps.get() + 1;
        self.steps.set(steps);
        if steps > self.step_limit {
            self.run().stop(Verdict::EngineLimit { what: "steps".to_owned() });
        }
    }

    /// One of `0..n`, recorded.
    fn choose(&self, n: u32, rare: bool) -> u32 {
        if n <= 1 {
            return 0;
        }
        let v = self.chooser.borrow_mut().data(n, rare);
        self.schedule.borrow_mut().push(DATA | v);
        v
    }

    /// `me` goes on without having been notified or unparked. `ok`: it woke spuriously, it did not time out.
    fn unprompted(&self, me: ThreadId, timed: bool) -> Answer {
        {
            let mut s = self.state.borrow_mut();
            s.threads[me.0 as usize].woke_at = Some(s.changes);
        }
        // Only a timed wait can time out; what ends an untimed one is a spurious wake-up.
        Answer { value: 0, ok: !timed || self.choose(2, true) == 1 }
    }

    fn visible(&self, op: &Op) -> bool {
        match op {
            Op::PlainLoad { .. } | Op::PlainStore { .. } | Op::CellBegin { .. } | Op::CellEnd { .. } => false,
            // A fence touches nothing, and the ends of a thread matter to `Join` alone, which waits for them.
            Op::Fence { .. } | Op::Spawn { .. } | Op::Exit | Op::Choose { .. } => false,
            // What is not ordered with the end of a lifetime is found in any order.
            Op::Lifetime { .. } => self.races.is_none(),
            Op::ArcClone { .. } | Op::ArcDrop { .. } => self.counted_arcs,
            _ => true,
        }
    }

    fn wait(&self, me: ThreadId, condvar: ObjectId, mutex: ObjectId, timed: bool) -> Answer {
        if let Some(r) = &self.races {
            r.borrow_mut().waits(me, mutex);
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

    /// Leaves those whom the discipline lets run; `false`: it lets nobody run, and that is reported.
    fn keep_discipline(&self, offer: &mut Offer<'_>, current: Option<TaskId>) -> bool {
        let starved = {
            let (state, recorded) = (self.state.borrow(), self.run().state());
            let current = current.map(|id| self.threads.borrow()[usize::from(id)]);
            View { discipline: &self.discipline, state: &state, infos: &recorded.threads, current }
                .restrict(offer)
        };
        let Err(starved) = starved else { return true };
        let pending = self.run().state().threads[starved.thread.0 as usize].pending;
        let site = pending.map(|(_, site)| (starved.thread, "waits here".to_owned(), site));
        self.run().note_failure(None, starved.kind, starved.message, site.into_iter().collect());
        false
    }

    #[cold]
    fn race(&self, race: Race, lifetime: bool) -> ! {
        let run = self.run();
        let (message, sites) = {
            let s = run.state();
            let name = stuck::object_name(&s, race.obj);
            let created = s.objects[race.obj.creator().0 as usize][race.obj.nth() as usize].site;
            let side = |a: Access| {
                let site = a.site.unwrap_or(created);
                (a.thread, format!("{} of {name}", a.what), site)
            };
            let (a, b) = (side(race.first), side(race.second));
            let message = format!(
                "{} by {} at {} and {} by {} at {} are not ordered",
                a.1,
                stuck::thread_name(&s, a.0),
                a.2,
                b.1,
                stuck::thread_name(&s, b.0),
                b.2
            );
            (message, vec![a, b])
        };
        let kind = if lifetime { Kind::UseAfterFree } else { Kind::DataRace };
        run.fail(None, kind, message, sites)
    }
}

impl Engine for Kernel {
    fn created(&self, me: ThreadId, obj: ObjectId, kind: ObjectKind, init: u64) {
        self.state.borrow_mut().create(obj, kind, init);
        if let Some(r) = &self.races {
            r.borrow_mut().created(me, obj, kind);
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
            if let Some(r) = &self.races {
                // Its edges count; a race is not reported from a destructor.
                let _ = r.borrow_mut().done(me, op, answer, site);
            }
            return answer;
        }
        let answer = self.act(me, op);
        if let Some(r) = &self.races {
            // An operation that lasts (`Wait`, `Lock`) is seen when it is done: nothing else of `me` is between.
            let seen = r.borrow_mut().done(me, op, answer, site);
            if let Err(race) = seen {
                self.race(race, matches!(op, Op::Lifetime { .. }));
            }
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
        let task = move || {
            body();
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

    fn classify(&self, message: &str, at: Option<&Location<'_>>) -> Option<Verdict> {
        let inside = at?.file().split(['/', '\\']).any(|part| part.starts_with("shuttle-"));
        inside.then(|| Verdict::Inconclusive { why: format!("shuttle panicked: {message}") })
    }

    fn schedule(&self) -> Vec<u32> {
        self.schedule.try_borrow().map(|s| s.clone()).unwrap_or_default()
    }
}

/// What shuttle's runner asks.
pub(super) struct Driver(pub(super) &'static Kernel);

impl Driver {
    /// Accounts for the execution that has just ended, if it was complete.
    fn finish(&self) {
        let run = self.0.run();
        if self.0.begun.get() == 0 || run.over() {
            return;
        }
        run.check_leaks();
        if let (false, Some(outcome)) = (run.over(), self.0.outcome.borrow_mut().take()) {
            run.end_execution(outcome);
        }
    }
}

impl Scheduler for Driver {
    fn new_execution(&mut self) -> Option<Schedule> {
        let k = self.0;
        self.finish();
        let mut chooser = k.chooser.borrow_mut();
        if k.run().over() || chooser.diverged().is_some() {
            return None;
        }
        // An exhaustive search must be asked once more to learn that it is complete.
        let more = (k.begun.get() < k.executions || chooser.exhaustive()) && chooser.new_execution();
        if !more || k.begun.get() >= k.executions {
            return None;
        }
        k.begun.set(k.begun.get() + 1);
        k.state.borrow_mut().begin_execution();
        if let Some(r) = &k.races {
            r.borrow_mut().begin_execution();
        }
        k.schedule.borrow_mut().clear();
        let mut threads = k.threads.borrow_mut();
        threads.clear();
        threads.push(MAIN);
        k.stay.set(false);
        k.steps.set(0);
        *k.outcome.borrow_mut() = None;
        k.run().begin_execution();
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, _yielding: bool) -> Option<TaskId> {
        let k = self.0;
        let run = k.run();
        if run.over() {
            return None;
        }
        if k.stay.take() {
            return current;
        }
        let threads = k.threads.borrow();
        let none = Candidates::new;
        let mut offer = Offer { ready: none(), idle: none(), spurious: none() };
        {
            let state = k.state.borrow();
            for &task in runnable {
                let thread = threads[usize::from(task.id())];
                // The scenario's thread has ended and shuttle asks before it lets it go: no choice.
                if state.threads[thread.0 as usize].ended {
                    return Some(task.id());
                }
                let candidate = Candidate { thread, task };
                match state.readiness(thread) {
                    Readiness::Ready => offer.ready.push(candidate),
                    Readiness::Idle => offer.idle.push(candidate),
                    Readiness::Spurious => offer.spurious.push(candidate),
                    Readiness::Blocked => {}
                }
            }
        }
        if k.discipline != Discipline::Preemptive && !k.keep_discipline(&mut offer, current) {
            return None;
        }
        let Offer { mut ready, idle, spurious } = offer;
        if !ready.is_empty() {
            if !spurious.is_empty() && k.chooser.borrow_mut().offers_spurious() {
                ready.extend(spurious);
            }
        } else if idle.is_empty() {
            stuck::report(run);
            return None;
        } else {
            ready = idle;
        }
        let chosen = k.chooser.borrow_mut().thread(&ready, current);
        k.schedule.borrow_mut().push(u32::from(chosen.0));
        ready.iter().find(|c| c.thread == chosen).map(|c| c.task.id())
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("model code draws through `choose`, never through shuttle")
    }
}
