//! What the models of incident 004 share: the cluster that requests arrive at, and the transport of the fixed
//! variants. The designs of the client are in the models.

use selvedge::check::{always, io, sometimes};
use selvedge::rest_connection::{Config, Request, Response, RestConnection, Transport};
use selvedge::sync::{Arc, AtomicU8, Named, Ordering, Shown};
use std::convert::Infallible;
use std::time::Duration;

/// A tenant of the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Svm {
    /// Whose volumes the operations are about.
    Data = 1,
    /// Whom telemetry reports to.
    Admin = 2,
}

impl Svm {
    pub(super) fn name(self) -> &'static str {
        match self {
            Svm::Data => "data",
            Svm::Admin => "admin",
        }
    }
    pub(super) fn of(word: u8) -> Svm {
        if word == Svm::Data as u8 { Svm::Data } else { Svm::Admin }
    }
}

/// A field that holds a vserver; counterexamples print its name.
pub(super) fn vserver(value: Svm, name: &'static str) -> AtomicU8 {
    AtomicU8::new(value as u8).named(name).shown(|word| Svm::of(*word).name())
}

/// A field that holds a timeout in seconds.
pub(super) fn timeout(seconds: u8, name: &'static str) -> AtomicU8 {
    AtomicU8::new(seconds).named(name).shown(|seconds| format!("{seconds} s"))
}

/// The seconds after which a request times out, and how many telemetry allows itself.
pub(super) const TIMEOUT: u8 = 15;
pub(super) const TIMEOUT_EMS: u8 = 25;

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    Operation,
    Telemetry,
}

/// The peer: knows whom a request was meant for, and looks at whom it is addressed to.
pub(super) struct Cluster {
    /// Pages that operations were given. Written by their thread alone; telemetry reads it to say where it came in,
    /// hence Relaxed.
    pages: AtomicU8,
}

impl Cluster {
    pub(super) fn new() -> Self {
        Cluster { pages: AtomicU8::new(0).named("pages sent") }
    }

    /// A request: `header` is whom it says it is for, `intended` whom its sender meant.
    pub(super) fn http(&self, sender: Sender, header: Svm, intended: Svm) {
        io();
        match sender {
            Sender::Operation => _ = self.pages.fetch_add(1, Ordering::Relaxed),
            // The page of discovery and the first page of the read.
            Sender::Telemetry => {
                sometimes("telemetry-between-pages", self.pages.load(Ordering::Relaxed) == 2)
            }
        }
        always("header-is-intended", header == intended, || {
            format!("a request meant for vserver {} went to {}", intended.name(), header.name())
        });
    }
}

/// The way to the cluster for a [`RestConnection`]: the path tells who sends, and so whom it means.
pub(super) struct Wire(pub(super) Arc<Cluster>);

impl Transport for Wire {
    type Error = Infallible;

    fn send(&self, request: &Request) -> Result<Response, Infallible> {
        let header = if request.vserver() == Some("data") { Svm::Data } else { Svm::Admin };
        let (sender, intended) = match request.path() {
            "/ems" => (Sender::Telemetry, Svm::Admin),
            _ => (Sender::Operation, Svm::Data),
        };
        self.0.http(sender, header, intended);
        Ok(Response::ok(""))
    }
}

/// A connection as operations use it: for the data vserver, with the default timeout.
pub(super) fn connection() -> RestConnection<Wire> {
    let config = Config::new("https://cluster.example/api")
        .with_vserver("data".parse().expect("a good name"))
        .with_timeout(Duration::from_secs(TIMEOUT.into()));
    RestConnection::new(config, Wire(Arc::new(Cluster::new())))
}
