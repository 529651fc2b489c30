//! Cinder NetApp driver: a read of two pages asks one vserver for the first and another one for the second.
//!
#![doc = include_str!("paged_read.md")]

use super::miniature::Svm;
use super::{found, with_greenthreads};
use crate::spawn;
use selvedge::check::{Expect, Grade, Kind, Model, Variant, always, io, note, sometimes};
use selvedge::rest_connection::{Call, Config, Request, Response, RestConnection, Transport};
use selvedge::sync::{Arc, ArcSwap, AtomicU8, Named, Ordering};
use std::convert::Infallible;

/// The seam: how a client is switched to another vserver, and how it reads.
trait Client: Send + Sync + 'static {
    fn new() -> Self;
    fn wire(&self) -> &Wire;
    fn switch(&self, to: Svm);
    /// The vserver that each page is of.
    fn read(&self) -> [Svm; 2];
}

/// A read, while telemetry switches the client to another vserver and back.
fn scenario<C: Client>() -> &'static str {
    let client = Arc::new(C::new());
    let telemetry = {
        let client = client.clone();
        spawn("telemetry", move || {
            note(|| "switches to admin".to_owned());
            client.switch(Svm::Admin);
            sometimes("switched-between-pages", client.wire().pages.load(Ordering::Relaxed) == 1);
            // Here it sends.
            io();
            note(|| "switches back".to_owned());
            client.switch(Svm::Data);
        })
    };
    let pages = client.read();
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
}

impl Transport for Wire {
    type Error = Infallible;

    fn send(&self, request: &Request) -> Result<Response, Infallible> {
        let of = if request.vserver() == Some("data") { Svm::Data } else { Svm::Admin };
        Ok(Response::ok(self.page(of).name()))
    }
}

/// The client of the incident: a field that refers to the connection, and is replaced.
///
/// | `connection` | written by | to |
/// |---|---|---|
/// | of data | telemetry, before it sends | of admin |
/// | of admin | telemetry, when it has sent | of data |
struct Replaced {
    connection: ArcSwap<Svm>,
    wire: Wire,
}

impl Replaced {
    fn new() -> Self {
        Replaced { connection: ArcSwap::from_pointee(Svm::Data).named("connection"), wire: Wire::new() }
    }

    fn page(&self) -> Svm {
        // BUG: the connection as it is now, for each page.
        let connection = self.connection.load_full();
        self.wire.page(*connection)
    }
}

impl Client for Replaced {
    fn new() -> Self {
        Replaced::new()
    }

    fn wire(&self) -> &Wire {
        &self.wire
    }

    fn switch(&self, to: Svm) {
        self.connection.store(Arc::new(to));
    }

    fn read(&self) -> [Svm; 2] {
        [self.page(), self.page()]
    }
}

/// The same client, whose reads are done again if the vserver has changed meanwhile.
struct ComparedAround(Replaced);

impl Client for ComparedAround {
    fn new() -> Self {
        ComparedAround(Replaced::new())
    }

    fn wire(&self) -> &Wire {
        &self.0.wire
    }

    fn switch(&self, to: Svm) {
        self.0.switch(to);
    }

    fn read(&self) -> [Svm; 2] {
        loop {
            let before = **self.0.connection.load();
            let pages = self.0.read();
            // BUG: the same vserver as before may be the same again.
            if **self.0.connection.load() == before {
                return pages;
            }
        }
    }
}

impl Client for RestConnection<Wire> {
    fn new() -> Self {
        let config =
            Config::new("https://cluster.example/api").with_vserver("data".parse().expect("a good name"));
        RestConnection::new(config, Wire::new())
    }

    fn wire(&self) -> &Wire {
        self.transport()
    }

    fn switch(&self, to: Svm) {
        self.reconfigure(|config| config.with_vserver(to.name().parse().expect("a good name")));
    }

    fn read(&self) -> [Svm; 2] {
        // Fix: one context, hence one snapshot of the configuration, for all pages.
        let context = self.request();
        let mut more = true;
        let next = |_: &Response| std::mem::take(&mut more).then(|| Call::get("/volumes?page=2"));
        let mut pages = context.pages(Call::get("/volumes"), next).map(|page| match page {
            Ok(page) if page.body() == b"data" => Svm::Data,
            Ok(_) => Svm::Admin,
            Err(why) => unreachable!("{why}"),
        });
        [pages.next(), pages.next()].map(|page| page.expect("two pages"))
    }
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
            Variant::buggy("reread_per_page", scenario::<Replaced>, mixed)
                .about("each page is asked for over the connection that the client has by then"),
            found(mixed),
        ))
        .variant(with_greenthreads(
            Variant::wrong_fix("compare_around", scenario::<ComparedAround>, mixed).about(
                "looks right because a read is done again if the vserver has changed; it can change, and change back",
            ),
            found(mixed),
        ))
        .variant(with_greenthreads(
            Variant::fixed("one_snapshot", scenario::<RestConnection<Wire>>)
                .about("RestConnection: all pages of a read come from one context, which keeps to its snapshot"),
            Expect::Exhausted,
        ))
}
