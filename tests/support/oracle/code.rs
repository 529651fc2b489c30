//! What the machine runs: programs without blocks, where everything that may be in the middle of something is an
//! instruction of its own.

use super::program::{Op, Ordering};

/// A machine instruction. Those that are no `Op` take no step of their own.
#[derive(Clone, Debug)]
pub enum Code {
    Op(Op),
    /// Exchanges the last value read for one more.
    Exchange {
        x: usize,
        weak: bool,
    },
    /// The same, weakly; goes to the target until that succeeds, and tells on which values it failed by itself.
    GatherOr {
        x: usize,
        to: usize,
    },
    /// Tries to acquire; goes to the target if it cannot.
    Try {
        op: Op,
        otherwise: usize,
    },
    /// Goes to the target unless the last value read is this one.
    Unless {
        is: u64,
        to: usize,
    },
    /// Goes to the target if the last exchange succeeded.
    IfExchanged {
        to: usize,
    },
    Jump {
        to: usize,
    },
}

/// Appends the instructions of `ops`.
pub fn compile(ops: &[Op], code: &mut Vec<Code>) {
    for op in ops {
        match op {
            Op::If { read, is, then, other } => {
                code.push(Code::Op((**read).clone()));
                let branch = code.len();
                code.push(Code::Jump { to: 0 });
                compile(then, code);
                let end = code.len();
                code.push(Code::Jump { to: 0 });
                code[branch] = Code::Unless { is: *is, to: code.len() };
                compile(other, code);
                code[end] = Code::Jump { to: code.len() };
            }
            &Op::Increment { x, tries, weak, .. } => {
                let mut ends = Vec::new();
                for _ in 0..tries {
                    code.extend([Code::Op(Op::Load(x, Ordering::Relaxed)), Code::Exchange { x, weak }]);
                    ends.push(code.len());
                    code.push(Code::Jump { to: 0 });
                }
                let to = code.len();
                ends.into_iter().for_each(|e| code[e] = Code::IfExchanged { to });
            }
            &Op::WaitFor { cv, m, .. } => {
                let to = code.len();
                code.push(Code::Op(op.clone()));
                code.extend([Code::Op(Op::Wait { cv, m, timed: false }), Code::Jump { to }]);
            }
            &Op::Gather { x, .. } => {
                let to = code.len();
                code.extend([Code::Op(op.clone()), Code::GatherOr { x, to }]);
            }
            Op::TryLock { body, .. } | Op::TryRead { body, .. } | Op::TryWrite { body, .. } => {
                let attempt = code.len();
                code.push(Code::Jump { to: 0 });
                compile(body, code);
                code.push(Code::Op(match *op {
                    Op::TryLock { m, .. } => Op::Unlock(m),
                    Op::TryRead { l, .. } => Op::ReadEnd(l),
                    Op::TryWrite { l, .. } => Op::WriteEnd(l),
                    _ => unreachable!("one of the three above"),
                }));
                code[attempt] = Code::Try { op: op.clone(), otherwise: code.len() };
            }
            op => code.push(Code::Op(op.clone())),
        }
    }
}
