//! What a `SnapshotCache` promises: a good listing stays until a better one is there, absence is confirmed, and a
//! listing is shared by all who wait for it.

use proptest::prelude::*;
use selvedge::snapshot_cache::{Backoff, Generation, LookupError, RefreshError, SnapshotCache};
use selvedge::sync::time::Deadline;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

type Pools = BTreeMap<String, u32>;
type Cache = SnapshotCache<Pools, &'static str>;

fn pools(names: &[(&str, u32)]) -> Pools {
    names.iter().map(|(name, host)| ((*name).to_owned(), *host)).collect()
}

fn never() -> Deadline {
    Deadline::never()
}

fn host(name: &str) -> impl Fn(&Pools) -> Option<u32> {
    move |pools| pools.get(name).copied()
}

fn unasked() -> Result<Pools, &'static str> {
    panic!("the authority is not to be asked")
}

#[test]
fn a_hit_asks_nobody() {
    let cache = Cache::new(pools(&[("gold", 1)]));
    let hit = cache.lookup(&never(), host("gold"), unasked).unwrap();
    assert_eq!((hit.value, hit.generation.get()), (1, 0));
}

#[test]
fn a_miss_asks_once_and_then_answers() {
    let cache = Cache::new(Pools::new());
    let looked = AtomicU32::new(0);
    let find = |pools: &Pools| {
        looked.fetch_add(1, Ordering::Relaxed);
        pools.get("gold").copied()
    };
    let hit = cache.lookup(&never(), find, || Ok(pools(&[("gold", 7)]))).unwrap();
    assert_eq!((hit.value, hit.generation), (7, cache.generation()));
    assert_eq!(looked.load(Ordering::Relaxed), 2, "once for each snapshot");
    assert_eq!(cache.lookup(&never(), host("gold"), unasked).unwrap().value, 7);
}

#[test]
fn absence_is_confirmed_and_dated() {
    let cache = Cache::new(Pools::new());
    let mut last = cache.generation();
    for _ in 0..2 {
        let Err(LookupError::NotFound { generation }) =
            cache.lookup(&never(), host("lead"), || Ok(pools(&[("gold", 1)])))
        else {
            panic!("there is no lead")
        };
        assert!(generation > last, "each lookup that began later is answered by a later listing");
        assert_eq!(generation, cache.generation());
        last = generation;
    }
}

#[test]
fn what_fails_publishes_nothing_and_is_not_absence() {
    let cache = Cache::new(pools(&[("gold", 1)]));
    let before = cache.snapshot();
    assert!(matches!(cache.refresh(&never(), || Err("half a list")), Err(RefreshError::Failed(_))));
    match cache.lookup(&never(), host("lead"), || Err("half a list")) {
        Err(LookupError::Unconfirmed { generation, why: RefreshError::Failed(why) }) => {
            assert_eq!((generation, *why.error()), (before.generation(), "half a list"));
        }
        other => panic!("{other:?}"),
    }
    let panicked = catch_unwind(AssertUnwindSafe(|| cache.refresh(&never(), || panic!("in mid-list"))));
    assert!(panicked.is_err());
    assert_eq!(cache.snapshot(), before);
    let hit = cache.lookup(&never(), host("lead"), || Ok(pools(&[("lead", 2)]))).unwrap();
    assert_eq!(hit.generation.get(), 4, "the three that failed used up their numbers");
    assert_eq!(cache.lookup(&never(), host("gold"), || Ok(Pools::new())).ok(), None, "a whole list replaces");
}

