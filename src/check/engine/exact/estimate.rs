//! How large is a search? Random walks down the tree of jobs: at each job one of its children is taken, each with the
//! same probability, and the executions met are weighted with the inverse (Knuth, Math. Comp. 29, 1975). Unbiased, but
//! very skewed: a hint for people, never a result.

use super::graph::Graph;
use super::job::{End, Worker};
use crate::check::engine::{PROGRESS, Progress};
use std::time::{Duration, Instant};

/// Walks of one estimate.
const WALKS: u32 = 48;

/// When progress is told: after some time, then now and then.
pub struct Clock {
    began: Instant,
    next: Instant,
    estimate: Option<f64>,
    random: u64,
}

impl Clock {
    pub fn new(seed: u64) -> Self {
        let began = Instant::now();
        Clock { began, next: began + Duration::from_secs(1), estimate: None, random: seed | 1 }
    }

    /// Tells, if somebody listens and it is time. `executions`: so far.
    pub fn tell(&mut self, w: &mut Worker, executions: u64) {
        let Some(tell) = PROGRESS.get() else { return };
        if Instant::now() < self.next {
            return;
        }
        let estimate = *self.estimate.get_or_insert_with(|| {
            let walks: f64 = (0..WALKS).map(|_| walk(w, &mut self.random)).sum();
            walks / WALKS as f64
        });
        let rate = executions as f64 / self.began.elapsed().as_secs_f64();
        tell(Progress { executions, estimate: Some(estimate), rate });
        self.next = Instant::now() + Duration::from_millis(250);
    }
}

/// One walk: an estimate of the executions in all.
fn walk(w: &mut Worker, random: &mut u64) -> f64 {
    let (mut g, mut weight, mut executions) = (Graph::root(), 1.0, 0.0);
    let steps = w.run.state().steps;
    w.counts = false;
    loop {
        if let End::Leaf { complete: true } = w.run_job(g) {
            executions += weight;
        }
        let mut children = w.children(&[]);
        if children.is_empty() {
            break;
        }
        weight *= children.len() as f64;
        // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
        *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *random;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        g = children.swap_remove((z ^ z >> 31) as usize % children.len());
    }
    w.run.state().steps = steps;
    executions
}
