//! The commit token in miniature: an entry and a flag "has received everything" for each member. What the variants disagree
//! about is left to a [`Rule`]; each broken one has its marked line.

use super::{CommitToken, Entry, MEMBERS};
use selvedge::check::note;
use selvedge::sync::{Mutex, Named, Shown};
use std::marker::PhantomData;

/// An entry with its flag.
#[derive(Clone, Copy)]
pub struct Flagged {
    entry: Entry,
    has_all: bool,
}

type Entries = [Option<Flagged>; MEMBERS];

/// The seam: what a member does to the flags when it has written its entry.
pub trait Rule: Send + Sync + 'static {
    /// Are these two compared?
    fn comparable(a: &Entry, b: &Entry) -> bool {
        a.ring == b.ring
    }
    fn flags(entries: &mut Entries, member: usize);
}

/// Is there an entry that is ahead of this one?
fn behind<R: Rule>(entries: &Entries, entry: &Entry) -> bool {
    entries
        .iter()
        .flatten()
        .any(|other| R::comparable(&other.entry, entry) && other.entry.received > entry.received)
}

/// The incident: the flag is the member's own opinion.
pub struct OwnFlag;

impl Rule for OwnFlag {
    fn flags(entries: &mut Entries, member: usize) {
        if let Some(mine) = &mut entries[member] {
            note(|| "flagged by what it has heard of".to_owned());
            // BUG: of a message that it has not heard of, it does not know that it lacks it.
            mine.has_all = mine.entry.received == mine.entry.newest;
        }
    }
}

/// Compares with the entries that are there, for its own flag.
pub struct ClearsOwn;

impl Rule for ClearsOwn {
    fn flags(entries: &mut Entries, member: usize) {
        let all = *entries;
        if let Some(mine) = &mut entries[member] {
            note(|| "flagged by the entries so far".to_owned());
            // BUG: whoever wrote before it, and is behind, keeps its flag.
            mine.has_all = !behind::<Self>(&all, &mine.entry);
        }
    }
}

/// Compares all with all, across rings.
pub struct ComparesRings;

impl Rule for ComparesRings {
    fn comparable(_: &Entry, _: &Entry) -> bool {
        // BUG: message 7 of one ring and message 2 of another are not in one sequence.
        true
    }
    fn flags(entries: &mut Entries, _: usize) {
        // As upstream's rule, with this comparison.
        compare_all::<Self>(entries);
    }
}

/// Upstream's rule.
pub struct ComparesPositions;

impl Rule for ComparesPositions {
    /// Fix: whoever is behind another of its ring loses its flag, whichever of them wrote first.
    fn flags(entries: &mut Entries, _: usize) {
        compare_all::<Self>(entries);
    }
}

fn compare_all<R: Rule>(entries: &mut Entries) {
    note(|| "all flagged anew".to_owned());
    let all = *entries;
    for flagged in entries.iter_mut().flatten() {
        flagged.has_all &= !behind::<R>(&all, &flagged.entry);
    }
}

/// By member: `[2, all] [1, not all] [7 of ring 9, all]`, as the flags say.
fn shown(entries: &Entries) -> String {
    let entry = |e: &Option<Flagged>| {
        let Some(Flagged { entry: Entry { ring, received, .. }, has_all }) = *e else {
            return "[]".to_owned();
        };
        let ring = if ring == 1 { String::new() } else { format!(" of ring {ring}") };
        format!("[{received}{ring}, {}]", if has_all { "all" } else { "not all" })
    };
    entries.iter().map(entry).collect::<Vec<_>>().join(" ")
}

/// The token.
pub struct Miniature<R> {
    entries: Mutex<Entries>,
    rule: PhantomData<R>,
}

impl<R: Rule> CommitToken for Miniature<R> {
    fn new() -> Self {
        let entries = Mutex::new([None; MEMBERS]).named("token").shown(shown);
        Miniature { entries, rule: PhantomData }
    }
    fn stamp(&self, member: usize, entry: Entry) {
        let mut entries = self.entries.lock();
        entries[member] = Some(Flagged { entry, has_all: true });
        R::flags(&mut entries, member);
    }
    fn recover(&self, member: usize) -> Option<u64> {
        let entries = self.entries.lock();
        let mine = entries[member].expect("the token has been everywhere").entry;
        let ring = || entries.iter().flatten().filter(|other| R::comparable(&other.entry, &mine));
        // If all say that they have everything, nothing is sent again.
        if ring().all(|other| other.has_all) {
            return None;
        }
        ring().map(|other| other.entry.received).max()
    }
}
