//! One execution: a graph, the live program under it, and the clocks of every executed event.
//!
//! A job begins with fresh objects. Each thread runs until its next event cannot be served: a read whose source
//! is not executed yet, a lock whose section is not closed. Round-robin until nobody moves re-executes the graph
//! in an order consistent with program order and reads-from; at each step the operation is compared with the
//! stored event. From then on events are added (see `forward`).
//!
//! Clocks. Every clock depends on an event's porf-prefix only, so it is computed once, when the event is
//! executed: `porf` and `hb` include the event itself; `msg` of a write is what an acquire read of it acquires;
//! `pend` of a thread is what an acquire fence would acquire; `relf` its hb at its last release fence.

use super::clock::Clock;
use super::fiber::{Fiber, Handle};
use super::graph::{EVENTS_PER_THREAD, Ev, EventId, Graph, INIT, Kind, Order, Tag};
use super::locations::Locations;
use super::rounds::Rounds;
use super::spurious::Spurious;
use super::update::{Effect, Queues, Update};
use crate::check::event::ThreadId;
use crate::check::run::Site;

/// What is known of an executed event.
#[derive(Clone, Copy)]
pub struct Info {
    pub porf: Clock,
    pub hb: Clock,
    pub msg: Option<Clock>,
    /// Value written, or read.
    pub val: u64,
    /// For a lock: its unlock, once executed.
    pub unlock: EventId,
    /// For a lock whose section is closed: how much news it is (`spurious`).
    pub depth: u8,
    /// For a read: what its operation does with the value.
    pub read: Reading,
}

/// A reading primitive: what it does with the value, with which orderings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    pub update: Update,
    /// Order of the read half on success, and of a plain load.
    pub success: Order,
    /// Order of a read that stands alone.
    pub failure: Order,
    /// Order of the write half.
    pub write: Order,
}

impl Reading {
    pub const NONE: Reading = Reading {
        update: Update::Load,
        success: Order::Relaxed,
        failure: Order::Relaxed,
        write: Order::Relaxed,
    };
    /// What the program asked for.
    pub fn tag(&self) -> Tag {
        let orders = (self.success as u64) << 16 | (self.failure as u64) << 8 | self.write as u64;
        self.update.tag().with(orders)
    }
    /// The order of a read that has this effect.
    pub fn order(&self, e: Effect) -> Order {
        if e == Effect::Alone { self.failure } else { self.success }
    }
}

/// Where a thread stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Want {
    /// Not started, or its next step is free to go.
    Go,
    /// Its stored event cannot be served yet: source not executed, or section not closed.
    Source,
    /// It owes the write half of a read-modify-write.
    Half,
    /// In front of a mutex in section mode.
    Lock(u32),
    /// Waits for a thread to end.
    Join(u8),
    /// In front of an operation that may wait for a value: goes after everybody else.
    Await { loc: u32, update: Update },
    /// It has read a value with which it cannot go on; only a revisit helps.
    Blocked,
    /// Ended.
    Done,
}

/// What a blocked thread waits for, for the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waits {
    /// A condition variable or a park token.
    Wakeup,
    /// A lock.
    Lock,
    /// A condition that it polls.
    Spin,
}

