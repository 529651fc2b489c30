//! The last known good copy of a list that somebody else owns, and who may say that something is not in it.
//!
//! Many threads look up pools, volumes or routes in a listing that is expensive to take and often out of date. Three
//! things go wrong with the obvious cache (model `pool_cache`): a refresh that failed half-way replaces a good list by
//! half of one, and every lookup fails until the next refresh; a lookup that misses says "none" although nobody has asked
//! the authority; and when each of many lookups asks for itself, they bring the authority down.
//!
//! * **Last known good.** What is there is replaced by a complete listing and by nothing else. A refresh that fails, or
//!   is abandoned by a panic, leaves it as it was: a part that is missing is an error of the whole
//!   (`collect::<Result<_, _>>()` over the parts says so).
//! * **A hit is one load.** Readers take no lock, whoever refreshes.
//! * **One forced retry.** A lookup that misses waits for one listing that *began after it did*, and then answers.
//!   Joining a listing that is already under way is not enough to say "absent": it may have passed the place before the
//!   pool was created. So a lookup that joined one and still misses waits for the next.
//! * **Single flight.** At most one listing is taken at a time; whoever needs one that has not begun yet shares it. Of any
//!   number of lookups that miss at the same moment, one takes the listing; two are taken if one was under way.
//! * **Absence is an answer with a date.** [`LookupError::NotFound`] names the [`Generation`] that was searched.
//!   If no listing could be had, the answer is [`LookupError::Unconfirmed`], which is not absence.
//!
//! Threads and tasks share one cache: [`SnapshotCache::lookup`] blocks, [`SnapshotCache::lookup_async`] does not. There is no
//! such form of [`refresh`](SnapshotCache::refresh) and [`newer_than`](SnapshotCache::newer_than), which periodic threads call.
//!
//! Failed refreshes can be kept apart ([`Backoff`]), so that an authority in trouble is not asked by each lookup.
//!
//! # What it does not do
//! * Notice that something it holds is gone. A user who finds out names the generation it came from
//!   ([`SnapshotCache::newer_than`]), and of all users of that generation one takes a listing.
//! * Remember what is absent. That a pool was not there a moment ago does not say that it is not there now, so each lookup
//!   of a name that does not exist takes, or shares, a listing of its own: single flight bounds how many are taken at a
//!   time, not how many are taken after each other. Where clients poll for names that may not come, bound the rate:
//!   with [`Backoff::also_after_success`] a lookup that misses within the pause after a listing is
//!   [`Unconfirmed`](LookupError::Unconfirmed) at once, and its caller decides whether the last answer is good enough. Take
//!   a [constant](Backoff::constant) pause for that: one that grows takes each such miss for a listing that did not last.
//! * Call itself. A `list` that looks something up in the cache it is listing for waits for itself, with
//!   [`Deadline::never`] for ever; and a deadline bounds waiting for others' listings, not one's own.
//!
//! # Example
//!
//! ```
//! use selvedge::snapshot_cache::{LookupError, SnapshotCache};
//! use selvedge::sync::time::Deadline;
//! use std::collections::BTreeMap;
//! use std::time::Duration;
//!
//! type Pools = BTreeMap<String, u32>;
//! /// A page of the authority's list, or why it could not be had.
//! type Page = Result<(String, u32), String>;
//! fn listing(pages: Vec<Page>) -> Result<Pages, String> {
//!     pages.into_iter().collect()
//! }
//! # type Pages = Pools;
//!
//! let cache: SnapshotCache<Pools, String> = SnapshotCache::new(Pools::new());
//! let soon = Deadline::after(Duration::from_secs(5));
//! let host = |pools: &Pools, name: &str| pools.get(name).copied();
//!
//! // Nothing is known yet: the lookup takes a listing.
//! let both = || listing(vec![Ok(("gold".into(), 1)), Ok(("silver".into(), 2))]);
//! assert_eq!(cache.lookup(&soon, |pools| host(pools, "silver"), both)?.value, 2);
//!
//! // Half a list is no list: what was known stays known.
//! let half = || listing(vec![Ok(("gold".into(), 1)), Err("backend 2 does not answer".into())]);
//! assert!(cache.refresh(&soon, half).is_err());
//! assert_eq!(cache.lookup(&soon, |pools| host(pools, "silver"), || unreachable!("a hit"))?.value, 2);
//!
//! // Absent, and as of when; as opposed to: nobody knows.
//! let lead = cache.lookup(&soon, |pools| host(pools, "lead"), both);
//! assert!(matches!(lead, Err(LookupError::NotFound { generation }) if generation == cache.generation()));
//! let lead = cache.lookup(&soon, |pools| host(pools, "lead"), half);
//! assert!(matches!(lead, Err(LookupError::Unconfirmed { .. })));
//! # Ok::<(), LookupError<String>>(())
//! ```

