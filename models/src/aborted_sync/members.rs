//! Nodes, their incarnations, and sets of them.

use std::fmt;

/// One incarnation of a node. In the order of nodes, then of incarnations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    node: u8,
    incarnation: u8,
}

/// Bits of a [`Members`] for one node.
const INCARNATIONS: u8 = 4;

impl Member {
    /// Incarnation 0 to 3 of node 0 to 3.
    pub const fn new(node: u8, incarnation: u8) -> Self {
        assert!(incarnation < INCARNATIONS);
        Member { node, incarnation }
    }

    /// As an index, below 16.
    pub const fn index(self) -> usize {
        (self.node * INCARNATIONS + self.incarnation) as usize
    }

    pub fn node(self) -> u8 {
        self.node
    }

    /// The same node, started again.
    pub fn restarted(self) -> Self {
        Member::new(self.node, self.incarnation + 1)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.incarnation {
            0 => write!(f, "node {}", self.node),
            n => write!(f, "node {}, started again {n} times", self.node),
        }
    }
}

impl Member {
    /// `2`, and with a stroke for each time it was started again: `2'`.
    pub fn short(self) -> String {
        format!("{}{}", self.node, "'".repeat(self.incarnation.into()))
    }
}

/// A set of members.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Members(u16);

impl Members {
    pub const fn of<const N: usize>(members: [Member; N]) -> Self {
        let (mut set, mut i) = (Members(0), 0);
        while i < N {
            set = set.with(members[i]);
            i += 1;
        }
        set
    }

    pub const fn with(self, member: Member) -> Self {
        Members(self.0 | 1 << member.index())
    }

    pub const fn without(self, member: Member) -> Self {
        Members(self.0 & !(1 << member.index()))
    }

    pub fn contains(self, member: Member) -> bool {
        self.0 & 1 << member.index() != 0
    }

    /// All there could be, by index.
    pub fn all() -> impl Iterator<Item = Member> {
        (0..4).flat_map(|node| (0..INCARNATIONS).map(move |i| Member::new(node, i)))
    }

    /// In their order.
    pub fn iter(self) -> impl Iterator<Item = Member> {
        Members::all().filter(move |m| self.contains(*m))
    }
}

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<String> = self.iter().map(Member::short).collect();
        write!(f, "[{}]", members.join(", "))
    }
}
