//! One slot of the table: its state word, its value, and the transitions between its states.
//!
//! The word is the whole truth about a slot; whoever wins a change of it wins the race. It is 40 bits of
//! generation, the `OPEN` bit, and 23 bits that count guards:
//!
//! | generation | open | guards | the slot | who may touch the value |
//! |---|---|---|---|---|
//! | 0 | no | 0 | never used | nobody, until it is popped from the free list |
//! | g | yes | n | session g is open | the n guards, shared |
//! | g | no | n > 0 | session g is closed, its value is in use | the n guards (one may be a claim), shared |
//! | g | no | 0 | session g is over | the one thread that made it 0, until it has pushed the slot; then the one thread that pops it, until it opens g + 1. After the last generation it is never pushed: the slot is *retired* |
//!
//! ```text
//!            open                    claim (close, complete)               leave, last guard
//!  {g-1,no,0} ──▶ {g,yes,0} ⇄ {g,yes,n} ──▶ {g,no,n} ──▶ {g,no,n-1} ──▶ … ──▶ {g,no,0}
//!                      share/leave
//! ```
//!
//! The generation never decreases and never repeats while open, so a compare-and-exchange that expects
//! `{g, yes, n}` can only succeed while session g is open, however old the thread's view was.

use super::id::{GENERATION_MAX, SessionId};
use super::outcome::Rejected;
use crate::sync::{AtomicU64, Named, Ordering, Shown, UnsafeCell};
use std::fmt;

const GENERATION_SHIFT: u32 = 24;
const OPEN: u64 = 1 << (GENERATION_SHIFT - 1);
const GUARDS: u64 = OPEN - 1;

/// Guards that may exist on one session at one time.
pub(super) const GUARDS_MAX: u64 = GUARDS;

// The generation of an id and of a word have the same width, so neither can outgrow the other.
static_assertions::const_assert_eq!(GENERATION_MAX, u64::MAX >> GENERATION_SHIFT);

/// A link of the free list in words.
pub(super) fn link(id: u64) -> String {
    SessionId::try_from(id)
        .map_or("none".to_owned(), |id| format!("slot {} g{}", id.index(), id.generation()))
}

/// A value of the state word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    fn opened(generation: u64) -> Word {
        Word(generation << GENERATION_SHIFT | OPEN)
    }
    pub(super) fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT
    }
    pub(super) fn is_open(self) -> bool {
        self.0 & OPEN != 0
    }
    fn guards(self) -> u64 {
        self.0 & GUARDS
    }
    /// Session `generation` is open, or why it is not.
    #[inline]
    fn admits(self, generation: u64) -> Result<(), Rejected> {
        if self.0 & !GUARDS == Word::opened(generation).0 {
            Ok(())
        } else if generation <= self.generation() {
            // It was issued: the generation of the word is the last one opened. It is over, or being closed.
            Err(Rejected::Stale)
        } else {
            Err(Rejected::Vacant)
        }
    }
}

impl fmt::Display for Word {
    /// `g1 open, 1 guard`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.generation() == 0 {
            return f.write_str("never used");
        }
        write!(f, "g{} {}", self.generation(), if self.is_open() { "open" } else { "closed" })?;
        match self.guards() {
            0 => Ok(()),
            1 => f.write_str(", 1 guard"),
            n => write!(f, ", {n} guards"),
        }
    }
}

/// A slot. Alone on its cache line, so that neighbours do not slow each other down.
#[repr(align(64))]
pub(super) struct Slot<T> {
    word: AtomicU64,
    /// While on the free list: the id that lies below this slot's, or 0. See `free_list`.
    pub(super) below: AtomicU64,
    /// `Some` from `open` to `take`. An `Option` although the word says as much: it makes dropping the table
    /// safe code, at the price of one predictable test.
    value: UnsafeCell<Option<T>>,
}

impl<T> Slot<T> {
    /// A slot that was never used.
    pub(super) fn new(index: u32, below: Option<SessionId>) -> Self {
        Slot {
            word: AtomicU64::new(0)
                .named_with(|| format!("slot[{index}].word"))
                .shown(|word| Word(*word).to_string()),
            below: AtomicU64::new(below.map_or(0, u64::from))
                .named_with(|| format!("slot[{index}].below"))
                .shown(|id| link(*id)),
            value: UnsafeCell::new(None).named_with(|| format!("slot[{index}].value")),
        }
    }

    /// What the word says at the moment: a hint, for iteration and `Debug`.
    pub(super) fn glance(&self) -> Word {
        // Relaxed: nothing is concluded from it; whoever wants the value goes through `share`.
        Word(self.word.load(Ordering::Relaxed))
    }

