//! Why control passes from one thread to another, read from the log: preempted, or because it had to wait, yielded or
//! ended. A *preemption* is a switch away from a thread that could have gone on: not at its end, nor where it yields, nor
//! where its next operation has to wait for another thread. Only these cost a reader thought. What is said of the number
//! of preemptions ([`certificate`]) is said of the execution that is shown, counted here and nowhere else.

use super::trace::{Trace, TraceEvent};
use std::collections::BTreeMap;

/// Why a thread stops running.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It could have gone on.
    Preempted,
    /// Its next operation needs somebody else: `for lock a`, `on condvar c`, `for t1 to end`.
    Waits(String),
    /// It says itself that others should go first.
    Yields,
    /// It has ended.
    Ended,
}

/// For each event of the log after which another thread runs: why. `None` where the same thread goes on.
pub fn reasons(t: &Trace) -> Vec<Option<Reason>> {
    let mut locks = Locks::default();
    (0..t.events.len())
        .map(|i| {
            let e = &t.events[i];
            locks.step(e);
            let leaves = t.events.get(i + 1).is_some_and(|n| n.thread != e.thread);
            leaves.then(|| reason(t, i, &locks))
        })
        .collect()
}

/// How many of the switches are preemptions.
pub fn preemptions(t: &Trace) -> usize {
    reasons(t).iter().filter(|r| **r == Some(Reason::Preempted)).count()
}

/// What is known of the number of preemptions, in words: the execution that is shown `has` so many, and none with fewer
/// than `least` fails in the same way.
pub fn certificate(has: usize, least: usize) -> String {
    match (has, least) {
        (0, 0) => "no preemption is needed".to_owned(),
        // Counted otherwise than here: whoever said so is refuted by what is shown.
        (has, least) if least > has => {
            format!("not certified; {}", crate::render::count(has as u64, "preemption"))
        }
        (1, 1..) => "no failure without a preemption (certified)".to_owned(),
        (has, least) if least >= has => format!("no failure with fewer than {has} preemptions (certified)"),
        (has, 1) => format!("no failure without a preemption (certified); this one has {has}"),
        (has, 0) => format!("not certified; {}", crate::render::count(has as u64, "preemption")),
        (has, least) => {
            format!("no failure with fewer than {least} preemptions (certified); this one has {has}")
        }
    }
}

/// Who holds which lock at a place in the log.
#[derive(Default)]
struct Locks<'a> {
    /// By lock: its holders, and whether each holds it exclusively.
    held: BTreeMap<&'a str, Vec<(usize, bool)>>,
    /// The mutex that a thread has let go of by waiting, which the log does not say until the wait is over.
    lent: BTreeMap<usize, &'a str>,
}

impl<'a> Locks<'a> {
    fn step(&mut self, e: &'a TraceEvent) {
        let Some(object) = e.object.as_deref() else { return };
        if e.op == "wait"
            && let Some(mutex) = self.lent.remove(&e.thread)
        {
            self.held.entry(mutex).or_default().push((e.thread, true));
            return;
        }
        let held = self.held.entry(object).or_default();
        if e.op == "lock" {
            for (thread, _) in held.extract_if(.., |(thread, alone)| *alone && *thread != e.thread) {
                self.lent.insert(thread, object);
            }
        }
        match e.op.as_str() {
            "lock" | "try-lock" if !e.text.ends_with("busy") => held.push((e.thread, true)),
            "rw-lock" | "try-rw-lock" if !e.text.ends_with("busy") => {
                held.push((e.thread, e.text.contains("-write ")));
            }
            "unlock" | "rw-unlock" => {
                if let Some(at) = held.iter().rposition(|(thread, _)| *thread == e.thread) {
                    held.remove(at);
                }
            }
            _ => {}
        }
    }

    fn free_for(&self, lock: &str, exclusive: bool) -> bool {
        self.held.get(lock).is_none_or(|h| h.iter().all(|(_, theirs)| !exclusive && !theirs))
    }
}

/// What a thread does next: (kind, object, in words), done later in the log or only announced.
fn next(t: &Trace, i: usize, thread: usize) -> Option<(&str, Option<&str>, &str)> {
    if let Some(e) = t.events[i + 1..].iter().find(|e| e.thread == thread) {
        return Some((&e.op, e.object.as_deref(), &e.text));
    }
    let info = t.threads.get(thread).filter(|x| !x.ended)?;
    let (op, object) = info.wants.as_ref()?;
    Some((op, object.as_deref(), info.pending.as_ref().map_or("", |p| p.what.as_str())))
}

