//! `SessionTable` in miniature, with one [`Defect`] at a time. It follows `src/session_table/slot.rs` and
//! `free_list.rs` step by step; the state tables there hold here too, with 8 bits of index.

use super::{Session, Table};
use selvedge::check::note;
use selvedge::sync::{AtomicU64, Named, Ordering, Shown, UnsafeCell};
use std::marker::PhantomData;

/// What a broken table does otherwise. Each constant is right by default; a variant changes one.
pub trait Defect: Send + Sync + 'static {
    /// How `open` publishes the value.
    const PUBLISH: Ordering = Ordering::Release;
    /// How a guard or closer gets in.
    const ENTER: Ordering = Ordering::Acquire;
    /// How a guard leaves.
    const LEAVE: Ordering = Ordering::AcqRel;
    /// How a claim that is alone takes the value over.
    const TAKE_OVER: Ordering = Ordering::Acquire;
    /// How the top of the free list is read.
    const POP: Ordering = Ordering::Acquire;
    /// How it is read again, by an exchange that failed.
    const POP_AGAIN: Ordering = Ordering::Acquire;
    /// How a free slot is put back.
    const PUSH: Ordering = Ordering::Release;
    /// The word is changed by an exchange, not by a load and a store.
    const EXCHANGE: bool = true;
    /// Guards are counted.
    const GUARDS_COUNT: bool = true;
    /// The free list names slots by the ids that they will have, not by their index.
    const FREE_LIST_OF_IDS: bool = true;
    /// A slot whose generations are spent is retired, not begun again.
    const RETIRE: bool = true;
    /// Sessions that a slot holds beyond its generations.
    const BEYOND: u64 = 0;
    /// The generation of an id is compared before the word is changed.
    const COMPARES: bool = true;
    /// And again where the word has changed meanwhile.
    const COMPARES_AGAIN: bool = true;
    /// Values are read while their session is open.
    const OPEN_ONLY: bool = true;
    /// A close is seen in the word.
    const CLOSES: bool = true;
    /// A close of what is closed already fails.
    const CLOSES_ONCE: bool = true;
    /// A value is destroyed when its slot is vacated, not when that is filled again.
    const DESTROYS: bool = true;
    /// How often an iteration comes by each slot.
    const PASSES: usize = 1;
}

/// No defect: shows that the miniature itself is sound.
pub struct Sound;
impl Defect for Sound {}

const SHIFT: u32 = 8;
const OPEN: u64 = 1 << (SHIFT - 1);
const GUARDS: u64 = OPEN - 1;

struct Slot {
    word: AtomicU64,
    below: AtomicU64,
    value: UnsafeCell<Option<Session>>,
}

/// A word as its parts say it: `g1 open, 1 guard`.
fn word(word: &u64) -> String {
    let guards = match word & GUARDS {
        0 => String::new(),
        1 => ", 1 guard".to_owned(),
        n => format!(", {n} guards"),
    };
    match word >> SHIFT {
        0 => "never used".to_owned(),
        g => format!("g{g} {}{guards}", if word & OPEN == 0 { "closed" } else { "open" }),
    }
}

/// A link of the free list: the slot, and with ids the generation that it will have.
fn link<D: Defect>(link: &u64) -> String {
    match link {
        0 => "none".to_owned(),
        id if D::FREE_LIST_OF_IDS => format!("slot {} g{}", id & 0xff, id >> SHIFT),
        number => format!("slot {}", number - 1),
    }
}

/// The table.
pub struct Miniature<D> {
    slots: Vec<Slot>,
    head: AtomicU64,
    retired: AtomicU64,
    generations: u64,
    defect: PhantomData<D>,
}

// SAFETY: as for `SessionTable`: access to the values is ordered by the state words. In a defective variant it is
// not, which is the point; the checker sees the access before it happens.
unsafe impl<D> Sync for Miniature<D> {}

impl<D: Defect> Miniature<D> {
    fn slot_of(&self, id: u64) -> &Slot {
        &self.slots[(id & 0xff) as usize]
    }

    /// How the free list names the slot that `id` will open.
    fn link(id: u64) -> u64 {
        if D::FREE_LIST_OF_IDS {
            id
        } else {
            // BUG: the same slot has the same name every time it is free.
            (id & 0xff) + 1
        }
    }

    fn pop(&self) -> Option<u64> {
        let mut head = self.head.load(D::POP);
        while head != 0 {
            let index = if D::FREE_LIST_OF_IDS { head & 0xff } else { head - 1 };
            let slot = &self.slots[index as usize];
            let under = slot.below.load(Ordering::Relaxed);
            // What was read of the slot was ordered by the load: only bare numbers may succeed with a later write.
            let taken = if D::FREE_LIST_OF_IDS { Ordering::Relaxed } else { Ordering::Acquire };
            match self.head.compare_exchange(head, under, taken, D::POP_AGAIN) {
                Ok(_) if D::FREE_LIST_OF_IDS => return Some(head),
                Ok(_) => return Some(((slot.word.load(Ordering::Relaxed) >> SHIFT) + 1) << SHIFT | index),
                Err(now) => head = now,
            }
        }
        None
    }

