//! Hints of the checked form: spinning means letting someone else move.

use crate::check::event::Op;
use crate::check::run;
use crate::sync::plain;
use std::panic::Location;

/// Says that this is a spin loop: in a model, nothing to do until someone else has moved.
#[track_caller]
pub fn spin_loop() {
    match run::current() {
        Some(run) => {
            run.perform(Op::Yield, Location::caller());
        }
        None => plain::hint::spin_loop(),
    }
}

/// Spins until `condition` holds. In a model an evaluation that fails must have no effect.
#[track_caller]
pub fn spin_until(mut condition: impl FnMut() -> bool) {
    let Some(run) = run::current() else { return plain::hint::spin_until(condition) };
    loop {
        run.engine().spin_begin(run.me());
        if condition() {
            return run.engine().spin_end(run.me());
        }
        run.perform(Op::Yield, Location::caller());
    }
}
