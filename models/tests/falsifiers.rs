//! That each `always` property can fail: a change of the code for each that no row of the catalogue violates by itself, run
//! by the exact engine, which must find this violation. That none is missing is in `catalogue.rs`. To run one:
//! `cargo test -p selvedge-models --test falsifiers -- FILTER`.

/// Models compare pointers: an address must not come back within an execution.
#[global_allocator]
static ALLOCATOR: selvedge::check::Quarantine = selvedge::check::Quarantine;

fn main() -> std::process::ExitCode {
    selvedge::check::test_main(selvedge_models::catalogue().falsifiers())
}
