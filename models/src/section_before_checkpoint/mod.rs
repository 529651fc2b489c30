//! openais: a section arrives whose checkpoint has not, and the node that asserts that it has dies.
//!
#![doc = include_str!("lesson.md")]

mod miniature;
mod staged;

use crate::spawn;
use miniature::{Asserts, CreatesCheckpoint, DropsSection, Miniature};
use selvedge::check::{EngineKind, Expect, Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::sync::Arc;
use staged::Staged;

/// A checkpoint: its name, what it is configured with, and its sections.
#[derive(Clone, PartialEq, Debug)]
struct Checkpoint {
    name: char,
    /// 0: nobody has said.
    retention: u8,
    sections: Vec<u8>,
}

/// What a node knows of all checkpoints.
type Database = Vec<Checkpoint>;

/// What the source sends.
#[derive(Clone, Copy)]
enum Message {
    Checkpoint { name: char, retention: u8 },
    Section { of: char, section: u8 },
}

const CHECKPOINT: Message = Message::Checkpoint { name: 'c', retention: 5 };
const SECTION: Message = Message::Section { of: 'c', section: 1 };

/// A section came whose checkpoint is not there.
#[derive(Clone, Copy, PartialEq, Debug)]
struct UnknownCheckpoint;

/// The seam between the variants: a node that receives a database.
trait Receiver: Send + Sync + Sized + 'static {
    /// With the database of the last synchronisation, which is empty.
    fn new() -> Self;
    /// The source begins to send.
    fn begin(&self);
    fn receive(&self, message: Message);
    /// The source has sent everything. `false`: not everything has arrived as it should, and it has to begin again.
    fn end(&self) -> bool;
    /// What an application reads.
    fn database(&self) -> Database;
}

/// A checkpoint and its section arrive, in either order; an application reads at any time.
fn scenario<R: Receiver>() -> &'static str {
    let node = Arc::new(R::new());
    note(|| "synchronisation begins".to_owned());
    node.begin();
    let arriving = [("checkpoint", CHECKPOINT), ("section", SECTION)].map(|(name, message)| {
        let node = node.clone();
        spawn(name, move || {
            note(|| format!("the {name} arrives"));
            node.receive(message)
        })
    });
    let application = {
        let node = node.clone();
        spawn("application", move || reads(&*node))
    };
    for message in arriving {
        message.join().unwrap();
    }
    note(|| "synchronisation ends".to_owned());
    let mut ended = node.end();
    sometimes("in-order", ended);
    sometimes("section-first", !ended);
    let at_once = ended;
    if !ended {
        // The source is asked again; this time nothing overtakes anything.
        node.begin();
        for message in [CHECKPOINT, SECTION] {
            node.receive(message);
        }
        ended = node.end();
    }
    application.join().unwrap();
    let database = node.database();
    let sent = [Checkpoint { name: 'c', retention: 5, sections: vec![1] }];
    always("nothing-lost", ended && database == sent, || {
        format!("a checkpoint and its section were sent, and the node has {database:?}")
    });
    if at_once { "in order" } else { "sent again" }
}

/// An application looks at the database.
fn reads<R: Receiver>(node: &R) {
    let database = node.database();
    let whole = |c: &Checkpoint| c.retention != 0 && !c.sections.is_empty();
    always("readers-see-whole", database.iter().all(whole), || format!("an application reads {database:?}"));
}

/// The model.
pub fn model() -> Model {
    const DIES: (&str, Kind) = ("handler-survives", Kind::Assertion);
    const LOST: (&str, Kind) = ("nothing-lost", Kind::Assertion);
    const HALF: (&str, Kind) = ("readers-see-whole", Kind::Assertion);
    Model::new("section_before_checkpoint", "a section arrives before its checkpoint, and the node dies")
        .incident("001")
        .lesson(include_str!("lesson.md"))
        .always("handler-survives", "no message that may arrive ends the process")
        .always("nothing-lost", "in the end the database is the one that was sent")
        .always(
            "readers-see-whole",
            "an application sees a checkpoint with attributes and sections, or not at all",
        )
        .sometimes("in-order", "the section finds its checkpoint")
        .sometimes("section-first", "the section comes first")
        .outcome("in order", Grade::Acceptable, "the section finds its checkpoint")
        .outcome("sent again", Grade::Interesting, "the round is given up, and the source begins again")
        .variant(
            Variant::buggy("asserts", scenario::<Miniature<Asserts>>, &[DIES])
                .about("the handler of a section asserts that the checkpoint is there"),
        )
        .variant(
            Variant::wrong_fix("drops_section", scenario::<Miniature<DropsSection>>, &[LOST, HALF])
                .about("looks right because a section without a checkpoint is of no use; but it was data")
                .expect(EngineKind::Loom, Expect::found(&[HALF]))
                .expect(EngineKind::Exact, Expect::found(&[LOST])),
        )
        .variant(
            Variant::wrong_fix("creates_checkpoint", scenario::<Miniature<CreatesCheckpoint>>, &[LOST, HALF])
                .about(
                    "looks right because the section is kept; but the real checkpoint finds its name taken",
                )
                .expect(EngineKind::Loom, Expect::found(&[HALF]))
                .expect(EngineKind::Exact, Expect::found(&[LOST])),
        )
        .variant(
            Variant::fixed("typed_error", scenario::<Staged>)
                .about("StagedCommit: a typed error ends the round, and the source begins again"),
        )
}
