//! The counterexample that is shown: of all failures of the same property and kind the one with the fewest
//! preemptions, then switches, then steps, executed once more in the order a reader follows best. Beside it: how often
//! the model comes out how.

use super::exec::Want;
use super::graph::{EventId, Graph};
use super::job::{End, Failing, Worker, at_the_end};
use super::linear::{self, Order, Tail};
use super::nearest::KEPT;
use crate::check::engine::{Census, Plan};
use crate::check::model::Outcome;
use crate::check::quarantine::Window;
use crate::check::run::Failure;
use crate::check::verdict::Kind as Violation;
use std::collections::BTreeMap;

/// Jobs that the search for the shortest counterexample may run. When they suffice, it is *certified*.
const JOBS: usize = 20_000;

/// How a counterexample compares: stale reads, preemptions, switches, steps, place in the search.
type Rank = (bool, u32, usize, usize, Vec<u32>);

/// What there is to show of a failing model.
pub struct Shown {
    pub failure: Box<Failure>,
    pub outcomes: BTreeMap<Outcome, u64>,
    pub census: Census,
}

impl Worker {
    /// The counterexample for the first failure found, and what else became known on the way.
    pub fn counterexample(mut self, first: Failing, plan: &Plan) -> Shown {
        let (property, kind) = (first.failure.property.clone(), first.failure.kind);
        // How few preemptions any failure needs.
        let mut fewest = least(&first, u32::MAX);
        let mut best = ranked(first);
        let mut census = Census::default();
        self.go_on = true;
        let mut stack = vec![Graph::root()];
        let mut jobs = 0;
        let mut passing = Vec::new();
        while let Some(g) = stack.pop() {
            jobs += 1;
            if jobs > JOBS {
                break;
            }
            let path = g.path.clone();
            let end = self.run_job(g);
            stack.append(&mut self.children(&path));
            if let End::Leaf { complete: true } = end
                && passing.len() < KEPT
            {
                passing.push(self.exact.inner().e.x.g.fork());
            }
            let End::Failed(failures) = end else { continue };
            // One execution, however many of its threads come to fail in it.
            if let Some(f) = failures.first().map(|f| &f.failure) {
                *census.violations.entry((f.property.clone(), f.kind)).or_insert(0) += 1;
            }
            for f in failures.into_iter().filter(|f| f.failure.property == property && f.failure.kind == kind)
            {
                fewest = least(&f, fewest);
                let f = ranked(f);
                if f.0 < best.0 {
                    best = f;
                }
            }
        }
        let whole = jobs <= JOBS && !self.cut_short.get();
        census.whole = whole && plan.shard.is_none();
        let (outcomes, mut witnesses) = {
            let mut s = self.run.state();
            (std::mem::take(&mut s.outcomes), std::mem::take(&mut s.witnesses))
        };
        if self.run.missed_notes() {
            self.retell(&mut witnesses);
        }
        census.witnesses = witnesses.into_iter().map(|(o, w)| (o, w.1)).collect();
        let (rank, order, failing) = best;
        self.go_on = false;
        let heads = order.map_or(Vec::new(), |o| o.events);
        let nearest = self.nearest(&failing, &heads, &passing);
        let mut shown = self.execute_in(&failing, &heads).unwrap_or(failing.failure);
        shown.passing = nearest.map(Box::new);
        shown.schedule = failing.path;
        match (rank.0, whole) {
            (true, true) => {
                "no sequentially consistent execution fails (certified)".clone_into(&mut shown.minimal);
            }
            (true, false) => {}
            (false, _) => shown.least = Some(if whole { fewest as usize } else { 0 }),
        }
        Shown { failure: shown, outcomes, census }
    }

