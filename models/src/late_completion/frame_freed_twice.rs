//! Fusion MPT driver: a task management request times out and its message frame is freed, and its late reply frees it
//! again.
//!
#![doc = include_str!("frame_freed_twice.md")]

use super::{clean_on_one_cpu, fails_on_one_cpu};
use selvedge::check::{
    Grade, Kind, Model, Variant, always, interrupt, masked, note, sometimes, violated_unless,
};
use selvedge::claim::{Ending, PendingCalls};
use selvedge::serial::Serial;
use selvedge::sync::{Arc, AtomicBool, Mutex, Named, Ordering, Shown, thread};
use std::marker::PhantomData;

/// The queue of free message frames, which has one. Handlers use it too, so it is locked with interrupts masked.
struct FreeQueue(Mutex<Frame>);

struct Frame {
    free: bool,
    /// Whose it is, or was last. Known to the model, not to the driver.
    request: u32,
}

impl Frame {
    fn words(&self) -> String {
        if self.free { "free".to_owned() } else { format!("of {}", self.request) }
    }
}

impl FreeQueue {
    fn new() -> Self {
        FreeQueue(Mutex::new(Frame { free: true, request: 0 }).named("FreeQ").shown(Frame::words))
    }

    fn locked<R>(&self, f: impl FnOnce(&mut Frame) -> R) -> R {
        masked(|| f(&mut self.0.lock()))
    }

    /// Takes the frame for `request`, if it is there.
    fn take(&self, request: u32) -> bool {
        note(|| format!("takes the frame for {request}"));
        self.locked(|frame| {
            let taken = std::mem::take(&mut frame.free);
            if taken {
                frame.request = request;
            }
            taken
        })
    }

    /// Frees the frame that `request` has used. `marked`: a frame that is on the queue already is left alone, and this
    /// says so.
    fn put(&self, request: u32, marked: bool) -> bool {
        note(|| format!("frees the frame of {request}"));
        self.locked(|frame| {
            if marked && frame.free {
                return false;
            }
            violated_unless("freed-once", Kind::DoubleFree, !frame.free, || {
                format!("request {request} frees a frame that is on the queue")
            });
            always("own-frame", frame.request == request, || {
                format!("what is done for request {request} frees the frame of request {}", frame.request)
            });
            frame.free = true;
            true
        })
    }
}

/// The seam: how the driver decides who frees the frame.
trait Requests: Send + Sync + 'static {
    /// What travels to the adapter and comes back with the reply.
    type Token: Copy + Send + 'static;
    /// A frame that is free is recognized as such when it is freed.
    const MARKED: bool = false;
    fn new() -> Self;
    /// A request is sent.
    fn begin(&self) -> Self::Token;
    /// The issuer has polled for long enough. Is the request still pending, so that the issuer frees the frame?
    fn times_out(&self, token: Self::Token) -> bool;
    /// The reply has come. Does the handler free the frame?
    fn replied(&self, token: Self::Token) -> bool;
}

struct Driver<R> {
    requests: R,
    queue: FreeQueue,
}

/// Requests 1 to `last`, one after the other; the reply to each comes at any time.
fn scenario<R: Requests>(last: u32) -> &'static str {
    let driver = Arc::new(Driver { requests: R::new(), queue: FreeQueue::new() });
    let (mut handlers, mut timeouts) = (Vec::new(), 0);
    for request in 1..=last {
        // Without a frame it is the reply's turn to free it.
        if !driver.queue.take(request) {
            break;
        }
        note(|| format!("sends {request}"));
        let token = driver.requests.begin();
        handlers.push(reply(&driver, request, token));
        note(|| format!("time is up for {request}"));
        if driver.requests.times_out(token) && driver.queue.put(request, R::MARKED) {
            timeouts += 1;
        }
    }
    let sent = handlers.len();
    let replies = handlers.into_iter().filter_map(|h| h.join().unwrap().then_some(())).count();
    sometimes("reply-in-time", replies > 0);
    sometimes("late-reply-dropped", replies < sent);
    always("one-free-each", replies + timeouts == sent, || {
        format!("{sent} frames were freed by {replies} replies and {timeouts} timeouts")
    });
    if timeouts > 0 { "timed out" } else { "answered" }
}

fn reply<R: Requests>(driver: &Arc<Driver<R>>, request: u32, token: R::Token) -> thread::JoinHandle<bool> {
    let driver = driver.clone();
    interrupt(move || {
        note(|| format!("reply to {request}"));
        driver.requests.replied(token) && driver.queue.put(request, R::MARKED)
    })
}

/// What the flag does not decide: `tmPending`, one for the driver. | false | true when a request is sent |
///
/// `SeqCst`: not its order is at fault.
struct Flag<K> {
    pending: AtomicBool,
    kind: PhantomData<K>,
}

trait Decision: Send + Sync + 'static {
    const MARKED: bool = false;
    fn times_out(pending: &AtomicBool) -> bool;
    fn replied(pending: &AtomicBool) -> bool;
}

impl<K: Decision> Requests for Flag<K> {
    type Token = ();
    const MARKED: bool = K::MARKED;
    fn new() -> Self {
        Flag { pending: AtomicBool::new(false).named("tmPending"), kind: PhantomData }
    }
    fn begin(&self) {
        self.pending.store(true, Ordering::SeqCst);
    }
    fn times_out(&self, (): ()) -> bool {
        K::times_out(&self.pending)
    }
    fn replied(&self, (): ()) -> bool {
        K::replied(&self.pending)
    }
}

