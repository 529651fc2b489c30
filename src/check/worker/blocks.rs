//! Schedules as blocks: what a thread does until another one runs. A block that comes later, right before its thread's
//! next one, or earlier, right after its thread's last one, or not before the failure at all, is a switch or two less,
//! and what the threads do between their own steps stays the same. That is what leaving out choices cannot do where
//! threads that have nothing to do with a failure are many: each choice less shifts all that follow.
//!
//! After Jalbert and Sen, A trace simplification technique for effective debugging of concurrent programs (FSE 2010).

use crate::check::engine::shuttle::{DATA, STAY};
use std::ops::Range;

/// The blocks of a full schedule. Values that a thread was given belong to the choice of it before them.
fn blocks(schedule: &[u32]) -> Vec<(u32, Range<usize>)> {
    let mut all: Vec<(u32, Range<usize>)> = Vec::new();
    for (i, &e) in schedule.iter().enumerate() {
        match all.last_mut() {
            Some((thread, block)) if e == *thread || e & DATA != 0 || e == STAY => block.end = i + 1,
            _ => all.push((e, i..i + 1)),
        }
    }
    all
}

/// All schedules with one block in another place: from the last block to the first, each first where it joins the next of
/// its thread, then where it joins the one before, then after everything.
pub(super) fn moved(schedule: &[u32]) -> Vec<Vec<u32>> {
    let all = blocks(schedule);
    let mut candidates = Vec::new();
    for i in (0..all.len()).rev() {
        let same = |j: &usize| all[*j].0 == all[i].0;
        let next = (i + 1..all.len()).find(same);
        let last = (0..i).rev().find(same);
        let places = [next, last.map(|l| l + 1), Some(all.len())];
        for place in places.into_iter().flatten() {
            let without = |r: Range<usize>| r.filter(|j| *j != i);
            let order = without(0..place).chain([i]).chain(without(place..all.len()));
            candidates.push(order.flat_map(|j| schedule[all[j].1.clone()].iter().copied()).collect());
        }
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_where_another_thread_is_chosen() {
        let of = blocks(&[0, 0, 1, DATA | 3, 1, 0]);
        assert_eq!(of, [(0, 0..2), (1, 2..5), (0, 5..6)]);
    }

    #[test]
    fn a_block_joins_its_neighbours_or_comes_last_and_takes_its_values_along() {
        let all = moved(&[0, 1, DATA | 3, 0, 1]);
        // The last block: after the one before it of its thread, or where it is.
        assert_eq!(all[0], [0, 1, DATA | 3, 1, 0]);
        assert_eq!(all[1], [0, 1, DATA | 3, 0, 1]);
        // The first block: before the next of its thread, or last.
        let first = &all[all.len() - 2..];
        assert_eq!(first, [vec![1, DATA | 3, 0, 0, 1], vec![1, DATA | 3, 0, 1, 0]]);
        assert!(all.iter().all(|c| c.len() == 5));
    }
}
