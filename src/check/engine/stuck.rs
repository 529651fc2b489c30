//! What to call it when no thread can run: the part of a failure report that the engines share.

use crate::check::event::{ObjectId, Op, ThreadId};
use crate::check::run::{Run, Site, State};
use crate::check::verdict::Kind;

/// How an object is called: its name, or its kind and structural id.
pub fn object(state: &State, obj: ObjectId) -> String {
    let info = state.objects.get(obj.creator().0 as usize).and_then(|v| v.get(obj.nth() as usize));
    match info.and_then(|i| i.name.as_deref()) {
        Some(name) => name.to_owned(),
        None => obj.to_string(),
    }
}

/// How a thread is called: its name, or `t` and its number.
pub fn thread(state: &State, t: ThreadId) -> String {
    match state.threads.get(t.0 as usize).and_then(|i| i.name.as_deref()) {
        Some(name) => name.to_owned(),
        None => format!("t{}", t.0),
    }
}

/// Reports that no thread of the execution at hand can run.
///
/// A thread that waits on a condition variable or for its park token could be released only by another thread:
/// that is a lost wake-up. Otherwise threads wait for each other's locks or ends: a deadlock.
pub fn report(run: &Run) {
    let (kind, message, sites) = describe(&run.state());
    run.note_failure(None, kind, message, sites);
}

fn describe(state: &State) -> (Kind, String, Vec<(ThreadId, String, Site)>) {
    let mut kind = Kind::Deadlock;
    let mut parts = Vec::new();
    let mut sites = Vec::new();
    for (i, info) in state.threads.iter().enumerate() {
        let t = ThreadId(i as u8);
        let (false, Some((op, site))) = (info.ended, info.pending) else { continue };
        let what = match op {
            Op::Lock { obj } => format!("waits for mutex {}", object(state, obj)),
            Op::RwLock { obj, write: true } => format!("waits to write-lock {}", object(state, obj)),
            Op::RwLock { obj, write: false } => format!("waits to read-lock {}", object(state, obj)),
            Op::Wait { obj, mutex, .. } => {
                kind = Kind::LostWakeup;
                format!("waits on condvar {} (mutex {})", object(state, obj), object(state, mutex))
            }
            Op::Park { .. } => {
                kind = Kind::LostWakeup;
                "is parked".to_owned()
            }
            Op::Join { child } => format!("waits for {} to end", thread(state, child)),
            _ => continue,
        };
        parts.push(format!("{} {what}", thread(state, t)));
        sites.push((t, what, site));
    }
    let lead = match kind {
        Kind::LostWakeup => "nobody is left to wake them",
        _ => "every thread is blocked",
    };
    (kind, format!("{lead}: {}", parts.join("; ")), sites)
}
