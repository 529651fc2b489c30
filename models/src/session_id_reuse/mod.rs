//! NetApp CONTAP-497562: a delayed reply is applied to the new session that has the same id.
//!
#![doc = include_str!("lesson.md")]

mod miniature;
mod rules;
mod tagged;
mod uncounted;

use crate::spawn;
use miniature::Miniature;
use rules::{CheckThenApply, CompareWithoutClaim, IdOnly, NarrowGeneration, NullCheck, Quarantine};
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::sync::Arc;
use tagged::Tagged;
use uncounted::Uncounted;

/// What travels through the network and comes back with the reply.
type Token = u64;

/// What the opener has of a connection that it opened.
#[derive(Clone, Copy)]
struct Opened {
    /// Names this incarnation and no other. It stays on the node: what is done with it does not wait in a network.
    own: u64,
    /// Goes out with the bind.
    token: Token,
}

/// What became of a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reply {
    /// It was applied to this incarnation; had that one a session to look at?
    Applied { to: u32, attached: bool },
    /// It was dropped.
    Refused,
}

/// The seam between the variants: the table of connections, which has room for one.
trait Connections: Send + Sync + Sized + 'static {
    fn new() -> Self;
    /// A new incarnation in state "bind sent", without a session yet. `None`: the last one is still there.
    fn open(&self, incarnation: u32) -> Option<Opened>;
    /// The incarnation gets its session.
    fn attach(&self, own: u64);
    /// Tears the connection down and says which incarnation that ended.
    fn close(&self, own: u64) -> Option<u32>;
    /// Some time has passed since the last close.
    fn time_passes(&self) {}
    /// The reply to a bind: the connection ends with the code `EXISTS`, and its session is looked at.
    fn bind_reply(&self, token: Token) -> Reply;
    /// Closes and replies refused so far.
    fn refused(&self) -> u64;
}

/// What is asked of the table.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    /// That the node does not panic.
    NoPanic,
    /// And that every reply and every close ends the incarnation that it is for, and no other.
    Everything,
}

/// The first connection is torn down while the reply to its bind is under way, and opened again, up to incarnation `last`.
fn late_reply<C: Connections>(last: u32, asked: Asked) -> &'static str {
    let table = Arc::new(C::new());
    note(|| "opens incarnation 1".to_owned());
    let first = table.open(1).expect("the table is empty");
    note(|| "attaches its session, sends bind 1".to_owned());
    table.attach(first.own);
    // The answer is somewhere in the network until the receiver runs.
    let receiver = {
        let table = table.clone();
        spawn("receiver", move || receive(&*table, first.token, 1, asked))
    };
    let opener = {
        let table = table.clone();
        spawn("opener", move || reopen(&*table, last))
    };
    note(|| "the outage closes incarnation 1".to_owned());
    let closed_first = table.close(first.own);
    table.time_passes();
    let (opened, newest, timed_out) = opener.join().unwrap();
    let mut closed = vec![(1, closed_first)];
    closed.extend(timed_out);
    let mut replies = vec![receiver.join().unwrap()];
    sometimes("late-reply-refused", opened > 1 && replies[0] == Reply::Refused);
    sometimes("reply-in-time", matches!(replies[0], Reply::Applied { to: 1, .. }));
    if matches!(replies[0], Reply::Applied { to, .. } if to != 1) {
        return "new session failed";
    }
    if let Some(newest) = newest {
        // The newest bind is answered as well.
        replies.push(receive(&*table, newest.token, opened, asked));
    }
    for (meant, ended) in &closed {
        always("own-incarnation", ended.is_none_or(|e| e == *meant), || {
            format!("closing incarnation {meant} closed {ended:?}")
        });
    }
    for incarnation in 1..=opened {
        let ends = closed.iter().filter(|(_, c)| *c == Some(incarnation)).count()
            + replies.iter().filter(|r| matches!(r, Reply::Applied { to, .. } if *to == incarnation)).count();
        always("one-outcome", ends == 1, || format!("incarnation {incarnation} ended {ends} times"));
    }
    let refused = closed.iter().filter(|(_, c)| c.is_none()).count()
        + replies.iter().filter(|r| **r == Reply::Refused).count();
    always("refusals-counted", table.refused() == refused as u64, || {
        format!("{refused} refusals were counted as {}", table.refused())
    });
    if opened == 1 {
        "not reopened"
    } else if replies[0] == Reply::Refused {
        "late reply refused"
    } else {
        "reply in time"
    }
}

/// A close: which incarnation was meant, and which one it ended.
type Closed = (u32, Option<u32>);

