//! The waiters: a first-in first-out list in a slab, used under the gate's lock. Plain data, no concurrency of its
//! own; a slot is reused when its waiter has left, so a queue that has grown once does not allocate again.

use super::Epoch;
use crate::sync::Arc;
use crate::sync::thread::Thread;
use std::task::Waker;

/// How to wake a waiter.
pub(super) enum Wake {
    /// A blocked thread.
    Thread(Thread),
    /// A pending task.
    Task(Waker),
}

impl Wake {
    pub(super) fn wake(self) {
        match self {
            Wake::Thread(thread) => thread.unpark(),
            Wake::Task(waker) => waker.wake(),
        }
    }
}

/// How an attempt came out.
pub(super) enum Outcome<E> {
    Connected,
    Failed(Arc<E>),
    Abandoned,
}

impl<E> Clone for Outcome<E> {
    fn clone(&self) -> Self {
        match self {
            Outcome::Connected => Outcome::Connected,
            Outcome::Failed(error) => Outcome::Failed(error.clone()),
            Outcome::Abandoned => Outcome::Abandoned,
        }
    }
}

/// Names a registered waiter. Valid from `push` until `remove`, which its owner calls exactly once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key(u32);

/// No slot.
const NONE: u32 = u32::MAX;

/// | entry | in the list | moved by | to |
/// |---|---|---|---|
/// | vacant | of free slots | `push` | waiting |
/// | waiting | of waiters | `complete`, with its epoch | completed |
/// | waiting | of waiters | `remove`: cancelled | vacant |
/// | completed | none | `remove`: the waiter has its outcome | vacant |
enum Entry<E> {
    Vacant { next: u32 },
    Waiting { epoch: Epoch, wake: Wake, prev: u32, next: u32 },
    Completed(Outcome<E>),
}

pub(super) struct Queue<E> {
    slots: Vec<Entry<E>>,
    /// The oldest waiter.
    head: u32,
    /// The youngest waiter.
    tail: u32,
    /// The first free slot.
    free: u32,
}

impl<E> Queue<E> {
    pub(super) fn new() -> Self {
        Queue { slots: Vec::new(), head: NONE, tail: NONE, free: NONE }
    }

    /// Registers a waiter of `epoch` behind all others.
    pub(super) fn push(&mut self, epoch: Epoch, wake: Wake) -> Key {
        let entry = Entry::Waiting { epoch, wake, prev: self.tail, next: NONE };
        let at = self.free;
        let at = if at == NONE {
            self.slots.push(entry);
            u32::try_from(self.slots.len() - 1).ok().filter(|&n| n != NONE).expect("2^32 - 1 waiters")
        } else {
            let Entry::Vacant { next } = std::mem::replace(&mut self.slots[at as usize], entry) else {
                unreachable!("the free list holds vacant slots")
            };
            self.free = next;
            at
        };
        let tail = std::mem::replace(&mut self.tail, at);
        *self.next_of(tail) = at;
        Key(at)
    }

    /// Gives `outcome` to the waiters of `epoch`, oldest first, as many as `batch` (all `None`) has room for, and
    /// puts there how to wake them. Returns how many.
    pub(super) fn complete(
        &mut self,
        epoch: Epoch,
        outcome: &Outcome<E>,
        batch: &mut [Option<Wake>],
    ) -> usize {
        let (mut at, mut done) = (self.head, 0);
        while at != NONE && done < batch.len() {
            let Entry::Waiting { epoch: waits_for, next, .. } = &self.slots[at as usize] else {
                unreachable!("the list holds waiters")
            };
            let next = *next;
            if *waits_for == epoch {
                batch[done] = Some(self.unlink(at, Entry::Completed(outcome.clone())));
                done += 1;
            }
            at = next;
        }
        done
    }

    /// How the waiter will be woken; `None` if its attempt has ended.
    pub(super) fn registered(&mut self, key: Key) -> Option<&mut Wake> {
        match &mut self.slots[key.0 as usize] {
            Entry::Waiting { wake, .. } => Some(wake),
            Entry::Completed(_) => None,
            Entry::Vacant { .. } => unreachable!("a key is used up by `remove`"),
        }
    }

