//! Every model's lesson says what the code declares: its sections, its properties and its table of verdicts.

use selvedge::check::{Catalogue, Check, Discipline, EngineKind, Expect, Model, Role, Variant};

/// The word that a check is declared to say; behind it, after a colon, the type of the reason where the engine is known to
/// say something else than the truth, and in brackets the discipline that it is bound to.
fn cell(variant: &Variant, engine: EngineKind) -> String {
    let mut words: Vec<String> = variant.checks.iter().filter(|c| c.engine == engine).map(word).collect();
    words.dedup();
    words.join(", ")
}

fn word(check: &Check) -> String {
    let (word, reason) = match &check.expect {
        Expect::Exhausted => ("exhausted", check.because),
        Expect::Bounded => ("bounded", check.because),
        Expect::NotFound => ("not-found", check.because),
        Expect::Found(_) => ("found", check.because),
        Expect::OutOfReach(reason) => ("out-of-reach", Some(reason.as_str())),
        Expect::EngineLimit(_) => ("engine-limit", check.because),
    };
    let word = match reason.and_then(|r| r.split_once(':')) {
        Some((kind, _)) => format!("{word}: {kind}"),
        None => word.to_owned(),
    };
    match &check.discipline {
        Discipline::Preemptive => word,
        other => format!("{word} ({other})"),
    }
}

fn verdicts(model: &Model) -> String {
    let mut table =
        String::from("| variant | role | native | loom | shuttle | exact |\n|---|---|---|---|---|---|\n");
    for v in &model.variants {
        let cells = EngineKind::ALL.map(|engine| match cell(v, engine) {
            cell if cell.is_empty() => " ".to_owned(),
            cell => format!(" {cell} "),
        });
        table += &format!("| {} | {} |{}|\n", v.name, v.role.word(), cells.join("|"));
    }
    table
}

fn catalogue() -> Catalogue {
    selvedge_models::catalogue()
}

#[test]
fn every_lesson_has_its_sections_in_order() {
    const SECTIONS: [&str; 5] =
        ["# Incident\n", "# Interleaving\n", "# Abstraction\n", "# Properties\n", "# Verdicts\n"];
    for model in catalogue().models() {
        let at = SECTIONS.map(|s| model.lesson.find(s));
        assert!(at.iter().all(Option::is_some), "{}: a section is missing: {at:?}", model.name);
        assert!(at.is_sorted(), "{}: the sections are out of order", model.name);
        assert!(
            model.lesson.contains("<--"),
            "{}: the interleaving does not mark where it breaks",
            model.name
        );
    }
}

#[test]
fn every_wrong_fix_says_why_it_looks_right() {
    for model in catalogue().models() {
        for v in model.variants.iter().filter(|v| v.role == Role::WrongFix) {
            let said = v.about.starts_with("looks right because ") && v.about.len() > 40;
            assert!(said, "{}/{} says `{}`", model.name, v.name, v.about);
        }
    }
}

#[test]
fn every_lesson_lists_the_properties() {
    for model in catalogue().models() {
        for property in &model.properties {
            let name = format!("`{}`", property.name);
            assert!(model.lesson.contains(&name), "{}: the lesson does not mention {name}", model.name);
        }
    }
}

#[test]
fn every_lesson_shows_the_declared_verdicts() {
    for model in catalogue().models() {
        let table = verdicts(model);
        assert!(model.lesson.contains(&table), "the lesson of {} should say\n{table}", model.name);
    }
}

/// A typed reason, so that a disagreement can be counted and looked up.
#[test]
fn every_disagreement_has_a_known_reason() {
    const KNOWN: [&str; 7] = [
        "missed-interleaving",
        "seqcst-as-acqrel",
        "rmw-atomicity",
        "sc-only",
        "thread-limit",
        "no-timeouts",
        "fence-too-strong",
    ];
    for model in catalogue().models() {
        for (variant, check) in model.variants.iter().flat_map(|v| v.checks.iter().map(move |c| (v, c))) {
            let reason = match &check.expect {
                Expect::OutOfReach(reason) => Some(reason.as_str()),
                _ => check.because,
            };
            let Some(reason) = reason else { continue };
            let kind = reason.split_once(':').map(|(kind, _)| kind);
            assert!(
                kind.is_some_and(|k| KNOWN.contains(&k)),
                "{}/{}: unknown reason `{reason}`",
                model.name,
                variant.name
            );
        }
    }
}
