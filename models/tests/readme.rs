//! README.md says what the code says: its generated parts, its variables, its commands, its links.
//!
//! What stands between `<!-- generated: .. -->` and `<!-- end -->` is written by this test when
//! `SELVEDGE_UPDATE_GOLDENS` is set, and compared otherwise. Rust code blocks are doctests of the library.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

use selvedge::check::{Model, Role};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// What the command prints.
fn selvedge(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    let out = command.args(args).env("NO_COLOR", "1").output().expect("the command starts");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("text")
}

/// What belongs behind `<!-- generated: {what} -->`.
fn generated(what: &str) -> String {
    match what.strip_prefix("selvedge show ") {
        Some(name) => {
            let shown = selvedge(&["show", name]);
            assert!(shown.contains("\ncounterexample of "), "{shown}");
            format!("```text\n{shown}```\n")
        }
        None if what == "catalogue" => catalogue(),
        None => panic!("README.md asks for {what}"),
    }
}

fn catalogue() -> String {
    let mut out = String::new();
    let catalogue = selvedge_models::catalogue();
    let (incidents, others): (Vec<_>, Vec<_>) = catalogue.models().iter().partition(|m| m.incident.is_some());
    let (canaries, primitives): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|m| m.variants.iter().all(|v| v.role == Role::Canary));
    for (heading, models) in [
        ("incident", incidents),
        ("model of a primitive", primitives),
        ("model of an engine's gap", canaries),
    ] {
        let columns: Vec<(Role, &str)> = [
            (Role::Buggy, "buggy"),
            (Role::WrongFix, "wrong fixes"),
            (Role::Fixed, "fixed"),
            (Role::Canary, "canaries"),
        ]
        .into_iter()
        .filter(|(role, _)| models.iter().any(|m| !names(m, *role).is_empty()))
        .collect();
        let heads: String = columns.iter().map(|(_, head)| format!(" {head} |")).collect();
        let _ = writeln!(out, "| {heading} | what happens |{heads}");
        let _ = writeln!(out, "|---|---|{}", "---|".repeat(columns.len()));
        for m in &models {
            let incident = m.incident.map_or(String::new(), |i| format!("{i}: "));
            let cells: String = columns.iter().map(|(role, _)| format!(" {} |", names(m, *role))).collect();
            let _ = writeln!(out, "| {incident}`{}` | {} |{cells}", m.name, m.title);
        }
        out.push('\n');
    }
    let checks: usize = catalogue.models().iter().flat_map(|m| &m.variants).map(|v| v.checks.len()).sum();
    let variants: usize = catalogue.models().iter().map(|m| m.variants.len()).sum();
    let _ = writeln!(out, "{} models, {variants} variants, {checks} checks.", catalogue.models().len());
    out
}

fn names(m: &Model, role: Role) -> String {
    let of_role = m.variants.iter().filter(|v| v.role == role);
    of_role.map(|v| format!("`{}`", v.name)).collect::<Vec<_>>().join(", ")
}

/// Positions in source files move with every edit and say nothing that a reader of the README needs to be right: line
/// numbers behind a file's name and in front of quoted source, and the indent that goes with them.
fn without_positions(text: &str) -> String {
    let digits = |s: &str| s.chars().take_while(char::is_ascii_digit).count();
    let mut out = String::new();
    for line in text.lines() {
        let line = line.trim_start();
        let line = match digits(line) {
            n if n > 0 && line[n..].starts_with(" |") => &line[n + 1..],
            _ => line,
        };
        for (i, part) in line.split(".rs:").enumerate() {
            out += if i == 0 { "" } else { ".rs:_ " };
            out +=
                if i == 0 { part } else { part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':') };
        }
        out.push('\n');
    }
    out
}

