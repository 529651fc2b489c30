//! House rules that no compiler checks, over every Rust file of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Files that may be longer than [`LONGEST`] lines, and why.
const LONG: &[(&str, &str)] = &[];
const LONGEST: usize = 500;

/// All Rust files, as (path from the root with `/`, content), sorted.
fn files() -> Vec<(String, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).expect("a readable directory").map(|e| e.expect("a readable entry")) {
            let (path, name) = (entry.path(), entry.file_name());
            if path.is_dir() {
                if !name.to_string_lossy().starts_with('.') && name != "target" {
                    walk(&path, found);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(root, &mut paths);
    paths.sort();
    assert!(paths.len() > 50, "found only {} Rust files under {}", paths.len(), root.display());
    let name = |p: &Path| p.strip_prefix(root).expect("under the root").to_string_lossy().replace('\\', "/");
    paths.iter().map(|p| (name(p), fs::read_to_string(p).expect("UTF-8"))).collect()
}

/// The code of a file: comments and the contents of string literals are blanked, lines stay where they are.
fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |i| i + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 2;
            rest[open..].find(&close).map_or(rest.len(), |i| open + i + close.len())
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let closes = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                closes
            });
            end.map_or(rest.len(), |i| i + 2)
        } else if rest.starts_with("'\"'") {
            3
        } else if rest.starts_with("'\\\"'") {
            4
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        out.extend(rest[..len].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &rest[len..];
    }
    out
}

/// The number of `#` if a raw string begins here.
fn raw_string(rest: &str) -> Option<usize> {
    let hashes = rest.strip_prefix('r')?;
    let text = hashes.trim_start_matches('#');
    text.starts_with('"').then(|| hashes.len() - text.len())
}

/// Paths that only the facade and the engines may use.
fn forbidden_paths(source: &str) -> Vec<String> {
    let code: String = code(source).split_whitespace().collect::<Vec<_>>().join(" ");
    let code = code.replace(" ::", "::").replace(":: ", "::").replace("{ ", "{");
    // Unit tests may use what they like.
    let code = code.split("#[cfg(test)] mod tests {").next().expect("a split has a first part");
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let starts_path = |at: usize| match code[..at].strip_suffix("::") {
        Some(before) => !before.ends_with(in_word) || before.ends_with("use"),
        None => !code[..at].ends_with(in_word),
    };
    let mut found = Vec::new();
    for name in ["loom", "shuttle", "parking_lot", "arc_swap"] {
        for (at, _) in code.match_indices(name) {
            let after = &code[at + name.len()..];
            if starts_path(at) && (after.starts_with("::") || code[..at].ends_with("use ")) {
                found.push(name.to_owned());
            }
        }
    }
    for root in ["std::", "core::", "alloc::"] {
        for (at, _) in code.match_indices(root).filter(|(at, _)| starts_path(*at)) {
            let after = &code[at + root.len()..];
            let group = after.strip_prefix('{').map(|g| top_level(g));
            for item in group.unwrap_or_else(|| vec![after]) {
                let word = item.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
                if ["sync", "thread"].contains(&word) {
                    found.push(format!("{root}{word}"));
                }
            }
        }
    }
    found
}

