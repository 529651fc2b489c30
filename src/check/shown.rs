//! What authors say of what happens: notes, and what the values of their objects mean ([`Shown`](crate::sync::Shown)).
//!
//! Nothing of it is an operation. It is evaluated only in executions that may be shown: an engine explores with
//! [`Run::keep_notes`] off, and executes what it shows once more with it on. (loom does not: it may take the process down
//! with the failure, so the log must be there by then.) While an author's closure runs no run is installed, so that one
//! that uses the facade all the same cannot act in the execution; that panics, and a panic is caught.

use super::event::{ObjectId, ThreadId};
use super::run::{RUN, Run};
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Says what the bits of an atomic mean.
pub type Word = dyn Fn(u64) -> String + Send + Sync;
/// Says what a lock protects, given the address of that.
pub(crate) type View = dyn Fn(*const ()) -> String + Send + Sync;

/// What is known of the values of an object beyond their bits.
#[derive(Clone, Default)]
pub struct Meaning {
    /// Of an atomic: what its bits mean.
    pub word: Option<Arc<Word>>,
    /// Of an `ArcSwap`: what is in the allocations that it has held, by their bits.
    pub pointees: Vec<(u64, String)>,
    /// Of a lock: what it protects when it is created.
    pub initial: Option<String>,
    /// Of a lock: what it protects at the end of a section, with the thread and which of its operations from 0 ends it.
    pub contents: Vec<(ThreadId, u32, String)>,
}

impl Meaning {
    /// The value with these bits, as its author wants it shown.
    pub fn value(&self, bits: u64) -> Option<String> {
        match &self.word {
            Some(word) => Some(apart(|| word(bits))),
            None => self.pointees.iter().find(|(b, _)| *b == bits).map(|(_, text)| text.clone()),
        }
    }
}

impl fmt::Debug for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meaning").field("contents", &self.contents).finish_non_exhaustive()
    }
}

/// What stands for the text of a closure that panics.
const PANICKED: &str = "(panicked)";

/// Runs an author's closure where it cannot act in a model, and survives it.
fn apart(say: impl FnOnce() -> String) -> String {
    struct Restore(Option<&'static Run>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUN.with(|r| r.set(self.0));
        }
    }
    let _restore = Restore(RUN.with(Cell::take));
    catch_unwind(AssertUnwindSafe(say)).unwrap_or_else(|_| PANICKED.to_owned())
}

impl Run {
    /// For engines: may executions from here on be shown? If not, nothing that authors say is even evaluated.
    pub fn keep_notes(&self, keep: bool) {
        self.notes.set(keep);
    }

    /// Something would have been said since this was asked last, had it been kept.
    pub fn missed_notes(&self) -> bool {
        self.missed.take()
    }

    /// Is what authors say kept now?
    #[inline]
    fn listens(&self) -> bool {
        if !self.notes.get() {
            self.missed.set(true);
        }
        self.notes.get() && !self.over.get() && !std::thread::panicking()
    }

    /// The acting thread says what it is about to do: kept with its next operation. Nothing happens, nobody is
    /// scheduled.
    pub(super) fn say(&self, text: impl FnOnce() -> String) {
        if self.listens() {
            let text = apart(text);
            if let Some(t) = self.state.borrow_mut().threads.get_mut(self.current.get().0 as usize) {
                t.notes.push(text);
            }
        }
    }

    /// Applies `change` to what is known of the values of `obj`.
    fn mean(&self, obj: ObjectId, change: impl FnOnce(&mut Meaning)) {
        let mut s = self.state.borrow_mut();
        let of = s.objects.get_mut(obj.creator().0 as usize).and_then(|v| v.get_mut(obj.nth() as usize));
        if let Some(o) = of {
            change(o.meaning.get_or_insert_default());
        }
    }

    /// The bits of the atomic `obj` mean this.
    pub(crate) fn show_word(&self, obj: ObjectId, word: impl FnOnce() -> Arc<Word>) {
        if self.listens() {
            let word = word();
            self.mean(obj, |m| m.word = Some(word));
        }
    }

    /// The `ArcSwap` `obj` may hold an allocation with these bits and this in it.
    pub(crate) fn show_pointee(&self, obj: ObjectId, bits: u64, text: impl FnOnce() -> String) {
        if self.listens() {
            let text = apart(text);
            self.mean(obj, |m| m.pointees.push((bits, text)));
        }
    }

    /// What the lock `obj` protects is shown by `view`, beginning with what it is now, at `content`.
    pub(crate) fn show_content(&self, obj: ObjectId, content: *const (), view: impl FnOnce() -> Arc<View>) {
        if self.listens() {
            let view = view();
            let initial = apart(|| view(content));
            self.mean(obj, |m| m.initial = Some(initial));
            self.state.borrow_mut().views.insert(obj, view);
        }
    }

    /// The acting thread holds the lock `obj` for writing, and what it does next ends that (`now`), or what it has done
    /// last was the last that others cannot see: `content` is what they will find.
    #[inline]
    pub(crate) fn section_ends(&self, obj: ObjectId, content: *const (), now: bool) {
        if self.notes.get() {
            self.keep_content(obj, content, now);
        }
    }

    #[cold]
    fn keep_content(&self, obj: ObjectId, content: *const (), now: bool) {
        let view = self.state.borrow().views.get(&obj).cloned();
        let Some(view) = view.filter(|_| self.listens()) else { return };
        let text = apart(|| view(content));
        let me = self.current.get();
        let done = self.state.borrow().threads.get(me.0 as usize).map_or(0, |t| t.done);
        self.mean(obj, |m| m.contents.push((me, if now { done } else { done.saturating_sub(1) }, text)));
    }
}