    /// The waiter leaves: with its outcome, or, if it does not wait for it, with how it would have been woken.
    pub(super) fn remove(&mut self, key: Key) -> Result<Outcome<E>, Wake> {
        let at = key.0;
        let vacant = Entry::Vacant { next: self.free };
        let left = match &self.slots[at as usize] {
            Entry::Waiting { .. } => Err(self.unlink(at, vacant)),
            Entry::Completed(_) => match std::mem::replace(&mut self.slots[at as usize], vacant) {
                Entry::Completed(outcome) => Ok(outcome),
                _ => unreachable!(),
            },
            Entry::Vacant { .. } => unreachable!("a key is used up by `remove`"),
        };
        self.free = at;
        left
    }

    /// Takes a waiter out of the list and leaves `instead` in its slot.
    fn unlink(&mut self, at: u32, instead: Entry<E>) -> Wake {
        let Entry::Waiting { wake, prev, next, .. } =
            std::mem::replace(&mut self.slots[at as usize], instead)
        else {
            unreachable!("only waiters are in the list")
        };
        *self.next_of(prev) = next;
        *self.prev_of(next) = prev;
        wake
    }

    /// What points at the waiter behind `at`; the head of the list, for none.
    fn next_of(&mut self, at: u32) -> &mut u32 {
        if at == NONE {
            return &mut self.head;
        }
        match &mut self.slots[at as usize] {
            Entry::Waiting { next, .. } => next,
            _ => unreachable!("neighbours in the list are waiters"),
        }
    }

    /// What points at the waiter ahead of `at`; the tail of the list, for none.
    fn prev_of(&mut self, at: u32) -> &mut u32 {
        if at == NONE {
            return &mut self.tail;
        }
        match &mut self.slots[at as usize] {
            Entry::Waiting { prev, .. } => prev,
            _ => unreachable!("neighbours in the list are waiters"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Mutex;

    struct Bell(usize, std::sync::Arc<Mutex<Vec<usize>>>);

    impl std::task::Wake for Bell {
        fn wake(self: std::sync::Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    proptest! {
        /// Against a plain list: (name, epoch, key, has its outcome).
        #[test]
        fn it_is_a_list_that_reuses_its_slots(
            steps in prop::collection::vec((0..3u8, 0..3u64, 0..8usize), 0..80),
        ) {
            let rung = std::sync::Arc::default();
            let mut queue: Queue<()> = Queue::new();
            let mut list: Vec<(usize, u64, Key, bool)> = Vec::new();
            let mut most = 0;
            for (name, (what, epoch, n)) in steps.into_iter().enumerate() {
                match what {
                    0 => {
                        let wake = Wake::Task(std::sync::Arc::new(Bell(name, std::sync::Arc::clone(&rung))).into());
                        let key = queue.push(Epoch(epoch), wake);
                        prop_assert!(list.iter().all(|&(_, _, other, _)| other != key));
                        list.push((name, epoch, key, false));
                    }
                    1 => {
                        let mut batch = [const { None }; 3];
                        let done = queue.complete(Epoch(epoch), &Outcome::Connected, &mut batch);
                        batch.into_iter().flatten().for_each(Wake::wake);
                        let due = list.iter_mut().filter(|w| w.1 == epoch && !w.3).take(3);
                        let due: Vec<_> = due.map(|w| { w.3 = true; w.0 }).collect();
                        prop_assert_eq!(done, due.len());
                        prop_assert_eq!(std::mem::take(&mut *rung.lock().unwrap()), due);
                    }
                    _ if list.is_empty() => {}
                    _ => {
                        let (_, _, key, done) = list.remove(n % list.len());
                        prop_assert_eq!(queue.registered(key).is_none(), done);
                        prop_assert_eq!(queue.remove(key).is_ok(), done);
                    }
                }
                most = most.max(list.len());
                prop_assert_eq!(queue.slots.len(), most, "no more slots than ever had waiters at once");
            }
        }
    }
}
