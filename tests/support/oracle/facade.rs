//! Runs a program on the facade's objects, as a scenario that any engine can explore.

use super::program::{Op, Ordering, Program, Reads, Sizes, Val, exchanged, outcome, with};
use selvedge::check::Outcome;
use selvedge::check::model::Scenario;
use selvedge::sync::cell::UnsafeCell;
use selvedge::sync::thread::{self, JoinHandle, Thread};
use selvedge::sync::{
    Arc, AtomicU64, Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, choose, fence,
    hint,
};
use std::time::Duration;

/// An atomic that threads may also access plainly.
struct Word(std::cell::UnsafeCell<AtomicU64>);

impl Word {
    fn get(&self) -> &AtomicU64 {
        // SAFETY: a modelled atomic is only a name, which nobody ever writes; see `plain_store`.
        unsafe { &*self.0.get() }
    }
    fn plain_load(&self) -> u64 {
        // SAFETY: whether anybody else is here is what the program asks the engine, which reports before it
        // touches anything.
        unsafe { self.get().unsync_load() }
    }
    fn plain_store(&self, v: u64) {
        // SAFETY: all model threads share one OS thread, so nobody runs meanwhile; and nothing is written
        // through the reference but by the engine into its own tables.
        unsafe { (*self.0.get()).with_mut(|p| *p = v) }
    }
}

/// Everything that the threads share.
struct Shared {
    program: std::sync::Arc<Program>,
    words: Vec<Word>,
    cells: Vec<UnsafeCell<u64>>,
    mutexes: Vec<Mutex<()>>,
    rwlocks: Vec<RwLock<()>>,
    condvars: Vec<Condvar>,
}

// SAFETY: cells are accessed through `with`, where the engine reports a race before memory is touched.
unsafe impl Sync for Shared {}

/// What threads have read, by number.
type Done = Vec<(usize, Reads)>;

/// What one thread has at hand.
struct Frame<'a> {
    shared: &'a Arc<Shared>,
    /// Threads it could wake.
    known: Vec<Option<Thread>>,
    reads: Reads,
    last: u64,
    held: Vec<Option<MutexGuard<'a, ()>>>,
    reading: Vec<Option<RwLockReadGuard<'a, ()>>>,
    writing: Vec<Option<RwLockWriteGuard<'a, ()>>>,
    children: Vec<Option<JoinHandle<Done>>>,
    /// What joined threads have read.
    done: Done,
}

/// Runs thread `t`; what it and the threads it joined have read.
fn run(shared: &Arc<Shared>, t: usize, known: Vec<Option<Thread>>) -> Done {
    let Sizes { mutexes, rwlocks, .. } = shared.program.sizes();
    let n = shared.program.threads.len();
    let mut frame = Frame {
        shared,
        known,
        reads: Vec::new(),
        last: 0,
        held: (0..mutexes).map(|_| None).collect(),
        reading: (0..rwlocks).map(|_| None).collect(),
        writing: (0..rwlocks).map(|_| None).collect(),
        children: (0..n).map(|_| None).collect(),
        done: Vec::new(),
    };
    frame.known[t] = Some(thread::current());
    shared.program.threads[t].iter().for_each(|op| frame.step(op));
    let mut done = frame.done;
    done.push((t, frame.reads));
    done
}

