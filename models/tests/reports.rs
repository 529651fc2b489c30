//! What `selvedge show` prints for every variant that is declared to fail: narrow, short, and with its reason.
//!
//! All engines at once, so not under `--cfg loom` or `--cfg shuttle`, which leave one.
#![cfg(not(any(loom, shuttle)))]

use selvedge::check::{Expect, Role};
use std::process::Command;

/// The lines from the header to the violated property, and those after it.
fn picture(text: &str) -> (Vec<&str>, Vec<&str>) {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().rposition(|l| l.starts_with(" step ")).expect("a header");
    let end = start + lines[start..].iter().position(|l| l.starts_with("VIOLATED")).expect("the property");
    (lines[start..=end].to_vec(), lines[end + 1..].to_vec())
}

/// Structural names, `o0.3` and `t1`, say nothing: whatever a counterexample speaks of has a name.
fn named(name: &str, text: &str) {
    let numbers = |s: &str| s.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let structural = |w: &str| {
        w.strip_prefix('o').is_some_and(|n| n.contains('.') && numbers(n))
            || w.strip_prefix('t').is_some_and(|n| !n.contains('.') && numbers(n))
    };
    // In the header, a thread's number follows its name: `reader (t1)`.
    let words = text.split(|c: char| !c.is_alphanumeric() && !".()_".contains(c));
    let unnamed: Vec<&str> = words.filter(|w| structural(w.trim_end_matches('.'))).collect();
    assert!(unnamed.is_empty(), "{name}: no names for {unnamed:?}\n{text}");
}

/// What is said in the columns of threads and states, without the numbers of lines, which tell nobody anything.
fn said(rows: &[&str]) -> Vec<String> {
    let at = rows[0].rfind(" at").filter(|i| rows[0].len() == i + 3).unwrap_or(usize::MAX);
    rows[1..rows.len() - 1]
        .iter()
        .map(|r| r.chars().take(at).collect::<String>().trim_end().to_owned())
        .collect()
}

#[test]
fn every_counterexample_is_narrow_short_and_explained() {
    let mut shown = 0;
    for model in selvedge_models::catalogue().models() {
        let mut bodies: Vec<(&str, Vec<String>)> = Vec::new();
        for variant in model.variants.iter().filter(|v| matches!(v.role, Role::Buggy | Role::WrongFix)) {
            let name = format!("{}/{}", model.name, variant.name);
            let out = Command::new(env!("CARGO_BIN_EXE_selvedge")).args(["show", &name]).output();
            let out = out.expect("the command starts");
            assert_eq!(out.status.code(), Some(0), "{name}");
            let text = String::from_utf8(out.stdout).expect("text");
            let (rows, after) = picture(&text);
            assert!(rows.len() <= 25, "{name}: {} rows\n{text}", rows.len());
            for line in rows.iter().chain(&after) {
                assert!(line.chars().count() <= 100, "{name}: {} columns: {line}", line.chars().count());
            }
            let steps = rows.iter().filter(|r| {
                r.get(..5).is_some_and(|n| n.trim().trim_start_matches("..").parse::<u32>().is_ok())
            });
            assert!((1..=20).contains(&steps.count()), "{name}\n{text}");
            let declared = variant.checks.iter().any(|c| match &c.expect {
                Expect::Found(set) => {
                    set.iter().any(|(p, k)| rows.last() == Some(&format!("VIOLATED {p} ({k})").as_str()))
                }
                _ => false,
            });
            assert!(declared, "{name}: the last row names no declared property\n{text}");
            for part in ["pass  ", "short "] {
                assert!(after.iter().any(|l| l.starts_with(part)), "{name}: no line `{part}`\n{text}");
            }
            consistent(&name, &text);
            cited(&name, &rows, &after, &text);
            named(&name, &[&rows[..], &after[..]].concat().join("\n"));
            let body = said(&rows);
            if let Some((other, _)) = bodies.iter().find(|(_, b)| *b == body) {
                panic!("{name} and {other} are told apart by nothing\n{text}");
            }
            bodies.push((variant.name, body));
            let why = after.iter().find(|l| l.starts_with("why ")).copied().unwrap_or_default();
            assert!(why.len() > 20 && !why.contains("the log shows no object"), "{name}: no reason\n{text}");
            shown += 1;
        }
    }
    assert!(shown >= 40, "only {shown} variants are declared to fail");
}

