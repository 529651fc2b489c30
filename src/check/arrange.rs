//! Logs put into an order that people can follow.
//!
//! A log is one of many orders of the same execution: neighbours that do not depend on each other may change places
//! (Mazurkiewicz, *Trace Theory*, 1987). Here a log is put into an order with few switches ([`tidied`]), or into one in
//! which every read finds the newest value ([`interleaved`]).

mod interleave;

use super::event::{Event, FROM_INITIAL, ObjectId, Op, ThreadId};
pub use interleave::interleaved;
use std::collections::BTreeMap;

/// Longer logs stay as they are: nobody reads them step by step.
const LONGEST: usize = 1_000;

/// `events` in an order with few switches: each thread goes on for as long as it depends on nobody.
pub fn tidied(events: &[Event]) -> Vec<Event> {
    Order::of(events).map_or_else(|| events.to_vec(), |o| o.linear(events))
}

/// The other thread that the operation is about.
fn partner(op: &Op) -> Option<ThreadId> {
    match *op {
        Op::Spawn { child } | Op::Join { child } => Some(child),
        Op::Unpark { thread } => Some(thread),
        _ => None,
    }
}

/// Leaves the object as it is.
fn only_reads(e: &Event) -> bool {
    match e.op {
        Op::Load { .. } | Op::PlainLoad { .. } | Op::ArcCount { .. } => true,
        Op::CellBegin { write, .. } | Op::CellEnd { write, .. } => !write,
        Op::Lifetime { end, .. } => !end,
        Op::UseEnd { .. } => true,
        Op::Cas { .. } => !e.answer.ok,
        _ => false,
    }
}

/// What must stay in order: for each event, the earlier ones that it depends on.
struct Order {
    after: Vec<Vec<usize>>,
    /// Events by thread.
    threads: BTreeMap<ThreadId, Vec<usize>>,
}

impl Order {
    /// `None` if the log is too long.
    fn of(events: &[Event]) -> Option<Order> {
        if events.len() > LONGEST {
            return None;
        }
        let mut threads: BTreeMap<ThreadId, Vec<usize>> = BTreeMap::new();
        let mut touched: Vec<[Option<ObjectId>; 3]> = Vec::with_capacity(events.len());
        for (i, e) in events.iter().enumerate() {
            let mine = threads.entry(e.thread).or_default();
            touched.push([e.op.object(), None, None]);
            if let Op::Wait { obj, mutex, .. } = e.op {
                touched[i][1] = Some(mutex);
                // It is recorded when it is over. It began, and let go of the mutex, after the thread's step before.
                if let Some(before) = mine.last() {
                    touched[*before][1..].copy_from_slice(&[Some(obj), Some(mutex)]);
                }
            }
            mine.push(i);
        }
        let depends = |a: usize, b: usize| {
            let (x, y) = (&events[a], &events[b]);
            let meet = |o: &Option<ObjectId>| o.is_some() && touched[b].contains(o);
            let fences = matches!((x.op, y.op), (Op::Fence { .. }, Op::Fence { .. }));
            let parks =
                |x: &Event, y: &Event| matches!(y.op, Op::Park { .. }) && partner(&x.op) == Some(y.thread);
            let begins = matches!(x.op, Op::Spawn { child } if child == y.thread);
            let ends = matches!(y.op, Op::Join { child } if child == x.thread);
            let waits = touched[a][1].is_some() || touched[b][1].is_some();
            let meets = touched[a].iter().any(meet) && (waits || !(only_reads(x) && only_reads(y)));
            meets || fences || begins || ends || parks(x, y) || parks(y, x)
        };
        let after = (0..events.len())
            .map(|b| (0..b).filter(|&a| events[a].thread != events[b].thread && depends(a, b)).collect())
            .collect();
        Some(Order { after, threads })
    }