/// A live thread.
pub struct Thread {
    pub fiber: Option<Fiber>,
    pub handle: Handle,
    pub want: Want,
    /// Its body was begun while the graph was re-executed.
    pub started: bool,
    /// Events executed.
    pub pc: usize,
    pub porf: Clock,
    pub hb: Clock,
    pub pend: Clock,
    pub relf: Option<Clock>,
    /// The write half that is due.
    pub half: Option<Effect>,
    /// Its lock was executed by the unlock before it.
    pub served: bool,
    /// It may issue its waiting read now.
    pub go: bool,
    /// Mutexes it holds, in section mode.
    pub held: Vec<(u32, EventId)>,
    /// What it has read since it last yielded or did anything but read; where it is blocked, what it waits for.
    pub reads: Vec<EventId>,
    /// It has done nothing but read since then.
    pub pure_reads: bool,
    /// Earlier rounds of the loop that it may be in.
    pub rounds: Rounds,
    /// The yield at which it waits, and how often it has repeated itself.
    pub waits_at: Option<(Site, u32)>,
    pub waits: Waits,
    /// A wait with a timeout: never the cause of a standstill.
    pub timed: bool,
    /// Its last wait could have timed out, once more than is tried.
    pub capped: bool,
    /// Waits begun, for structural names of wake flags.
    pub waits_begun: u16,
    /// Its calls that have ended spuriously, and what it has learnt since.
    pub spurious: Spurious,
    /// Locations on which its waits have timed out, and where in the source.
    pub timeouts: Vec<(u32, Site)>,
    /// It is inside `spin_until`: its next yield ends a round.
    pub polls: bool,
}

/// Why a job ends before its graph is complete, other than by a failure of the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// A mutex is try-locked: model mutexes as words from the start.
    WordMutexes,
    /// Reference counts matter: model them from the start.
    CountedArcs,
    /// A loop that was taken for a wait gives up: let its rounds repeat so often.
    GivesUp { site: Site, repeated: u32 },
    /// Not the program that was run before.
    Nondeterministic(String),
    /// A limit of the engine.
    Limit(String),
    /// The program asks for what this engine does not do.
    Refused(String),
    /// The recorder gave the execution up.
    Verdict(crate::check::verdict::Verdict),
    /// No place for a write: the graph has no consistent extension here.
    DeadEnd,
}

impl Stop {
    /// Does the search start again in another mode?
    pub fn changes_mode(&self) -> bool {
        matches!(self, Stop::WordMutexes | Stop::CountedArcs | Stop::GivesUp { .. })
    }
}

/// The execution at hand.
#[derive(Default)]
pub struct Exec {
    pub g: Graph,
    pub threads: Vec<Thread>,
    pub info: Vec<Vec<Info>>,
    /// Executed reads by location.
    pub reads: Vec<Vec<EventId>>,
    pub locations: Locations,
    pub queues: Queues,
    pub replaying: bool,
    /// When a failure is shown: the order in which to execute the graph's events, and how far it has come.
    pub guide: Option<(Vec<EventId>, usize)>,
    /// When a failure is shown: where in the log each write stands.
    pub logged: Vec<(EventId, u32)>,
    pub stop: Option<Stop>,
    pub spare: Vec<Fiber>,
}

impl Exec {
    pub fn value(&self, w: EventId, loc: u32) -> u64 {
        if w == INIT { self.locations.initial(loc) } else { self.info[w.t()][w.i()].val }
    }
    #[inline]
    pub fn info(&self, e: EventId) -> &Info {
        &self.info[e.t()][e.i()]
    }
    #[inline]
    pub fn executed(&self, e: EventId) -> bool {
        e == INIT || self.threads.get(e.t()).is_some_and(|t| e.i() < t.pc)
    }
    pub fn msg(&self, w: EventId) -> Option<&Clock> {
        if w == INIT { None } else { self.info(w).msg.as_ref() }
    }

    /// May `t` execute its next stored event now? Always, unless an order is prescribed.
    pub fn take_turn(&mut self, t: usize) -> bool {
        let next = EventId::new(t, self.threads[t].pc);
        match &mut self.guide {
            None => true,
            Some((order, at)) if order.get(*at) == Some(&next) => {
                *at += 1;
                true
            }
            Some(_) => false,
        }
    }

    /// Ends the job.
    pub fn halt(&mut self, s: Stop) {
        self.stop.get_or_insert(s);
    }

    /// Forgets the last execution and takes up the next job. All fibers are idle by now.
    pub fn begin(&mut self, g: Graph) {
        self.g = g;
        for t in &mut self.threads {
            self.spare.extend(t.fiber.take());
        }
        self.threads.clear();
        self.info.iter_mut().for_each(Vec::clear);
        self.reads.iter_mut().for_each(Vec::clear);
        self.queues.clear();
        self.replaying = true;
        self.guide = None;
        self.logged.clear();
        self.stop = None;
    }

