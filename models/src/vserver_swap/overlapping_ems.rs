//! Cinder NetApp driver: two overlapping telemetry runs "restore" what the other one set, and undo what a third
//! party changed meanwhile.
//!
#![doc = include_str!("overlapping_ems.md")]

use super::miniature::{TIMEOUT, TIMEOUT_EMS, timeout};
use super::with_greenthreads;
use crate::spawn;
use selvedge::check::{Expect, Grade, Kind, Model, Variant, always, io, note, sometimes};
use selvedge::rest_connection::{Authorization, Call, Config, Request, Response, RestConnection, Transport};
use selvedge::sync::{Arc, ArcSwap, AtomicU8, Named, Ordering, Shown};
use std::convert::Infallible;
use std::time::Duration;

/// The seam: how a client reports, refreshes its token, and what is configured when nobody works.
trait Client: Send + Sync + 'static {
    fn new() -> Self;
    /// Run 1 or 2.
    fn telemetry(&self, run: usize, asked: Asked);
    fn refresh(&self);
    /// Timeout, and whether the token is the new one.
    fn settled(&self) -> (u8, bool);
}

/// Who is there beside the first run.
#[derive(Clone, Copy)]
struct Beside {
    second_run: bool,
    refresh: bool,
}

/// What is asked of the client.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    /// That nothing is left behind.
    Restored,
    /// That telemetry sends as it means to. Two messages then, as in the driver: the second is sent after the task has
    /// waited.
    Sent,
}

fn own_timeout(seconds: u64) {
    always("own-timeout", seconds == u64::from(TIMEOUT_EMS), || {
        format!("telemetry sends with a timeout of {seconds} s, and has set {TIMEOUT_EMS} s")
    });
}

fn scenario<C: Client>(beside: Beside, asked: Asked) -> &'static str {
    let client = Arc::new(C::new());
    let start = |name: &str, run| {
        let client = client.clone();
        spawn(name, move || client.telemetry(run, asked))
    };
    let first = start("run 1", 1);
    let second = beside.second_run.then(|| start("run 2", 2));
    if beside.refresh {
        // The new token comes over HTTP.
        io();
        client.refresh();
    }
    first.join().unwrap();
    if let Some(second) = second {
        second.join().unwrap();
    }
    let (timeout, refreshed) = client.settled();
    always("timeout-restored", timeout == TIMEOUT || asked == Asked::Sent, || {
        format!("everybody has finished, and the timeout is {timeout} s instead of {TIMEOUT} s")
    });
    always("no-lost-update", refreshed || !beside.refresh, || "the refreshed token is gone".to_owned());
    "done"
}

/// The connection of the incident.
///
/// | field | starts as | written by | to |
/// |---|---|---|---|
/// | `timeout` | 15 | a run, before it sends and after | 25, then what the run saw |
/// | `token` | old (0) | the refresher | new (1) |
struct Connection {
    name: &'static str,
    timeout: AtomicU8,
    token: AtomicU8,
}

impl Connection {
    /// 0: the first one; n: the copy that run n makes of its backup.
    fn with(of: usize, seconds: u8, token: u8) -> Arc<Self> {
        let [name, timeout_name, token_name] = [
            ["the first", "first.timeout", "first.token"],
            ["copy 1", "copy 1.timeout", "copy 1.token"],
            ["copy 2", "copy 2.timeout", "copy 2.token"],
        ][of];
        let token = AtomicU8::new(token).named(token_name).shown(|token| ["old", "new"][usize::from(*token)]);
        Arc::new(Connection { name, timeout: timeout(seconds, timeout_name), token })
    }
}

/// The client of the incident: a field that refers to the connection.
struct BackupRestore {
    connection: ArcSwap<Connection>,
}

impl Client for BackupRestore {
    fn new() -> Self {
        let connection = ArcSwap::new(Connection::with(0, TIMEOUT, 0));
        BackupRestore { connection: connection.named("connection").shown(|c| c.name) }
    }

