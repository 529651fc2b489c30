//! Relations over at most 64 events, as the axioms are written in: composition, union, closure.

/// Row `i` has bit `j` iff the pair (i, j) is in the relation.
#[derive(Clone, Copy)]
pub struct Rel {
    n: usize,
    row: [u64; 64],
}

/// A set of events.
pub type Set = u64;

impl Rel {
    pub fn empty(n: usize) -> Rel {
        assert!(n <= 64, "the oracle is for programs of at most 64 events");
        Rel { n, row: [0; 64] }
    }
    /// The identity on a set: `[s]`.
    pub fn on(n: usize, s: Set) -> Rel {
        let mut r = Rel::empty(n);
        (0..n).filter(|i| s >> i & 1 == 1).for_each(|i| r.add(i, i));
        r
    }
    pub fn add(&mut self, i: usize, j: usize) {
        self.row[i] |= 1 << j;
    }
    pub fn has(&self, i: usize, j: usize) -> bool {
        self.row[i] >> j & 1 == 1
    }
    pub fn or(mut self, other: &Rel) -> Rel {
        (0..self.n).for_each(|i| self.row[i] |= other.row[i]);
        self
    }
    pub fn and(mut self, other: &Rel) -> Rel {
        (0..self.n).for_each(|i| self.row[i] &= other.row[i]);
        self
    }
    pub fn minus(mut self, other: &Rel) -> Rel {
        (0..self.n).for_each(|i| self.row[i] &= !other.row[i]);
        self
    }
    /// `self ; other`.
    pub fn then(&self, other: &Rel) -> Rel {
        let mut r = Rel::empty(self.n);
        for i in 0..self.n {
            let mut m = self.row[i];
            while m != 0 {
                r.row[i] |= other.row[m.trailing_zeros() as usize];
                m &= m - 1;
            }
        }
        r
    }
    /// `self?`.
    pub fn maybe(mut self) -> Rel {
        (0..self.n).for_each(|i| self.row[i] |= 1 << i);
        self
    }
    /// `self+`.
    pub fn plus(mut self) -> Rel {
        for k in 0..self.n {
            for i in 0..self.n {
                if self.has(i, k) {
                    self.row[i] |= self.row[k];
                }
            }
        }
        self
    }
    /// The converse.
    pub fn inverse(&self) -> Rel {
        let mut r = Rel::empty(self.n);
        for i in 0..self.n {
            (0..self.n).filter(|&j| self.has(i, j)).for_each(|j| r.add(j, i));
        }
        r
    }
    /// `[from] ; self ; [to]`.
    pub fn between(mut self, from: Set, to: Set) -> Rel {
        for i in 0..self.n {
            self.row[i] = if from >> i & 1 == 1 { self.row[i] & to } else { 0 };
        }
        self
    }
    pub fn is_empty(&self) -> bool {
        self.row.iter().all(|&r| r == 0)
    }
    pub fn irreflexive(&self) -> bool {
        (0..self.n).all(|i| !self.has(i, i))
    }
    pub fn acyclic(self) -> bool {
        self.plus().irreflexive()
    }
}
