//! Each pattern with a log for which it must speak, and one for which it must not.

mod ordering;

use super::why;
use crate::check::run::{Flip, Until};
use crate::check::runner::trace::{Trace, TraceEvent, TraceSite, TraceThread};
use crate::check::verdict::Kind;

/// `load x -> 1 (sc)` and the like, by thread; what it wrote is read from the text.
fn event(thread: usize, text: &str) -> TraceEvent {
    let words: Vec<&str> = text.split([' ', '(', ')']).filter(|w| !w.is_empty()).collect();
    let op = match words[0] {
        "CAS" => "cas",
        "swap" | "add" => "rmw",
        "use" => "lifetime",
        word => word,
    };
    let wrote = match (words[0], words.get(2).copied()) {
        ("store", _) => words.get(3).copied(),
        ("swap" | "add", Some(change)) => change.split("->").nth(1),
        ("CAS", Some(change)) if text.contains(" ok") => change.split("->").nth(1),
        _ => None,
    };
    TraceEvent {
        thread,
        op: op.to_owned(),
        object: words.get(1).map(|o| (*o).to_owned()),
        text: text.to_owned(),
        at: format!("src/model.rs:{}", 10 * thread + words.len()),
        wrote: wrote.map(str::to_owned),
        ..TraceEvent::default()
    }
}

fn thread(name: &str) -> TraceThread {
    TraceThread { name: name.to_owned(), pending: None, wants: None, ended: false, note: String::new() }
}

fn trace(log: &[(usize, &str)], flip: Option<(usize, usize)>) -> Trace {
    let flip = flip.map(|(held, other)| Flip::Pair { held, until: Until::Step(other) });
    let critical = match flip {
        Some(Flip::Pair { held, until: Until::Step(other) }) => vec![held, other],
        _ => Vec::new(),
    };
    Trace {
        threads: vec![thread("main"), thread("other")],
        events: log.iter().map(|(who, text)| event(*who, text)).collect(),
        initial: ["x", "y"].map(|o| (o.to_owned(), "0".to_owned())).to_vec(),
        flip: flip.unwrap_or_default(),
        critical,
        ..Trace::empty("p", Kind::Assertion)
    }
}

fn says(t: &Trace) -> String {
    why(t).sentences.join(" ")
}

const LOST: [(usize, &str); 4] =
    [(0, "load x -> 0 (sc)"), (1, "load x -> 0 (sc)"), (1, "store x = 1 (sc)"), (0, "store x = 1 (sc)")];

#[test]
fn an_update_is_lost_where_the_pair_that_decides_is_part_of_it() {
    for pair in [(0, 2), (2, 3), (1, 3)] {
        let said = says(&trace(&LOST, Some(pair)));
        assert!(
            said.contains("step 4 (main) overwrites what step 3 (other) wrote to x")
                && said.contains("at step 1: a lost"),
            "{pair:?}: {said}"
        );
    }
    // What decides is about something else, or nobody knows.
    let mut elsewhere = LOST.to_vec();
    elsewhere.extend([(0, "store y = 1 (sc)"), (1, "load y -> 1 (sc)")]);
    for flip in [Some((4, 5)), None] {
        assert!(!says(&trace(&elsewhere, flip)).contains("a lost update"), "{flip:?}");
    }
}

#[test]
fn what_changed_nothing_has_not_overtaken_anybody() {
    let log = [(0, "swap x 0->1 (sc)"), (1, "swap x 1->1 (sc)"), (0, "store x = 0 (sc)")];
    let said = says(&trace(&log, Some((1, 2))));
    assert_eq!(said, "step 2 (other: swap x 1->1) found x = 1: step 3 (main: store x = 0) came after it.");
}

#[test]
fn a_hold_in_between_matters_only_if_it_decides() {
    let log = [
        (0, "lock m"),
        (0, "unlock m"),
        (1, "lock m"),
        (1, "store y = 1 (sc)"),
        (1, "unlock m"),
        (0, "lock m"),
        (0, "load y -> 1 (sc)"),
    ];
    let said = says(&trace(&log, Some((2, 5))));
    assert!(
        said.starts_with("main lets go of m after step 1 and takes it again at step 6; step 3 (other"),
        "{said}"
    );
    let said = says(&trace(&log, Some((3, 6))));
    assert_eq!(said, "step 7 (main: load y -> 1) found y as step 4 (other: store y = 1) had left it.");
}

