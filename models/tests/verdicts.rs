//! Every check of the catalogue as a test of its own: `cargo test -p selvedge-models --test verdicts -- FILTER`.

fn main() -> std::process::ExitCode {
    selvedge::check::test_main(selvedge_models::catalogue())
}
