//! Fusion MPT driver: the interrupt handler and the error handler take the same command from its slot, with no lock in
//! common.
//!
#![doc = include_str!("unlocked_slot.md")]

use super::clean_on_one_cpu;
use selvedge::check::{
    EngineKind, Expect, Grade, Kind, Model, Variant, always, interrupt, masked, note, sometimes,
    violated_unless,
};
use selvedge::claim::{Ending, PendingCalls};
use selvedge::serial::Serial;
use selvedge::sync::{Arc, AtomicBool, AtomicU32, Named, Ordering};
use std::marker::PhantomData;

/// The one command that the adapter has, used again when it is completed: its lives are numbered.
///
/// | field | starts as | changed by |
/// |---|---|---|
/// | `life` | 0 | whoever issues it, to the number of this life |
/// | `completions[n]` | 0 | whoever completes life n + 1, by one |
struct Command {
    life: AtomicU32,
    completions: [AtomicU32; 2],
}

impl Command {
    fn new() -> Self {
        let count = |n| AtomicU32::new(0).named_with(|| format!("completions of life {n}"));
        Command { life: AtomicU32::new(0).named("command.life"), completions: [1, 2].map(count) }
    }

    /// Completes the command, for what was issued as life `issued`.
    fn complete(&self, issued: u32) {
        note(|| format!("completes life {issued}"));
        let life = self.life.load(Ordering::SeqCst);
        always("own-life", life == issued, || {
            format!("what is done for life {issued} completes life {life} of the command")
        });
        let before = self.completions[life as usize - 1].fetch_add(1, Ordering::SeqCst);
        violated_unless("completes-once", Kind::DoubleCompletion, before == 0, || {
            format!("life {life} of the command is completed a second time")
        });
    }
}

/// The seam: how the driver finds the command of a reply, and who may complete it.
trait Lookup: Send + Sync + 'static {
    /// What travels to the adapter and comes back with the reply.
    type Token: Copy + Send + 'static;
    fn new() -> Self;
    /// The command is put where a reply will look for it.
    fn issue(&self) -> Self::Token;
    /// Takes the command, for a reply or an abort. Whoever gets it completes it.
    fn take(&self, token: Self::Token, ending: Ending) -> bool;
}

struct Adapter<L> {
    lookup: L,
    command: Command,
    /// The reply to life 1 has come and nobody has picked it up. Flushed by the abort: the adapter answers no more then.
    reply: AtomicBool,
}

impl<L: Lookup> Adapter<L> {
    fn issue(&self, life: u32) -> L::Token {
        note(|| format!("issues life {life}"));
        self.command.life.store(life, Ordering::SeqCst);
        self.lookup.issue()
    }

    /// `io_done`, in the interrupt; whether it has completed the command.
    fn reply(&self, token: L::Token) -> bool {
        note(|| "reply to life 1".to_owned());
        if !self.reply.swap(false, Ordering::SeqCst) {
            return false;
        }
        let taken = self.lookup.take(token, Ending::Reply);
        if taken {
            self.command.complete(1);
        }
        taken
    }

    /// The error handler's side: with interrupts masked, it stops the adapter and takes the command.
    fn abort(&self, token: L::Token) -> bool {
        let taken = masked(|| {
            note(|| "abort".to_owned());
            self.reply.store(false, Ordering::SeqCst);
            self.lookup.take(token, Ending::Abort)
        });
        if taken {
            self.command.complete(1);
        }
        taken
    }
}

/// The command is issued and aborted while its reply comes in. With two lives it is then issued again, and answered.
fn scenario<L: Lookup>(lives: u32) -> &'static str {
    let reply = AtomicBool::new(true).named("reply");
    let adapter = Arc::new(Adapter { lookup: L::new(), command: Command::new(), reply });
    let first = adapter.issue(1);
    let handler = {
        let adapter = adapter.clone();
        interrupt(move || adapter.reply(first))
    };
    let aborted = adapter.abort(first);
    let second = (aborted && lives > 1).then(|| adapter.issue(2));
    let answered = handler.join().unwrap();
    if let Some(second) = second
        && adapter.lookup.take(second, Ending::Reply)
    {
        adapter.command.complete(2);
    }
    for life in 1..=1 + u32::from(second.is_some()) {
        let n = adapter.command.completions[life as usize - 1].load(Ordering::SeqCst);
        always("none-lost", n > 0, || format!("life {life} of the command was never completed"));
    }
    sometimes("reply-wins", answered);
    sometimes("abort-wins", aborted);
    if aborted { "aborted" } else { "answered" }
}

/// The table `ScsiLookup`, with one slot: 0, or the address of the frame, which depends on the index alone. `SeqCst`: not
/// the order of single accesses is at fault.
///
/// | field | starts as | set by | cleared by |
/// |---|---|---|---|
/// | `slot` | 0 | `issue` | whoever takes the command |
/// | `scribble` | 0 | `issue`, to the frame that the command was given | |
/// | `timer` | false | `issue` | who wins it, if the rule asks for that |
struct Slot<R> {
    slot: AtomicU32,
    scribble: AtomicU32,
    timer: AtomicBool,
    rule: PhantomData<R>,
}

