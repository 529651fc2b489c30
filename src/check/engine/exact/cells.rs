//! Races on plain data, without events: per location the last plain write and the last plain reads as epochs,
//! checked against the happens-before clock of each access before memory is touched.
//!
//! Re-execution repeats every check, so a pushed alternative that races is found when it runs. An access has no
//! event of its own: it lies between two events of its thread, and another thread's access is ordered after it
//! only if that thread knows the *next* event.

use super::clock::Clock;
use crate::check::event::ThreadId;
use crate::check::run::Site;
use crate::check::verdict::Kind as Violation;

/// A plain access: who, after how many of its events, where, and whether it wrote.
#[derive(Clone, Copy)]
pub struct Access {
    pub t: usize,
    pub at: u32,
    pub site: Site,
    pub write: bool,
    /// An atomic access to a location that also has plain ones: no conflict among themselves.
    pub atomic: bool,
}

impl Access {
    /// Is it before everything that a thread with this clock does next?
    fn known_to(&self, t: usize, hb: &Clock) -> bool {
        self.t == t || hb.get(self.t) > self.at
    }

    /// For the report of a race of this kind. A lifetime is used as a cell is read, and ends as it is written.
    pub fn describe(&self, kind: Violation) -> (ThreadId, &'static str, Site) {
        let what = match (self.atomic, self.write) {
            (_, true) if kind == Violation::UseAfterFree => "end of scope",
            (_, false) if kind == Violation::UseAfterFree => "use",
            (true, true) => "atomic write",
            (true, false) => "atomic read",
            (false, true) => "write",
            (false, false) => "read",
        };
        (ThreadId(self.t as u8), what, self.site)
    }
}

/// The accesses of one execution, by location.
#[derive(Default)]
pub struct Cells {
    seen: Vec<Vec<Access>>,
}

impl Cells {
    pub fn begin(&mut self) {
        self.seen.iter_mut().for_each(Vec::clear);
    }

    /// Have there been plain accesses to this (atomic) location?
    pub fn any(&self, loc: u32) -> bool {
        self.seen.get(loc as usize).is_some_and(|l| !l.is_empty())
    }

    /// Records `a`; returns an earlier access that it races with.
    pub fn access(&mut self, loc: u32, a: Access, hb: &Clock) -> Option<Access> {
        if self.seen.len() <= loc as usize {
            self.seen.resize_with(loc as usize + 1, Vec::new);
        }
        let l = &mut self.seen[loc as usize];
        let conflict = |o: &&Access| (o.write || a.write) && !(o.atomic && a.atomic) && !o.known_to(a.t, hb);
        if let Some(&o) = l.iter().find(conflict) {
            return Some(o);
        }
        // What is ordered before a write need not be kept: whoever knows the write knows it too.
        if a.write && !a.atomic {
            l.clear();
        } else {
            l.retain(|o| o.t != a.t || o.write != a.write || o.atomic != a.atomic);
        }
        l.push(a);
        None
    }
}