/// Opens incarnations 2 to `last`, each as soon as the bind of the one before has timed out. How far it came, what it has
/// of the one that is open, and what its closes did.
fn reopen<C: Connections>(table: &C, last: u32) -> (u32, Option<Opened>, Vec<Closed>) {
    let (mut opened, mut newest, mut closed) = (1, None::<Opened>, Vec::new());
    for incarnation in 2..=last {
        if let Some(connection) = newest {
            note(|| format!("gives incarnation {} up", incarnation - 1));
            closed.push((incarnation - 1, table.close(connection.own)));
        }
        note(|| format!("opens incarnation {incarnation}"));
        newest = table.open(incarnation);
        let Some(connection) = newest else { break };
        opened = incarnation;
        note(|| format!("attaches its session, sends bind {incarnation}"));
        table.attach(connection.own);
    }
    (opened, newest, closed)
}

/// The receive thread: the reply to the bind of `incarnation` has arrived.
fn receive<C: Connections>(table: &C, token: Token, incarnation: u32, asked: Asked) -> Reply {
    note(|| format!("receives the reply to bind {incarnation}"));
    let reply = table.bind_reply(token);
    if let Reply::Applied { to, attached } = reply {
        // The handler dereferences before anybody could see whose session it is.
        always("session-attached", attached, || {
            format!(
                "the reply to bind {incarnation} met incarnation {to}, and its handler dereferenced the null session"
            )
        });
        always("own-incarnation", to == incarnation || asked == Asked::NoPanic, || {
            format!("the reply to bind {incarnation} was applied to incarnation {to}")
        });
    }
    reply
}

/// The model.
pub fn model() -> Model {
    use Asked::{Everything, NoPanic};
    const WRONG: (&str, Kind) = ("own-incarnation", Kind::Assertion);
    const NULL: (&str, Kind) = ("session-attached", Kind::Assertion);
    const ENDS: (&str, Kind) = ("one-outcome", Kind::Assertion);
    Model::new("session_id_reuse", "a delayed reply is applied to the new session that has the same id")
        .incident("000")
        .lesson(include_str!("lesson.md"))
        .always("session-attached", "a handler never uses a session that is not there")
        .always("own-incarnation", "a reply or close made for one incarnation never changes another")
        .always("one-outcome", "each open has exactly one outcome: a reply or a close")
        .always("refusals-counted", "a reply for a closed incarnation is counted and dropped")
        .sometimes("late-reply-refused", "the id has been given out again, and the reply to the first bind is refused")
        .sometimes("reply-in-time", "the reply finds its incarnation")
        .outcome("not reopened", Grade::Acceptable, "the old connection is still there when the opener comes")
        .outcome("late reply refused", Grade::Interesting, "the id has been given out again, and the reply to the first bind is refused: its incarnation is closed")
        .outcome("reply in time", Grade::Acceptable, "the reply is applied to the session that asked")
        .outcome("new session failed", Grade::Interesting, "the reply comes a moment later, when the new session is there: no panic, and the wrong session gets it")
        .variant(
            Variant::buggy("id_only", || late_reply::<Miniature<IdOnly>>(2, NoPanic), &[NULL])
                .about("the reply is matched by the id of the connection, which is used again"),
        )
        .variant(
            Variant::wrong_fix("null_check", || late_reply::<Miniature<NullCheck>>(2, Everything), &[WRONG])
                .about("looks right because nothing crashes any more; but session 2 gets the reply of session 1"),
        )
        .variant(
            Variant::wrong_fix("quarantine", || late_reply::<Miniature<Quarantine>>(2, Everything), &[WRONG])
                .about("looks right because replies come within that time; one that is delayed longer meets the next session"),
        )
        .variant(
            Variant::wrong_fix("check_then_apply", || late_reply::<Miniature<CheckThenApply>>(2, Everything), &[WRONG])
                .about("looks right because both comparing and applying are locked; but not in the same hold of the lock"),
        )
        .variant(
            Variant::wrong_fix("compare_without_claim", || late_reply::<Miniature<CompareWithoutClaim>>(2, Everything), &[ENDS])
                .about("looks right because no other session gets the reply; but the session that it ended can be ended again"),
        )
        .variant(
            Variant::wrong_fix("narrow_generation", || late_reply::<Miniature<NarrowGeneration<1>>>(3, Everything), &[WRONG])
                .about("looks right because the last generation is told from this one; after 2^k incarnations they come round"),
        )
        .variant(
            Variant::fixed("narrow_generation_below", || late_reply::<Miniature<NarrowGeneration<2>>>(3, Everything))
                .canary()
                .about("no fix: the same code with one bit more holds for these three incarnations, and breaks at five"),
        )
        .variant(
            // As many incarnations as break `narrow_generation`.
            Variant::fixed("generation_tagged", || late_reply::<Tagged>(3, Everything))
                .about("SessionTable: the whole generation travels, compare and claim are one exchange"),
        )
        .falsifier(
            "refusals-counted",
            Kind::Assertion,
            || late_reply::<Uncounted>(3, Everything),
            "the table refuses, and counts nothing",
        )
}
