//! Cinder NetApp driver: a lookup in the cached list of pools says "none" for a pool that is there.
//!
#![doc = include_str!("lesson.md")]

mod miniature;

use crate::spawn;
use miniature::{Authority, GivesUp, JoinsAnyFlight, Miniature, Partial, PartialSnapshot, RetryStampede};
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::snapshot_cache::{LookupError, RefreshError, SnapshotCache};
use selvedge::sync::Arc;
use selvedge::sync::future::block_on;
use selvedge::sync::time::Deadline;

/// The pools, as bits of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pool {
    /// On backend 1, from the beginning.
    Old = 1,
    /// On backend 2, which was away for a moment and is back.
    Known = 2,
    /// On backend 1, created while the service runs.
    New = 4,
}

/// What a lookup says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Found,
    /// There is no such pool.
    Absent,
    /// The list could not be had.
    Unknown,
}

/// The seam: how a cache is refreshed, and how it answers.
trait Cache: Send + Sync + 'static {
    fn new(authority: Authority, list: u8) -> Self;
    fn authority(&self) -> &Authority;
    /// The periodic refresh.
    fn refresh(&self);
    fn lookup(&self, pool: Pool) -> Answer;
}

/// The fix, and the authority that it asks. Lookups are made by threads that block, or by tasks.
struct Shipped<const TASKS: bool> {
    authority: Authority,
    cache: SnapshotCache<u8, Partial>,
}

impl<const TASKS: bool> Cache for Shipped<TASKS> {
    fn new(authority: Authority, list: u8) -> Self {
        Shipped { authority, cache: SnapshotCache::new(list) }
    }

    fn authority(&self) -> &Authority {
        &self.authority
    }

    fn refresh(&self) {
        let _ = self.cache.refresh(&Deadline::never(), || self.authority.list());
    }

    fn lookup(&self, pool: Pool) -> Answer {
        let mut asked = false;
        let find = |list: &u8| (list & pool as u8 != 0).then_some(());
        // Fix: the list is an error unless it is whole, and is taken by one lookup for all.
        let mut list = || {
            asked = true;
            self.authority.list()
        };
        let found = if TASKS {
            block_on(self.cache.lookup_async(find, async || list()))
        } else {
            self.cache.lookup(&Deadline::never(), find, list)
        };
        match found {
            Ok(hit) => {
                sometimes("shared-listing", hit.generation.get() > 0 && !asked);
                Answer::Found
            }
            Err(LookupError::NotFound { .. }) => Answer::Absent,
            Err(LookupError::Unconfirmed { why: RefreshError::Failed(_), .. }) => Answer::Unknown,
            Err(LookupError::Unconfirmed { .. }) => unreachable!("no back-off, no deadline"),
        }
    }
}

/// Who is there beside the operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// The refresher, and the operation looks for a pool that is in the list from the beginning.
    RefresherOfKnown,
    /// The refresher, and the operation looks for such a pool, and then for one that it has created.
    Refresher,
    /// Another operation, which begins when the pool has been created, and looks for it too.
    Operation,
}

/// A service whose list is complete; an operation, and somebody else.
fn scenario<C: Cache>(beside: Beside) -> &'static str {
    let cache = Arc::new(C::new(Authority::new(), Pool::Old as u8 | Pool::Known as u8));
    let start = |name, run: fn(&C)| {
        let cache = cache.clone();
        spawn(name, move || run(&cache))
    };
    let refresher = (beside != Beside::Operation).then(|| start("refresher", C::refresh));
    if beside != Beside::Operation {
        ask(&*cache, Pool::Known);
    }
    if beside != Beside::RefresherOfKnown {
        cache.authority().create();
        let other = (beside == Beside::Operation).then(|| start("operation", ask_for_new));
        ask_for_new(&*cache);
        other.into_iter().for_each(|other| other.join().unwrap());
    }
    refresher.into_iter().for_each(|refresher| refresher.join().unwrap());
    "done"
}

fn ask<C: Cache>(cache: &C, pool: Pool) -> Answer {
    note(|| format!("looks for {pool:?}"));
    let answer = cache.lookup(pool);
    always("absent-only-if-absent", answer != Answer::Absent, || {
        format!("a lookup says that there is no pool {pool:?}, and there is")
    });
    answer
}

/// By an operation that knows the pool to exist, and both backends to be there.
fn ask_for_new<C: Cache>(cache: &C) {
    let answer = ask(cache, Pool::New);
    always("known-in-the-end", answer == Answer::Found, || {
        format!("the cluster answers all that is asked after the creation, and the answer is {answer:?}")
    });
}

/// The model.
pub fn model() -> Model {
    let absent = &[("absent-only-if-absent", Kind::Assertion)];
    let stampede = &[("one-listing-at-a-time", Kind::Assertion)];
    Model::new("pool_cache", "a lookup in the cached list of pools says none for a pool that is there")
        .incident("004")
        .lesson(include_str!("lesson.md"))
        .always("absent-only-if-absent", "a lookup does not say absent of a pool that the cluster has")
        .always("one-listing-at-a-time", "the cluster is asked for all its pools once at a time")
        .always("known-in-the-end", "a lookup that begins when all backends answer finds what there is")
        .sometimes("a-listing-breaks-off", "the refresher meets the backend that is away")
        .sometimes("shared-listing", "a lookup is answered by a listing that somebody else took")
        .outcome("done", Grade::Acceptable, "every lookup was answered, and by a listing that was whole")
        .variant(
            Variant::buggy("partial_snapshot", || scenario::<Miniature<PartialSnapshot>>(Beside::RefresherOfKnown), absent)
                .about("a refresh that one backend did not answer replaces the list by half of one"),
        )
        .variant(
            Variant::wrong_fix("retry_stampede", || scenario::<Miniature<RetryStampede>>(Beside::Operation), stampede).about(
                "looks right because a lookup that misses asks the cluster before it says anything; so do all the \
                 others, at the same moment",
            ),
        )
        .variant(
            Variant::wrong_fix("joins_any_flight", || scenario::<Miniature<JoinsAnyFlight>>(Beside::Refresher), absent).about(
                "looks right because whoever misses shares the listing under way; it may have passed the place before \
                 the pool was created",
            ),
        )
        .variant(
            Variant::fixed("snapshot_cache", || scenario::<Shipped<false>>(Beside::Refresher))
                .about("SnapshotCache: whole lists only, and absence only after one that began later"),
        )
        .variant(
            Variant::fixed("snapshot_cache_shared", || scenario::<Shipped<false>>(Beside::Operation))
                .about("the same, with two operations that miss at once: one listing for both")
                .never_sees("a-listing-breaks-off", "nobody lists before backend 2 is back"),
        )
        .variant(
            Variant::fixed("snapshot_cache_tasks", || scenario::<Shipped<true>>(Beside::Refresher))
                .about("the same, with a thread that refreshes and operations that are tasks"),
        )
        .falsifier(
            "known-in-the-end",
            Kind::Assertion,
            || scenario::<Miniature<GivesUp>>(Beside::Operation),
            "a lookup that misses says that the list could not be had, and asks nobody",
        )
}
