//! The exact explorer against numbers that are known: executions of litmus tests, of contended counters, of
//! lock-protected sections, and the verdicts on waits that cannot end.
#![cfg(any(feature = "check", loom, shuttle))]

mod support;

use selvedge::check::{Kind, Verdict};
use selvedge::sync::{
    Arc, AtomicUsize, Condvar, Mutex, Ordering, Ordering::*, RwLock, cell::UnsafeCell, fence, hint, thread,
};
use support::{counts, exact, exact_sc};

type Body = Box<dyn Fn(&[AtomicUsize]) -> String + Send + Sync>;

/// Runs the bodies on threads of their own over `n` shared words; the outcome is what each returned.
fn threads(n: usize, bodies: Vec<Body>) -> impl Fn() -> String + Send + Sync + 'static {
    let bodies: std::sync::Arc<Vec<Body>> = bodies.into();
    move || {
        let words: Arc<Vec<AtomicUsize>> = Arc::new((0..n).map(|_| AtomicUsize::new(0)).collect());
        let handles: Vec<_> = (0..bodies.len())
            .map(|i| {
                let (words, bodies) = (words.clone(), bodies.clone());
                thread::spawn(move || bodies[i](&words))
            })
            .collect();
        let mut out: Vec<String> = handles.into_iter().map(|h| h.join().unwrap()).collect();
        out.retain(|s| !s.is_empty());
        out.join(" ")
    }
}

macro_rules! bodies {
    ($($b:expr),* $(,)?) => {{ let v: Vec<Body> = vec![$(Box::new($b)),*]; v }};
}