    fn telemetry(&self, run: usize, asked: Asked) {
        let connection = self.connection.load_full();
        note(|| "backs up timeout and token".to_owned());
        let timeout = connection.timeout.load(Ordering::SeqCst);
        let token = connection.token.load(Ordering::SeqCst);
        note(|| format!("sets {TIMEOUT_EMS} s"));
        connection.timeout.store(TIMEOUT_EMS, Ordering::SeqCst);
        match asked {
            Asked::Restored => io(),
            Asked::Sent => {
                for message in [1, 2] {
                    let over = self.connection.load_full();
                    let name = over.name;
                    note(|| format!("sends message {message} over {name}"));
                    own_timeout(over.timeout.load(Ordering::SeqCst).into());
                    io();
                }
            }
        }
        note(|| "sets the timeout back".to_owned());
        connection.timeout.store(timeout, Ordering::SeqCst);
        // BUG: the backup is as old as the run; it takes everybody back to what one run saw when it began.
        note(|| {
            format!(
                "puts a copy of its backup in place: {timeout} s, {} token",
                ["old", "new"][usize::from(token)]
            )
        });
        self.connection.store(Connection::with(run, timeout, token));
    }

    fn refresh(&self) {
        let connection = self.connection.load_full();
        let name = connection.name;
        note(|| format!("refreshes the token of {name}"));
        connection.token.store(1, Ordering::SeqCst);
    }

    fn settled(&self) -> (u8, bool) {
        note(|| "looks at the connection when all is done".to_owned());
        let connection = self.connection.load_full();
        (connection.timeout.load(Ordering::SeqCst), connection.token.load(Ordering::SeqCst) == 1)
    }
}

/// Answers at once; counts runs, only to see that they overlap.
struct Wire {
    running: AtomicU8,
}

impl Transport for Wire {
    type Error = Infallible;

    fn send(&self, request: &Request) -> Result<Response, Infallible> {
        let others = self.running.fetch_add(1, Ordering::Relaxed);
        sometimes("runs-overlap", others > 0);
        own_timeout(request.timeout().as_secs());
        io();
        self.running.fetch_sub(1, Ordering::Relaxed);
        Ok(Response::ok(""))
    }
}

impl Client for RestConnection<Wire> {
    fn new() -> Self {
        let config =
            Config::new("https://cluster.example/api").with_timeout(Duration::from_secs(TIMEOUT.into()));
        RestConnection::new(config, Wire { running: AtomicU8::new(0).named("running") })
    }

    fn telemetry(&self, _run: usize, _asked: Asked) {
        // Fix: the timeout is this request's own; nothing is changed, so nothing is restored.
        let context = self.request().timeout(Duration::from_secs(TIMEOUT_EMS.into()));
        let Ok(_) = context.send(Call::post("/ems", "")).map_err(drop) else { unreachable!() };
    }

    fn refresh(&self) {
        self.reconfigure(|config| config.with_authorization(Authorization::new("new")));
    }

    fn settled(&self) -> (u8, bool) {
        let config = self.config();
        (config.timeout().as_secs() as u8, config.authorization().is_some())
    }
}

pub(super) fn model() -> Model {
    let leaked = &[("timeout-restored", Kind::Assertion)];
    let lost = &[("no-lost-update", Kind::Assertion)];
    let switched = &[("own-timeout", Kind::Assertion)];
    let runs = Beside { second_run: true, refresh: false };
    let refresh = Beside { second_run: false, refresh: true };
    let both = Beside { second_run: true, refresh: true };
    Model::new("overlapping_ems", "two telemetry runs restore what the other one set")
        .incident("004")
        .lesson(include_str!("overlapping_ems.md"))
        .always("timeout-restored", "when nobody works, the timeout is as configured")
        .always("no-lost-update", "a token that was refreshed stays refreshed")
        .always("own-timeout", "telemetry's request has telemetry's timeout")
        .sometimes("runs-overlap", "a run begins before another has ended")
        .outcome("done", Grade::Acceptable, "every report is sent, and what this variant asks for holds")
        .variant(with_greenthreads(
            Variant::buggy("timeout_leaks", move || scenario::<BackupRestore>(runs, Asked::Restored), leaked)
                .about("two runs, each with a backup of what it found"),
            Expect::found(leaked),
        ))
        .variant(with_greenthreads(
            Variant::buggy("send_switched", move || scenario::<BackupRestore>(runs, Asked::Sent), switched)
                .about("two runs of two messages: what the first restores, the second sends with"),
            Expect::found(switched),
        ))
        .variant(with_greenthreads(
            Variant::buggy("update_lost", move || scenario::<BackupRestore>(refresh, Asked::Restored), lost)
                .about("one run, and a token that is refreshed meanwhile"),
            Expect::found(lost),
        ))
        .variant(with_greenthreads(
            Variant::fixed("request_context", move || {
                scenario::<RestConnection<Wire>>(both, Asked::Restored)
            })
            .about("RestConnection: contexts by value, and snapshots that succeed each other"),
            Expect::Exhausted,
        ))
}
