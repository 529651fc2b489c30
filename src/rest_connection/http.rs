//! The transport over HTTP, on ureq: blocking, pooled, no runtime.

use super::Transport;
use super::message::{Request, Response};
use std::fmt;
use ureq::http;

/// Sends requests over HTTP/1.1, and over TLS if the crate is built with feature `https`.
///
/// Connections are pooled and shared by all threads. That is safe to share: nothing about a request is kept in
/// them. Redirects are not followed, because the header that says whom a request is for must not travel to a peer
/// that the caller did not name.
pub struct HttpTransport {
    agent: ureq::Agent,
}

/// Bytes of a response body at most.
const BODY_MAX: u64 = 256 << 20;

impl HttpTransport {
    /// Goes through the proxy that the environment names, if any.
    pub fn new() -> Self {
        HttpTransport::build(|config| config)
    }

    /// Never goes through a proxy.
    pub fn direct() -> Self {
        HttpTransport::build(|config| config.proxy(None))
    }

    fn build(
        change: impl FnOnce(
            ureq::config::ConfigBuilder<ureq::typestate::AgentScope>,
        ) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope>,
    ) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
        HttpTransport { agent: change(config).build().into() }
    }
}

impl Default for HttpTransport {
    fn default() -> Self {
        HttpTransport::new()
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").finish_non_exhaustive()
    }
}

impl Transport for HttpTransport {
    type Error = HttpError;

    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let mut builder = http::Request::builder().method(request.method().as_str()).uri(request.url());
        for (name, value) in request.headers() {
            builder = builder.header(name, value);
        }
        let response = match request.body() {
            Some(body) => self.run(request, builder.body(body)),
            None => self.run(request, builder.body(())),
        };
        response.map_err(HttpError)
    }
}

impl HttpTransport {
    fn run(
        &self,
        request: &Request,
        message: http::Result<http::Request<impl ureq::AsSendBody>>,
    ) -> Result<Response, ureq::Error> {
        let message = self.agent.configure_request(message?).timeout_global(Some(request.timeout())).build();
        let mut response = self.agent.run(message)?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = response.body_mut().with_config().limit(BODY_MAX).read_to_vec()?;
        Ok(Response::new(response.status().as_u16(), headers, body))
    }
}

/// No response came back over HTTP.
#[derive(Debug)]
pub struct HttpError(ureq::Error);

impl HttpError {
    /// The request took longer than its context allowed. The peer may still act on it.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0, ureq::Error::Timeout(_))
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for HttpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0)
    }
}
