//! The context of one operation: a value that says for whom, how long, with which headers.

use super::config::{Config, InvalidVserver, Vserver};
use super::message::{Call, Request, Response};
use super::{Transport, VSERVER_HEADER};
use crate::sync::Arc;
use std::fmt;
use std::time::Duration;

/// One operation's view of a connection: a snapshot of the configuration and this operation's own wishes.
///
/// It is a value. Its methods take it and return another; clones are independent; nobody else can reach it.
pub struct RequestContext<'c, T> {
    transport: &'c T,
    config: Arc<Config>,
    /// `None`: as configured.
    vserver: Option<Option<Vserver>>,
    timeout: Option<Duration>,
    headers: Vec<(String, String)>,
    /// The first thing that was wrong, kept until there is somebody to tell.
    invalid: Option<InvalidRequest>,
}

impl<'c, T> RequestContext<'c, T> {
    pub(super) fn new(transport: &'c T, config: Arc<Config>) -> Self {
        RequestContext { transport, config, vserver: None, timeout: None, headers: Vec::new(), invalid: None }
    }

    /// For `name` instead of the configured vserver. If it cannot be the name of a vserver, nothing is sent and
    /// [`send`](RequestContext::send) says why.
    pub fn vserver(mut self, name: impl AsRef<str>) -> Self {
        match name.as_ref().parse() {
            Ok(vserver) => self.vserver = Some(Some(vserver)),
            Err(why) => self.invalid = self.invalid.or(Some(InvalidRequest::Vserver(why))),
        }
        self
    }

    /// For the cluster, whatever the configured vserver is.
    pub fn cluster(mut self) -> Self {
        self.vserver = Some(None);
        self
    }

    /// With `timeout` instead of the configured one.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// With one more header; not one that says whom a request is for ([`VSERVER_HEADER`], and ONTAP's other way,
    /// `X-Dot-SVM-UUID`), because [`vserver`](RequestContext::vserver) is the one way to say that, nor a second
    /// `Authorization`; nor one that says where the request goes or where it ends (`Host`, `Content-Length`,
    /// `Transfer-Encoding`), which follows from its address and body: a second answer to that is how one request is made
    /// two on the way. If it cannot be a header, nothing is sent and [`send`](RequestContext::send) says why.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            self.invalid = self.invalid.or(Some(InvalidRequest::ReservedHeader));
        } else if !is_header_name(&name) || !is_header_value(&value) {
            self.invalid = self.invalid.or(Some(InvalidRequest::Header { name }));
        } else {
            self.headers.push((name, value));
        }
        self
    }

    /// The snapshot that it was made from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The request that `call` amounts to in this context.
    pub fn build(&self, call: Call) -> Result<Request, InvalidRequest> {
        if let Some(why) = &self.invalid {
            return Err(why.clone());
        }
        if self.config.authorization().is_some_and(|a| !is_header_value(a.as_str())) {
            return Err(InvalidRequest::Authorization);
        }
        if [self.config.base(), call.path()].iter().any(|part| !is_sendable(part)) {
            return Err(InvalidRequest::Url);
        }
        let vserver = self.vserver.clone().unwrap_or_else(|| self.config.vserver().cloned());
        let timeout = self.timeout.unwrap_or(self.config.timeout());
        Ok(Request::new(&self.config, vserver, timeout, self.headers.clone(), call))
    }
}

impl<'c, T: Transport> RequestContext<'c, T> {
    /// Sends `call` and waits for the response. Any status is a response; see [`Response::is_success`].
    pub fn send(&self, call: Call) -> Result<Response, RestError<T::Error>> {
        let request = self.build(call).map_err(RestError::Invalid)?;
        self.transport.send(&request).map_err(RestError::Transport)
    }

