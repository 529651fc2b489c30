//! JUnit XML: a suite per model, a test case per check.

use crate::check::runner::Report;
use std::fmt::Write;
use std::time::Duration;

/// The whole document.
pub fn document(reports: &[Report], elapsed: Duration) -> String {
    let failures = reports.iter().filter(|r| !r.as_declared).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites name=\"selvedge\" tests=\"{}\" failures=\"{failures}\" time=\"{:.3}\">",
        reports.len(),
        elapsed.as_secs_f64()
    );
    let mut rest = reports;
    while let Some(first) = rest.first() {
        let n = rest.iter().take_while(|r| r.case.model == first.case.model).count();
        let (suite, after) = rest.split_at(n);
        rest = after;
        write_suite(&mut out, suite);
    }
    out + "</testsuites>\n"
}

fn write_suite(out: &mut String, reports: &[Report]) {
    let failures = reports.iter().filter(|r| !r.as_declared).count();
    let time: Duration = reports.iter().map(|r| r.elapsed).sum();
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" time=\"{:.3}\">",
        escaped(&reports[0].case.model),
        reports.len(),
        time.as_secs_f64()
    );
    for r in reports {
        let _ = write!(
            out,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
            escaped(&format!("{}.{}", r.case.model, r.case.variant)),
            escaped(&r.case.test_name()),
            r.elapsed.as_secs_f64()
        );
        if r.as_declared {
            out.push_str("/>\n");
            continue;
        }
        out.push_str(">\n");
        let message = format!("expected {}, got {}", r.case.expect, r.verdict);
        let _ = writeln!(
            out,
            "      <failure type=\"{}\" message=\"{}\">{}</failure>",
            r.verdict.word(),
            escaped(&message),
            escaped(&detail(r))
        );
        for (name, text) in [("system-out", &r.stdout), ("system-err", &r.stderr)] {
            if !text.is_empty() {
                let _ = writeln!(out, "      <{name}>{}</{name}>", escaped(text));
            }
        }
        out.push_str("    </testcase>\n");
    }
    out.push_str("  </testsuite>\n");
}

fn detail(r: &Report) -> String {
    let mut text = r.message.clone();
    if let Some(t) = &r.trace {
        text.push('\n');
        text += &super::timeline::timeline(t);
    }
    text
}

/// Text for an element or an attribute. Characters that XML 1.0 does not have become U+FFFD; colours go.
fn escaped(s: &str) -> String {
    let plain = anstream::adapter::strip_str(s).to_string();
    let mut out = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if (c as u32) < 0x20 || c == '\u{fffe}' || c == '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn markup_and_control_characters_are_harmless() {
        assert_eq!(
            super::escaped("a<b>&\"c\" \u{1b}[31mred\u{1b}[0m\u{ffff}"),
            "a&lt;b&gt;&amp;&quot;c&quot; red\u{fffd}"
        );
    }
}
