//! Progress, as scenarios state it: what repeats ([`fingerprint`]), and what must be reached soon ([`eventually`]).

use super::engine::native;
use super::event::ThreadId;
use super::property::violated_unless;
use super::run::{Run, Site, current};
use super::verdict::Kind;
use std::hash::{Hash, Hasher};
use std::panic::Location;

/// Declares, at the head of a loop, all that the acting thread carries from one turn to the next and that is in no atomic:
/// local variables, and what it has read of plain data behind locks and cells.
///
/// If the visible state, the positions of all threads and these fingerprints come back, the program can do the same again
/// for ever: shuttle then reports a livelock that *repeats*, with the cycle, where it would go on to a step limit. A loop
/// that makes progress must change its fingerprint, or an atomic; a fingerprint that leaves something out makes a false
/// alarm. Threads that declare nothing never repeat. `hint::spin_until` needs no fingerprint.
///
/// ```
/// # use selvedge::{check, sync::{AtomicBool, Ordering, thread}};
/// fn after_you(mine: &AtomicBool, yours: &AtomicBool, tries: u32) -> bool {
///     for n in 0..tries {
///         check::fingerprint(n); // it counts: no two turns are alike
///         mine.store(true, Ordering::SeqCst);
///         if !yours.load(Ordering::SeqCst) {
///             return true;
///         }
///         mine.store(false, Ordering::SeqCst);
///         thread::yield_now();
///     }
///     false
/// }
/// assert!(after_you(&AtomicBool::new(false), &AtomicBool::new(false), 1));
/// ```
#[track_caller]
pub fn fingerprint(own: impl Hash) {
    if let Some(run) = current() {
        let mut digest = Digest::default();
        (Location::caller(), own).hash(&mut digest);
        run.engine().declared(run.me(), digest);
    }
}

/// From here on, [`reached`](Eventually::reached) must be called within `rounds` rounds; then the property `name` holds.
///
/// In a *round*, everybody who could go on when it began has gone on, or can no longer. So rounds count steps of a fair
/// scheduler: a thread that is never given a turn breaks no promise of progress. shuttle counts rounds; the other engines
/// find only executions that end, or come to a standstill, without having got there.
///
/// Violations have kind `livelock`; `assertion` if the promise is dropped unkept.
#[track_caller]
pub fn eventually(name: &'static str, rounds: u32) -> Eventually {
    let site = Location::caller();
    let at = current()
        .map(|run| (run.epoch(), run.promise(Promise { name, rounds, site, by: run.me(), since: None })));
    Eventually { name, at, kept: false }
}

/// A promise of progress: made by [`eventually`].
#[derive(Debug)]
#[must_use = "progress that nobody waits for is not checked"]
pub struct Eventually {
    name: &'static str,
    /// The execution, and the promise's place in it.
    at: Option<(u64, usize)>,
    kept: bool,
}

impl Eventually {
    /// What was promised has come about.
    pub fn reached(mut self) {
        self.kept = true;
    }

    fn run(&self) -> Option<(&'static Run, usize)> {
        let (epoch, at) = self.at?;
        current().filter(|run| run.epoch() == epoch).map(|run| (run, at))
    }
}

impl Drop for Eventually {
    fn drop(&mut self) {
        let mine = self.run();
        if let Some((run, at)) = mine {
            run.promise_ends(at);
        }
        // An execution that has failed, or is given up, keeps no promises.
        let over = match mine {
            Some((run, _)) => run.over(),
            None => self.at.is_some() || native::current().is_none(),
        };
        if !over && !std::thread::panicking() {
            violated_unless(self.name, Kind::Assertion, self.kept, || {
                "given up before it was reached".to_owned()
            });
        }
    }
}

/// What the recorder knows of a promise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise {
    pub name: &'static str,
    /// Within how many rounds.
    pub rounds: u32,
    pub site: Site,
    pub by: ThreadId,
    /// The round in which an engine that counts them first saw it.
    pub since: Option<u64>,
}

impl Run {
    /// Keeps a promise in mind; its place.
    fn promise(&self, p: Promise) -> usize {
        let mut s = self.state();
        s.promises.push(Some(p));
        self.promised.set(self.promised.get() + 1);
        s.promises.len() - 1
    }

    /// It was kept, or given up.
    fn promise_ends(&self, at: usize) {
        if self.state().promises.get_mut(at).and_then(Option::take).is_some() {
            self.promised.set(self.promised.get() - 1);
        }
    }

    /// Is any promise still to be kept?
    #[inline]
    pub(crate) fn promises(&self) -> bool {
        self.promised.get() > 0
    }

    /// The oldest promise that is still to be kept.
    pub(crate) fn promised(&self) -> Option<&'static str> {
        self.state.try_borrow().ok()?.promises.iter().flatten().map(|p| p.name).next()
    }

    /// Fails the execution, for an engine that has counted `rounds` in it, if a promise is overdue.
    pub(crate) fn check_promises(&self, rounds: u64) {
        let overdue = {
            let mut s = self.state();
            s.promises.iter_mut().flatten().for_each(|p| p.since = p.since.or(Some(rounds)));
            let late = |p: &&Promise| rounds - p.since.unwrap_or(rounds) > u64::from(p.rounds);
            s.promises.iter().flatten().find(late).copied()
        };
        if let Some(p) = overdue {
            self.note_failure(
                Some(p.name),
                Kind::Livelock,
                format!("not reached within {} rounds in which everybody who could go on did", p.rounds),
                vec![(p.by, "promised here".to_owned(), p.site)],
            );
        }
    }
}

/// 128 bits of everything that was put in: equal digests are taken for equal states.
///
/// Not `DefaultHasher`: two lanes, so that even the many states of a long search do not collide, and the same in every
/// process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Digest([u64; 2]);

impl Default for Digest {
    fn default() -> Self {
        Digest([0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344])
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        self.write_u64(bytes.len() as u64);
    }

    fn write_u64(&mut self, v: u64) {
        let [a, b] = self.0;
        // Each lane by its own odd multiplier and rotation: a change anywhere in a word reaches both.
        let a = (a ^ v).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let b = (b.rotate_left(29) ^ v).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
        self.0 = [a ^ a >> 32, b ^ b >> 29];
    }

    fn write_u8(&mut self, v: u8) {
        self.write_u64(u64::from(v));
    }

    fn write_u32(&mut self, v: u32) {
        self.write_u64(u64::from(v));
    }

    fn write_usize(&mut self, v: usize) {
        self.write_u64(v as u64);
    }

    fn finish(&self) -> u64 {
        self.0[0] ^ self.0[1].rotate_left(32)
    }
}
