//! The happens-before detector: data races by the *declared* orderings, in executions that were scheduled
//! sequentially consistently.
//!
//! shuttle runs every atomic operation as if it were `SeqCst`, so a missing `Release` changes no value there. It
//! does change what happens before what. The detector is fed every announced operation together with its
//! answer, computes happens-before from the orderings that the program declared, and reports two accesses to
//! the same plain memory (a cell, or an atomic accessed through exclusive access) of which at least one writes
//! and neither happens before the other.
//!
//! It is pure: no engine, no thread-local, one call an operation.
//!
//! What makes happens-before here (C++20, as far as Rust has it):
//!
//! * program order, spawn, join;
//! * a release store or RMW, or a relaxed one after a release fence, read by an acquire load or RMW, or by a
//!   relaxed one before an acquire fence. RMWs continue a release sequence; a plain store starts afresh, also
//!   by the same thread;
//! * a `SeqCst` access is `AcqRel`, a `SeqCst` fence is an acquire and a release fence, and nothing more: the
//!   total order of `SeqCst` operations is not happens-before;
//! * unlock to the next lock; a write unlock to the next read or write lock; a read unlock to the next write lock;
//! * unpark to the park that takes its token;
//! * every drop of a counted reference to the drop that was the last, to the observation that finds at most one
//!   reference left (`get_mut`, `try_unwrap`), and to an upgrade that succeeds after it.
//!
//! Notifying a condition variable makes no edge: a waiter may wake spuriously, so only the mutex orders it.
//! The creation of an object is a plain write by its creator. The use of a tracked value counts as a read and its
//! end of scope as a write, so that a use is reported that merely happens to come first.
//!
//! The epochs of accesses are those of FastTrack (Flanagan, Freund, PLDI 2009); fences follow ThreadSanitizer's
//! treatment in C11Tester (Luo, Demsky, ASPLOS 2021).

mod clock;

pub use clock::Clock;

use super::event::{Answer, ObjectId, ObjectKind, Op, ThreadId};
use smallvec::SmallVec;
use std::panic::Location;
use std::sync::atomic::Ordering;

type Site = &'static Location<'static>;

/// Two unordered accesses.
#[derive(Clone, Debug)]
pub struct Race {
    /// The object.
    pub obj: ObjectId,
    /// The earlier access.
    pub first: Access,
    /// The access that completed the race.
    pub second: Access,
}

/// One side of a race.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// Who.
    pub thread: ThreadId,
    /// What: `write`, `read`, `atomic write`, `atomic read`, `plain write`, `plain read`, `use`, `end of scope` or
    /// `creation`.
    pub what: &'static str,
    /// Where; `None` for the creation of the object, whose position the run knows.
    pub site: Option<Site>,
}

/// What is known of a thread.
#[derive(Default)]
struct Thread {
    /// All that happens before its next operation, itself included. Its own component is its epoch; it is
    /// advanced after each publication, so that what follows is not part of what was published.
    hb: Clock,
    /// What its relaxed loads have read: joins `hb` at its next acquire fence.
    unfenced: Clock,
    /// `hb` at its last release fence: what its relaxed stores publish.
    fenced: Clock,
    /// What came with its park token.
    token: Clock,
}

/// The last accesses of one kind, by thread.
#[derive(Default)]
struct Accesses {
    at: Clock,
    sites: SmallVec<[Option<Site>; 6]>,
}

impl Accesses {
    #[inline]
    fn record(&mut self, me: ThreadId, epoch: u32, site: Option<Site>) {
        self.at.set(me, epoch);
        let i = me.0 as usize;
        if self.sites.len() <= i {
            self.sites.resize(i + 1, None);
        }
        self.sites[i] = site;
    }

    /// An access by another thread that does not happen before `me`, whose clock is `hb`.
    #[inline]
    fn unordered(&self, me: ThreadId, hb: &Clock) -> Option<(ThreadId, Option<Site>)> {
        self.at.ahead_of(hb, me).map(|t| (t, self.sites[t.0 as usize]))
    }

    fn clear(&mut self) {
        self.at.clear();
        self.sites.clear();
    }
}

/// What is known of an object. Which fields are used depends on its kind.
#[derive(Default)]
struct Object {
    /// What its next acquirer acquires: the message of an atomic's newest store, the last unlock, the drops of
    /// a count.
    published: Clock,
    /// What read unlocks published, for the next write lock.
    readers: Clock,
    plain_writes: Accesses,
    plain_reads: Accesses,
    atomic_writes: Accesses,
    atomic_reads: Accesses,
}

impl Object {
    fn clear(&mut self) {
        self.published.clear();
        self.readers.clear();
        self.plain_writes.clear();
        self.plain_reads.clear();
        self.atomic_writes.clear();
        self.atomic_reads.clear();
    }
}

fn acquires(o: Ordering) -> bool {
    matches!(o, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst)
}

