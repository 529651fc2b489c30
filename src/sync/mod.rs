//! The facade.
pub use std::sync::atomic::Ordering;