#[test]
fn a_refusing_authority_is_left_alone_for_a_while() {
    let cache = Cache::with_backoff(Pools::new(), Backoff::constant(Duration::from_secs(60)));
    assert!(cache.refresh(&never(), || Err("refused")).is_err());
    match cache.lookup(&never(), host("gold"), unasked) {
        Err(LookupError::Unconfirmed { why: RefreshError::Backoff(pause), .. }) => {
            assert!(pause > Duration::ZERO && pause <= Duration::from_secs(60));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_deadline_bounds_the_wait_for_others() {
    let cache = Cache::new(Pools::new());
    let listing = cache.refresh(&never(), || {
        let soon = Deadline::after(Duration::from_millis(10));
        let late = thread::scope(|s| s.spawn(|| cache.lookup(&soon, host("gold"), unasked)).join().unwrap());
        assert!(matches!(late, Err(LookupError::Unconfirmed { why: RefreshError::TimedOut, .. })));
        Ok(pools(&[("gold", 1)]))
    });
    assert_eq!(listing.unwrap().len(), 1);
}

#[test]
fn one_of_all_who_found_a_generation_wrong_takes_a_listing() {
    let cache = Cache::new(pools(&[("gold", 1)]));
    let wrong = cache.generation();
    let newer = cache.newer_than(wrong, &never(), || Ok(pools(&[("gold", 2)]))).unwrap();
    assert_eq!(newer["gold"], 2);
    assert_eq!(cache.newer_than(wrong, &never(), unasked).unwrap().generation(), newer.generation());
    // Also when a later refresh has failed, and when that generation was the last of the gate's.
    assert!(cache.refresh(&never(), || Err("refused")).is_err());
    let newest = cache.newer_than(newer.generation(), &never(), || Ok(pools(&[("gold", 3)]))).unwrap();
    assert!(newest.generation() > newer.generation());
    assert!(cache.newer_than(newest.generation(), &never(), || Err("refused")).is_err());
}

#[test]
fn errors_say_what_is_known() {
    let cache = SnapshotCache::<Pools, std::io::Error>::new(Pools::new());
    let refused = || Err(std::io::Error::other("refused"));
    let unconfirmed = cache.lookup(&never(), host("lead"), refused).unwrap_err();
    assert_eq!(
        unconfirmed.to_string(),
        "not found in snapshot 0, which may be out of date: refresh 1 failed"
    );
    let source = std::error::Error::source(&unconfirmed).expect("the authority's own error");
    assert_eq!(source.to_string(), "refused");
    let absent = cache.lookup(&never(), host("lead"), || Ok(Pools::new())).unwrap_err();
    assert_eq!(absent.to_string(), "not found in snapshot 2");
}

/// The authority of the incident, in size: it counts how often it is asked, and how many ask at a time.
struct Authority {
    pools: Mutex<Pools>,
    listings: AtomicU32,
    listing: AtomicBool,
}

const POOLS: u32 = 3_000;
const MIGRATIONS: u32 = 10;

impl Authority {
    fn new() -> Self {
        let pools = (0..POOLS).map(|n| (format!("pool{n}"), n)).collect();
        Authority { pools: Mutex::new(pools), listings: AtomicU32::new(0), listing: AtomicBool::new(false) }
    }

    /// Takes its copy, then `wait`s, as a listing that has passed a place does.
    fn list(&self, wait: impl FnOnce()) -> Result<Pools, &'static str> {
        assert!(!self.listing.swap(true, Ordering::Relaxed), "two listings at a time");
        self.listings.fetch_add(1, Ordering::Relaxed);
        let copy = self.pools.lock().unwrap().clone();
        wait();
        self.listing.store(false, Ordering::Relaxed);
        Ok(copy)
    }

    fn listings(&self) -> u32 {
        self.listings.load(Ordering::Relaxed)
    }
}

/// Counts to a number and lets everybody wait for it.
#[derive(Default)]
struct Count(Mutex<u32>, Condvar);

impl Count {
    fn one_more(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }
    fn wait_for(&self, n: u32) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |now| *now < n).unwrap());
    }
}

#[test]
fn ten_lookups_of_three_thousand_pools_share_one_listing() {
    let (authority, cache, missed) = (Authority::new(), Cache::new(Pools::new()), Count::default());
    thread::scope(|s| {
        for n in 0..MIGRATIONS {
            let (authority, cache, missed) = (&authority, &cache, &missed);
            s.spawn(move || {
                let name = format!("pool{}", n * POOLS / MIGRATIONS);
                let find = |pools: &Pools| {
                    pools.get(&name).copied().or_else(|| {
                        missed.one_more();
                        None
                    })
                };
                // Whoever leads goes on when all ten have missed.
                let hit =
                    cache.lookup(&never(), find, || authority.list(|| missed.wait_for(MIGRATIONS))).unwrap();
                assert_eq!(hit.value, n * POOLS / MIGRATIONS);
            });
        }
    });
    assert_eq!(authority.listings(), 1);
    assert_eq!(cache.snapshot().len() as u32, POOLS);
}