    /// A new thread that inherits its parent's clocks.
    pub fn add_thread(&mut self, t: ThreadId, body: Box<dyn FnOnce()>, parent: Option<ThreadId>) {
        let t = t.0 as usize;
        let (porf, hb) = match parent {
            Some(p) => (self.threads[p.0 as usize].porf, self.threads[p.0 as usize].hb),
            None => (Clock::ZERO, Clock::ZERO),
        };
        while self.threads.len() <= t {
            let fiber = self.spare.pop().unwrap_or_else(Fiber::new);
            self.threads.push(Thread {
                handle: fiber.handle(),
                fiber: Some(fiber),
                want: Want::Done,
                started: false,
                pc: 0,
                porf,
                hb,
                pend: Clock::ZERO,
                relf: None,
                half: None,
                served: false,
                go: false,
                held: Vec::new(),
                reads: Vec::new(),
                pure_reads: true,
                waits: Waits::Spin,
                timed: false,
                capped: false,
                waits_begun: 0,
                spurious: Spurious::default(),
                timeouts: Vec::new(),
                rounds: Rounds::default(),
                waits_at: None,
                polls: false,
            });
            self.info.resize_with(self.info.len().max(self.threads.len()), Vec::new);
        }
        if self.g.th.len() <= t {
            self.g.th.resize_with(t + 1, Vec::new);
        }
        let th = &mut self.threads[t];
        (th.want, th.porf, th.hb) = (Want::Go, porf, hb);
        th.fiber.as_mut().expect("an idle thread has a fiber").load(body);
    }

    // ------------------------------------------------------------ executing one event that is in the graph

    /// Advances `t`'s clocks over its next event, `e`.
    fn tick(&mut self, e: EventId, porf: Option<&Clock>, hb: Option<&Clock>) {
        let th = &mut self.threads[e.t()];
        if let Some(c) = porf {
            th.porf.join(c);
        }
        if let Some(c) = hb {
            th.hb.join(c);
        }
        let n = e.i() as u32 + 1;
        th.porf.set(e.t(), n);
        th.hb.set(e.t(), n);
        th.pc = n as usize;
        debug_assert_eq!(self.info[e.t()].len(), e.i());
        self.info[e.t()].push(Info {
            porf: th.porf,
            hb: th.hb,
            msg: None,
            val: 0,
            unlock: INIT,
            depth: 0,
            read: Reading::NONE,
        });
        if e.i() + 2 >= EVENTS_PER_THREAD {
            self.halt(Stop::Limit(format!("{EVENTS_PER_THREAD} events in one thread")));
        }
    }

    /// Executes the read `e`. Says what comes of it; a write half is then due.
    pub fn do_read(&mut self, e: EventId, reading: Reading) -> Effect {
        let ev = *self.g.ev(e);
        let val = self.value(ev.rf, ev.loc);
        let msg = self.msg(ev.rf).copied();
        let porf = (ev.rf != INIT).then(|| self.info(ev.rf).porf);
        self.tick(e, porf.as_ref(), msg.as_ref().filter(|_| ev.order.acquires()));
        if let (Some(m), false, false) = (&msg, ev.order.acquires(), ev.order == Order::Plain) {
            self.threads[e.t()].pend.join(m);
        }
        let effect = reading.update.effect(val, ev.aux, &self.queues);
        let info = &mut self.info[e.t()][e.i()];
        (info.val, info.read) = (val, reading);
        if self.reads.len() <= ev.loc as usize {
            self.reads.resize_with(ev.loc as usize + 1, Vec::new);
        }
        self.reads[ev.loc as usize].push(e);
        effect
    }

