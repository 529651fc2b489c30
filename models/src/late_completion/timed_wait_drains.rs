//! Linux 2.6.18 SCSI error handler: a wait that times out returns while the interrupt handler has its completion in hand.
//!
#![doc = include_str!("timed_wait_drains.md")]

use super::clean_on_one_cpu;
use selvedge::check::{EngineKind, Grade, Kind, Model, Variant, interrupt, masked, note, sometimes};
use selvedge::claim::{Ending, PendingCalls};
use selvedge::completion::{Completion, Signal, Waited};
use selvedge::sync::thread::JoinHandle;
use selvedge::sync::time::Deadline;
use selvedge::sync::{Arc, AtomicBool, Mutex, Named, Ordering, Tracked, TrackedPtr};
use std::time::Duration;

/// The seam: how the error handler waits for a command, for some time.
trait Wait {
    /// Sends a command and waits for the interrupt handler to complete it, but not for ever. When this returns, the stack
    /// that it waited on is gone; the handler that it returns may still be running.
    fn send_and_wait() -> JoinHandle<()>;
}

fn scenario<W: Wait>() -> &'static str {
    W::send_and_wait().join().unwrap();
    "over"
}

/// Where the handler finds what to complete. The pointer itself travels with the handler; this says whether it is set.
trait Pointer: Send + Sync + 'static {
    fn published() -> Self;
    fn is_set(&self) -> bool;
    fn clear(&self);
}

/// `eh_action`, as it is. | true | cleared by the error handler when its wait is over |
struct Plain(AtomicBool);

impl Pointer for Plain {
    fn published() -> Self {
        Plain(AtomicBool::new(true).named("eh_action"))
    }
    // SeqCst: not the order is at fault.
    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
    fn clear(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// `eh_action` under a lock, which is taken with interrupts masked, as a handler takes it too.
struct Locked(Mutex<bool>);

impl Pointer for Locked {
    fn published() -> Self {
        Locked(Mutex::new(true).named("eh_action"))
    }
    fn is_set(&self) -> bool {
        // BUG: the lock is free again before what the pointer leads to is used.
        *self.0.lock()
    }
    fn clear(&self) {
        masked(|| *self.0.lock() = false);
    }
}

/// The completion: over when `done`. | false | set by the handler | to true |
struct Done(AtomicBool);

/// The completion of RHEL 5, on the stack of who waits, with the pointer to it kept in one of two ways.
struct ClearsPointer<P>(std::marker::PhantomData<P>);

impl<P: Pointer> Wait for ClearsPointer<P> {
    fn send_and_wait() -> JoinHandle<()> {
        let completion = Tracked::new(Done(AtomicBool::new(false).named("done"))).named("completion");
        let eh_action = Arc::new(P::published()).named("host");
        let handler = {
            let (ptr, eh_action) = (completion.ptr(), eh_action.clone());
            interrupt(move || complete(&ptr, &*eh_action))
        };
        note(|| "time is up".to_owned());
        // The timed wait. How long it is is of no account: what differs is whether the handler has come by its end.
        // Acquire: pairs with the Release in `complete`.
        let in_time = completion.0.load(Ordering::Acquire);
        sometimes("in-time", in_time);
        sometimes("too-late", !in_time);
        note(|| "waits no more".to_owned());
        eh_action.clear();
        note(|| "returns: its stack is gone".to_owned());
        handler
    }
}

fn complete(completion: &TrackedPtr<Done>, eh_action: &impl Pointer) {
    note(|| "done: who waits?".to_owned());
    if eh_action.is_set() {
        note(|| "completes it".to_owned());
        // BUG: the wait may time out here, and the error handler return.
        // SAFETY: none: the owner may have left its scope. The checker reports that before memory is touched.
        unsafe {
            completion.with_last(|done| &raw const (*done).0, |done| done.store(true, Ordering::Release))
        };
    }
}

/// Fix: whoever gets the call has the signal; a wait that times out takes the call back, or waits for who has it.
struct CancelOrDrain;

impl Wait for CancelOrDrain {
    fn send_and_wait() -> JoinHandle<()> {
        send_and_wait(|signal| signal.complete(()))
    }
}

/// What the error handler does; `handled` is what the interrupt handler does with the signal that it has claimed.
fn send_and_wait(handled: fn(Signal<()>)) -> JoinHandle<()> {
    let calls = Arc::new(PendingCalls::<Signal<()>>::new(1).expect("room for one"));
    Completion::scope(|waiter, signal| {
        let serial = calls.register(signal).expect("the table is empty");
        let handler = {
            let calls = calls.clone();
            interrupt(move || {
                if let Ok(call) = calls.claim(serial, Ending::Reply) {
                    handled(call.end());
                }
            })
        };
        match waiter.wait_until(&Deadline::after(Duration::from_secs(10))) {
            Waited::Done(_) => sometimes("in-time", true),
            Waited::TimedOut(late) => {
                sometimes("too-late", true);
                match calls.claim(serial, Ending::Timeout) {
                    Ok(call) => {
                        sometimes("cancelled", true);
                        late.cancel(call.end()).expect("its own signal");
                    }
                    Err(_) => {
                        sometimes("drained", true);
                        late.drain().expect("whoever has the call completes it");
                    }
                }
            }
        }
        handler
    })
}

/// The handler has the call and never completes it.
struct KeepsTheCall;

impl Wait for KeepsTheCall {
    fn send_and_wait() -> JoinHandle<()> {
        send_and_wait(std::mem::forget)
    }
}

/// The kernel's own wait has one way to end when its time is up.
fn takes_nothing_back(v: Variant) -> Variant {
    const BECAUSE: &str =
        "a wait that times out neither takes the command back nor waits for who has it: it returns";
    v.never_sees("cancelled", BECAUSE).never_sees("drained", BECAUSE)
}

/// The model.
pub fn model() -> Model {
    let dead = &[("no-use-after-free", Kind::UseAfterFree)];
    Model::new("timed_wait_drains", "a wait times out while the handler has its completion in hand")
        .incident("003")
        .lesson(include_str!("timed_wait_drains.md"))
        .always("no-use-after-free", "nobody touches the completion after the waiter's function returned")
        .always("no-lost-wakeup", "the waiter is not left asleep")
        .sometimes("in-time", "the handler completes the command before the wait is over")
        .sometimes("too-late", "the wait is over before the handler has completed the command")
        .sometimes("cancelled", "the wait times out and takes the call back")
        .sometimes("drained", "the wait times out when the handler has the call already")
        .outcome("over", Grade::Acceptable, "the wait is over, one way or the other, and nothing of it is used any more")
        .variant(clean_on_one_cpu(takes_nothing_back(
            Variant::buggy("clears_pointer", scenario::<ClearsPointer<Plain>>, dead)
                .about("when its wait is over, the error handler clears the pointer to its completion and returns"),
        )))
        .variant(clean_on_one_cpu(takes_nothing_back(
            Variant::wrong_fix("clears_under_lock", scenario::<ClearsPointer<Locked>>, dead).about(
                "looks right because nobody reads the pointer while it is being cleared; what it leads to is used when the \
                 lock is free again",
            ),
        )))
        .variant(clean_on_one_cpu(
            Variant::fixed("cancel_or_drain", scenario::<CancelOrDrain>)
                .about("Completion and PendingCalls: a wait that times out gets the signal back, or waits for who has it")
                .out_of_reach(EngineKind::Loom, "no-timeouts: loom has no choice that a timeout could be"),
        ))
        .falsifier(
            "no-lost-wakeup",
            Kind::LostWakeup,
            scenario::<KeepsTheCall>,
            "the handler claims the call and forgets it",
        )
}
