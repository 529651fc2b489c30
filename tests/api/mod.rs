//! Every method of the facade, in programs that hold in both forms, natively and inside a model.
//!
//! `tests/facade_api.rs` runs them on real threads, `tests/facade_modelled.rs` under engines. Nothing here may
//! depend on whether a timeout fires, on a schedule, or on time.

mod data;
mod locks;
mod threads;
mod types;

/// All programs by name.
pub const ALL: &[(&str, fn())] = &[
    ("integers", data::integers),
    ("weak_exchanges", data::weak_exchanges),
    ("bools", data::bools),
    ("pointers", data::pointers),
    ("message_passing", data::message_passing),
    ("fences", data::fences),
    ("cells", data::cells),
    ("arcs", data::arcs),
    ("weaks", data::weaks),
    ("raw_arcs", data::raw_arcs),
    ("arc_conversions", data::arc_conversions),
    ("arc_swaps", data::arc_swaps),
    ("tracked", data::tracked),
    ("mutexes", locks::mutexes),
    ("rwlocks", locks::rwlocks),
    ("condvars", locks::condvars),
    ("timed_waits", locks::timed_waits),
    ("barriers", locks::barriers),
    ("onces", locks::onces),
    ("once_locks", locks::once_locks),
    ("lazy_locks", locks::lazy_locks),
    ("notifies", locks::notifies),
    ("channels", locks::channels),
    ("sync_channels", locks::sync_channels),
    ("rendezvous", locks::rendezvous),
    ("spawning", threads::spawning),
    ("parking", threads::parking),
    ("scopes", threads::scopes),
    ("thread_locals", threads::thread_locals),
    ("hints_and_choices", threads::hints_and_choices),
    ("deadlines", threads::deadlines),
    ("blocking_on_futures", threads::blocking_on_futures),
    ("atomic_wakers", threads::atomic_wakers),
    ("names", threads::names),
    ("shown", threads::shown),
];