    /// Puts `value` into the slot and opens session `generation`.
    ///
    /// # Safety
    /// The caller has popped this slot, with this generation, from the free list and has not opened it yet.
    #[inline]
    pub(super) unsafe fn open(&self, generation: u64, value: T) {
        // SAFETY: the caller popped the slot, and a slot is on the free list once, so no one else fills it. No
        // guard exists: the slot was pushed by the thread that made the count 0, and no count rises while the
        // word is closed. That thread is done with the value: its push happens before our pop.
        self.value.with_mut(|v| unsafe { *v = Some(value) });
        // Release: pairs with the Acquire of `share` and `claim`; makes the value visible to whoever gets in.
        // A plain store is enough: a closed word without guards is changed by the slot's owner alone.
        self.word.store(Word::opened(generation).0, Ordering::Release);
    }

    /// Adds a guard, if session `generation` is open. A refusal writes nothing and is decided by the word alone.
    ///
    /// # Panics
    /// When the session has [`GUARDS_MAX`] guards already.
    #[inline]
    pub(super) fn share(&self, generation: u64) -> Result<(), Rejected> {
        self.enter(generation, |word| {
            assert!(word.guards() < GUARDS_MAX, "more than {GUARDS_MAX} guards on one session");
            Word(word.0 + 1)
        })?;
        Ok(())
    }

    /// Closes session `generation` for everybody else. `Ok(true)`: no guard is left, the caller owns the slot.
    #[inline]
    pub(super) fn close(&self, generation: u64) -> Result<bool, Rejected> {
        let closed = self.enter(generation, |word| Word(word.0 & !OPEN))?;
        Ok(closed.guards() == 0)
    }

    /// Closes session `generation` for everybody else and keeps a guard on it, in one step.
    ///
    /// # Panics
    /// As [`Slot::share`].
    #[inline]
    pub(super) fn claim(&self, generation: u64) -> Result<(), Rejected> {
        self.enter(generation, |word| {
            assert!(word.guards() < GUARDS_MAX, "more than {GUARDS_MAX} guards on one session");
            Word((word.0 & !OPEN) + 1)
        })?;
        Ok(())
    }

    /// Replaces the word of the open session `generation`; of several attempts on one word exactly one succeeds.
    #[inline]
    fn enter(&self, generation: u64, next: impl Fn(Word) -> Word) -> Result<Word, Rejected> {
        // Relaxed: a refusal promises nothing about memory, and success is decided by the exchange below. Should
        // the caller's id have reached it through a happens-before edge, coherence alone shows it the opening.
        let mut word = Word(self.word.load(Ordering::Relaxed));
        loop {
            word.admits(generation)?;
            let new = next(word);
            // Acquire: pairs with the Release of `open`, directly or through the release sequence of the
            // exchanges and subtractions since; makes the value visible. It also pairs with the Release half of
            // `leave`: the closer that finds no guard left destroys what those guards read.
            // Strong: a failure then means that someone else moved on, so the loop is bounded by the others'
            // progress, under a checker as well.
            match self.word.compare_exchange(word.0, new.0, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Ok(new),
                Err(now) => word = Word(now),
            }
        }
    }

    /// Drops a guard. `true`: the session was closed and this was the last one, so the caller owns the slot.
    #[inline]
    pub(super) fn leave(&self) -> bool {
        // Release: pairs with the Acquire half of the last guard's `leave`, or with the Acquire of the closer that
        // finds none left: our use of the value happens before its destruction.
        // Acquire: if we are the last, pairs with the Release half of every other guard's `leave`.
        let before = Word(self.word.fetch_sub(1, Ordering::AcqRel));
        !before.is_open() && before.guards() == 1
    }

    /// Drops a claim if it is the only guard left. `true`: it was, and the caller owns the slot.
    #[inline]
    pub(super) fn leave_if_last(&self, generation: u64) -> bool {
        let alone = generation << GENERATION_SHIFT | 1;
        // Acquire: pairs with the Release half of every other guard's `leave`; their use of the value is over.
        self.word.compare_exchange(alone, alone - 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// The value, by a guard.
    ///
    /// # Safety
    /// The caller holds a guard on this slot for as long as it uses the reference.
    #[inline]
    pub(super) unsafe fn value(&self) -> &T {
        // SAFETY: the caller's guard keeps the count above 0. Only the owner of a slot writes the value, and a slot
        // has an owner only while its count is 0. The opener's write happens before: the guard was taken with
        // Acquire.
        let value = self.value.with(|v| unsafe { &*v });
        value.as_ref().expect("a guarded slot holds a value")
    }

    /// Takes the value out, to be destroyed or handed on.
    ///
    /// # Safety
    /// The caller owns the slot (`close`, `leave` or `leave_if_last` said so) and has not pushed it yet.
    #[inline]
    pub(super) unsafe fn take(&self) -> Option<T> {
        // SAFETY: the word is closed and without guards, so no guard can arise and none exists; the caller is the
        // one thread that brought it there, and no opener can pop the slot before it is pushed.
        self.value.with_mut(|v| unsafe { (*v).take() })
    }
}
