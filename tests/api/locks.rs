//! Locks, condition variables, one-time initialisation, channels.

use selvedge::sync::mpsc::{RecvTimeoutError, TryRecvError, TrySendError, channel, sync_channel};
use selvedge::sync::*;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(1);

pub fn mutexes() {
    let total = Arc::new(Mutex::new(0));
    let adders: Vec<_> = (0..2)
        .map(|_| {
            let total = total.clone();
            thread::spawn(move || *total.lock() += 1)
        })
        .collect();
    for adder in adders {
        adder.join().unwrap();
    }
    let held = total.lock();
    assert_eq!(*held, 2);
    assert!(total.try_lock().is_none());
    drop(held);
    *total.try_lock().unwrap() += 1;
    let mut total = Arc::into_inner(total).unwrap();
    *total.get_mut() += 1;
    assert_eq!(total.into_inner(), 4);
    assert_eq!(*Mutex::<u8>::default().lock() + *Mutex::from(1).lock(), 1);
    let unsized_: &Mutex<[u8]> = &Mutex::new([1, 2]);
    assert_eq!(unsized_.lock().len(), 2);
}

pub fn rwlocks() {
    let lock = Arc::new(RwLock::new(1));
    let writer = {
        let lock = lock.clone();
        thread::spawn(move || *lock.write() += 1)
    };
    assert!([1, 2].contains(&*lock.read()));
    writer.join().unwrap();
    {
        let shared = lock.try_read().unwrap();
        assert_eq!(*shared, 2);
        assert!(lock.try_write().is_none());
    }
    {
        let mut alone = lock.try_write().unwrap();
        *alone += 1;
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
    }
    let mut lock = Arc::into_inner(lock).unwrap();
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 4);
    assert_eq!(*RwLock::<u8>::default().read() + *RwLock::from(1).read(), 1);
}

pub fn condvars() {
    let shared = Arc::new((Mutex::new(0), Condvar::new(), Condvar::default()));
    let other = {
        let shared = shared.clone();
        thread::spawn(move || {
            let mut turn = shared.0.lock();
            shared.1.wait_while(&mut turn, |turn| *turn != 1);
            *turn = 2;
            shared.2.notify_all();
        })
    };
    let mut turn = shared.0.lock();
    *turn = 1;
    shared.1.notify_one();
    while *turn != 2 {
        shared.2.wait(&mut turn);
    }
    drop(turn);
    other.join().unwrap();
    assert!(!shared.1.notify_one());
    assert_eq!(shared.2.notify_all(), 0);
}

pub fn timed_waits() {
    let (lock, condvar) = (Mutex::new(()), Condvar::new());
    let mut guard = lock.lock();
    // Nobody notifies, so all of these end by their timeouts (or, where allowed, spuriously).
    condvar.wait_for(&mut guard, SHORT);
    condvar.wait_until(&mut guard, Instant::now() + SHORT);
    let mut left = 2;
    let mut countdown = |_: &mut ()| {
        left -= 1;
        left >= 0
    };
    condvar.wait_while_for(&mut guard, &mut countdown, SHORT);
    condvar.wait_while_until(&mut guard, &mut countdown, Instant::now() + SHORT);
    assert!(!condvar.wait_while_for(&mut guard, |()| false, SHORT).timed_out());
    time::Deadline::after(SHORT).wait(&condvar, &mut guard);
}

pub fn barriers() {
    let barrier = Arc::new(Barrier::new(2));
    let met = Arc::new(AtomicU32::new(0));
    let round = |barrier: &Barrier, met: &AtomicU32| {
        met.fetch_add(1, Ordering::Relaxed);
        let leader = barrier.wait().is_leader();
        assert!(met.load(Ordering::Relaxed) >= 2);
        leader as u32
    };
    let other = {
        let (barrier, met) = (barrier.clone(), met.clone());
        thread::spawn(move || round(&barrier, &met) + round(&barrier, &met))
    };
    let leader = round(&barrier, &met) + round(&barrier, &met);
    assert_eq!(leader + other.join().unwrap(), 2);
}

pub fn onces() {
    let once = Arc::new((Once::new(), AtomicU32::new(0)));
    let run = |once: &(Once, AtomicU32)| {
        once.0.call_once(|| {
            once.1.fetch_add(1, Ordering::Relaxed);
        });
        assert!(once.0.is_completed());
        assert_eq!(once.1.load(Ordering::Relaxed), 1);
    };
    let other = {
        let once = once.clone();
        thread::spawn(move || run(&once))
    };
    run(&once);
    other.join().unwrap();
    once.0.call_once_force(|_| unreachable!());
    once.0.wait();
    once.0.wait_force();
    Once::new().call_once_force(|state| assert!(!state.is_poisoned()));
}

