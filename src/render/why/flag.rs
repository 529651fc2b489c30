//! The flag that was to publish what one thread did to another: its write, its read, and which of the two is too weak.
//!
//! Where a thread reads a write more than once (a load, then an exchange), one read that acquires is enough; where none
//! does, the last one is to blame that comes before anything else is used of what was published.

use super::{capital, object, step, told};
use crate::check::runner::trace::{Trace, TraceEvent};

/// What is missing between `first`, a step of the thread of `write`, and what comes after `read`.
pub(super) struct WeakFlag {
    pub first: usize,
    pub write: usize,
    pub read: usize,
    pub releases: bool,
    pub acquires: bool,
}

impl WeakFlag {
    pub(super) fn sentence(&self, t: &Trace) -> String {
        let fault = match (self.releases, self.acquires) {
            (false, false) => "the write does not release and the read does not acquire",
            (false, true) => "the write does not release",
            (true, _) => "the read does not acquire",
        };
        let read = object(&t.events[self.read]);
        let saw = match source(t, self.read) {
            Some(w) if w == self.write => format!("saw {read} as {} had written it", step(t, w)),
            _ => format!("saw {read} after {} had written it", step(t, self.write)),
        };
        format!("{} {saw}, but {fault}, so that does not order the two.", capital(step(t, self.read)))
    }

    /// What it takes to order what the writer did before it and what the reader does after it.
    pub(super) fn mend(&self, t: &Trace) -> String {
        let (w, r) = (told(t, self.write), told(t, self.read));
        // Who uses fences, but in another place, is not told of orderings alone.
        let fence = |i: usize, which: &str| match uses_fences(t, t.events[i].thread) {
            true => format!(" (or {which})"),
            false => String::new(),
        };
        let release = format!("with Release at {w}{}", fence(self.write, "a release fence before it"));
        let acquire = format!("Acquire at {r}{}", fence(self.read, "an acquire fence after it"));
        match (self.releases, self.acquires) {
            (false, false) => format!("{release} and {acquire}"),
            (false, true) => release,
            (true, _) => format!("with {acquire}"),
        }
    }
}

/// The declared ordering of an atomic operation, as its text has it: `(rlx)`.
pub(super) fn ordering(e: &TraceEvent) -> &'static str {
    let all = ["rlx", "acq", "rel", "acqrel", "sc"];
    let found = all.into_iter().filter_map(|o| Some((e.text.rfind(&format!("({o})"))?, o)));
    found.max().map_or("", |(_, o)| o)
}

fn releasing(e: &TraceEvent) -> bool {
    matches!(ordering(e), "rel" | "acqrel" | "sc")
}

fn acquiring(e: &TraceEvent) -> bool {
    matches!(ordering(e), "acq" | "acqrel" | "sc")
}

fn writes_atomic(e: &TraceEvent) -> bool {
    matches!(e.op.as_str(), "store" | "rmw" | "cas") && e.wrote.is_some()
}

fn reads_atomic(e: &TraceEvent) -> bool {
    matches!(e.op.as_str(), "load" | "rmw" | "cas")
}

fn uses_fences(t: &Trace, thread: usize) -> bool {
    let next = t.threads.get(thread).and_then(|x| x.wants.as_ref());
    t.events.iter().any(|e| e.thread == thread && e.op == "fence")
        || next.is_some_and(|(op, _)| op == "fence")
}

/// The write that a read has read, if it is in the log.
pub(super) fn source(t: &Trace, r: usize) -> Option<usize> {
    let (read, same) = (&t.events[r], |e: &TraceEvent| e.object == t.events[r].object);
    let newest = || t.events[..r].iter().rposition(|e| e.wrote.is_some() && same(e));
    read.from.or_else(|| newest().filter(|_| read.missed.is_none() && read.object.is_some()))
}

/// Does `r` read what `w` wrote, or what exchanges and the like have made of it since?
fn reads_from(t: &Trace, r: usize, w: usize) -> bool {
    let mut at = source(t, r);
    while let Some(s) = at.filter(|s| *s != w) {
        // A plain store begins anew.
        at = source(t, s).filter(|before| *before < s && t.events[s].op != "store");
    }
    at == Some(w)
}

/// The flag that was to publish what `writer` did at `first` to `reader`, which comes to what it was to see at `second`:
/// written after the one, read before the other, and one of the two too weakly. Where there are several, the one at which
/// least is missing.
pub(super) fn weak_flag(
    t: &Trace,
    first: usize,
    writer: usize,
    (reader, second): (usize, usize),
) -> Option<WeakFlag> {
    let of =
        |thread: usize, range: std::ops::Range<usize>| range.filter(move |i| t.events[*i].thread == thread);
    let fence = |i: usize, strong: fn(&TraceEvent) -> bool| t.events[i].op == "fence" && strong(&t.events[i]);
    let flags = of(writer, first + 1..second).filter(|w| writes_atomic(&t.events[*w])).filter_map(|w| {
        let reads = |r: &usize| reads_atomic(&t.events[*r]) && reads_from(t, *r, w);
        let seen: Vec<usize> = of(reader, w + 1..second).filter(reads).collect();
        let acquires =
            |r: usize| acquiring(&t.events[r]) || of(reader, r + 1..second).any(|f| fence(f, acquiring));
        // What is used of what was published, the flag itself apart, is used after the acquire.
        let published = |e: &TraceEvent| {
            e.object.is_some()
                && e.object != t.events[w].object
                && of(writer, first..w).any(|i| t.events[i].object == e.object)
        };
        let used = of(reader, *seen.first()?..second).find(|i| published(&t.events[*i])).unwrap_or(second);
        let last = seen.iter().rev().find(|r| **r < used).or(seen.first());
        let acquirer = seen.iter().copied().find(|r| acquires(*r));
        let releases = releasing(&t.events[w]) || of(writer, first + 1..w).any(|f| fence(f, releasing));
        let read = acquirer.or(last.copied())?;
        Some(WeakFlag { first, write: w, read, releases, acquires: acquirer.is_some() })
    });
    let missing = |f: &WeakFlag| usize::from(!f.releases) + usize::from(!f.acquires);
    flags.min_by_key(missing).filter(|f| missing(f) > 0)
}
