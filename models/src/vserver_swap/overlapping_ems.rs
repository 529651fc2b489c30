//! Cinder NetApp driver: two overlapping telemetry runs "restore" what the other one set, and undo what a third
//! party changed meanwhile.
//!
#![doc = include_str!("overlapping_ems.md")]

use super::miniature::{TIMEOUT, TIMEOUT_EMS};
use super::{found, with_greenthreads};
use crate::spawn;
use selvedge::check::{Expect, Grade, Kind, Model, Variant, always, io, sometimes};
use selvedge::rest_connection::{Authorization, Call, Config, Request, Response, RestConnection, Transport};
use selvedge::sync::{Arc, ArcSwap, AtomicU8, Named, Ordering};
use std::convert::Infallible;
use std::time::Duration;

/// The seam: how a client reports, refreshes its token, and what is configured when nobody works.
trait Client: Send + Sync + 'static {
    fn new() -> Self;
    fn telemetry(&self);
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

fn scenario<C: Client>(beside: Beside) -> &'static str {
    let client = Arc::new(C::new());
    let start = |name: &str, run: fn(&C)| {
        let client = client.clone();
        spawn(name, move || run(&client))
    };
    let first = start("run 1", C::telemetry);
    let second = beside.second_run.then(|| start("run 2", C::telemetry));
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
    always("timeout-restored", timeout == TIMEOUT, || {
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
    timeout: AtomicU8,
    token: AtomicU8,
}

impl Connection {
    fn with(timeout: u8, token: u8) -> Arc<Self> {
        Arc::new(Connection {
            timeout: AtomicU8::new(timeout).named("timeout"),
            token: AtomicU8::new(token).named("token"),
        })
    }
}

/// The client of the incident: a field that refers to the connection.
struct BackupRestore {
    connection: ArcSwap<Connection>,
}

impl Client for BackupRestore {
    fn new() -> Self {
        BackupRestore { connection: ArcSwap::new(Connection::with(TIMEOUT, 0)).named("connection") }
    }

    fn telemetry(&self) {
        let connection = self.connection.load_full();
        let timeout = connection.timeout.load(Ordering::SeqCst);
        let token = connection.token.load(Ordering::SeqCst);
        connection.timeout.store(TIMEOUT_EMS, Ordering::SeqCst);
        // Here it sends.
        io();
        connection.timeout.store(timeout, Ordering::SeqCst);
        // BUG: the backup is as old as the run; it takes everybody back to what one run saw when it began.
        self.connection.store(Connection::with(timeout, token));
    }

    fn refresh(&self) {
        self.connection.load_full().token.store(1, Ordering::SeqCst);
    }

    fn settled(&self) -> (u8, bool) {
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
        always("own-timeout", request.timeout().as_secs() == u64::from(TIMEOUT_EMS), || {
            format!("telemetry sends with a timeout of {} s", request.timeout().as_secs())
        });
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

    fn telemetry(&self) {
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
        .outcome("done", Grade::Acceptable, "both reports are sent, and the configuration is as it was")
        .variant(with_greenthreads(
            Variant::buggy("timeout_leaks", move || scenario::<BackupRestore>(runs), leaked)
                .about("two runs, each with a backup of what it found"),
            found(leaked),
        ))
        .variant(with_greenthreads(
            Variant::buggy("update_lost", move || scenario::<BackupRestore>(refresh), lost)
                .about("one run, and a token that is refreshed meanwhile"),
            found(lost),
        ))
        .variant(with_greenthreads(
            Variant::fixed("request_context", move || scenario::<RestConnection<Wire>>(both))
                .about("RestConnection: contexts by value, and snapshots that succeed each other"),
            Expect::Exhausted,
        ))
}
