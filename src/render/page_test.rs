//! The HTML page as a function of reports: what is in it, what cannot get out of it, and that it is the same every time.

use super::golden::{catalogue, reports};
use super::html::{Made, page};
use crate::check::runner::Report;
use serde_json::Value;
use std::time::Duration;

fn made(reports: &[Report]) -> String {
    let read = |file: &str| (file == "models/src/counter.rs").then(|| "let n = 1;\n".repeat(30));
    page(&catalogue(), reports, Made { budget: "quick", seed: 1, part: None }, &read)
}

/// The JSON of an element, by its id.
fn block(page: &str, id: &str) -> Value {
    let start = format!("<script type=\"application/json\" id=\"{id}\">");
    let text = page.split_once(&start).expect("the element").1;
    serde_json::from_str(text.split_once("</script>").expect("its end").0).expect("JSON")
}

#[test]
fn everything_is_in_the_file() {
    let page = made(&reports());
    for left in ["{{", "}}", "http://", "https://", "src=", "@import", "url("] {
        // The name of a namespace is not fetched.
        let page = page.replace("http://www.w3.org/2000/svg", "");
        let (markup, _) = page.split_once("<script type=\"application/json\"").expect("data");
        let (_, script) = page.rsplit_once("<script>").expect("a script");
        assert!(!markup.contains(left), "{left} in the markup");
        assert!(
            left.starts_with('}') || left.starts_with('{') || !script.contains(left),
            "{left} in the script"
        );
    }
}

#[test]
fn every_check_and_every_counterexample_is_in_it() {
    let reports = reports();
    let data = block(&made(&reports), "data");
    let checks: Vec<&Value> = data["variants"]
        .as_array()
        .expect("variants")
        .iter()
        .flat_map(|v| v["checks"].as_array().unwrap())
        .collect();
    assert_eq!(checks.len(), reports.len());
    for r in &reports {
        let check = checks.iter().find(|c| c["id"] == r.case.identity().as_str()).expect("the check");
        assert_eq!(check["ok"], r.as_declared);
        match (&r.trace, check["failure"].as_u64()) {
            (None, None) => {}
            (Some(t), Some(n)) => {
                let f = &data["failures"][n as usize];
                assert_eq!(f["property"], t.property.as_str());
                assert_eq!(f["events"].as_array().expect("events").len(), t.events.len());
                // Texts by number: the first step reads as it does in the log.
                let text = f["events"][0][3].as_u64().expect("a number") as usize;
                assert_eq!(data["strings"][text], t.events[0].text.as_str());
                assert!(!f["why"].as_array().expect("sentences").is_empty());
            }
            other => panic!("{}: {other:?}", r.case.identity()),
        }
    }
    let rows = data["variants"][1]["outcomes"]["rows"].as_array().expect("outcomes");
    let never = rows.iter().find(|o| o["word"] == "torn").expect("the forbidden outcome");
    assert_eq!((&never["grade"], &never["share"]), (&"forbidden".into(), &"impossible".into()));
}

/// The quoted lines are those of the steps, and no others.
#[test]
fn the_source_is_quoted_around_the_steps() {
    let data = block(&made(&reports()), "data");
    let lines = data["sources"]["models/src/counter.rs"].as_object().expect("the file");
    assert!(lines.contains_key("20") && lines.contains_key("9"), "{lines:?}");
    assert!(!lines.contains_key("1") && !lines.contains_key("29"), "{lines:?}");
}

/// Names come from models, that is, from anybody.
#[test]
fn no_name_ends_its_element() {
    let mut reports = reports();
    let evil = "</script><script>alert(1)</script><!--<img src=x>{{js}}";
    for t in reports.iter_mut().filter_map(|r| r.trace.as_mut()) {
        t.message = evil.to_owned();
        t.threads[0].name = evil.to_owned();
        t.events[1].object = Some(evil.to_owned());
        t.events[1].text = format!("load {evil}");
    }
    let (plain, page) = (made(&self::reports()), made(&reports));
    for tag in ["<script", "</script", "<img", "<!--"] {
        assert_eq!(plain.matches(tag).count(), page.matches(tag).count(), "{tag}");
    }
    let data = block(&page, "data");
    assert_eq!(data["failures"][0]["message"], evil, "and it is still there, as text");
}

/// Only the block of times may differ between two runs.
#[test]
fn the_same_run_makes_the_same_bytes() {
    let (one, mut two) = (reports(), reports());
    assert_eq!(made(&one), made(&two));
    for r in &mut two {
        r.elapsed += Duration::from_millis(7);
    }
    let (one, two) = (made(&one), made(&two));
    let without = |page: &str| {
        let (before, times) = page.split_once("id=\"seconds\">").expect("the times");
        before.to_owned() + times.split_once("</script>").expect("their end").1
    };
    assert_ne!(one, two);
    assert_eq!(without(&one), without(&two));
}
