//! Linux 2.6.9 SCSI error handler: the semaphore that it waits on is on its own stack, and the handler that lets it go
//! touches it once more.
//!
#![doc = include_str!("stack_semaphore.md")]

use super::clean_on_one_cpu;
use selvedge::check::{Grade, Kind, Model, Variant, interrupt, masked, note, sometimes};
use selvedge::completion::Completion;
use selvedge::sync::thread::JoinHandle;
use selvedge::sync::{Arc, AtomicBool, AtomicI32, Condvar, Mutex, Named, Ordering, Tracked, TrackedPtr};

/// What outlives the function that waits.
struct Host {
    /// The error handler waits for somebody to complete its command. | false | set before, cleared after its wait |
    eh_action: AtomicBool,
    /// Only to see who comes first. Relaxed: it orders nothing.
    waiting: AtomicBool,
}

impl Host {
    fn new() -> Arc<Host> {
        Arc::new(Host {
            eh_action: AtomicBool::new(true).named("eh_action"),
            waiting: AtomicBool::new(false).named("waiting"),
        })
    }

    /// The error handler is about to wait.
    fn waits(&self) {
        note(|| "about to wait".to_owned());
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// The handler is there.
    fn arrives(&self) {
        note(|| "command done".to_owned());
        let waiting = self.waiting.load(Ordering::Relaxed);
        sometimes("completed-before-the-wait", !waiting);
        sometimes("completed-during-the-wait", waiting);
    }
}

/// The seam: how the error handler waits for a command that it has sent.
trait Wait {
    /// Sends a command and waits for the interrupt handler to complete it. When this returns, the stack that it waited
    /// on is gone; the handler that it returns may still be running.
    fn send_and_wait(host: &Arc<Host>) -> JoinHandle<()>;
}

fn scenario<W: Wait>() -> &'static str {
    let handler = W::send_and_wait(&Host::new());
    handler.join().unwrap();
    "completed"
}

/// A counting semaphore as in the Linux of that time: who finds nobody waiting touches the count alone.
///
/// | field | is | changed by |
/// |---|---|---|
/// | `count` | 0: nothing to take; 1: completed; -1: somebody waits, or is about to | `down` takes one off, `up` adds one |
/// | `queue` | who is asleep: nobody but the error handler | held by both slow paths |
struct Semaphore {
    count: AtomicI32,
    queue: Mutex<()>,
    woken: Condvar,
}

impl Semaphore {
    /// Locked, as `DECLARE_MUTEX_LOCKED` makes it.
    fn locked() -> Tracked<Semaphore> {
        let semaphore = Semaphore {
            count: AtomicI32::new(0).named("semaphore.count"),
            queue: Mutex::new(()).named("semaphore.queue"),
            woken: Condvar::new().named("semaphore.woken"),
        };
        Tracked::new(semaphore).named("semaphore")
    }

    fn down(&self) {
        note(|| "down".to_owned());
        // Acquire, here and below: pairs with the Release in `up`.
        if self.count.fetch_sub(1, Ordering::AcqRel) > 0 {
            return;
        }
        // Masked, because the handler takes this lock too. Who sleeps lets interrupts in.
        masked(|| {
            note(|| "nothing: to sleep".to_owned());
            let mut queue = self.queue.lock();
            let nothing = || {
                note(|| "raised?".to_owned());
                self.count.load(Ordering::Acquire) < 0
            };
            while nothing() {
                self.woken.wait(&mut queue);
            }
        });
    }

    fn wake(&self) {
        let _queue = self.queue.lock();
        self.woken.notify_one();
    }
}

/// The first half of `up`: raises the count, which was this before.
fn raise(semaphore: &TrackedPtr<Semaphore>) -> i32 {
    note(|| "up: lets it go".to_owned());
    // SAFETY: the error handler does not return before the count says so, which is what happens here. It may from then on.
    unsafe { semaphore.with_last(|s| &raw const (*s).count, |count| count.fetch_add(1, Ordering::AcqRel)) }
}

