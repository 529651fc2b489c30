//! The `selvedge` command over the catalogue.

/// Models compare pointers: an address must not come back within an execution.
#[global_allocator]
static ALLOCATOR: selvedge::check::Quarantine = selvedge::check::Quarantine;

fn main() -> std::process::ExitCode {
    selvedge::check::main(selvedge_models::catalogue())
}