    /// Executes the write `e` of `val`; for the write half of an RMW, `source` is what its read read from.
    pub fn do_write(&mut self, e: EventId, val: u64, source: Option<EventId>) {
        let ev = *self.g.ev(e);
        self.tick(e, None, None);
        let th = &self.threads[e.t()];
        let mut msg = match ev.order {
            Order::Plain => None,
            o if o.releases() => Some(th.hb),
            _ => th.relf,
        };
        // Release sequences continue through read-modify-writes only (C++20).
        if let Some(m) = source.and_then(|w| self.msg(w)) {
            match &mut msg {
                Some(own) => own.join(m),
                None => msg = Some(*m),
            }
        }
        let info = &mut self.info[e.t()][e.i()];
        (info.val, info.msg) = (val, msg);
    }

    pub fn do_fence(&mut self, e: EventId) {
        let order = self.g.ev(e).order;
        let pend = self.threads[e.t()].pend;
        self.tick(e, None, order.acquires().then_some(&pend));
        let th = &mut self.threads[e.t()];
        if order.releases() {
            th.relf = Some(th.hb);
        }
    }

    /// Executes an event without clocks of its own: a choice, a spawn.
    pub fn do_plain(&mut self, e: EventId) {
        self.tick(e, None, None);
    }

    pub fn do_join(&mut self, e: EventId, child: usize) {
        let (porf, mut hb) = (self.threads[child].porf, self.threads[child].hb);
        // Its end is no event of its own, yet what it did after its last event is known from here on as well.
        hb.set(child, self.threads[child].pc as u32 + 1);
        self.tick(e, Some(&porf), Some(&hb));
    }

    /// May the lock event `e` be executed: is the section before it closed?
    pub fn section_closed(&self, lock: EventId) -> bool {
        lock == INIT || self.executed(lock) && self.info(lock).unlock != INIT
    }

    pub fn do_lock(&mut self, e: EventId) {
        let ev = *self.g.ev(e);
        let before = if ev.rf == INIT { INIT } else { self.info(ev.rf).unlock };
        let clocks = (before != INIT).then(|| (self.info(before).porf, self.info(before).hb));
        self.tick(e, clocks.as_ref().map(|c| &c.0), clocks.as_ref().map(|c| &c.1));
        self.threads[e.t()].held.push((ev.loc, e));
    }

    /// Executes an unlock, and the lock that waits for just this section to end.
    pub fn do_unlock(&mut self, e: EventId, lock: EventId, depth: u8) {
        let loc = self.g.ev(e).loc;
        self.tick(e, None, None);
        let section = &mut self.info[lock.t()][lock.i()];
        (section.unlock, section.depth) = (e, depth);
        let held = &mut self.threads[e.t()].held;
        held.retain(|h| h.1 != lock);
        let next = self.g.mo(loc).iter().copied().find(|&x| self.g.ev(x).rf == lock && !self.executed(x));
        if let (Some(x), None) = (next, &self.guide) {
            // A thread that is not spawned yet in this re-execution does not wait yet; it finds the section closed.
            let waits = |th: &Thread| th.want == Want::Source && th.pc == x.i() && !th.served;
            if self.threads.get(x.t()).is_some_and(waits) {
                self.do_lock(x);
                self.threads[x.t()].served = true;
            }
        }
    }

    /// Is nobody inside, or queued for, this mutex?
    pub fn mutex_free(&self, loc: u32) -> bool {
        self.section_closed(self.g.mo_last(loc))
    }

    /// The stored event that `t` must execute next, if there is one. It must be of `kind`, at `loc`, and the same in
    /// what `tag` says of it.
    pub fn stored(&mut self, t: usize, kind: Kind, loc: u32, tag: Tag) -> Option<Ev> {
        let pc = self.threads[t].pc;
        let e = *self.g.th[t].get(pc)?;
        if e.kind != kind || e.loc != loc {
            self.halt(Stop::Nondeterministic(format!(
                "operation {pc} of thread {t} was {:?} and is now {kind:?}, or on another object",
                e.kind
            )));
        } else if e.tag != tag {
            self.halt(Stop::Nondeterministic(format!(
                "operation {pc} of thread {t}, a {kind:?}, now has another value, ordering or number of alternatives"
            )));
        }
        Some(e)
    }
}
