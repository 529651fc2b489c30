//! The catalogue: incidents as models, models of the primitives, and canaries.
//!
//! One file or folder an incident, named for what went wrong. A model's lesson is the Markdown that documents its
//! module: the same text is what `selvedge show` prints.

// Lessons label their sources in brackets, which rustdoc takes for links: [stated], [read], [inferred].
#![allow(rustdoc::broken_intra_doc_links)]

pub mod aborted_sync;
pub mod late_completion;
pub mod packer_zero_segment;
pub mod pool_cache;
pub mod received_flag;
pub mod reconnect_early_wake;
pub mod section_before_checkpoint;
pub mod session_id_reuse;
pub mod torn_record;
pub mod vserver_swap;
pub mod wrong_configuration_delivery;

pub mod connect_gate;
pub mod connection_lost;
pub mod session_table;

pub mod canary;

use selvedge::check::Catalogue;
use selvedge::sync::thread;

/// Every model: incidents first, then the primitives, then the canaries.
pub fn catalogue() -> Catalogue {
    let models = [
        session_id_reuse::model(),
        packer_zero_segment::model(),
        section_before_checkpoint::model(),
        received_flag::model(),
        wrong_configuration_delivery::model(),
        aborted_sync::model(),
        torn_record::model(),
    ]
    .into_iter()
    .chain(reconnect_early_wake::models())
    .chain(late_completion::models())
    .chain(vserver_swap::models())
    .chain([pool_cache::model()])
    .chain(session_table::models())
    .chain([connection_lost::model()])
    .chain(connect_gate::models())
    .chain(canary::models());
    models.fold(Catalogue::new(), Catalogue::model)
}

/// Starts a thread under the name that it has in the lesson and in counterexamples.
#[track_caller]
fn spawn<T: Send + 'static>(name: &str, f: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn(f).expect("a model's thread starts")
}

/// The same for a thread that borrows: it ends within `scope`.
#[track_caller]
fn spawn_in<'s, T: Send + 's>(
    scope: &'s thread::Scope<'s, '_>,
    name: &str,
    f: impl FnOnce() -> T + Send + 's,
) -> thread::ScopedJoinHandle<'s, T> {
    thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, f).expect("a model's thread starts")
}
