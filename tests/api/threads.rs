//! Threads, thread-locals, hints, time, futures, names.
#![allow(clippy::missing_const_for_thread_local, reason = "initialisers of both kinds are tested")]

use selvedge::sync::thread::{AccessError, Builder};
use selvedge::sync::{thread_local, *};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(1);

pub fn spawning() {
    let me = thread::current();
    assert_eq!(me.id(), thread::current().id());
    let plain = thread::spawn(|| thread::current().id());
    let id = plain.thread().id();
    assert_eq!(plain.thread().name(), None);
    assert_eq!(plain.join().unwrap(), id);
    assert_ne!(id, me.id());
    let named = Builder::new().name("helper".into()).stack_size(1 << 20);
    let named = named.spawn(|| thread::current().name().map(str::to_owned)).unwrap();
    assert_eq!(named.thread().name(), Some("helper"));
    assert_eq!(named.join().unwrap().as_deref(), Some("helper"));
    thread::yield_now();
    thread::sleep(Duration::ZERO);
    assert!(!thread::panicking());
    assert!(thread::available_parallelism().is_ok());
}

pub fn parking() {
    let ready = Arc::new(AtomicBool::new(false));
    let sleeper = {
        let ready = ready.clone();
        thread::spawn(move || {
            while !ready.load(Ordering::Acquire) {
                thread::park();
            }
            thread::park_timeout(SHORT);
        })
    };
    ready.store(true, Ordering::Release);
    sleeper.thread().clone().unpark();
    sleeper.join().unwrap();
}

pub fn scopes() {
    let mut total = [0, 0];
    let seen = AtomicU32::new(0);
    let (a, b) = total.split_at_mut(1);
    let sum = thread::scope(|s| {
        // One thread is joined, the other is left to the scope, and starts a third.
        let first = s.spawn(|| {
            a[0] = 1;
            a[0] + 1
        });
        s.spawn(|| {
            b[0] = 2;
            s.spawn(|| seen.fetch_add(1, Ordering::Relaxed));
        });
        assert_eq!(first.thread().name(), None);
        let named = Builder::new().name("scoped".into()).spawn_scoped(s, || 3).unwrap();
        first.join().unwrap() + named.join().unwrap()
    });
    assert_eq!((sum, total, seen.into_inner()), (5, [1, 2], 1));
}

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(1) };
    /// With an attribute, and an initialiser that is not constant.
    pub(crate) static LIST: RefCell<Vec<u32>> = RefCell::new(Vec::new());
}
thread_local!(static LAST: Farewell = Farewell);

struct Farewell;

impl Drop for Farewell {
    fn drop(&mut self) {
        assert!(LAST.try_with(|_| ()) == Err::<(), AccessError>(LAST.try_with(|_| ()).unwrap_err()));
    }
}

pub fn thread_locals() {
    let work = || {
        LAST.with(|_| ());
        COUNT.set(COUNT.get() + 1);
        LIST.with_borrow_mut(|list| list.push(COUNT.replace(7)));
        assert_eq!(COUNT.take() + COUNT.with(Cell::get), 7);
        assert_eq!(LIST.with_borrow(Vec::len), 1);
        assert_eq!(LIST.replace(vec![5]), [2]);
        assert_eq!(LIST.take(), [5]);
        LIST.set(vec![]);
        LIST.try_with(|list| list.borrow().is_empty()).unwrap()
    };
    // Each thread starts afresh.
    assert!(thread::spawn(work).join().unwrap() && thread::spawn(work).join().unwrap());
}

pub fn hints_and_choices() {
    hint::spin_loop();
    hint::spin_until(|| true);
    assert_eq!(choose(1), 0);
    assert!((0..3).all(|_| choose(3) < 3));
}

