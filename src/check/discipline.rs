//! What models say to a scheduler that keeps a discipline: which thread is an interrupt handler, and where interrupts are
//! masked. Under the preemptive discipline neither means anything, as on a machine with several processors.

use super::run::{Run, current};
use crate::sync::thread::{Builder, JoinHandle};
use std::panic::Location;

/// Threads whose names begin so are interrupt handlers.
pub const INTERRUPT: &str = "interrupt";

/// Starts an interrupt handler: a thread called [`INTERRUPT`]. It is delivered at any moment from now on; under
/// [`Discipline::Interrupt`](super::Discipline::Interrupt) it then runs to its end before anybody else does.
#[track_caller]
pub fn interrupt<T: Send + 'static>(handler: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(INTERRUPT.to_owned()).spawn(handler).expect("a model can start threads")
}

/// Runs `f` with interrupts masked on this processor: under
/// [`Discipline::Interrupt`](super::Discipline::Interrupt) nobody else runs until it is done, unless it blocks; the last
/// interrupt before it may arrive as it begins. On several processors it keeps nobody out, as in the kernel.
pub fn masked<R>(f: impl FnOnce() -> R) -> R {
    struct Unmask(Option<&'static Run>);
    impl Drop for Unmask {
        fn drop(&mut self) {
            if let Some(run) = self.0 {
                change(run, -1);
            }
        }
    }
    let run = current();
    if let Some(run) = run {
        let me = run.me();
        run.engine().masks(me);
        run.set_me(me);
        change(run, 1);
    }
    let _unmask = Unmask(run);
    f()
}

fn change(run: &Run, by: i32) {
    let me = run.me();
    if let Some(t) = run.state().threads.get_mut(me.0 as usize) {
        t.masked = t.masked.saturating_add_signed(by);
    }
}

/// A place where a cooperative scheduler may switch: an I/O operation, which takes time. Where any step may be followed
/// by another thread's, it is none.
#[track_caller]
pub fn io() {
    if let Some(run) = current()
        && run.engine().switches_at_io()
    {
        run.perform(super::event::Op::Yield, Location::caller());
    }
}
