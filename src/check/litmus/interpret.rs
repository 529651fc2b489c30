//! The one interpreter: a litmus program over the facade, as a scenario whose outcome is its registers and final
//! values.

use super::Test;
use super::program::{Instr, LOCS, Loc, Op};
use crate::check::model::Scenario;
use crate::sync::cell::UnsafeCell;
use crate::sync::{AtomicU8, Ordering, fence, thread};
use std::fmt::Write;
use std::sync::Arc;

/// What a register holds at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    /// What was read.
    Read(u8),
    /// A weak exchange found what it expected, and failed.
    Spurious,
    /// The operation was not reached.
    Unset,
}

struct Shared {
    words: [Option<AtomicU8>; LOCS.len()],
    cell: Option<UnsafeCell<u8>>,
}

// SAFETY: the words are `Sync`. Whether two model threads meet in the cell is what a test asks; they are coroutines of
// one OS thread, so even an engine that overlooks the race makes one access after the other. Native is no subject.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(test: &Test) -> Shared {
        let all = || test.threads.iter().flat_map(|t| t.iter());
        let used = |at: Loc| all().any(|i| location(i) == Some(at));
        Shared {
            words: LOCS.map(|at| used(at).then(|| AtomicU8::new(0))),
            cell: all().any(|i| matches!(i.op, Op::Put(_) | Op::Get)).then(|| UnsafeCell::new(0)),
        }
    }

    fn word(&self, at: Loc) -> &AtomicU8 {
        self.words[at as usize].as_ref().expect("created, since the program uses it")
    }

    fn cell(&self) -> &UnsafeCell<u8> {
        self.cell.as_ref().expect("created, since the program uses it")
    }

    fn perform(&self, op: Op) -> Option<Value> {
        match op {
            Op::Store(at, value, order) => self.word(at).store(value, order),
            Op::Fence(order) => fence(order),
            // SAFETY: see `Sync` above.
            Op::Put(value) => self.cell().with_mut(|p| unsafe { *p = value }),
            Op::Load(at, order) => return Some(Value::Read(self.word(at).load(order))),
            Op::Add(at, by, order) => return Some(Value::Read(self.word(at).fetch_add(by, order))),
            Op::Swap(at, value, order) => return Some(Value::Read(self.word(at).swap(value, order))),
            // SAFETY: see `Sync` above.
            Op::Get => return Some(Value::Read(self.cell().with(|p| unsafe { *p }))),
            Op::Cas { at, expected, new, success, failure, weak } => {
                let word = self.word(at);
                let got = match weak {
                    true => word.compare_exchange_weak(expected, new, success, failure),
                    false => word.compare_exchange(expected, new, success, failure),
                };
                return Some(match got {
                    Err(old) if old == expected => Value::Spurious,
                    Ok(old) | Err(old) => Value::Read(old),
                });
            }
        }
        None
    }

    /// Runs one thread, whose first register has this number.
    fn run(&self, thread: &[Instr], first: usize) -> Vec<Value> {
        let mut registers = Vec::new();
        for i in thread {
            let holds = |(reg, value): (u8, u8)| registers[reg as usize - first] == Value::Read(value);
            let value = match i.only_if.is_none_or(holds) {
                true => self.perform(i.op),
                false => i.reads().then_some(Value::Unset),
            };
            registers.extend(value);
        }
        registers
    }
}

fn location(i: &Instr) -> Option<Loc> {
    match i.op {
        Op::Store(at, ..) | Op::Load(at, ..) | Op::Add(at, ..) | Op::Swap(at, ..) | Op::Cas { at, .. } => {
            Some(at)
        }
        Op::Fence(_) | Op::Put(_) | Op::Get => None,
    }
}

/// The scenario of `test`: every thread of the program is spawned; the scenario's own thread only joins them and
/// then reads the final values, which are settled by then.
pub fn scenario(test: &'static Test) -> Scenario {
    Arc::new(move || {
        // std's count, not the facade's: nothing but the program's own operations may synchronise.
        let shared = Arc::new(Shared::new(test));
        let mut first = 0;
        let handles: Vec<_> = test
            .threads
            .iter()
            .zip(super::program::registers(test.threads))
            .map(|(&thread, count)| {
                let (shared, from) = (shared.clone(), first);
                first += count;
                thread::spawn(move || shared.run(thread, from))
            })
            .collect();
        let registers: Vec<Value> =
            handles.into_iter().flat_map(|h| h.join().expect("litmus programs do not panic")).collect();
        let finals = test.finals.iter().map(|&at| shared.word(at).load(Ordering::Relaxed));
        word(test, registers, finals).into()
    })
}

fn word(test: &Test, registers: Vec<Value>, finals: impl Iterator<Item = u8>) -> String {
    let letters: String = registers
        .into_iter()
        .map(|v| match v {
            Value::Read(n) => char::from(b'0' + n),
            Value::Spurious => 'f',
            Value::Unset => '-',
        })
        .chain(finals.map(|n| char::from(b'0' + n)))
        .collect();
    spell(test, &letters)
}

/// The outcome in words, from one letter a register and a final value: `10` is `r0=1 r1=0`.
pub fn spell(test: &Test, letters: &str) -> String {
    let registers: usize = super::program::registers(test.threads).iter().sum();
    let mut out = String::new();
    for (n, letter) in letters.chars().enumerate() {
        let gap = if n == 0 { "" } else { " " };
        let _ = match n.checked_sub(registers) {
            None => write!(out, "{gap}r{n}="),
            Some(f) => write!(out, "{gap}{}=", test.finals[f]),
        };
        match letter {
            'f' => out += "spurious",
            other => out.push(other),
        }
    }
    out
}
