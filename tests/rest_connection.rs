//! What a `RestConnection` promises: a request is for whom its context says, whatever happens to the connection.

use proptest::prelude::*;
use selvedge::rest_connection::{
    Authorization, Call, Config, InvalidRequest, InvalidVserver, Method, Recording, Request, Response,
    RestConnection, RestError, VSERVER_HEADER, Vserver,
};
use std::thread;
use std::time::Duration;

fn echo() -> Recording<impl Fn(&Request) -> Response> {
    Recording::new(|request| Response::ok(request.vserver().unwrap_or("-")))
}

fn vserver(name: &str) -> Vserver {
    name.parse().unwrap()
}

fn config() -> Config {
    Config::new("https://cluster.example/api/").with_vserver(vserver("svm1"))
}

#[test]
fn a_request_says_everything_that_the_transport_needs() {
    let connection = RestConnection::new(config().with_authorization(Authorization::new("Bearer t")), echo());
    let context =
        connection.request().vserver("admin").timeout(Duration::from_secs(25)).header("Accept", "x/y");
    context.send(Call::post("support/ems", "hello").query("as of", "a&b")).unwrap();
    let sent = connection.transport().take();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].method(), Method::Post);
    assert_eq!(sent[0].url(), "https://cluster.example/api/support/ems?as%20of=a%26b");
    assert_eq!(sent[0].timeout(), Duration::from_secs(25));
    assert_eq!(sent[0].body(), Some(&b"hello"[..]));
    let headers: Vec<_> = sent[0].headers().collect();
    assert_eq!(headers, [(VSERVER_HEADER, "admin"), ("Authorization", "Bearer t"), ("Accept", "x/y")]);
}

#[test]
fn an_override_is_for_its_own_context_alone() {
    let connection = RestConnection::new(config(), echo());
    let plain = connection.request();
    let other = plain.clone().vserver("admin").timeout(Duration::from_secs(25));
    let cluster = other.clone().cluster();
    for (context, whom, seconds) in [(&other, "admin", 25), (&plain, "svm1", 15), (&cluster, "-", 25)] {
        assert_eq!(context.send(Call::get("x")).unwrap().body(), whom.as_bytes());
        assert_eq!(connection.transport().take()[0].timeout(), Duration::from_secs(seconds));
    }
    assert_eq!(*connection.config(), config(), "the connection is as it was");
}

#[test]
fn a_context_keeps_to_the_snapshot_it_was_made_from() {
    let connection = RestConnection::new(config(), echo());
    let before = connection.request();
    connection.reconfigure(|c| c.with_vserver(vserver("svm2")).with_timeout(Duration::from_secs(1)));
    assert_eq!(before.send(Call::get("x")).unwrap().body(), b"svm1");
    assert_eq!(connection.request().send(Call::get("x")).unwrap().body(), b"svm2");
}

#[test]
fn all_pages_of_one_read_come_from_one_vserver() {
    let connection = RestConnection::new(
        config(),
        Recording::new(|request| {
            let from: u32 = request.path().rsplit('=').next().unwrap().parse().unwrap();
            let next = (from < 3).then(|| ("Next".to_owned(), format!("/names?from={}", from + 1)));
            Response::new(200, next.into_iter().collect(), request.vserver().unwrap_or("-"))
        }),
    );
    let context = connection.request();
    let mut seen = Vec::new();
    for page in context.pages(Call::get("/names?from=1"), |page| page.header("next").map(Call::get)) {
        connection.reconfigure(|c| c.with_vserver(vserver("svm2")));
        seen.push(String::from_utf8(page.unwrap().into_body()).unwrap());
    }
    assert_eq!(seen, ["svm1"; 3]);
}

#[test]
fn pages_end_at_the_first_error() {
    struct Refuses;
    impl selvedge::rest_connection::Transport for Refuses {
        type Error = &'static str;
        fn send(&self, _: &Request) -> Result<Response, &'static str> {
            Err("refused")
        }
    }
    let connection = RestConnection::new(config(), Refuses);
    let context = connection.request();
    let pages: Vec<_> = context.pages(Call::get("x"), |_| Some(Call::get("x"))).collect();
    assert_eq!(pages, [Err(RestError::Transport("refused"))]);
}