/// The handler's `up`, on a semaphore that is on another thread's stack.
fn up(semaphore: &TrackedPtr<Semaphore>, host: &Host, look_again: bool) {
    if raise(semaphore) >= 0 {
        return;
    }
    if look_again {
        note(|| "waiting still?".to_owned());
    }
    // SeqCst, as the store that clears it: not its order is at fault.
    if look_again && !host.eh_action.load(Ordering::SeqCst) {
        return;
    }
    note(|| "wakes it".to_owned());
    // BUG: the count has let the error handler go, awake as it may still be, and it returns from under this.
    // SAFETY: none: the owner may have left its scope. The checker reports that before memory is touched.
    unsafe { semaphore.with(Semaphore::wake) };
}

/// The kernel of CentOS 4, with a second look at the host's pointer or without.
struct OnStack<const LOOK_AGAIN: bool>;

impl<const LOOK_AGAIN: bool> Wait for OnStack<LOOK_AGAIN> {
    fn send_and_wait(host: &Arc<Host>) -> JoinHandle<()> {
        let semaphore = Semaphore::locked();
        let handler = {
            let (published, host) = (semaphore.ptr(), host.clone());
            interrupt(move || {
                host.arrives();
                up(&published, &host, LOOK_AGAIN);
            })
        };
        host.waits();
        semaphore.down();
        note(|| "waits no more".to_owned());
        host.eh_action.store(false, Ordering::SeqCst);
        note(|| "returns: its stack is gone".to_owned());
        handler
    }
}

/// An `up` that wakes nobody.
struct RaisesOnly;

impl Wait for RaisesOnly {
    fn send_and_wait(host: &Arc<Host>) -> JoinHandle<()> {
        let semaphore = Semaphore::locked();
        let published = semaphore.ptr();
        let handler = interrupt(move || _ = raise(&published));
        host.waits();
        semaphore.down();
        handler
    }
}

/// Fix: the scope does not end before the one right to touch the completion is used up.
struct Shipped;

impl Wait for Shipped {
    fn send_and_wait(host: &Arc<Host>) -> JoinHandle<()> {
        Completion::scope(|waiter, signal| {
            let handler = {
                let host = host.clone();
                interrupt(move || {
                    host.arrives();
                    signal.complete(());
                })
            };
            host.waits();
            waiter.wait().expect("the handler completes it");
            handler
        })
    }
}

/// The model.
pub fn model() -> Model {
    let dead = &[("no-use-after-free", Kind::UseAfterFree)];
    Model::new("stack_semaphore", "an interrupt handler lets a waiter go, and then touches what was on its stack")
        .incident("003")
        .lesson(include_str!("stack_semaphore.md"))
        .always("no-use-after-free", "nobody touches the semaphore or completion after the waiter's function returned")
        .always("no-lost-wakeup", "the waiter is not left asleep")
        .sometimes("completed-before-the-wait", "the handler finds nobody waiting yet")
        .sometimes("completed-during-the-wait", "the handler finds the waiter waiting")
        .outcome("completed", Grade::Acceptable, "the waiter has been completed, and nobody touches its frame any more")
        .variant(clean_on_one_cpu(
            Variant::buggy("up_after_release", scenario::<OnStack<false>>, dead)
                .about("`up` raises the count, which lets the waiter go, and then wakes it"),
        ))
        .variant(clean_on_one_cpu(
            Variant::wrong_fix("looks_again", scenario::<OnStack<true>>, dead).about(
                "looks right because the waiter clears its pointer before it returns, and `up` looks for that before it \
                 wakes anybody; it returns between the look and the wake",
            ),
        ))
        .variant(clean_on_one_cpu(
            Variant::fixed("completion", scenario::<Shipped>)
                .about("Completion: the waiter returns only after the completer's last access"),
        ))
        .falsifier(
            "no-lost-wakeup",
            Kind::LostWakeup,
            scenario::<RaisesOnly>,
            "`up` raises the count and wakes nobody",
        )
}
