//! Operations and values in words: `store vserver = 2 (sc)`.

use super::TraceEvent;
use super::values::Values;
use crate::check::event::{
    Answer, Event, FROM_INITIAL, ObjectId, ObjectKind, Op, Rmw, ThreadId, Whim, order,
};
use crate::check::run::{ObjectInfo, Site, ThreadInfo};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) fn position(site: Site) -> String {
    format!("{}:{}", site.file().replace('\\', "/"), site.line())
}

fn rmw(r: Rmw) -> &'static str {
    match r {
        Rmw::Swap => "swap",
        Rmw::Add => "add",
        Rmw::Sub => "sub",
        Rmw::And => "and",
        Rmw::Nand => "nand",
        Rmw::Or => "or",
        Rmw::Xor => "xor",
        Rmw::Max | Rmw::MaxSigned => "max",
        Rmw::Min | Rmw::MinSigned => "min",
    }
}

/// The last write of the log to each atomic: its place, its value, and whose it is.
type Newest = BTreeMap<ObjectId, (usize, u64, ThreadId)>;

/// Turns ids and values into words, remembering the addresses it has seen.
pub(super) struct Words<'a> {
    objects: &'a BTreeMap<ObjectId, ObjectInfo>,
    threads: Vec<Option<&'a str>>,
    values: Values,
}

impl<'a> Words<'a> {
    pub(super) fn new(objects: &'a BTreeMap<ObjectId, ObjectInfo>, threads: &'a [ThreadInfo]) -> Self {
        Words {
            objects,
            threads: threads.iter().map(|t| t.name.as_deref()).collect(),
            values: Values::default(),
        }
    }

    pub(super) fn thread(&self, t: ThreadId) -> String {
        match self.threads.get(t.0 as usize) {
            Some(Some(name)) => (*name).to_owned(),
            _ => format!("t{}", t.0),
        }
    }

    fn object(&self, id: ObjectId) -> String {
        match self.objects.get(&id) {
            Some(ObjectInfo { name: Some(name), .. }) => name.clone(),
            _ => id.to_string(),
        }
    }

    /// What the bits that an object holds mean: what its author says, or else what its type says.
    fn value(&mut self, obj: ObjectId, bits: u64) -> String {
        let meaning = self.objects.get(&obj).and_then(|o| o.meaning.as_deref());
        meaning.and_then(|m| m.value(bits)).unwrap_or_else(|| self.bits(obj, bits))
    }

    /// What is added and the like: no value of its own where its author says what values mean.
    fn operand(&mut self, obj: ObjectId, rmw: Rmw, bits: u64) -> String {
        if rmw == Rmw::Swap { self.value(obj, bits) } else { self.bits(obj, bits) }
    }

    fn bits(&mut self, obj: ObjectId, bits: u64) -> String {
        let kind = self.objects.get(&obj).map(|o| o.kind);
        match self.values.word(kind, bits) {
            Ok(word) => word,
            Err(arc) => match self.objects.get(&arc) {
                Some(ObjectInfo { name: Some(name), .. }) => name.clone(),
                _ => self.values.pointer(bits, 1),
            },
        }
    }

    /// What an operation acts on: an object, or for `join`, `spawn` and `unpark` a thread.
    pub(super) fn subject(&self, op: &Op) -> Option<String> {
        match *op {
            Op::Join { child } | Op::Spawn { child } => Some(self.thread(child)),
            Op::Unpark { thread } => Some(self.thread(thread)),
            _ => op.object().map(|o| self.object(o)),
        }
    }

    /// The whole log in words, each note with the operation that it is about.
    pub(super) fn events(&mut self, events: &[Event], notes: &[(ThreadId, u32, String)]) -> Vec<TraceEvent> {
        let mut newest = BTreeMap::new();
        let said = events.iter().enumerate().map(|(i, e)| self.event(i, e, &mut newest));
        let mut said: Vec<TraceEvent> = said.collect();
        for (thread, nth, text) in notes {
            let mut theirs = said.iter_mut().filter(|e| e.thread == thread.0 as usize);
            if let Some(e) = theirs.nth(*nth as usize) {
                e.note = if e.note.is_empty() { text.clone() } else { format!("{}; {text}", e.note) };
            }
        }
        self.contents(&mut said);
        said
    }

