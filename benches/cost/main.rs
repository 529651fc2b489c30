//! Does the production form of the facade cost anything? Runs the same kernel over the facade (`facade`) or over
//! the plain crates (`plain`), for `ci/cost.sh` to count instructions.

#[allow(clippy::duplicate_mod)] // The same kernel over other names is the point.
mod facade;
#[allow(clippy::duplicate_mod)]
mod plain;

fn main() {
    let checked = selvedge::sync::CHECKED;
    assert!(!checked, "this counts the production form: build it with `-p selvedge-bench` alone");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (which, rounds) = match &arguments[..] {
        [which, rounds] => (which.as_str(), rounds.parse().expect("a number of rounds")),
        _ => panic!("usage: cost facade|plain ROUNDS"),
    };
    let digest = match which {
        "facade" => {
            let shared = facade::kernel::new();
            (0..rounds).fold(0, |sum, n| facade::kernel::round(&shared, n ^ sum & 1))
        }
        "plain" => {
            let shared = plain::kernel::new();
            (0..rounds).fold(0, |sum, n| plain::kernel::round(&shared, n ^ sum & 1))
        }
        other => panic!("facade or plain, not {other}"),
    };
    println!("{digest}");
}