    /// Executes the failing graph once more, in this order; `None` if it then ends in another way.
    fn execute_in(&self, failing: &Failing, heads: &[EventId]) -> Option<Box<Failure>> {
        if heads.is_empty() {
            return None;
        }
        let _held_back = Window::open();
        let _installed = self.run.install();
        self.run.keep_notes(true);
        let mut graph = failing.graph.clone();
        graph.path.clone_from(&failing.path);
        let whole = self.conduct(graph, heads);
        let f = &failing.failure;
        if let (true, false, Some(t)) = (whole, self.run.over() || at_the_end(f.kind), f.thread) {
            self.ask_again(t.0 as usize);
        }
        if !self.run.over() && whole {
            match f.kind {
                Violation::Leak => self.run.check_leaks(),
                Violation::Deadlock | Violation::LostWakeup | Violation::Livelock => {
                    self.run.set_me(f.thread.unwrap_or(crate::check::event::MAIN));
                    self.run.note_failure(Some(&f.property), f.kind, f.message.clone(), f.sites.clone());
                }
                _ => {}
            }
        }
        let again = self.run.reopen();
        self.exact.abandon();
        self.run.keep_notes(false);
        again.filter(|a| a.property == f.property && a.kind == f.kind)
    }

    /// Lets `t` do the access that it has asked for and that fails: the one that it races with has come after that.
    fn ask_again(&self, t: usize) {
        let x = &mut self.exact.inner().e.x;
        if x.threads.get(t).is_some_and(|t| matches!(t.want, Want::Go | Want::Half)) {
            x.replaying = false;
            self.exact.resume(t);
            self.exact.inner().e.pushed.clear();
        }
    }

    /// Executes a graph in this order of its heads; whether it could. The run is installed, and the caller abandons what
    /// is left.
    pub fn conduct(&self, graph: Graph, heads: &[EventId]) -> bool {
        let _outcome = self.begin(graph);
        self.exact.inner().e.x.guide = Some((heads.to_vec(), 0));
        let at = || self.exact.inner().e.x.guide.as_ref().map_or(0, |g| g.1);
        while at() < heads.len() && !self.run.over() {
            let (before, t) = (at(), heads[at()].t());
            let threads = &mut self.exact.inner().e.x.threads;
            let movable = threads.get(t).is_some_and(|t| !matches!(t.want, Want::Done | Want::Blocked));
            if movable {
                threads[t].started = true;
                self.exact.resume(t);
            }
            if at() == before {
                break;
            }
        }
        // What happens without events: threads that have none, the accesses after the last.
        let mut t = 0;
        while t < self.exact.inner().e.x.threads.len() && !self.run.over() {
            let th = &mut self.exact.inner().e.x.threads[t];
            if !std::mem::replace(&mut th.started, true) && th.want == Want::Go {
                self.exact.resume(t);
            }
            t += 1;
        }
        at() == heads.len()
    }
}

/// A failure with its rank and the order in which it is shown.
fn ranked(mut f: Failing) -> (Rank, Option<Order>, Failing) {
    let switches = |o: &Order| o.events.windows(2).filter(|w| w[0].t() != w[1].t()).count();
    let mut order = linear::order(&f.graph, &f.tails, &f.waiting);
    let preempted = |o: &Order| o.sequential && o.preemptions != Some(0);
    if let Some(w) = f.whole.take().filter(|_| order.as_ref().is_some_and(preempted))
        && let Some((other, bound)) = linear::order_to(&w.graph, &w.tails, &f.waiting, w.goal)
        && other.preemptions < order.as_ref().and_then(|o| o.preemptions.or(Some(u32::MAX)))
    {
        f.graph = linear::cut(&w.graph, |t| bound[t]);
        order = Some(other);
    }
    let steps = f.graph.th.iter().map(Vec::len).sum();
    let rank = match &order {
        Some(o) => (!o.sequential, o.preemptions.unwrap_or(u32::MAX), switches(o), steps, f.path.clone()),
        None => (true, u32::MAX, usize::MAX, steps, f.path.clone()),
    };
    (rank, order, f)
}

/// How few preemptions any execution that fails in this way needs, or others before it did. What the failure depends on is
/// looked at alone: the graph is the one before [`ranked`].
fn least(f: &Failing, so_far: u32) -> u32 {
    if so_far == 0 {
        return 0;
    }
    // Where nothing moves any more, threads stay in front of their mutexes.
    let stay = |tail: &Tail| match tail {
        Tail::Locks(_) if at_the_end(f.failure.kind) => *tail,
        _ => Tail::Stops,
    };
    let tails: Vec<Tail> = f.tails.iter().map(stay).collect();
    linear::least(&f.graph, &tails, &f.waiting).min(so_far)
}
