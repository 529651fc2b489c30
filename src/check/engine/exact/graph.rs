//! Execution graphs: structure only. Who wrote, who reads from whom, modification orders, order of addition.
//! Values live in the re-executed program (see `exec`), never here, so a graph is a job that any worker can run.

use std::sync::Arc;

/// Most events one thread may have in one execution: event indices and clocks are 16 bits wide.
pub const EVENTS_PER_THREAD: usize = 60_000;

/// An event: thread and position in its program order, or [`INIT`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventId(u32);

/// The initial write of every location; first in each modification order, known to everybody.
pub const INIT: EventId = EventId(u32::MAX);

impl EventId {
    #[inline]
    pub fn new(t: usize, i: usize) -> Self {
        EventId((t as u32) << 16 | i as u32)
    }
    #[inline]
    pub fn t(self) -> usize {
        (self.0 >> 16) as usize
    }
    #[inline]
    pub fn i(self) -> usize {
        (self.0 & 0xffff) as usize
    }
}

/// What an event is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Atomic read, alone or as the first half of a read-modify-write.
    Read,
    /// Atomic write, alone or (`ex`) as the second half.
    Write,
    /// Fence.
    Fence,
    /// A mutex section begins; `rf` is the section before it.
    Lock,
    /// The section ends.
    Unlock,
    /// A choice of the environment; `aux` is the value, `loc` the number of alternatives.
    Choose,
    /// A thread is spawned; `aux` is the child.
    Spawn,
    /// A thread has ended and is joined; `aux` is the child.
    Join,
}

/// Memory orderings as the axioms need them. A read-modify-write has one for each half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// A plain access through exclusive access to an atomic.
    Plain,
    Relaxed,
    Acquire,
    Release,
    /// Fences only.
    AcqRel,
    SeqCst,
}

impl Order {
    pub fn acquires(self) -> bool {
        matches!(self, Order::Acquire | Order::AcqRel | Order::SeqCst)
    }
    pub fn releases(self) -> bool {
        matches!(self, Order::Release | Order::AcqRel | Order::SeqCst)
    }
}

/// A digest of an operation, orderings and operands included, by which a program that is not deterministic is noticed.
/// Two operations that differ have the same one in about one of 65,536 cases.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tag(u16);

impl Tag {
    /// Of nothing in particular.
    pub const NONE: Tag = Tag(0);

    /// With one more part.
    #[inline]
    pub fn with(self, part: u64) -> Tag {
        let x = (part ^ u64::from(self.0) << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Tag((x >> 48 ^ x >> 24) as u16)
    }

    /// With a value that is stored or compared, unless it could be an address: those change from run to run.
    #[inline]
    pub fn with_value(self, v: u64) -> Tag {
        self.with(if v >> 32 == 0 || v as i64 >> 31 == -1 { v } else { u64::MAX >> 1 })
    }
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub struct Ev {
    pub kind: Kind,
    pub order: Order,
    /// This write is the second half of a read-modify-write; its read is the event before it.
    pub ex: bool,
    /// Which alternative was taken where an operation has several (spurious failure, which waiter); 0 is the
    /// one that is taken in place.
    pub aux: u16,
    /// A digest of what the program asked for: see [`Tag`].
    pub tag: Tag,
    /// Location.
    pub loc: u32,
    /// For a read its write, for a lock the lock of the section before it.
    pub rf: EventId,
    /// Order of addition. Part of the graph: a revisited read keeps its stamp.
    pub stamp: u32,
}

/// An execution graph, complete or not.
#[derive(Clone, Default)]
pub struct Graph {
    /// Events by thread, in program order.
    pub th: Vec<Vec<Ev>>,
    /// Writes (or locks) by location in modification order, `INIT` implicit in front.
    pub mo: Vec<Vec<EventId>>,
    /// The last stamp given out.
    pub clock: u32,
    /// The read whose source this job has just changed: it may race now.
    pub fresh: Option<EventId>,
    /// Thread ids by (parent, position among its children).
    pub names: Arc<Vec<(u8, u32)>>,
    /// Where in the search tree this job is: positions among siblings, in depth-first order.
    pub path: Vec<u32>,
}

impl Graph {
    /// The job from which every search starts.
    pub fn root() -> Graph {
        Graph {
            th: vec![Vec::new()],
            mo: Vec::new(),
            clock: 0,
            fresh: None,
            names: Arc::new(vec![(0, 0)]),
            path: Vec::new(),
        }
    }

    /// The child job to be changed by the caller. It does not inherit `fresh`; the search sets its path.
    pub fn fork(&self) -> Graph {
        Graph {
            th: self.th.clone(),
            mo: self.mo.clone(),
            clock: self.clock,
            fresh: None,
            names: self.names.clone(),
            path: Vec::new(),
        }
    }

    #[inline]
    pub fn ev(&self, e: EventId) -> &Ev {
        &self.th[e.t()][e.i()]
    }

    #[inline]
    pub fn ev_mut(&mut self, e: EventId) -> &mut Ev {
        &mut self.th[e.t()][e.i()]
    }

    /// Does the event exist in this graph?
    #[inline]
    pub fn has(&self, e: EventId) -> bool {
        e != INIT && self.th.get(e.t()).is_some_and(|l| e.i() < l.len())
    }

    #[inline]
    pub fn mo(&self, loc: u32) -> &[EventId] {
        self.mo.get(loc as usize).map_or(&[], |v| v)
    }

    pub fn mo_mut(&mut self, loc: u32) -> &mut Vec<EventId> {
        if self.mo.len() <= loc as usize {
            self.mo.resize_with(loc as usize + 1, Vec::new);
        }
        &mut self.mo[loc as usize]
    }

    /// The last write of `loc` in modification order.
    #[inline]
    pub fn mo_last(&self, loc: u32) -> EventId {
        self.mo(loc).last().copied().unwrap_or(INIT)
    }

    /// Position of a write in its modification order: `INIT` is 0, the first write 1.
    #[inline]
    pub fn position(&self, loc: u32, w: EventId) -> usize {
        if w == INIT {
            return 0;
        }
        // From the end: most questions are about recent writes.
        let l = self.mo(loc);
        match l.iter().rposition(|&e| e == w) {
            Some(i) => i + 1,
            None => 0,
        }
    }

    /// Appends an event to a thread.
    pub fn push(&mut self, t: usize, e: Ev) -> EventId {
        if self.th.len() <= t {
            self.th.resize_with(t + 1, Vec::new);
        }
        self.th[t].push(e);
        EventId::new(t, self.th[t].len() - 1)
    }

    /// Every position in modification order (0 = right after `INIT`) that write `k` may take, from `lb` on: an
    /// RMW's write only right after its source, and no write between an RMW and its source.
    pub fn places(&self, k: EventId, lb: usize) -> impl Iterator<Item = usize> + '_ {
        let e = *self.ev(k);
        let l = self.mo(e.loc);
        let only = e.ex.then(|| self.position(e.loc, self.ev(EventId::new(k.t(), k.i() - 1)).rf));
        let (from, to) = match only {
            Some(p) if p < lb => (1, 0),
            Some(p) => (p, p),
            None => (lb, l.len()),
        };
        (from..=to).filter(move |&p| {
            let Some(&next) = l.get(p) else { return true };
            let before = if p == 0 { INIT } else { l[p - 1] };
            !(self.ev(next).ex && self.ev(EventId::new(next.t(), next.i() - 1)).rf == before)
        })
    }
}