mod error;

pub use crate::connect_gate::{Backoff, Failure};
pub use error::{LookupError, RefreshError};

use crate::connect_gate::{Attempt, ConnectGate, Epoch, State, Turn};
use crate::sync::time::Deadline;
use crate::sync::{Arc, ArcSwap, Named, Ordering, fence};
use std::fmt;
use std::ops::Deref;

/// Which refresh: 0 is what the cache was made with, later ones grow. A refresh that fails uses up a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl Generation {
    /// Its number, for logs.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({})", self.0)
    }
}

/// A complete listing. Never written after it is published. Dereferences to what was listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot<S> {
    generation: Generation,
    listed: S,
}

impl<S> Snapshot<S> {
    /// Which refresh made it.
    pub fn generation(&self) -> Generation {
        self.generation
    }
}

impl<S> Deref for Snapshot<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.listed
    }
}

/// What a lookup found, and in which snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit<T> {
    /// It.
    pub value: T,
    /// Where it stands. To be named, to [`SnapshotCache::newer_than`], if it turns out to be wrong.
    pub generation: Generation,
}

/// A cache of a listing `S` that is taken by closures which fail with `E`. See the [module](self).
///
/// | `refreshes` | `current` | who may change it | to |
/// |---|---|---|---|
/// | idle or connected (n) | of n or older | whoever needs a listing that began after n | n+1 attempting: it leads |
/// | attempting (n) | older than n | its leader, with a complete listing | the same, `current` of n |
/// | attempting (n) | of n | its leader | connected (n) |
/// | attempting (n) | older than n | its leader, without one; or its end by a panic | idle (n), perhaps cooling |
///
/// "Connected" means that refresh n was the last and succeeded. The gate makes the leader alone for as long as it
/// leads, so snapshots are published one after the other and generations only grow.
pub struct SnapshotCache<S, E> {
    current: ArcSwap<Snapshot<S>>,
    refreshes: ConnectGate<(), E>,
}

/// Which refresh, at least, and its snapshot; or why there is none.
type Flight<S, E> = Result<(Epoch, Arc<Snapshot<S>>), RefreshError<E>>;

const LED_ONCE: &str = "whoever has led has a refresh that began after it did";

impl<S, E> SnapshotCache<S, E> {
    /// Begins with `listed`, which may be empty: nothing is called absent before the authority has been asked.
    pub fn new(listed: S) -> Self {
        SnapshotCache::with_backoff(listed, Backoff::NONE)
    }

    /// The same, with a pause after each refresh that fails, and after each one if the back-off
    /// [says so](Backoff::also_after_success); lookups that miss in it are [`Unconfirmed`](LookupError::Unconfirmed) at
    /// once.
    pub fn with_backoff(listed: S, backoff: Backoff) -> Self {
        let first = Snapshot { generation: Generation(0), listed };
        SnapshotCache {
            current: ArcSwap::new(Arc::new(first)).named("cache.current"),
            refreshes: ConnectGate::with_backoff((), backoff),
        }
    }

    /// The last known good snapshot, whatever its age.
    pub fn snapshot(&self) -> Arc<Snapshot<S>> {
        self.current.load_full()
    }

    /// Which one that is.
    pub fn generation(&self) -> Generation {
        self.current.load().generation
    }

