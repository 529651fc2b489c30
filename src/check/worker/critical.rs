//! Which order of steps decides: for a failing execution of any engine, the two steps that need only come the other way
//! round for the property to hold.
//!
//! Nothing is guessed. The failing log is run again under shuttle's kernel, first as it is (it must fail in the same way),
//! then with one thread held back before one of its steps until another has done one of its own; what is claimed is what
//! has passed. Of the pairs that pass, the first step is that of the one whose second step is the latest, so that it is part
//! of the harm, and which displaces fewest steps; the second is then the earliest on its object that does as well: first among steps on the same object, of which one changes it, then with
//! what threads were about to do, then among all. What comes after the failure has no order to follow; there each thread
//! goes first in turn.
//!
//! After hermit's analysis of schedules (Meta), which ends in one adjacent pair of events, and delta debugging of
//! schedules (Choi and Zeller, 2002).

use super::shrink::{Last, logged, once, same_failure};
use crate::check::engine::shuttle::{self, Hold, Kept};
use crate::check::engine::{Exploration, Plan};
use crate::check::event::{Answer, Event, ObjectId, Op, ThreadId};
use crate::check::model::Scenario;
use crate::check::run::{Execution, Failure};
use crate::check::run::{Flip, Until};
use crate::check::verdict::Verdict;
use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// Executions at most, for one counterexample. Counted, so that the same seed gives the same pair.
const TRIED: usize = 3_000;
/// A safety net where executions are slow.
const TIME: Duration = Duration::from_secs(4);
/// Longer logs are left alone: they are not read step by step.
const LONGEST: usize = 400;

/// Looks for the pair, and leaves it and the execution that passes in `failure`.
pub fn decide(scenario: &Scenario, plan: &Plan, failure: &mut Failure) {
    if failure.events.is_empty() || failure.events.len() > LONGEST {
        return;
    }
    let t = Trial::new(scenario, plan);
    if !t.fails_the_same(failure) {
        failure.flip = Flip::Unordered;
        return;
    }
    failure.flip = Flip::NoSingle;
    let until = Instant::now() + TIME;
    let threads = 0..failure.threads.len() as u8;
    let tails = || std::iter::once(None).chain(threads.clone().map(|t| Some(ThreadId(t))));
    let all = candidates(failure).into_iter().flat_map(|c| tails().map(move |t| (c, t)));
    for (c, tail) in all.take(TRIED) {
        if Instant::now() > until {
            return;
        }
        if let Some(passing) = t.passes(failure, c, tail) {
            // That a thread comes first which then does nothing is no cause.
            let idle = |t: u8| !passing.events.iter().any(|e| e.thread.0 == t && visible(e));
            if matches!(c.until, Until::Next(t) if idle(t)) {
                continue;
            }
            let (c, passing) = t.as_early(failure, c, tail, passing);
            failure.flip = Flip::Pair { held: c.held, until: c.until };
            failure.passing = Some(Box::new(passing));
            return;
        }
    }
}

/// Does the reordering that `failure` names still make it pass? Runs it again, for tests of what is printed.
pub fn holds(scenario: &Scenario, plan: &Plan, failure: &Failure) -> bool {
    let Flip::Pair { held, until } = failure.flip else { return false };
    let t = Trial::new(scenario, plan);
    let threads = 0..failure.threads.len() as u8;
    let mut tails = std::iter::once(None).chain(threads.map(|t| Some(ThreadId(t))));
    t.fails_the_same(failure)
        && tails.any(|tail| t.passes(failure, Candidate { held, until }, tail).is_some())
}

struct Trial {
    /// Leaves its last complete execution in `last`.
    scenario: Scenario,
    plan: Plan,
    last: Last,
}

impl Trial {
    fn new(scenario: &Scenario, plan: &Plan) -> Trial {
        let last = Last::default();
        Trial { scenario: logged(scenario, &last), plan: once(plan), last }
    }

