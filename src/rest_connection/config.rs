//! What a connection is configured with: plain values. The name of a vserver is checked when it is made; where requests go
//! and what authorizes them is taken as it is, and checked with each request that is made from it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The name of a vserver (SVM): the tenant that a request is for.
///
/// Letters, digits, `.`, `_` and `-`, at most 255 of them; so it can stand in a header as it is, and nothing that a
/// caller passes can start a header of its own.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Vserver(Box<str>);

impl Vserver {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Vserver {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Vserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Vserver {
    type Err = InvalidVserver;

    fn from_str(name: &str) -> Result<Self, InvalidVserver> {
        if name.is_empty() {
            return Err(InvalidVserver::Empty);
        }
        if name.len() > 255 {
            return Err(InvalidVserver::TooLong { bytes: name.len() });
        }
        match name.char_indices().find(|(_, c)| !(c.is_ascii_alphanumeric() || ".-_".contains(*c))) {
            Some((at, character)) => Err(InvalidVserver::Character { character, at }),
            None => Ok(Vserver(name.into())),
        }
    }
}

/// Not the name of a vserver.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InvalidVserver {
    /// It is empty.
    Empty,
    /// It is longer than 255 bytes.
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has a character that is not a letter, a digit, `.`, `_` or `-`.
    Character {
        /// The character.
        character: char,
        /// Its position in bytes.
        at: usize,
    },
}

impl fmt::Display for InvalidVserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidVserver::Empty => f.write_str("a vserver name cannot be empty"),
            InvalidVserver::TooLong { bytes } => {
                write!(f, "a vserver name has at most 255 bytes, this one {bytes}")
            }
            InvalidVserver::Character { character, at } => {
                write!(f, "a vserver name cannot have {character:?} (at byte {at})")
            }
        }
    }
}

impl std::error::Error for InvalidVserver {}

/// The value of the `Authorization` header. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(Box<str>);

impl Authorization {
    /// The header's value as it is to be sent, such as `Bearer ...`. If it cannot stand in a header, no request is sent:
    /// [`InvalidRequest::Authorization`](super::InvalidRequest::Authorization).
    pub fn new(value: impl Into<String>) -> Self {
        Authorization(value.into().into_boxed_str())
    }

    /// The header's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(..)")
    }
}

/// An address without what may be a secret in it: its query, and a user and password before the host.
pub(super) struct Masked<'a>(pub(super) &'a str);

impl fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, query) = self.0.split_once('?').map_or((self.0, ""), |(address, _)| (address, "?.."));
        let (scheme, rest) = match address.split_once("://") {
            Some((scheme, rest)) => (&address[..scheme.len() + 3], rest),
            None => ("", address),
        };
        let host = rest.find('/').unwrap_or(rest.len());
        let (user, rest) = match rest[..host].rfind('@') {
            Some(at) => ("..", &rest[at..]),
            None => ("", rest),
        };
        fmt::Debug::fmt(&format!("{scheme}{user}{rest}{query}"), f)
    }
}

/// An immutable snapshot of what requests have in common.
///
/// Changed by value: `config.with_timeout(..)` is another configuration. Its `Debug` form shows neither authorization nor a
/// user and password in the base.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    base: Box<str>,
    vserver: Option<Vserver>,
    timeout: Duration,
    authorization: Option<Authorization>,
}

impl Config {
    /// The timeout of a request unless said otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

    /// Requests go to `base` followed by their path (if that cannot be an address, none is sent:
    /// [`InvalidRequest::Url`](super::InvalidRequest::Url)); to no vserver in particular; time out after
    /// [`Config::DEFAULT_TIMEOUT`]; and carry no authorization.
    pub fn new(base: impl AsRef<str>) -> Self {
        Config {
            base: base.as_ref().trim_end_matches('/').into(),
            vserver: None,
            timeout: Config::DEFAULT_TIMEOUT,
            authorization: None,
        }
    }

    /// With requests for `vserver`.
    pub fn with_vserver(self, vserver: Vserver) -> Self {
        Config { vserver: Some(vserver), ..self }
    }

    /// With requests for the cluster, not for a vserver.
    pub fn without_vserver(self) -> Self {
        Config { vserver: None, ..self }
    }

    /// With requests that time out after `timeout`.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Config { timeout, ..self }
    }

    /// With requests that carry `authorization`.
    pub fn with_authorization(self, authorization: Authorization) -> Self {
        Config { authorization: Some(authorization), ..self }
    }

    /// What the path of a request is appended to, without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whom requests are for.
    pub fn vserver(&self) -> Option<&Vserver> {
        self.vserver.as_ref()
    }

    /// How long a request may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What requests are authorized by.
    pub fn authorization(&self) -> Option<&Authorization> {
        self.authorization.as_ref()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("base", &Masked(&self.base))
            .field("vserver", &self.vserver)
            .field("timeout", &self.timeout)
            .field("authorization", &self.authorization)
            .finish()
    }
}