    /// What `find` finds: in the snapshot that there is, or, if it is not there, in one whose listing began after this
    /// call did. `list` takes that listing if nobody else is about to; it must return an error if it has not got all of
    /// it.
    ///
    /// `find` is called once for each snapshot that is looked at, at most three times. Waiting for another caller's
    /// listing ends at `deadline`; a listing that this caller takes does not.
    pub fn lookup<T>(
        &self,
        deadline: &Deadline,
        mut find: impl FnMut(&S) -> Option<T>,
        list: impl FnOnce() -> Result<S, E>,
    ) -> Result<Hit<T>, LookupError<E>> {
        let known = match self.look(&mut find) {
            Ok(hit) => return Ok(hit),
            Err(known) => known,
        };
        let begun = self.begin();
        let mut list = Some(list);
        loop {
            let flight = self.flight(deadline, &mut list);
            if let Some(answer) = self.answer(flight, known, begun, &mut find) {
                return answer;
            }
        }
    }

    /// [`lookup`](SnapshotCache::lookup) for tasks, on any executor: waits, and lists, without blocking the thread, in one
    /// queue and one flight with those who block. For a deadline, drop the future.
    ///
    /// Cancel-safe: who is dropped while it waits leaves the queue; who is dropped while it takes the listing abandons it,
    /// nothing is published, and one of those who wait takes their own. (Who takes the listing and is neither polled nor
    /// dropped holds up all of them.)
    ///
    /// ```
    /// # use selvedge::snapshot_cache::SnapshotCache;
    /// # use selvedge::sync::future::block_on;
    /// let cache: SnapshotCache<Vec<&str>, String> = SnapshotCache::new(Vec::new());
    /// let place = |pools: &Vec<&str>| pools.iter().position(|pool| *pool == "silver");
    /// let found = block_on(cache.lookup_async(place, async || Ok(vec!["gold", "silver"])));
    /// assert_eq!(found.unwrap().value, 1);
    /// ```
    pub async fn lookup_async<T>(
        &self,
        mut find: impl FnMut(&S) -> Option<T>,
        list: impl AsyncFnOnce() -> Result<S, E>,
    ) -> Result<Hit<T>, LookupError<E>> {
        let known = match self.look(&mut find) {
            Ok(hit) => return Ok(hit),
            Err(known) => known,
        };
        let begun = self.begin();
        let mut list = Some(list);
        loop {
            let flight = match self.joins(self.refreshes.enter().await) {
                Ok(flight) => flight,
                Err(attempt) => {
                    let list = list.take().expect(LED_ONCE);
                    self.ends(attempt, list().await)
                }
            };
            if let Some(answer) = self.answer(flight, known, begun, &mut find) {
                return answer;
            }
        }
    }

    /// In what there is; or else which snapshot that was.
    fn look<T>(&self, find: &mut impl FnMut(&S) -> Option<T>) -> Result<Hit<T>, Generation> {
        let current = self.current.load();
        match find(&current.listed) {
            Some(value) => Ok(Hit { value, generation: current.generation }),
            None => Err(current.generation),
        }
    }

    /// What a lookup makes of a refresh, if it missed in `known` and `begun` was the last that can have begun before it;
    /// `None`: it needs another.
    fn answer<T>(
        &self,
        flight: Flight<S, E>,
        known: Generation,
        begun: Epoch,
        find: &mut impl FnMut(&S) -> Option<T>,
    ) -> Option<Result<Hit<T>, LookupError<E>>> {
        match flight {
            Ok((epoch, snapshot)) => {
                let generation = snapshot.generation;
                if generation != known
                    && let Some(value) = find(&snapshot.listed)
                {
                    return Some(Ok(Hit { value, generation }));
                }
                if epoch != begun {
                    return Some(Err(LookupError::NotFound { generation }));
                }
                self.refreshes.invalidate(epoch);
                None
            }
            Err(RefreshError::Failed(older)) if older.epoch() == begun => None,
            Err(why) => Some(Err(LookupError::Unconfirmed { generation: known, why })),
        }
    }