#[test]
fn nothing_is_lost_that_was_seen_or_has_been_set_back() {
    // The other has set it back; it had looked at something else, and what it wrote has been seen.
    let back = [LOST[0], LOST[1], LOST[2], (1, "store x = 0 (sc)"), LOST[3]];
    let seen = [LOST[0], (1, "load x -> 0 (sc)"), (1, "store x = 2 (sc)"), (1, "load x -> 2 (sc)")];
    let seen =
        [&seen[..], &[(1, "store x = 3 (sc)"), (2, "load x -> 3 (sc)"), (0, "store x = 1 (sc)")]].concat();
    for (log, pair) in [(&back[..], (1, 4)), (&seen, (3, 6))] {
        let mut t = trace(log, Some(pair));
        t.threads.push(thread("third"));
        assert!(!says(&t).contains("a lost update"), "{}", says(&t));
    }
    // Nobody but its writer has seen what is overwritten: that is lost, whatever led to it.
    let unseen = [LOST[0], (1, "store x = 5 (sc)"), (0, "store x = 1 (sc)")];
    assert!(says(&trace(&unseen, Some((1, 2)))).contains("what step 2 (other) wrote to x"));
}

/// Main looks at what `m` protects, which is shown, and again; in between the other holds it, and leaves this.
fn holds(left: &str) -> Trace {
    let log = [
        (0, "lock m"),
        (0, "unlock m"),
        (1, "lock m"),
        (1, "unlock m"),
        (0, "lock m"),
        (0, "unlock m"),
        (1, "load y -> 0 (sc)"),
    ];
    let mut t = trace(&log, Some((2, 4)));
    t.initial.push(("m".to_owned(), "none".to_owned()));
    t.events[3].wrote = Some(left.to_owned());
    t.events[5].wrote = Some("two".to_owned());
    t
}

#[test]
fn a_hold_that_leaves_everything_as_it_was_has_come_between_nothing() {
    assert!(says(&holds("one")).starts_with("main lets go of m after step 1"), "{}", says(&holds("one")));
    let said = says(&holds("none"));
    assert_eq!(
        said,
        "step 3 (other: lock m) found m = none and left it so: step 5 (main: lock m) came after it."
    );
    // What the first hold found, where that is shown, and the other came too late for.
    let early = Trace { flip: Flip::Pair { held: 0, until: Until::Step(2) }, ..holds("one") };
    let said = "step 1 (main: lock m) found m = none and left it so: step 3 (other: lock m) came after it.";
    assert_eq!(says(&early), said);
    // What is said inside goes with the hold.
    let mut t = holds("none");
    (t.events[2].note, t.events[3].note) = ("looks".to_owned(), "leaves it".to_owned());
    assert!(says(&t).starts_with("step 3 (other: looks, leaves it) found m = none"), "{}", says(&t));
}

#[test]
fn what_the_failing_thread_read_last_of_what_others_wrote_is_told() {
    let log =
        [(1, "store x = 1 (sc)"), (0, "load x -> 1 (sc)"), (1, "store y = 1 (sc)"), (0, "load y -> 1 (sc)")];
    let mut t = trace(&[&log[..], &[(0, "add y 1: 1->2 (rlx)")]].concat(), Some((0, 1)));
    t.events[4].wrote = Some("2".to_owned());
    let pair = "step 2 (main: load x -> 1) found x as step 1 (other: store x = 1) had left it.";
    assert_eq!(says(&t), pair, "nobody has failed");
    t.thread = Some(0);
    assert_eq!(
        says(&t),
        format!("{pair} Step 4 (main) found y = 1, as step 3 (other: store y = 1) had left it.")
    );
    // Who waits for the end and had no part in the pair is asked about its object alone; and nothing is said twice.
    t.threads.push(thread("third"));
    let all = t.events.clone();
    t.events.extend([
        event(2, "join other"),
        event(2, "load y -> 2 (sc)"),
        event(2, "load x -> 1 (sc)"),
        event(2, "load y -> 2 (sc)"),
    ]);
    t.thread = Some(2);
    assert!(says(&t).ends_with("Step 8 (third) found x = 1, as step 1 (other) had left it."), "{}", says(&t));
    t.events = all[..2].to_vec();
    t.thread = Some(0);
    assert_eq!(says(&t), pair);
    // The pair is about the one step, and what the other found came from a third.
    let third = [(1, "CAS x 0->1 ok (sc)"), (1, "CAS x 1->0 ok (sc)"), (0, "CAS x 0->2 ok (sc)")];
    let t = Trace { thread: Some(0), ..trace(&third, Some((0, 2))) };
    assert!(
        says(&t).ends_with("Step 3 (main) found x = 0, as step 2 (other: CAS x 1->0 ok) had left it."),
        "{}",
        says(&t)
    );
}

