//! What operations on memory do with loom's objects: atomics, cells, reference counts, lifetimes; and what is left of them
//! when loom is not to be asked.

use super::kernel::Kernel;
use super::objects::{Access, Object};
use crate::check::event::{Answer, ObjectId, Op, ThreadId};
use crate::check::verdict::Kind;
use std::mem::ManuallyDrop;
use std::sync::atomic::Ordering::Relaxed;

impl Kernel {
    pub(super) fn atomic(&self, id: ObjectId, op: &Op) -> Answer {
        let object = self.object(id);
        let Object::Atomic(word, last) = &*object else { unreachable!("{id} is no atomic") };
        let Ok(w) = word.try_borrow() else { unreachable!("plain stores do not switch threads") };
        match *op {
            Op::Load { order, .. } => Answer::value(w.load(order)),
            Op::Store { order, value, .. } => {
                w.store(value, order);
                last.set(value);
                Answer::DONE
            }
            Op::Rmw { order, rmw, operand, width, .. } => {
                let old = w.rmw(rmw, operand, order, width);
                last.set(rmw.apply(width, old, operand));
                Answer::value(old)
            }
            Op::Cas { expected, new, success, failure, .. } => {
                let (value, ok) = w.cas(expected, new, success, failure);
                if ok {
                    last.set(new);
                }
                Answer { value, ok }
            }
            Op::PlainLoad { .. } => Answer::value(w.plain_load()),
            Op::PlainStore { value, .. } => {
                drop(w);
                match word.try_borrow_mut() {
                    Ok(mut w) => w.plain_store(value),
                    // Another thread is in the middle of an atomic operation on it, about to happen. It has
                    // acquired nothing since it began, so nothing orders it after this access.
                    Err(_) => self.run().fail(None, Kind::DataRace, String::new(), Vec::new()),
                }
                last.set(value);
                Answer::DONE
            }
            _ => unreachable!("{op:?} is no operation on an atomic"),
        }
    }

    pub(super) fn cell(&self, me: ThreadId, op: &Op) -> Answer {
        let (Op::CellBegin { obj, write } | Op::CellEnd { obj, write }) = *op else { unreachable!() };
        let object = self.object(obj);
        let Object::Cell(cell, open) = &*object else { unreachable!("{obj} is no cell") };
        if let Op::CellBegin { .. } = op {
            let access = if write { Access::Write(cell.get_mut()) } else { Access::Read(cell.get()) };
            open.borrow_mut().push((me, write, ManuallyDrop::new(access)));
        } else {
            let mut open = open.borrow_mut();
            if let Some(i) = open.iter().rposition(|(t, w, _)| (*t, *w) == (me, write)) {
                let (_, _, access) = open.remove(i);
                drop(open);
                drop(ManuallyDrop::into_inner(access));
            }
        }
        Answer::DONE
    }

    pub(super) fn arc(&self, id: ObjectId, op: &Op) -> Answer {
        use std::sync::atomic::Ordering::{AcqRel, Acquire};
        let object = self.object(id);
        if let Object::CountedArc(count, last) = &*object {
            let answer = match op {
                Op::ArcClone { .. } => Answer::value(count.fetch_add(1, Relaxed)),
                // The last drop acquires all others: an `AcqRel` drop does that without a fence.
                Op::ArcDrop { .. } => Answer { value: 0, ok: count.fetch_sub(1, AcqRel) == 1 },
                Op::ArcCount { sole, .. } => {
                    let n = count.load(Relaxed);
                    if *sole && n == 1 {
                        loom::sync::atomic::fence(Acquire);
                    }
                    return Answer::value(n);
                }
                _ => {
                    let mut n = count.load(Relaxed);
                    loop {
                        if n == 0 {
                            return Answer { value: 0, ok: false };
                        }
                        match count.compare_exchange(n, n + 1, Acquire, Relaxed) {
                            Ok(_) => break Answer::DONE,
                            Err(now) => n = now,
                        }
                    }
                }
            };
            last.set(if matches!(op, Op::ArcDrop { .. }) {
                last.get().saturating_sub(1)
            } else {
                last.get() + 1
            });
            return answer;
        }
        let answer = self.inert(op);
        let observed = matches!(op, Op::ArcCount { .. } | Op::ArcUpgrade { .. });
        self.observed_counts.set(self.observed_counts.get() | observed);
        let relied = match op {
            Op::ArcDrop { .. } => answer.ok,
            Op::ArcCount { .. } => answer.value <= 1,
            _ => false,
        };
        self.relied_on_counts.set(self.relied_on_counts.get() | relied);
        answer
    }

    pub(super) fn lifetime(&self, id: ObjectId, end: bool) -> Answer {
        let object = self.object(id);
        let Object::Lifetime(cell) = &*object else { unreachable!("{id} is no lifetime") };
        self.in_lifetime.set(true);
        if end {
            drop(cell.get_mut());
        } else {
            drop(cell.get());
        }
        self.in_lifetime.set(false);
        Answer::DONE
    }

    /// What an operation does without loom: for destructors of an execution that is over, and quiet counts.
    pub(super) fn inert(&self, op: &Op) -> Answer {
        let Some(id) = op.object() else { return Answer::DONE };
        let object = match self.tables.try_borrow() {
            Ok(t) => t.objects.get(id.creator().0 as usize).and_then(|v| v.get(id.nth() as usize)).cloned(),
            Err(_) => None,
        };
        let Some(object) = object else { return Answer::DONE };
        let last = match &*object {
            Object::Atomic(_, last) | Object::QuietArc(last) | Object::CountedArc(_, last) => last,
            _ => return Answer::DONE,
        };
        let old = last.get();
        let (new, ok) = match *op {
            Op::Store { value, .. } | Op::PlainStore { value, .. } => (value, true),
            Op::Rmw { rmw, operand, width, .. } => (rmw.apply(width, old, operand), true),
            Op::Cas { expected, new, .. } if old == expected => (new, true),
            Op::Cas { .. } => (old, false),
            Op::ArcClone { .. } => (old + 1, true),
            Op::ArcDrop { .. } => (old.saturating_sub(1), old <= 1),
            Op::ArcUpgrade { .. } => (old + u64::from(old > 0), old > 0),
            _ => (old, true),
        };
        last.set(new);
        Answer { value: old, ok }
    }
}
