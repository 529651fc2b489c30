//! One planted bug of each kind: from its report alone, somebody who has not seen the code can name the two lines that
//! conflict. The reports are kept in `goldens/planted`, without line numbers; `SELVEDGE_UPDATE_GOLDENS=1 cargo test -p
//! selvedge-models --test planted` writes them anew: read the difference before it is committed.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

use std::process::Command;

/// What `show` says from the counterexample on, with line numbers and fingerprints blanked.
fn report(variant: &str) -> String {
    let name = format!("planted/{variant}");
    let out = Command::new(env!("CARGO_BIN_EXE_selvedge-planted")).args(["show", &name]).output();
    let out = out.expect("the command starts");
    let text = String::from_utf8(out.stdout).expect("text");
    assert_eq!(out.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&out.stderr));
    let from = text.find("counterexample of").unwrap_or_else(|| panic!("{variant} has none\n{text}"));
    blanked(&text[from..])
}

/// Lines move; what a report says does not.
fn blanked(text: &str) -> String {
    let line = |l: &str| {
        // `  57 |     code` keeps its shape.
        let l = match l.split_once(" |") {
            Some((n, rest)) if !n.trim().is_empty() && n.trim().bytes().all(|b| b.is_ascii_digit()) => {
                format!("{} |{rest}", "#".repeat(n.len()))
            }
            _ => l.to_owned(),
        };
        // The last column has lines of the file that is named above it.
        let l = match l.rsplit_once(" :") {
            Some((before, n)) if !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) => {
                format!("{before} :###")
            }
            _ => l,
        };
        let mut out = String::new();
        let mut rest = l.as_str();
        for mark in [".rs:", "fingerprint "] {
            while let Some(at) = rest.find(mark) {
                let (before, after) = rest.split_at(at + mark.len());
                out += before;
                let number = after.len() - after.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
                out += &"#".repeat(number.min(3));
                rest = &after[number..];
            }
        }
        out + rest
    };
    text.lines().map(|l| line(l) + "\n").collect()
}

/// The report is the golden one, and the lines of source that it quotes are those that conflict.
#[track_caller]
fn tells(variant: &str, conflict: [&str; 2]) {
    let got = report(variant);
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/planted");
    let path = dir.join(format!("{variant}.txt"));
    if std::env::var_os("SELVEDGE_UPDATE_GOLDENS").is_some() {
        std::fs::create_dir_all(&dir).expect("the folder can be made");
        std::fs::write(&path, &got).expect("the golden file can be written");
    }
    let quoted: Vec<&str> = got.lines().filter(|l| l.starts_with('#')).collect();
    for line in conflict {
        assert!(quoted.iter().any(|q| q.contains(line)), "{line} is not quoted:\n{got}");
    }
    let want = std::fs::read_to_string(&path).expect("the golden file is there");
    assert_eq!(got, want.replace("\r\n", "\n"), "{variant}");
}

#[test]
fn an_assertion() {
    tells(
        "assertion",
        ["let seen = hits.load(Ordering::SeqCst)", "hits.store(hits.load(Ordering::SeqCst) + 1"],
    );
}

#[test]
fn a_stale_read() {
    tells("stale_read", ["payload.store(7, Ordering::Relaxed)", "payload.load(Ordering::Relaxed)"]);
}

#[test]
fn a_data_race() {
    tells("data_race", ["shared.payload.with_mut(", "shared.payload.with(|p|"]);
}

#[test]
fn a_deadlock() {
    tells("deadlock", ["*log += *accounts.lock()", "*audit.lock() += 1"]);
}

#[test]
fn a_livelock() {
    tells("livelock", ["spin_until(|| open.load(", "open.store(false, Ordering::SeqCst)"]);
}

#[test]
fn a_livelock_of_two() {
    tells("after_you", ["if !theirs.load(Ordering::SeqCst)", "if !theirs.load(Ordering::SeqCst)"]);
}

#[test]
fn a_lost_wakeup() {
    tells("lost_wakeup", ["queue.changed.wait(&mut guard)", "queue.changed.notify_one()"]);
}

#[test]
fn a_leak() {
    tells("leak", ["desk.slot.store(Arc::into_raw(session)", "desk.slot.swap(null_mut(), Ordering::SeqCst)"]);
}

#[test]
fn a_use_after_free() {
    tells("use_after_free", ["let answer = request.into_inner()", "request.with(|n| assert_eq!(*n, 7))"]);
}

#[test]
fn a_double_completion() {
    tells(
        "double_completion",
        ["!answered.load(Ordering::SeqCst)", "answered.store(true, Ordering::SeqCst)"],
    );
}
