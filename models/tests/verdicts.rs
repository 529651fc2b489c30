//! Every check of the catalogue as a test of its own: `cargo test -p selvedge-models --test verdicts -- FILTER`.

/// Models compare pointers: an address must not come back within an execution.
#[global_allocator]
static ALLOCATOR: selvedge::check::Quarantine = selvedge::check::Quarantine;

fn main() -> std::process::ExitCode {
    selvedge::check::test_main(selvedge_models::catalogue())
}
