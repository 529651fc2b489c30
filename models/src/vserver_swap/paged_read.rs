//! Cinder NetApp driver: a read of two pages asks one vserver for the first and another one for the second.
//!
#![doc = include_str!("paged_read.md")]

use super::miniature::{Svm, vserver};
use super::with_greenthreads;
use crate::spawn;
use selvedge::check::{Expect, Grade, Kind, Model, Variant, always, io, note, sometimes};
use selvedge::rest_connection::{Call, Config, Request, Response, RestConnection, Transport};
use selvedge::sync::{Arc, ArcSwap, AtomicU8, Named, Ordering, Shown};
use std::convert::Infallible;

/// A client, and how telemetry sends on it.
trait Client: Send + Sync + 'static {
    fn new() -> Self;
    /// Telemetry, with admin in place of data while it sends.
    fn telemetry(&self);
}

/// A read, while telemetry switches the client to another vserver and back. `read` is the seam: the vserver of each page.
fn scenario<C: Client>(read: fn(&C) -> [Svm; 2]) -> &'static str {
    let client = Arc::new(C::new());
    let telemetry = {
        let client = client.clone();
        spawn("telemetry", move || client.telemetry())
    };
    let pages = read(&client);
    telemetry.join().unwrap();
    always("one-svm-per-read", pages[0] == pages[1], || {
        format!("one list, whose first page is of {} and its second of {}", pages[0].name(), pages[1].name())
    });
    if pages[0] == Svm::Data { "of data" } else { "of admin" }
}

/// The way to the cluster, and how many pages it has brought: Relaxed, because that is only looked at.
struct Wire {
    pages: AtomicU8,
}

impl Wire {
    fn new() -> Self {
        Wire { pages: AtomicU8::new(0).named("pages") }
    }

    fn page(&self, of: Svm) -> Svm {
        io();
        self.pages.fetch_add(1, Ordering::Relaxed);
        of
    }

    /// Telemetry's request.
    fn report(&self) {
        sometimes("switched-between-pages", self.pages.load(Ordering::Relaxed) == 1);
        io();
    }
}

impl Transport for Wire {
    type Error = Infallible;

    fn send(&self, request: &Request) -> Result<Response, Infallible> {
        let of = if request.vserver() == Some("data") { Svm::Data } else { Svm::Admin };
        Ok(Response::ok(self.page(of).name()))
    }
}

/// The connection of the incident: telemetry changes the one that is there, and later puts a copy of its backup in place.
///
/// | connection | `vserver` | written by | to |
/// |---|---|---|---|
/// | the first | data | telemetry, before it sends | admin, for ever |
/// | telemetry's copy | data | nobody | |
struct Connection {
    name: &'static str,
    vserver: AtomicU8,
}

/// The client of the incident: a field that refers to the connection.
struct InPlace {
    connection: ArcSwap<Connection>,
    wire: Wire,
}

impl InPlace {
    fn connection(name: &'static str, field: &'static str, of: Svm) -> Arc<Connection> {
        Arc::new(Connection { name, vserver: vserver(of, field) })
    }

    fn vserver(connection: &Connection) -> Svm {
        Svm::of(connection.vserver.load(Ordering::SeqCst))
    }

    /// Asks for page `n` over this connection: the header is of the vserver that it has now.
    fn page_over(&self, connection: &Connection, n: usize) -> Svm {
        let name = connection.name;
        note(|| format!("asks for page {n} over {name}"));
        self.wire.page(InPlace::vserver(connection))
    }

    fn reread_per_page(&self) -> [Svm; 2] {
        [1, 2].map(|n| {
            // BUG: the connection as it is now, for each page.
            self.page_over(&self.connection.load_full(), n)
        })
    }

    fn hoisted_connection(&self) -> [Svm; 2] {
        note(|| "fetches the connection once".to_owned());
        let connection = self.connection.load_full();
        // BUG: one object, but its vserver is changed in place.
        [1, 2].map(|n| self.page_over(&connection, n))
    }

