//! Failures of ordering: two accesses that nothing orders, a read that is older than it should be, a use that nothing
//! keeps before the end. No other order of steps mends them; a stronger ordering, a lock or a join does.

use super::{Why, at, capital, name, number, object, reads, step, told};
use crate::check::runner::trace::{Trace, TraceEvent, TraceSite};

/// The flag that was to publish something: its write, its read, and which of them is too weak.
pub(super) struct WeakFlag {
    pub write: usize,
    pub read: usize,
    pub releases: bool,
    pub acquires: bool,
}

impl WeakFlag {
    fn sentence(&self, t: &Trace) -> String {
        let fault = match (self.releases, self.acquires) {
            (false, false) => "the write does not release and the read does not acquire",
            (false, true) => "the write does not release",
            (true, _) => "the read does not acquire",
        };
        format!(
            "{} saw {} as {} had written it, but {fault}, so that orders nothing else.",
            capital(step(t, self.read)),
            object(&t.events[self.read]),
            step(t, self.write)
        )
    }

    /// What it takes to order what the writer did before it and what the reader does after it.
    pub(super) fn mend(&self, t: &Trace) -> String {
        let (w, r) = (told(t, self.write), told(t, self.read));
        match (self.releases, self.acquires) {
            (false, false) => format!("with Release at {w} and Acquire at {r}"),
            (false, true) => format!("with Release at {w}"),
            (true, _) => format!("with Acquire at {r}"),
        }
    }
}

/// The declared ordering of an atomic operation, as its text ends: `(rlx)`.
fn ordering(e: &TraceEvent) -> &str {
    let text = e.text.split(", stale").next().unwrap_or_default();
    text.strip_suffix(')').and_then(|s| s.rsplit_once('(')).map_or("", |(_, o)| o)
}

/// The flag that was to publish what `writer` did at `first` to `reader`: written after it, read by the other, and one of
/// the two too weakly.
pub(super) fn weak_flag(t: &Trace, first: usize, writer: usize, reader: usize) -> Option<WeakFlag> {
    let (write, read) = t.events.iter().enumerate().skip(first).find_map(|(r, read)| {
        let same = |(w, e): &(usize, &TraceEvent)| {
            *w < r && e.thread == writer && e.wrote.is_some() && e.object == read.object
        };
        if read.thread != reader || !reads(read) || read.missed.is_some() {
            return None;
        }
        // What it read is what the writer had written: nobody else has written in between.
        let w = t.events[..r].iter().rposition(|e| e.wrote.is_some() && e.object == read.object)?;
        let from_it = read.from.is_none_or(|f| f == w) && same(&(w, &t.events[w])) && w > first;
        from_it.then_some((w, r))
    })?;
    let releases = matches!(ordering(&t.events[write]), "rel" | "acqrel" | "sc");
    let acquires = matches!(ordering(&t.events[read]), "acq" | "acqrel" | "sc");
    let atomic = |i: usize| !ordering(&t.events[i]).is_empty();
    (atomic(write) && atomic(read) && !(releases && acquires)).then_some(WeakFlag {
        write,
        read,
        releases,
        acquires,
    })
}

/// The weak flag between the two sides of a race, or before the read of something old.
pub(super) fn flag_of(t: &Trace) -> Option<(WeakFlag, usize)> {
    if let Some([a, b]) = two_sides(t) {
        let first = at(t, a)?;
        return Some((weak_flag(t, first, a.thread, b.thread)?, first));
    }
    let (r, w) = missed(t)?;
    Some((weak_flag(t, w, t.events[w].thread, t.events[r].thread)?, w))
}

/// The last read of something old, and the write by another that it missed.
fn missed(t: &Trace) -> Option<(usize, usize)> {
    let (r, w) = t.events.iter().enumerate().rev().find_map(|(i, e)| Some((i, e.missed?)))?;
    (t.events[r].thread != t.events[w].thread).then_some((r, w))
}

/// The two accesses of a race; loom may list the creation of the object beside them.
pub(super) fn two_sides(t: &Trace) -> Option<[&TraceSite; 2]> {
    match t.sites.as_slice() {
        [] | [_] => None,
        [.., a, b] => Some([a, b]),
    }
}

/// `t1, step 3`; the last access may not have been done.
fn side(t: &Trace, s: &TraceSite) -> String {
    let step = at(t, s).map_or("next".to_owned(), |i| format!("step {}", number(t, i)));
    format!("{}, {step}", name(t, s.thread))
}

fn unordered(t: &Trace, end: &str) -> Option<Why> {
    let [a, b] = two_sides(t)?;
    let of = |s: &TraceSite| match at(t, s).and_then(|i| t.events[i].object.as_deref()) {
        Some(o) if !s.what.contains(o) && s.what.starts_with("plain") => format!("{} of {o}", s.what),
        _ => s.what.clone(),
    };
    let (sides, steps) = ([side(t, a), side(t, b)], [at(t, a), at(t, b)]);
    let [first, second] = sides;
    let mut why =
        Why::default().say(format!("{} ({first}) and {} ({second}) are not ordered: {end}", of(a), of(b)));
    why.place(a.clone());
    why.place(b.clone());
    why.steps.extend(steps.into_iter().flatten());
    if let Some((flag, _)) = flag_of(t) {
        why.steps.extend([flag.write, flag.read]);
        why = why.say(flag.sentence(t));
    }
    Some(why)
}

pub(super) fn race(t: &Trace) -> Option<Why> {
    unordered(t, "no lock, join or release/acquire pair lies between them.")
}

pub(super) fn after_end(t: &Trace) -> Option<Why> {
    unordered(t, "nothing keeps the value alive until its last use.")
}

pub(super) fn stale(t: &Trace) -> Option<Why> {
    let (r, w) = missed(t)?;
    let read = &t.events[r];
    let source = match read.from {
        Some(f) => format!("what step {} wrote", number(t, f)),
        None => "an older value".to_owned(),
    };
    let why = Why::default().say(format!(
        "{} read {source} from {}, not the newer value of {}: nothing makes that write happen before this read.",
        step(t, r),
        object(read),
        step(t, w),
    ));
    let mut why = why.steps(t, &[w, r]);
    why.steps.extend(read.from);
    if let Some(flag) = weak_flag(t, w, t.events[w].thread, read.thread) {
        why.steps.extend([flag.write, flag.read]);
        why = why.say(flag.sentence(t));
    }
    Some(why)
}
