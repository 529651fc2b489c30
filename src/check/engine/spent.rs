//! What a part of an engine's work costs: wall clock, and processor time, which says more on a busy machine.

use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What something took.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Spent {
    /// By the clock on the wall.
    pub seconds: f64,
    /// Of the processors, by the whole process; `None` where the platform does not say.
    pub processor: Option<f64>,
}

impl Spent {
    /// What `work` took, with its result.
    pub fn on<T>(work: impl FnOnce() -> T) -> (T, Spent) {
        let (start, before) = (Instant::now(), processor());
        let done = work();
        let seconds = start.elapsed().as_secs_f64();
        (done, Spent { seconds, processor: processor().zip(before).map(|(after, before)| after - before) })
    }
}

#[cfg(unix)]
fn processor() -> Option<f64> {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes into `t` alone, which is this thread's own and lives until it returns.
    let known = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) } == 0;
    known.then(|| t.tv_sec as f64 + t.tv_nsec as f64 / 1e9)
}

#[cfg(not(unix))]
fn processor() -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use super::Spent;

    #[test]
    fn waiting_costs_no_processor() {
        let ((), spent) = Spent::on(|| std::thread::sleep(std::time::Duration::from_millis(20)));
        assert!(spent.seconds >= 0.02);
        // Other tests of this process run beside it, so this says no more than that it is a time.
        assert!(spent.processor.is_none_or(|p| p >= 0.0));
    }
}
