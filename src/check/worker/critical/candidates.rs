//! What may decide, the most telling first.
//!
//! Spurious ends and failures come before all pairs. Of the pairs that pass, the first step is that of the one whose second
//! step is the latest, so that it is part of the harm, and which displaces fewest steps; the second is then the earliest on
//! its object that does as well: first among steps on the same object, of which one changes it, then with what threads were
//! about to do, then among all.

use crate::check::event::{Answer, Event, ObjectId, Op, ThreadId, Whim};
use crate::check::run::{Failure, Flip, Until};
use crate::check::verdict::Kind;
use std::cmp::Reverse;

/// A pair of steps, or an answer of the environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Candidate {
    /// This step waits until another is done.
    Pair { held: usize, until: Until },
    /// This step is answered otherwise.
    Answer { step: usize, whim: Whim, instead: u32 },
}

impl Candidate {
    /// What is claimed if it passes.
    pub fn flip(self) -> Flip {
        match self {
            Candidate::Pair { held, until } => Flip::Pair { held, until },
            Candidate::Answer { step, whim, instead } => Flip::Answer { step, whim, instead },
        }
    }

    /// What has been claimed.
    pub fn of(flip: Flip) -> Option<Candidate> {
        match flip {
            Flip::Pair { held, until } => Some(Candidate::Pair { held, until }),
            Flip::Answer { step, whim, instead } => Some(Candidate::Answer { step, whim, instead }),
            Flip::Untried | Flip::Unordered | Flip::NoSingle { .. } => None,
        }
    }
}

/// What could come first: a step of the log, or what a thread was about to do.
pub(super) struct Act {
    thread: ThreadId,
    /// `None`: it had not begun, so that nobody knows.
    op: Option<(Op, Answer)>,
    place: usize,
    until: Until,
}

impl Act {
    /// A step of the log.
    pub fn done(f: &Failure, i: usize) -> Act {
        let e = &f.events[i];
        Act { thread: e.thread, op: Some((e.op, e.answer)), place: i, until: Until::Step(i) }
    }
}

/// All pairs and answers, the most telling first.
pub(super) fn candidates(f: &Failure) -> Vec<Candidate> {
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
            all.push((rank, Candidate::Pair { held: i, until: act.until }));
        }
    }
    for (i, _) in f.events.iter().enumerate().filter(|(_, e)| visible(e)) {
        all.push((
            (LAST, Reverse(f.events.len()), 0, Reverse(i)),
            Candidate::Pair { held: i, until: Until::Rest },
        ));
    }
    for (i, e) in f.events.iter().enumerate() {
        let Some(whim) = e.op.whim(e.answer) else { continue };
        let (rank, alternatives) = match whim {
            Whim::Spurious | Whim::Failed => (SPURIOUS, 0..1),
            Whim::TimedOut => (OTHER_ANSWER, 0..1),
            Whim::Chosen(_, n) => (OTHER_ANSWER, 0..n.min(ALTERNATIVES)),
        };
        let others = alternatives.filter(|v| !matches!(whim, Whim::Chosen(chosen, _) if chosen == *v));
        all.extend(others.map(|instead| {
            ((rank, Reverse(i), 0, Reverse(i)), Candidate::Answer { step: i, whim, instead })
        }));
    }
    all.sort_by_key(|(rank, _)| *rank);
    all.into_iter().map(|(_, c)| c).collect()
}

/// A spurious end or failure: who is deceived by one is wrong in any order. Before all pairs.
const SPURIOUS: u8 = 0;
/// A value is changed back before it is compared with what was read of it.
const CHANGED_BACK: u8 = 0;
/// On one object that has a name, or a wait that came too late.
pub(super) const NAMED: u8 = 1;
/// The same, not done yet.
const NOT_YET: u8 = 2;
/// On an object without a name.
const UNNAMED: u8 = 3;
/// A thread that had not begun.
const NOT_BEGUN: u8 = 4;
/// A timeout or a choice: models are made to have them, so the order of steps tells more, unless it is of steps that have
/// nothing in common.
const OTHER_ANSWER: u8 = 5;
/// Two steps that have nothing in common.
const UNRELATED: u8 = 6;
/// Nothing is known of what the others do.
const LAST: u8 = 7;
/// Of one choice, so many alternatives are tried.
const ALTERNATIVES: u32 = 8;

/// How much a pair is likely to tell: the less the more.
pub(super) fn class(f: &Failure, i: usize, act: &Act) -> u8 {
    let (e, Some((op, answer))) = (&f.events[i], act.op) else { return NOT_BEGUN };
    let named = |o: ObjectId| f.objects.get(&o).is_some_and(|i| i.name.is_some());
    match conflict((&e.op, e.answer, e.thread), (&op, answer, act.thread)) {
        None => UNRELATED,
        Some(o) if !o.is_none_or(named) => UNNAMED,
        _ if act.place == f.events.len() && !matches!(op, Op::Wait { .. }) => NOT_YET,
        _ if changed_back(f, i, act.place) => CHANGED_BACK,
        _ => NAMED,
    }
}

/// Has the thread that fails loaded at `read` what the other wrote at `write`, and gone on by it? Its last step is the
/// look that finds the harm, and not yet that which leads to it.
pub(super) fn misled(f: &Failure, write: usize, read: usize) -> bool {
    let e = &f.events[read];
    let (true, true) = (f.thread == Some(e.thread), matches!(f.kind, Kind::Assertion | Kind::Panic)) else {
        return false;
    };
    let (Op::Load { obj, .. }, Some(_)) = (e.op, wrote(&f.events[write])) else { return false };
    let on = |w: &Event| w.op.object() == Some(obj) && wrote(w).is_some();
    let newest = || f.events[..read].iter().rposition(on);
    let from = e.from.map_or_else(newest, |w| Some(w as usize));
    from == Some(write) && f.events[read + 1..].iter().any(|later| later.thread == e.thread)
}

/// What it leaves in its atomic, if it writes.
fn wrote(e: &Event) -> Option<u64> {
    match e.op {
        Op::Store { value, .. } | Op::PlainStore { value, .. } => Some(value),
        Op::Rmw { rmw, operand, width, .. } => Some(rmw.apply(width, e.answer.value, operand)),
        Op::Cas { new, .. } if e.answer.ok => Some(new),
        _ => None,
    }
}

/// Does the exchange at `cas` succeed because `back` has put back what its thread had read before?
fn changed_back(f: &Failure, back: usize, cas: usize) -> bool {
    let Some(Event { thread, op: Op::Cas { obj, expected, .. }, answer, .. }) = f.events.get(cas) else {
        return false;
    };
    let on = |e: &Event| e.op.object() == Some(*obj);
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
pub(super) fn visible(e: &Event) -> bool {
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