    fn run(
        &self,
        failure: &Failure,
        hold: Option<Hold>,
        tail: Option<ThreadId>,
    ) -> Option<(Exploration, Kept)> {
        let run = || shuttle::guided(&self.scenario, &self.plan, failure, hold, tail);
        catch_unwind(AssertUnwindSafe(run)).ok()
    }

    /// Does the log, followed, fail as it did?
    fn fails_the_same(&self, failure: &Failure) -> bool {
        self.run(failure, None, None).and_then(|(e, _)| same_failure(failure, e)).is_some()
    }

    /// The same with the earliest step that does as well: those between have come first with it, and may have been what
    /// mattered.
    fn as_early(
        &self,
        f: &Failure,
        c: Candidate,
        tail: Option<ThreadId>,
        passing: Execution,
    ) -> (Candidate, Execution) {
        let Until::Step(last) = c.until else { return (c, passing) };
        if class(f, c.held, &Act::done(f, last)) != 1 {
            return (c, passing);
        }
        let others = (c.held + 1..last).filter(|&i| f.events[i].thread != f.events[c.held].thread);
        let telling = others.filter(|&i| visible(&f.events[i]) && class(f, c.held, &Act::done(f, i)) == 1);
        let mut earlier = telling.map(|i| Candidate { until: Until::Step(i), ..c });
        let found = earlier.find_map(|c| Some((c, self.passes(f, c, tail)?)));
        found.unwrap_or((c, passing))
    }

    /// The execution, if it is complete, nothing is violated in it, the thread was held back to the end, and what it waited
    /// for was done and not something else.
    fn passes(&self, failure: &Failure, c: Candidate, tail: Option<ThreadId>) -> Option<Execution> {
        let take = || self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        take();
        let hold = c.hold(failure);
        let (e, kept) = self.run(failure, Some(hold), tail)?;
        let complete = matches!(e.verdict, Verdict::NotFound { .. }) && e.executions == 1;
        let passed = e.failure.is_none() && complete && kept.met && !kept.broken;
        let passing = take().filter(|_| passed)?;
        let (Some((other, nth)), Some(op)) = (hold.until, c.op(failure)) else { return Some(passing) };
        let done = passing.events.iter().filter(|e| e.thread == other).nth(nth)?.op;
        (done.code() == op.code() && done.object() == op.object()).then_some(passing)
    }
}

/// A pair that may decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Candidate {
    held: usize,
    until: Until,
}

impl Candidate {
    /// What has to come first, if that is known.
    fn op(self, f: &Failure) -> Option<Op> {
        match self.until {
            Until::Step(i) => Some(f.events[i].op),
            Until::Next(t) => f.threads[usize::from(t)].pending.map(|(op, _)| op),
            Until::Rest => None,
        }
    }

    fn hold(self, f: &Failure) -> Hold {
        let nth = |i: usize| f.events[..i].iter().filter(|e| e.thread == f.events[i].thread).count();
        let until = match self.until {
            Until::Step(i) => Some((f.events[i].thread, nth(i))),
            Until::Next(t) => Some((ThreadId(t), f.events.iter().filter(|e| e.thread.0 == t).count())),
            Until::Rest => None,
        };
        Hold { thread: f.events[self.held].thread, nth: nth(self.held), until }
    }
}

/// What could come first: a step of the log, or what a thread was about to do.
struct Act {
    thread: ThreadId,
    /// `None`: it had not begun, so that nobody knows.
    op: Option<(Op, Answer)>,
    place: usize,
    until: Until,
}

impl Act {
    /// A step of the log.
    fn done(f: &Failure, i: usize) -> Act {
        let e = &f.events[i];
        Act { thread: e.thread, op: Some((e.op, e.answer)), place: i, until: Until::Step(i) }
    }
}

