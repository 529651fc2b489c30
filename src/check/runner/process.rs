//! One worker process: started, watched against its limits, and heard out.

use super::interrupt;
use super::limits::Limits;
use crate::check::engine::Progress;
use crate::check::worker::protocol::{Line, Message, Order, WORKER_ENV};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How a worker ended.
#[derive(Debug)]
pub enum End {
    /// By itself, or by a signal that the runner did not send.
    Exited(ExitStatus),
    /// The runner killed it: wall clock.
    OutOfTime,
    /// The runner killed it: memory.
    OutOfMemory,
    /// The runner killed it: the user asked to stop.
    Interrupted,
}

/// All that is known of a worker that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub end: End,
    /// What it reported.
    pub messages: Vec<Message>,
    /// Its standard output, shortened.
    pub stdout: String,
    /// Its standard error, shortened.
    pub stderr: String,
    /// Wall clock.
    pub elapsed: Duration,
}

/// How often limits are looked at. Memory grows by some tens of MiB in between at worst.
const TICK: Duration = Duration::from_millis(10);

/// How long the runner goes on listening after the worker's exit, in case a descendant holds the pipes open: its
/// own lines are in the pipe already.
const GRACE: Duration = Duration::from_millis(200);

/// Variables of the engines, and of the shell, that must not reach into a worker.
const FOREIGN: [&str; 13] = [
    "LOOM_MAX_BRANCHES",
    "LOOM_MAX_PERMUTATIONS",
    "LOOM_MAX_DURATION",
    "LOOM_MAX_PREEMPTIONS",
    "LOOM_CHECKPOINT_FILE",
    "LOOM_CHECKPOINT_INTERVAL",
    "LOOM_LOCATION",
    "LOOM_LOG",
    "SHUTTLE_RANDOM_SEED",
    "SHUTTLE_ALWAYS_PERSIST_SEED",
    "SHUTTLE_PERSIST_SEED",
    "SHUTTLE_ANNOTATION_FILE",
    "SHUTTLE_CAPTURE_BACKTRACE",
];

/// Runs `command` as a worker with `order` and waits for its end.
/// Tells `heed` of its progress on the way.
pub fn supervise(
    mut command: Command,
    order: &Order,
    limits: Limits,
    heed: &dyn Fn(Progress),
) -> std::io::Result<Ended> {
    let (results, theirs) = std::io::pipe()?;
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .env(WORKER_ENV, serde_json::to_string(order)?)
        // A backtrace would lead through the engine; the worker's hook says where a panic came from.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn()?;
    // The command still holds our copy of the write end; the pipe must end when the worker does.
    drop(command);
    let pid = child.id();
    let heard = listen(results, pid);
    let stdout = Capture::of(child.stdout.take());
    let stderr = Capture::of(child.stderr.take());

    let mut messages = Vec::new();
    let end = watch(&mut child, &heard, &mut messages, start, limits, heed)?;
    let deadline = Instant::now() + GRACE;
    while let Ok(m) = heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        hear(&mut messages, m);
    }
    let (stdout, stderr) = (stdout.finish(deadline), stderr.finish(deadline));
    Ok(Ended { end, messages, stdout, stderr, elapsed: start.elapsed() })
}

/// Keeps `m`; of provisional failures the last only, since those before it were caught or superseded.
fn hear(messages: &mut Vec<Message>, m: Message) {
    if matches!(m, Message::Provisional { .. }) {
        messages.retain(|m| !matches!(m, Message::Provisional { .. }));
    }
    messages.push(m);
}

fn watch(
    child: &mut Child,
    heard: &Receiver<Message>,
    messages: &mut Vec<Message>,
    start: Instant,
    limits: Limits,
    heed: &dyn Fn(Progress),
) -> std::io::Result<End> {
    let mut closed = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Exited(status));
        }
        let reason = if interrupt::requested() {
            Some(End::Interrupted)
        } else if start.elapsed() > limits.time {
            Some(End::OutOfTime)
        } else if resident(child.id()).is_some_and(|bytes| bytes > limits.memory) {
            Some(End::OutOfMemory)
        } else {
            None
        };
        if let Some(end) = reason {
            // It may have ended this moment; then its own end counts.
            let status = child.try_wait()?;
            if let Some(status) = status {
                return Ok(End::Exited(status));
            }
            child.kill()?;
            child.wait()?;
            return Ok(end);
        }
        if closed {
            // The pipe ends with the worker, or the model has closed it: then only its exit can tell.
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        match heard.recv_timeout(TICK) {
            Ok(Message::Progress { executions, estimate, rate }) => {
                heed(Progress { executions, estimate, rate });
            }
            Ok(m) => hear(messages, m),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => closed = true,
        }
    }
}

/// Reads the worker's lines; lines of other processes and torn ones are dropped.
fn listen(results: std::io::PipeReader, pid: u32) -> Receiver<Message> {
    let (tell, heard) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(results).split(b'\n') {
            let Ok(bytes) = line else { break };
            let Ok(l) = serde_json::from_slice::<Line>(&bytes) else { continue };
            if l.pid == pid && tell.send(l.say).is_err() {
                break;
            }
        }
    });
    heard
}

/// Resident memory, in bytes, where the system says.
#[cfg(target_os = "linux")]
fn resident(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    // SAFETY: plain system call.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page).ok()?)
}

#[cfg(not(target_os = "linux"))]
fn resident(_: u32) -> Option<u64> {
    None
}

/// The first and last part of a stream, read on a thread of its own so that the worker never waits.
struct Capture {
    kept: Arc<Mutex<Kept>>,
    ended: Receiver<()>,
}

#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    tail: Vec<u8>,
    dropped: usize,
}

const HEAD: usize = 16 << 10;
const TAIL: usize = 16 << 10;

impl Kept {
    fn add(&mut self, mut bytes: &[u8]) {
        let room = HEAD - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        bytes = rest;
        self.tail.extend_from_slice(bytes);
        if self.tail.len() > 2 * TAIL {
            let surplus = self.tail.len() - TAIL;
            self.tail.drain(..surplus);
            self.dropped += surplus;
        }
    }

    fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.dropped > 0 {
            text += &format!("\n[... {} bytes left out ...]\n", self.dropped);
        }
        text += &String::from_utf8_lossy(&self.tail);
        text
    }
}

impl Capture {
    fn of(stream: Option<impl Read + Send + 'static>) -> Capture {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (tell, ended) = mpsc::channel();
        if let Some(mut stream) = stream {
            let kept = kept.clone();
            thread::spawn(move || {
                let mut buffer = [0u8; 8192];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).add(&buffer[..n]);
                }
                drop(tell);
            });
        }
        Capture { kept, ended }
    }

    fn finish(self, deadline: Instant) -> String {
        let _ = self.ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_output_keeps_its_ends() {
        let mut kept = Kept::default();
        kept.add(b"first\n");
        for _ in 0..100_000 {
            kept.add(b"flood\n");
        }
        kept.add(b"last\n");
        let text = kept.text();
        assert!(text.starts_with("first\n") && text.ends_with("last\n"));
        assert!(text.contains("bytes left out"));
        assert!(text.len() < HEAD + 2 * TAIL + 100);
    }
}
