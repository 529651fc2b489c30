//! What to call it when no thread can run or two accesses are not ordered, and how threads and objects are called: the
//! part of a failure report that the engines share.

use crate::check::event::{ObjectId, Op, ThreadId};
use crate::check::race::{Access, Race};
use crate::check::run::{ObjectInfo, Run, Site, State, ThreadInfo};
use crate::check::verdict::Kind;

/// The names in an execution: of a run, or of a failure that was taken out of one.
pub struct Names<'a> {
    /// Threads by id.
    pub threads: &'a [ThreadInfo],
    /// Objects.
    pub object: &'a dyn Fn(ObjectId) -> Option<&'a ObjectInfo>,
}

impl Names<'_> {
    /// How an object is called: its name, or its structural id.
    pub fn object(&self, obj: ObjectId) -> String {
        match (self.object)(obj).and_then(|i| i.name.as_deref()) {
            Some(name) => name.to_owned(),
            None => obj.to_string(),
        }
    }

    /// How a thread is called: its name, or `t` and its number.
    pub fn thread(&self, t: ThreadId) -> String {
        match self.threads.get(t.0 as usize).and_then(|i| i.name.as_deref()) {
            Some(name) => name.to_owned(),
            None => format!("t{}", t.0),
        }
    }
}

fn with_names<R>(state: &State, f: impl FnOnce(&Names<'_>) -> R) -> R {
    let object = |id: ObjectId| state.objects.get(id.creator().0 as usize)?.get(id.nth() as usize);
    f(&Names { threads: &state.threads, object: &object })
}

/// [`Names::object`] in the execution at hand.
pub fn object_name(state: &State, obj: ObjectId) -> String {
    with_names(state, |n| n.object(obj))
}

/// [`Names::thread`] in the execution at hand.
pub fn thread_name(state: &State, t: ThreadId) -> String {
    with_names(state, |n| n.thread(t))
}

/// Reports that no thread of the execution at hand can run.
pub fn report(run: &Run) {
    let (kind, message, sites) = with_names(&run.state(), describe);
    run.note_failure(None, kind, message, sites);
}

/// Who waits for what, by the operations that were announced and are not done.
///
/// A thread that waits on a condition variable or for its park token could be released only by another thread:
/// that is a lost wake-up. Otherwise threads wait for each other's locks or ends: a deadlock.
pub fn describe(names: &Names<'_>) -> (Kind, String, Vec<(ThreadId, String, Site)>) {
    let mut kind = Kind::Deadlock;
    let mut parts = Vec::new();
    let mut sites = Vec::new();
    for (i, info) in names.threads.iter().enumerate() {
        let t = ThreadId(i as u8);
        let (false, Some((op, site))) = (info.ended, info.pending) else { continue };
        let what = match op {
            Op::Lock { obj } => format!("waits for mutex {}", names.object(obj)),
            Op::RwLock { obj, write: true } => format!("waits to write-lock {}", names.object(obj)),
            Op::RwLock { obj, write: false } => format!("waits to read-lock {}", names.object(obj)),
            Op::Wait { obj, mutex, .. } => {
                kind = Kind::LostWakeup;
                format!("waits on condvar {} (mutex {})", names.object(obj), names.object(mutex))
            }
            Op::Park { .. } => {
                kind = Kind::LostWakeup;
                "is parked".to_owned()
            }
            Op::Join { child } => format!("waits for {} to end", names.thread(child)),
            _ => continue,
        };
        parts.push(format!("{} {what}", names.thread(t)));
        sites.push((t, what, site));
    }
    let lead = match kind {
        Kind::LostWakeup => "nobody is left to wake them",
        _ => "every thread is blocked",
    };
    (kind, format!("{lead}: {}", parts.join("; ")), sites)
}

/// Two accesses that the detector found unordered: in words, and both sides with their places.
pub fn unordered(s: &State, race: &Race) -> (String, Vec<(ThreadId, String, Site)>) {
    let name = object_name(s, race.obj);
    let created = s.objects[race.obj.creator().0 as usize][race.obj.nth() as usize].site;
    let side = |a: Access| (a.thread, format!("{} of {name}", a.what), a.site.unwrap_or(created));
    let sites = vec![side(race.first), side(race.second)];
    let words = |(thread, what, site): &(ThreadId, String, Site)| {
        format!("{what} by {} at {site}", thread_name(s, *thread))
    };
    let message = format!("{} and {} are not ordered", words(&sites[0]), words(&sites[1]));
    (message, sites)
}
