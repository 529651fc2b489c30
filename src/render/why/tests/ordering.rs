//! Failures of ordering: which access, which flag, and what is missing.

use super::*;

fn site(thread: usize, what: &str, at: &str) -> TraceSite {
    TraceSite { thread, what: what.to_owned(), at: at.to_owned() }
}

/// `flag` is written and read with these orderings, between a write and a read of `y` that race.
fn race(store: &str, load: &str) -> Trace {
    let (store, load) = (format!("store flag = 1 ({store})"), format!("load flag -> 1 ({load})"));
    let mut t = trace(&[(1, "write-begin y"), (1, "write-end y"), (1, &store), (0, &load)], None);
    t.sites = vec![site(1, "write of y", &t.events[0].at.clone()), site(0, "read of y", "src/model.rs:99")];
    t.events[1].at = t.events[0].at.clone();
    t.kind = Kind::DataRace;
    t.initial.push(("flag".to_owned(), "0".to_owned()));
    t
}

#[test]
fn a_race_names_the_accesses_by_their_rows_and_the_edge_that_is_missing() {
    for (store, load, mend) in [
        ("rlx", "acq", "with Release at step 3 (other: store flag = 1), step 1 (other)"),
        ("rel", "rlx", "with Acquire at step 4 (main: load flag -> 1), step 1 (other)"),
        ("acq", "rel", "with Release at step 3 (other: store flag = 1) and Acquire at step 4"),
    ] {
        let why = why(&race(store, load));
        assert!(
            why.sentences[0].starts_with("write of y (other, step 1) and read of y (main, next)"),
            "{why:?}"
        );
        assert!(why.pass.starts_with(mend), "{store} {load}: {}", why.pass);
        assert!(why.pass.contains("what is missing is an ordering, not an order of steps"), "{}", why.pass);
    }
    // A flag that is strong enough is not to blame.
    let strong = why(&race("rel", "acq"));
    assert_eq!(strong.sentences.len(), 1, "{strong:?}");
    assert!(strong.pass.contains("a lock around both"), "{}", strong.pass);
}

/// `other` writes y and then a flag; `main` does this, and comes to read y.
fn raced(log: &[(usize, &str)]) -> Trace {
    let mut all = vec![(1, "write-begin y"), (1, "write-end y")];
    all.extend(log);
    let mut t = trace(&all, None);
    for e in t.events.iter_mut().take(2) {
        e.at = "src/model.rs:1".to_owned();
    }
    t.sites = vec![site(1, "write of y", "src/model.rs:1"), site(0, "read of y", "src/model.rs:99")];
    Trace { kind: Kind::DataRace, thread: Some(0), ..t }
}

#[test]
fn of_several_reads_of_a_write_one_that_acquires_is_enough() {
    let log = [
        (1, "store x = 1 (rlx)"),
        (0, "load x -> 1 (rlx)"),
        (0, "load x -> 1 (rlx)"),
        (0, "CAS x 1->2 ok (acq)"),
    ];
    let why = why(&raced(&log));
    assert!(why.pass.starts_with("with Release at step 3 (other: store x = 1), step 1"), "{}", why.pass);
    assert!(why.sentences[1].starts_with("Step 6 (main) saw x as step 3 (other)"), "{:?}", why.sentences);
    assert!(why.sentences[1].contains("but the write does not release, so"), "{:?}", why.sentences);
}

#[test]
fn the_last_read_is_to_blame_that_comes_before_what_was_published_is_used() {
    let (load, cas) = ((0, "load x -> 1 (rlx)"), (0, "CAS x 1->2 ok (rlx)"));
    let pass = |log: &[(usize, &str)]| why(&raced(log)).pass;
    let at_the_exchange = pass(&[(1, "store x = 1 (rel)"), load, cas]);
    assert!(at_the_exchange.starts_with("with Acquire at step 5 (main: CAS"), "{at_the_exchange}");
    // What lies below the top of a stack was published with it, and is read between the two.
    let below =
        pass(&[(1, "store z = 1 (rlx)"), (1, "store x = 1 (rel)"), load, (0, "load z -> 1 (rlx)"), cas]);
    assert!(below.starts_with("with Acquire at step 5 (main: load x"), "{below}");
}

#[test]
fn exchanges_pass_on_what_was_released_and_stores_do_not() {
    let theirs = [(1, "store x = 1 (rel)"), (1, "swap x 1->2 (rlx)"), (0, "load x -> 2 (rlx)")];
    let pass = why(&raced(&theirs)).pass;
    assert!(pass.starts_with("with Acquire at step 5 (main"), "{pass}");
    let anew = [(1, "store x = 1 (rel)"), (1, "store x = 2 (rlx)"), (0, "load x -> 2 (acq)")];
    let pass = why(&raced(&anew)).pass;
    assert!(pass.starts_with("with Release at step 4 (other: store x = 2)"), "{pass}");
}

