//! A transport for tests and models: answers from a closure and remembers what it was asked.

use super::Transport;
use super::message::{Request, Response};
use crate::sync::{Mutex, Named};
use std::convert::Infallible;
use std::fmt;

/// Answers requests from a closure and keeps them in the order in which they came.
pub struct Recording<F> {
    sent: Mutex<Vec<Request>>,
    answer: F,
}

impl<F: Fn(&Request) -> Response> Recording<F> {
    /// A peer that answers with `answer`.
    pub fn new(answer: F) -> Self {
        Recording { sent: Mutex::new(Vec::new()).named("transport.sent"), answer }
    }
}

impl<F> Recording<F> {
    /// The requests so far.
    pub fn sent(&self) -> Vec<Request> {
        self.sent.lock().clone()
    }

    /// The requests so far, which it forgets.
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.sent.lock())
    }
}

impl<F: Fn(&Request) -> Response> Transport for Recording<F> {
    type Error = Infallible;

    fn send(&self, request: &Request) -> Result<Response, Infallible> {
        self.sent.lock().push(request.clone());
        Ok((self.answer)(request))
    }
}

impl<F> fmt::Debug for Recording<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").finish_non_exhaustive()
    }
}
