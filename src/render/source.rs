//! The places that clash, quoted in rustc's look. The text is asked for, so that this stays a pure function; where the
//! source is not at hand, the positions stand alone.

use super::style::{bad, bold, dim};
use super::timeline::{WIDTH, clipped};
use super::why::why;
use crate::check::runner::trace::Trace;
use std::fmt::Write;

/// The text of a source file, if it is at hand.
pub type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads sources from the working folder, and from where the workspace of this build was.
pub fn from_disk(file: &str) -> Option<String> {
    std::fs::read_to_string(file)
        .ok()
        .or_else(|| std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok())
}

/// `file:line` in its parts.
pub fn place(at: &str) -> Option<(&str, usize)> {
    let (file, line) = at.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

/// At most two places, each with its line of source. Empty where there is nothing to quote.
pub fn quotes(t: &Trace, read: Read<'_>) -> String {
    let mut out = String::new();
    for p in why(t).places.iter().take(2) {
        let Some((file, line)) = place(&p.at) else { continue };
        let who = t.threads.get(p.thread).map_or("?", |t| t.name.as_str());
        let said = format!("{who}: {}", p.what);
        let text = read(file).and_then(|s| s.lines().nth(line.checked_sub(1)?).map(str::to_owned));
        let margin = line.to_string().len();
        let _ = writeln!(out, "{:margin$}{} {}", "", dim("-->"), p.at);
        let Some(text) = text else {
            let _ = writeln!(out, "{:margin$} {} {}", "", dim("="), clipped(&said, WIDTH - margin - 3));
            continue;
        };
        let code = text.trim();
        let room = WIDTH - margin - 7;
        let code = clipped(code, room);
        let under = "^".repeat(code.chars().count());
        let _ = writeln!(out, "{:margin$} {}", "", dim("|"));
        let _ = writeln!(out, "{} {}     {code}", bold(line), dim("|"));
        let _ = writeln!(out, "{:margin$} {}     {}", "", dim("|"), bad(under));
        let _ = writeln!(out, "{:margin$} {}     {}", "", dim("="), clipped(&said, room));
    }
    out
}
