//! Dense numbers for locations, from structural names that are the same in every execution.

use crate::check::event::{ObjectId, ThreadId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// A location's structural name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Name {
    /// An object of the facade.
    Object(ObjectId),
    /// A thread's park token.
    Park(ThreadId),
    /// The flag that wakes one waiter in one wait.
    Wake(u16),
}

/// Shared by all workers of a search, so that graphs mean the same to each.
pub type Names = Arc<Mutex<HashMap<Name, u32>>>;

#[derive(Clone, Copy)]
struct Object {
    initial: u64,
    creator: u8,
    /// Events its creator had executed at creation.
    at: u16,
}

/// The locations of one worker.
#[derive(Default)]
pub struct Locations {
    names: Names,
    objects: Vec<Vec<u32>>,
    others: HashMap<Name, u32>,
    /// By location, of this execution.
    live: Vec<Object>,
}

const UNKNOWN: u32 = u32::MAX;
const OLD: Object = Object { initial: 0, creator: 0, at: 0 };

impl Locations {
    pub fn new(names: Names) -> Self {
        Locations { names, objects: Vec::new(), others: HashMap::new(), live: Vec::new() }
    }

    fn intern(&self, n: Name) -> u32 {
        let mut names = self.names.lock().unwrap_or_else(|e| e.into_inner());
        let next = names.len() as u32;
        *names.entry(n).or_insert(next)
    }

    fn slot(&mut self, loc: u32) -> &mut Object {
        if self.live.len() <= loc as usize {
            self.live.resize(loc as usize + 1, OLD);
        }
        &mut self.live[loc as usize]
    }

    pub fn object(&mut self, o: ObjectId) -> u32 {
        let (c, n) = (o.creator().0 as usize, o.nth() as usize);
        match self.objects.get(c).and_then(|v| v.get(n)) {
            Some(&loc) if loc != UNKNOWN => loc,
            _ => {
                let loc = self.intern(Name::Object(o));
                if self.objects.len() <= c {
                    self.objects.resize_with(c + 1, Vec::new);
                }
                if self.objects[c].len() <= n {
                    self.objects[c].resize(n + 1, UNKNOWN);
                }
                self.objects[c][n] = loc;
                self.slot(loc);
                loc
            }
        }
    }

    /// A location that is not an object of the program: initially 0, known to everybody.
    pub fn other(&mut self, n: Name) -> u32 {
        if let Some(&loc) = self.others.get(&n) {
            return loc;
        }
        let loc = self.intern(n);
        self.others.insert(n, loc);
        *self.slot(loc) = Object { initial: 0, creator: u8::MAX, at: 0 };
        loc
    }

    pub fn created(&mut self, o: ObjectId, initial: u64, creator: ThreadId, at: usize) {
        let loc = self.object(o);
        *self.slot(loc) = Object { initial, creator: creator.0, at: at as u16 };
    }

    pub fn initial(&self, loc: u32) -> u64 {
        self.live[loc as usize].initial
    }

    /// Who created it, and after how many of its events; `None` for internal locations.
    pub fn birth(&self, loc: u32) -> Option<(usize, u32)> {
        let o = &self.live[loc as usize];
        (o.creator != u8::MAX).then_some((o.creator as usize, o.at as u32))
    }
}
