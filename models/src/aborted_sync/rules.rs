//! The rules by which the broken variants handle a change; each has its marked line.

use super::miniature::{Rule, State};
use super::{Member, Members};

fn first_of(candidates: Members, members: Members) -> Option<Member> {
    candidates.iter().find(|m| members.contains(*m))
}

fn completed(state: &State) -> String {
    format!("from {}, who completed the last", state.completed)
}

/// The incident: the list of old members is replaced when a round begins.
pub struct NoAbort;

impl Rule for NoAbort {
    fn source(state: &State, members: Members) -> Option<Member> {
        // BUG: these began a round. If it was aborted, who joined in it has nothing yet.
        first_of(state.begun, members)
    }
    fn why(state: &State) -> String {
        format!("from {}, who began the last", state.begun)
    }
}

/// Changes are left for later while a round is under way.
pub struct IgnoreChanges;

impl Rule for IgnoreChanges {
    /// BUG: the round goes on without its source, and activates what has arrived by then.
    const CHANGES_WAIT: bool = true;
    fn source(state: &State, members: Members) -> Option<Member> {
        first_of(state.completed, members)
    }
    fn why(state: &State) -> String {
        completed(state)
    }
}

/// Only who completed the last round can be the source; nodes are known by their numbers.
pub struct SourceByNode;

impl Rule for SourceByNode {
    fn source(state: &State, members: Members) -> Option<Member> {
        // BUG: the node with this number may have been started again since, and have nothing.
        members.iter().find(|m| state.completed.iter().any(|c| c.node() == m.node()))
    }
    fn why(state: &State) -> String {
        completed(state) + ", by its number"
    }
}

/// Of no variant: rounds are completed, and what they brought is thrown away.
pub struct ActivatesNothing;

impl Rule for ActivatesNothing {
    const ACTIVATES: bool = false;
    fn source(state: &State, members: Members) -> Option<Member> {
        first_of(state.completed, members)
    }
    fn why(state: &State) -> String {
        completed(state)
    }
}
