//! What the catalogue must hold: the incidents, every model and variant that was asked for by name, a proof for each fix,
//! something that violates each property, and each primitive in some fix. That each check ends as declared is `verdicts.rs`; that each broken variant has a
//! counterexample that still fails, `reports.rs`; that lessons say the same as the code, `lessons.rs`.

use selvedge::check::model::PropertyKind;
use selvedge::check::{Catalogue, EngineKind, Expect, Model, Role, Strategy, Variant};
use std::collections::BTreeSet;
use std::path::Path;

/// Incident, model, buggy, wrong fixes, fixed.
type Named = (&'static str, &'static str, Names, Names, Names);
type Names = &'static [&'static str];

/// Names are part of the interface. There may be more of each.
const NAMED: &[Named] = &[
    (
        "000",
        "session_id_reuse",
        &["id_only"],
        &["null_check", "quarantine", "check_then_apply", "narrow_generation"],
        &["generation_tagged"],
    ),
    (
        "001",
        "packer_zero_segment",
        &["index_decides"],
        &["strip_one_trailing", "peek_next", "clear_on_exit"],
        &["byte_driven"],
    ),
    ("001", "aborted_sync", &["no_abort"], &["ignore_changes"], &["staged"]),
    ("001", "wrong_configuration_delivery", &[], &[], &[]),
    ("001", "received_flag", &[], &[], &[]),
    ("001", "section_before_checkpoint", &[], &[], &[]),
    ("001", "torn_record", &[], &[], &[]),
    (
        "002",
        "reconnect_early_wake",
        &["early_wake"],
        &["one_wake_removed", "eagain_to_connect", "both_wakes_removed"],
        &["epoch_gate"],
    ),
    ("003", "stack_semaphore", &[], &[], &[]),
    ("003", "frame_freed_twice", &[], &[], &[]),
    ("003", "unlocked_slot", &[], &[], &[]),
    ("003", "timed_wait_drains", &[], &[], &[]),
    (
        "004",
        "vserver_swap",
        &["shared_mutation"],
        &["option_a_delay", "option_b_miswired", "option_c_as_written"],
        &["option_b_copy", "option_d_parameter", "option_c_all_senders", "option_e_no_switch"],
    ),
    ("004", "shared_session", &[], &[], &["local_session"]),
    ("004", "overlapping_ems", &[], &[], &[]),
    ("004", "paged_read", &[], &[], &[]),
    ("004", "pool_cache", &["partial_snapshot"], &["retry_stampede"], &["snapshot_cache"]),
];

/// Each primitive: its module, and a type of it that models name.
const PRIMITIVES: &[(&str, &str)] = &[
    ("claim", "PendingCalls"),
    ("completion", "Completion"),
    ("connect_gate", "ConnectGate"),
    ("flight_recorder", "FlightRecorder"),
    ("packer", "Packer"),
    ("rest_connection", "RestConnection"),
    ("serial", "Serial"),
    ("session_table", "SessionTable"),
    ("snapshot_cache", "SnapshotCache"),
    ("staged_commit", "StagedCommit"),
];

fn catalogue() -> Catalogue {
    selvedge_models::catalogue()
}

fn variants(c: &Catalogue) -> impl Iterator<Item = (&Model, &Variant)> {
    c.models().iter().flat_map(|m| m.variants.iter().map(move |v| (m, v)))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The text of every Rust file below `dir`.
fn sources(dir: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(dir).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|e| e == "rs") {
            text += &read(&path);
        }
    }
    text
}

#[test]
fn it_holds_five_incidents_and_everything_named() {
    let c = catalogue();
    let incidents: BTreeSet<&str> = c.models().iter().filter_map(|m| m.incident).collect();
    assert_eq!(incidents, ["000", "001", "002", "003", "004"].into());
    for (incident, model, buggy, wrong, fixed) in NAMED {
        let m = c.models().iter().find(|m| m.name == *model).unwrap_or_else(|| panic!("no model {model}"));
        assert_eq!(m.incident, Some(*incident), "{model}");
        for (role, names) in [(Role::Buggy, buggy), (Role::WrongFix, wrong), (Role::Fixed, fixed)] {
            let have: Vec<&str> = m.variants.iter().filter(|v| v.role == role).map(|v| v.name).collect();
            for name in *names {
                assert!(have.contains(name), "{model} has {have:?} as {}, and not {name}", role.word());
            }
            let needed = role != Role::WrongFix;
            assert!(!needed || !have.is_empty(), "{model} has nothing {}", role.word());
        }
    }
}

