//! openais: after a change of membership a node does not get a message that another node has, because everybody says to
//! have received everything.
//!
#![doc = include_str!("lesson.md")]

mod miniature;
mod staged;

use crate::spawn;
use miniature::{ClearsOwn, ComparesPositions, ComparesRings, Miniature, OwnFlag};
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::sync::{Arc, Mutex, Named, Shown};
use staged::Staged;

/// What a member writes on the commit token.
#[derive(Clone, Copy)]
struct Entry {
    /// The configuration that it comes from: the numbers of messages mean something in there only.
    ring: u64,
    /// It has every message of that ring up to this one.
    received: u64,
    /// The newest that it has heard of.
    newest: u64,
}

/// Two members of the old ring, and a third that comes from another.
const MEMBERS: usize = 3;
const JOINER: usize = 2;
const JOINER_ENTRY: Entry = Entry { ring: 9, received: 7, newest: 7 };

/// The seam between the variants: what the members conclude from the token.
trait CommitToken: Send + Sync + 'static {
    fn new() -> Self;
    /// The token is at `member`.
    fn stamp(&self, member: usize, entry: Entry);
    /// The token has been everywhere: up to which message does `member` wait for others to send again? `None`: it does not.
    fn recover(&self, member: usize) -> Option<u64>;
}

/// A member of the old ring. Once the token has been there, it takes no message of the old ring any more.
struct Member {
    received: u64,
    gathered: bool,
}

impl Member {
    fn shown(&self) -> String {
        format!("has {}{}", self.received, if self.gathered { ", takes no more" } else { "" })
    }
}

/// A change of membership.
struct Change<T> {
    members: [Mutex<Member>; 2],
    token: T,
}

impl<T: CommitToken> Change<T> {
    /// Both have messages up to 1.
    fn new() -> Self {
        let member = |i| {
            let member = Mutex::new(Member { received: 1, gathered: false });
            member.named_with(|| format!("member {i}")).shown(Member::shown)
        };
        Change { members: [0, 1].map(member), token: T::new() }
    }

    /// Message 2 of the old ring has arrived.
    fn arrives(&self, member: usize) {
        note(|| "message 2 arrives".to_owned());
        let mut member = self.members[member].lock();
        if !member.gathered {
            member.received = 2;
        }
    }

    fn token_at(&self, member: usize) {
        note(|| "the token comes".to_owned());
        let received = {
            let mut member = self.members[member].lock();
            member.gathered = true;
            member.received
        };
        // No message is missing in between, in this model: what a member has heard of, it has.
        note(|| format!("member {member} writes {received}"));
        self.token.stamp(member, Entry { ring: 1, received, newest: received });
    }
}

/// The last message of the old ring is under way to both members while the token passes.
fn scenario<T: CommitToken>() -> &'static str {
    let change = Arc::new(Change::<T>::new());
    let network = {
        let change = change.clone();
        spawn("network", move || [0, 1].map(|member| change.arrives(member)))
    };
    let second = {
        let change = change.clone();
        spawn("second", move || change.token_at(1))
    };
    note(|| "member 2 writes 7 of its ring 9".to_owned());
    change.token.stamp(JOINER, JOINER_ENTRY);
    change.token_at(0);
    second.join().unwrap();
    network.join().unwrap();
    let had = [0, 1].map(|member| change.members[member].lock().received);
    let held = had[0].max(had[1]);
    for member in [0, 1] {
        note(|| format!("what is member {member} to wait for?"));
        let waits_for = change.token.recover(member);
        always("recovery-ends", waits_for.is_none_or(|n| n <= held), || {
            format!("member {member} waits for message {waits_for:?} of its ring, which ended with {held}")
        });
        let has = waits_for.unwrap_or(0).max(had[member]);
        always("recoverable-recovered", has == held, || {
            format!("member {member} has messages up to {has}; up to {held} could be had")
        });
    }
    sometimes("one-has-more", had[0] != had[1]);
    sometimes("both-have-all", had == [2, 2]);
    match had {
        [2, 2] => "nothing to recover",
        [1, 1] => "nobody has it",
        _ => "recovered",
    }
}

/// The model.
pub fn model() -> Model {
    const LOST: (&str, Kind) = ("recoverable-recovered", Kind::Assertion);
    const STUCK: (&str, Kind) = ("recovery-ends", Kind::Assertion);
    Model::new("received_flag", "a message that one member has is not sent again to another that lacks it")
        .incident("001")
        .lesson(include_str!("lesson.md"))
        .always("recoverable-recovered", "what one member of the old ring has, the others get")
        .always("recovery-ends", "nobody waits for a message that none of them has")
        .sometimes("one-has-more", "a member has a message that another lacks")
        .sometimes("both-have-all", "nothing has to be sent again")
        .outcome("nothing to recover", Grade::Acceptable, "the message has reached both")
        .outcome("recovered", Grade::Acceptable, "the message has reached one, who sends it to the other")
        .outcome("nobody has it", Grade::Interesting, "the message has reached neither: nobody can send it")
        .variant(
            Variant::buggy("own_flag", scenario::<Miniature<OwnFlag>>, &[LOST]).about(
                "each member says by itself whether it has everything: everything that it has heard of",
            ),
        )
        .variant(
            Variant::wrong_fix("clears_own", scenario::<Miniature<ClearsOwn>>, &[LOST])
                .about("looks right because all compare with those before; the first has nobody before it"),
        )
        .variant(
            Variant::wrong_fix("compares_rings", scenario::<Miniature<ComparesRings>>, &[STUCK]).about(
                "looks right because all positions are compared; those of another ring mean nothing here",
            ),
        )
        .variant(
            Variant::fixed("compares_positions", scenario::<Miniature<ComparesPositions>>)
                .about("upstream's rule: entries of one ring are compared, and those behind lose their flag"),
        )
        .variant(
            Variant::fixed("staged_positions", scenario::<Staged>)
                .about("StagedCommit: no flag; who lacks what is computed when the positions are complete"),
        )
}
