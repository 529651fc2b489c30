//! Is a log an interleaving in disguise? loom may let a read find an older value than the last one in the log, although
//! the same execution can be had without any weak memory, with the read before the write. Only what no order of the log
//! explains is a stale read.
//!
//! Sequential consistency of one log with its values is NP-complete in general (Gibbons and Korach, 1997); logs that are
//! read step by step are short.

use super::Order;
use crate::check::event::{Event, FROM_INITIAL, ObjectId, Op, ThreadId};
use std::collections::{BTreeMap, HashSet};

/// States that are looked at, at most: with three threads of 40 steps and few values, all of them.
const STATES: usize = 50_000;

/// `events` in an order in which every read of an atomic finds what was written to it last, as near to the given order as
/// can be; `None` if they are in such an order, or if there is none or none was found. `initial` is what an object held
/// when it was created.
pub fn interleaved(events: &[Event], initial: impl Fn(ObjectId) -> u64) -> Option<Vec<Event>> {
    let order = Order::of(events)?;
    let mut search =
        Search { events, order, initial, held: BTreeMap::new(), done: Vec::new(), dead: HashSet::new() };
    let mut fresh = |e: &Event| {
        let fits = search.fits(e);
        search.write(e);
        fits
    };
    if events.iter().all(&mut fresh) {
        return None;
    }
    search.held.clear();
    let mut next: BTreeMap<ThreadId, usize> = search.order.threads.keys().map(|t| (*t, 0)).collect();
    if !search.finish(&mut next) {
        return None;
    }
    let place = |i: usize| search.done.iter().position(|d| *d == i).map_or(FROM_INITIAL, |n| n as u32);
    let moved = |i: &usize| {
        let from = events[*i].from.map(|w| if w == FROM_INITIAL { w } else { place(w as usize) });
        Event { from, ..events[*i] }
    };
    Some(search.done.iter().map(moved).collect())
}

/// Reads and writes of atomics, whose order the values tell.
fn atomic(op: &Op) -> bool {
    use Op::{Cas, Load, PlainLoad, PlainStore, Rmw, Store};
    matches!(op, Load { .. } | Store { .. } | Rmw { .. } | Cas { .. } | PlainLoad { .. } | PlainStore { .. })
}

/// Threads by how far they have come, and what atomics hold that have been written: what can still follow.
type State = (Vec<usize>, Vec<(ObjectId, u64)>);

struct Search<'a, F> {
    events: &'a [Event],
    order: Order,
    initial: F,
    /// What has been written.
    held: BTreeMap<ObjectId, u64>,
    /// The order so far.
    done: Vec<usize>,
    /// From here it does not go on to the end.
    dead: HashSet<State>,
}