fn look_then_clear(pending: &AtomicBool) -> bool {
    let mine = pending.load(Ordering::SeqCst);
    if mine {
        pending.store(false, Ordering::SeqCst);
    }
    mine
}

/// The driver of CentOS 5.
struct PollsFlag;
impl Decision for PollsFlag {
    fn times_out(pending: &AtomicBool) -> bool {
        look_then_clear(pending)
    }
    fn replied(pending: &AtomicBool) -> bool {
        pending.store(false, Ordering::SeqCst);
        // BUG: it says "free it" whatever it has found: the issuer may have given up and freed it.
        true
    }
}

struct RetestUnlocked;
impl Decision for RetestUnlocked {
    fn times_out(pending: &AtomicBool) -> bool {
        // BUG: to look and to clear are two steps, here and in the handler: both can find it set.
        look_then_clear(pending)
    }
    fn replied(pending: &AtomicBool) -> bool {
        look_then_clear(pending)
    }
}

struct NoGeneration;
impl Decision for NoGeneration {
    fn times_out(pending: &AtomicBool) -> bool {
        pending.swap(false, Ordering::SeqCst)
    }
    fn replied(pending: &AtomicBool) -> bool {
        // BUG: whoever clears the flag frees the frame; but the flag may be that of the next request by now.
        pending.swap(false, Ordering::SeqCst)
    }
}

struct Sentinel;
impl Decision for Sentinel {
    /// BUG: the mark is gone when the frame is given to the next request.
    const MARKED: bool = true;
    fn times_out(pending: &AtomicBool) -> bool {
        PollsFlag::times_out(pending)
    }
    fn replied(pending: &AtomicBool) -> bool {
        PollsFlag::replied(pending)
    }
}

/// Of no variant: each leaves the frame to the other.
struct LeavesIt;
impl Decision for LeavesIt {
    fn times_out(pending: &AtomicBool) -> bool {
        pending.store(false, Ordering::SeqCst);
        false
    }
    fn replied(pending: &AtomicBool) -> bool {
        pending.swap(false, Ordering::SeqCst)
    }
}

/// Fix: the token is the request's serial, and of all who claim it one succeeds.
impl Requests for PendingCalls<()> {
    type Token = Serial;
    fn new() -> Self {
        PendingCalls::new(1).expect("room for one")
    }
    fn begin(&self) -> Serial {
        // Whoever had the frame has let go of its call before it freed it.
        self.register(()).expect("the frame is ours, so the place is free")
    }
    fn times_out(&self, serial: Serial) -> bool {
        self.claim(serial, Ending::Timeout).is_ok()
    }
    fn replied(&self, serial: Serial) -> bool {
        self.claim(serial, Ending::Reply).is_ok()
    }
}

/// The model.
pub fn model() -> Model {
    const TWICE: (&str, Kind) = ("freed-once", Kind::DoubleFree);
    const OTHERS: (&str, Kind) = ("own-frame", Kind::Assertion);
    let and_on_one_cpu = |v: Variant, (property, kind)| fails_on_one_cpu(v, property, kind);
    Model::new("frame_freed_twice", "a request that has timed out is freed again by its late reply")
        .incident("003")
        .lesson(include_str!("frame_freed_twice.md"))
        .always("freed-once", "a frame is on the queue of free frames at most once")
        .always("own-frame", "a reply never frees the frame of a later request")
        .always("one-free-each", "each request's frame is freed by its reply or by its timeout")
        .sometimes("reply-in-time", "a reply finds its request pending")
        .sometimes("late-reply-dropped", "a reply finds its request ended")
        .outcome("answered", Grade::Acceptable, "every request is ended by its reply")
        .outcome("timed out", Grade::Acceptable, "a request is ended by its timeout, and its late reply is dropped")
        .variant(and_on_one_cpu(
            Variant::buggy("polls_flag", || scenario::<Flag<PollsFlag>>(1), &[TWICE])
                .about("the issuer frees the frame when its time is up, the handler whenever a reply comes"),
            TWICE,
        ))
        .variant(and_on_one_cpu(
            Variant::wrong_fix("retest_unlocked", || scenario::<Flag<RetestUnlocked>>(1), &[TWICE]).about(
                "looks right because both sides look at the flag before they free; both can find it set before either has \
                 cleared it",
            ),
            TWICE,
        ))
        .variant(and_on_one_cpu(
            Variant::wrong_fix("flag_without_generation", || scenario::<Flag<NoGeneration>>(2), &[OTHERS]).about(
                "looks right because exactly one clears the flag and frees the frame; the late reply to one request clears \
                 the flag of the next",
            ),
            OTHERS,
        ))
        .variant(and_on_one_cpu(
            Variant::wrong_fix("sentinel", || scenario::<Flag<Sentinel>>(2), &[OTHERS]).about(
                "looks right because a frame that is freed carries a mark, and is not freed again; it loses the mark when it \
                 is given to the next request",
            ),
            OTHERS,
        ))
        .variant(clean_on_one_cpu(
            Variant::fixed("claim_token", || scenario::<PendingCalls<()>>(2))
                .about("PendingCalls: exactly one of reply and timeout gets the token, for the request of this serial")
                // Three threads over a table: loom needs 160,000 executions without a bound, and exact 276.
                .loom_bounded(2, 3, Some(4)),
        ))
        .falsifier(
            "one-free-each",
            Kind::Assertion,
            || scenario::<Flag<LeavesIt>>(1),
            "the issuer leaves the frame to the reply, and a late reply to the issuer",
        )
}
