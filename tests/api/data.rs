//! Atomics, cells, counted and tracked values.

use selvedge::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use selvedge::sync::*;
use std::ptr;

macro_rules! integer {
    ($atomic:ident, $int:ident) => {{
        let mut a = $atomic::new(5);
        assert_eq!(a.load(SeqCst), 5);
        a.store(6, Release);
        assert_eq!(a.swap(7, AcqRel), 6);
        assert_eq!(a.compare_exchange(7, 8, AcqRel, Acquire), Ok(7));
        assert_eq!(a.compare_exchange(7, 9, SeqCst, Relaxed), Err(8));
        a.store(9, Relaxed);
        assert_eq!(a.compare_exchange_weak(8, 1, Relaxed, Relaxed), Err(9));
        assert_eq!(a.fetch_add($int::MAX, Relaxed), 9);
        assert_eq!(a.fetch_sub($int::MAX, Relaxed), (9 as $int).wrapping_add($int::MAX));
        assert_eq!(a.fetch_and(0b1100, Relaxed), 0b1001);
        assert_eq!(a.fetch_nand(0b1000, Relaxed), 0b1000);
        assert_eq!(a.fetch_or(0b1, Relaxed), !0b1000);
        assert_eq!(a.fetch_xor(0b1, Relaxed), !0b1000);
        assert_eq!(a.swap($int::MIN, Relaxed), !0b1001);
        assert_eq!(a.fetch_max(3, Relaxed), $int::MIN);
        assert_eq!(a.fetch_max($int::MIN, Relaxed), 3.max($int::MIN));
        assert_eq!(a.fetch_min($int::MAX, Relaxed), 3);
        assert_eq!(a.fetch_min($int::MIN, Relaxed), 3);
        assert_eq!(a.fetch_update(AcqRel, Acquire, |_| None), Err($int::MIN));
        a.store($int::MIN + 2, Relaxed);
        assert_eq!(a.with_mut(|v| std::mem::replace(v, 40)), $int::MIN + 2);
        a.with_mut(|v| *v += 2);
        // SAFETY: the atomic is this thread's alone.
        assert_eq!(unsafe { a.unsync_load() }, 42);
        assert_eq!(a.into_inner(), 42);
        assert_eq!($atomic::default().into_inner(), 0);
        assert_eq!($atomic::from(3).load(Relaxed), 3);
    }};
}

pub fn integers() {
    integer!(AtomicI8, i8);
    integer!(AtomicI16, i16);
    integer!(AtomicI32, i32);
    integer!(AtomicI64, i64);
    integer!(AtomicIsize, isize);
    integer!(AtomicU8, u8);
    integer!(AtomicU16, u16);
    integer!(AtomicU32, u32);
    integer!(AtomicU64, u64);
    integer!(AtomicUsize, usize);
}

/// A weak exchange may fail for no reason, but not for ever.
pub fn weak_exchanges() {
    let a = AtomicI8::new(8);
    assert!((0..1000).any(|_| a.compare_exchange_weak(8, -9, Relaxed, Relaxed).is_ok()));
    assert_eq!(a.fetch_update(AcqRel, Acquire, |v| Some(v.wrapping_sub(120))), Ok(-9));
    assert_eq!(a.load(Relaxed), 127);
    let b = AtomicU64::new(u64::MAX);
    assert_eq!(b.fetch_update(AcqRel, Acquire, |v| Some(v.wrapping_add(1))), Ok(u64::MAX));
}

pub fn bools() {
    let mut b = AtomicBool::default();
    assert!(!b.swap(true, SeqCst));
    assert!(b.fetch_and(true, Relaxed));
    assert!(b.fetch_nand(true, Relaxed));
    assert!(!b.fetch_or(true, Relaxed));
    assert!(b.fetch_xor(true, Relaxed));
    assert!(!b.fetch_not(Relaxed));
    b.store(false, Release);
    assert_eq!(b.compare_exchange(false, true, AcqRel, Acquire), Ok(false));
    assert!((0..1000).any(|_| b.compare_exchange_weak(true, false, Relaxed, Relaxed).is_ok()));
    assert_eq!(b.fetch_update(Relaxed, Relaxed, |v| Some(!v)), Ok(false));
    b.with_mut(|v| *v = !*v);
    // SAFETY: the atomic is this thread's alone.
    assert!(!unsafe { b.unsync_load() });
    assert!(!b.load(Acquire) && !b.into_inner() && AtomicBool::from(true).into_inner());
}