impl<F: Fn(ObjectId) -> u64> Search<'_, F> {
    /// Does it find what is there?
    fn fits(&self, e: &Event) -> bool {
        let (Op::Load { obj, .. } | Op::Rmw { obj, .. } | Op::Cas { obj, .. } | Op::PlainLoad { obj }) = e.op
        else {
            return true;
        };
        self.held.get(&obj).copied().unwrap_or_else(|| (self.initial)(obj)) == e.answer.value
    }

    /// Writes what it writes; says what has been there.
    fn write(&mut self, e: &Event) -> Option<(ObjectId, Option<u64>)> {
        e.written().map(|(obj, value)| (obj, self.held.insert(obj, value)))
    }

    fn ready(&self, next: &BTreeMap<ThreadId, usize>, t: ThreadId) -> Option<usize> {
        let i = *self.order.threads[&t].get(next[&t])?;
        let free = |a: &usize| {
            let (x, y) = (&self.events[*a].op, &self.events[i].op);
            // Fences order nothing more where everything is in one order.
            atomic(x) && atomic(y) || matches!((x, y), (Op::Fence { .. }, Op::Fence { .. }))
        };
        let before = self.order.after[i].iter().all(|a| free(a) || self.done.contains(a));
        (before && self.fits(&self.events[i])).then_some(i)
    }

    /// Goes on to the end, depth first.
    fn finish(&mut self, next: &mut BTreeMap<ThreadId, usize>) -> bool {
        if self.done.len() == self.events.len() {
            return true;
        }
        let state = (next.values().copied().collect(), self.held.iter().map(|(o, v)| (*o, *v)).collect());
        if self.dead.len() >= STATES || self.dead.contains(&state) {
            return false;
        }
        let mut ready: Vec<usize> = next.keys().filter_map(|t| self.ready(next, *t)).collect();
        ready.sort_unstable();
        for i in ready {
            let e = self.events[i];
            let undo = self.write(&e);
            self.done.push(i);
            next.entry(e.thread).and_modify(|n| *n += 1);
            if self.finish(next) {
                return true;
            }
            next.entry(e.thread).and_modify(|n| *n -= 1);
            self.done.pop();
            match undo {
                Some((obj, Some(old))) => self.held.insert(obj, old),
                Some((obj, None)) => self.held.remove(&obj),
                None => None,
            };
        }
        self.dead.insert(state);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::event::{Answer, MAIN};
    use std::panic::Location;
    use std::sync::atomic::Ordering::Relaxed;

    const T1: ThreadId = ThreadId(1);

    fn event(thread: ThreadId, op: Op, value: u64) -> Event {
        Event { thread, op, answer: Answer::value(value), from: None, site: Location::caller() }
    }

    fn load(t: ThreadId, nth: u32, value: u64) -> Event {
        event(t, Op::Load { obj: ObjectId::new(MAIN, nth), order: Relaxed }, value)
    }

    fn store(t: ThreadId, nth: u32, value: u64) -> Event {
        event(t, Op::Store { obj: ObjectId::new(MAIN, nth), order: Relaxed, value }, 0)
    }

    /// The threads in the order that was found.
    fn order(log: &[Event]) -> Option<Vec<u8>> {
        interleaved(log, |_| 0).map(|log| log.iter().map(|e| e.thread.0).collect())
    }

    #[test]
    fn a_read_that_only_came_late_in_the_log_comes_before_the_write() {
        // A lost update: both read 0; one log has the second read after the first write.
        let log = [load(MAIN, 0, 0), store(MAIN, 0, 1), load(T1, 0, 0), store(T1, 0, 1)];
        assert_eq!(order(&log), Some(vec![0, 1, 0, 1]));
        let last = [store(MAIN, 0, 1), load(T1, 0, 0), store(T1, 1, 7), load(MAIN, 1, 7)];
        assert_eq!(order(&last), Some(vec![1, 0, 1, 0]));
    }

    #[test]
    fn what_is_in_order_stays_and_what_no_order_explains_too() {
        assert_eq!(order(&[store(MAIN, 0, 1), load(T1, 0, 1), load(T1, 0, 1)]), None);
        // Store buffering; and a message without its content.
        let buffered = [store(MAIN, 0, 1), load(MAIN, 1, 0), store(T1, 1, 1), load(T1, 0, 0)];
        assert_eq!(order(&buffered), None);
        let message = [store(MAIN, 0, 1), store(MAIN, 1, 1), load(T1, 1, 1), load(T1, 0, 0)];
        assert_eq!(order(&message), None);
    }

    #[test]
    fn locks_and_joins_stay_in_their_order() {
        let (lock, unlock) =
            (Op::Lock { obj: ObjectId::new(MAIN, 9) }, Op::Unlock { obj: ObjectId::new(MAIN, 9) });
        let log = [
            event(MAIN, lock, 0),
            store(MAIN, 0, 1),
            event(MAIN, unlock, 0),
            event(T1, lock, 0),
            load(T1, 0, 0),
            event(T1, unlock, 0),
        ];
        assert_eq!(order(&log), None);
        let join = [event(T1, Op::Exit, 0), event(MAIN, Op::Join { child: T1 }, 0)];
        assert_eq!(order(&[store(T1, 0, 1), join[0], join[1], load(MAIN, 0, 0)]), None);
    }

    #[test]
    fn sources_move_along() {
        let mut read = load(MAIN, 1, 7);
        read.from = Some(2);
        let log = [store(MAIN, 0, 1), load(T1, 0, 0), store(T1, 1, 7), read];
        let found = interleaved(&log, |_| 0).expect("an order");
        assert_eq!(found[3].from, Some(2));
        let swapped = interleaved(
            &[log[0], log[1], store(T1, 2, 1), store(T1, 1, 7), Event { from: Some(3), ..read }],
            |_| 0,
        );
        let swapped = swapped.expect("an order");
        let at = swapped.iter().position(|e| e.from.is_some()).expect("the read");
        assert!(matches!(
            swapped[swapped[at].from.expect("its source") as usize].op,
            Op::Store { value: 7, .. }
        ));
    }
}
