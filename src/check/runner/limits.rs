//! Safety nets around a worker: wall clock and memory. A check that needs them is `inconclusive`, never passed.
//!
//! | budget | wall clock | resident memory |
//! |---|---|---|
//! | quick | 120 s | 1 GiB |
//! | standard | 30 min | 4 GiB |
//! | deep | 4 h | 8 GiB |
//!
//! `SELVEDGE_TIME_SCALE=3` multiplies the times (for slow machines), `SELVEDGE_MEMORY_SCALE=2` the memory. Neither
//! changes what an engine explores, so neither changes a verdict other than `inconclusive`. Memory is watched
//! on Linux only; elsewhere the system's own limits are all there is.

use crate::check::model::Budget;
use std::time::Duration;

/// What a worker may spend.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Wall clock.
    pub time: Duration,
    /// Resident memory, in bytes.
    pub memory: u64,
}

/// Multiplies the wall-clock limits.
pub const TIME_SCALE: &str = "SELVEDGE_TIME_SCALE";
/// Multiplies the memory limits.
pub const MEMORY_SCALE: &str = "SELVEDGE_MEMORY_SCALE";

const GIB: u64 = 1 << 30;

impl Limits {
    /// The limits of `budget`, scaled by the environment; an unreadable scale is an error that says what is right.
    pub fn of(budget: Budget) -> Result<Limits, String> {
        let (seconds, memory) = match budget {
            Budget::Quick => (120.0, GIB),
            Budget::Standard => (1_800.0, 4 * GIB),
            Budget::Deep => (14_400.0, 8 * GIB),
        };
        let time = Duration::from_secs_f64(seconds * scale(TIME_SCALE)?);
        Ok(Limits { time, memory: (memory as f64 * scale(MEMORY_SCALE)?) as u64 })
    }
}

fn scale(name: &str) -> Result<f64, String> {
    let Some(text) = std::env::var_os(name) else { return Ok(1.0) };
    match text.to_str().and_then(|t| t.parse::<f64>().ok()) {
        Some(x) if (0.001..=1000.0).contains(&x) => Ok(x),
        _ => Err(format!("{name} must be a number from 0.001 to 1000, such as 2.5")),
    }
}