const ABA: [(usize, &str); 4] = [
    (0, "load x -> 0 (acq)"),
    (1, "CAS x 0->2 ok (acq)"),
    (1, "CAS x 2->0 ok (rel)"),
    (0, "CAS x 0->1 ok (rel)"),
];

#[test]
fn a_value_that_is_back_is_told_before_everything_else() {
    let t = trace(&ABA, Some((2, 3)));
    let want = "ABA: step 4 (main) succeeds, because it finds x as step 1 (main) had seen it, 0; in between step 2 \
                (other) changed it, and step 3 (other) changed it back.";
    assert_eq!(says(&t), want);
    let sites = [(1, "write of y", 99), (0, "write of y", 98)].map(|(thread, what, line)| TraceSite {
        thread,
        what: what.to_owned(),
        at: format!("src/model.rs:{line}"),
    });
    let race = Trace { kind: Kind::DataRace, sites: sites.to_vec(), ..t };
    assert!(says(&race).starts_with(want), "{}", says(&race));
}

#[test]
fn a_value_that_never_left_or_is_another_is_not_back() {
    // Nobody has changed it; it is another value; the thread that compares has changed it back itself.
    for log in [
        vec![ABA[0], (1, "load x -> 0 (sc)"), (1, "store y = 1 (sc)"), ABA[3]],
        vec![ABA[0], (1, "CAS x 0->2 ok (acq)"), (1, "store y = 1 (sc)"), (0, "CAS x 2->1 ok (rel)")],
        vec![ABA[0], (1, "store x = 2 (sc)"), (0, "store x = 0 (sc)"), ABA[3]],
    ] {
        let said = says(&trace(&log, Some((1, 3))));
        assert!(!said.contains("ABA"), "{said}");
    }
}

#[test]
fn a_pair_that_was_tried_is_the_only_one_that_is_named() {
    let tried = why(&trace(&LOST, Some((1, 3)))).pass;
    assert!(
        tried.starts_with("let step 4 (main: store x = 1) come before step 2 (other: load x -> 0)"),
        "{tried}"
    );
    assert!(tried.ends_with("critical pair: 2 <-> 4."), "{tried}");
    let mut t = trace(&LOST, None);
    for flip in [Flip::Untried, Flip::Unordered, Flip::NoSingle { pairs: 7, answers: 0, all: true }] {
        t.flip = flip;
        let said = why(&t).pass;
        assert!(!said.contains("critical") && !said.contains("holds"), "{said}");
    }
}

#[test]
fn where_every_execution_fails_no_order_is_to_blame() {
    let t = Trace { hopeless: Some(11), ..trace(&LOST, Some((1, 3))) };
    let why = why(&t);
    assert_eq!(
        why.pass,
        "every one of the 11 executions violates a property: no order of steps is to blame."
    );
    assert!(!why.sentences.join(" ").contains("step "), "{:?}", why.sentences);
}

#[test]
fn the_last_signal_went_to_another_or_ended_an_earlier_wait() {
    let mut t = trace(&[(0, "unpark another"), (0, "exit")], None);
    t.kind = Kind::LostWakeup;
    t.threads[1].wants = Some(("park".to_owned(), None));
    for e in &mut t.events {
        e.object = None;
    }
    assert!(
        says(&t).contains("the only signal, step 1 (main: unpark another), went to another"),
        "{}",
        says(&t)
    );
    t.events[0].text = "unpark other".to_owned();
    t.events.insert(1, TraceEvent { object: None, ..event(1, "park woken") });
    assert!(
        says(&t).contains("the last signal to it, step 1 (main), ended an earlier wait, step 2"),
        "{}",
        says(&t)
    );
    // Nor does a signal end what ends by itself.
    t.events.insert(1, TraceEvent { object: None, ..event(1, "park ends by itself (spurious)") });
    assert!(says(&t).contains("ended an earlier wait, step 3"), "{}", says(&t));
}
