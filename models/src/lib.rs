//! The catalogue.

use selvedge::check::Catalogue;

/// Every model, in the order in which they are listed and run.
pub fn catalogue() -> Catalogue {
    Catalogue::new()
}