/// The items of a use group whose opening brace is behind us.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' => {
                items.push(group[start..i].trim());
                return items;
            }
            ',' if depth == 0 => {
                items.push(group[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    items
}

/// Does this file belong to the primitives or the models, which see the world through the facade only?
fn behind_the_facade(path: &str) -> bool {
    let free = ["src/sync/", "src/check/", "src/render/", "src/lib.rs"];
    path.starts_with("models/src/") || path.starts_with("src/") && !free.iter().any(|f| path.starts_with(f))
}

/// Attributes that hide a test, or that match any panic.
fn weak_tests(source: &str) -> Vec<&'static str> {
    let code: String = code(source).split_whitespace().collect();
    let mut found = Vec::new();
    if code.contains(concat!("#[", "should_panic]")) {
        found.push("should_panic without a message");
    }
    if code.contains(concat!("#[", "ignore")) {
        found.push("an ignored test");
    }
    found
}

#[track_caller]
fn no_violations(violations: Vec<String>) {
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn primitives_and_models_use_the_facade_only() {
    let files = files();
    let guarded: Vec<_> = files.iter().filter(|(path, _)| behind_the_facade(path)).collect();
    assert!(guarded.iter().any(|(path, _)| path.starts_with("src/session_table")), "the rule guards nothing");
    no_violations(
        guarded
            .iter()
            .flat_map(|(path, source)| {
                forbidden_paths(source).into_iter().map(move |p| format!("{path}: {p}, use the facade"))
            })
            .collect(),
    );
}

#[test]
fn every_file_says_what_belongs_in_it() {
    let silent = files().into_iter().filter(|(_, source)| !source.starts_with("//!"));
    no_violations(silent.map(|(path, _)| format!("{path}: does not begin with //!")).collect());
}

#[test]
fn no_test_is_ignored_or_accepts_any_panic() {
    let all = files();
    let weak =
        all.iter().flat_map(|(path, s)| weak_tests(s).into_iter().map(move |w| format!("{path}: {w}")));
    no_violations(weak.collect());
}

#[test]
fn files_are_short_enough_to_read() {
    let files = files();
    let lines = |path: &str| files.iter().find(|(p, _)| p == path).map(|(_, s)| s.lines().count());
    let listed = |path: &str| LONG.iter().any(|(p, _)| *p == path);
    let long = files.iter().filter(|(path, s)| s.lines().count() > LONGEST && !listed(path));
    let mut violations: Vec<_> =
        long.map(|(path, s)| format!("{path}: {} lines, without a reason", s.lines().count())).collect();
    let stale = LONG.iter().filter(|(path, _)| lines(path).is_none_or(|n| n <= LONGEST));
    violations.extend(stale.map(|(path, _)| format!("{path}: listed as long, but is not")));
    no_violations(violations);
}

/// A test of the checker that does not say so breaks the build of what ships.
#[test]
fn tests_of_the_checker_ask_for_it() {
    let files = files();
    let needs = |source: &str| source.contains("selvedge::check") || source.contains("selvedge::render");
    let mut violations = Vec::new();
    for (path, source) in &files {
        let Some(name) = path.strip_prefix("tests/").filter(|name| !name.contains('/')) else { continue };
        let helpers = source.lines().filter_map(|l| l.strip_prefix("mod ")?.strip_suffix(';'));
        let helped = helpers.flat_map(|m| {
            let dir = format!("tests/{m}/");
            files.iter().filter(move |(p, _)| p.starts_with(&dir))
        });
        let needs_it = needs(source) || helped.into_iter().any(|(_, s)| needs(s));
        let asks = source.lines().any(|l| l.starts_with("#![cfg(") && l.contains("feature = \"check\""));
        if name != "tidy.rs" && needs_it && !asks {
            violations
                .push(format!("{path}: uses the checker without #![cfg(any(feature = \"check\", ..))]"));
        }
    }
    no_violations(violations);
}

/// The rules notice what they are for.
#[test]
fn the_rules_can_fail() {
    for planted in [
        "use std::sync::Arc;",
        "use std::{fmt, sync::{Arc, Mutex}};",
        "use std::{fmt::{self}, thread};",
        "fn f() { std :: thread::yield_now() }",
        "let x = core::sync::atomic::AtomicU8::new(0);",
        "use ::parking_lot::Mutex;",
        "use arc_swap as a;",
        "loom::model(|| ());",
        "let s = \"// not a comment\"; shuttle::check_random(f, 1);",
    ] {
        assert_eq!(forbidden_paths(planted).len(), 1, "{planted}");
    }
    for harmless in [
        "// std::sync::Arc",
        "/* loom::model */",
        "let s = \"std::thread\"; let r = r#\"use loom::x\"#;",
        "use crate::sync::{Arc, thread};",
        "use selvedge::sync::thread::spawn; engine::loom::explore(s); gloom::y()",
        "use std::{fmt, time::Duration};",
        "fn f() {}\n#[cfg(test)]\nmod tests {\n use std::thread; }",
        "let c = '\"'; // std::sync",
    ] {
        assert_eq!(forbidden_paths(harmless), [""; 0], "{harmless}");
    }
    assert!(behind_the_facade("src/session_table/mod.rs") && behind_the_facade("models/src/incident/x.rs"));
    assert!(!behind_the_facade("src/sync/plain/mod.rs") && !behind_the_facade("tests/x.rs"));
    assert_eq!(weak_tests(concat!("#[", "should_panic]\nfn f() {}")).len(), 1);
    assert_eq!(weak_tests(concat!("#[", "ignore = \"slow\"]\nfn f() {}")).len(), 1);
    assert_eq!(weak_tests("#[should_panic(expected = \"x\")]").len(), 0);
}
