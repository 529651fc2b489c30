//! Counterexample files: written whole or not at all, and refused when they belong to something else.

use super::Report;
use super::trace::{Size, Trace, TraceEvent};
use crate::check::model::EngineKind;
use crate::check::worker::protocol::WirePlan;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};

/// First field of every file.
const FORMAT: &str = "selvedge-counterexample";
/// Raised when a field changes its meaning.
const VERSION: u32 = 2;
/// Larger files are none of ours.
const LARGEST: u64 = 16 << 20;

/// A saved counterexample.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Saved {
    /// `selvedge-counterexample`.
    pub format: String,
    /// Of the format.
    pub version: u32,
    /// Of Selvedge.
    pub selvedge: String,
    /// The model.
    pub model: String,
    /// The variant.
    pub variant: String,
    /// The engine that found it.
    pub engine: String,
    /// Its version: schedules mean nothing to another one.
    pub engine_version: String,
    /// How shuttle chose.
    pub strategy: Option<String>,
    /// What the scheduler was allowed to do.
    pub discipline: String,
    /// Seed of the check.
    pub seed: u64,
    /// What the check was allowed to do.
    pub plan: WirePlan,
    /// The violated property.
    pub property: String,
    /// How it was violated.
    pub kind: String,
    /// Stable under moved lines.
    pub fingerprint: String,
    /// A hash of the operations of the model's first execution; null where the worker died before it could tell.
    pub shape: Option<String>,
    /// How large the execution is; null in files of version 1.
    #[serde(default)]
    pub size: Option<Size>,
    /// How large it was before it was shrunk.
    #[serde(default)]
    pub raw: Option<Size>,
    /// How short it is known to be, in words.
    #[serde(default)]
    pub minimal: String,
    /// One line for people.
    pub message: String,
    /// The engine's own schedule.
    pub schedule: Vec<u32>,
    /// The execution, one line per operation.
    pub events: Vec<String>,
    /// The first and the last of them, from 1, that repeat for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<(usize, usize)>,
}

/// The version of an engine that this build explores with.
pub fn engine_version(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Loom => "0.7.2",
        EngineKind::Shuttle => "0.9.9",
        EngineKind::Native | EngineKind::Exact => env!("CARGO_PKG_VERSION"),
    }
}

impl Saved {
    /// The counterexample of `report`, if it has one.
    pub fn of(report: &Report) -> Option<Saved> {
        let (trace, case) = (report.trace.as_ref()?, &report.case);
        Some(Saved {
            format: FORMAT.to_owned(),
            version: VERSION,
            selvedge: env!("CARGO_PKG_VERSION").to_owned(),
            model: case.model.clone(),
            variant: case.variant.clone(),
            engine: case.engine.word().to_owned(),
            engine_version: engine_version(case.engine).to_owned(),
            strategy: case.strategy.map(|s| s.word().to_owned()),
            discipline: case.discipline.to_string(),
            seed: case.plan.seed,
            plan: WirePlan::from(&case.plan),
            property: trace.property.clone(),
            kind: trace.kind.word().to_owned(),
            fingerprint: report.fingerprint.clone()?,
            shape: report.shape.clone(),
            size: Some(trace.size()),
            raw: trace.raw,
            minimal: trace.minimal.clone(),
            message: trace.message.clone(),
            schedule: trace.schedule.clone(),
            events: lines(trace),
            repeats: trace.repeats.map(|(first, last)| (first + 1, last + 1)),
        })
    }

    /// Is the log in the file that of the execution in `report`? Lines of source may have moved since.
    pub fn logs(&self, report: &Report) -> bool {
        let operation = |line: &String| line.rsplit_once(" @ ").map_or(line.clone(), |(op, _)| op.to_owned());
        let log = report.trace.as_ref().map(lines).unwrap_or_default();
        self.events.iter().map(operation).eq(log.iter().map(operation))
    }