/// All pairs, the most telling first.
fn candidates(f: &Failure) -> Vec<Candidate> {
    let done = (0..f.events.len()).map(|i| Act::done(f, i));
    let next = f.threads.iter().enumerate().filter(|(_, t)| !t.ended).filter_map(|(n, t)| {
        let thread = ThreadId(n as u8);
        let began = f.events.iter().any(|e| e.thread == thread);
        let op = t.pending.map(|(op, _)| (op, Answer::DONE));
        let until = Until::Next(thread.0);
        (op.is_some() || !began).then_some(Act { thread, op, place: f.events.len(), until })
    });
    let mut all = Vec::new();
    for act in done.chain(next) {
        // The end of a thread, and what it says of others, is no step that a reader would move.
        if act.op.is_some_and(|(op, _)| matches!(op, Op::Exit | Op::Spawn { .. } | Op::CellEnd { .. })) {
            continue;
        }
        for (i, e) in f.events[..act.place].iter().enumerate().filter(|(_, e)| visible(e)) {
            if e.thread == act.thread {
                continue;
            }
            let class = class(f, i, &act);
            let rank = (class, Reverse(act.place), displaced(&f.events, i, &act), Reverse(i));
            all.push((rank, Candidate { held: i, until: act.until }));
        }
    }
    for (i, _) in f.events.iter().enumerate().filter(|(_, e)| visible(e)) {
        all.push(((LAST, Reverse(f.events.len()), 0, Reverse(i)), Candidate { held: i, until: Until::Rest }));
    }
    all.sort_by_key(|(rank, _)| *rank);
    all.into_iter().map(|(_, c)| c).collect()
}

/// Nothing is known of what the others do.
const LAST: u8 = 6;

/// 0: a value is changed back before it is compared with what was read of it; 1: on one object that has a name, or a wait
/// that came too late; 2: the same, not done yet; 3: on an object without a name; 4: a thread that had not begun; 5:
/// nothing in common.
fn class(f: &Failure, i: usize, act: &Act) -> u8 {
    let (e, Some((op, answer))) = (&f.events[i], act.op) else { return 4 };
    let named = |o: ObjectId| f.objects.get(&o).is_some_and(|i| i.name.is_some());
    match conflict((&e.op, e.answer, e.thread), (&op, answer, act.thread)) {
        None => 5,
        Some(o) if !o.is_none_or(named) => 3,
        _ if act.place == f.events.len() && !matches!(op, Op::Wait { .. }) => 2,
        _ => u8::from(!changed_back(f, i, act.place)),
    }
}

/// Does the exchange at `cas` succeed because `back` has put back what its thread had read before?
fn changed_back(f: &Failure, back: usize, cas: usize) -> bool {
    let Some(Event { thread, op: Op::Cas { obj, expected, .. }, answer, .. }) = f.events.get(cas) else {
        return false;
    };
    let on = |e: &Event| e.op.object() == Some(*obj);
    let wrote = |e: &Event| match e.op {
        Op::Store { value, .. } => Some(value),
        Op::Rmw { rmw, operand, width, .. } => Some(rmw.apply(width, e.answer.value, operand)),
        Op::Cas { new, .. } if e.answer.ok => Some(new),
        _ => None,
    };
    let read = |e: &Event| matches!(e.op, Op::Load { .. } | Op::Cas { .. }) && e.answer.value == *expected;
    let looked = f.events[..back].iter().rposition(|e| e.thread == *thread && on(e) && read(e));
    let Some(looked) = looked.filter(|_| answer.ok) else { return false };
    let between = f.events[looked + 1..cas].iter().enumerate().filter(|(_, e)| on(e));
    let mut writes = between.filter_map(|(n, e)| Some((looked + 1 + n, wrote(e)?)));
    let left = writes.clone().any(|(_, value)| value != *expected);
    let by_others =
        f.events[looked + 1..cas].iter().all(|e| !on(e) || wrote(e).is_none() || e.thread != *thread);
    left && by_others && writes.next_back() == Some((back, *expected))
}