#[test]
fn every_model_states_what_must_hold_and_every_variant_is_checked() {
    let c = catalogue();
    for m in c.models() {
        let always = m.properties.iter().filter(|p| p.kind == PropertyKind::Always).count();
        assert!(always > 0, "{} states nothing", m.name);
        let seen = m.properties.iter().filter(|p| p.kind == PropertyKind::Sometimes).count();
        let fixed = m.variants.iter().any(|v| v.role == Role::Fixed);
        assert!(
            !fixed || seen + m.outcomes.len() > 0,
            "{} does not say what its fix must be seen to do",
            m.name
        );
    }
    for (m, v) in variants(&c) {
        let name = format!("{}/{}", m.name, v.name);
        assert!(!v.about.is_empty(), "{name} does not say what it is");
        assert!(!v.checks.is_empty(), "{name} is not checked");
        let finds = v.checks.iter().filter_map(|check| match &check.expect {
            Expect::Found(pairs) => Some(pairs),
            _ => None,
        });
        let finds: Vec<_> = finds.collect();
        match v.role {
            Role::Buggy | Role::WrongFix => {
                assert!(!finds.is_empty(), "{name} is {}, and nobody finds it", v.role.word());
                for (property, _) in finds.into_iter().flatten() {
                    let declared = m.properties.iter().any(|p| p.name == property);
                    assert!(declared, "{name} is to violate `{property}`, which is no property of the model");
                }
            }
            // A false alarm has its reason.
            Role::Fixed => assert!(
                v.checks.iter().all(|c| { !matches!(c.expect, Expect::Found(_)) || c.because.is_some() })
            ),
            Role::Canary => {}
        }
    }
}

/// A property that nothing violates says nothing: a check that is declared to find this one and no other, or a falsifier
/// (`falsifiers.rs` runs those).
#[test]
fn every_property_can_fail() {
    let c = catalogue();
    let alone = |v: &Variant, property: &str| {
        v.checks.iter().any(|check| match &check.expect {
            Expect::Found(pairs) => check.because.is_none() && pairs.iter().all(|(p, _)| p == property),
            _ => false,
        })
    };
    let mut never = Vec::new();
    for m in c.models() {
        let always = m.properties.iter().filter(|p| p.kind == PropertyKind::Always);
        for p in always {
            let violated = m.variants.iter().any(|v| alone(v, p.name));
            let falsified = m.falsifiers.iter().any(|v| v.name == p.name);
            if violated == falsified {
                let what =
                    if violated { "has a falsifier that it does not need" } else { "is violated by nothing" };
                never.push(format!("{}/{} {what}", m.name, p.name));
            }
        }
        for v in &m.falsifiers {
            let known = m.properties.iter().any(|p| p.name == v.name && p.kind == PropertyKind::Always);
            assert!(known, "{} has a falsifier of `{}`, which it does not state", m.name, v.name);
        }
    }
    assert!(never.is_empty(), "{never:#?}");
}

/// By an engine, or under a strategy, that explores all.
#[test]
fn every_fix_is_exhausted() {
    for (m, v) in variants(&catalogue()).filter(|(_, v)| v.role == Role::Fixed) {
        let exhausted = v.checks.iter().any(|c| {
            let all = match c.engine {
                EngineKind::Loom | EngineKind::Exact => true,
                EngineKind::Shuttle => c.strategy == Some(Strategy::Dfs),
                EngineKind::Native => false,
            };
            all && c.expect == Expect::Exhausted
        });
        assert!(exhausted, "{}/{} is exhausted by nobody", m.name, v.name);
    }
}

#[test]
fn every_primitive_is_in_a_fix_and_has_an_example_and_property_tests() {
    let models = sources(&root().join("models/src"));
    let lib = read(&root().join("src/lib.rs"));
    let others = ["sync", "check", "render"];
    let public = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';'));
    let public: BTreeSet<&str> = public.filter(|m| !others.contains(m)).collect();
    assert_eq!(
        public,
        PRIMITIVES.iter().map(|(module, _)| *module).collect(),
        "every primitive is listed here"
    );
    for (module, name) in PRIMITIVES {
        let used = models.lines().any(|l| l.contains(&format!("selvedge::{module}::")) && l.contains(name));
        assert!(used, "no model uses selvedge::{module}::{name}");
        let (file, folder) =
            (root().join(format!("src/{module}.rs")), root().join(format!("src/{module}/mod.rs")));
        let source = read(if file.exists() { &file } else { &folder });
        let docs: String = source.lines().take_while(|l| l.starts_with("//!")).collect();
        assert!(docs.contains("```"), "src/{module} begins without an example");
        let tests = std::fs::read_dir(root().join("tests")).expect("tests/").filter_map(|e| {
            let path = e.ok()?.path();
            let mine = path.file_name()?.to_str()?.starts_with(module);
            (mine && path.extension()? == "rs").then(|| read(&path))
        });
        assert!(tests.into_iter().any(|t| t.contains("proptest!")), "{module} has no property tests");
    }
}