    /// What locks protect, with the operations that end the sections in which it has changed.
    fn contents(&mut self, said: &mut [TraceEvent]) {
        for (id, meaning) in self.objects.iter().filter_map(|(id, o)| Some((id, o.meaning.as_deref()?))) {
            let name = self.object(*id);
            let mut ends: BTreeMap<(usize, u32), &str> = BTreeMap::new();
            for (thread, nth, content) in &meaning.contents {
                ends.insert((usize::from(thread.0), *nth), content);
            }
            let mut before = meaning.initial.as_deref().unwrap_or("?");
            let mut done: BTreeMap<usize, u32> = BTreeMap::new();
            for e in said.iter_mut() {
                let nth = done.entry(e.thread).or_default();
                let content = ends.get(&(e.thread, *nth)).copied();
                *nth += 1;
                let Some(content) = content else { continue };
                let of_it = e.object.as_ref() == Some(&name);
                if content != before {
                    let of = if of_it { String::new() } else { format!(", {name}") };
                    let _ = if before.chars().count() + content.chars().count() <= BOTH {
                        write!(e.text, "{of}: {before} -> {content}")
                    } else {
                        write!(e.text, "{of}: now {content}")
                    };
                }
                if of_it {
                    e.wrote = Some(content.to_owned());
                }
                before = content;
            }
        }
    }

    /// What the atomics that the log speaks of held when they were created, and what the locks protected that show it.
    pub(super) fn initial(&mut self, events: &[Event]) -> Vec<(String, String)> {
        let mut used: Vec<ObjectId> = events.iter().filter_map(|e| e.op.object()).collect();
        used.sort_unstable();
        used.dedup();
        let atomic = |o: &ObjectInfo| matches!(o.kind, ObjectKind::Atomic { .. });
        let (objects, mut initial) = (self.objects, Vec::new());
        for id in used {
            let content = objects.get(&id).and_then(|o| o.meaning.as_deref()?.initial.clone());
            if let Some(content) = content {
                initial.push((self.object(id), content));
            } else if let Some(o) = objects.get(&id).filter(|o| atomic(o)) {
                initial.push((self.object(id), self.value(id, o.init)));
            }
        }
        initial
    }

    fn event(&mut self, i: usize, e: &Event, newest: &mut Newest) -> TraceEvent {
        let mut text = self.done(&e.op, e.answer);
        let last = e.op.object().and_then(|o| newest.get(&o).copied());
        let mut missed = None;
        match (e.op, last) {
            // Nobody reads past what it has written itself: then the log is not in modification order (loom's), and says nothing.
            (Op::Load { obj, .. } | Op::Cas { obj, .. }, Some((at, new, by)))
                if new != e.answer.value && by != e.thread =>
            {
                missed = Some(at);
                let _ = write!(text, ", stale: {} is newer", self.value(obj, new));
            }
            _ => {}
        }
        let wrote = e.written();
        if let Some((obj, value)) = wrote {
            newest.insert(obj, (i, value, e.thread));
        }
        TraceEvent {
            thread: e.thread.0 as usize,
            op: word(&e.op).to_owned(),
            object: e.op.object().map(|o| self.object(o)),
            text,
            at: position(e.site),
            note: String::new(),
            wrote: wrote.map(|(obj, value)| self.value(obj, value)),
            from: e.from.filter(|w| *w != FROM_INITIAL).map(|w| w as usize),
            missed,
        }
    }

    /// An operation that has been announced: what the thread wants.
    pub(super) fn announced(&mut self, op: &Op) -> String {
        match *op {
            Op::Load { obj, order: o } => format!("load {} ({})", self.object(obj), order(o)),
            Op::Cas { obj, expected, new, .. } => {
                let (old, new) = (self.value(obj, expected), self.value(obj, new));
                format!("CAS {} {}", self.object(obj), change(&old, &new))
            }
            Op::Rmw { obj, rmw: r, operand, order: o, .. } => {
                format!("{} {} {} ({})", rmw(r), self.object(obj), self.operand(obj, r, operand), order(o))
            }
            Op::Wait { obj, mutex, .. } => {
                format!("wait {} (released {})", self.object(obj), self.object(mutex))
            }
            Op::TryLock { obj } => format!("try_lock {}", self.object(obj)),
            Op::TryRwLock { obj, write } => format!("{} {}", try_side(write), self.object(obj)),
            Op::Notify { obj, all } => format!("{} {}", notify(all), self.object(obj)),
            Op::Choose { n } => format!("choose 0..{n}"),
            Op::Park { .. } => "park".to_owned(),
            _ => self.done(op, Answer::DONE),
        }
    }

