//! `Once` and `OnceLock` of the checked form: std's natively, composed of the facade's own types in a model.

use super::atomic::{AtomicBool, Ordering};
use super::{Condvar, Mutex};
use crate::check::run;
use crate::sync::Named;
use std::cell::UnsafeCell;
use std::fmt;

/// Runs something once, with std's API.
pub struct Once(Repr);

enum Repr {
    Native(std::sync::Once),
    Modelled(Gate),
}

/// A modelled `Once`.
///
/// | state | means | next |
/// |---|---|---|
/// | `New` | nobody has begun | `Running` by a caller, under the lock |
/// | `Running` | somebody is at it; others wait on `left` | `Done`, or `Poisoned` by unwinding |
/// | `Poisoned` | the last attempt panicked | `Running` by a forced call |
/// | `Done` | `done` is true | for ever |
///
/// `done` is stored with Release after the work and loaded with Acquire by those who do not take the lock.
struct Gate {
    done: AtomicBool,
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Running,
    Poisoned,
    Done,
}

/// What a forced call is told.
pub struct OnceState(bool);

impl OnceState {
    /// Did an earlier attempt panic?
    pub fn is_poisoned(&self) -> bool {
        self.0
    }
}

impl Gate {
    #[track_caller]
    fn new() -> Self {
        Gate { done: AtomicBool::new(false), state: Mutex::new(State::New), left: Condvar::new() }
    }

    /// `work` `None` only waits.
    #[track_caller]
    fn pass(&self, force: bool, work: Option<impl FnOnce(&OnceState)>) {
        if self.done.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.state.lock();
        let poisoned = loop {
            match *state {
                State::Done => return,
                State::Poisoned if !force => panic!("a Once is used after an attempt that panicked"),
                State::New if work.is_some() => break false,
                State::Poisoned if work.is_some() => break true,
                _ => self.left.wait(&mut state),
            }
        };
        *state = State::Running;
        drop(state);
        let mut leave = Leave { gate: self, to: State::Poisoned };
        work.expect("only those who have work leave the loop")(&OnceState(poisoned));
        leave.to = State::Done;
    }

    fn name(self, name: String) -> Self {
        Gate {
            left: self.left.named_with(|| format!("{name}.left")),
            state: self.state.named_with(|| format!("{name}.state")),
            done: self.done.named(name),
        }
    }
}

/// Leaves the state `Running`, also when the work unwinds.
struct Leave<'a> {
    gate: &'a Gate,
    to: State,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        *state = self.to;
        if self.to == State::Done {
            self.gate.done.store(true, Ordering::Release);
        }
        self.gate.left.notify_all();
    }
}

impl Once {
    /// Nothing has run yet.
    #[track_caller]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Once(match run::current() {
            Some(_) => Repr::Modelled(Gate::new()),
            None => Repr::Native(std::sync::Once::new()),
        })
    }
    /// Runs `f` if nothing has run, waits if somebody is at it.
    #[track_caller]
    pub fn call_once(&self, f: impl FnOnce()) {
        match &self.0 {
            Repr::Native(once) => once.call_once(f),
            Repr::Modelled(gate) => gate.pass(false, Some(|_: &OnceState| f())),
        }
    }
    /// [`Once::call_once`], also after an attempt that panicked.
    #[track_caller]
    pub fn call_once_force(&self, f: impl FnOnce(&OnceState)) {
        match &self.0 {
            Repr::Native(once) => once.call_once_force(|s| f(&OnceState(s.is_poisoned()))),
            Repr::Modelled(gate) => gate.pass(true, Some(f)),
        }
    }
    /// Has it run?
    #[track_caller]
    pub fn is_completed(&self) -> bool {
        match &self.0 {
            Repr::Native(once) => once.is_completed(),
            Repr::Modelled(gate) => gate.done.load(Ordering::Acquire),
        }
    }
    /// Waits until it has run.
    #[track_caller]
    pub fn wait(&self) {
        match &self.0 {
            Repr::Native(once) => once.wait(),
            Repr::Modelled(gate) => gate.pass(false, None::<fn(&OnceState)>),
        }
    }
    /// [`Once::wait`], also after an attempt that panicked.
    #[track_caller]
    pub fn wait_force(&self) {
        match &self.0 {
            Repr::Native(once) => once.wait_force(),
            Repr::Modelled(gate) => gate.pass(true, None::<fn(&OnceState)>),
        }
    }
}

