//! Runs the command over the misbehaving catalogue and takes its output apart.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The command under test, with nothing of this process's environment that it would heed.
pub fn command(args: &[&str]) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_selvedge-misbehaving"));
    for name in [
        "SELVEDGE_TIME_SCALE",
        "SELVEDGE_MEMORY_SCALE",
        "SELVEDGE_BUDGET",
        "SELVEDGE_WORKER",
        "CLICOLOR_FORCE",
    ] {
        c.env_remove(name);
    }
    c.args(args).stdin(Stdio::null());
    c
}

/// How a call of the command ended.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(o: Output) -> Run {
        Run {
            code: o.status.code(),
            stdout: String::from_utf8(o.stdout).expect("stdout is text"),
            stderr: String::from_utf8(o.stderr).expect("stderr is text"),
        }
    }
}

/// Runs the command to its end.
pub fn run(args: &[&str]) -> Run {
    command(args).output().expect("the command starts").into()
}

impl Run {
    /// The JSON lines.
    pub fn json(&self) -> Vec<Value> {
        let parse = |l: &str| serde_json::from_str(l).unwrap_or_else(|e| panic!("not JSON: {l}: {e}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The checks, without the summary.
    pub fn checks(&self) -> Vec<Value> {
        self.json().into_iter().filter(|l| l["type"] == "check").collect()
    }

    /// The JSON lines without what may differ between two runs.
    pub fn timeless(&self) -> Vec<Value> {
        let mut all = self.json();
        for line in &mut all {
            line.as_object_mut().expect("an object").remove("seconds");
        }
        all
    }
}

/// A folder of this test's own, empty.
pub fn folder(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("the folder can be made");
    dir
}

/// The files in a folder, by name.
pub fn files(dir: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the folder is there");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("an entry").file_name().into_string().expect("a text name")).collect();
    names.sort();
    names
}