fn loads(list: &[usize]) -> String {
    list.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

fn mp(store: Ordering, load: Ordering) -> Vec<Body> {
    bodies![
        move |w| {
            w[0].store(1, Relaxed);
            w[1].store(1, store);
            String::new()
        },
        move |w| loads(&[w[1].load(load), w[0].load(Relaxed)]),
    ]
}

#[test]
fn message_passing() {
    counts(&exact(threads(2, mp(Release, Acquire))), 3);
    counts(&exact(threads(2, mp(Relaxed, Relaxed))), 4);
    counts(&exact_sc(threads(2, mp(Relaxed, Relaxed))), 3);
}

fn sb(o: Ordering, f: bool) -> Vec<Body> {
    let one = move |a: usize, b: usize| {
        move |w: &[AtomicUsize]| {
            w[a].store(1, if o == AcqRel { Release } else { o });
            if f {
                fence(SeqCst);
            }
            loads(&[w[b].load(if o == AcqRel { Acquire } else { o })])
        }
    };
    bodies![one(0, 1), one(1, 0)]
}

#[test]
fn store_buffering() {
    counts(&exact(threads(2, sb(Relaxed, false))), 4);
    counts(&exact(threads(2, sb(AcqRel, false))), 4);
    counts(&exact(threads(2, sb(SeqCst, false))), 3);
    counts(&exact(threads(2, sb(Relaxed, true))), 3);
    counts(&exact_sc(threads(2, sb(Relaxed, false))), 3);
}

fn iriw(store: Ordering, first: Ordering, second: Ordering) -> Vec<Body> {
    let write = move |a: usize| {
        move |w: &[AtomicUsize]| {
            w[a].store(1, store);
            String::new()
        }
    };
    let read =
        move |a: usize, b: usize| move |w: &[AtomicUsize]| loads(&[w[a].load(first), w[b].load(second)]);
    bodies![write(0), write(1), read(0, 1), read(1, 0)]
}

#[test]
fn independent_reads_of_independent_writes() {
    counts(&exact(threads(2, iriw(Release, Acquire, Acquire))), 16);
    counts(&exact(threads(2, iriw(SeqCst, SeqCst, SeqCst))), 15);
    counts(&exact(threads(2, iriw(SeqCst, Acquire, SeqCst))), 16);
    counts(&exact(threads(2, iriw(SeqCst, Acquire, Acquire))), 16);
}

#[test]
fn load_buffering_is_outside_rc11() {
    let one = |a: usize, b: usize| {
        move |w: &[AtomicUsize]| {
            let r = w[a].load(Relaxed);
            w[b].store(1, Relaxed);
            loads(&[r])
        }
    };
    counts(&exact(threads(2, bodies![one(0, 1), one(1, 0)])), 3);
}

fn adders(threads_: usize, ops: usize, shared: bool) -> Vec<Body> {
    (0..threads_)
        .map(|t| {
            Box::new(move |w: &[AtomicUsize]| {
                for _ in 0..ops {
                    w[if shared { 0 } else { t }].fetch_add(1, Relaxed);
                }
                String::new()
            }) as Body
        })
        .collect()
}

#[test]
fn contended_and_independent_counters() {
    for (t, k, n) in [(2, 3, 20), (3, 2, 90), (3, 3, 1680), (4, 1, 24), (2, 5, 252)] {
        counts(&exact(threads(1, adders(t, k, true))), n);
        counts(&exact(threads(t, adders(t, k, false))), 1);
        counts(&exact_sc(threads(1, adders(t, k, true))), n);
    }
}

#[test]
fn locked_increments() {
    for (n, orders) in [(2, 2), (3, 6), (4, 24), (5, 120)] {
        let x = exact(move || {
            let m = Arc::new(Mutex::new(0));
            let hs: Vec<_> = (0..n)
                .map(|_| {
                    let m = m.clone();
                    thread::spawn(move || *m.lock() += 1)
                })
                .collect();
            hs.into_iter().for_each(|h| h.join().unwrap());
            format!("{}", *m.lock())
        });
        counts(&x, orders);
        assert_eq!(x.outcomes.len(), 1);
    }
}

fn found(x: &selvedge::check::engine::Exploration, kind: Kind) {
    match &x.verdict {
        Verdict::Found { kind: k, .. } if *k == kind => {}
        v => panic!("expected {kind}, got {v} after {} executions", x.executions),
    }
}

#[test]
fn abba_deadlocks() {
    let x = exact(|| {
        let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let (a2, b2) = (a.clone(), b.clone());
        let h = thread::spawn(move || {
            let _b = b2.lock();
            let _a = a2.lock();
        });
        {
            let _a = a.lock();
            let _b = b.lock();
        }
        h.join().unwrap();
        "done"
    });
    found(&x, Kind::Deadlock);
}

/// Plain data that the threads share.
struct Published {
    data: UnsafeCell<usize>,
    ready: AtomicUsize,
}

// SAFETY: false for some of the tests, which is what they ask the engine about; it reports before it touches.
unsafe impl Sync for Published {}

#[test]
fn races_on_cells() {
    let publish = |store: Ordering, load: Ordering| {
        move || {
            let s = Arc::new(Published { data: UnsafeCell::new(0), ready: AtomicUsize::new(0) });
            let s2 = s.clone();
            let h = thread::spawn(move || {
                // SAFETY: whether anybody else is here is what the test asks the engine.
                s2.data.with_mut(|p| unsafe { *p = 42 });
                s2.ready.store(1, store);
            });
            let out = if s.ready.load(load) == 1 {
                // SAFETY: as above.
                s.data.with(|p| unsafe { *p }).to_string()
            } else {
                "early".to_owned()
            };
            h.join().unwrap();
            out
        }
    };
    counts(&exact(publish(Release, Acquire)), 2);
    found(&exact(publish(Relaxed, Acquire)), Kind::DataRace);
    found(&exact(publish(Release, Relaxed)), Kind::DataRace);
}

#[test]
fn spin_wait_is_a_wait() {
    let x = exact(|| {
        let f = Arc::new(AtomicUsize::new(0));
        let f2 = f.clone();
        let h = thread::spawn(move || f2.store(1, Release));
        hint::spin_until(|| f.load(Acquire) == 1);
        h.join().unwrap();
        "seen"
    });
    counts(&x, 1);
    let stuck = exact(|| {
        let f = AtomicUsize::new(0);
        hint::spin_until(|| f.load(Acquire) == 1);
        "never"
    });
    found(&stuck, Kind::Livelock);
}

#[test]
fn condition_variable_with_and_without_its_predicate() {
    let run = |locked: bool| {
        move || {
            let s = Arc::new((Mutex::new(false), Condvar::new()));
            let s2 = s.clone();
            let h = thread::spawn(move || {
                *s2.0.lock() = true;
                s2.1.notify_one();
            });
            if locked {
                let mut ready = s.0.lock();
                while !*ready {
                    s.1.wait(&mut ready);
                }
            } else {
                let seen = *s.0.lock();
                if !seen {
                    let mut ready = s.0.lock();
                    s.1.wait(&mut ready);
                }
            }
            h.join().unwrap();
            "woken"
        }
    };
    let good = exact(run(true));
    assert_eq!(good.verdict, Verdict::Exhausted);
    found(&exact(run(false)), Kind::LostWakeup);
}

#[test]
fn readers_share_and_writers_exclude() {
    let x = exact(|| {
        let l = Arc::new(RwLock::new(0));
        let (l2, l3) = (l.clone(), l.clone());
        let w = thread::spawn(move || *l2.write() += 1);
        let r = thread::spawn(move || *l3.read());
        let mine = *l.read();
        w.join().unwrap();
        let theirs = r.join().unwrap();
        format!("{mine}{theirs}")
    });
    assert_eq!(x.verdict, Verdict::Exhausted);
    assert_eq!(x.outcomes.len(), 4);
}

#[test]
fn park_takes_a_token() {
    let x = exact(|| {
        let me = thread::current();
        let h = thread::spawn(move || me.unpark());
        thread::park();
        h.join().unwrap();
        "unparked"
    });
    assert_eq!(x.verdict, Verdict::Exhausted);
    let stuck = exact(|| {
        thread::park();
        thread::park();
        "never"
    });
    found(&stuck, Kind::LostWakeup);
}

/// Long executions cost in proportion to little more than their length: these take seconds, and took minutes.
#[test]
fn long_executions() {
    let adds = |n: usize, order: Ordering| {
        move || {
            let a = AtomicUsize::new(0);
            (0..n).for_each(|_| _ = a.fetch_add(1, order));
            "ok"
        }
    };
    counts(&exact(adds(4_000, Relaxed)), 1);
    counts(&support::exact_sc(adds(1_000, SeqCst)), 1);
    // Two threads on separate words, in the total order of SeqCst operations.
    counts(
        &exact(|| {
            let words = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
            let theirs = words.clone();
            let h = thread::spawn(move || (0..200).for_each(|_| _ = theirs[0].fetch_add(1, SeqCst)));
            (0..200).for_each(|_| _ = words[1].fetch_add(1, SeqCst));
            h.join().unwrap();
            "ok"
        }),
        1,
    );
}
