//! The shape of a model: a hash of the operations of its first execution, the one in which nobody is preempted. It is the
//! same for every engine and seed, under moved lines and other values, and another one when the program does something
//! else: that is how `replay` knows that a model has changed.

use super::shrink::{Last, logged, once};
use crate::check::engine::{Plan, shuttle};
use crate::check::event::{Event, ObjectId, Op};
use crate::check::model::Scenario;
use crate::check::run::ObjectInfo;
use crate::check::runner::fingerprint::Fnv;
use crate::check::runner::trace::word;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// The shape of `scenario`; `None` if its first execution has no end.
pub fn shape(scenario: &Scenario, plan: &Plan) -> Option<String> {
    let seen = Last::default();
    let (scenario, plan) = (logged(scenario, &seen), once(plan));
    let e = catch_unwind(AssertUnwindSafe(|| shuttle::replay(&scenario, &plan, &[], false))).ok()?;
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