const FRAME: u32 = 0x80;

trait Rule: Send + Sync + 'static {
    const COMPARES_FRAME: bool = false;
    const DELETES_TIMER: bool = false;
    const CLEARS_FIRST: bool = false;
}

struct ReadThenNull;
impl Rule for ReadThenNull {}

struct CompareFrame;
impl Rule for CompareFrame {
    /// BUG: every command in this slot has this frame.
    const COMPARES_FRAME: bool = true;
}

struct TimerArbiter;
impl Rule for TimerArbiter {
    /// BUG: the timer belongs to the command, and so to its next life too.
    const DELETES_TIMER: bool = true;
}

/// Of no variant: nobody finds the command.
struct ClearsFirst;
impl Rule for ClearsFirst {
    const CLEARS_FIRST: bool = true;
}

impl<R: Rule> Lookup for Slot<R> {
    type Token = ();

    fn new() -> Self {
        Slot {
            slot: AtomicU32::new(0).named("slot"),
            scribble: AtomicU32::new(0).named("scribble"),
            timer: AtomicBool::new(false).named("timer"),
            rule: PhantomData,
        }
    }

    fn issue(&self) {
        if R::DELETES_TIMER {
            self.timer.store(true, Ordering::SeqCst);
        }
        if R::COMPARES_FRAME {
            self.scribble.store(FRAME, Ordering::SeqCst);
        }
        self.slot.store(FRAME, Ordering::SeqCst);
    }

    fn take(&self, (): (), _: Ending) -> bool {
        note(|| "takes it".to_owned());
        if R::CLEARS_FIRST {
            self.slot.store(0, Ordering::SeqCst);
        }
        let found = self.slot.load(Ordering::SeqCst);
        // BUG: to read the slot and to clear it are two steps; another processor finds the command in between.
        self.slot.store(0, Ordering::SeqCst);
        found != 0
            && (!R::COMPARES_FRAME || found == self.scribble.load(Ordering::SeqCst))
            && (!R::DELETES_TIMER || self.timer.swap(false, Ordering::SeqCst))
    }
}

/// Fix: the command is found by the serial it was issued with, and of all who claim it one succeeds.
impl Lookup for PendingCalls<()> {
    type Token = Serial;

    fn new() -> Self {
        PendingCalls::new(1).expect("room for one")
    }

    fn issue(&self) -> Serial {
        self.register(()).expect("the last life is over")
    }

    fn take(&self, serial: Serial, ending: Ending) -> bool {
        self.claim(serial, ending).is_ok()
    }
}

/// The model.
pub fn model() -> Model {
    const TWICE: (&str, Kind) = ("completes-once", Kind::DoubleCompletion);
    const STALE: (&str, Kind) = ("own-life", Kind::Assertion);
    const LOST: (&str, Kind) = ("none-lost", Kind::Assertion);
    Model::new("unlocked_slot", "a reply and an abort take the same command from its slot, and both complete it")
        .incident("003")
        .lesson(include_str!("unlocked_slot.md"))
        .always("completes-once", "each life of a command is completed once")
        .always("own-life", "a reply or abort never acts on a later life of its slot")
        .always("none-lost", "each life of a command is completed")
        .sometimes("reply-wins", "the reply completes the command")
        .sometimes("abort-wins", "the abort completes the command")
        .outcome("answered", Grade::Acceptable, "the reply completes the command")
        .outcome("aborted", Grade::Acceptable, "the abort completes it")
        .variant(clean_on_one_cpu(
            Variant::buggy("read_then_null", || scenario::<Slot<ReadThenNull>>(1), &[TWICE])
                .about("both sides read the slot and then clear it, with no lock in common"),
        ))
        .variant(clean_on_one_cpu(
            Variant::wrong_fix("compare_frame", || scenario::<Slot<CompareFrame>>(1), &[TWICE]).about(
                "looks right because a slot that has been given to another command would hold another frame; the frame of a \
                 slot is always the same",
            ),
        ))
        .variant(clean_on_one_cpu(
            Variant::wrong_fix("timer_arbiter", || scenario::<Slot<TimerArbiter>>(2), &[STALE, LOST])
                .about(
                    "looks right because only whoever deletes the command's timer completes it; whoever comes late deletes \
                     the timer of its next life",
                )
                .expect(EngineKind::Loom, Expect::found(&[STALE]))
                .expect(EngineKind::Exact, Expect::found(&[STALE])),
        ))
        .variant(clean_on_one_cpu(
            Variant::fixed("claim_token", || scenario::<PendingCalls<()>>(2))
                .about("PendingCalls: compare and claim are one exchange, on the serial of this life"),
        ))
        .falsifier(
            "none-lost",
            Kind::Assertion,
            || scenario::<Slot<ClearsFirst>>(1),
            "whoever takes the command clears the slot before reading it",
        )
}