#[test]
fn a_listing_that_began_too_early_proves_nothing() {
    let (authority, cache, missed) = (Authority::new(), Cache::new(Pools::new()), Count::default());
    let passed = Count::default();
    thread::scope(|s| {
        let (authority, cache, missed, passed) = (&authority, &cache, &missed, &passed);
        s.spawn(move || {
            let wait = || {
                passed.one_more();
                missed.wait_for(MIGRATIONS);
            };
            cache.refresh(&never(), || authority.list(wait)).unwrap();
        });
        passed.wait_for(1);
        authority.pools.lock().unwrap().insert("new".to_owned(), POOLS);
        for _ in 0..MIGRATIONS {
            s.spawn(move || {
                let find = |pools: &Pools| {
                    pools.get("new").copied().or_else(|| {
                        missed.one_more();
                        None
                    })
                };
                let hit = cache.lookup(&never(), find, || authority.list(|| {})).unwrap();
                assert_eq!(hit.value, POOLS);
            });
        }
    });
    assert_eq!(authority.listings(), 2, "the one under way, and one for all ten");
}

/// Migrations that create pools and look them up, beside a refresher whose listings often fail.
#[test]
fn nothing_that_exists_is_ever_absent() {
    const ROUNDS: u32 = 300;
    let (authority, cache) = (Authority::new(), Cache::new(Pools::new()));
    let done = AtomicBool::new(false);
    thread::scope(|s| {
        let (authority, cache) = (&authority, &cache);
        let migrations: Vec<_> = (0..MIGRATIONS)
            .map(|n| {
                s.spawn(move || {
                    for round in 0..ROUNDS {
                        let name = format!("new{n}.{round}");
                        authority.pools.lock().unwrap().insert(name.clone(), n);
                        let list = || authority.list(|| {});
                        match cache.lookup(&never(), host(&name), list) {
                            Ok(hit) => assert_eq!(hit.value, n),
                            Err(LookupError::Unconfirmed { why: RefreshError::Failed(_), .. }) => {}
                            Err(other) => panic!("{name}: {other}"),
                        }
                        authority.pools.lock().unwrap().remove(&name);
                    }
                })
            })
            .collect();
        let refresher = s.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = cache.refresh(&never(), || authority.list(|| {}).and(Err("backend 2 is away")));
            }
        });
        let failed = migrations.into_iter().filter_map(|m| m.join().err()).count();
        done.store(true, Ordering::Relaxed);
        refresher.join().unwrap();
        assert_eq!(failed, 0);
    });
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(u8),
    Remove(u8),
    Lookup(u8, bool),
    Refresh(bool),
    NewerThan(u64, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..4u8).prop_map(Step::Add),
        (0..4u8).prop_map(Step::Remove),
        (0..4u8, any::<bool>()).prop_map(|(n, ok)| Step::Lookup(n, ok)),
        any::<bool>().prop_map(Step::Refresh),
        (0..3u64, any::<bool>()).prop_map(|(back, ok)| Step::NewerThan(back, ok)),
    ]
}

/// The reference: a copy, which refresh it is of, and how many there were.
#[derive(Default)]
struct Reference {
    copy: u8,
    of: u64,
    refreshes: u64,
}

impl Reference {
    fn take(&mut self, authority: u8, ok: bool) -> bool {
        self.refreshes += 1;
        if ok {
            (self.copy, self.of) = (authority, self.refreshes);
        }
        ok
    }
}

proptest! {
    #[test]
    fn every_history_matches_the_reference(steps in prop::collection::vec(step(), 0..60)) {
        let cache: SnapshotCache<u8, ()> = SnapshotCache::new(0);
        let mut generations: Vec<Generation> = vec![cache.generation()];
        let (mut authority, mut reference) = (0u8, Reference::default());
        for step in steps {
            let asked = AtomicU32::new(0);
            let list = |ok: bool| {
                let asked = &asked;
                move || {
                    asked.fetch_add(1, Ordering::Relaxed);
                    if ok { Ok(authority) } else { Err(()) }
                }
            };
            let expected = match step {
                Step::Add(n) => {
                    authority |= 1 << n;
                    0
                }
                Step::Remove(n) => {
                    authority &= !(1 << n);
                    0
                }
                Step::Lookup(n, ok) => {
                    let has = |set: u8| set & 1 << n != 0;
                    let miss = !has(reference.copy);
                    if miss {
                        reference.take(authority, ok);
                    }
                    match cache.lookup(&never(), |set| has(*set).then_some(n), list(ok)) {
                        Ok(hit) => {
                            prop_assert!(has(reference.copy));
                            prop_assert_eq!((hit.value, hit.generation.get()), (n, reference.of));
                        }
                        Err(LookupError::NotFound { generation }) => {
                            prop_assert!(ok && !has(authority), "absent, and it is there");
                            prop_assert_eq!(generation.get(), reference.of);
                        }
                        Err(LookupError::Unconfirmed { generation, why }) => {
                            prop_assert!(!ok && matches!(why, RefreshError::Failed(_)));
                            prop_assert_eq!(generation.get(), reference.of);
                        }
                    }
                    u32::from(miss)
                }
                Step::Refresh(ok) => {
                    let refreshed = cache.refresh(&never(), list(ok)).is_ok();
                    prop_assert_eq!(refreshed, reference.take(authority, ok));
                    1
                }
                Step::NewerThan(back, ok) => {
                    let wrong = *generations.iter().rev().nth(back as usize).unwrap_or(&generations[0]);
                    let needed = wrong.get() == reference.of;
                    let newer = cache.newer_than(wrong, &never(), list(ok));
                    prop_assert_eq!(newer.is_ok(), !needed || reference.take(authority, ok));
                    prop_assert!(newer.is_err() || newer.is_ok_and(|s| s.generation() > wrong));
                    u32::from(needed)
                }
            };
            prop_assert_eq!(asked.load(Ordering::Relaxed), expected, "listings taken");
            let snapshot = cache.snapshot();
            prop_assert_eq!((**snapshot, snapshot.generation().get()), (reference.copy, reference.of));
            if generations.last() != Some(&cache.generation()) {
                generations.push(cache.generation());
            }
        }
    }
}

