//! Operations for two tenants and a telemetry task share one REST connection. With feature `http` the same code
//! talks to a real peer; here it talks to a closure.
//!
//! `cargo run -p selvedge --example rest_connection`

use selvedge::rest_connection::{Call, Config, Recording, Response, RestConnection};
use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let checked = selvedge::sync::CHECKED;
    assert!(
        !checked,
        "examples show the production form: run them with `-p selvedge`, without feature `check`"
    );

    let peer =
        Recording::new(|request| Response::ok(format!("volumes of {}", request.vserver().unwrap_or("-"))));
    let config = Config::new("https://cluster.example/api").with_vserver("svm1".parse()?);
    let connection = RestConnection::new(config, peer);

    thread::scope(|scope| {
        for name in ["svm1", "svm2"] {
            let connection = &connection;
            scope.spawn(move || {
                for _ in 0..1_000 {
                    let context = connection.request().vserver(name);
                    let volumes =
                        context.send(Call::get("/storage/volumes")).expect("a closure always answers");
                    assert_eq!(volumes.body(), format!("volumes of {name}").as_bytes());
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..100 {
                // Its own vserver and timeout, in its own context. There is nothing to restore afterwards.
                let ems = connection.request().vserver("admin").timeout(Duration::from_secs(25));
                ems.send(Call::post("/support/ems/application-logs", "{}"))
                    .expect("a closure always answers");
                // A change meant for everyone is published as a new snapshot.
                connection.reconfigure(|c| c.with_timeout(Duration::from_secs(20)));
            }
        });
    });

    let mut per_vserver = BTreeMap::new();
    for request in connection.transport().take() {
        *per_vserver.entry(request.vserver().unwrap_or("-").to_owned()).or_insert(0) += 1;
    }
    println!("{per_vserver:?}");
    Ok(())
}
