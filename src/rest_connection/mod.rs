//! A REST connection that many callers share without being able to disturb each other.
//!
//! Where a client keeps "the current vserver" and "the current timeout" in fields that every operation reads, a
//! background task that sets them for the length of one request redirects everybody else's requests meanwhile
//! (model `vserver_swap`), and two such tasks leave the wrong values behind for ever (model `overlapping_ems`).
//!
//! Here nothing that a request depends on can change under it:
//!
//! * The configuration is an immutable snapshot ([`Config`]). [`RestConnection::reconfigure`] publishes a successor;
//!   there is no setter.
//! * [`RestConnection::request`] takes one snapshot and returns a [`RequestContext`], a value. What an operation
//!   wants to be different (vserver, timeout, headers) it changes in its own context.
//! * A [`Request`] is complete before it reaches the [`Transport`], and the transport sees nothing else.
//! * All pages of one read come from one context ([`RequestContext::pages`]).
//!
//! Transports: `HttpTransport` (feature `http`), [`Recording`] for tests and models, or your own.
//!
//! # Example
//!
//! ```
//! use selvedge::rest_connection::{Call, Config, Recording, Response, RestConnection};
//! use std::time::Duration;
//!
//! let transport = Recording::new(|request| Response::ok(request.vserver().unwrap_or("cluster")));
//! let config = Config::new("https://cluster.example/api").with_vserver("svm1".parse()?);
//! let connection = RestConnection::new(config, transport);
//!
//! // An operation uses the configured vserver ...
//! let volumes = connection.request().send(Call::get("/storage/volumes"))?;
//! assert_eq!(volumes.body(), b"svm1");
//!
//! // ... a telemetry task another, with another timeout, and nobody else notices.
//! let telemetry = connection.request().vserver("admin").timeout(Duration::from_secs(25));
//! assert_eq!(telemetry.send(Call::post("/support/ems", "message"))?.body(), b"admin");
//! assert_eq!(connection.request().send(Call::get("/storage/volumes"))?.body(), b"svm1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod config;
mod context;
#[cfg(feature = "http")]
mod http;
mod message;
mod recording;

pub use config::{Authorization, Config, InvalidVserver, Vserver};
pub use context::{InvalidRequest, Pages, RequestContext, RestError};
#[cfg(feature = "http")]
pub use http::{HttpError, HttpTransport};
pub use message::{Call, Method, Request, Response, VSERVER_HEADER};
pub use recording::Recording;

use crate::sync::{Arc, ArcSwap, Named};
use std::fmt;

/// Carries requests to the peer. Called by many threads at once.
///
/// A transport sends exactly the [`Request`] it is given: vserver, timeout and headers included.
pub trait Transport {
    /// Why no response came back. A response with a status of 400 or above is a response.
    type Error;

    /// Sends `request` and waits for the response, for [`Request::timeout`] at most.
    fn send(&self, request: &Request) -> Result<Response, Self::Error>;
}

impl<T: Transport + ?Sized> Transport for &T {
    type Error = T::Error;

    fn send(&self, request: &Request) -> Result<Response, Self::Error> {
        (**self).send(request)
    }
}

/// A shared connection. See the [module](self).
///
/// | `config` | who replaces it | with |
/// |---|---|---|
/// | snapshot s | any caller of `reconfigure` | a successor computed from s itself, or else computed anew |
///
/// A snapshot is never written after it is published. Contexts that were made from it keep it alive and keep to it.
pub struct RestConnection<T> {
    config: ArcSwap<Config>,
    transport: T,
}

impl<T> RestConnection<T> {
    /// A connection that sends through `transport`.
    pub fn new(config: Config, transport: T) -> Self {
        RestConnection { config: ArcSwap::new(Arc::new(config)).named("connection.config"), transport }
    }

    /// A context for one operation, made from the configuration as it is now. Later changes of the configuration
    /// do not reach it.
    pub fn request(&self) -> RequestContext<'_, T> {
        RequestContext::new(&self.transport, self.config.load_full())
    }

    /// The configuration as it is now.
    pub fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Publishes a successor of the configuration. Contexts that exist keep what they have.
    ///
    /// No update is lost: if another caller publishes first, `change` is called again with what that caller
    /// published, so it must do nothing but compute.
    pub fn reconfigure(&self, mut change: impl FnMut(Config) -> Config) {
        self.config.rcu(|current| Arc::new(change(Config::clone(current))));
    }

    /// The transport.
    pub fn transport(&self) -> &T {
        &self.transport
    }
}

impl<T> fmt::Debug for RestConnection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestConnection").field("config", &self.config).finish_non_exhaustive()
    }
}

static_assertions::assert_impl_all!(RestConnection<Recording<fn(&Request) -> Response>>: Send, Sync);
static_assertions::assert_impl_all!(RequestContext<'static, ()>: Send, Sync, Clone);
#[cfg(feature = "http")]
static_assertions::assert_impl_all!(HttpTransport: Send, Sync, Transport);
