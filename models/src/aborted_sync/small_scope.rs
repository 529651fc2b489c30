//! Every sequence of up to three joins and leaves of three nodes, each at every point of the rounds before it, without
//! threads: the fix loses nothing, and each of the others does.

use super::{Cluster, FIRST, Member, Members, Miniature, ROUND, Staged, Step, Synchronisation, WHOLE};
use super::{IgnoreChanges, NoAbort, SourceByNode};

/// A node comes or goes.
fn toggle(present: Members, incarnations: &mut [u8; 4], node: u8) -> Members {
    match present.iter().find(|m| m.node() == node) {
        Some(there) => {
            incarnations[node as usize] += 1;
            present.without(there)
        }
        None => present.with(Member::new(node, incarnations[node as usize])),
    }
}

/// Who is there and holds the database.
fn holders<S: Synchronisation>(nodes: &S, present: Members) -> Vec<Member> {
    present.iter().filter(|m| nodes.database(*m) == WHOLE).collect()
}

/// Runs one sequence of (steps before it, node that comes or goes). Does everything end well?
fn run<S: Synchronisation>(sequence: &[(usize, u8)]) -> bool {
    let cluster = Cluster::<S>::new();
    let (mut present, mut incarnations) = (FIRST, [0; 4]);
    // A holder that stays keeps what it holds, at every step.
    let step = |present| {
        let before = holders(&cluster.nodes, present);
        cluster.nodes.step();
        let after = holders(&cluster.nodes, present);
        before.iter().all(|m| after.contains(m))
    };
    for (steps, node) in sequence {
        if !(0..*steps).all(|_| step(present)) {
            return false;
        }
        present = toggle(present, &mut incarnations, *node);
        cluster.change("the members change", |_| present);
    }
    let kept = (0..=2 * ROUND).all(|_| step(present));
    let at_end = holders(&cluster.nodes, present);
    // If anybody holds it, everybody does.
    kept && cluster.nodes.step() == Step::Nothing
        && (at_end.is_empty() || at_end.len() == present.iter().count())
}

/// Of all sequences, how many end badly, and how many there are.
fn broken<S: Synchronisation>() -> (usize, usize) {
    let one: Vec<(usize, u8)> = (0..=ROUND).flat_map(|steps| [1, 2, 3].map(|node| (steps, node))).collect();
    let (mut bad, mut all) = (0, 0);
    for length in 1..=3 {
        for choice in 0..one.len().pow(length) {
            let sequence: Vec<_> = (0..length).map(|k| one[choice / one.len().pow(k) % one.len()]).collect();
            bad += usize::from(!run::<S>(&sequence));
            all += 1;
        }
    }
    (bad, all)
}

#[test]
fn every_sequence_of_three_changes() {
    assert_eq!(broken::<Staged>(), (0, 12 + 144 + 1728));
    for (name, (bad, _)) in [
        ("no_abort", broken::<Miniature<NoAbort>>()),
        ("ignore_changes", broken::<Miniature<IgnoreChanges>>()),
        ("source_by_node", broken::<Miniature<SourceByNode>>()),
    ] {
        assert!(bad > 0, "{name} holds");
    }
}

/// The three steps in which the database is lost: node 1 joins, the source leaves in mid-round, the round is activated.
#[test]
fn the_shortest_loss() {
    let sequence = [(0, 1), (1, 2)];
    assert!(!run::<Miniature<NoAbort>>(&sequence));
    assert!(!run::<Miniature<IgnoreChanges>>(&sequence));
    assert!(run::<Miniature<SourceByNode>>(&sequence), "node 2 must come back for this one");
    assert!(!run::<Miniature<SourceByNode>>(&[(0, 1), (1, 2), (0, 2)]));
    assert!(run::<Staged>(&sequence));
}