pub fn once_locks() {
    let lock = Arc::new(OnceLock::new());
    let other = {
        let lock = lock.clone();
        thread::spawn(move || *lock.get_or_init(|| 1))
    };
    let mine = *lock.get_or_init(|| 2);
    assert_eq!(other.join().unwrap(), mine);
    assert_eq!((lock.get(), lock.set(3), *lock.wait()), (Some(&mine), Err(3), mine));
    let mut lock = Arc::into_inner(lock).unwrap();
    *lock.get_mut().unwrap() = 4;
    assert_eq!(lock.clone(), lock);
    assert_eq!((lock.take(), lock.get()), (Some(4), None));
    assert_eq!(lock.set(5), Ok(()));
    assert_eq!(lock.into_inner(), Some(5));
    assert_eq!(OnceLock::from(6).into_inner(), OnceLock::<i32>::default().into_inner().or(Some(6)));
}

pub fn channels() {
    let (tx, rx) = channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    let other = {
        let tx = tx.clone();
        thread::spawn(move || tx.send(1).unwrap())
    };
    assert_eq!(rx.recv(), Ok(1));
    other.join().unwrap();
    tx.send(2).unwrap();
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [2]);
    assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
    tx.send(3).unwrap();
    assert_eq!(rx.recv_timeout(SHORT), Ok(3));
    tx.send(4).unwrap();
    tx.send(5).unwrap();
    drop(tx);
    assert_eq!(rx.iter().next(), Some(4));
    #[allow(clippy::into_iter_on_ref, reason = "the implementation for references is what is tested")]
    let rest = (&rx).into_iter().collect::<Vec<_>>();
    assert_eq!(rest, [5]);
    assert!(rx.recv().is_err() && rx.try_recv() == Err(TryRecvError::Disconnected));
    assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Disconnected));
    assert_eq!(rx.into_iter().next(), None);
    let (tx, rx) = channel();
    drop(rx);
    assert_eq!(tx.send(6).unwrap_err().0, 6);
}

pub fn sync_channels() {
    let (tx, rx) = sync_channel(1);
    tx.send(1).unwrap();
    assert!(matches!(tx.try_send(2), Err(TrySendError::Full(2))));
    let other = {
        let tx = tx.clone();
        thread::spawn(move || tx.send(3).unwrap())
    };
    assert_eq!((rx.recv(), rx.recv()), (Ok(1), Ok(3)));
    other.join().unwrap();
    tx.try_send(4).unwrap();
    drop(rx);
    assert!(matches!(tx.try_send(5), Err(TrySendError::Disconnected(5))) && tx.send(6).is_err());
}

pub fn rendezvous() {
    let (tx, rx) = sync_channel(0);
    assert!(matches!(tx.try_send(0), Err(TrySendError::Full(0))));
    let passed = Arc::new(AtomicBool::new(false));
    let other = {
        let passed = passed.clone();
        thread::spawn(move || {
            passed.store(true, Ordering::Relaxed);
            rx.recv()
        })
    };
    tx.send(1).unwrap();
    assert!(passed.load(Ordering::Relaxed));
    assert_eq!(other.join().unwrap(), Ok(1));
    assert_eq!(tx.send(2).unwrap_err().0, 2);
}

pub fn lazy_locks() {
    let runs = Arc::new(AtomicU32::new(0));
    let lazy = {
        let runs = runs.clone();
        Arc::new(LazyLock::new(move || runs.fetch_add(1, Ordering::Relaxed) + 5))
    };
    let other = {
        let lazy = lazy.clone();
        thread::spawn(move || **lazy)
    };
    assert_eq!((*LazyLock::force(&lazy), other.join().unwrap()), (5, 5));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(*LazyLock::<u8>::default(), 0);
    assert_eq!(*LazyLock::<u8>::new(|| 3).named("three"), 3);
}

pub fn notifies() {
    let shared = Arc::new((Notify::new().named("ready"), AtomicU32::new(0)));
    let other = {
        let shared = shared.clone();
        thread::spawn(move || {
            shared.1.store(1, Ordering::Relaxed);
            shared.0.notify();
        })
    };
    shared.0.wait();
    assert_eq!(shared.1.load(Ordering::Relaxed), 1);
    other.join().unwrap();
    // Left before anybody waits, twice: it is taken once.
    shared.0.notify();
    shared.0.notify();
    shared.0.wait();
    let idle = Notify::default().named_with(|| "idle".into());
    idle.notify();
    idle.wait();
}
