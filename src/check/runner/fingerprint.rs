//! Stable names for counterexamples: which failure is it, wherever its lines have moved to.

use super::trace::Trace;

/// 64-bit FNV-1a. Not for adversaries: it must only be the same on every machine and in every release.
#[derive(Clone, Copy)]
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Adds a word; words do not run together.
    pub fn word(mut self, s: &str) -> Self {
        for b in s.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }
    /// Adds a number.
    pub fn number(self, n: u64) -> Self {
        self.word(&n.to_string())
    }
    /// The hash so far.
    pub fn finish(self) -> u64 {
        self.0
    }
}

/// The fingerprint of a counterexample: model, variant, property, kind, and who did what to which object in
/// which order. Neither values nor source positions: edits that move lines keep it.
pub fn fingerprint(model: &str, variant: &str, t: &Trace) -> String {
    let mut h = Fnv::default().word(model).word(variant).word(&t.property).word(t.kind.word());
    for e in &t.events {
        h = h.number(e.thread as u64).word(&e.op).word(e.object.as_deref().unwrap_or(""));
    }
    format!("{:016x}", h.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::runner::trace::TraceEvent;
    use crate::check::verdict::Kind;

    fn trace(object: &str, at: &str) -> Trace {
        let event = TraceEvent {
            thread: 1,
            op: "load".into(),
            object: Some(object.into()),
            at: at.into(),
            ..TraceEvent::default()
        };
        Trace { events: vec![event], ..Trace::empty("p", Kind::Assertion) }
    }

    #[test]
    fn moved_lines_keep_the_fingerprint_and_another_object_changes_it() {
        let base = fingerprint("m", "v", &trace("x", "a.rs:1"));
        assert_eq!(base, fingerprint("m", "v", &trace("x", "a.rs:2")));
        assert_ne!(base, fingerprint("m", "v", &trace("y", "a.rs:1")));
        assert_ne!(base, fingerprint("m", "w", &trace("x", "a.rs:1")));
    }

    #[test]
    fn words_do_not_run_together() {
        assert_ne!(
            Fnv::default().word("ab").word("c").finish(),
            Fnv::default().word("a").word("bc").finish()
        );
    }
}