    fn compare_around(&self) -> [Svm; 2] {
        loop {
            let connection = self.connection.load_full();
            note(|| "looks at the vserver before".to_owned());
            let before = InPlace::vserver(&connection);
            let pages = self.reread_per_page();
            let connection = self.connection.load_full();
            note(|| "looks at the vserver after".to_owned());
            // BUG: the same vserver as before may be the same again.
            if InPlace::vserver(&connection) == before {
                return pages;
            }
        }
    }
}

impl Client for InPlace {
    fn new() -> Self {
        let first = InPlace::connection("the first", "first.vserver", Svm::Data);
        InPlace { connection: ArcSwap::new(first).named("connection").shown(|c| c.name), wire: Wire::new() }
    }

    fn telemetry(&self) {
        let connection = self.connection.load_full();
        note(|| "saves the vserver".to_owned());
        let saved = InPlace::vserver(&connection);
        note(|| "switches to admin, in place".to_owned());
        connection.vserver.store(Svm::Admin as u8, Ordering::SeqCst);
        self.wire.report();
        note(|| "puts a copy of its backup in place".to_owned());
        self.connection.store(InPlace::connection("the copy", "copy.vserver", saved));
    }
}

impl Client for RestConnection<Wire> {
    fn new() -> Self {
        let config =
            Config::new("https://cluster.example/api").with_vserver("data".parse().expect("a good name"));
        RestConnection::new(config, Wire::new())
    }

    fn telemetry(&self) {
        // Switched there and back for everybody, which a context would spare it: a read must not care.
        let switch = |to: Svm| {
            self.reconfigure(|config| config.with_vserver(to.name().parse().expect("a good name")));
        };
        switch(Svm::Admin);
        self.transport().report();
        switch(Svm::Data);
    }
}

fn one_snapshot(client: &RestConnection<Wire>) -> [Svm; 2] {
    // Fix: one context, hence one snapshot of the configuration, for all pages.
    let context = client.request();
    let mut more = true;
    let next = |_: &Response| std::mem::take(&mut more).then(|| Call::get("/volumes?page=2"));
    let mut pages = context.pages(Call::get("/volumes"), next).map(|page| match page {
        Ok(page) if page.body() == b"data" => Svm::Data,
        Ok(_) => Svm::Admin,
        Err(why) => unreachable!("{why}"),
    });
    [pages.next(), pages.next()].map(|page| page.expect("two pages"))
}

pub(super) fn model() -> Model {
    let mixed = &[("one-svm-per-read", Kind::Assertion)];
    Model::new("paged_read", "a read of two pages gets one page from each of two vservers")
        .incident("004")
        .lesson(include_str!("paged_read.md"))
        .always("one-svm-per-read", "all pages of one read come from one vserver")
        .sometimes("switched-between-pages", "the client is switched when one page has come and one has not")
        .outcome("of data", Grade::Acceptable, "both pages come from the first vserver")
        .outcome("of admin", Grade::Acceptable, "both pages come from the vserver that was switched to")
        .variant(with_greenthreads(
            Variant::buggy("reread_per_page", || scenario(InPlace::reread_per_page), mixed)
                .about("each page is asked for over the connection that the client has by then"),
            Expect::found(mixed),
        ))
        .variant(with_greenthreads(
            Variant::wrong_fix("hoisted_connection", || scenario(InPlace::hoisted_connection), mixed)
                .about("looks right because one object serves all pages; its vserver is changed in place"),
            Expect::found(mixed),
        ))
        .variant(with_greenthreads(
            Variant::wrong_fix("compare_around", || scenario(InPlace::compare_around), mixed).about(
                "looks right because a read is done again if the vserver has changed; it can change, and change back",
            ),
            Expect::found(mixed),
        ))
        .variant(with_greenthreads(
            Variant::fixed("one_snapshot", || scenario(one_snapshot))
                .about("RestConnection: all pages of a read come from one context, which keeps to its snapshot"),
            Expect::Exhausted,
        ))
}