    /// Writes the file into `dir` and returns its absolute path.
    pub fn write(&self, dir: &Path, name: &str) -> std::io::Result<PathBuf> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        let safe: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
            .collect();
        write_whole(dir, &format!("{safe}.json"), text.as_bytes())
    }

    /// Reads a file; the error is one line that says what is wrong with it.
    pub fn read(path: &Path) -> Result<Saved, String> {
        let at = path.display();
        let hint = "`selvedge check --out DIR` writes such files";
        let about = std::fs::metadata(path).map_err(|e| format!("cannot read {at}: {e}"))?;
        // A pipe or a device might never end.
        if !about.is_file() || about.len() > LARGEST {
            return Err(format!("{at} is not a counterexample file: it is no file, or too large; {hint}"));
        }
        let bytes = std::fs::read(path).map_err(|e| format!("cannot read {at}: {e}"))?;
        let refuse = |what: &str| format!("{at} is not a counterexample file: it {what}; {hint}");
        const CUT: &str = "ends in the middle";
        let text = String::from_utf8(bytes).map_err(|e| match e.utf8_error().error_len() {
            None => refuse(CUT),
            Some(_) => refuse("is not text"),
        })?;
        if text.trim().is_empty() {
            return Err(refuse("is empty"));
        }
        let mut value: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| refuse(if e.is_eof() { CUT } else { "is not JSON" }))?;
        if value.get("format").and_then(|f| f.as_str()) != Some(FORMAT) {
            return Err(format!("{at} is not a counterexample file: `format` is not `{FORMAT}`; {hint}"));
        }
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version.is_none_or(|v| v == 0 || v > u64::from(VERSION)) {
            let got = version.map_or("no version".to_owned(), |v| format!("version {v}"));
            return Err(format!(
                "{at} has {got} of the file format, and this selvedge reads version {VERSION} and older"
            ));
        }
        if version == Some(1) {
            // It had the size there.
            value["shape"] = serde_json::Value::Null;
        }
        let saved: Saved =
            serde_json::from_value(value).map_err(|e| format!("{at} is damaged: {e}; {hint}"))?;
        let names = [&saved.model, &saved.variant, &saved.engine, &saved.engine_version, &saved.selvedge];
        if names.into_iter().any(|n| n.chars().any(char::is_control)) {
            return Err(format!("{at} is damaged: a name in it is no name; {hint}"));
        }
        saved.plan.plan().map_err(|e| format!("{at} is damaged: {e}; {hint}"))?;
        Ok(saved)
    }
}

/// The execution, one line per operation.
fn lines(t: &Trace) -> Vec<String> {
    let line = |e: &TraceEvent| {
        let who = t.threads.get(e.thread).map_or("?", |t| t.name.as_str());
        format!("{who}: {} @ {}", e.text, e.at)
    };
    t.events.iter().map(line).collect()
}

/// Writes a file under a temporary name and renames it: readers see all of it or nothing.
pub fn write_whole(dir: &Path, name: &str, bytes: &[u8]) -> std::io::Result<PathBuf> {
    let dir = std::path::absolute(dir)?;
    let temporary = dir.join(format!(".{name}.{}.tmp", std::process::id()));
    let path = dir.join(name);
    let write = || {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        drop(file);
        std::fs::rename(&temporary, &path)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&temporary);
    })?;
    Ok(path)
}

/// Makes `dir` and shows that files can be written in it.
pub fn prepare_dir(dir: &Path) -> Result<(), String> {
    let refuse =
        |e: std::io::Error| format!("cannot write to --out {}: {e}; name a writable folder", dir.display());
    std::fs::create_dir_all(dir).map_err(refuse)?;
    let probe = dir.join(format!(".selvedge-{}.tmp", std::process::id()));
    std::fs::File::create(&probe).map_err(refuse)?;
    std::fs::remove_file(&probe).map_err(refuse)
}
