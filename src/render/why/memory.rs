//! Failures of ordering: two accesses that nothing orders, a read that is older than it should be, a use that nothing
//! keeps before the end. No other order of steps mends them; a stronger ordering, a lock or a join does.

use super::crossing::{Crossing, crossing};
use super::flag::{WeakFlag, weak_flag};
use super::{Why, at, name, number, object, step};
use crate::check::run::Flip;
use crate::check::runner::trace::{Trace, TraceSite};

/// The weak flag between the two sides of a race, or before the read of something old.
pub(super) fn flag_of(t: &Trace) -> Option<WeakFlag> {
    if let Some([a, b]) = two_sides(t) {
        return weak_flag(t, at(t, a)?, a.thread, (b.thread, at(t, b).unwrap_or(t.events.len())));
    }
    let (r, w) = missed(t)?;
    weak_flag(t, w, t.events[w].thread, (t.events[r].thread, r))
}

/// The two reads that crossed with the other's write, where no flag was to publish anything.
pub(super) fn crossing_of(t: &Trace) -> Option<Crossing> {
    let (r, w) = missed(t).filter(|_| flag_of(t).is_none())?;
    crossing(t, r, w)
}

/// The last read of something old, and the write by another that it missed. What fails as well where memory is
/// sequentially consistent fails by no such read.
fn missed(t: &Trace) -> Option<(usize, usize)> {
    if matches!(t.flip, Flip::Pair { .. } | Flip::Answer { .. } | Flip::NoSingle { .. }) {
        return None;
    }
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

/// `nothing` is what is missing between the two, `or_else` what may come of it where the log has the harmless order.
fn unordered(t: &Trace, nothing: &str, or_else: &str) -> Option<Why> {
    let [a, b] = two_sides(t)?;
    let (sides, steps) = ([side(t, a), side(t, b)], [at(t, a), at(t, b)]);
    let [first, second] = sides;
    let end = match steps[0] {
        Some(_) if !a.what.starts_with("end of scope") => {
            let what = a.what.split(" of ").next().unwrap_or_default();
            format!(
                "{}'s {what} came first here; as {nothing}, it may as well come {or_else}",
                name(t, a.thread)
            )
        }
        _ => nothing.to_owned(),
    };
    let mut why =
        Why::default().say(format!("{} ({first}) and {} ({second}) are not ordered: {end}.", a.what, b.what));
    why.place(a.clone());
    why.place(b.clone());
    why.steps.extend(steps.into_iter().flatten());
    if let Some(flag) = flag_of(t) {
        why.steps.extend([flag.write, flag.read]);
        why = why.say(flag.sentence(t));
    }
    Some(why)
}

pub(super) fn race(t: &Trace) -> Option<Why> {
    unordered(t, "no lock, join or release/acquire pair lies between them", "second, or at the same time")
}

pub(super) fn after_end(t: &Trace) -> Option<Why> {
    unordered(t, "nothing keeps the value alive until its last use", "after the end")
}

pub(super) fn stale(t: &Trace) -> Option<Why> {
    let (r, w) = missed(t)?;
    if let Some(c) = crossing_of(t) {
        return Some(c.why(t));
    }
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
    if let Some(flag) = flag_of(t) {
        why.steps.extend([flag.write, flag.read]);
        why = why.say(flag.sentence(t));
    }
    Some(why)
}
