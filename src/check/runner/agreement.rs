//! Do the engines agree about a variant? The exact explorer's answer is the memory model's; an engine that differs
//! must be declared to, with one of six typed reasons, or its row is red.

use super::Report;
use super::trace::Trace;
use crate::check::model::{Discipline, EngineKind, Memory};
use crate::check::verdict::{Expect, Verdict};

/// Why an engine may differ from the memory model: the first word of the reason that a check declares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Disagreement {
    /// loom treats SeqCst accesses as acquire-release.
    SeqCstAsAcqRel,
    /// loom's reduction drops an interleaving.
    MissedInterleaving,
    /// loom lets a store come between the halves of a read-modify-write.
    RmwAtomicity,
    /// shuttle knows sequential consistency only.
    ScOnly,
    /// loom has five threads.
    ThreadLimit,
    /// loom's SeqCst fences order more than they should.
    FenceTooStrong,
}

impl Disagreement {
    /// All of them.
    pub const ALL: [Disagreement; 6] = [
        Disagreement::SeqCstAsAcqRel,
        Disagreement::MissedInterleaving,
        Disagreement::RmwAtomicity,
        Disagreement::ScOnly,
        Disagreement::ThreadLimit,
        Disagreement::FenceTooStrong,
    ];

    /// The frozen word.
    pub fn word(self) -> &'static str {
        match self {
            Disagreement::SeqCstAsAcqRel => "seqcst-as-acqrel",
            Disagreement::MissedInterleaving => "missed-interleaving",
            Disagreement::RmwAtomicity => "rmw-atomicity",
            Disagreement::ScOnly => "sc-only",
            Disagreement::ThreadLimit => "thread-limit",
            Disagreement::FenceTooStrong => "fence-too-strong",
        }
    }

    /// The type of a declared reason, by its first word.
    pub fn of(reason: &str) -> Option<Disagreement> {
        let word = reason.split([':', ' ']).next().unwrap_or_default();
        Disagreement::ALL.into_iter().find(|d| d.word() == word)
    }
}

/// What an engine said of the variant, as far as it can be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Says {
    Fails,
    Holds,
}

fn says(v: &Verdict) -> Option<Says> {
    match v {
        Verdict::Found { .. } => Some(Says::Fails),
        Verdict::Exhausted | Verdict::Bounded { .. } => Some(Says::Holds),
        _ => None,
    }
}

/// Compares the rows of one variant. Says how many other engines agree, and of what type the others are; a row that
/// disagrees without a declared type is no longer as declared.
pub fn settle(rows: &mut [Report]) -> Vec<Disagreement> {
    let truth = |r: &Report| r.case.engine == EngineKind::Exact && r.case.plan.memory == Memory::Rc11;
    let Some(exact) = rows.iter().filter(|r| truth(r)).find_map(|r| says(&r.verdict)) else {
        return Vec::new();
    };
    let mut typed = Vec::new();
    // What a discipline forbids is no disagreement: it is what the row is there to show.
    let comparable =
        |r: &Report| r.case.engine != EngineKind::Exact && r.case.discipline == Discipline::Preemptive;
    for r in rows.iter_mut().filter(|r| comparable(r)) {
        let declared = match (&r.case.expect, r.case.because) {
            (Expect::OutOfReach(reason), _) => Some(reason.as_str()),
            (_, because) => because,
        };
        let differs = match &r.verdict {
            // A fault that the engine was declared not to see.
            Verdict::OutOfReach { .. } => exact == Says::Fails,
            v => says(v).is_some_and(|s| s != exact),
        };
        if !differs {
            continue;
        }
        match declared.and_then(Disagreement::of) {
            Some(d) => typed.push(d),
            // It did not run the model at all, and says why.
            None if matches!(&r.verdict, Verdict::OutOfReach { .. }) && r.executions == 0 => {}
            None => {
                r.as_declared = false;
                let (exact, this) = match exact {
                    Says::Fails => ("fails", "does not"),
                    Says::Holds => ("holds", "does not"),
                };
                let said = std::mem::take(&mut r.message);
                let said = if said.is_empty() { said } else { format!(" (what it found: {said})") };
                r.message = format!(
                    "exact says that the variant {exact}, {} that it {this}, and no typed reason is declared: {}{said}",
                    r.case.engine.word(),
                    Disagreement::ALL.map(Disagreement::word).join(", ")
                );
            }
        }
    }
    typed
}

/// What one engine knows of how the variant can pass, and another does not: that no execution passes, which only an
/// exhaustive engine can say; and an execution that does, for a counterexample of which no reordering has been seen to.
pub fn lend(rows: &mut [Report]) {
    let truth =
        |r: &&Report| r.case.engine == EngineKind::Exact && r.case.discipline == Discipline::Preemptive;
    let all_fail = |r: &Report| {
        let some_pass = !r.tally.outcomes.is_empty() || !r.tally.whole || r.case.plan.shard.is_some();
        (!some_pass).then(|| r.tally.executions())
    };
    let hopeless = rows.iter().filter(truth).find_map(all_fail).filter(|n| *n > 0);
    let lenders: Vec<Trace> =
        rows.iter().filter_map(|r| r.trace.clone().filter(|t| !t.passing.is_empty())).collect();
    for r in rows.iter_mut() {
        let comparable = r.case.discipline == Discipline::Preemptive;
        let Some(t) = r.trace.as_mut() else { continue };
        t.hopeless = hopeless.filter(|_| comparable);
        if t.passing.is_empty() && !t.events.is_empty() {
            let same = lenders.iter().find(|l| (&l.property, l.kind) == (&t.property, t.kind));
            if let Some(l) = same {
                t.passes(l.passing.clone());
            }
        }
    }
}
