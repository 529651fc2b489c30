//! The passing execution nearest to a counterexample: of the complete executions that the search for the shortest
//! counterexample has come by, the one whose graph differs least, executed once more in an order that follows the
//! failing one as long as it can.

use super::graph::{EventId, Graph, Kind};
use super::job::{Failing, Worker};
use super::linear;
use crate::check::quarantine::Window;
use crate::check::run::Execution;

/// Complete executions that are looked at, at most.
pub const KEPT: usize = 2_000;

impl Worker {
    /// The nearest of `passing`, executed. `shown`: the order in which the failing one is shown.
    pub fn nearest(&self, failing: &Failing, shown: &[EventId], passing: &[Graph]) -> Option<Execution> {
        let nearest = passing.iter().min_by_key(|g| distance(&failing.graph, g))?;
        let heads = linear::alike(nearest, shown)?;
        let _held_back = Window::open();
        let _installed = self.run.install();
        self.run.keep_notes(true);
        let whole = self.conduct(nearest.fork(), &heads);
        let execution = (whole && !self.run.over()).then(|| self.run.state().execution());
        self.exact.abandon();
        self.run.reopen();
        self.run.keep_notes(false);
        execution
    }
}

/// In how many places the other graph differs from the failing one, as far as that goes: what an event is, what a read
/// reads, which section comes before a lock, what is chosen, and which of two writes is the later one.
fn distance(failing: &Graph, other: &Graph) -> usize {
    let mut places = 0;
    for (mine, theirs) in failing.th.iter().zip(other.th.iter().map(Some).chain(std::iter::repeat(None))) {
        let alike = mine
            .iter()
            .zip(theirs.into_iter().flatten())
            .take_while(|(a, b)| (a.kind, a.loc) == (b.kind, b.loc));
        let (mut common, mut differ) = (0, 0);
        for (a, b) in alike {
            common += 1;
            let reads = matches!(a.kind, Kind::Read | Kind::Lock) && a.rf != b.rf;
            differ += usize::from(reads || a.kind == Kind::Choose && a.aux != b.aux);
        }
        places += differ + mine.len() - common;
    }
    for (loc, writes) in failing.mo.iter().enumerate() {
        let order = other.mo(loc as u32);
        let place = |w: &EventId| order.iter().position(|o| o == w);
        let pairs = writes.windows(2).filter_map(|p| Some((place(&p[0])?, place(&p[1])?)));
        places += pairs.filter(|(a, b)| a > b).count();
    }
    places
}

#[cfg(test)]
mod tests {
    use super::super::graph::{Ev, INIT, Order, Tag};
    use super::*;

    fn graph(read: EventId, writes: &[EventId]) -> Graph {
        let ev = |kind, rf| Ev {
            kind,
            order: Order::Relaxed,
            ex: false,
            aux: 0,
            tag: Tag::NONE,
            loc: 0,
            rf,
            stamp: 0,
        };
        let mut g = Graph::root();
        g.push(0, ev(Kind::Write, INIT));
        g.push(0, ev(Kind::Read, read));
        g.push(1, ev(Kind::Write, INIT));
        *g.mo_mut(0) = writes.to_vec();
        g
    }

    #[test]
    fn what_is_read_and_what_is_newer_count() {
        let (a, b) = (EventId::new(0, 0), EventId::new(1, 0));
        let failing = graph(a, &[a, b]);
        assert_eq!(distance(&failing, &graph(a, &[a, b])), 0);
        assert_eq!(distance(&failing, &graph(b, &[a, b])), 1);
        assert_eq!(distance(&failing, &graph(a, &[b, a])), 1);
        assert_eq!(distance(&failing, &Graph::root()), 3, "what is not there differs");
    }
}