    /// Sends `first`, then whatever `next` finds in each response, until it finds nothing or sending fails.
    ///
    /// All pages come from this one context, hence from one vserver, whatever happens to the connection meanwhile. That goes
    /// for everything that is configured: a read that outlasts its authorization is not helped by a token that the
    /// connection has been given since, and ends, or goes on, with what the server answers to the old one.
    ///
    /// ```
    /// # use selvedge::rest_connection::{Call, Config, Recording, Response, RestConnection};
    /// # let transport = Recording::new(|request| match request.path() {
    /// #     "/names" => Response::new(200, vec![("next".into(), "/names?from=2".into())], "one"),
    /// #     _ => Response::ok("two"),
    /// # });
    /// # let connection = RestConnection::new(Config::new("https://cluster.example/api"), transport);
    /// let context = connection.request().vserver("svm1");
    /// let pages: Result<Vec<_>, _> =
    ///     context.pages(Call::get("/names"), |page| page.header("next").map(Call::get)).collect();
    /// assert_eq!(pages?.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pages<N: FnMut(&Response) -> Option<Call>>(&self, first: Call, next: N) -> Pages<'_, 'c, T, N> {
        Pages { context: self, call: Some(first), next }
    }
}

impl<T> Clone for RequestContext<'_, T> {
    fn clone(&self) -> Self {
        RequestContext {
            transport: self.transport,
            config: self.config.clone(),
            vserver: self.vserver.clone(),
            timeout: self.timeout,
            headers: self.headers.clone(),
            invalid: self.invalid.clone(),
        }
    }
}

impl<T> fmt::Debug for RequestContext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext")
            .field("config", &self.config)
            .field("vserver", &self.vserver)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The pages of one read, from [`RequestContext::pages`].
#[derive(Debug)]
#[must_use = "pages are fetched as they are iterated over"]
pub struct Pages<'r, 'c, T, N> {
    context: &'r RequestContext<'c, T>,
    call: Option<Call>,
    next: N,
}

impl<T: Transport, N: FnMut(&Response) -> Option<Call>> Iterator for Pages<'_, '_, T, N> {
    type Item = Result<Response, RestError<T::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        let page = self.context.send(self.call.take()?);
        if let Ok(page) = &page {
            self.call = (self.next)(page);
        }
        Some(page)
    }
}

/// A context that no request can be made from.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// It names no vserver that can exist.
    Vserver(InvalidVserver),
    /// It sets by hand what is set for it: [`VSERVER_HEADER`] or another name of the vserver, `Authorization`, or where the
    /// request goes and ends.
    ReservedHeader,
    /// It sets a header whose name or value cannot stand in a request.
    Header {
        /// The name. The value, which may be a secret, is not kept.
        name: String,
    },
    /// The configured authorization cannot stand in a header.
    Authorization,
    /// The configured base or the path of the call has blanks, control characters or letters outside of ASCII.
    Url,
}

/// Headers that are made from the configuration, the context and the call.
const RESERVED: [&str; 6] =
    [VSERVER_HEADER, "X-Dot-SVM-UUID", "Authorization", "Host", "Content-Length", "Transfer-Encoding"];

/// A token of RFC 9110.
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Nothing that ends the header, or begins another.
fn is_header_value(value: &str) -> bool {
    value.chars().all(|c| c == '\t' || !c.is_control())
}

/// Nothing that ends the request's first line, or has to be encoded.
fn is_sendable(url: &str) -> bool {
    url.bytes().all(|b| b.is_ascii_graphic())
}

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidRequest::Vserver(why) => why.fmt(f),
            InvalidRequest::ReservedHeader => {
                write!(
                    f,
                    "{} are not set as headers: they follow from the configuration, the context and the call",
                    RESERVED.join(", ")
                )
            }
            InvalidRequest::Header { name } => write!(f, "the header {name:?} cannot stand in a request"),
            InvalidRequest::Authorization => f.write_str("the authorization cannot stand in a header"),
            InvalidRequest::Url => f.write_str("the address has characters that must be encoded"),
        }
    }
}

impl std::error::Error for InvalidRequest {}

/// A request was not answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RestError<E> {
    /// It was not sent.
    Invalid(InvalidRequest),
    /// It was sent, or could not be.
    Transport(E),
}

impl<E: fmt::Display> fmt::Display for RestError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RestError::Invalid(why) => why.fmt(f),
            RestError::Transport(why) => why.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for RestError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // `Display` speaks for the error inside, so the chain goes on behind it.
        match self {
            RestError::Invalid(why) => why.source(),
            RestError::Transport(why) => why.source(),
        }
    }
}
