//! The catalogue.

pub mod reconnect_early_wake;
pub mod vserver_swap;

use selvedge::check::Catalogue;

/// Every model, in the order in which they are listed and run.
pub fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::new().model(reconnect_early_wake::model());
    for model in vserver_swap::models() {
        catalogue = catalogue.model(model);
    }
    catalogue
}
