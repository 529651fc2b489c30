//! The checked form. Not there yet: for now its names are the production objects, so that code can already be
//! written against the facade.
pub use super::plain::*;