impl Frame<'_> {
    fn read(&mut self, v: u64) -> u64 {
        self.reads.push(v);
        self.last = v;
        v
    }

    fn cas(&mut self, op: &Op) -> Result<u64, u64> {
        let Op::Cas { x, expected, new, success, failure, weak } = *op else {
            unreachable!("called for exchanges only")
        };
        let a = self.shared.words[x].get();
        if weak {
            a.compare_exchange_weak(expected, new, success, failure)
        } else {
            a.compare_exchange(expected, new, success, failure)
        }
    }

    fn step(&mut self, op: &Op) {
        let s = self.shared;
        let word = |x: usize| s.words[x].get();
        match *op {
            Op::Load(x, o) => drop(self.read(word(x).load(o))),
            Op::Store(x, Val::Is(v), o) => word(x).store(v, o),
            Op::Store(x, Val::Last, o) => word(x).store(self.last, o),
            Op::Add(x, v, o) => drop(self.read(word(x).fetch_add(v, o))),
            Op::Swap(x, v, o) => drop(self.read(word(x).swap(v, o))),
            Op::Cas { .. } => {
                let r = self.cas(op);
                let (Ok(v) | Err(v)) = r;
                self.reads.push(exchanged(v, r.is_ok()));
                self.last = v;
            }
            Op::Fence(o) => fence(o),
            Op::PlainLoad(x) => drop(self.read(s.words[x].plain_load())),
            Op::PlainStore(x, v) => s.words[x].plain_store(v),
            // SAFETY (both): as for `Shared`.
            Op::CellRead(c) => drop(self.read(s.cells[c].with(|p| unsafe { *p }))),
            Op::CellWrite(c, v) => s.cells[c].with_mut(|p| unsafe { *p = v }),
            Op::Lock(m) => self.held[m] = Some(s.mutexes[m].lock()),
            Op::Unlock(m) => self.held[m] = None,
            Op::Spawn(t) => {
                let (s, known) = (s.clone(), self.known.clone());
                let h = thread::spawn(move || run(&s, t, known));
                self.known[t] = Some(h.thread().clone());
                self.children[t] = Some(h);
            }
            Op::Join(t) => {
                let h = self.children[t].take().expect("a valid program joins what it spawned");
                self.done.extend(h.join().expect("a model thread does not fail"));
            }
            Op::If { ref read, is, ref then, ref other } => {
                self.step(read);
                let body = if self.last == is { then } else { other };
                body.iter().for_each(|op| self.step(op));
            }
            Op::Increment { x, tries, success, failure, weak } => {
                for _ in 0..tries {
                    let v = self.read(word(x).load(Ordering::Relaxed));
                    let new = v + 1;
                    let r = self.cas(&Op::Cas { x, expected: v, new, success, failure, weak });
                    let (Ok(old) | Err(old)) = r;
                    self.reads.push(exchanged(old, r.is_ok()));
                    self.last = old;
                    if r.is_ok() {
                        break;
                    }
                }
            }
            Op::Gather { x, success, failure } => {
                let mut failed = 0;
                loop {
                    let v = word(x).load(Ordering::Relaxed);
                    match self.cas(&Op::Cas { x, expected: v, new: v + 1, success, failure, weak: true }) {
                        Ok(_) => break,
                        Err(e) if e == v => failed = with(failed, v),
                        Err(_) => {}
                    }
                }
                self.read(failed);
            }
            Op::Await { x, value, order, by_hand } => {
                if by_hand {
                    while word(x).load(order) != value {
                        hint::spin_loop();
                    }
                } else {
                    hint::spin_until(|| word(x).load(order) == value);
                }
                self.read(value);
            }
            Op::Watch { x, value, order } => {
                let (mut changes, mut last) = (0, 0);
                loop {
                    let v = word(x).load(order);
                    if v == value {
                        break;
                    }
                    changes += (v != last) as u64;
                    last = v;
                    hint::spin_loop();
                }
                self.read(changes);
            }
            Op::Look { x, value, order, rounds } => {
                let mut vain = 0;
                while vain < rounds && word(x).load(order) != value {
                    vain += 1;
                    hint::spin_loop();
                }
                self.read(vain as u64);
            }
            Op::Choose(n) => drop(self.read(choose(n) as u64)),
            Op::Read(l) => self.reading[l] = Some(s.rwlocks[l].read()),
            Op::ReadEnd(l) => self.reading[l] = None,
            Op::Write(l) => self.writing[l] = Some(s.rwlocks[l].write()),
            Op::WriteEnd(l) => self.writing[l] = None,
            Op::TryLock { m, ref body } => {
                let guard = s.mutexes[m].try_lock();
                self.attempt(guard, body);
            }
            Op::TryRead { l, ref body } => {
                let guard = s.rwlocks[l].try_read();
                self.attempt(guard, body);
            }
            Op::TryWrite { l, ref body } => {
                let guard = s.rwlocks[l].try_write();
                self.attempt(guard, body);
            }
            Op::Wait { cv, m, timed: true } => {
                let guard = self.held[m].as_mut().expect("a valid program holds what it waits with");
                let timed_out = s.condvars[cv].wait_for(guard, Duration::from_secs(1)).timed_out();
                self.read(timed_out as u64);
            }
            Op::Wait { cv, m, timed: false } => self.wait(cv, m),
            Op::WaitFor { cv, m, x, value } => {
                let mut waited = 0;
                loop {
                    let v = word(x).load(Ordering::Relaxed);
                    if v == value {
                        break;
                    }
                    waited = with(waited, v);
                    self.wait(cv, m);
                }
                self.read(waited);
            }
            Op::Notify { cv, all: false } => drop(s.condvars[cv].notify_one()),
            Op::Notify { cv, all: true } => drop(s.condvars[cv].notify_all()),
            Op::Park { timed: false } => thread::park(),
            Op::Park { timed: true } => thread::park_timeout(Duration::from_secs(1)),
            Op::Unpark(t) => {
                if let Some(thread) = &self.known[t] {
                    thread.unpark();
                }
            }
        }
    }

    /// One place in the source for all of them: engines tell early ends of waits apart by it.
    fn wait(&mut self, cv: usize, m: usize) {
        let guard = self.held[m].as_mut().expect("a valid program holds what it waits with");
        self.shared.condvars[cv].wait(guard);
    }

    fn attempt<G>(&mut self, guard: Option<G>, body: &[Op]) {
        self.read(guard.is_some() as u64);
        if guard.is_some() {
            body.iter().for_each(|op| self.step(op));
        }
    }
}

/// The program as a scenario.
pub fn scenario(p: &Program) -> Scenario {
    let program = std::sync::Arc::new(p.clone());
    std::sync::Arc::new(move || {
        let n = program.sizes();
        let shared = Arc::new(Shared {
            program: program.clone(),
            words: (0..n.atomics).map(|_| Word(std::cell::UnsafeCell::new(AtomicU64::new(0)))).collect(),
            cells: (0..n.cells).map(|_| UnsafeCell::new(0)).collect(),
            mutexes: (0..n.mutexes).map(|_| Mutex::new(())).collect(),
            rwlocks: (0..n.rwlocks).map(|_| RwLock::new(())).collect(),
            condvars: (0..n.condvars).map(|_| Condvar::new()).collect(),
        });
        let mut reads = vec![Vec::new(); program.threads.len()];
        for (t, r) in run(&shared, 0, vec![None; program.threads.len()]) {
            reads[t] = r;
        }
        // Everybody is joined, so these can only be the last writes: no execution more. Either kind of access.
        let words = shared.words.iter().enumerate().map(|(i, w)| match i % 2 {
            0 => w.get().load(Ordering::Relaxed),
            _ => w.plain_load(),
        });
        // SAFETY: as for `Shared`.
        let cells = shared.cells.iter().map(|c| c.with(|p| unsafe { *p }));
        Outcome::from(outcome(&reads, words.chain(cells)))
    })
}
