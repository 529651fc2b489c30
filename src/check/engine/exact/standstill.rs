//! Nothing can move any more and somebody has not ended: what is wrong, if anything?
//!
//! In this order: a cycle of locks and joins, which is a deadlock whatever everybody else does; a wake-up that nobody is
//! left to give; a poll for what nobody is left to write; and a wait with a timeout that times out for ever and changes
//! nothing. Otherwise the leaf is one that other jobs continue, or that the bound on timeouts cuts off.

use super::exec::{Exec, Waits, Want};
use super::graph::{EventId, INIT, Kind};
use super::job::Worker;
use super::lower::Written;
use super::update::Update;
use crate::check::engine::stuck;
use crate::check::event::ThreadId;
use crate::check::verdict::Kind as Violation;

/// Rounds for which loops around timed waits must repeat themselves. One that counts further is not noticed.
const ROUNDS: usize = 64;

/// Has the blocked thread `t` read the latest values? If not, another job is the execution in which it goes on.
fn reads_latest(x: &Exec, t: usize) -> bool {
    x.threads[t].reads.iter().all(|&r: &EventId| {
        let e = x.g.ev(r);
        e.rf == x.g.mo_last(e.loc)
    })
}

/// Who is inside the lock `loc`, by what is executed.
fn holders(x: &Exec, loc: u32) -> Vec<usize> {
    if x.g.mo(loc).first().is_some_and(|&l| x.g.ev(l).kind == Kind::Lock) {
        let open = |l: &&EventId| x.executed(**l) && x.info(**l).unlock == INIT;
        return x.g.mo(loc).iter().find(open).map(|l| l.t()).into_iter().collect();
    }
    // A word: each thread's acquisitions less its releases.
    let mut inside = vec![0i32; x.threads.len()];
    for &w in x.g.mo(loc).iter().filter(|&&w| x.executed(w)) {
        let takes = x.g.ev(w).ex && {
            let read = x.info(EventId::new(w.t(), w.i() - 1)).read.update;
            !matches!(read, Update::Rmw { .. })
        };
        inside[w.t()] += if takes { 1 } else { -1 };
    }
    if inside.iter().any(|&n| n < 0) {
        return Vec::new(); // it was given back by somebody else: who is inside is not known
    }
    (0..inside.len()).filter(|&t| inside[t] > 0).collect()
}

/// Those for whom `t` waits in front of a lock or to join them; each of them alone holds it up.
fn held_up_by(x: &Exec, t: usize) -> Vec<usize> {
    let th = &x.threads[t];
    match th.want {
        Want::Lock(loc) => holders(x, loc),
        Want::Join(c) => vec![c as usize],
        // It waits for its turn.
        Want::Source => match x.g.th[t].get(th.pc) {
            Some(e) if e.kind == Kind::Lock => holders(x, e.loc),
            _ => Vec::new(),
        },
        Want::Blocked if th.waits == Waits::Lock && !th.timed && reads_latest(x, t) => {
            th.reads.last().map_or(Vec::new(), |&r| holders(x, x.g.ev(r).loc))
        }
        _ => Vec::new(),
    }
}

/// The threads that nothing can set free: each waits for a lock or an end that only others of them could give.
fn locked_out(x: &Exec) -> Vec<usize> {
    let n = x.threads.len();
    let by: Vec<Vec<usize>> = (0..n).map(|t| held_up_by(x, t)).collect();
    // Who has ended with a lock in hand does not give it back.
    let ended = |t: usize| x.threads[t].want == Want::Done;
    let mut out: Vec<usize> = (0..n).collect();
    loop {
        let stays = |&t: &usize| by[t].iter().any(|&o| out.contains(&o) || ended(o));
        let kept: Vec<usize> = out.iter().copied().filter(stays).collect();
        if kept.len() == out.len() {
            return out;
        }
        out = kept;
    }
}

impl Worker {
    /// Reports what is wrong with the standstill at hand, if it is one for ever.
    pub(super) fn standstill(&self) {
        self.overtake_all();
        let x = &self.exact.inner().e.x;
        if let Some(&t) = locked_out(x).first() {
            return self.stands_still(Violation::Deadlock, t, "waits for ever; no thread can move");
        }
        let blocked: Vec<usize> =
            (0..x.threads.len()).filter(|&t| x.threads[t].want == Want::Blocked).collect();
        if blocked.iter().any(|&t| !reads_latest(x, t)) {
            return;
        }
        let (timed, waiting): (Vec<usize>, Vec<usize>) = blocked.iter().partition(|&&t| x.threads[t].timed);
        let waits = |w: Waits| waiting.iter().copied().find(|&t| x.threads[t].waits == w);
        let (kind, t, message) = if let Some(t) = waits(Waits::Wakeup) {
            (Violation::LostWakeup, t, "waits for a wake-up that no one is left to give")
        } else if let Some(t) = waits(Waits::Spin) {
            (Violation::Livelock, t, "polls for a value that no one is left to write")
        } else if let Some(&t) = timed.first() {
            (Violation::Livelock, t, "times out again and again: no one is left to change what it waits for")
        } else {
            let t = x.threads.iter().position(|t| t.want != Want::Done).unwrap_or(0);
            (Violation::Deadlock, t, "waits for ever; no thread can move")
        };
        if self.time_out_for_ever(&timed, &waiting) {
            self.stands_still(kind, t, message);
        }
    }

    fn stands_still(&self, kind: Violation, t: usize, message: &str) {
        let who = stuck::thread_name(&self.run.state(), ThreadId(t as u8));
        self.run.set_me(ThreadId(t as u8));
        self.run.note_failure(None, kind, format!("{who} {message}"), Vec::new());
    }

    /// Do these threads, whose waits have timed out as often as is tried, come back to them however often they time
    /// out once more? They may write what none of those who are `waiting` waits for; if there are none, nothing, and must
    /// read the same each time.
    fn time_out_for_ever(&self, timed: &[usize], waiting: &[usize]) -> bool {
        let capped = |&t: &usize| self.exact.inner().e.x.threads[t].capped;
        if !timed.iter().all(capped) {
            return false; // it times out in another job
        }
        let x = &self.exact.inner().e.x;
        let reads = waiting.iter().flat_map(|&t| &x.threads[t].reads);
        let watched: Vec<u32> = reads.map(|&r| x.g.ev(r).loc).collect();
        let mut written = Written::new();
        let mut before: Vec<Option<Vec<(u8, u32, u64)>>> = vec![None; timed.len()];
        for round in 0..ROUNDS {
            for (n, &t) in timed.iter().enumerate() {
                let seen = self.exact.times_out(t, &mut written);
                if self.over() || seen.is_none() || watched.iter().any(|loc| written.contains_key(loc)) {
                    return false;
                }
                // The first round may begin in the midst of one.
                let alone = waiting.is_empty();
                if alone && (!written.is_empty() || round > 1 && before[n] != seen) {
                    return false;
                }
                before[n] = seen;
            }
        }
        true
    }
}
