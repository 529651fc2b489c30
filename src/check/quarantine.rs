//! An allocator that does not hand out freed memory again before an execution of the exact engine ends.
//!
//! A model that compares pointers compares addresses. The exact engine executes a model many times, each time in
//! another order, and an address that comes back would make equality depend on that order. With frees held back,
//! equal addresses mean the same allocation. The price: ABA by reuse of an address is not found (shuttle and loom
//! do reuse addresses).
//!
//! ```
//! use selvedge::check::Quarantine;
//!
//! #[global_allocator]
//! static ALLOCATOR: Quarantine = Quarantine;
//! ```
//!
//! What is held back keeps its content, but for the objects of the facade that are in it: those are marked, and whoever
//! uses one of them is reported with kind use-after-free. Only executions in which the free comes first show that: a free
//! is no operation, and its place among those of other threads is not explored.
//!
//! Put it into test binaries whose models compare pointers; the `selvedge` command of this project has it. Outside
//! of executions of the exact engine it is the system's allocator.

use super::event::ThreadId;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// The allocator; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Quarantine;

/// A freed block that is held back; lives behind the block's content.
struct Held {
    next: *mut Held,
    /// What was asked for.
    layout: Layout,
}

/// Says of an epoch ([`Run::epoch`](super::run::Run::epoch)) that the object is in freed memory. The 8 bits below it are
/// the thread that freed it; those cut runs short, of which no process has so many.
const FREED: u64 = 1 << 63;
const WHO: u32 = 55;

thread_local! {
    /// Frees are held back on this OS thread.
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
    /// What is held back.
    static HELD: Cell<*mut Held> = const { Cell::new(null_mut()) };
    /// The epoch of the execution at hand, and who runs.
    static NOW: Cell<(u64, u8)> = const { Cell::new((0, 0)) };
}

/// The layout with room for a [`Held`] behind the content, and where that is.
fn roomy(layout: Layout) -> Option<(Layout, usize)> {
    layout.extend(Layout::new::<Held>()).ok()
}

/// The epoch of an object in memory that `who` has freed.
fn freed(epoch: u64, who: u8) -> u64 {
    FREED | u64::from(who) << WHO | epoch & ((1 << WHO) - 1)
}

/// If this is what became of the epoch of an object of the execution `now`: who has freed its memory.
pub(crate) fn freed_by(epoch: u64, now: u64) -> Option<ThreadId> {
    let who = (epoch >> WHO) as u8;
    (epoch & FREED != 0 && epoch == freed(now, who)).then_some(ThreadId(who))
}

/// Marks the objects of the execution at hand that are in a block.
///
/// # Safety
/// The block is free, of this size, and aligned to 8.
unsafe fn mark(block: *mut u8, size: usize) {
    let (epoch, who) = NOW.get();
    if epoch == 0 {
        return;
    }
    for i in 0..size / 8 {
        // SAFETY: within the block, and aligned. Nobody else has it any more. Part of it may never have been written:
        // volatile, so that the compiler takes whatever is there.
        unsafe {
            let word = block.cast::<u64>().add(i);
            if word.read_volatile() == epoch {
                word.write_volatile(freed(epoch, who));
            }
        }
    }
}

// SAFETY: memory comes from and goes to the system's allocator with the same (larger) layout; a block that is
// held back is used by nobody but the list it is in, which belongs to one OS thread.
unsafe impl GlobalAlloc for Quarantine {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((layout, _)) = roomy(layout) else { return null_mut() };
        // SAFETY: the size is not zero: there is room for a `Held`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((whole, at)) = roomy(layout) else { return };
        if ACTIVE.try_with(Cell::get) == Ok(true) {
            // SAFETY: the block is free, and `roomy` made room for a `Held` there, which aligns the whole.
            unsafe {
                mark(block, layout.size());
                let held = block.add(at).cast::<Held>();
                held.write(Held { next: HELD.with(|h| h.replace(held)), layout });
            }
        } else {
            // SAFETY: it was allocated with this layout, above.
            unsafe { System.dealloc(block, whole) };
        }
    }
}

/// What is held back on this OS thread is held back until this is dropped. Frees are held back only while
/// it is the model's [`Turn`].
pub(crate) struct Window(());

impl Window {
    /// From here on.
    pub fn open() -> Window {
        Window(())
    }
    /// In the execution with this epoch.
    pub fn execution(epoch: u64) {
        NOW.set((epoch, 0));
    }
}

/// Whose code runs on this OS thread until this is dropped: the model's, whose frees are held back, or the engine's.
pub(crate) struct Turn(bool);

impl Turn {
    /// The model runs, in its thread `who`.
    pub fn model(who: ThreadId) -> Turn {
        NOW.set((NOW.get().0, who.0));
        Turn(ACTIVE.replace(true))
    }
    /// The engine runs.
    pub fn engine() -> Turn {
        Turn(ACTIVE.replace(false))
    }
    /// Until somebody else's turn ends, which is around this one.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        ACTIVE.set(self.0);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        NOW.set((0, 0));
        let mut next = HELD.replace(null_mut());
        while !next.is_null() {
            // SAFETY: a held block, in no other list; it is read before it is given back.
            let Held { next: after, layout } = unsafe { next.read() };
            if let Some((whole, at)) = roomy(layout) {
                // SAFETY: as it was allocated, `at` bytes before its `Held`.
                unsafe { System.dealloc(next.cast::<u8>().sub(at), whole) };
            }
            next = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the engine frees in the midst of an operation of the model would be hundreds of megabytes.
    #[test]
    fn what_the_engine_frees_is_not_held_back() {
        let layout = Layout::new::<[u64; 8]>();
        // SAFETY: the layout is not empty; the block is nobody else's, and freed with the same layout.
        let free_one = || unsafe { Quarantine.dealloc(Quarantine.alloc(layout), layout) };
        let held = || !HELD.get().is_null();
        let window = Window::open();
        let model = Turn::model(ThreadId(0));
        {
            let _engine = Turn::engine();
            free_one();
            assert!(!held());
        }
        free_one();
        assert!(held(), "what the model frees is");
        drop(model);
        drop(window);
        free_one();
        assert!(!held());
    }
}
