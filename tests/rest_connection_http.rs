//! The real thing: 10,000 requests over HTTP on loopback, from 8 threads, while a telemetry task does its work.
#![cfg(feature = "http")]

use selvedge::rest_connection::{
    Authorization, Call, Config, HttpTransport, Response, RestConnection, RestError,
};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No test here takes a tenth of it; no server outlives it.
const LIMIT: Duration = Duration::from_secs(60);

/// What the server was asked: the path, and for whom.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Asked {
    path: String,
    vserver: String,
    token: String,
}

/// An HTTP/1.1 server that answers with the vserver it was asked for, and logs who asked what.
struct Cluster {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Cluster {
    fn start() -> io::Result<Cluster> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let acceptor = {
            let (log, stop) = (log.clone(), stop.clone());
            let ends = Instant::now() + LIMIT;
            thread::spawn(move || {
                let mut serving = Vec::new();
                for stream in listener.incoming() {
                    if stop.load(Ordering::Acquire) || Instant::now() > ends {
                        break;
                    }
                    let Ok(stream) = stream else { break };
                    let log = log.clone();
                    serving.push(thread::spawn(move || serve(stream, &log, ends)));
                }
                for connection in serving {
                    connection.join().unwrap().unwrap();
                }
            })
        };
        Ok(Cluster { address, log, stop, acceptor: Some(acceptor) })
    }

    fn base(&self) -> String {
        format!("http://{}/api", self.address)
    }

    fn asked(&self) -> Vec<Asked> {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Lets the acceptor see it. Idle connections end when the client's pool is dropped, or at the read timeout.
        drop(TcpStream::connect(self.address));
        let ended = self.acceptor.take().unwrap().join();
        if !thread::panicking() {
            ended.unwrap();
        }
    }
}

/// One connection, until the client closes it.
fn serve(stream: TcpStream, log: &Mutex<Vec<Asked>>, ends: Instant) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while Instant::now() < ends {
        let mut line = String::new();
        // Nothing, a reset and a timeout all mean that nobody will ask any more.
        if !matches!(reader.read_line(&mut line), Ok(1..)) {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or("?").to_owned();
        let mut asked = Asked { path, vserver: "-".to_owned(), token: "-".to_owned() };
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "x-dot-svm-name" => asked.vserver = value.to_owned(),
                "authorization" => asked.token = value.to_owned(),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        io::Read::read_exact(&mut reader, &mut body)?;
        let slow = asked.path.ends_with("/slow");
        let status = if asked.path.ends_with("/missing") { "404 Not Found" } else { "200 OK" };
        let answer = format!("{}|{}", asked.vserver, String::from_utf8_lossy(&body));
        log.lock().unwrap().push(asked);
        if slow {
            thread::sleep(Duration::from_millis(500));
        }
        let length = answer.len();
        let message = format!("HTTP/1.1 {status}\r\nX-Page: 1\r\nContent-Length: {length}\r\n\r\n{answer}");
        if writer.write_all(message.as_bytes()).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn text(response: Response) -> String {
    String::from_utf8(response.into_body()).unwrap()
}

#[test]
fn eight_threads_and_telemetry_misroute_none_of_ten_thousand() {
    const THREADS: usize = 8;
    const EACH: usize = 1_250;
    let cluster = Cluster::start().unwrap();
    let config = Config::new(cluster.base()).with_vserver("svm0".parse().unwrap());
    let connection = RestConnection::new(config, HttpTransport::direct());
    let working = AtomicBool::new(true);
    let mut telemetry = 0;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|n| {
                let connection = &connection;
                scope.spawn(move || {
                    let own = format!("svm{n}");
                    for i in 0..EACH {
                        // Every other request relies on the snapshot instead of naming its vserver, so that a
                        // snapshot which changed under it would show.
                        let context = connection.request();
                        let (context, whom) = if i % 2 == 0 {
                            let whom = context.config().vserver().unwrap().to_string();
                            (context, whom)
                        } else {
                            (context.vserver(&own), own.clone())
                        };
                        let answer = context.send(Call::get(format!("/{n}/{i}/{whom}"))).unwrap();
                        assert_eq!(text(answer), format!("{whom}|"));
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while working.load(Ordering::Acquire) {
                let ems = connection.request().vserver("admin").timeout(Duration::from_secs(25));
                assert_eq!(text(ems.send(Call::post("/ems/0/admin", "m")).unwrap()), "admin|m");
                telemetry += 1;
                // Switches what others start from; those who have started are not concerned.
                let name = if telemetry % 2 == 0 { "svm0" } else { "switched" };
                connection.reconfigure(|c| {
                    c.with_vserver(name.parse().unwrap())
                        .with_authorization(Authorization::new(format!("Bearer {telemetry}")))
                });
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        working.store(false, Ordering::Release);
    });
    drop(connection);
    let asked = cluster.asked();
    let misrouted: Vec<_> = asked.iter().filter(|a| a.path.rsplit('/').next() != Some(&a.vserver)).collect();
    assert_eq!(misrouted, Vec::<&Asked>::new(), "of {}", asked.len());
    let operations = asked.iter().filter(|a| !a.path.contains("/ems/")).count();
    assert_eq!(operations, THREADS * EACH);
    assert_eq!(asked.len() - operations, telemetry);
    assert!(telemetry > 0 && asked.iter().any(|a| a.vserver == "switched"), "nothing was switched meanwhile");
}

#[test]
fn the_request_that_arrives_is_the_one_that_the_context_builds() {
    let cluster = Cluster::start().unwrap();
    let config = Config::new(cluster.base()).with_authorization(Authorization::new("Bearer t"));
    let connection = RestConnection::new(config, HttpTransport::direct());
    let context = connection.request().vserver("svm1");
    let answer = context.send(Call::patch("/storage/volumes/1", "{}").query("a b", "1")).unwrap();
    assert_eq!((answer.status(), answer.header("x-page")), (200, Some("1")));
    assert_eq!(text(answer), "svm1|{}");
    let missing = connection.request().send(Call::delete("/missing")).unwrap();
    assert_eq!((missing.status(), missing.is_success()), (404, false));
    drop(connection);
    let asked = |path: &str, vserver: &str| Asked {
        path: path.to_owned(),
        vserver: vserver.to_owned(),
        token: "Bearer t".to_owned(),
    };
    assert_eq!(
        cluster.asked(),
        [asked("/api/storage/volumes/1?a%20b=1", "svm1"), asked("/api/missing", "-")]
    );
}

#[test]
fn a_timeout_is_the_contexts_own() {
    let cluster = Cluster::start().unwrap();
    let connection = RestConnection::new(Config::new(cluster.base()), HttpTransport::direct());
    let hasty = connection.request().timeout(Duration::from_millis(50)).send(Call::get("/slow"));
    assert!(matches!(hasty, Err(RestError::Transport(e)) if e.is_timeout()));
    assert!(connection.request().send(Call::get("/slow")).is_ok());
}

#[test]
fn nobody_there_is_an_error_not_a_response() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let connection = RestConnection::new(Config::new(format!("http://{nobody}")), HttpTransport::direct());
    let refused = connection.request().send(Call::get("/")).unwrap_err();
    assert!(matches!(&refused, RestError::Transport(e) if !e.is_timeout()), "{refused}");
}