#[test]
fn a_fence_in_its_place_is_as_good_as_an_ordering() {
    let late = [(1, "store x = 1 (rlx)"), (1, "fence (sc)"), (0, "load x -> 1 (rlx)"), (0, "fence (sc)")];
    let pass = why(&raced(&late)).pass;
    assert!(
        pass.starts_with("with Release at step 3 (other: store x = 1) (or a release fence before it), "),
        "{pass}"
    );
    let in_place = [late[1], late[0], late[2], late[3]];
    assert!(why(&raced(&in_place)).pass.contains("a lock around both"), "{}", why(&raced(&in_place)).pass);
}

#[test]
fn of_two_accesses_on_one_line_each_is_told_by_its_object() {
    let mut t = raced(&[(1, "store x = 1 (rlx)"), (0, "load x -> 1 (acq)")]);
    t.events[3].at = "src/model.rs:99".to_owned();
    let said = says(&t);
    assert!(said.contains("read of y (main, next)"), "{said}");
    // The same access in a round before is not this one.
    let read = |text: &str| TraceEvent { at: "src/model.rs:99".to_owned(), ..event(0, text) };
    t.events.splice(0..0, [read("read-begin y"), read("read-end y")]);
    t.threads[0].pending = Some(site(0, "read y begins", "src/model.rs:99"));
    t.threads[0].wants = Some(("read-begin".to_owned(), Some("y".to_owned())));
    assert!(says(&t).contains("read of y (main, next)"), "{}", says(&t));
}

#[test]
fn that_the_access_came_first_here_is_said_to_be_chance() {
    let race = raced(&[(1, "store x = 1 (rlx)"), (0, "load x -> 1 (acq)")]);
    let want = "are not ordered: other's write came first here; as no lock, join or release/acquire pair lies between \
                them, it may as well come second, or at the same time.";
    assert!(says(&race).contains(want), "{}", says(&race));
    // What comes after the end here needs no such word, and the end has its step.
    let mut ended =
        Trace { kind: Kind::UseAfterFree, ..trace(&[(1, "end y"), (0, "load x -> 0 (sc)")], None) };
    ended.sites =
        vec![site(1, "end of scope of y", &ended.events[0].at), site(0, "use of y", "src/model.rs:99")];
    assert!(
        says(&ended).starts_with("end of scope of y (other, step 1) and use of y (main, next)"),
        "{}",
        says(&ended)
    );
    assert!(
        says(&ended).ends_with("are not ordered: nothing keeps the value alive until its last use."),
        "{}",
        says(&ended)
    );
}

/// Each writes one and reads the other's, the last read in vain.
fn buffered(fences: [bool; 2], order: &str) -> Trace {
    let text = |what: &str| format!("{what} ({order})");
    let mut log = vec![(0, text("store x = 1"))];
    log.extend(fences[0].then(|| (0, "fence (sc)".to_owned())));
    log.extend([(0, text("load y -> 0")), (1, text("store y = 1"))]);
    log.extend(fences[1].then(|| (1, "fence (sc)".to_owned())));
    log.push((1, text("load x -> 0")));
    let log: Vec<(usize, &str)> = log.iter().map(|(who, text)| (*who, text.as_str())).collect();
    let mut t = trace(&log, None);
    t.flip = Flip::Unordered;
    let last = t.events.len() - 1;
    t.events[last].missed = Some(0);
    t
}

#[test]
fn of_two_reads_that_crossed_both_are_named() {
    let why = |t: &Trace| why(t);
    let both = why(&buffered([false; 2], "rlx"));
    let said = "step 4 (other) missed what step 1 (main) writes to x, and step 2 (main) what step 3 (other) writes to \
                y: each missed the other's write.";
    assert_eq!(both.sentences, [said]);
    let pass = "with a SeqCst fence between steps 1 and 2 (main) and one between steps 3 and 4 (other), or SeqCst at all \
                four steps, ";
    assert!(both.pass.starts_with(pass), "{}", both.pass);
    let one = why(&buffered([false, true], "acqrel")).pass;
    assert!(
        one.starts_with("with a SeqCst fence between steps 1 and 2 (main), or SeqCst at both, "),
        "{one}"
    );
    // Where nothing is missing, the alarm is false, and no ordering is asked for.
    assert!(!why(&buffered([false; 2], "sc")).pass.contains("fence"));
    // The other's read has seen the write: one read alone is stale.
    let mut t = buffered([false; 2], "rlx");
    t.events[1] = event(0, "load z -> 0 (rlx)");
    assert!(says(&t).starts_with("step 4 (other) read an older value from x"), "{}", says(&t));
}

#[test]
fn no_read_is_to_blame_for_what_fails_without_weak_memory_too() {
    for flip in
        [Flip::NoSingle { pairs: 7, answers: 0, all: true }, Flip::Pair { held: 0, until: Until::Step(3) }]
    {
        let t = Trace { flip, ..buffered([false; 2], "rlx") };
        let (said, pass) = (says(&t), why(&t).pass);
        assert!(
            !said.contains("missed") && !said.contains("older") && !pass.contains("fence"),
            "{said} {pass}"
        );
    }
}
