//! The shape of a model: a hash of the operations of its first execution, the one in which nobody is preempted. It is the
//! same for every engine and seed, under moved lines and other values, and another one when the program does something
//! else: that is how `replay` knows that a model has changed.

use crate::check::engine::{Plan, shuttle};
use crate::check::event::{Event, ObjectId, Op};
use crate::check::model::{Memory, Scenario, Strategy};
use crate::check::run::{self, Execution, ObjectInfo};
use crate::check::runner::fingerprint::Fnv;
use crate::check::runner::trace::word;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// Steps of the first execution, at most: a loop that nobody else ends has no end here.
const STEPS: u64 = 20_000;

/// The shape of `scenario`; `None` if its first execution has no end.
pub fn shape(scenario: &Scenario, plan: &Plan) -> Option<String> {
    let seen: Arc<Mutex<Option<Execution>>> = Arc::default();
    let keep = || -> Scenario {
        let (scenario, seen) = (scenario.clone(), seen.clone());
        Arc::new(move || {
            let outcome = scenario();
            if let Some(run) = run::current() {
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.state().execution());
            }
            outcome
        })
    };
    // What depends on the check and not on the model must not matter.
    let plan = Plan {
        strategy: Strategy::Dfs,
        seed: 0,
        executions: 1,
        steps: STEPS,
        preemptions: None,
        memory: Memory::Rc11,
        jobs: 1,
        shard: None,
        ..plan.clone()
    };
    let e = catch_unwind(AssertUnwindSafe(|| shuttle::replay(&keep(), &plan, &[], false))).ok()?;
    if let Some(f) = e.failure {
        return Some(hash(&f.events, &f.objects));
    }
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    Some(hash(&seen.events, &seen.objects))
}

/// Who does what to which object with which ordering, thread by thread.
fn hash(events: &[Event], objects: &BTreeMap<ObjectId, ObjectInfo>) -> String {
    let mut threads: BTreeMap<u8, Fnv> = BTreeMap::new();
    for e in events {
        let object = e.op.object();
        let name = object.map(|o| match objects.get(&o).and_then(|i| i.name.clone()) {
            Some(name) => name,
            None => o.to_string(),
        });
        let h = threads.entry(e.thread.0).or_default();
        *h = h.word(word(&e.op)).word(&name.unwrap_or_default());
        for order in orders(&e.op).into_iter().flatten() {
            *h = h.word(&format!("{order:?}"));
        }
    }
    let all = threads.iter().fold(Fnv::default(), |h, (t, of)| h.number((*t).into()).number(of.finish()));
    format!("{:016x}", all.finish())
}

fn orders(op: &Op) -> [Option<Ordering>; 2] {
    match *op {
        Op::Load { order, .. } | Op::Store { order, .. } | Op::Rmw { order, .. } | Op::Fence { order } => {
            [Some(order), None]
        }
        Op::Cas { success, failure, .. } => [Some(success), Some(failure)],
        _ => [None, None],
    }
}
