//! Panics: the hook that reads them, what a caught payload means, and the frame around every model thread.
//!
//! A panic is read twice. The *hook* sees its message, and while the failing thread's stack is still whole it
//! takes the picture of the execution ([`Failure`]). The *frame* around the thread catches the payload and makes
//! that picture the failure of the execution; a panic that the model catches by itself never gets there.
//!
//! Payloads that pass: [`Abandoned`], silently; and what no hook has seen and no message belongs to, which is an
//! engine's own way to unwind a stack and is thrown on.

use super::event::{MAIN, Op, ThreadId};
use super::model::{Outcome, Scenario};
use super::run::{Abandoned, Failure, ON_FAILURE, Run, Site, current};
use super::verdict::{Kind, Verdict};
use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, PanicHookInfo, catch_unwind, resume_unwind};
use std::sync::Once;

/// What the hook made of a panic.
enum Read {
    Failure(Box<Failure>),
    Stop(Verdict),
    /// On a thread of the native engine: the message.
    Native(String),
}

thread_local! {
    /// The last panic on this OS thread that belongs to a model, with the type of its payload.
    static LAST: RefCell<Option<(TypeId, Read)>> = const { RefCell::new(None) };
    /// This OS thread belongs to an execution of the native engine.
    static NATIVE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Installs the hook, once per process. Panics outside models go to the hook that was there before.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !read(info) {
                previous(info);
            }
        }));
    });
}

/// The message in a payload, if it is text.
fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied())
}

/// The hook: reads a panic if it belongs to a model.
fn read(info: &PanicHookInfo<'_>) -> bool {
    // loom's coroutines end by such panics. Their library hides them by a hook of its own, which may be below.
    if info.payload().is::<generator::Error>() {
        return true;
    }
    let read = if let Some(run) = current() {
        let message = text(info.payload()).unwrap_or("a payload that is not text");
        match run.engine().classify(message, info.location()) {
            Some(Verdict::Found { property, kind }) => {
                Read::Failure(run.failure(Some(&property), kind, message.to_owned(), Vec::new()))
            }
            Some(stop) => Read::Stop(stop),
            None => Read::Failure(run.failure(None, kind_of(message), located(message, info), Vec::new())),
        }
    } else if NATIVE.get() {
        Read::Native(located(text(info.payload()).unwrap_or("a payload that is not text"), info))
    } else {
        return false;
    };
    if let (Read::Failure(f), Some(tell), false) = (&read, ON_FAILURE.get(), current().is_some_and(Run::over))
    {
        tell(f);
    }
    LAST.with(|l| *l.borrow_mut() = Some((info.payload().type_id(), read)));
    true
}

fn kind_of(message: &str) -> Kind {
    if message.starts_with("assertion") { Kind::Assertion } else { Kind::Panic }
}

fn located(message: &str, info: &PanicHookInfo<'_>) -> String {
    match info.location() {
        Some(at) => format!("{message} ({}:{})", at.file(), at.line()),
        None => message.to_owned(),
    }
}

impl Run {
    /// Accounts for a panic that left a model thread. `Err` gives a payload back that is the engine's own.
    pub(crate) fn caught(&self, payload: Box<dyn Any + Send>) -> Result<(), Box<dyn Any + Send>> {
        if payload.is::<Abandoned>() {
            return Ok(());
        }
        let last = LAST.with(|l| l.borrow_mut().take());
        match last.filter(|(t, _)| *t == (*payload).type_id()).map(|(_, read)| read) {
            Some(Read::Failure(f)) => self.keep_failure(f),
            Some(Read::Stop(why)) => self.note_stop(why),
            // Thrown by the model with `resume_unwind`: no hook saw it.
            Some(Read::Native(_)) | None => match text(&*payload) {
                Some(message) => self.note_failure(None, kind_of(message), message.to_owned(), Vec::new()),
                None if self.engine().unwinds_with_its_own() => return Err(payload),
                None => {
                    let message = "a panic whose payload is not text, thrown with resume_unwind".to_owned();
                    self.note_failure(None, Kind::Panic, message, Vec::new());
                }
            },
        }
        Ok(())
    }

    /// The frame around the thread `me`: runs `f`, then the thread's destructors, then announces `Exit`.
    ///
    /// Nothing unwinds out of it but an engine's own payload; `None` if `f` did not return.
    pub(crate) fn frame<R>(&'static self, me: ThreadId, site: Site, f: impl FnOnce() -> R) -> Option<R> {
        self.set_me(me);
        let mut value = None;
        self.guarded(|| value = Some(f()));
        self.guarded(|| self.destroy_locals(me));
        self.guarded(|| {
            self.perform(Op::Exit, site);
        });
        value
    }

    fn guarded(&self, f: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(f))
            && let Err(foreign) = self.caught(payload)
        {
            resume_unwind(foreign);
        }
    }

    /// Destroys the thread-locals of `me`, oldest first, until none is left: a destructor may make new ones.
    fn destroy_locals(&self, me: ThreadId) {
        while let Some(value) = self.take_local(me) {
            drop(value);
        }
    }
}

/// Runs the scenario's own thread of an execution that has begun, with its frame. `Err` if the execution is over
/// (see [`Run::over`]): it has no outcome then.
///
/// Whether other threads are still running when it returns, and what becomes of them, is the engine's business.
#[allow(clippy::result_unit_err)]
#[track_caller]
pub fn execute(run: &'static Run, scenario: &Scenario) -> Result<Outcome, ()> {
    let outcome = run.frame(MAIN, Location::caller(), || scenario());
    outcome.filter(|_| !run.over()).ok_or(())
}

/// Runs `f` on this OS thread as part of an execution of the native engine; a panic comes back as its message,
/// located, with its kind.
pub(crate) fn native_frame<R>(f: impl FnOnce() -> R) -> Result<R, (Kind, String, Box<dyn Any + Send>)> {
    install_hook();
    let outer = NATIVE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    NATIVE.set(outer);
    result.map_err(|payload| {
        let message = match LAST.with(|l| l.borrow_mut().take()) {
            Some((t, Read::Native(message))) if t == (*payload).type_id() => message,
            _ => text(&*payload).unwrap_or("a payload that is not text").to_owned(),
        };
        (kind_of(&message), message, payload)
    })
}
