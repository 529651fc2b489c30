//! The `selvedge` command over the catalogue.

fn main() -> std::process::ExitCode {
    selvedge::check::main(selvedge_models::catalogue())
}