    /// An operation that is done, with its result.
    fn done(&mut self, op: &Op, a: Answer) -> String {
        match *op {
            Op::Load { obj, order: o } => {
                format!("load {} -> {} ({})", self.object(obj), self.value(obj, a.value), order(o))
            }
            Op::Store { obj, order: o, value } => {
                format!("store {} = {} ({})", self.object(obj), self.value(obj, value), order(o))
            }
            Op::Rmw { obj, order: o, rmw: r, operand, width } => {
                let new = r.apply(width, a.value, operand);
                let name = self.object(obj);
                let (old, new) = (self.value(obj, a.value), self.value(obj, new));
                let change = change(&old, &new);
                if r == Rmw::Swap {
                    format!("swap {name} {change} ({})", order(o))
                } else {
                    format!("{} {name} {}: {change} ({})", rmw(r), self.operand(obj, r, operand), order(o))
                }
            }
            Op::Cas { obj, expected, new, success, failure, .. } => {
                let name = self.object(obj);
                let (e, n, saw) = (self.value(obj, expected), self.value(obj, new), self.value(obj, a.value));
                let change = change(&e, &n);
                if a.ok {
                    format!("CAS {name} {change} ok ({})", order(success))
                } else if a.value == expected {
                    format!("CAS {name} {change} failed spuriously ({})", order(failure))
                } else {
                    format!("CAS {name} {change} failed, saw {saw} ({})", order(failure))
                }
            }
            Op::Fence { order: o } => format!("fence ({})", order(o)),
            Op::PlainLoad { obj } => {
                format!("plain load {} -> {}", self.object(obj), self.value(obj, a.value))
            }
            Op::PlainStore { obj, value } => {
                format!("plain store {} = {}", self.object(obj), self.value(obj, value))
            }
            Op::CellBegin { obj, write } => format!("{} {} begins", access(write), self.object(obj)),
            Op::CellEnd { obj, write } => format!("{} {} ends", access(write), self.object(obj)),
            Op::Lock { obj } => format!("lock {}", self.object(obj)),
            Op::TryLock { obj } => format!("try_lock {} {}", self.object(obj), taken(a.ok)),
            Op::Unlock { obj } => format!("unlock {}", self.object(obj)),
            Op::RwLock { obj, write } => format!("{} {}", side(write), self.object(obj)),
            Op::TryRwLock { obj, write } => {
                format!("{} {} {}", try_side(write), self.object(obj), taken(a.ok))
            }
            Op::RwUnlock { obj, write } => format!("un{} {}", side(write), self.object(obj)),
            Op::Wait { obj, .. } => format!("wait {} {}", self.object(obj), ended(op.whim(a))),
            Op::Notify { obj, all } => {
                format!("{} {} woke {}", notify(all), self.object(obj), a.value)
            }
            Op::Park { .. } => format!("park {}", ended(op.whim(a))),
            Op::Unpark { thread } => format!("unpark {}", self.thread(thread)),
            Op::Spawn { child } => format!("spawn {}", self.thread(child)),
            Op::Join { child } => format!("join {}", self.thread(child)),
            Op::Exit => "ends".to_owned(),
            Op::Yield => "yield".to_owned(),
            Op::Choose { n } => format!("choose 0..{n} -> {}", a.value),
            Op::ArcClone { obj } => format!("clone {}", self.object(obj)),
            Op::ArcDrop { obj } => {
                format!("drop {}{}", self.object(obj), if a.ok { " (the last)" } else { "" })
            }
            Op::ArcCount { obj, .. } => format!("count {} -> {}", self.object(obj), a.value),
            Op::ArcUpgrade { obj } => {
                format!("upgrade {} {}", self.object(obj), if a.ok { "ok" } else { "gone" })
            }
            Op::Lifetime { obj, end: false } => format!("use {}", self.object(obj)),
            Op::Lifetime { obj, end: true } => format!("{} leaves scope", self.object(obj)),
            Op::UseEnd { obj } => format!("use {} ends", self.object(obj)),
        }
    }
}

/// Longer contents are shown as they are after a section, and not as they were before.
const BOTH: usize = 36;

/// One value after another.
fn change(old: &str, new: &str) -> String {
    if old.contains(' ') || new.contains(' ') { format!("{old} -> {new}") } else { format!("{old}->{new}") }
}

fn access(write: bool) -> &'static str {
    if write { "write" } else { "read" }
}

fn side(write: bool) -> &'static str {
    if write { "lock-write" } else { "lock-read" }
}

fn try_side(write: bool) -> &'static str {
    if write { "try-lock-write" } else { "try-lock-read" }
}

fn taken(ok: bool) -> &'static str {
    if ok { "ok" } else { "busy" }
}

/// How a wait has ended.
fn ended(whim: Option<Whim>) -> &'static str {
    match whim {
        Some(Whim::Spurious) => "ends by itself (spurious)",
        Some(Whim::TimedOut) => "timed out",
        _ => "woken",
    }
}

fn notify(all: bool) -> &'static str {
    if all { "notify_all" } else { "notify_one" }
}