pub fn pointers() {
    let (mut x, mut y) = (1, 2);
    let (x, y): (*mut i32, *mut i32) = (&raw mut x, &raw mut y);
    let mut p = AtomicPtr::new(x);
    assert_eq!(p.swap(y, AcqRel), x);
    assert_eq!(p.compare_exchange(y, x, AcqRel, Acquire), Ok(y));
    assert!((0..1000).any(|_| p.compare_exchange_weak(x, y, Relaxed, Relaxed).is_ok()));
    assert_eq!(p.fetch_update(Relaxed, Relaxed, |_| Some(x)), Ok(y));
    // SAFETY: what comes out of the atomic is the pointer that went in, and `x` is alive.
    unsafe { *p.load(Acquire) += 10 };
    p.with_mut(|v| {
        // SAFETY: as above.
        assert_eq!(unsafe { **v }, 11);
        *v = y;
    });
    // SAFETY: the atomic is this thread's alone, and `y` is alive.
    assert_eq!(unsafe { *p.unsync_load() }, 2);
    p.store(ptr::null_mut(), Release);
    assert!(p.into_inner().is_null() && AtomicPtr::<u8>::default().into_inner().is_null());
    assert_eq!(AtomicPtr::from(x).into_inner(), x);
}

pub fn message_passing() {
    let data = Arc::new((AtomicU64::new(0), AtomicBool::new(false), UnsafeCellBox(UnsafeCell::new(0))));
    let writer = {
        let data = data.clone();
        thread::spawn(move || {
            data.0.store(42, Relaxed);
            // SAFETY: the reader waits for the flag, which is stored after this with Release.
            data.2.0.with_mut(|p| unsafe { *p = 43 });
            data.1.store(true, Release);
        })
    };
    hint::spin_until(|| data.1.load(Acquire));
    assert_eq!(data.0.load(Relaxed), 42);
    // SAFETY: the writer is done with the cell: its flag was seen with Acquire.
    assert_eq!(data.2.0.with(|p| unsafe { *p }), 43);
    writer.join().unwrap();
}

/// A cell that is shared by the protocol above.
struct UnsafeCellBox(UnsafeCell<i32>);
// SAFETY: `message_passing` orders its accesses by a flag.
unsafe impl Sync for UnsafeCellBox {}

pub fn fences() {
    let data = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
    let writer = {
        let data = data.clone();
        thread::spawn(move || {
            data.0.store(42, Relaxed);
            fence(Release);
            data.1.store(true, Relaxed);
        })
    };
    while !data.1.load(Relaxed) {
        hint::spin_loop();
    }
    fence(Acquire);
    compiler_fence(SeqCst);
    assert_eq!(data.0.load(Relaxed), 42);
    writer.join().unwrap();
}

pub fn cells() {
    let mut c = UnsafeCell::new(vec![1]);
    // SAFETY: the cell is this thread's alone, here and below.
    c.with_mut(|p| unsafe { (*p).push(2) });
    // SAFETY: as above; the two shared accesses overlap, which is allowed.
    assert_eq!(c.with(|p| c.with(|q| unsafe { (*p).len() + (*q).len() })), 4);
    c.get_mut().push(3);
    assert_eq!(c.into_inner(), [1, 2, 3]);
    assert_eq!(UnsafeCell::<u8>::default().into_inner() + UnsafeCell::from(1).into_inner(), 1);

    let (mut a, b) = (cell::Cell::new(1), cell::Cell::from(2));
    a.swap(&b);
    assert_eq!((a.get(), b.replace(5)), (2, 1));
    b.set(6);
    assert_eq!((b.take(), b.get()), (6, 0));
    *a.get_mut() += 1;
    assert_eq!(a.into_inner() + cell::Cell::<i32>::default().into_inner(), 3);
}

pub fn arcs() {
    let mut a = Arc::new(String::from("a"));
    assert_eq!(Arc::strong_count(&a), 1);
    Arc::get_mut(&mut a).unwrap().push('b');
    let b = a.clone();
    assert_eq!(Arc::strong_count(&b), 2);
    assert!(Arc::get_mut(&mut a).is_none() && Arc::ptr_eq(&a, &b));
    Arc::make_mut(&mut a).push('c');
    assert_eq!((a.as_str(), b.as_str()), ("abc", "ab"));
    Arc::make_mut(&mut a).push('d');
    let c = a.clone();
    let a = Arc::try_unwrap(a).unwrap_err();
    assert_eq!(Arc::into_inner(a), None);
    assert_eq!(Arc::try_unwrap(c).unwrap(), "abcd");
    assert_eq!(Arc::unwrap_or_clone(b.clone()), "ab");
    let other = b.clone();
    let other = thread::spawn(move || Arc::into_inner(other));
    let mine = Arc::into_inner(b);
    let theirs = other.join().unwrap();
    assert_eq!(mine.or(theirs).as_deref(), Some("ab"));
}