/// A listing that goes on for one poll more than it must.
async fn one_pause() {
    let mut paused = false;
    std::future::poll_fn(|_| match std::mem::replace(&mut paused, true) {
        true => std::task::Poll::Ready(()),
        false => std::task::Poll::Pending,
    })
    .await;
}

async fn listed(listings: &std::cell::Cell<u32>) -> Result<Vec<u8>, &'static str> {
    listings.set(listings.get() + 1);
    one_pause().await;
    Ok(vec![5, 7])
}

#[test]
fn tasks_share_one_listing_and_a_task_that_is_dropped_abandons_its_own() {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    let cache: SnapshotCache<Vec<u8>, &str> = SnapshotCache::new(vec![]);
    let listings = std::cell::Cell::new(0);
    let find = |list: &Vec<u8>| list.iter().position(|pool| *pool == 7);
    let mut cx = Context::from_waker(Waker::noop());
    let mut second = pin!(cache.lookup_async(find, async || listed(&listings).await));
    {
        let mut first = pin!(cache.lookup_async(find, async || listed(&listings).await));
        assert!(first.as_mut().poll(&mut cx).is_pending(), "it lists");
        assert!(second.as_mut().poll(&mut cx).is_pending(), "it waits");
        assert_eq!(listings.get(), 1);
        // The first is dropped in mid-listing.
    }
    assert_eq!(cache.generation().get(), 0, "half a listing is none");
    let mut third = pin!(cache.lookup_async(find, async || listed(&listings).await));
    assert!(second.as_mut().poll(&mut cx).is_pending(), "it takes over");
    assert!(third.as_mut().poll(&mut cx).is_pending(), "and is waited for");
    let Poll::Ready(Ok(hit)) = second.as_mut().poll(&mut cx) else { panic!("its listing is done") };
    let Poll::Ready(Ok(shared)) = third.as_mut().poll(&mut cx) else { panic!("so is the third's wait") };
    assert_eq!((hit.value, hit.generation, listings.get()), (1, shared.generation, 2));
    // Who is in the list waits for nobody.
    let Poll::Ready(Ok(known)) =
        pin!(cache.lookup_async(find, async || listed(&listings).await)).poll(&mut cx)
    else {
        panic!("a hit")
    };
    assert_eq!((known.generation, listings.get()), (hit.generation, 2));
}

#[test]
fn a_task_tells_absence_from_not_knowing() {
    use selvedge::sync::future::block_on;
    let cache: SnapshotCache<Vec<u8>, &str> = SnapshotCache::new(vec![1]);
    let absent = |list: &Vec<u8>| list.contains(&9).then_some(());
    let failed = block_on(cache.lookup_async(absent, async || Err("backend 2 does not answer")));
    assert!(
        matches!(failed, Err(LookupError::Unconfirmed { why: RefreshError::Failed(_), .. })),
        "{failed:?}"
    );
    let none = block_on(cache.lookup_async(absent, async || Ok(vec![1, 2])));
    assert!(
        matches!(none, Err(LookupError::NotFound { generation }) if generation == cache.generation()),
        "{none:?}"
    );
}
