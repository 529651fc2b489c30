//! Hints of the production form.

pub use std::hint::spin_loop;

/// Spins until `condition` holds: briefly on the processor, then giving it away between attempts.
#[inline]
pub fn spin_until(mut condition: impl FnMut() -> bool) {
    let mut failed = 0u32;
    while !condition() {
        if failed < 64 {
            failed += 1;
            spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}