/// Every step that `why` and `pass` speak of is a row of the table, and of the thread that they say.
fn cited(name: &str, rows: &[&str], after: &[&str], text: &str) {
    let number = |r: &&str| r.get(..5)?.trim().trim_start_matches("..").parse::<u32>().ok();
    let shown: Vec<u32> = rows.iter().filter_map(number).collect();
    let from = after.iter().position(|l| l.starts_with("why ")).expect("a reason");
    let to = after.iter().position(|l| l.starts_with("short ")).expect("what is certified");
    let said = after[from..to].iter().map(|l| l.trim()).collect::<Vec<_>>().join(" ");
    let digits = |s: &str| s.chars().take_while(char::is_ascii_digit).collect::<String>();
    if let Some((_, round)) = said.split_once("In one round, by step: ") {
        // `worker 12 (resets), main 16 (looks), main 17 (sends)`: rows, or parts of them.
        let round = round.split("; then").next().unwrap_or_default();
        let steps = round.split(" (").filter_map(|s| s.rsplit(' ').next()?.parse::<u32>().ok());
        for n in steps {
            let part = rows.iter().any(|r| r.contains(&format!(" {n}: ")));
            assert!(shown.contains(&n) || part, "{name}: step {n} of the round is no row\n{text}");
        }
    }
    for mark in ["step ", "Step ", "<-> "] {
        for (at, _) in said.match_indices(mark) {
            let Ok(n) = digits(&said[at + mark.len()..]).parse::<u32>() else { continue };
            assert!(shown.contains(&n), "{name}: step {n} is no row\n{text}");
        }
    }
}

/// The preemptions that the picture counts are those that the certificate speaks of.
fn consistent(name: &str, text: &str) {
    let number = |words: &str| words.split([' ', ',', ';']).find_map(|w| w.parse::<u32>().ok());
    let header = text.lines().find(|l| l.contains(", fingerprint ")).expect("a header");
    let counted =
        header.split(", ").find(|part| part.contains("preemption")).and_then(number).expect("a count");
    let at = text.find("\nshort ").expect("what is certified");
    let short = text[at + 1..].split("; first found").next().and_then(|s| s.split("\nat  ").next());
    let short = short.expect("it has an end").split_whitespace().collect::<Vec<_>>().join(" ");
    let least = match short.split_once("no failure with fewer than ") {
        Some((_, rest)) => number(rest).expect("a number"),
        None => u32::from(short.contains("no failure without a preemption")),
    };
    assert!(least <= counted, "{name}: {counted} counted, {short}\n{text}");
    // What one more number says of this execution is that number; a bound alone is all of it.
    let own = match short.split_once("this one has ").or(short.split_once("not certified; ")) {
        Some((_, rest)) => number(rest),
        None if short.contains("(certified)") && !short.contains("sequentially") => Some(least),
        None if short.contains("no preemption is needed") => Some(0),
        None => None,
    };
    let by_exact = short.contains("exact: ");
    assert!(by_exact || own.is_none_or(|own| own == counted), "{name}: {counted} counted, {short}\n{text}");
    assert!(!short.contains("at most"), "{name}: a bound that the count above may exceed\n{text}");
}

/// Where an engine is declared to see what cannot be, its counterexample says so before anything else.
#[test]
fn a_false_alarm_is_called_one() {
    for name in ["canary_store_buffering/seq_cst", "canary_rmw_atomicity/store"] {
        let out = Command::new(env!("CARGO_BIN_EXE_selvedge")).args(["show", name]).output();
        let text = String::from_utf8(out.expect("the command starts").stdout).expect("text");
        let alarm = text.find("FALSE ALARM of loom").unwrap_or_else(|| panic!("{name}\n{text}"));
        assert!(alarm < text.find("VIOLATED").expect("a picture"), "{name}\n{text}");
    }
}

