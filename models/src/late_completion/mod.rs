//! An SMP-only crash of Linux virtual machines: what an interrupt handler completes may be gone, or be somebody else's, by
//! then.
//!
//! The report names no cause. Three mechanisms in the source of the kernels that crashed could be one; each is a model,
//! and a fourth is the plausible repair of the first. Every variant is also run on one processor, where the handler runs to
//! its end, because that is what the report turns on.

mod frame_freed_twice;
mod stack_semaphore;
mod timed_wait_drains;
mod unlocked_slot;

use selvedge::check::{Check, Discipline, Expect, Kind, Model, Variant};

/// The models, in the order in which a driver's command lives.
pub fn models() -> [Model; 4] {
    [stack_semaphore::model(), timed_wait_drains::model(), frame_freed_twice::model(), unlocked_slot::model()]
}

/// Adds the row of one processor with interrupts: it holds there, in every execution.
fn clean_on_one_cpu(v: Variant) -> Variant {
    v.check(Check::on_one_cpu(Discipline::Interrupt, Expect::Exhausted))
}

/// Adds the row of one processor with interrupts: it fails there too.
fn fails_on_one_cpu(v: Variant, property: &str, kind: Kind) -> Variant {
    let expect = Expect::found(&[(property, kind)]);
    v.check(Check::on_one_cpu(Discipline::Interrupt, expect))
}
