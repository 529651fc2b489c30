//! Cinder NetApp driver: each request builds its HTTP session in a field of the shared client, and sends on whatever
//! the field holds by then.
//!
#![doc = include_str!("shared_session.md")]

use super::with_greenthreads;
use crate::spawn;
use selvedge::check::{EngineKind, Expect, Grade, Kind, Model, Variant, always, io, note, sometimes};
use selvedge::rest_connection::{Call, Config, Request, Response, RestConnection, Transport};
use selvedge::sync::{Arc, AtomicBool, AtomicUsize, Named, Ordering};
use std::convert::Infallible;

/// The seam: how a client sends the request of caller 0 or 1.
trait Client: Send + Sync + 'static {
    fn new() -> Self;
    /// Sends one. Says whether the other caller had begun by its end: if both do, the two overlap.
    fn request(&self, caller: usize) -> bool;
}

/// Two requests at once.
fn scenario<C: Client>() -> &'static str {
    let client = Arc::new(C::new());
    let other = {
        let client = client.clone();
        spawn("caller 1", move || client.request(1))
    };
    let mine = client.request(0);
    sometimes("requests-overlap", other.join().unwrap() && mine);
    "done"
}

/// A request of `caller` leaves on the session of `session`.
fn send(caller: usize, session: usize, configured: bool) {
    io();
    always("configured-session", configured, || {
        format!("caller {caller} sends on the session of caller {session}, which has no credentials yet")
    });
    always("own-session", session == caller, || {
        format!("the request of caller {caller} is sent on the session of caller {session}")
    });
}

/// The client of the incident.
///
/// | field | | written by | to |
/// |---|---|---|---|
/// | `session` | whose session it is | every request | its own |
/// | `configured[n]` | false | whoever finds session n in the field | true |
struct SharedField {
    session: AtomicUsize,
    configured: [AtomicBool; 2],
}

impl Client for SharedField {
    fn new() -> Self {
        SharedField {
            session: AtomicUsize::new(0).named("session"),
            configured: [0, 1].map(|n| AtomicBool::new(false).named_with(|| format!("configured[{n}]"))),
        }
    }

    fn request(&self, caller: usize) -> bool {
        // BUG: the field is shared, so the next two statements may see the session of the other request.
        note(|| format!("caller {caller} builds its session {caller}"));
        self.session.store(caller, Ordering::SeqCst);
        note(|| "configures the session that is there".to_owned());
        self.configured[self.session.load(Ordering::SeqCst)].store(true, Ordering::SeqCst);
        note(|| "sends on the session that is there".to_owned());
        let session = self.session.load(Ordering::SeqCst);
        send(caller, session, self.configured[session].load(Ordering::SeqCst));
        self.configured[1 - caller].load(Ordering::SeqCst)
    }
}

/// Of no variant: sends on a session of its own, which nobody has configured.
struct Unconfigured;

impl Client for Unconfigured {
    fn new() -> Self {
        Unconfigured
    }
    fn request(&self, caller: usize) -> bool {
        send(caller, caller, false);
        false
    }
}

/// Reads from the request which session it is sent on.
struct Wire {
    /// Set by each caller as it begins; only there to see that requests overlap.
    begun: [AtomicBool; 2],
}

impl Transport for Wire {
    type Error = Infallible;

    fn send(&self, request: &Request) -> Result<Response, Infallible> {
        let caller: usize = request.path().trim_start_matches('/').parse().expect("the caller's number");
        let session = request.headers().find_map(|(name, value)| (name == "X-Session").then_some(value));
        send(caller, session.map_or(usize::MAX, |s| s.parse().expect("a number")), session.is_some());
        Ok(Response::ok(""))
    }
}

impl Client for RestConnection<Wire> {
    fn new() -> Self {
        let begun = [0, 1].map(|n| AtomicBool::new(false).named_with(|| format!("begun[{n}]")));
        RestConnection::new(Config::new("https://cluster.example/api"), Wire { begun })
    }

    fn request(&self, caller: usize) -> bool {
        self.transport().begun[caller].store(true, Ordering::Relaxed);
        // Fix: the session is a value of this request.
        let context = RestConnection::request(self).header("X-Session", caller.to_string());
        let Ok(_) = context.send(Call::get(caller.to_string())).map_err(drop) else { unreachable!() };
        self.transport().begun[1 - caller].load(Ordering::Relaxed)
    }
}

pub(super) fn model() -> Model {
    const OTHERS: (&str, Kind) = ("own-session", Kind::Assertion);
    let mixed = &[OTHERS, ("configured-session", Kind::Assertion)];
    Model::new("shared_session", "each request builds its session in a field that all requests share")
        .incident("004")
        .lesson(include_str!("shared_session.md"))
        .always("own-session", "a request is sent on the session that was built for it")
        .always("configured-session", "no request is sent on a session that is not configured")
        .sometimes("requests-overlap", "each request begins before the other has ended")
        .outcome("done", Grade::Acceptable, "both requests were sent, each with the session of its own")
        .variant(with_greenthreads(
            Variant::buggy("shared_field", scenario::<SharedField>, mixed)
                .about("the session is assigned to a shared field and read back from it")
                .expect(EngineKind::Loom, Expect::found(&[OTHERS]))
                .expect(EngineKind::Exact, Expect::found(&[OTHERS])),
            // The request is built without I/O: there is nowhere to switch.
            Expect::Exhausted,
        ))
        .variant(with_greenthreads(
            Variant::fixed("local_session", scenario::<RestConnection<Wire>>)
                .about("the session is a local value: a context of RestConnection"),
            Expect::Exhausted,
        ))
        .falsifier(
            "configured-session",
            Kind::Assertion,
            scenario::<Unconfigured>,
            "a request is sent on a session of its own that was never configured",
        )
}