impl Named for Once {
    fn named(self, name: impl Into<String>) -> Self {
        self.named_with(|| name.into())
    }
    fn named_with(self, name: impl FnOnce() -> String) -> Self {
        Once(match self.0 {
            Repr::Modelled(gate) => Repr::Modelled(gate.name(name())),
            native => native,
        })
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState").field("poisoned", &self.0).finish()
    }
}

/// A cell that is written once, with std's API.
pub struct OnceLock<T>(Slot<T>);

enum Slot<T> {
    Native(std::sync::OnceLock<T>),
    Modelled { gate: Gate, value: UnsafeCell<Option<T>> },
}

// SAFETY: the value is written by whoever runs the gate's work, alone, and read after the gate's `done` was seen
// with Acquire: shared (`T: Sync`), and possibly dropped by a thread other than the writer (`T: Send`).
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// Empty.
    #[track_caller]
    pub fn new() -> Self {
        OnceLock(match run::current() {
            Some(_) => Slot::Modelled { gate: Gate::new(), value: UnsafeCell::new(None) },
            None => Slot::Native(std::sync::OnceLock::new()),
        })
    }
    /// The value, if it is there.
    #[track_caller]
    pub fn get(&self) -> Option<&T> {
        match &self.0 {
            Slot::Native(lock) => lock.get(),
            // SAFETY: `done` says that the value was written before, and it is never written again while shared.
            Slot::Modelled { gate, value } if gate.done.load(Ordering::Acquire) => unsafe {
                (*value.get()).as_ref()
            },
            Slot::Modelled { .. } => None,
        }
    }
    /// Exclusive access by exclusive reference.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        match &mut self.0 {
            Slot::Native(lock) => lock.get_mut(),
            Slot::Modelled { value, .. } => value.get_mut().as_mut(),
        }
    }
    /// Writes the value if there is none; waits if somebody is about to.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("called once"));
        value.map_or(Ok(()), Err)
    }
    /// The value; makes it if there is none.
    #[track_caller]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        match &self.0 {
            Slot::Native(lock) => lock.get_or_init(make),
            Slot::Modelled { gate, value } => {
                gate.pass(
                    true,
                    Some(|_: &OnceState| {
                        let made = make();
                        // SAFETY: the gate lets one thread at a time work, and nobody reads before `done`.
                        unsafe { *value.get() = Some(made) };
                    }),
                );
                // SAFETY: as in `get`; `pass` returns when the work is done.
                unsafe { (*value.get()).as_ref() }.expect("written by the gate's work")
            }
        }
    }
    /// Waits for the value.
    #[track_caller]
    pub fn wait(&self) -> &T {
        match &self.0 {
            Slot::Native(lock) => lock.wait(),
            Slot::Modelled { gate, value } => {
                gate.pass(true, None::<fn(&OnceState)>);
                // SAFETY: as in `get`; `pass` returns when the work is done.
                unsafe { (*value.get()).as_ref() }.expect("written by the gate's work")
            }
        }
    }
    /// Consumes it and returns the value.
    pub fn into_inner(self) -> Option<T> {
        match self.0 {
            Slot::Native(lock) => lock.into_inner(),
            Slot::Modelled { value, .. } => value.into_inner(),
        }
    }
    /// Takes the value and leaves it empty.
    #[track_caller]
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceLock<T> {
    #[track_caller]
    fn default() -> Self {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        let lock = OnceLock::new();
        let _ = lock.set(value);
        lock
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        self.get().cloned().map_or_else(OnceLock::new, OnceLock::from)
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    #[track_caller]
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T> Named for OnceLock<T> {
    fn named(self, name: impl Into<String>) -> Self {
        self.named_with(|| name.into())
    }
    fn named_with(self, name: impl FnOnce() -> String) -> Self {
        OnceLock(match self.0 {
            Slot::Modelled { gate, value } => Slot::Modelled { gate: gate.name(name()), value },
            native => native,
        })
    }
}

impl<T> fmt::Debug for OnceLock<T> {
    /// Does not look at the content: that would be an operation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceLock").finish_non_exhaustive()
    }
}
