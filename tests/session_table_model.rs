//! `SessionTable` against a reference that remembers every session it ever opened: random histories of open, get,
//! close, complete and of guards and claims given up, in one thread.

use proptest::prelude::*;
use selvedge::session_table::{Claim, Completion, Guard, Limits, Rejected, SessionId, SessionTable};
use std::cell::RefCell;
use std::collections::HashMap;

/// One step; numbers pick among what exists, modulo how many there are.
#[derive(Clone, Debug)]
enum Step {
    Open,
    Get(usize),
    Close(usize),
    Complete(usize),
    DropGuard(usize),
    DropClaim(usize),
    TakeClaim(usize),
    Iterate,
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0usize..64;
    prop_oneof![
        4 => Just(Step::Open),
        3 => n.clone().prop_map(Step::Get),
        2 => n.clone().prop_map(Step::Close),
        2 => n.clone().prop_map(Step::Complete),
        2 => n.clone().prop_map(Step::DropGuard),
        1 => n.clone().prop_map(Step::DropClaim),
        1 => n.prop_map(Step::TakeClaim),
        1 => Just(Step::Iterate),
    ]
}

/// A value that says when it goes.
struct Value<'a>(u32, &'a RefCell<Vec<u32>>);

impl Drop for Value<'_> {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

/// What the reference knows of a session.
#[derive(Default)]
struct Session {
    closed: bool,
    guards: usize,
}

impl Session {
    fn alive(&self) -> bool {
        !self.closed || self.guards > 0
    }
}

#[derive(Default)]
struct Reference {
    /// Session n has the n-th id.
    ids: Vec<SessionId>,
    sessions: Vec<Session>,
    by_id: HashMap<SessionId, u32>,
    stale: u64,
    full: u64,
}

impl Reference {
    fn alive(&self) -> usize {
        self.sessions.iter().filter(|s| s.alive()).count()
    }
    /// Slots whose last generation is over.
    fn retired(&self, generations: u64) -> usize {
        self.ids
            .iter()
            .zip(&self.sessions)
            .filter(|(id, s)| id.generation() == generations && !s.alive())
            .count()
    }
}

fn history(capacity: usize, generations: u64, steps: &[Step]) -> Result<(), TestCaseError> {
    let gone = RefCell::new(Vec::new());
    let table = SessionTable::with_limits(Limits { capacity, generations }).unwrap();
    let mut guards: Vec<(u32, Guard<'_, Value<'_>>)> = Vec::new();
    let mut claims: Vec<(u32, Claim<'_, Value<'_>>)> = Vec::new();
    let mut known = Reference::default();
    for step in steps {
        let picked =
            |n: usize| known.ids.get(n % known.ids.len().max(1)).map(|id| (n % known.ids.len(), *id));
        match *step {
            Step::Open => {
                let name = known.ids.len() as u32;
                let room = known.alive() + known.retired(generations) < capacity;
                match table.open(Value(name, &gone)) {
                    Ok(id) => {
                        prop_assert!(room, "opened beyond the capacity");
                        prop_assert!(known.by_id.insert(id, name).is_none(), "{} was issued twice", id);
                        prop_assert!((id.index() as usize) < capacity && id.generation() <= generations);
                        known.ids.push(id);
                        known.sessions.push(Session::default());
                    }
                    Err(full) => {
                        prop_assert!(!room, "refused although a slot was free");
                        known.full += 1;
                        std::mem::forget(full);
                    }
                }
            }
            Step::Get(n) => {
                let Some((n, id)) = picked(n) else { continue };
                match table.lookup(id) {
                    Ok(guard) => {
                        prop_assert!(!known.sessions[n].closed);
                        known.sessions[n].guards += 1;
                        guards.push((n as u32, guard));
                    }
                    Err(why) => {
                        prop_assert_eq!(why, Rejected::Stale);
                        prop_assert!(known.sessions[n].closed);
                    }
                }
            }
            Step::Close(n) => {
                let Some((n, id)) = picked(n) else { continue };
                prop_assert_eq!(table.close(id).is_ok(), !known.sessions[n].closed);
                known.stale += u64::from(known.sessions[n].closed);
                known.sessions[n].closed = true;
            }
            Step::Complete(n) => {
                let Some((n, id)) = picked(n) else { continue };
                match table.complete(id) {
                    Completion::Taken(claim) => {
                        prop_assert!(!known.sessions[n].closed);
                        known.sessions[n].closed = true;
                        known.sessions[n].guards += 1;
                        claims.push((n as u32, claim));
                    }
                    Completion::Stale => {
                        prop_assert!(known.sessions[n].closed);
                        known.stale += 1;
                    }
                    Completion::Vacant => prop_assert!(false, "{} was issued", id),
                }
            }
            Step::DropGuard(n) if !guards.is_empty() => {
                let (name, guard) = guards.swap_remove(n % guards.len());
                prop_assert_eq!(guard.0, name);
                drop(guard);
                known.sessions[name as usize].guards -= 1;
            }
            Step::DropClaim(n) if !claims.is_empty() => {
                let (name, claim) = claims.swap_remove(n % claims.len());
                prop_assert_eq!(claim.0, name);
                drop(claim);
                known.sessions[name as usize].guards -= 1;
            }
            Step::TakeClaim(n) if !claims.is_empty() => {
                let (name, claim) = claims.swap_remove(n % claims.len());
                match claim.try_into_inner() {
                    Ok(value) => {
                        prop_assert_eq!((value.0, known.sessions[name as usize].guards), (name, 1));
                        known.sessions[name as usize].guards = 0;
                    }
                    Err(claim) => {
                        prop_assert!(known.sessions[name as usize].guards > 1, "refused although alone");
                        claims.push((name, claim));
                    }
                }
            }
            Step::DropGuard(_) | Step::DropClaim(_) | Step::TakeClaim(_) => {}
            Step::Iterate => {
                let mut seen: Vec<u32> = table.iter().map(|session| session.0).collect();
                seen.sort_unstable();
                let open = |n: &u32| !known.sessions[*n as usize].closed;
                let expected: Vec<u32> = (0..known.sessions.len() as u32).filter(open).collect();
                prop_assert_eq!(seen, expected);
            }
        }
        for (name, guard) in &guards {
            prop_assert_eq!(guard.0, *name);
        }
        let mut dead = gone.borrow().clone();
        dead.sort_unstable();
        let over = |n: &u32| !known.sessions[*n as usize].alive();
        let expected: Vec<u32> = (0..known.sessions.len() as u32).filter(over).collect();
        prop_assert_eq!(dead, expected, "a value lives as long as its session is open or guarded");
        let counters = table.counters();
        prop_assert_eq!((counters.stale, counters.vacant, counters.full), (known.stale, 0, known.full));
        prop_assert_eq!(counters.retired as usize, known.retired(generations));
    }
    let opened = known.ids.len();
    drop((guards, claims));
    drop(table);
    prop_assert_eq!(gone.borrow().len(), opened, "every value is destroyed once");
    Ok(())
}

proptest! {
    #[test]
    fn any_history_agrees_with_the_reference(
        capacity in 1usize..4,
        generations in 1u64..6,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        history(capacity, generations, &steps)?;
    }
}