#[test]
fn what_cannot_be_a_vserver_is_not_sent() {
    let connection = RestConnection::new(config(), echo());
    let sent =
        |context: selvedge::rest_connection::RequestContext<'_, _>| context.send(Call::get("x")).unwrap_err();
    let injected = InvalidVserver::Character { character: '\r', at: 2 };
    assert_eq!(
        sent(connection.request().vserver("v1\r\nX-Evil: 1").vserver("fine")),
        RestError::Invalid(InvalidRequest::Vserver(injected))
    );
    assert_eq!(
        sent(connection.request().header("x-dot-svm-name", "svm2")),
        RestError::Invalid(InvalidRequest::ReservedHeader)
    );
    for name in ["X-Dot-SVM-UUID", "AUTHORIZATION", "host", "Content-length", "transfer-Encoding"] {
        let refused = sent(connection.request().header(name, "x"));
        assert_eq!(refused, RestError::Invalid(InvalidRequest::ReservedHeader), "{name}");
    }
    for (name, value) in [("X-Fine", "a\r\nX-Dot-SVM-Name: svm2"), ("X Fine", "a"), ("", "a"), ("X:", "a")] {
        let refused = sent(connection.request().header(name, value));
        assert_eq!(refused, RestError::Invalid(InvalidRequest::Header { name: name.to_owned() }));
    }
    for path in ["a b", "a\r\nX-Dot-SVM-Name: svm2", "\u{e9}"] {
        let refused = connection.request().send(Call::get(path)).unwrap_err();
        assert_eq!(refused, RestError::Invalid(InvalidRequest::Url), "{path:?}");
    }
    connection.reconfigure(|c| c.with_authorization(Authorization::new("Bearer a\nb")));
    assert_eq!(sent(connection.request()), RestError::Invalid(InvalidRequest::Authorization));
    connection.reconfigure(|_| Config::new("https://cluster example/api"));
    assert_eq!(sent(connection.request()), RestError::Invalid(InvalidRequest::Url));
    assert_eq!("".parse::<Vserver>(), Err(InvalidVserver::Empty));
    assert_eq!("v".repeat(256).parse::<Vserver>(), Err(InvalidVserver::TooLong { bytes: 256 }));
    assert!(connection.transport().sent().is_empty());
}

#[test]
fn secrets_do_not_show() {
    let connection =
        RestConnection::new(config().with_authorization(Authorization::new("Bearer s3cret")), echo());
    let context = connection.request().header("X-Token", "s3cret");
    let call = || Call::post("x", "s3cret").query("s3cret", "s3cret").query("token", "s3cret");
    let response = context.send(call()).unwrap();
    let token = Response::new(200, vec![("Set-Cookie".into(), "s3cret".into())], "s3cret");
    let sent = connection.transport().sent();
    let shown =
        format!("{connection:?} {:?} {sent:?} {:?} {response:?} {token:?}", connection.request(), call());
    assert!(!shown.contains("s3cret"), "{shown}");
    // What is no secret is there.
    assert_eq!(format!("{:?}", call()), r#"Call { method: Post, path: "/x?..", body: Some(6) }"#);
    assert!(shown.contains(r#"url: "https://cluster.example/api/x?..""#), "{shown}");
    assert!(shown.contains(r#"headers: ["Set-Cookie"], body: 6"#), "{shown}");
}

#[test]
fn a_password_in_an_address_does_not_show() {
    for (base, shown) in [
        ("https://admin:s3cret@cluster.example/api", "https://..@cluster.example/api"),
        ("https://admin:s3c@ret@cluster.example", "https://..@cluster.example"),
        ("https://cluster.example/a@b", "https://cluster.example/a@b"),
        ("admin:s3cret@cluster.example/api", "..@cluster.example/api"),
        ("", ""),
    ] {
        let config = format!("{:?}", Config::new(base));
        assert!(config.starts_with(&format!("Config {{ base: {shown:?}, ")), "{config}");
    }
}

#[test]
fn concurrent_reconfigurations_are_all_kept() {
    const EACH: u64 = 2_000;
    let connection = RestConnection::new(config().with_timeout(Duration::ZERO), echo());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    connection.reconfigure(|c| {
                        let longer = c.timeout() + Duration::from_secs(1);
                        c.with_timeout(longer)
                    });
                }
            });
        }
    });
    assert_eq!(connection.config().timeout(), Duration::from_secs(4 * EACH));
}