    /// A snapshot whose listing began after this call did.
    pub fn refresh(
        &self,
        deadline: &Deadline,
        list: impl FnOnce() -> Result<S, E>,
    ) -> Result<Arc<Snapshot<S>>, RefreshError<E>> {
        let begun = self.begin();
        let mut list = Some(list);
        loop {
            match self.flight(deadline, &mut list) {
                Ok((epoch, snapshot)) if epoch != begun => return Ok(snapshot),
                Ok((epoch, _)) => _ = self.refreshes.invalidate(epoch),
                Err(RefreshError::Failed(older)) if older.epoch() == begun => {}
                Err(why) => return Err(why),
            }
        }
    }

    /// A snapshot other than `wrong`: the one that there is by now, or a new one. Of all who found `wrong` to be wrong,
    /// one takes a listing.
    pub fn newer_than(
        &self,
        wrong: Generation,
        deadline: &Deadline,
        list: impl FnOnce() -> Result<S, E>,
    ) -> Result<Arc<Snapshot<S>>, RefreshError<E>> {
        let current = self.snapshot();
        if current.generation != wrong {
            return Ok(current);
        }
        let mut list = Some(list);
        loop {
            let (epoch, snapshot) = self.flight(deadline, &mut list)?;
            if snapshot.generation != wrong {
                return Ok(snapshot);
            }
            self.refreshes.invalidate(epoch);
        }
    }

    /// The last refresh that can have begun before this moment.
    fn begin(&self) -> Epoch {
        // SeqCst: pairs with the fence in `flight`. Whatever this caller knows the authority to hold was there before
        // this fence. So if the load below does not see a leader's move of the gate, that leader's listing comes after
        // its fence, hence after this one, and finds it. (Acquire and Release alone would allow store buffering: the
        // caller misses the leader, and the leader's listing misses what the caller has created.)
        fence(Ordering::SeqCst);
        let (State::Idle(epoch) | State::Attempting(epoch) | State::Connected(epoch)) =
            self.refreshes.state();
        epoch
    }

    /// The snapshot of the refresh that is under way, or of the last one, or of one that this caller leads; or of a
    /// later one. Says which refresh that is, at least.
    fn flight(&self, deadline: &Deadline, list: &mut Option<impl FnOnce() -> Result<S, E>>) -> Flight<S, E> {
        let turn = self.refreshes.enter_blocking(deadline).map_err(|_| RefreshError::TimedOut)?;
        self.joins(turn).unwrap_or_else(|attempt| {
            let list = list.take().expect(LED_ONCE);
            self.ends(attempt, list())
        })
    }

    /// What a turn at the gate comes to; or the lead, behind a fence: the listing begins after it.
    fn joins<'g>(&'g self, turn: Turn<'g, (), E>) -> Result<Flight<S, E>, Attempt<'g, (), E>> {
        match turn {
            Turn::Connected(epoch) => Ok(Ok((epoch, self.snapshot()))),
            Turn::Failed(failure) => Ok(Err(RefreshError::Failed(failure))),
            Turn::Backoff(pause) => Ok(Err(RefreshError::Backoff(pause))),
            Turn::Lead(attempt) => {
                // SeqCst: pairs with the fence in `begin`, which see.
                fence(Ordering::SeqCst);
                Err(attempt)
            }
        }
    }

    /// Publishes what the leader has listed, and then that it has.
    fn ends(&self, attempt: Attempt<'_, (), E>, listed: Result<S, E>) -> Flight<S, E> {
        match listed {
            Ok(listed) => {
                let generation = Generation(attempt.epoch().get());
                let snapshot = Arc::new(Snapshot { generation, listed });
                self.current.store(snapshot.clone());
                // After the snapshot: who hears of the one finds the other.
                Ok((attempt.commit(), snapshot))
            }
            Err(error) => Err(RefreshError::Failed(attempt.fail(error))),
        }
    }
}

impl<S, E> fmt::Debug for SnapshotCache<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotCache").field("refreshes", &self.refreshes).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(SnapshotCache<Vec<String>, String>: Send, Sync);
// Readers share a snapshot, and whoever waited for a refresh shares its error.
static_assertions::assert_not_impl_any!(SnapshotCache<std::cell::Cell<u8>, String>: Sync);
static_assertions::assert_not_impl_any!(SnapshotCache<u8, std::cell::Cell<u8>>: Sync);
static_assertions::assert_not_impl_any!(SnapshotCache<*mut u8, String>: Send, Sync);