/// What a command prints.
fn printed(binary: &str, args: &[&str]) -> String {
    let out = Command::new(binary).args(args).output().expect("the command starts");
    String::from_utf8(out.stdout).expect("text").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// loom may let a read of `SeqCst` code come after a write that it does not see; as an interleaving it came before it.
#[test]
fn a_lost_update_that_loom_finds_is_no_stale_read() {
    let text = printed(
        env!("CARGO_BIN_EXE_selvedge-misbehaving"),
        &["check", "counter/fixed_but_fails", "--engine", "loom"],
    );
    assert!(text.contains(": a lost update.") && text.contains("critical pair"), "{text}");
    assert!(!text.contains("stale") && !text.contains("older value"), "{text}");
}

/// Every race of the catalogue that an ordering would mend asks for that which the variant lacks, and for no other.
#[test]
fn a_race_asks_for_the_ordering_that_its_variant_lacks() {
    for (name, missing) in [
        (
            "canary_fence_race/fence_after_flag",
            "Release at step (sender: store sent = 1) (or a release fence before it)",
        ),
        ("canary_missed_publish/main_reads", "Release at step (writer: store full = 1)"),
        ("canary_missed_publish/main_writes", "Release at step (main: store full = 1)"),
        ("canary_stale_read/relaxed_load", "Acquire at step (receiver: load flag -> 1)"),
        ("canary_stale_read/relaxed_store", "Release at step (main: store flag = 1)"),
        (
            "canary_store_buffering/relaxed",
            "SeqCst fence between steps and (main) and one between steps and (left)",
        ),
        ("connection_lost/looks_after", "SeqCst fence between steps and (main)"),
        ("gate_two_leaders/relaxed_invalidate", "Release at step (main: finds it broken)"),
        (
            "session_table_free_list/relaxed_retry",
            "Acquire at step (sleeper: CAS free.head slot 1 g1 -> none failed",
        ),
        ("session_table_guard/leave_without_acquire", "Acquire at step (main: sub slot[0].word 1"),
        ("session_table_guard/leave_without_release", "Release at step (reader: sub slot[0].word 1"),
        (
            "session_table_guard/relaxed_enter",
            "Acquire at step (main: CAS slot[0].word g1 open -> g1 closed ok)",
        ),
        (
            "session_table_guard/relaxed_take_over",
            "Acquire at step (main: CAS slot[0].word g1 closed, 1 guard",
        ),
        ("session_table_iterate/relaxed_pop", "Acquire at step (opener: opens session 2)"),
        ("session_table_iterate/relaxed_publish", "Release at step (opener: store slot[0].word = g2 open)"),
        ("session_table_iterate/relaxed_push", "Release at step (closer: CAS free.head none"),
    ] {
        // By what the steps do: their numbers are those of one engine's find.
        let unnumbered = |s: &str| {
            let words: Vec<&str> = s.split(' ').filter(|w| !w.bytes().all(|b| b.is_ascii_digit())).collect();
            words.join(" ")
        };
        let (text, missing) = (printed(env!("CARGO_BIN_EXE_selvedge"), &["show", name]), unnumbered(missing));
        let (_, pass) =
            text.split_once(" pass with ").unwrap_or_else(|| panic!("{name} asks for nothing: {text}"));
        let (pass, _) = pass.split_once(" short ").expect("the next line");
        let asked = unnumbered(pass.trim_start_matches("a "));
        assert!(asked.starts_with(&missing), "{name}: {asked}");
        assert_eq!(
            pass.matches("Release at ").count() + pass.matches("Acquire at ").count(),
            usize::from(missing.contains(" at ")),
            "{name}: {asked}"
        );
    }
}

/// Every buggy variant and wrong fix has a committed counterexample that still fails as it did.
/// `selvedge replay --bless models/counterexamples` writes them anew; read the difference before it is committed.
#[test]
fn the_committed_counterexamples_still_fail() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("counterexamples");
    let out = Command::new(env!("CARGO_BIN_EXE_selvedge")).arg("replay").arg(&dir).output();
    let out = out.expect("the command starts");
    let text = String::from_utf8(out.stdout).expect("text");
    assert_eq!(out.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&out.stderr));
    for model in selvedge_models::catalogue().models() {
        for v in model.variants.iter().filter(|v| matches!(v.role, Role::Buggy | Role::WrongFix)) {
            let line = format!("{}.{}: same failure: ", model.name, v.name);
            assert!(text.lines().any(|l| l.starts_with(&line)), "no line {line}..\n{text}");
            assert!(!text.contains("another path"), "{text}");
            assert!(!text.contains("the log in the file"), "{text}");
        }
    }
}