pub fn deadlines() {
    use time::Deadline;
    let never = Deadline::never();
    assert!(!never.expired() && never.remaining().is_none());
    let soon = Deadline::after(SHORT);
    let same = soon.clone();
    soon.park();
    thread::sleep(2 * SHORT);
    // Natively it has passed by now; in a model it may have.
    if soon.expired() {
        assert!(soon.expired() && same.expired());
        assert_eq!(same.remaining(), Some(Duration::ZERO));
    }
    // Once it has been slept until, it has passed, in a model too.
    assert!(soon.sleep(&never) && soon.expired());
    let later = Deadline::after(2 * SHORT);
    assert!(later.sleep(&never));
    let both = Deadline::after(SHORT);
    assert!(both.sleep(&Deadline::after(Duration::from_secs(60))) || CHECKED);
}

pub fn blocking_on_futures() {
    /// Ready at the second poll; wakes from another thread in between.
    struct Second {
        polled: bool,
        other: Option<thread::JoinHandle<()>>,
    }
    impl Future for Second {
        type Output = Option<thread::JoinHandle<()>>;
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            if self.polled {
                return Poll::Ready(self.other.take());
            }
            self.polled = true;
            let waker: Waker = context.waker().clone();
            assert!(waker.will_wake(context.waker()));
            self.other = Some(thread::spawn(move || {
                waker.wake_by_ref();
                waker.wake();
            }));
            Poll::Pending
        }
    }
    let other = future::block_on(Second { polled: false, other: None });
    other.unwrap().join().unwrap();
    assert_eq!(future::block_on(async { 5 }), 5);
}

/// A task registers, then looks; the other side makes it true, then wakes.
pub fn atomic_wakers() {
    let shared = Arc::new((AtomicBool::new(false), future::AtomicWaker::new()));
    let other = {
        let shared = shared.clone();
        thread::spawn(move || {
            shared.0.store(true, Ordering::Relaxed);
            shared.1.wake();
        })
    };
    let waits = shared.clone();
    future::block_on(std::future::poll_fn(move |context| {
        waits.1.register_by_ref(context.waker());
        waits.1.register_by_ref(context.waker());
        if waits.0.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }));
    other.join().unwrap();
    shared.1.wake();
    let place = future::AtomicWaker::default();
    assert!(place.take_waker().is_none());
    place.register(Waker::noop().clone());
    place.register_by_ref(Waker::noop());
    assert!(place.take_waker().is_some() && place.take_waker().is_none());
    place.wake();
}

pub fn names() {
    assert_eq!(AtomicU32::new(1).named("a").named_with(|| "b".into()).into_inner(), 1);
    assert!(AtomicPtr::<u8>::default().named("a").into_inner().is_null());
    assert_eq!(UnsafeCell::new(1).named("a").into_inner(), 1);
    assert_eq!(cell::Cell::new(1).named("a").into_inner(), 1);
    assert_eq!(Mutex::new(1).named("a").into_inner(), 1);
    assert_eq!(RwLock::new(1).named("a").into_inner(), 1);
    assert_eq!(OnceLock::from(1).named("a").into_inner(), Some(1));
    assert_eq!(*Arc::new(1).named_with(|| "a".into()), 1);
    assert_eq!(*Arc::<str>::from("x").named("a"), *"x");
    assert_eq!(**ArcSwap::from_pointee(1).named("a").load(), 1);
    assert_eq!(Tracked::new(1).named("a").into_inner(), 1);
    assert!(Barrier::new(1).named("a").wait().is_leader());
    Once::new().named("a").call_once(|| ());
    Condvar::new().named("a").notify_one();
}

pub fn shown() {
    assert_eq!(AtomicU32::new(1).shown(|n| n.to_string()).into_inner(), 1);
    assert!(AtomicBool::new(true).shown(|b| if *b { "yes" } else { "no" }).into_inner());
    assert!(AtomicPtr::<u8>::default().shown(|p| format!("{p:?}")).into_inner().is_null());
    assert_eq!(Mutex::new(1).shown(i32::to_string).into_inner(), 1);
    assert_eq!(RwLock::new(1).named("a").shown(i32::to_string).into_inner(), 1);
    assert_eq!(**ArcSwap::from_pointee(1).shown(i32::to_string).named("a").load(), 1);
}