#[test]
fn generated_parts_are_as_generated() {
    let old = readme();
    let (mut new, mut parts) = (String::new(), 0);
    let mut rest = old.as_str();
    while let Some((before, after)) = rest.split_once("<!-- generated: ") {
        let (what, after) = after.split_once(" -->\n").expect("the end of a marker");
        let (part, after) = after.split_once("<!-- end -->").expect("the end of a generated part");
        let now = generated(what);
        let keep = without_positions(part) == without_positions(&now);
        let _ =
            write!(new, "{before}<!-- generated: {what} -->\n{}<!-- end -->", if keep { part } else { &now });
        (rest, parts) = (after, parts + 1);
    }
    new += rest;
    assert_eq!(parts, 2, "the counterexample and the catalogue");
    if new != old {
        if std::env::var_os("SELVEDGE_UPDATE_GOLDENS").is_some() {
            fs::write(root().join("README.md"), &new).expect("a writable README.md");
        } else {
            let differs = old.lines().zip(new.lines()).find(|(o, n)| o != n);
            panic!(
                "README.md is not what the code says (first difference: {differs:?}); SELVEDGE_UPDATE_GOLDENS=1 rewrites it"
            );
        }
    }
}

#[test]
fn every_variable_that_is_read_is_documented() {
    fn walk(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(dir).expect("a readable directory").map(|e| e.expect("a readable entry")) {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs" || e == "sh") {
                let source = fs::read_to_string(&path).expect("UTF-8");
                for (at, name) in source.match_indices("SELVEDGE_") {
                    let end = |c: char| !(c.is_ascii_uppercase() || c == '_');
                    let rest = source[at + name.len()..].split(end).next().unwrap_or("");
                    if !rest.is_empty() {
                        found.insert(format!("SELVEDGE_{rest}"));
                    }
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    for dir in ["src", "models", "tests", "benches", "ci", "examples"] {
        walk(&root().join(dir), &mut found);
    }
    assert!(found.contains("SELVEDGE_BUDGET"), "the search finds nothing");
    let readme = readme();
    let missing: Vec<_> = found
        .iter()
        .filter(|v| !readme.contains(&format!("| `{v}`")) && !readme.contains(&format!(", `{v}`")))
        .collect();
    assert!(missing.is_empty(), "not in the README's table of environment variables: {missing:?}");
}

#[test]
fn every_subcommand_is_in_the_table() {
    let readme = readme();
    let help = selvedge(&["--help"]);
    let commands = help.split_once("Commands:\n").expect("a list of commands").1.split("\n\n").next();
    let commands: Vec<&str> =
        commands.unwrap_or("").lines().filter_map(|l| l.split_whitespace().next()).collect();
    assert!(commands.contains(&"replay"), "{help}");
    for c in commands.into_iter().filter(|c| !["check", "help"].contains(c)) {
        assert!(readme.contains(&format!("| `selvedge {c}")), "`selvedge {c}` is not in the README");
    }
}

/// The manifest that people copy is the one that `ci/downstream.sh` tests.
#[test]
fn the_manifest_is_the_tested_one() {
    let readme = readme();
    let toml = readme.split_once("```toml\n").expect("a manifest").1.split("```").next().unwrap_or("");
    let tested = fs::read_to_string(root().join("ci/downstream/Cargo.toml.in")).expect("the tested manifest");
    let tested = tested.replace("@SELVEDGE@", "../selvedge");
    for line in toml.lines() {
        assert!(tested.lines().any(|l| l == line), "not in ci/downstream/Cargo.toml.in: {line}");
    }
}

/// So are the tests that people copy: `ci/downstream.sh` runs them.
#[test]
fn the_examples_are_the_tested_ones() {
    let readme = readme();
    for (name, mark) in [("readme_test", "fn no_increment_is_lost"), ("readme_models", "fn main() -> ")] {
        let block = readme.split("```rust").skip(1).filter_map(|b| b.split_once('\n')?.1.split("```").next());
        let block = block.into_iter().find(|b| b.contains(mark)).expect("the example");
        let file = root().join(format!("ci/downstream/tests/{name}.rs"));
        let tested = fs::read_to_string(file).expect("the tested file");
        assert!(tested.ends_with(block), "ci/downstream/tests/{name}.rs is not what README.md shows");
    }
}

#[test]
fn links_lead_somewhere() {
    for page in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root().join(page)).expect(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or("");
            let local = !file.is_empty() && !file.contains("://");
            assert!(!local || root().join(file).exists(), "{page} links to {link}");
        }
    }
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    for path in text.split('`').skip(1).step_by(2).filter(|p| p.starts_with("src/") || p.starts_with("ci/")) {
        let path = path.split('{').next().unwrap_or(path);
        assert!(root().join(path).exists(), "ARCHITECTURE.md names {path}");
    }
}