/// The page of the whole catalogue: it has every counterexample and every outcome, in one file that asks for nothing, and
/// is the same the next time, but for the times.
#[test]
fn the_page_has_everything_and_is_the_same_every_time() {
    let run = |name: &str| {
        let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let out = Command::new(env!("CARGO_BIN_EXE_selvedge")).args(["report", "--out"]).arg(&dir).output();
        let out = out.expect("the command starts");
        assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
        std::fs::read_to_string(dir.join("report.html")).expect("the page")
    };
    let page = run("page-1");
    assert!(page.len() < 5_000_000, "{} bytes", page.len());
    let block = |page: &str, id: &str| {
        let (before, after) = page.split_once(&format!("id=\"{id}\">")).expect("the block");
        let (text, after) = after.split_once("</script>").expect("its end");
        (text.to_owned(), before.to_owned() + after)
    };
    let (times, rest) = block(&page, "seconds");
    assert!(times.contains("vserver_swap/shared_mutation/exact"));
    assert!(block(&run("page-2"), "seconds").1 == rest, "the page differs from one run to the next");
    let (data, rest) = block(&rest, "data");
    for address in ["http://", "https://", "src=", "url("] {
        let rest = rest.replace("http://www.w3.org/2000/svg", "");
        assert!(!rest.contains(address), "the page asks for {address}");
    }
    let data: serde_json::Value = serde_json::from_str(&data).expect("JSON");
    let variants = data["variants"].as_array().expect("variants");
    for model in selvedge_models::catalogue().models() {
        for v in &model.variants {
            let name = format!("{}/{}", model.name, v.name);
            let is = |x: &&serde_json::Value| x["model"] == model.name && x["variant"] == v.name;
            let shown = variants.iter().find(is).expect("the variant");
            let failing = matches!(v.role, Role::Buggy | Role::WrongFix);
            assert!(!failing || shown["clearest"].is_string(), "{name} has no counterexample");
            let rows = shown["outcomes"]["rows"].as_array().expect("outcomes");
            let forbidden = rows.iter().filter(|r| r["grade"] == "forbidden");
            let seen = forbidden.clone().filter(|r| r["count"] != 0).count();
            assert!(
                v.role == Role::Canary || (seen > 0) == failing,
                "{name}: {seen} forbidden outcomes were seen"
            );
            let whole = v.role == Role::Fixed && shown["outcomes"]["whole"] == true;
            assert!(!whole || forbidden.into_iter().all(|r| r["share"] == "impossible"), "{name}");
            let held = rows.iter().filter(|r| r["violated"] == false && r["count"] != 0);
            assert!(held.into_iter().all(|r| r["witness"].is_u64()), "{name}: an outcome without a witness");
        }
    }
    // What a model says of its steps is in every kind of trace.
    let noted = |log: &serde_json::Value| log.as_array().expect("a log").iter().any(|e| e[8] != -1);
    let said = |list: &str, log: &str| {
        let all = data[list].as_array().expect("a list").iter().filter(|x| x[log] != serde_json::json!([]));
        (all.clone().filter(|x| noted(&x[log])).count(), all.count())
    };
    for (list, log) in [("failures", "events"), ("failures", "passing"), ("witnesses", "events")] {
        let (with, all) = said(list, log);
        assert!(with * 3 >= all * 2, "only {with} of {all} {list} have notes in their {log}");
    }
}

