//! The kernel of the cost comparison: one source, compiled twice, once over the facade and once over the plain
//! crates. What differs is imported from the parent module, and is imports and how a cell is opened.

use super::{
    Arc, ArcSwap, AtomicBool, AtomicPtr, AtomicU64, Condvar, Mutex, OnceLock, Ordering, RwLock, UnsafeCell,
    fence, spin_loop, with, with_mut,
};

/// What every operation of the kernel works on.
pub struct Shared {
    count: AtomicU64,
    flag: AtomicBool,
    head: AtomicPtr<u64>,
    locked: Mutex<u64>,
    bell: Condvar,
    table: RwLock<[u64; 4]>,
    config: ArcSwap<u64>,
    once: OnceLock<u64>,
    cell: UnsafeCell<u64>,
}

#[allow(clippy::arc_with_non_send_sync, reason = "one thread: what is counted is the operations")]
pub fn new() -> Arc<Shared> {
    Arc::new(Shared {
        count: AtomicU64::new(1),
        flag: AtomicBool::new(false),
        head: AtomicPtr::new(std::ptr::null_mut()),
        locked: Mutex::new(2),
        bell: Condvar::new(),
        table: RwLock::new([3; 4]),
        config: ArcSwap::from_pointee(4),
        once: OnceLock::new(),
        cell: UnsafeCell::new(5),
    })
}

/// One round over everything; returns a digest, so that nothing is optimised away.
#[inline(never)]
pub fn round(s: &Arc<Shared>, n: u64) -> u64 {
    let mine = s.clone();
    let mut sum = s.count.fetch_add(n, Ordering::Relaxed);
    sum ^= s.count.load(Ordering::Acquire);
    s.flag.store(n.is_multiple_of(2), Ordering::Release);
    if s.flag.compare_exchange(true, false, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        sum += 1;
    }
    let mut local = n;
    s.head.store(&raw mut local, Ordering::Release);
    // SAFETY: the pointer is the address of `local`, which is alive; the kernel runs on one thread.
    sum ^= unsafe { *s.head.load(Ordering::Acquire) };
    s.head.swap(std::ptr::null_mut(), Ordering::AcqRel);
    {
        let mut held = s.locked.lock();
        *held = held.wrapping_add(sum);
        s.bell.notify_one();
        sum ^= *held;
    }
    if let Some(held) = s.locked.try_lock() {
        sum = sum.wrapping_add(*held);
    }
    s.table.write()[(n % 4) as usize] += 1;
    sum ^= s.table.read().iter().sum::<u64>();
    sum ^= **s.config.load();
    if n.is_multiple_of(16) {
        s.config.store(Arc::new(n));
    }
    sum ^= *s.once.get_or_init(|| 7);
    // SAFETY: the kernel runs on one thread, and the access ends before the next begins.
    with_mut(&s.cell, |p| unsafe { *p = (*p).wrapping_mul(31) ^ sum });
    // SAFETY: as above.
    sum ^= with(&s.cell, |p| unsafe { *p });
    fence(Ordering::SeqCst);
    spin_loop();
    drop(mine);
    sum
}