/// Does the order of the two matter by itself? On which object, if they are about one.
fn conflict(a: (&Op, Answer, ThreadId), b: (&Op, Answer, ThreadId)) -> Option<Option<ObjectId>> {
    match (a, b) {
        ((Op::Unpark { thread }, ..), (Op::Park { .. }, _, t))
        | ((Op::Park { .. }, _, t), (Op::Unpark { thread }, ..)) => (*thread == t).then_some(None),
        ((a, x, _), (b, y, _)) => {
            let object = a.object().filter(|o| b.object() == Some(*o))?;
            // Giving a lock back matters to those who do not wait for it.
            let gives = |op: &Op| matches!(op, Op::Unlock { .. } | Op::RwUnlock { .. });
            let tries = |op: &Op| matches!(op, Op::TryLock { .. } | Op::TryRwLock { .. });
            if gives(a) && !tries(b) || gives(b) && !tries(a) {
                return None;
            }
            (changes(a, x) || changes(b, y)).then_some(Some(object))
        }
    }
}

/// Does it matter to the others on its object when it comes? Reads that find what is there do not, to other reads.
fn changes(op: &Op, a: Answer) -> bool {
    match op {
        Op::Cas { .. } | Op::TryLock { .. } | Op::TryRwLock { .. } | Op::ArcUpgrade { .. } => a.ok,
        Op::Rmw { rmw, operand, width, .. } => rmw.apply(*width, a.value, *operand) != a.value,
        Op::CellBegin { write, .. } | Op::RwLock { write, .. } => *write,
        Op::Lifetime { end, .. } => *end,
        Op::Store { .. } | Op::PlainStore { .. } | Op::Lock { .. } | Op::Unlock { .. } => true,
        Op::RwUnlock { .. } | Op::Notify { .. } | Op::ArcClone { .. } | Op::ArcDrop { .. } => true,
        _ => false,
    }
}

/// Steps at which a scheduler can hold a thread back, and that a reader sees.
fn visible(e: &Event) -> bool {
    !matches!(
        e.op,
        Op::Exit
            | Op::Spawn { .. }
            | Op::CellEnd { .. }
            | Op::PlainLoad { .. }
            | Op::PlainStore { .. }
            | Op::Fence { .. }
            | Op::Choose { .. }
            | Op::ArcClone { .. }
            | Op::ArcDrop { .. }
    )
}

