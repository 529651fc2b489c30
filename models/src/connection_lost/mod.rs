//! A connection is lost while a call begins: the call is neither refused nor ended, and its caller waits for ever.
//!
#![doc = include_str!("lesson.md")]

use crate::spawn;
use selvedge::check::{EngineKind, Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::claim::{Ending, PendingCalls, Refused};
use selvedge::sync::{Arc, AtomicBool, Named, Ordering};

/// The seam: the calls of a connection that can be lost.
trait Calls: Send + Sync + 'static {
    fn new() -> Self;
    /// Has a call begun? If not, the caller has it back.
    fn begin(&self) -> bool;
    /// The connection is lost. How many calls were ended.
    fn lose(&self) -> usize;
}

fn scenario<C: Calls>() -> &'static str {
    let calls = Arc::new(C::new());
    let sender = {
        let calls = calls.clone();
        spawn("sender", move || calls.begin())
    };
    let ended = calls.lose();
    let begun = sender.join().unwrap();
    sometimes("ended-by-the-loss", ended == 1);
    sometimes("handed-back", !begun);
    always("no-call-left", ended == usize::from(begun), || {
        "the call has begun, the connection is gone, and nobody will ever end the call".to_owned()
    });
    if begun { "ended" } else { "refused" }
}

fn table() -> PendingCalls<&'static str> {
    PendingCalls::new(1).expect("room for one")
}

fn register(calls: &PendingCalls<&'static str>) -> selvedge::serial::Serial {
    note(|| "begins a call".to_owned());
    calls.register("read block 7").expect("the table is empty")
}

fn claim_all(calls: &PendingCalls<&'static str>) -> usize {
    note(|| "ends every call that is pending".to_owned());
    // Each token is dropped as it is counted, which ends its call.
    calls.claim_all(Ending::Abort).count()
}

/// The calls that there are get ended, and nothing is said to those who come.
struct ClaimAllAlone(PendingCalls<&'static str>);

impl Calls for ClaimAllAlone {
    fn new() -> Self {
        ClaimAllAlone(table())
    }
    fn begin(&self) -> bool {
        // BUG: nothing says here that the connection is gone.
        register(&self.0);
        true
    }
    fn lose(&self) -> usize {
        claim_all(&self.0)
    }
}

/// With a flag. `lost`: | false | the connection is there | to true, by who loses it, before all calls are ended |
struct LooksFirst(PendingCalls<&'static str>, AtomicBool);

impl Calls for LooksFirst {
    fn new() -> Self {
        LooksFirst(table(), AtomicBool::new(false).named("lost"))
    }
    fn begin(&self) -> bool {
        // SeqCst, as the store: not the order is at fault.
        if self.1.load(Ordering::SeqCst) {
            return false;
        }
        // BUG: it may be lost here, and all calls ended.
        register(&self.0);
        true
    }
    fn lose(&self) -> usize {
        self.1.store(true, Ordering::SeqCst);
        claim_all(&self.0)
    }
}

/// With the same flag, looked at when the call has begun.
struct LooksAfter(PendingCalls<&'static str>, AtomicBool);

impl Calls for LooksAfter {
    fn new() -> Self {
        LooksAfter(table(), AtomicBool::new(false).named("lost"))
    }
    fn begin(&self) -> bool {
        let serial = register(&self.0);
        // BUG: Acquire and Release order what comes before a store and after a load. Here a store comes before a load, on
        // both sides, and either may miss the other.
        if !self.1.load(Ordering::Acquire) {
            return true;
        }
        note(|| "takes the call back".to_owned());
        self.0.claim(serial, Ending::Abort).is_err()
    }
    fn lose(&self) -> usize {
        self.1.store(true, Ordering::Release);
        claim_all(&self.0)
    }
}

/// Fix: the table itself is closed, and between closing and looking there is a fence on either side.
struct Shipped(PendingCalls<&'static str>);

impl Calls for Shipped {
    fn new() -> Self {
        Shipped(table())
    }
    fn begin(&self) -> bool {
        match self.0.register("read block 7") {
            Ok(_) => true,
            Err(Refused::Closed(_)) => false,
            Err(_) => unreachable!("there is room"),
        }
    }
    fn lose(&self) -> usize {
        self.0.close();
        claim_all(&self.0)
    }
}

/// The model.
pub fn model() -> Model {
    let left = &[("no-call-left", Kind::Assertion)];
    Model::new("connection_lost", "a call begins while its connection is lost, and nobody is left to end it")
        .lesson(include_str!("lesson.md"))
        .always("no-call-left", "a call is refused, or it is ended")
        .sometimes("ended-by-the-loss", "the call begins first, and is ended with the connection")
        .sometimes("handed-back", "the connection is lost first, and the call is refused")
        .outcome("ended", Grade::Acceptable, "the call has begun, and was ended with the connection")
        .outcome("refused", Grade::Acceptable, "the call has not begun, and its caller knows")
        .variant(
            Variant::buggy("claim_all_alone", scenario::<ClaimAllAlone>, left)
                .about("the calls that there are get ended, and nothing is said to a caller who comes"),
        )
        .variant(Variant::wrong_fix("looks_first", scenario::<LooksFirst>, left).about(
            "looks right because no call begins when the connection is known to be lost; it is lost between the look and \
             the call",
        ))
        .variant(
            Variant::wrong_fix("looks_after", scenario::<LooksAfter>, left)
                .about(
                    "looks right because whoever begins a call looks afterwards, and whoever loses the connection says so \
                     before: one of them must see the other; with Acquire and Release neither need",
                )
                .out_of_reach(EngineKind::Shuttle, "sc-only: a load always reads the newest store"),
        )
        .variant(
            Variant::fixed("closed_table", scenario::<Shipped>)
                .about("PendingCalls: closed first, and then all calls are claimed"),
        )
}