    fn linear(&self, events: &[Event]) -> Vec<Event> {
        let mut next: BTreeMap<ThreadId, usize> = self.threads.keys().map(|t| (*t, 0)).collect();
        let mut place: Vec<Option<u32>> = vec![None; events.len()];
        let mut out: Vec<Event> = Vec::with_capacity(events.len());
        // The next step of the thread, if what it depends on is there.
        let ready = |next: &BTreeMap<ThreadId, usize>, place: &[Option<u32>], t: ThreadId| {
            let i = *self.threads[&t].get(next[&t])?;
            self.after[i].iter().all(|a| place[*a].is_some()).then_some(i)
        };
        // Of the threads that can go on, the one that was first to.
        while let Some(first) = self.threads.keys().filter_map(|t| ready(&next, &place, *t)).min() {
            let t = events[first].thread;
            while let Some(i) = ready(&next, &place, t) {
                let mut e = events[i];
                // A write that comes later in this order has no place yet.
                e.from =
                    e.from.map(|w| place.get(w as usize).copied().map_or(w, |at| at.unwrap_or(FROM_INITIAL)));
                place[i] = Some(out.len() as u32);
                *next.entry(t).or_insert(0) += 1;
                out.push(e);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::event::{Answer, MAIN};
    use std::panic::Location;
    use std::sync::atomic::Ordering;

    const T1: ThreadId = ThreadId(1);

    fn object(nth: u32) -> ObjectId {
        ObjectId::new(MAIN, nth)
    }

    fn event(thread: ThreadId, op: Op, value: u64) -> Event {
        Event { thread, op, answer: Answer::value(value), from: None, site: Location::caller() }
    }

    fn load(t: ThreadId, nth: u32, value: u64) -> Event {
        event(t, Op::Load { obj: object(nth), order: Ordering::SeqCst }, value)
    }

    fn store(t: ThreadId, nth: u32, value: u64) -> Event {
        event(t, Op::Store { obj: object(nth), order: Ordering::SeqCst, value }, 0)
    }

    fn threads(events: &[Event]) -> Vec<u8> {
        events.iter().map(|e| e.thread.0).collect()
    }

    #[test]
    fn what_depends_on_nothing_is_brought_together() {
        let log = vec![store(MAIN, 0, 1), store(T1, 1, 1), store(MAIN, 0, 2), store(T1, 1, 2)];
        assert_eq!(threads(&tidied(&log)), [0, 0, 1, 1]);
    }

    #[test]
    fn what_meets_stays_in_order() {
        let log = vec![store(MAIN, 0, 1), store(T1, 0, 2), load(MAIN, 0, 2), load(T1, 0, 2)];
        assert_eq!(
            threads(&tidied(&log)),
            [0, 1, 1, 0],
            "the store is read after it, by whom first does not matter"
        );
        // Two reads do not meet, unless a write lies between.
        let log = vec![load(MAIN, 0, 0), load(T1, 0, 0), load(MAIN, 0, 0), load(T1, 0, 0)];
        assert_eq!(threads(&tidied(&log)), [0, 0, 1, 1]);
    }

    #[test]
    fn threads_begin_when_they_are_spawned_and_end_before_they_are_joined() {
        let spawn = event(MAIN, Op::Spawn { child: T1 }, 0);
        let join = event(MAIN, Op::Join { child: T1 }, 0);
        let log = vec![spawn, store(T1, 1, 1), store(MAIN, 0, 1), join];
        assert_eq!(threads(&tidied(&log)), [0, 0, 1, 0]);
    }

    /// A wait is in the log where it ends; its beginning let the other thread in.
    #[test]
    fn nobody_takes_a_mutex_before_the_waiter_has_let_go_of_it() {
        let (m, c) = (object(0), object(1));
        let log = vec![
            event(MAIN, Op::Lock { obj: m }, 0),
            load(MAIN, 2, 0),
            event(T1, Op::Lock { obj: m }, 0),
            event(T1, Op::Notify { obj: c, all: true }, 1),
            event(T1, Op::Unlock { obj: m }, 0),
            event(MAIN, Op::Wait { obj: c, mutex: m, timed: false }, 0),
        ];
        let swapped: Vec<Event> = [2, 3, 4, 0, 1, 5].map(|i| log[i]).to_vec();
        assert_eq!(threads(&tidied(&log)), [0, 0, 1, 1, 1, 0]);
        // Without the wait it might: the other way round is another execution, and stays as it is, too.
        assert_eq!(threads(&tidied(&swapped)), [1, 1, 1, 0, 0, 0]);
    }

    #[test]
    fn sources_move_along() {
        let mut read = load(T1, 0, 1);
        read.from = Some(1);
        let got = tidied(&[store(T1, 1, 1), store(MAIN, 0, 1), store(T1, 1, 2), read]);
        assert_eq!(threads(&got), [1, 1, 0, 1]);
        assert_eq!(got[3].from, Some(2));
    }
}
