//! The authority that owns the pools, and the caches that do not hold. What they disagree about is a [`Rule`].

use super::{Answer, Cache, Pool};
use selvedge::check::{always, note, sometimes};
use selvedge::sync::{Arc, ArcSwap, AtomicU8, Condvar, Mutex, Named, Ordering, Shown};
use std::marker::PhantomData;

/// Half a list: a backend did not answer. What the others have is in it, for those who take half for the whole.
pub(super) struct Partial(pub(super) u8);

/// The storage, in two backends that are asked one after the other. Pools are bits.
///
/// | field | starts as | written by | to |
/// |---|---|---|---|
/// | `first` | `Old` | the operation that creates a pool | with `New` |
/// | `second` | away (0) | the same operation, later | `Known` |
/// | `listing` | 0 | whoever takes a listing | one more, and back |
pub(super) struct Authority {
    first: AtomicU8,
    second: AtomicU8,
    listing: AtomicU8,
}

/// A list in words: `Old+New`.
fn pools(list: &u8) -> String {
    let has = |pool: &Pool| list & *pool as u8 != 0;
    let all = [Pool::Old, Pool::Known, Pool::New];
    let all: Vec<String> = all.iter().filter(|p| has(p)).map(|p| format!("{p:?}")).collect();
    if all.is_empty() { "none".to_owned() } else { all.join("+") }
}

impl Authority {
    pub(super) fn new() -> Self {
        Authority {
            first: AtomicU8::new(Pool::Old as u8).named("backend 1").shown(pools),
            second: AtomicU8::new(0).named("backend 2").shown(pools),
            listing: AtomicU8::new(0).named("listings under way"),
        }
    }

    /// Backend 1 has a new pool, and backend 2 is back.
    pub(super) fn create(&self) {
        note(|| "creates New".to_owned());
        // SeqCst throughout: these are requests to another machine, which answers them in some order.
        self.first.store(Pool::Old as u8 | Pool::New as u8, Ordering::SeqCst);
        self.second.store(Pool::Known as u8, Ordering::SeqCst);
    }

    /// Discovery: asks one backend, then the other.
    pub(super) fn list(&self) -> Result<u8, Partial> {
        note(|| "lists".to_owned());
        // Relaxed, here and below: counts, and orders nothing.
        let others = self.listing.fetch_add(1, Ordering::Relaxed);
        always("one-listing-at-a-time", others == 0, || {
            format!("the cluster is asked for all its pools {} times at once", others + 1)
        });
        let first = self.first.load(Ordering::SeqCst);
        let second = self.second.load(Ordering::SeqCst);
        self.listing.fetch_sub(1, Ordering::Relaxed);
        sometimes("a-listing-breaks-off", second == 0);
        if second == 0 { Err(Partial(first)) } else { Ok(first | second) }
    }
}

/// What a cache does when discovery breaks off, and when a lookup misses.
pub(super) trait Rule: Send + Sync + 'static {
    /// Half a list replaces the one that there is.
    const PUBLISH_PARTIAL: bool = false;
    /// A lookup that misses takes a listing, or waits for one, and looks again.
    const RETRY: bool = true;
    /// A lookup that misses asks at all.
    const ASKS: bool = true;
    /// At most one listing at a time.
    const SINGLE_FLIGHT: bool = true;
}

/// The cache of the incident.
pub(super) struct PartialSnapshot;
impl Rule for PartialSnapshot {
    /// BUG: a backend that did not answer is taken for one without pools.
    const PUBLISH_PARTIAL: bool = true;
    const RETRY: bool = false;
}

pub(super) struct RetryStampede;
impl Rule for RetryStampede {
    /// BUG: everyone who misses asks, all at the same time.
    const SINGLE_FLIGHT: bool = false;
}

pub(super) struct JoinsAnyFlight;
/// BUG: not here, in what is not here: a lookup that has waited for a listing takes it for an answer, also if that listing
/// began before the lookup did.
impl Rule for JoinsAnyFlight {}

/// Of no variant: whoever misses is told that nobody knows.
pub(super) struct GivesUp;
impl Rule for GivesUp {
    const ASKS: bool = false;
}

/// The listing under way, or the last one.
#[derive(Default)]
struct Flight {
    under_way: bool,
    /// The last one gave a list.
    gave: bool,
}

impl Flight {
    fn words(&self) -> &'static str {
        if self.under_way { "under way" } else { "over" }
    }
}

/// A cache as a reader would write it.
///
/// | field | | written by | to |
/// |---|---|---|---|
/// | `current` | a list | whoever has taken a listing | that one |
/// | `flight` | none | whoever takes a listing in single flight | under way, and over |
pub(super) struct Miniature<R> {
    authority: Authority,
    current: ArcSwap<u8>,
    flight: Mutex<Flight>,
    over: Condvar,
    rule: PhantomData<R>,
}

impl<R: Rule> Miniature<R> {
    /// Takes a listing or waits for the one under way. Says whether there is a new list.
    fn renew(&self) -> bool {
        if R::SINGLE_FLIGHT {
            note(|| "under way?".to_owned());
            let mut flight = self.flight.lock();
            while flight.under_way {
                self.over.wait(&mut flight);
                if !flight.under_way && flight.gave {
                    return true;
                }
            }
            flight.under_way = true;
        }
        let listed = self.authority.list();
        let published = match &listed {
            Ok(list) => Some(*list),
            Err(Partial(list)) => R::PUBLISH_PARTIAL.then_some(*list),
        };
        if let Some(list) = published {
            note(|| format!("publishes {}", if listed.is_ok() { "a whole list" } else { "half a list" }));
            self.current.store(Arc::new(list));
        }
        if R::SINGLE_FLIGHT {
            note(|| "over".to_owned());
            *self.flight.lock() = Flight { under_way: false, gave: published.is_some() };
            self.over.notify_all();
        }
        published.is_some()
    }

    fn has(&self, pool: Pool) -> bool {
        **self.current.load() & pool as u8 != 0
    }
}

impl<R: Rule> Cache for Miniature<R> {
    fn new(authority: Authority, list: u8) -> Self {
        Miniature {
            authority,
            current: ArcSwap::from_pointee(list).named("cache").shown(pools),
            flight: Mutex::new(Flight::default()).named("flight").shown(Flight::words),
            over: Condvar::new().named("flight over"),
            rule: PhantomData,
        }
    }

    fn authority(&self) -> &Authority {
        &self.authority
    }

    fn refresh(&self) {
        self.renew();
    }

    fn lookup(&self, pool: Pool) -> Answer {
        if self.has(pool) {
            return Answer::Found;
        }
        if !R::ASKS || R::RETRY && !self.renew() {
            return Answer::Unknown;
        }
        if R::RETRY {
            note(|| "looks once more".to_owned());
        }
        if self.has(pool) { Answer::Found } else { Answer::Absent }
    }
}