/// How many pairs of steps stand the other way round if the thread of `held` waits there for `act`.
fn displaced(log: &[Event], held: usize, act: &Act) -> usize {
    let (mut waiting, mut pairs) = (0, 0);
    for e in log[held..].iter().take(act.place + 1 - held).filter(|e| visible(e)) {
        if e.thread == log[held].thread {
            waiting += 1;
        } else {
            pairs += waiting;
        }
    }
    pairs + if act.place == log.len() { waiting } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::always;
    use crate::check::engine::exact;
    use crate::check::model::Outcome;
    use crate::check::runner::trace::Trace;
    use crate::sync::{Arc, AtomicUsize, Condvar, Mutex, Named, Ordering::SeqCst, thread};

    /// The failure that the exact engine finds, decided.
    fn decided<O: Into<Outcome>>(f: impl Fn() -> O + Send + Sync + 'static) -> (Scenario, Failure) {
        let scenario: Scenario = std::sync::Arc::new(move || f().into());
        let plan = Plan { executions: 10_000, ..Plan::default() };
        let mut f = exact::explore(&scenario, &plan).failure.expect("it fails");
        decide(&scenario, &plan, &mut f);
        (scenario, *f)
    }

    fn pair(f: &Failure) -> [String; 2] {
        let t = Trace::of(f);
        let Flip::Pair { held, until: Until::Step(other) } = f.flip else { panic!("{:?}", f.flip) };
        [held, other].map(|i| t.events[i].text.clone())
    }

    /// The read of one and the write of the other, and not the two writes: with these alone the other way round, the
    /// update is lost all the same.
    #[test]
    fn of_a_lost_update_the_read_and_the_write_decide() {
        let (scenario, f) = decided(|| {
            let n = Arc::new(AtomicUsize::new(0).named("n"));
            let theirs = n.clone();
            let t = thread::spawn(move || theirs.store(theirs.load(SeqCst) + 1, SeqCst));
            n.store(n.load(SeqCst) + 1, SeqCst);
            t.join().unwrap();
            always("counted", n.load(SeqCst) == 2, || "lost".into());
            "counted"
        });
        assert_eq!(pair(&f), ["load n -> 0 (sc)", "store n = 1 (sc)"]);
        assert!(holds(&scenario, &Plan::default(), &f));
        // The two writes: tried, and refused.
        let writes = |e: &Event| matches!(e.op, Op::Store { .. });
        let first = f.events.iter().position(writes).expect("a write");
        let last = f.events.iter().rposition(writes).expect("another");
        let guess = Flip::Pair { held: first, until: Until::Step(last) };
        assert!(!holds(&scenario, &Plan::default(), &Failure { flip: guess, ..f }));
    }

    /// What comes too late has not been done when it fails: a wait counts from its beginning.
    #[test]
    fn a_wait_has_to_begin_before_the_signal() {
        let (scenario, f) = decided(|| {
            let shared = Arc::new((AtomicUsize::new(0), Mutex::new(()), Condvar::new().named("changed")));
            let theirs = shared.clone();
            let t = thread::spawn(move || {
                let mut guard = theirs.1.lock();
                if theirs.0.load(SeqCst) == 0 {
                    theirs.2.wait(&mut guard);
                }
            });
            shared.0.store(1, SeqCst);
            shared.2.notify_one();
            t.join().unwrap();
            "woken"
        });
        let Flip::Pair { held, until: Until::Next(1) } = f.flip else { panic!("{:?}", f.flip) };
        assert!(matches!(f.events[held].op, Op::Notify { .. }));
        assert!(holds(&scenario, &Plan::default(), &f));
    }

    /// A value that is put back: the write that does so and the exchange that is deceived, before any other pair.
    #[test]
    fn of_a_value_that_comes_back_the_exchange_decides() {
        let (_, f) = decided(|| {
            let n = Arc::new(AtomicUsize::new(1).named("n"));
            let theirs = n.clone();
            let t = thread::spawn(move || {
                theirs.store(2, SeqCst);
                theirs.store(1, SeqCst);
                theirs.load(SeqCst)
            });
            let seen = n.load(SeqCst);
            let between = n.load(SeqCst);
            let took = n.compare_exchange(seen, 3, SeqCst, SeqCst).is_ok();
            always("untouched", !took || between == seen, || "it was away".into());
            t.join().unwrap();
            "done"
        });
        assert_eq!(pair(&f), ["store n = 1 (sc)", "CAS n 1->3 ok (sc)"]);
    }

    #[test]
    fn what_always_fails_has_no_pair() {
        let (_, f) = decided(|| {
            let n = Arc::new(AtomicUsize::new(0).named("n"));
            let theirs = n.clone();
            let t = thread::spawn(move || theirs.store(1, SeqCst));
            let _ = n.load(SeqCst);
            t.join().unwrap();
            always("zero", n.load(SeqCst) == 0, || "one".into());
            "zero"
        });
        assert_eq!((f.flip, f.passing.is_some()), (Flip::NoSingle, false));
    }

    /// What fails under weak memory alone does not fail where the log is run again.
    #[test]
    fn a_stale_read_has_no_pair() {
        use crate::sync::Ordering::Relaxed;
        let (_, f) = decided(|| {
            let (data, flag) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (d, g) = (data.clone(), flag.clone());
            let t = thread::spawn(move || {
                d.store(7, Relaxed);
                g.store(1, Relaxed);
            });
            if flag.load(Relaxed) == 1 {
                always("sees-the-data", data.load(Relaxed) == 7, || "old".into());
            }
            t.join().unwrap();
            "read"
        });
        assert_eq!(f.flip, Flip::Unordered);
    }
}