fn reason(t: &Trace, i: usize, locks: &Locks<'_>) -> Reason {
    let e = &t.events[i];
    let Some((op, object, text)) = next(t, i, e.thread) else {
        let ended = e.op == "exit" || t.threads.get(e.thread).is_some_and(|x| x.ended);
        return if ended { Reason::Ended } else { Reason::Preempted };
    };
    let waits = |must: bool, what: String| if must { Reason::Waits(what) } else { Reason::Preempted };
    let name = object.unwrap_or("it");
    match op {
        _ if e.op == "yield" => Reason::Yields,
        "yield" => Reason::Yields,
        "lock" => waits(!locks.free_for(name, true), format!("for {name}")),
        "rw-lock" => waits(!locks.free_for(name, text.contains("-write ")), format!("for {name}")),
        "join" => {
            let child = object.unwrap_or_else(|| text.trim_start_matches("join "));
            let called = |n: usize| t.threads.get(n).is_some_and(|x| x.name == child);
            // Threads may share a name: what it waits for is one that ends before it goes on, or never does.
            let on = t.events[i + 1..].iter().position(|x| x.thread == e.thread);
            let until = on.map_or(t.events.len(), |n| i + 1 + n);
            let ends = t.events[i + 1..until].iter().any(|x| called(x.thread) && x.op == "exit");
            let never = on.is_none() && t.threads.iter().any(|x| x.name == child && !x.ended);
            waits(ends || never, format!("for {child} to end"))
        }
        "wait" => waits(asleep(t, i, e.thread, name, locks), format!("on {name}")),
        "park" => {
            let me = t.threads.get(e.thread).map_or("", |x| x.name.as_str());
            let unpark = format!("unpark {me}");
            let since = t.events[..=i].iter().rposition(|x| x.thread == e.thread && x.op == "park");
            let token = t.events[since.map_or(0, |s| s + 1)..=i].iter().any(|x| x.text == unpark);
            waits(!token, "to be unparked".to_owned())
        }
        _ => Reason::Preempted,
    }
}

