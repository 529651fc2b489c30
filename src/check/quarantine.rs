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
//! Put it into test binaries whose models compare pointers; the `selvedge` command of this project has it. Outside
//! of executions of the exact engine it is the system's allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

/// The allocator; see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct Quarantine;

/// A freed block that is held back; lives in the block itself.
struct Held {
    next: *mut Held,
    layout: Layout,
}

thread_local! {
    /// Frees are held back on this OS thread.
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
    /// What is held back.
    static HELD: Cell<*mut Held> = const { Cell::new(null_mut()) };
}

/// Every block can hold a [`Held`].
fn roomy(layout: Layout) -> Layout {
    let size = layout.size().max(size_of::<Held>());
    let align = layout.align().max(align_of::<Held>());
    // Only a layout that is itself impossible cannot be rounded up.
    Layout::from_size_align(size, align).unwrap_or(layout)
}

// SAFETY: memory comes from and goes to the system's allocator with the same (rounded up) layout; a block that is
// held back is used by nobody but the list it is in, which belongs to one OS thread.
unsafe impl GlobalAlloc for Quarantine {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise: the size is not zero.
        unsafe { System.alloc(roomy(layout)) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let layout = roomy(layout);
        if ACTIVE.try_with(Cell::get) == Ok(true) {
            let held = block.cast::<Held>();
            let next = HELD.with(|h| h.replace(held));
            // SAFETY: the block is free, and `roomy` made it large and aligned enough.
            unsafe { held.write(Held { next, layout }) };
        } else {
            // SAFETY: it was allocated with this layout, above.
            unsafe { System.dealloc(block, layout) };
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
}

/// Whose code runs on this OS thread until this is dropped: the model's, whose frees are held back, or the engine's.
pub(crate) struct Turn(bool);

impl Turn {
    /// The model runs.
    pub fn model() -> Turn {
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
        let mut next = HELD.replace(null_mut());
        while !next.is_null() {
            // SAFETY: a held block, in no other list; it is read before it is given back with its own layout.
            let Held { next: after, layout } = unsafe { next.read() };
            // SAFETY: as above.
            unsafe { System.dealloc(next.cast(), layout) };
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
        let model = Turn::model();
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