/// One word per kind of operation: part of fingerprints, so it must not change lightly.
pub fn word(op: &Op) -> &'static str {
    match op {
        Op::Load { .. } => "load",
        Op::Store { .. } => "store",
        Op::Rmw { .. } => "rmw",
        Op::Cas { .. } => "cas",
        Op::Fence { .. } => "fence",
        Op::PlainLoad { .. } => "plain-load",
        Op::PlainStore { .. } => "plain-store",
        Op::CellBegin { write: true, .. } => "write-begin",
        Op::CellBegin { write: false, .. } => "read-begin",
        Op::CellEnd { write: true, .. } => "write-end",
        Op::CellEnd { write: false, .. } => "read-end",
        Op::Lock { .. } => "lock",
        Op::TryLock { .. } => "try-lock",
        Op::Unlock { .. } => "unlock",
        Op::RwLock { .. } => "rw-lock",
        Op::TryRwLock { .. } => "try-rw-lock",
        Op::RwUnlock { .. } => "rw-unlock",
        Op::Wait { .. } => "wait",
        Op::Notify { .. } => "notify",
        Op::Park { .. } => "park",
        Op::Unpark { .. } => "unpark",
        Op::Spawn { .. } => "spawn",
        Op::Join { .. } => "join",
        Op::Exit => "exit",
        Op::Yield => "yield",
        Op::Choose { .. } => "choose",
        Op::ArcClone { .. } => "arc-clone",
        Op::ArcDrop { .. } => "arc-drop",
        Op::ArcCount { .. } => "arc-count",
        Op::ArcUpgrade { .. } => "arc-upgrade",
        Op::Lifetime { .. } => "lifetime",
        Op::UseEnd { .. } => "use-end",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::event::{MAIN, Means};
    use crate::check::run::Failure;
    use crate::check::runner::trace::Trace;
    use crate::check::verdict::Kind;
    use std::panic::Location;
    use std::sync::atomic::Ordering;

    fn failure(ops: &[(Op, u64)]) -> Failure {
        let site = Location::caller();
        let info = ObjectInfo {
            kind: ObjectKind::Atomic { width: 64, means: Means::Unsigned },
            name: Some("word".to_owned()),
            meaning: None,
            site,
            init: 0,
            owed: false,
        };
        let event = |(op, value): &(Op, u64)| Event {
            thread: MAIN,
            op: *op,
            answer: Answer::value(*value),
            from: None,
            site,
        };
        Failure {
            property: "p".to_owned(),
            kind: Kind::Assertion,
            message: String::new(),
            thread: None,
            sites: Vec::new(),
            threads: Vec::new(),
            objects: BTreeMap::from([(ObjectId::new(MAIN, 0), info)]),
            events: ops.iter().map(event).collect(),
            notes: Vec::new(),
            schedule: Vec::new(),
            least: None,
            minimal: Default::default(),
            repeats: None,
            passing: None,
            flip: Default::default(),
        }
    }

    fn texts(ops: &[(Op, u64)]) -> Vec<String> {
        Trace::of(&failure(ops)).events.into_iter().map(|e| e.text).collect()
    }

    const WORD: fn() -> ObjectId = || ObjectId::new(MAIN, 0);

    fn load(value: u64) -> (Op, u64) {
        (Op::Load { obj: WORD(), order: Ordering::Relaxed }, value)
    }

    fn store(value: u64) -> (Op, u64) {
        (Op::Store { obj: WORD(), order: Ordering::Release, value }, 0)
    }

    /// What a load could have read and did not is the point of most weak-memory failures.
    #[test]
    fn a_stale_load_says_what_is_newer() {
        let mut f = failure(&[load(0), store(7), load(0), load(7)]);
        f.events[1].thread = ThreadId(1);
        let texts = |f: &Failure| Trace::of(f).events.into_iter().map(|e| e.text).collect::<Vec<_>>();
        assert_eq!(
            texts(&f),
            [
                "load word -> 0 (rlx)",
                "store word = 7 (rel)",
                "load word -> 0 (rlx), stale: 7 is newer",
                "load word -> 7 (rlx)"
            ]
        );
        // Past its own store no thread reads: then the log is not in modification order.
        f.events[2].thread = ThreadId(1);
        assert_eq!(texts(&f)[2], "load word -> 0 (rlx)");
    }

    /// Addresses differ from process to process: two runs must print the same.
    #[test]
    fn addresses_are_numbered_by_appearance() {
        let (a, b) = (0x5555_5555_0000, 0x7fff_f7f0_1000);
        assert_eq!(
            texts(&[store(a), store(b | 1), store(a), store(1 << 40)]),
            [
                "store word = ptr#1 (rel)",
                "store word = ptr#2|1 (rel)",
                "store word = ptr#1 (rel)",
                "store word = 0x10000000000 (rel)"
            ]
        );
    }

    #[test]
    fn a_wait_that_ends_by_itself_is_not_called_woken() {
        let spurious = Answer::SPURIOUS.value;
        let park = |timed| Op::Park { timed };
        assert_eq!(
            texts(&[(park(false), spurious), (park(true), spurious), (park(true), 0)]),
            ["park ends by itself (spurious)", "park ends by itself (spurious)", "park woken"]
        );
    }
}
