//! The binding of an object to the engine that was at hand when it was constructed.
//!
//! A modelled object is only a name, [`Handle`]: no pointer to the run, so the facade's types are `Send` and
//! `Sync` by the same rules as std's. The run is found through the thread-local that the engine installs, and the
//! epoch in the handle says whether the object belongs to the execution that is installed there.

use crate::check::engine::stuck;
use crate::check::event::{Answer, ObjectId, ObjectKind, Op};
use crate::check::quarantine;
use crate::check::run::{self, Run};
use crate::check::verdict::Kind;
use std::panic::Location;
use std::sync::Arc;

/// The name of a modelled object and the execution it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Handle {
    pub obj: ObjectId,
    epoch: u64,
}

impl Handle {
    /// Registers an object with the run that is installed; `None` outside models.
    #[inline]
    #[track_caller]
    pub fn create(kind: ObjectKind, init: u64) -> Option<Handle> {
        let run = run::current()?;
        Some(Handle { obj: run.create(kind, init, Location::caller()), epoch: run.epoch() })
    }

    /// An object of the execution at hand, known by its id.
    pub fn known(run: &Run, obj: ObjectId) -> Handle {
        Handle { obj, epoch: run.epoch() }
    }

    /// The run, if the object's execution is the one at hand.
    #[inline]
    pub fn run(self) -> Option<&'static Run> {
        run::current().filter(|run| run.epoch() == self.epoch)
    }

    /// Announces `op`.
    #[inline]
    #[track_caller]
    pub fn perform(self, op: Op) -> Answer {
        match self.run() {
            Some(run) => run.perform(op, Location::caller()),
            None => self.stale(),
        }
    }

    /// Announces `op` from a destructor: does nothing if the execution is gone.
    #[inline]
    pub fn perform_in_drop(self, op: Op, site: run::Site) -> Option<Answer> {
        self.run().map(|run| run.perform(op, site))
    }

    /// A modelled object is used where its execution is not, or in freed memory. While a thread unwinds this keeps
    /// quiet, as engines do: destructors of an abandoned execution may come late.
    #[cold]
    #[track_caller]
    fn stale(self) -> Answer {
        if std::thread::panicking() {
            return Answer::DONE;
        }
        let run = run::current();
        if let Some((run, by)) = run.and_then(|r| Some((r, quarantine::freed_by(self.epoch, r.epoch())?))) {
            run.engine().uses_freed(by);
            let (name, by) = {
                let s = run.state();
                let of =
                    s.objects.get(self.obj.creator().0 as usize).and_then(|v| v.get(self.obj.nth() as usize));
                let name = of.and_then(|o| o.name.clone()).unwrap_or_else(|| self.obj.to_string());
                (name, stuck::thread_name(&s, by))
            };
            let message = format!("{name} is used, and the memory that it is in has been freed by {by}");
            let sites = vec![(run.me(), "used after it was freed".to_owned(), Location::caller())];
            run.fail(None, Kind::UseAfterFree, message, sites);
        }
        panic!(
            "a shared object that was made in one execution of a model is used outside of it: \
             construct it inside the scenario and let it die there"
        );
    }

    /// This thread holds the lock for writing, and is about to release it (`now`) or to wait with it.
    #[inline]
    pub fn section_ends(self, content: *const (), now: bool) {
        if let Some(run) = self.run() {
            run.section_ends(self.obj, content, now);
        }
    }

    pub fn name(self, name: impl FnOnce() -> String) {
        if let Some(run) = self.run() {
            run.name(self.obj, name());
        }
    }
}

/// A native object is used inside a model.
#[cold]
#[track_caller]
fn foreign() {
    if !std::thread::panicking() {
        panic!(
            "a shared object that was made outside the model is used inside of it, where the engine cannot see \
             it: construct it inside the scenario"
        );
    }
}

/// How to show what a lock protects, whatever its type: the address that is given is that of a `T`.
pub(crate) fn view<T: 'static, S: Into<String>>(
    show: impl Fn(&T) -> S + Copy + Send + Sync + 'static,
) -> Arc<dyn Fn(*const ()) -> String + Send + Sync> {
    // SAFETY: `Run` calls it with what the lock that it was made for hands over: when `shown` owns the lock, and at the
    // end of an exclusive section. So it is a `T`, and nobody else is there; nor can `show` get at the lock, for no run is
    // installed while it runs.
    Arc::new(move |content| show(unsafe { &*content.cast::<T>() }).into())
}

/// A production object, or the name of a modelled one.
pub(crate) enum Repr<N> {
    Native(N),
    Modelled(Handle),
}

impl<N> Repr<N> {
    /// Modelled inside a model, else native.
    #[inline]
    #[track_caller]
    pub fn new(kind: ObjectKind, init: u64, native: impl FnOnce() -> N) -> Self {
        match Handle::create(kind, init) {
            Some(handle) => Repr::Modelled(handle),
            None => Repr::Native(native()),
        }
    }

    /// For use; a native object must not be used inside a model.
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Repr<&N> {
        match self {
            Repr::Modelled(handle) => Repr::Modelled(*handle),
            Repr::Native(native) => {
                if run::current().is_some() {
                    foreign();
                }
                Repr::Native(native)
            }
        }
    }

    pub fn name(&self, name: impl FnOnce() -> String) {
        if let Repr::Modelled(handle) = self {
            handle.name(name);
        }
    }
}

impl<N> std::fmt::Debug for Repr<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Repr::Native(_) => f.write_str("native"),
            Repr::Modelled(handle) => handle.obj.fmt(f),
        }
    }
}

/// Implements `Named` for a type whose binding is the field given.
macro_rules! named_by {
    ($($field:ident).+: [$($bound:tt)*] $ty:ty) => {
        impl $($bound)* $crate::sync::Named for $ty {
            fn named(self, name: impl Into<String>) -> Self {
                self.$($field).+.name(|| name.into());
                self
            }
            fn named_with(self, name: impl FnOnce() -> String) -> Self {
                self.$($field).+.name(name);
                self
            }
        }
    };
}
pub(crate) use named_by;

/// Implements `Shown` for a lock with the fields `repr` and `data`.
macro_rules! shown_by {
    ($lock:ident) => {
        impl<T: 'static> $crate::sync::Shown for $lock<T> {
            type Value = T;
            fn shown<S: Into<String>>(
                mut self,
                show: impl Fn(&T) -> S + Copy + Send + Sync + 'static,
            ) -> Self {
                let content: *const T = self.data.get_mut();
                if let Repr::Modelled(h) = &self.repr
                    && let Some(run) = h.run()
                {
                    run.show_content(h.obj, content.cast(), || super::handle::view(show));
                }
                self
            }
        }
    };
}
pub(crate) use shown_by;
