//! openais: a message that arrives while the membership is changing is delivered in a configuration that it was not sent in.
//!
#![doc = include_str!("lesson.md")]

mod miniature;
mod tagged;

use crate::spawn;
use miniature::{AnyState, CheckThenDeliver, DeliversAndRefuses, Miniature, OperationalOnly};
use selvedge::check::{Grade, Kind, Model, Variant, always, note, sometimes};
use selvedge::sync::{Arc, AtomicU32, Named, Ordering};
use tagged::Tagged;

/// The number of a configuration.
type Configuration = u64;

/// The one that the node is in, and the next.
const OLD: Configuration = 1;
const NEW: Configuration = 2;

/// The seam between the variants: how a node receives.
trait Node: Send + Sync + Sized + 'static {
    /// Operational in configuration `OLD`.
    fn new() -> Self;
    /// The membership is to change: who is there?
    fn gather(&self);
    /// The members of `NEW` are agreed on.
    fn commit(&self);
    /// Operational in `NEW`: the application is told its members.
    fn install(&self);
    /// A message that was sent in `sent` has arrived: delivers it, or refuses it.
    fn receive(&self, sent: Configuration, deliver: impl FnOnce()) -> bool;
    /// The configuration that the application was told of last.
    fn view(&self) -> Configuration;
}

/// A message has arrived; it was delivered `times` before. Was it delivered now?
fn arrives<N: Node>(node: &N, sent: Configuration, times: &AtomicU32) -> bool {
    note(|| format!("a message sent in configuration {sent} arrives"));
    node.receive(sent, || {
        let view = node.view();
        always("own-configuration", view == sent, || {
            format!("a message sent in configuration {sent} was delivered in {view}")
        });
        // Relaxed: by one thread at a time, and read when all are joined.
        times.fetch_add(1, Ordering::Relaxed);
    })
}

/// A message of the old configuration and one of the new: the second is from a member that has installed it already. Both
/// arrive at any point of the change.
fn scenario<N: Node>() -> &'static str {
    let node = Arc::new(N::new());
    let [old_times, times] = ["old", "new"]
        .map(|name| Arc::new(AtomicU32::new(0).named_with(|| format!("deliveries of the {name} message"))));
    let [old, new] = [("old", OLD, old_times), ("new", NEW, times.clone())].map(|(name, sent, times)| {
        let node = node.clone();
        spawn(name, move || arrives(&*node, sent, &times))
    });
    note(|| "enters GATHER".to_owned());
    node.gather();
    note(|| "enters COMMIT".to_owned());
    node.commit();
    note(|| "installs the new configuration".to_owned());
    node.install();
    let (old, new) = (old.join().unwrap(), new.join().unwrap());
    // What is refused is missing in the sequence of its configuration, and sent again as long as that lasts.
    let again = !new && arrives(&*node, NEW, &times);
    let times = times.load(Ordering::Relaxed);
    always("delivered-once", times == 1, || {
        format!("the message of the new configuration was delivered {times} times")
    });
    sometimes("too-early", again);
    sometimes("too-late", !old);
    match (old, again) {
        (true, false) => "both in time",
        (true, true) => "one early",
        (false, false) => "one late",
        (false, true) => "one late, one early",
    }
}

/// The model.
pub fn model() -> Model {
    const WRONG: (&str, Kind) = ("own-configuration", Kind::Assertion);
    Model::new(
        "wrong_configuration_delivery",
        "a message is delivered in another configuration than the one that it was sent in",
    )
    .incident("001")
    .lesson(include_str!("lesson.md"))
    .always(
        "own-configuration",
        "a message is delivered in the configuration that it was sent in, or not at all",
    )
    .always("delivered-once", "a message of the configuration that stays is delivered, once")
    .sometimes("too-early", "a message arrives before its configuration is installed")
    .sometimes("too-late", "a message arrives when its configuration is over")
    .outcome("both in time", Grade::Acceptable, "each message arrives in its configuration")
    .outcome("one early", Grade::Interesting, "refused, and sent again when its configuration is installed")
    .outcome("one late", Grade::Interesting, "refused for good: to have it before is the recovery's part")
    .outcome("one late, one early", Grade::Interesting, "both are refused, and one is sent again")
    .variant(
        Variant::buggy("any_state", scenario::<Miniature<AnyState>>, &[WRONG])
            .about("whatever arrives is delivered, in GATHER and COMMIT as well"),
    )
    .variant(
        Variant::wrong_fix("operational_only", scenario::<Miniature<OperationalOnly>>, &[WRONG]).about(
            "looks right because nothing is delivered during a change; an old message may come after it",
        ),
    )
    .variant(
        Variant::wrong_fix("check_then_deliver", scenario::<Miniature<CheckThenDeliver>>, &[WRONG])
            .about("looks right because configurations are compared; the next is installed before delivery"),
    )
    .variant(
        Variant::fixed("tagged", scenario::<Tagged>)
            .about("StagedCommit: messages carry their epoch, and are delivered while that is pinned"),
    )
    .falsifier(
        "delivered-once",
        Kind::Assertion,
        scenario::<Miniature<DeliversAndRefuses>>,
        "a message that was delivered is refused, and so sent again",
    )
}