#[test]
fn operations_and_telemetry_do_not_disturb_each_other() {
    let connection = RestConnection::new(config(), echo());
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..5_000u32 {
                let context = connection.request().vserver("admin").timeout(Duration::from_secs(25));
                assert_eq!(context.send(Call::post("ems", "m")).unwrap().body(), b"admin");
                connection.reconfigure(|c| c.with_timeout(Duration::from_secs(15 + u64::from(n % 2))));
            }
        });
        for name in ["svm1", "svm2", "svm3"] {
            let connection = &connection;
            scope.spawn(move || {
                for _ in 0..5_000 {
                    let answer = connection.request().vserver(name).send(Call::get("volumes")).unwrap();
                    assert_eq!(answer.body(), name.as_bytes());
                }
            });
        }
    });
    assert_eq!(connection.transport().sent().len(), 20_000);
}

proptest! {
    /// Whatever is done to a context and to the connection, in whatever order: the request is what this context
    /// asked for, filled up from the one snapshot that it was made from.
    #[test]
    fn a_request_is_a_function_of_its_context(
        steps in prop::collection::vec((0..6u8, 0..4usize, 1..60u64), 0..40),
    ) {
        let names = ["svm1", "svm2", "svm3", "admin"];
        let connection = RestConnection::new(config(), echo());
        let mut now = (Some("svm1"), 15);
        let mut contexts = Vec::new();
        for (what, n, seconds) in steps {
            let timeout = Duration::from_secs(seconds);
            match what {
                0 => contexts.push((connection.request(), now)),
                1 => {
                    connection.reconfigure(|c| c.with_vserver(vserver(names[n])).with_timeout(timeout));
                    now = (Some(names[n]), seconds);
                }
                2 => {
                    connection.reconfigure(Config::without_vserver);
                    now.0 = None;
                }
                _ if contexts.is_empty() => {}
                3 => {
                    let at = n % contexts.len();
                    let (context, (_, t)) = contexts[at].clone();
                    contexts[at] = (context.vserver(names[n]), (Some(names[n]), t));
                }
                4 => {
                    let at = n % contexts.len();
                    let (context, (v, _)) = contexts[at].clone();
                    contexts.push((context.timeout(timeout), (v, seconds)));
                }
                _ => {
                    let (context, (v, _)) = contexts[n % contexts.len()].clone();
                    let request = context.cluster().build(Call::get("x")).unwrap();
                    prop_assert_eq!(request.vserver(), None, "instead of {:?}", v);
                }
            }
            for (context, (v, t)) in &contexts {
                let request = context.build(Call::get("x")).unwrap();
                prop_assert_eq!((request.vserver(), request.timeout()), (*v, Duration::from_secs(*t)));
            }
        }
        prop_assert!(connection.transport().sent().is_empty(), "building sends nothing");
    }

    #[test]
    fn a_vserver_prints_and_parses(name in "[a-zA-Z0-9._-]{1,255}") {
        prop_assert_eq!(vserver(&name).to_string(), name);
    }

    #[test]
    fn nothing_else_is_a_vserver(head in "[a-z]{0,4}", odd in "[^a-zA-Z0-9._-]", tail in ".{0,4}") {
        let at = head.len();
        let character = odd.chars().next().unwrap();
        let parsed = format!("{head}{odd}{tail}").parse::<Vserver>();
        prop_assert_eq!(parsed, Err(InvalidVserver::Character { character, at }));
    }
}