/// Fewer preemptions than which nothing fails, as a counterexample says.
fn certified(minimal: &str) -> u64 {
    let fewer = minimal.strip_prefix("no failure with fewer than ").and_then(|m| m.split(' ').next());
    match fewer.and_then(|k| k.parse().ok()).filter(|_| minimal.contains("(certified)")) {
        Some(k) => k,
        None => u64::from(minimal.starts_with("no failure without a preemption (certified)")),
    }
}

/// What one engine has certified no other refutes: shuttle counts choices of schedules, exact counts in graphs.
#[test]
fn no_certificate_is_refuted_by_another_engine() {
    let dir = std::env::temp_dir().join(format!("selvedge-certificates-{}", std::process::id()));
    let mut finds: Vec<(&str, String, u64, u64)> = Vec::new();
    for engine in ["exact", "shuttle"] {
        let out = dir.join(engine);
        printed(
            env!("CARGO_BIN_EXE_selvedge"),
            &["check", "--engine", engine, "--out", out.to_str().expect("text")],
        );
        for entry in std::fs::read_dir(&out).expect("the folder is there") {
            let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
            let saved: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            let minimal = saved["minimal"].as_str().unwrap_or_default();
            // Machines on which not everybody may run whenever he likes, and what no schedule alone leads to.
            if !text.contains("\"discipline\": \"preemptive\"") || minimal.contains("sequentially consistent")
            {
                continue;
            }
            let failure = ["model", "variant", "property", "kind"].map(|k| saved[k].to_string()).join(" ");
            let has = saved["size"]["preemptions"].as_u64().expect("a number");
            finds.push((engine, failure, certified(minimal), has));
        }
    }
    std::fs::remove_dir_all(&dir).expect("removed");
    let mut compared = 0;
    for (engine, failure, least, _) in &finds {
        for (_, _, _, has) in finds.iter().filter(|f| f.0 != *engine && f.1 == *failure) {
            assert!(least <= has, "{failure}: none with fewer than {least} preemptions, and one with {has}");
            compared += 1;
        }
    }
    println!("{compared} certificates compared with another engine's find");
    assert!(compared > 100, "only {compared} pairs of finds");
}

/// What shrinking achieves, over the committed finds of shuttle's random strategy. `cargo test -p selvedge-models --test
/// reports shrunk -- --nocapture` prints it: when this was written, 76 finds with 324 preemptions, 76 of which are left. That
/// is a quarter, and not the tenth one would like; it cannot be: for 75 of them it is certified that none has fewer. The
/// faults of this catalogue need about one preemption, and random finds begin with about four. (Among busy threads it is a
/// 45th: `benches/shortening.rs`.)
#[test]
fn shrunk_schedules_have_as_few_preemptions_as_can_be() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("counterexamples");
    let (mut finds, mut raw, mut left, mut least) = (0, 0, 0, 0);
    for entry in std::fs::read_dir(dir).expect("the folder is there") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
        let saved: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        if saved["strategy"] != "random" || saved["raw"].is_null() {
            continue;
        }
        let preemptions = |size: &str| saved[size]["preemptions"].as_u64().expect("a number");
        assert!(preemptions("size") <= preemptions("raw"), "{saved}");
        let says = saved["minimal"].as_str().expect("text");
        let certified = says == "no preemption is needed"
            || says.starts_with("no failure with") && says.ends_with("(certified)");
        least += u64::from(certified);
        finds += 1;
        raw += preemptions("raw");
        left += preemptions("size");
    }
    assert!(finds >= 30, "only {finds} finds");
    println!("{finds} finds: {raw} preemptions raw, {left} shrunk; {least} have as few as there can be");
    assert!(left * 2 <= raw, "{left} of {raw} preemptions are left");
    assert!(least * 10 >= finds * 9, "only {least} of {finds} are certified");
}
