//! Accesses without events: cells, plain accesses to atomics, births and lifetimes, checked against clocks.

use super::Exact;
use crate::check::engine::exact::cells::Access;
use crate::check::engine::exact::graph::EventId;
use crate::check::engine::stuck;
use crate::check::event::ThreadId;
use crate::check::run::Site;
use crate::check::verdict::Kind as Violation;

/// What an atomic operation of the program is to the plain accesses of its location.
///
/// It is held against those twice: when the program asks for it, and again when its event executes. In between its
/// thread may be suspended, and others may come by with plain accesses.
#[derive(Clone, Copy)]
pub(super) struct Touch {
    /// It writes, whatever it reads.
    pub write: bool,
    pub site: Site,
}

impl Exact {
    /// Reports a race of `me` with an access seen before.
    pub(super) fn race(&self, me: Access, other: Access, kind: Violation) -> ! {
        self.inner().conflict = Some((other.t, other.at));
        let run = self.inner().run.expect("a run is installed while a model runs");
        let (message, sites) = {
            let state = run.state();
            // What `me` has asked for and is about to do: both accesses are of that object.
            let asked = state.threads.get(me.t).and_then(|t| t.pending?.0.object());
            let of = asked.map_or(String::new(), |o| format!(" of {}", stuck::object_name(&state, o)));
            let side = |a: Access| {
                let (t, what, site) = a.describe(kind);
                (t, what.to_owned() + &of, site)
            };
            let sites = vec![side(other), side(me)];
            let said = |(t, what, at): &(ThreadId, String, Site)| {
                format!("{what} by {} at {at}", stuck::thread_name(&state, *t))
            };
            (format!("{} and {} are not ordered", said(&sites[0]), said(&sites[1])), sites)
        };
        run.fail(None, kind, message, sites)
    }

    /// The acting thread must know that the object exists.
    pub(super) fn check_birth(&self, t: usize, loc: u32, site: Site) {
        let x = &self.inner().e.x;
        if let Some((creator, at)) = x.locations.birth(loc)
            && creator != t
            && x.threads[t].hb.get(creator) <= at
        {
            let run = self.inner().run.expect("a run is installed while a model runs");
            run.fail(
                None,
                Violation::DataRace,
                "an object is used by a thread that cannot know it was created: nothing orders the two"
                    .into(),
                vec![(ThreadId(t as u8), "used".into(), site)],
            );
        }
    }

    pub(super) fn plain(&self, t: usize, loc: u32, write: bool, atomic: bool, site: Site) {
        let at = self.inner().e.x.threads[t].pc as u32;
        self.plain_at(t, loc, Access { t, at, site, write, atomic });
    }

    fn plain_at(&self, t: usize, loc: u32, me: Access) {
        let i = self.inner();
        let th = &i.e.x.threads[t];
        if let Some(other) = i.cells.access(loc, me, &th.hb) {
            self.race(me, other, Violation::DataRace);
        }
    }

    /// An atomic access to a location that also has plain ones is checked against those.
    pub(super) fn mixed(&self, t: usize, loc: u32, write: bool, site: Site) {
        self.check_birth(t, loc, site);
        if self.inner().cells.any(loc) {
            self.plain(t, loc, write, true, site);
        }
    }

    /// The event of an atomic access executes next.
    pub(super) fn touched(&self, t: usize, loc: u32, touch: Option<Touch>) {
        if let Some(Touch { write, site }) = touch
            && self.inner().cells.any(loc)
        {
            self.plain(t, loc, write, true, site);
        }
    }

    /// The write half of what `t` has read as its event `at` has executed. Only now is an exchange known to write: one
    /// that fails does not conflict with plain reads.
    pub(super) fn touched_half(&self, t: usize, loc: u32, at: u32, touch: Option<Touch>) {
        if let Some(Touch { site, .. }) = touch
            && self.inner().cells.any(loc)
        {
            self.plain_at(t, loc, Access { t, at, site, write: true, atomic: true });
        }
    }

    /// A plain access to an atomic: the atomic accesses so far must be ordered before it too.
    pub(super) fn plain_atomic(&self, t: usize, loc: u32, write: bool, site: Site) {
        self.check_birth(t, loc, site);
        let x = &self.inner().e.x;
        let hb = &x.threads[t].hb;
        // What is in the graph but not executed yet will be checked against this access when it is.
        let unknown = |e: EventId| x.executed(e) && (e.i() as u32) >= hb.get(e.t());
        let writes = x.g.mo(loc).iter().copied().find(|&w| unknown(w));
        let reads = x.reads.get(loc as usize).into_iter().flatten().copied().find(|&r| write && unknown(r));
        if let Some(e) = writes.or(reads) {
            let me = Access { t, at: 0, site, write, atomic: false };
            let at = e.i() as u32 + 1;
            let other = Access { t: e.t(), at, site, write: writes.is_some(), atomic: true };
            self.race(me, other, Violation::DataRace);
        }
        self.plain(t, loc, write, false, site);
    }
}