fn releases(o: Ordering) -> bool {
    matches!(o, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
}

/// The detector for one execution at a time.
#[derive(Default)]
pub struct Detector {
    threads: Vec<Thread>,
    /// By creator, then by creation count. Buffers outlive executions; `live` says how many are in use.
    objects: Vec<Vec<Object>>,
    live: Vec<usize>,
}

impl Detector {
    /// Forgets everything and starts with the scenario's thread alone.
    pub fn begin_execution(&mut self) {
        for t in &mut self.threads {
            t.hb.clear();
            t.unfenced.clear();
            t.fenced.clear();
            t.token.clear();
        }
        self.live.fill(0);
        self.thread(ThreadId(0)).hb.set(ThreadId(0), 1);
    }

    fn thread(&mut self, t: ThreadId) -> &mut Thread {
        let i = t.0 as usize;
        if self.threads.len() <= i {
            self.threads.resize_with(i + 1, Thread::default);
        }
        &mut self.threads[i]
    }

    /// `me` made `obj`: a plain write, ordered like any other.
    pub fn created(&mut self, me: ThreadId, obj: ObjectId, kind: ObjectKind) {
        let (c, n) = (obj.creator().0 as usize, obj.nth() as usize);
        if self.objects.len() <= c {
            self.objects.resize_with(c + 1, Vec::new);
            self.live.resize(c + 1, 0);
        }
        if self.objects[c].len() <= n {
            self.objects[c].resize_with(n + 1, Object::default);
        }
        self.live[c] = n + 1;
        let epoch = self.thread(me).hb.get(me);
        let o = &mut self.objects[c][n];
        o.clear();
        if matches!(kind, ObjectKind::Atomic { .. } | ObjectKind::Cell) {
            o.plain_writes.record(me, epoch, None);
        }
    }

    /// Before `me` blocks in `Wait`: its mutex is released.
    pub fn waits(&mut self, me: ThreadId, mutex: ObjectId) {
        self.release_into(me, mutex);
    }

    /// `me` has done `op` with this `answer`. For `CellBegin`: is about to touch the memory.
    pub fn done(&mut self, me: ThreadId, op: &Op, answer: Answer, site: Site) -> Result<(), Race> {
        match *op {
            Op::Load { obj, order } => self.atomic(me, obj, Some(order), None, false, site),
            Op::Store { obj, order, .. } => self.atomic(me, obj, None, Some(order), false, site),
            Op::Rmw { obj, order, .. } => self.atomic(me, obj, Some(order), Some(order), true, site),
            Op::Cas { obj, success, .. } if answer.ok => {
                self.atomic(me, obj, Some(success), Some(success), true, site)
            }
            Op::Cas { obj, failure, .. } => self.atomic(me, obj, Some(failure), None, false, site),
            Op::Fence { order } => {
                self.fence(me, order);
                Ok(())
            }
            Op::PlainLoad { obj } => self.plain(me, obj, false, ["plain read", "plain write"], site),
            Op::PlainStore { obj, .. } => self.plain(me, obj, true, ["plain read", "plain write"], site),
            Op::CellBegin { obj, write } | Op::CellEnd { obj, write } => {
                self.plain(me, obj, write, ["read", "write"], site)
            }
            Op::Lifetime { obj, end } => self.plain(me, obj, end, ["use", "end of scope"], site),
            Op::UseEnd { obj } => self.plain(me, obj, false, ["use", "end of scope"], site),
            _ => {
                self.synchronize(me, op, answer);
                Ok(())
            }
        }
    }

    fn object(&mut self, obj: ObjectId) -> (&mut Vec<Thread>, &mut Object) {
        let o = &mut self.objects[obj.creator().0 as usize][obj.nth() as usize];
        (&mut self.threads, o)
    }

    /// An atomic access that reads with `reads` and writes with `writes`.
    fn atomic(
        &mut self,
        me: ThreadId,
        obj: ObjectId,
        reads: Option<Ordering>,
        writes: Option<Ordering>,
        rmw: bool,
        site: Site,
    ) -> Result<(), Race> {
        let (threads, o) = self.object(obj);
        let t = &mut threads[me.0 as usize];
        let what = if writes.is_some() { "atomic write" } else { "atomic read" };
        let race = |(thread, at), first| Race {
            obj,
            first: Access { thread, what: if Option::is_some(&at) { first } else { "creation" }, site: at },
            second: Access { thread: me, what, site: Some(site) },
        };
        // An atomic access conflicts with plain ones only.
        if let Some(other) = o.plain_writes.unordered(me, &t.hb) {
            return Err(race(other, "plain write"));
        }
        if writes.is_some()
            && let Some(other) = o.plain_reads.unordered(me, &t.hb)
        {
            return Err(race(other, "plain read"));
        }
        if let Some(order) = reads {
            if acquires(order) {
                t.hb.join(&o.published);
            } else {
                t.unfenced.join(&o.published);
            }
            o.atomic_reads.record(me, t.hb.get(me), Some(site));
        }
        if let Some(order) = writes {
            o.atomic_writes.record(me, t.hb.get(me), Some(site));
            if !rmw {
                o.published.clear();
            }
            if releases(order) {
                o.published.join(&t.hb);
                t.hb.tick(me);
            } else {
                o.published.join(&t.fenced);
            }
        }
        Ok(())
    }

    /// A plain access to a cell, or to an atomic through exclusive access.
    fn plain(
        &mut self,
        me: ThreadId,
        obj: ObjectId,
        write: bool,
        [read_word, write_word]: [&'static str; 2],
        site: Site,
    ) -> Result<(), Race> {
        let (threads, o) = self.object(obj);
        let t = &mut threads[me.0 as usize];
        let what = if write { write_word } else { read_word };
        let race = |(thread, at), first| Race {
            obj,
            first: Access { thread, what: if Option::is_some(&at) { first } else { "creation" }, site: at },
            second: Access { thread: me, what, site: Some(site) },
        };
        if let Some(other) = o.plain_writes.unordered(me, &t.hb) {
            return Err(race(other, write_word));
        }
        if let Some(other) = o.atomic_writes.unordered(me, &t.hb) {
            return Err(race(other, "atomic write"));
        }
        if write {
            if let Some(other) = o.plain_reads.unordered(me, &t.hb) {
                return Err(race(other, read_word));
            }
            if let Some(other) = o.atomic_reads.unordered(me, &t.hb) {
                return Err(race(other, "atomic read"));
            }
        }
        let to = if write { &mut o.plain_writes } else { &mut o.plain_reads };
        to.record(me, t.hb.get(me), Some(site));
        Ok(())
    }

    fn fence(&mut self, me: ThreadId, order: Ordering) {
        let t = self.thread(me);
        if acquires(order) {
            let Thread { hb, unfenced, .. } = t;
            hb.join(unfenced);
        }
        if releases(order) {
            let Thread { hb, fenced, .. } = t;
            fenced.assign(hb);
            t.hb.tick(me);
        }
    }

    fn release_into(&mut self, me: ThreadId, obj: ObjectId) {
        let (threads, o) = self.object(obj);
        let t = &mut threads[me.0 as usize];
        o.published.join(&t.hb);
        t.hb.tick(me);
    }

    fn acquire_from(&mut self, me: ThreadId, obj: ObjectId) {
        let (threads, o) = self.object(obj);
        threads[me.0 as usize].hb.join(&o.published);
    }

    /// Everything that orders threads but accesses no watched memory.
    fn synchronize(&mut self, me: ThreadId, op: &Op, answer: Answer) {
        match *op {
            Op::Lock { obj } => self.acquire_from(me, obj),
            Op::TryLock { obj } if answer.ok => self.acquire_from(me, obj),
            Op::Wait { mutex, .. } => self.acquire_from(me, mutex),
            Op::Unlock { obj } => self.release_into(me, obj),
            Op::RwLock { obj, write } => self.rw_acquire(me, obj, write),
            Op::TryRwLock { obj, write } if answer.ok => self.rw_acquire(me, obj, write),
            Op::RwUnlock { obj, write } => {
                let (threads, o) = self.object(obj);
                let t = &mut threads[me.0 as usize];
                let to = if write { &mut o.published } else { &mut o.readers };
                to.join(&t.hb);
                t.hb.tick(me);
            }
            Op::Unpark { thread } => {
                let hb = self.thread(me).hb.clone();
                self.thread(thread).token.join(&hb);
                self.thread(me).hb.tick(me);
            }
            Op::Park { .. } if answer.ok => {
                let Thread { hb, token, .. } = self.thread(me);
                hb.join(token);
                token.clear();
            }
            Op::Spawn { child } => {
                let hb = self.thread(me).hb.clone();
                let c = self.thread(child);
                c.hb.assign(&hb);
                c.hb.set(child, 1);
                self.thread(me).hb.tick(me);
            }
            Op::Join { child } => {
                let theirs = self.thread(child).hb.clone();
                self.thread(me).hb.join(&theirs);
            }
            Op::ArcDrop { obj } => {
                self.release_into(me, obj);
                if answer.ok {
                    self.acquire_from(me, obj);
                }
            }
            Op::ArcCount { obj, sole: true } if answer.value <= 1 => self.acquire_from(me, obj),
            Op::ArcUpgrade { obj } if answer.ok => self.acquire_from(me, obj),
            _ => {}
        }
    }

    fn rw_acquire(&mut self, me: ThreadId, obj: ObjectId, write: bool) {
        let (threads, o) = self.object(obj);
        let t = &mut threads[me.0 as usize];
        t.hb.join(&o.published);
        if write {
            t.hb.join(&o.readers);
        }
    }
}
