//! Store buffering: two threads each write one thing and then read the other's, and both reads come too early. Acquire and
//! Release allow that; only sequential consistency of all four, or fences between, does not.

use super::flag::ordering;
use super::overtaken::found;
use super::{Why, name, number, object, reads, step};
use crate::check::runner::trace::Trace;

/// Of each thread, its write and the read after it, which missed the other's write.
pub(super) struct Crossing {
    sides: [(usize, usize); 2],
}

/// The crossing that `read` belongs to, which missed `write`.
pub(super) fn crossing(t: &Trace, read: usize, write: usize) -> Option<Crossing> {
    let (reader, writer) = (t.events[read].thread, t.events[write].thread);
    let of =
        |who: usize, range: std::ops::Range<usize>| range.rev().filter(move |i| t.events[*i].thread == who);
    of(reader, 0..read).filter(|w| t.events[*w].wrote.is_some()).find_map(|theirs| {
        let missed = |r: &usize| {
            let e = &t.events[*r];
            let early = *r < theirs || e.missed == Some(theirs);
            let same = e.object == t.events[theirs].object && e.object != t.events[write].object;
            reads(e) && same && early && found(t, *r) != t.events[theirs].wrote.as_deref()
        };
        let other = of(writer, write + 1..t.events.len()).find(missed)?;
        Some(Crossing { sides: [(theirs, read), (write, other)] })
    })
}

impl Crossing {
    /// What it says in one sentence.
    pub(super) fn why(&self, t: &Trace) -> Why {
        let [(w, r), (v, s)] = self.sides;
        let sentence = format!(
            "{} missed what {} writes to {}, and {} what {} writes to {}: each missed the other's write.",
            step(t, r),
            step(t, v),
            object(&t.events[r]),
            step(t, s),
            step(t, w),
            object(&t.events[s]),
        );
        Why::default().say(sentence).steps(t, &[w, r, v, s])
    }

    /// What forbids it, if it is not there already.
    pub(super) fn mend(&self, t: &Trace) -> Option<String> {
        let strong = |i: usize| ordering(&t.events[i]) == "sc";
        let weak = |&&(w, r): &&(usize, usize)| {
            let fenced = t.events[w..r]
                .iter()
                .any(|e| (e.thread, e.op.as_str(), ordering(e)) == (t.events[w].thread, "fence", "sc"));
            !(fenced || strong(w) && strong(r))
        };
        let between = |(w, r): &(usize, usize)| {
            format!(
                "between steps {} and {} ({})",
                number(t, *w),
                number(t, *r),
                name(t, t.events[*w].thread)
            )
        };
        let mut sides: Vec<&(usize, usize)> = self.sides.iter().filter(weak).collect();
        sides.sort_unstable();
        let fences: Vec<String> = sides.into_iter().map(between).collect();
        let which = if fences.len() == 2 { "all four steps" } else { "both" };
        (!fences.is_empty()).then(|| {
            format!(
                "with a SeqCst fence {}, or SeqCst at {which}, one of them sees the other's write; what is missing is an \
                 ordering, not an order of steps.",
                fences.join(" and one ")
            )
        })
    }

    pub(super) fn steps(&self) -> Vec<usize> {
        self.sides.iter().flat_map(|(w, r)| [*w, *r]).collect()
    }
}
