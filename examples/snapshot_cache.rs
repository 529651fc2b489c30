//! Ten migrations look up pools of a cluster that has 3,000 of them, while a refresher meets a backend that does not
//! always answer. The listing comes page by page from a `RestConnection`; all pages or none are published.
//!
//! `cargo run -p selvedge --example snapshot_cache`

use selvedge::rest_connection::{Call, Config, Recording, Request, Response, RestConnection, Transport};
use selvedge::snapshot_cache::{LookupError, SnapshotCache};
use selvedge::sync::time::Deadline;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

type Pools = BTreeMap<String, String>;

const POOLS: u32 = 3_000;
const PAGE: u32 = 1_000;

/// The cluster: a page of pools and where the next one is. Every third listing breaks off.
fn cluster(listings: &AtomicU32) -> impl Fn(&Request) -> Response {
    move |request| {
        let from: u32 = request.path().rsplit('=').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let listing = if from == 0 { listings.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        if listing % 3 == 2 {
            return Response::new(503, Vec::new(), "a backend does not answer");
        }
        let next = (from + PAGE < POOLS).then(|| ("Next".to_owned(), format!("/pools?from={}", from + PAGE)));
        let names: Vec<String> = (from..from + PAGE).map(|n| format!("pool{n}")).collect();
        Response::new(200, next.into_iter().collect(), names.join("\n"))
    }
}

/// All pages, or the first error: half a list is no list.
fn list<T: Transport>(connection: &RestConnection<T>) -> Result<Pools, String> {
    let context = connection.request();
    let pages = context.pages(Call::get("/pools?from=0"), |page| page.header("next").map(Call::get));
    let names = pages.map(|page| match page {
        Ok(page) if page.is_success() => Ok(String::from_utf8_lossy(page.body()).into_owned()),
        Ok(page) => Err(format!("status {}", page.status())),
        Err(_) => Err("no answer".to_owned()),
    });
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    Ok(names
        .iter()
        .flat_map(|page| page.lines())
        .map(|name| (name.to_owned(), format!("host of {name}")))
        .collect())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let checked = selvedge::sync::CHECKED;
    assert!(
        !checked,
        "examples show the production form: run them with `-p selvedge`, without feature `check`"
    );

    let listings = AtomicU32::new(0);
    let config = Config::new("https://cluster.example/api").with_vserver("svm1".parse()?);
    let connection = RestConnection::new(config, Recording::new(cluster(&listings)));
    let cache: SnapshotCache<Pools, String> = SnapshotCache::new(Pools::new());
    let soon = Deadline::after(Duration::from_secs(10));

    thread::scope(|scope| {
        for n in 0..10 {
            let (cache, connection, soon) = (&cache, &connection, &soon);
            scope.spawn(move || {
                let name = format!("pool{}", 299 * n);
                let find = |pools: &Pools| pools.get(&name).cloned();
                let hit = cache.lookup(soon, find, || list(connection)).expect("the first listing is whole");
                assert_eq!(hit.value, format!("host of {name}"));
            });
        }
    });
    println!("10 lookups, {POOLS} pools, {} listing", listings.load(Ordering::Relaxed));

    // The second listing breaks off. What is known stays known, and nobody is told that something is absent.
    let broken = cache.lookup(&soon, |pools| pools.get("lead").cloned(), || list(&connection));
    assert!(matches!(broken, Err(LookupError::Unconfirmed { .. })));
    println!("{}", broken.expect_err("a backend is away"));
    assert_eq!(cache.snapshot().len() as u32, POOLS);

    // The third is whole: now it is known to be absent, and as of when.
    let absent = cache.lookup(&soon, |pools| pools.get("lead").cloned(), || list(&connection));
    println!("{}", absent.expect_err("there is no such pool"));
    Ok(())
}
