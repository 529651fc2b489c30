//! What must end with a thread or with the execution: thread-locals, counted and tracked values.

use super::event::{ObjectId, ObjectKind, ThreadId};
use super::run::Run;
use super::verdict::Kind;
use std::any::Any;

impl Run {
    /// The object has got the end that it was owed.
    pub fn ended(&self, obj: ObjectId) {
        let mut s = self.state.borrow_mut();
        let per_thread = s.objects.get_mut(obj.creator().0 as usize);
        if let Some(o) = per_thread.and_then(|v| v.get_mut(obj.nth() as usize))
            && std::mem::take(&mut o.owed)
        {
            self.owed.set(self.owed.get() - 1);
        }
    }

    /// Fails the execution, kind leak, if an `Arc` or a `Tracked` that was made in it is still there. For the
    /// engine to call when all threads have ended.
    pub fn check_leaks(&self) {
        if self.owed.get() == 0 || self.over.get() {
            return;
        }
        let (mut message, mut sites) = (String::new(), Vec::new());
        for (t, per_thread) in self.state.borrow().objects.iter().enumerate() {
            for (n, o) in per_thread.iter().enumerate().filter(|(_, o)| o.owed) {
                let id = ObjectId::new(ThreadId(t as u8), n as u32);
                let what = if o.kind == ObjectKind::Arc { "Arc" } else { "Tracked" };
                let name = o.name.clone().unwrap_or_else(|| id.to_string());
                if message.is_empty() {
                    message = format!("{what} {name}, created at {}, was never dropped", o.site);
                }
                sites.push((id.creator(), format!("{what} {name} created"), o.site));
            }
        }
        self.note_failure(None, Kind::Leak, message, sites);
    }

    /// The acting thread's value of a thread-local: `None` if it is still to be made, `Some(None)` if it is
    /// destroyed already.
    pub(crate) fn local(&self, key: usize) -> Option<Option<*const dyn Any>> {
        let s = self.state.borrow();
        let mine = s.locals.get(self.current.get().0 as usize)?;
        mine.iter().find(|(k, _)| *k == key).map(|(_, v)| v.map(|p| p.cast_const()))
    }

    /// Keeps the acting thread's value of a thread-local until the thread ends.
    pub(crate) fn set_local(&self, key: usize, value: Box<dyn Any>) -> *const dyn Any {
        let mut s = self.state.borrow_mut();
        let me = self.current.get().0 as usize;
        if s.locals.len() <= me {
            s.locals.resize_with(me + 1, Vec::new);
        }
        let value = Box::into_raw(value);
        s.locals[me].push((key, Some(value)));
        value
    }

    /// Takes the oldest value of a thread-local of `me` that is not destroyed yet.
    pub(crate) fn take_local(&self, me: ThreadId) -> Option<Box<dyn Any>> {
        let mut s = self.state.borrow_mut();
        let value = s.locals.get_mut(me.0 as usize)?.iter_mut().find_map(|(_, value)| value.take())?;
        // SAFETY: `set_local` made it from a box; it was in the table once and has just been taken out of it.
        Some(unsafe { Box::from_raw(value) })
    }
}