    fn push(&self, id: u64) {
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            self.slot_of(id).below.store(head, Ordering::Relaxed);
            // Nothing else is put back with its first generation.
            if id >> SHIFT == 1 {
                note(|| "begins the generations of the slot again".to_owned());
            }
            match self.head.compare_exchange(head, Self::link(id), D::PUSH, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Changes the word of the open session `id`; the word that results.
    fn enter(&self, id: u64, next: impl Fn(u64) -> u64) -> Option<u64> {
        let word = &self.slot_of(id).word;
        let mut seen = word.load(Ordering::Relaxed);
        let mut compares = D::COMPARES;
        while seen & OPEN != 0 && (seen >> SHIFT == id >> SHIFT || !compares) {
            if !D::EXCHANGE {
                // BUG: the word may have changed since it was loaded.
                word.store(next(seen), Ordering::Release);
                return Some(next(seen));
            }
            match word.compare_exchange(seen, next(seen), D::ENTER, Ordering::Relaxed) {
                Ok(_) => return Some(next(seen)),
                Err(now) => seen = now,
            }
            compares = D::COMPARES_AGAIN;
        }
        None
    }

    /// Whether a guard on `id` was added.
    fn share(&self, id: u64) -> bool {
        if !D::GUARDS_COUNT {
            // BUG: nobody knows of this guard.
            return self.slot_of(id).word.load(Ordering::Acquire) & !GUARDS == id >> SHIFT << SHIFT | OPEN;
        }
        self.enter(id, |word| word + 1).is_some()
    }

    /// Drops a guard; the last one of a closed session vacates the slot.
    fn leave(&self, id: u64) {
        if D::GUARDS_COUNT {
            let before = self.slot_of(id).word.fetch_sub(1, D::LEAVE);
            if before & (OPEN | GUARDS) == 1 {
                self.vacate(id);
            }
        }
    }

    fn vacate(&self, id: u64) {
        // SAFETY: the caller made the word closed and unguarded, so nobody else has access to the value; in a
        // defective variant somebody has, and the checker stops the execution here.
        let value = D::DESTROYS.then(|| self.slot_of(id).value.with_mut(|v| unsafe { (*v).take() }));
        if id >> SHIFT < self.generations + D::BEYOND {
            self.push(id + (1 << SHIFT));
        } else if D::RETIRE {
            self.retired.fetch_add(1, Ordering::Relaxed);
        } else {
            // BUG: generation 1 of this slot has been issued before.
            self.push(1 << SHIFT | id & 0xff);
        }
        drop(value);
    }

    fn name(&self, id: u64) -> u32 {
        // SAFETY: the caller has a guard, so the value stays; in a defective variant it may not, and the checker stops
        // the execution here.
        self.slot_of(id).value.with(|v| unsafe { (*v).as_ref().map_or(0, |session| session.name) })
    }
}

impl<D: Defect> Table for Miniature<D> {
    type Id = u64;

    fn shown(id: u64) -> String {
        format!("slot {} g{}", id & 0xff, id >> SHIFT)
    }

    fn new(capacity: usize, generations: u64) -> Self {
        let first = |index: usize| if index < capacity { Self::link(1 << SHIFT | index as u64) } else { 0 };
        let slot = |index| Slot {
            word: AtomicU64::new(0).named_with(|| format!("slot[{index}].word")).shown(word),
            below: AtomicU64::new(first(index + 1))
                .named_with(|| format!("slot[{index}].below"))
                .shown(link::<D>),
            value: UnsafeCell::new(None).named_with(|| format!("slot[{index}].value")),
        };
        Miniature {
            slots: (0..capacity).map(slot).collect(),
            head: AtomicU64::new(first(0)).named("free.head").shown(link::<D>),
            retired: AtomicU64::new(0).named("retired"),
            generations,
            defect: PhantomData,
        }
    }

    fn open(&self, session: Session) -> Option<u64> {
        let id = self.pop()?;
        let slot = self.slot_of(id);
        // SAFETY: the caller popped the slot, so it is the only one who fills it; in a defective variant it may not be,
        // and the checker stops the execution here.
        slot.value.with_mut(|v| unsafe { *v = Some(session) });
        slot.word.store(id >> SHIFT << SHIFT | OPEN, D::PUBLISH);
        Some(id)
    }

    fn close(&self, id: u64) -> bool {
        if !D::CLOSES {
            return self.enter(id, |word| word).is_some();
        }
        let Some(closed) = self.enter(id, |word| word & !OPEN) else { return !D::CLOSES_ONCE };
        if closed & GUARDS == 0 {
            self.vacate(id);
        }
        true
    }

    fn complete(&self, id: u64) -> bool {
        let claimed = self.enter(id, |word| (word & !OPEN) + 1).is_some();
        if claimed {
            let alone = id >> SHIFT << SHIFT | 1;
            let word = &self.slot_of(id).word;
            match word.compare_exchange(alone, alone - 1, D::TAKE_OVER, Ordering::Relaxed) {
                Ok(_) => self.vacate(id),
                Err(_) => self.leave(id),
            }
        }
        claimed
    }

    fn visit(&self, id: u64) -> Option<u32> {
        if !D::OPEN_ONLY {
            return Some(self.name(id));
        }
        self.share(id).then(|| {
            let name = self.name(id);
            self.leave(id);
            name
        })
    }

    fn visit_all(&self) -> Vec<(u64, u32)> {
        let open = |index: usize| {
            let word = self.slots[index].word.load(Ordering::Relaxed);
            let id = word >> SHIFT << SHIFT | index as u64;
            (word & OPEN != 0).then(|| self.visit(id)).flatten().map(|name| (id, name))
        };
        (0..self.slots.len() * D::PASSES).map(|at| at % self.slots.len()).filter_map(open).collect()
    }

    fn slot(id: u64) -> usize {
        (id & 0xff) as usize
    }

    fn retired(&self) -> u64 {
        self.retired.load(Ordering::Relaxed)
    }
}
