//! The receiver of the incident in miniature: a new database is built beside the old one and takes its place in the end.
//! What the variants disagree about is left to a [`Rule`]; each has its marked line.

use super::{Checkpoint, Database, Message, Receiver, always};
use selvedge::check::note;
use selvedge::sync::{Mutex, Named, Shown};
use std::marker::PhantomData;

/// The seam: a section has arrived whose checkpoint has not.
pub trait Rule: Send + Sync + 'static {
    fn unknown_checkpoint(next: &mut Database, of: char, section: u8);
}

/// The incident.
pub struct Asserts;

impl Rule for Asserts {
    fn unknown_checkpoint(_: &mut Database, of: char, _: u8) {
        note(|| format!("there is no checkpoint {of}: dies"));
        // BUG: what a stranger sends is no invariant of this process.
        always("handler-survives", false, || format!("assertion failed: checkpoint {of:?} is known"));
    }
}

/// Goes on without it.
pub struct DropsSection;

impl Rule for DropsSection {
    fn unknown_checkpoint(_: &mut Database, of: char, section: u8) {
        // BUG: nobody is told, so nobody sends it again.
        note(|| format!("there is no checkpoint {of}: drops section {section}"));
    }
}

/// Makes a place for it.
pub struct CreatesCheckpoint;

impl Rule for CreatesCheckpoint {
    fn unknown_checkpoint(next: &mut Database, of: char, section: u8) {
        // BUG: from now on there is a checkpoint of this name, and the one that was sent is a duplicate.
        note(|| format!("there is no checkpoint {of}: makes one for section {section}"));
        next.push(Checkpoint { name: of, retention: 0, sections: vec![section] });
    }
}

struct Databases {
    now: Database,
    next: Database,
}

impl Databases {
    fn shown(&self) -> String {
        if self.next.is_empty() {
            format!("in use {}", shown(&self.now))
        } else {
            format!("next {}", shown(&self.next))
        }
    }
}

/// `[c, kept 5, with 1]`.
fn shown(database: &Database) -> String {
    let checkpoint = |c: &Checkpoint| {
        let sections: Vec<String> = c.sections.iter().map(u8::to_string).collect();
        let with = if sections.is_empty() { String::new() } else { format!(" with {}", sections.join(", ")) };
        format!("{} kept {}{with}", c.name, c.retention)
    };
    format!("[{}]", database.iter().map(checkpoint).collect::<Vec<_>>().join("; "))
}

/// A node with this rule.
pub struct Miniature<R> {
    databases: Mutex<Databases>,
    rule: PhantomData<R>,
}

impl<R: Rule> Receiver for Miniature<R> {
    fn new() -> Self {
        let databases = Databases { now: Vec::new(), next: Vec::new() };
        let databases = Mutex::new(databases).named("databases").shown(Databases::shown);
        Miniature { databases, rule: PhantomData }
    }
    fn begin(&self) {
        self.databases.lock().next.clear();
    }
    fn receive(&self, message: Message) {
        let mut databases = self.databases.lock();
        let next = &mut databases.next;
        match message {
            Message::Checkpoint { name, retention } if next.iter().all(|c| c.name != name) => {
                next.push(Checkpoint { name, retention, sections: Vec::new() });
            }
            Message::Checkpoint { name, .. } => {
                note(|| format!("there is a checkpoint {name} already: ignores it"))
            }
            Message::Section { of, section } => match next.iter_mut().find(|c| c.name == of) {
                Some(checkpoint) => checkpoint.sections.push(section),
                None => R::unknown_checkpoint(next, of, section),
            },
        }
    }
    fn end(&self) -> bool {
        let mut databases = self.databases.lock();
        databases.now = std::mem::take(&mut databases.next);
        true
    }
    fn database(&self) -> Database {
        self.databases.lock().now.clone()
    }
}
