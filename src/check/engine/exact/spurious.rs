//! Spurious ends, of one thread: at which calls one more may come.
//!
//! A loop around a call could be sent round for ever, so a spurious end is offered only where it can matter: unless the
//! thread's last call there ended spuriously too *and it has learnt nothing since*. It learns something where it reads
//! another write than it knew of the location, or enters a mutex after a section in which something may have changed.
//! What it has learnt is a function of its causal past, so re-execution and revisits agree about it.
//!
//! A further end in a row would send a loop that carries nothing through the round that it has just been through. One that
//! counts, or gives up, does something else: whether it does is tried out (`repeats`), and where it does, ends in a row
//! are offered as often as it took.
//!
//! Sections. Two waiters that wake spuriously would be news to each other for ever. So a section is *idle*, and no news, if
//! its thread has had no effect on others since it last woke spuriously, and has either not borrowed the data mutably, or
//! learnt nothing in between, or goes back to the wait that it woke from. The others have a *depth*: 0 where the thread did
//! not wake spuriously, else one more than the least of what it has learnt since. Deep ones are no news either: whoever
//! borrows mutably in every round may have changed nothing, which is not known.

use super::graph::{EventId, INIT};
use crate::check::run::Site;

/// Spurious ends of one thread at one call, on one object, that something new led to. The verdict is `bounded` beyond.
const NEWS: u32 = 16;

/// The depth of sections that are news, at most.
const DEPTH: u8 = 1;

/// An object, and a place in the source.
pub type Call = (u32, Site);

struct Ends {
    call: Call,
    /// Spurious ends in succession, with nothing new in between.
    in_row: u32,
    all: u32,
    /// What its thread had learnt at the last one.
    news: u32,
}

/// May a call end spuriously?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offer {
    Yes,
    /// It would be that many in succession and one more.
    Repeats(u32),
    /// It could, and that is not tried.
    Never,
}

/// What a read says to its thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Read {
    Known,
    /// The first of its location.
    First,
    /// Another write than it knew.
    Changed,
}

/// Since when a thread has done nothing for others to see.
struct Idle {
    woke_at: Call,
    news: u32,
    /// The least depth of what it has learnt since.
    depth: u8,
    /// In the section at hand the data was borrowed mutably.
    borrowed: bool,
}

/// What is known of one thread.
#[derive(Default)]
pub struct Spurious {
    ends: Vec<Ends>,
    /// How often it has learnt something.
    news: u32,
    /// The write that it knows, by location.
    latest: Vec<(u32, EventId)>,
    idle: Option<Idle>,
}

impl Spurious {
    pub fn offer(&self, call: Call, patience: u32) -> Offer {
        match self.ends.iter().find(|e| e.call == call) {
            Some(e) if e.in_row > 0 && e.news == self.news && e.in_row >= patience => {
                Offer::Repeats(e.in_row)
            }
            Some(e) if e.in_row == 0 || e.news != self.news => {
                if e.all < NEWS.max(patience) {
                    Offer::Yes
                } else {
                    Offer::Never
                }
            }
            _ => Offer::Yes,
        }
    }

    /// The call has come to an end.
    pub fn ended(&mut self, call: Call, spuriously: bool) {
        let news = self.news;
        match self.ends.iter_mut().find(|e| e.call == call) {
            Some(e) if spuriously => {
                e.in_row = if e.news == news { e.in_row + 1 } else { 1 };
                (e.all, e.news) = (e.all + 1, news);
            }
            Some(e) => e.in_row = 0,
            None if spuriously => self.ends.push(Ends { call, in_row: 1, all: 1, news }),
            None => {}
        }
    }

    /// Thread `t` has read `w`. `own`: it has created the location.
    pub fn read(&mut self, t: usize, loc: u32, w: EventId, own: bool) -> Read {
        let mine = if w == INIT { own } else { w.t() == t };
        let said = match self.latest.iter_mut().find(|l| l.0 == loc) {
            Some(l) if l.1 == w => return Read::Known,
            Some(l) => {
                l.1 = w;
                Read::Changed
            }
            None => {
                self.latest.push((loc, w));
                Read::First
            }
        };
        if mine {
            return Read::Known;
        }
        self.learns(0);
        said
    }

    /// The write that it knows of a location.
    pub fn knows(&self, loc: u32) -> Option<EventId> {
        self.latest.iter().find(|l| l.0 == loc).map(|l| l.1)
    }

    /// It has written `w`.
    pub fn wrote(&mut self, t: usize, loc: u32, w: EventId) {
        self.read(t, loc, w, true);
        self.acts();
    }

    /// It has entered a section after one of that depth. Is that new to it?
    pub fn heard(&mut self, depth: u8) -> bool {
        if depth <= DEPTH {
            self.learns(depth);
        }
        depth <= DEPTH
    }

    fn learns(&mut self, depth: u8) {
        self.news += 1;
        if let Some(i) = &mut self.idle {
            i.depth = i.depth.min(depth);
        }
    }

    /// It has done something that others may notice.
    pub fn acts(&mut self) {
        self.idle = None;
    }

    pub fn wakes(&mut self, woke_at: Call) {
        self.idle = Some(Idle { woke_at, news: self.news, depth: DEPTH, borrowed: false });
    }

    /// What a mutex guards is borrowed mutably.
    pub fn borrows(&mut self) {
        if let Some(i) = &mut self.idle {
            i.borrowed = true;
        }
    }

    /// A section ends, in a wait or not: its depth.
    pub fn leaves(&mut self, waits_at: Option<Call>) -> u8 {
        let Some(i) = &mut self.idle else { return 0 };
        let borrowed = std::mem::take(&mut i.borrowed);
        let idle = !borrowed || i.news == self.news || waits_at == Some(i.woke_at);
        if idle { u8::MAX } else { i.depth + 1 }
    }
}
