//! The types of gap between an engine and the memory model. A difference without a type is red.

/// Why an engine misses an outcome, or shows one that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Gap {
    /// `SeqCst` accesses are taken for `AcqRel`.
    SeqCstAsAcqRel,
    /// The search leaves out behaviours that its own model has.
    MissedInterleaving,
    /// A store comes between the halves of a read-modify-write.
    RmwAtomicity,
    /// Only sequentially consistent executions are explored.
    ScOnly,
    /// More threads than the engine takes.
    ThreadLimit,
    /// A `SeqCst` fence orders more than it should.
    FenceTooStrong,
    /// An exchange that fails reads the newest value only, and a weak one never fails for no reason.
    FailedExchange,
    /// The search was stopped at its limit: what it missed until then is not known.
    EngineLimit,
}

impl Gap {
    /// All, in the order of the legend.
    pub const ALL: [Gap; 8] = [
        Gap::ScOnly,
        Gap::SeqCstAsAcqRel,
        Gap::MissedInterleaving,
        Gap::RmwAtomicity,
        Gap::FenceTooStrong,
        Gap::FailedExchange,
        Gap::ThreadLimit,
        Gap::EngineLimit,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Gap::SeqCstAsAcqRel => "seqcst-as-acqrel",
            Gap::MissedInterleaving => "missed-interleaving",
            Gap::RmwAtomicity => "rmw-atomicity",
            Gap::ScOnly => "sc-only",
            Gap::ThreadLimit => "thread-limit",
            Gap::FenceTooStrong => "fence-too-strong",
            Gap::FailedExchange => "failed-exchange",
            Gap::EngineLimit => "engine-limit",
        }
    }

    /// What it means, in one sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Gap::ScOnly => "explores sequentially consistent executions only: no reordering is ever seen",
            Gap::SeqCstAsAcqRel => "takes SeqCst accesses for AcqRel: shows outcomes that cannot be",
            Gap::MissedInterleaving => "its reduction drops interleavings of a thread's own load and store",
            Gap::RmwAtomicity => "lets a store come between the halves of a read-modify-write",
            Gap::FenceTooStrong => "takes a SeqCst fence for happens-before with every earlier one",
            Gap::FailedExchange => {
                "a failed exchange reads the newest value only; a weak one never fails by itself"
            }
            Gap::ThreadLimit => "takes five threads with main",
            Gap::EngineLimit => "stopped at its limit of executions: never a pass",
        }
    }

    /// Where it is known upstream.
    pub fn upstream(self) -> &'static str {
        match self {
            Gap::ScOnly => "awslabs/shuttle#33",
            Gap::SeqCstAsAcqRel => "tokio-rs/loom#180",
            Gap::MissedInterleaving => "tokio-rs/loom#166, #392",
            Gap::RmwAtomicity => "tokio-rs/loom#254, #389",
            Gap::FenceTooStrong => "loom 0.7.2, rt/thread.rs: a global clock",
            Gap::FailedExchange => "loom 0.7.2, rt/atomic.rs: by design",
            Gap::ThreadLimit => "tokio-rs/loom#157",
            Gap::EngineLimit => "tokio-rs/loom#191, #79",
        }
    }
}
