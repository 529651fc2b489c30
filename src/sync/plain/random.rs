//! `choose` of the production form: a small pseudo-random generator per thread.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(std::thread::current().id()));
}

/// A number in `0..n`, pseudo-random and good enough for back-off and sampling, not for secrets. Panics if `n`
/// is 0.
#[inline]
pub fn choose(n: u32) -> u32 {
    assert!(n > 0, "choose(0): there is nothing to choose from");
    // splitmix64 (Steele, Lea, Flood, OOPSLA 2014), then Lemire's multiply-shift into the range.
    let mut z = STATE.with(|s| {
        s.set(s.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        s.get()
    });
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (((z >> 32) * u64::from(n)) >> 32) as u32
}

/// Makes the choices of this OS thread a function of `seed`.
#[cfg(any(feature = "check", loom, shuttle))]
pub(crate) fn reseed(seed: u64) {
    STATE.with(|s| s.set(seed));
}