pub fn weaks() {
    struct Node {
        me: Weak<Node>,
    }
    let node = Arc::new_cyclic(|me| {
        assert!(me.upgrade().is_none());
        Node { me: me.clone() }
    });
    assert!(Arc::ptr_eq(&node, &node.me.upgrade().unwrap()));
    let weak = Arc::downgrade(&node);
    assert!(weak.ptr_eq(&node.me) && ptr::eq(weak.as_ptr(), Arc::as_ptr(&node)));
    assert_eq!((weak.strong_count(), weak.weak_count(), Arc::weak_count(&node)), (1, 2, 2));
    drop(node);
    assert!(weak.upgrade().is_none() && weak.strong_count() == 0);
    assert!(Weak::<u8>::new().upgrade().is_none() && Weak::<u8>::default().clone().strong_count() == 0);
}

pub fn raw_arcs() {
    let raw = Arc::into_raw(Arc::new(7));
    // SAFETY: the reference that is away keeps the allocation alive; each one made is taken back once.
    unsafe {
        Arc::increment_strong_count(raw);
        let back = Arc::from_raw(raw);
        assert_eq!((*back, Arc::strong_count(&back)), (7, 2));
        Arc::decrement_strong_count(raw);
        assert_eq!(Arc::strong_count(&back), 1);
    }
    assert_eq!(*Arc::pin(8), 8);
}

pub fn arc_conversions() {
    trait Speak: Send + Sync {
        fn speak(&self) -> &str;
    }
    impl Speak for String {
        fn speak(&self) -> &str {
            self
        }
    }
    let text = Arc::new(String::from("hello"));
    let speaker: Arc<dyn Speak> = Arc::unsize::<dyn Speak>(text.clone(), |a| a);
    assert_eq!((speaker.speak(), Arc::strong_count(&speaker)), ("hello", 2));
    let outside: Arc<u8> = ArcExt::from_std(std::sync::Arc::new(1));
    assert_eq!(*outside, 1);
    let slices: [Arc<[u8]>; 5] = [
        Arc::from(vec![1, 2]),
        Arc::from([1, 2]),
        Arc::from(&[1, 2][..]),
        Arc::from(Box::from([1, 2])),
        [1, 2].into_iter().collect(),
    ];
    assert!(slices.iter().all(|s| **s == [1, 2] && *s == slices[0] && *s <= slices[0]));
    let texts: [Arc<str>; 2] = [Arc::from("x"), Arc::from(String::from("x"))];
    assert_eq!((texts[0].as_ref(), format!("{} {:?}", texts[0], texts[1]).as_str()), ("x", "x \"x\""));
    assert_eq!(*Arc::<u8>::default() + *Arc::from(1), 1);
}

pub fn arc_swaps() {
    let first = Arc::new(1);
    let place = Arc::new(ArcSwap::new(first.clone()));
    let writer = {
        let place = place.clone();
        thread::spawn(move || place.store(Arc::new(2)))
    };
    assert!([1, 2].contains(&**place.load()));
    writer.join().unwrap();
    assert_eq!(**place.load(), 2);
    let second = place.swap(first.clone());
    assert_eq!(*second, 2);
    assert!(Arc::ptr_eq(&place.compare_and_swap(&second, Arc::new(9)), &first));
    assert!(Arc::ptr_eq(&place.compare_and_swap(&first, Arc::new(3)), &first));
    assert_eq!(*place.load_full(), 3);
    assert_eq!(*place.rcu(|old| **old + 1), 3);
    assert_eq!(*ArcSwapGuard::into_inner(place.load()), 4);
    let place = Arc::into_inner(place).unwrap();
    assert_eq!(*place.into_inner(), 4);
    assert_eq!(**ArcSwap::from_pointee(5).load() + **ArcSwap::<i32>::default().load(), 5);
    assert_eq!(**ArcSwap::from(first).load(), 1);
}

pub fn tracked() {
    let mut value = Tracked::new(vec![1]);
    value.push(2);
    let pointer = value.ptr().clone();
    // SAFETY: the owner is alive, where it was, and only shared.
    assert_eq!(unsafe { pointer.with(|v| v.len()) }, value.len());
    assert!(pointer.points_to(&value) && !pointer.points_to(&Tracked::new(vec![1, 2])));
    // SAFETY: as before.
    assert_eq!(unsafe { pointer.with_last(|v| v, |v| v[1]) }, 2);
    assert_eq!(value.into_inner(), [1, 2]);
    assert_eq!(*Tracked::from(1) + *Tracked::<i32>::default(), 1);
}
