//! Calls, requests and responses: complete values that nobody else has a hand on.

use super::config::{Authorization, Config, Masked, Vserver};
use std::fmt;
use std::time::Duration;

/// The header that says which vserver a request is for.
pub const VSERVER_HEADER: &str = "X-Dot-SVM-Name";

/// What is to be done with a resource.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Method {
    /// Read it.
    Get,
    /// Create one, or act.
    Post,
    /// Change it.
    Patch,
    /// Remove it.
    Delete,
}

impl Method {
    /// Its name in HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a caller asks for; the context says of whom, and how.
///
/// Its `Debug` form shows neither the query nor the body: either may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    method: Method,
    path: String,
    body: Option<Vec<u8>>,
}

impl Call {
    fn new(method: Method, path: &str, body: Option<Vec<u8>>) -> Self {
        let slash = if path.starts_with('/') { "" } else { "/" };
        Call { method, path: format!("{slash}{path}"), body }
    }

    /// Reads `path`, which is relative to the base of the configuration and is sent as it is.
    pub fn get(path: impl AsRef<str>) -> Self {
        Call::new(Method::Get, path.as_ref(), None)
    }

    /// Posts `body` to `path`.
    pub fn post(path: impl AsRef<str>, body: impl Into<Vec<u8>>) -> Self {
        Call::new(Method::Post, path.as_ref(), Some(body.into()))
    }

    /// Changes what is at `path`.
    pub fn patch(path: impl AsRef<str>, body: impl Into<Vec<u8>>) -> Self {
        Call::new(Method::Patch, path.as_ref(), Some(body.into()))
    }

    /// Removes what is at `path`.
    pub fn delete(path: impl AsRef<str>) -> Self {
        Call::new(Method::Delete, path.as_ref(), None)
    }

    /// Adds a query parameter; key and value are percent-encoded.
    pub fn query(mut self, key: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        percent_encode(&mut self.path, key);
        self.path.push('=');
        percent_encode(&mut self.path, value);
        self
    }

    /// What is to be done.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Path and query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("path", &Masked(&self.path))
            .field("body", &self.body.as_ref().map(Vec::len))
            .finish()
    }
}

/// Everything but RFC 3986's unreserved characters.
fn percent_encode(to: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            to.push(byte as char);
        } else {
            let hex = |n: u8| char::from_digit(n.into(), 16).expect("a nibble").to_ascii_uppercase();
            to.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
}

/// A request as the transport is to send it. Made by a context, and complete: nothing is looked up later.
///
/// Its `Debug` form shows neither authorization, nor values of headers, nor the query, nor the body: any of them may be a
/// secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    call: Call,
    url: String,
    vserver: Option<Vserver>,
    timeout: Duration,
    authorization: Option<Authorization>,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(super) fn new(
        config: &Config,
        vserver: Option<Vserver>,
        timeout: Duration,
        headers: Vec<(String, String)>,
        call: Call,
    ) -> Self {
        let url = format!("{}{}", config.base(), call.path);
        Request { call, url, vserver, timeout, authorization: config.authorization().cloned(), headers }
    }

    /// What is to be done.
    pub fn method(&self) -> Method {
        self.call.method
    }

    /// With what: base, path and query.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Path and query alone.
    pub fn path(&self) -> &str {
        &self.call.path
    }

    /// Whom it is for.
    pub fn vserver(&self) -> Option<&str> {
        self.vserver.as_ref().map(Vserver::as_str)
    }

    /// How long it may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Its headers, [`VSERVER_HEADER`] and `Authorization` among them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let vserver = self.vserver().map(|name| (VSERVER_HEADER, name));
        let authorization = self.authorization.as_ref().map(|a| ("Authorization", a.as_str()));
        vserver.into_iter().chain(authorization).chain(own)
    }

    /// Its body.
    pub fn body(&self) -> Option<&[u8]> {
        self.call.body.as_deref()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Request")
            .field("method", &self.method())
            .field("url", &Masked(&self.url))
            .field("vserver", &self.vserver)
            .field("timeout", &self.timeout)
            .field("authorization", &self.authorization)
            .field("headers", &headers)
            .field("body", &self.body().map(<[u8]>::len))
            .finish()
    }
}

/// What came back.
///
/// Its `Debug` form shows neither values of headers nor the body: what a login answers is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// A response, for transports.
    pub fn new(status: u16, headers: Vec<(String, String)>, body: impl Into<Vec<u8>>) -> Self {
        Response { status, headers, body: body.into() }
    }

    /// Status 200 and a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Response::new(200, Vec::new(), body)
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Is the status 2xx?
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of that name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, to keep.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &headers)
            .field("body", &self.body.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(text: &str) -> Vec<u8> {
        let mut bytes = text.bytes();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            out.push(match byte {
                b'%' => {
                    let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
                }
                plain => plain,
            });
        }
        out
    }

    proptest! {
        #[test]
        fn a_query_parameter_survives_whatever_it_contains(key in ".{0,8}", value in ".{0,16}") {
            let call = Call::get("x").query(&key, &value).query("after", "1");
            let (path, query) = call.path().split_once('?').unwrap();
            prop_assert_eq!(path, "/x");
            let (first, second) = query.split_once('&').unwrap();
            prop_assert_eq!(second, "after=1");
            let (k, v) = first.split_once('=').unwrap();
            prop_assert_eq!(decode(k), key.as_bytes());
            prop_assert_eq!(decode(v), value.as_bytes());
        }
    }
}
