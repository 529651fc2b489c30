//! openais: a node leaves while the databases are synchronised, and the next round copies an empty one over all others.
//!
#![doc = include_str!("lesson.md")]

mod members;
mod miniature;
mod rules;
#[cfg(test)]
mod small_scope;
mod staged;

use crate::spawn;
use members::{Member, Members};
use miniature::Miniature;
use rules::{ActivatesNothing, IgnoreChanges, NoAbort, SourceByNode};
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::sync::{Arc, Mutex, Named, Shown};
use staged::Staged;

/// The pieces of a database, one bit each. What a node has that has just started is 0.
type Database = u8;

/// A database that is whole: two checkpoints.
const WHOLE: Database = 0b11;

/// Node 1 joins with nothing; nodes 2 and 3 have completed a synchronisation and hold the database.
const NODE_1: Member = Member::new(1, 0);
const NODE_2: Member = Member::new(2, 0);
const NODE_3: Member = Member::new(3, 0);
const FIRST: Members = Members::of([NODE_2, NODE_3]);

/// Steps of one round: a piece each, then the activation.
const ROUND: usize = 3;

/// What the nodes have just done.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// No round is under way.
    Nothing,
    /// A piece was sent, or should have been.
    Piece,
    /// A round was completed.
    Activation,
}

/// The seam between the variants: what the nodes make of a new configuration. All nodes see the same configurations in the
/// same order, which is what the ring is for, so that their decisions are one.
trait Synchronisation: Send + Sync + Sized + 'static {
    /// The members of `FIRST` have completed a round and hold `WHOLE`.
    fn new() -> Self;
    /// The next configuration, with these members.
    fn configure(&self, number: u64, members: Members);
    /// One step of the round that is under way.
    fn step(&self) -> Step;
    /// What an application on `member` reads.
    fn database(&self, member: Member) -> Database;
}

/// The nodes, and the ring that tells them who is a member.
struct Cluster<S> {
    /// The configuration: its number and its members. Held while the nodes are told, so that they are told in order.
    ring: Mutex<(u64, Members)>,
    nodes: S,
}

impl<S: Synchronisation> Cluster<S> {
    fn new() -> Self {
        let ring = Mutex::new((1, FIRST)).named("ring");
        Cluster { ring: ring.shown(|(_, members)| members.to_string()), nodes: S::new() }
    }

    fn change(&self, what: &'static str, change: impl FnOnce(Members) -> Members) {
        note(|| what.to_owned());
        let mut ring = self.ring.lock();
        *ring = (ring.0 + 1, change(ring.1));
        self.nodes.configure(ring.0, ring.1);
    }

    /// Node 3 is there all the time, and has held the database from the beginning.
    fn survives(&self) {
        note(|| "reads on node 3".to_owned());
        let database = self.nodes.database(NODE_3);
        always("database-survives", database == WHOLE, || {
            format!("node 3 held {WHOLE:#04b} and never left; now it holds {database:#04b}")
        });
    }
}

/// Three joins and leaves, at any point of the rounds that they cause.
fn scenario<S: Synchronisation>() -> &'static str {
    let cluster = Arc::new(Cluster::<S>::new());
    let joins = {
        let cluster = cluster.clone();
        spawn("joins", move || cluster.change("node 1 joins", |members| members.with(NODE_1)))
    };
    let restarts = {
        let cluster = cluster.clone();
        spawn("restarts", move || {
            cluster.change("node 2 leaves", |members| members.without(NODE_2));
            cluster.change("node 2 joins, started again", |members| members.with(NODE_2.restarted()));
        })
    };
    let mut progress = Progress::default();
    for _ in 0..=ROUND {
        progress.after(cluster.nodes.step());
        cluster.survives();
    }
    joins.join().unwrap();
    restarts.join().unwrap();
    // Nothing changes any more: the round that is under way completes, and at most one after it.
    let before = progress.activations;
    let done = (0..=2 * ROUND).any(|_| progress.after(cluster.nodes.step()) == Step::Nothing);
    cluster.survives();
    for member in [NODE_1, NODE_2.restarted()] {
        let database = cluster.nodes.database(member);
        always("all-synchronised", done && database == WHOLE, || {
            format!("two rounds after the last change, {member} holds {database:#04b}")
        });
    }
    sometimes("overtaken", progress.overtaken);
    sometimes("completed-between", before > 0 && progress.activations > before);
    if progress.activations > 1 { "several rounds" } else { "one round" }
}

/// What the nodes have done so far.
#[derive(Default)]
struct Progress {
    activations: usize,
    /// Pieces since the last activation.
    pieces: usize,
    /// More pieces than a round has: one of them began and was not completed.
    overtaken: bool,
}

impl Progress {
    fn after(&mut self, step: Step) -> Step {
        match step {
            Step::Nothing => {}
            Step::Piece => self.pieces += 1,
            Step::Activation => {
                self.overtaken |= self.pieces > ROUND - 1;
                self.pieces = 0;
                self.activations += 1;
            }
        }
        step
    }
}

/// The model.
pub fn model() -> Model {
    const LOST: (&str, Kind) = ("database-survives", Kind::Assertion);
    Model::new("aborted_sync", "a node leaves in mid-synchronisation, and an empty database replaces all")
        .incident("001")
        .lesson(include_str!("lesson.md"))
        .always("database-survives", "what a member holds that does not leave is never taken from it")
        .always("all-synchronised", "two rounds after the last change, every member holds the database")
        .sometimes("overtaken", "a configuration comes while a round is under way")
        .sometimes("completed-between", "a round completes between two changes")
        .outcome("one round", Grade::Acceptable, "all changes came before a round could complete")
        .outcome("several rounds", Grade::Acceptable, "more than one round has completed")
        .variant(
            Variant::buggy("no_abort", scenario::<Miniature<NoAbort>>, &[LOST]).about(
                "an aborted round leaves its member list behind: the next source is elected from that",
            ),
        )
        .variant(
            Variant::wrong_fix("ignore_changes", scenario::<Miniature<IgnoreChanges>>, &[LOST]).about(
                "looks right because no round is disturbed; but its source may be gone, and it completes",
            ),
        )
        .variant(
            Variant::wrong_fix("source_by_node", scenario::<Miniature<SourceByNode>>, &[LOST]).about(
                "looks right because the source completed the last round; but it was started again since",
            ),
        )
        .variant(
            Variant::fixed("staged", scenario::<Staged>)
                .about("StagedCommit: the source is an incarnation that completed the last round")
                // 41,461 executions without a bound, in 10 s; exact needs 306.
                .loom_bounded(2, 3, Some(4)),
        )
        .falsifier(
            "all-synchronised",
            Kind::Assertion,
            scenario::<Miniature<ActivatesNothing>>,
            "rounds are completed, and what they brought is thrown away",
        )
}