/// Had the wait on `condvar` that the thread does next begun when control left it? A wait is logged when it is over, so
/// this goes by what others do next: who takes a lock that the thread held says that it had, and else a signal that finds
/// nobody there says that it had not.
fn asleep(t: &Trace, i: usize, thread: usize, condvar: &str, locks: &Locks<'_>) -> bool {
    let mut others = t.events[i + 1..].iter().take_while(|e| e.thread != thread);
    let held = |lock: &str| locks.held.get(lock).is_some_and(|h| h.contains(&(thread, true)));
    if others.clone().any(|e| e.op == "lock" && e.object.as_deref().is_some_and(held)) {
        return true;
    }
    let mut signals = others.by_ref().filter(|e| e.op == "notify" && e.object.as_deref() == Some(condvar));
    signals.next().is_none_or(|e| !e.text.ends_with("woke 0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::runner::trace::{TraceSite, TraceThread};
    use crate::check::verdict::Kind;

    fn trace(log: &[(usize, &str, Option<&str>, &str)], wants: Option<(&str, Option<&str>)>) -> Trace {
        let thread = |name: &str| TraceThread {
            name: name.to_owned(),
            pending: wants.map(|_| TraceSite { thread: 0, what: String::new(), at: String::new() }),
            wants: wants.map(|(op, o)| (op.to_owned(), o.map(str::to_owned))),
            ended: wants.is_none(),
            note: String::new(),
        };
        let event = |(thread, op, object, text): &(usize, &str, Option<&str>, &str)| TraceEvent {
            thread: *thread,
            op: (*op).to_owned(),
            object: object.map(str::to_owned),
            text: (*text).to_owned(),
            ..TraceEvent::default()
        };
        Trace {
            threads: vec![thread("main"), thread("t1")],
            events: log.iter().map(event).collect(),
            ..Trace::empty("p", Kind::Deadlock)
        }
    }

    fn first(log: &[(usize, &str, Option<&str>, &str)], wants: Option<(&str, Option<&str>)>) -> Reason {
        reasons(&trace(log, wants)).into_iter().flatten().next().expect("a switch")
    }

    #[test]
    fn a_thread_that_could_go_on_is_preempted() {
        let store = (0, "store", Some("x"), "store x = 1 (rlx)");
        let theirs = (1, "load", Some("x"), "load x -> 1 (rlx)");
        assert_eq!(first(&[store, theirs, store], None), Reason::Preempted);
        assert_eq!(preemptions(&trace(&[store, theirs, store, store], None)), 1);
        assert_eq!(first(&[(0, "exit", None, "ends"), theirs], None), Reason::Ended);
        assert_eq!(first(&[store, theirs, (0, "yield", None, "yield")], None), Reason::Yields);
    }

    /// Woken for no reason before anybody signals: the signal finds nobody, but the mutex had been let go.
    #[test]
    fn a_wait_has_begun_when_another_takes_its_mutex() {
        let lock = |t| (t, "lock", Some("m"), "lock m");
        let signal = (1, "notify", Some("c"), "notify_one c woke 0");
        let wait = (0, "wait", Some("c"), "wait c woken");
        assert_eq!(first(&[lock(0), lock(1), signal, wait], None), Reason::Waits("on c".to_owned()));
        assert_eq!(first(&[lock(0), signal, wait], None), Reason::Preempted);
    }

    /// Once the wait is over its mutex is held again, and free in between.
    #[test]
    fn a_wait_lends_its_mutex() {
        let lock = |t| (t, "lock", Some("m"), "lock m");
        let unlock = |t| (t, "unlock", Some("m"), "unlock m");
        let signal = (1, "notify", Some("c"), "notify_one c woke 1");
        let wait = (0, "wait", Some("c"), "wait c woken");
        let log = [lock(0), lock(1), signal, unlock(1), wait, lock(1)];
        let why = reasons(&trace(&log, None));
        assert_eq!(why[0], Some(Reason::Waits("on c".to_owned())));
        assert_eq!(why[3], Some(Reason::Preempted), "it could have locked again");
        let log = [
            lock(0),
            lock(1),
            signal,
            unlock(1),
            wait,
            (1, "store", Some("x"), "store x = 1 (rlx)"),
            unlock(0),
            lock(1),
        ];
        assert_eq!(reasons(&trace(&log, None))[5], Some(Reason::Waits("for m".to_owned())));
    }

    #[test]
    fn a_lock_is_waited_for_only_while_another_holds_it() {
        let lock = |t| (t, "lock", Some("m"), "lock m");
        let unlock = |t| (t, "unlock", Some("m"), "unlock m");
        let spawn = (0, "spawn", None, "spawn t1");
        let held = reasons(&trace(&[lock(1), spawn, unlock(1), lock(0)], None));
        assert_eq!(held[1], Some(Reason::Waits("for m".to_owned())));
        assert_eq!(first(&[spawn, lock(1), unlock(1), lock(0)], None), Reason::Preempted);
        // What is only announced counts as well.
        let stuck = reasons(&trace(&[lock(1), spawn, lock(1)], Some(("lock", Some("m")))));
        assert_eq!(stuck[1], Some(Reason::Waits("for m".to_owned())));
    }

    #[test]
    fn a_join_waits_until_the_child_has_ended() {
        let join = (0, "join", None, "join t1");
        let (mine, exit) = ((0, "spawn", None, "spawn t1"), (1, "exit", None, "ends"));
        assert_eq!(first(&[mine, exit, join], None), Reason::Waits("for t1 to end".to_owned()));
        let later = reasons(&trace(&[exit, mine, (1, "park", None, "park woken"), join], None));
        assert_eq!(later[1], Some(Reason::Preempted));
    }

    /// The second of two threads of one name is waited for, though the first has ended.
    #[test]
    fn a_join_waits_for_the_other_thread_of_its_name() {
        let log = [(0, "exit", None, "ends"), (1, "join", None, "join twin"), (2, "exit", None, "ends")];
        let mut t = trace(&[log[0], log[1], log[2], log[1]], None);
        t.threads[0].name = "twin".to_owned();
        t.threads.push(TraceThread { name: "twin".to_owned(), ..t.threads[1].clone() });
        assert_eq!(reasons(&t)[1], Some(Reason::Waits("for twin to end".to_owned())));
    }

    /// The signal that comes before the wait has begun is the bug: then the thread was preempted, not asleep.
    #[test]
    fn a_signal_that_wakes_nobody_finds_nobody_asleep() {
        let look = (0, "load", Some("flag"), "load flag -> 0 (sc)");
        let signal = |n: &'static str| (1, "notify", Some("cv"), n);
        let wants = Some(("wait", Some("cv")));
        assert_eq!(first(&[look, signal("notify_one cv woke 0")], wants), Reason::Preempted);
        assert_eq!(first(&[look, signal("notify_one cv woke 1")], wants), Reason::Waits("on cv".to_owned()));
    }

    #[test]
    fn a_certificate_claims_no_more_than_was_tried() {
        for (has, least, says) in [
            (0, 0, "no preemption is needed"),
            (0, 1, "not certified; 0 preemptions"),
            (2, 1, "no failure without a preemption (certified); this one has 2"),
            (1, 1, "no failure without a preemption (certified)"),
            (3, 3, "no failure with fewer than 3 preemptions (certified)"),
            (3, 2, "no failure with fewer than 2 preemptions (certified); this one has 3"),
            (2, 0, "not certified; 2 preemptions"),
        ] {
            assert_eq!(certificate(has, least), says);
        }
    }
}
