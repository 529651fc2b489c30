//! Canaries: small programs that show what each engine can and cannot see, one file an effect.
//!
//! A canary declares what each engine says although it knows better. When an engine is repaired, or breaks, its
//! canary turns red and the declarations elsewhere that rest on it can be looked at again. Each disagreement with
//! the memory model carries a typed reason, its first word:
//!
//! | reason | means |
//! |---|---|
//! | `missed-interleaving` | loom keeps one last access per atomic, so a thread's own load hides its race with an earlier one |
//! | `seqcst-as-acqrel` | loom treats SeqCst accesses as AcqRel |
//! | `rmw-atomicity` | loom does not order plain stores against the two halves of a read-modify-write |
//! | `fence-too-strong` | loom's SeqCst fences synchronise with each other without any atomic between them |
//! | `thread-limit` | loom runs five threads at most |
//! | `no-timeouts` | in loom a timed wait never times out, so a deadline never passes there (`gate_cancelled_waiter`) |
//! | `sc-only` | shuttle interleaves; a load always reads the newest store |

mod fence_race;
mod load_then_store;
mod missed_publish;
mod rmw_atomicity;
mod six_threads;
mod stale_read;
mod store_buffering;

use selvedge::check::{Kind, Model, Outcome, Variant};

/// All of them.
pub fn models() -> Vec<Model> {
    vec![
        store_buffering::model(),
        missed_publish::model(),
        load_then_store::model(),
        rmw_atomicity::model(),
        fence_race::model(),
        six_threads::model(),
        stale_read::model(),
    ]
}

/// A canary that is right.
fn right<O: Into<Outcome>>(name: &'static str, scenario: impl Fn() -> O + Send + Sync + 'static) -> Variant {
    Variant::fixed(name, scenario).canary()
}

/// A canary that is wrong.
fn wrong<O: Into<Outcome>>(
    name: &'static str,
    scenario: impl Fn() -> O + Send + Sync + 'static,
    pairs: &[(&str, Kind)],
) -> Variant {
    Variant::buggy(name, scenario, pairs).canary()
}
