//! Eight threads share one TCP connection that breaks now and then; one of them reconnects, the others wait for it.
//!
//! `cargo run -p selvedge --example connect_gate`

use selvedge::connect_gate::{Backoff, ConnectGate, EnsureError};
use selvedge::sync::ArcSwap;
use selvedge::sync::time::Deadline;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// What only the leader touches: where to connect.
struct Dialer {
    peer: SocketAddr,
    dialled: u32,
}

/// What everybody uses while the gate says "connected". Published by the leader before it commits.
type Line = ArcSwap<Option<TcpStream>>;

fn main() -> io::Result<()> {
    let checked = selvedge::sync::CHECKED;
    assert!(
        !checked,
        "examples show the production form: run them with `-p selvedge`, without feature `check`"
    );

    const REQUESTS: u32 = 200;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let peer = listener.local_addr()?;
    let gate = ConnectGate::with_backoff(
        Dialer { peer, dialled: 0 },
        Backoff::exponential(Duration::from_millis(1), Duration::from_millis(50)).with_jitter(),
    );
    let line = Line::from_pointee(None);
    let answered = AtomicU32::new(0);
    let done = Arc::new(AtomicU32::new(0));

    // The peer hangs up after every 20 requests.
    let server = {
        let done = done.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                if done.load(Ordering::Acquire) == 1 {
                    return;
                }
                let mut byte = [0];
                for _ in 0..20 {
                    if stream.read_exact(&mut byte).is_err() || stream.write_all(&byte).is_err() {
                        break;
                    }
                }
            }
        })
    };

    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while answered.load(Ordering::Relaxed) < REQUESTS {
                    let epoch = match gate.ensure(&Deadline::after(Duration::from_secs(5)), |dialer| {
                        dialer.dialled += 1;
                        let stream = TcpStream::connect(dialer.peer)?;
                        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
                        line.store(selvedge::sync::Arc::new(Some(stream)));
                        Ok::<_, io::Error>(())
                    }) {
                        Ok(epoch) => epoch,
                        Err(EnsureError::Failed(failure)) => {
                            eprintln!("{failure}: {}", failure.error());
                            continue;
                        }
                        Err(EnsureError::TimedOut) => return,
                    };
                    let stream = line.load_full();
                    let mut stream = (*stream).as_ref().expect("published before the commit");
                    let mut echo = [0];
                    match stream.write_all(b"x").and_then(|()| stream.read_exact(&mut echo)) {
                        Ok(()) => _ = answered.fetch_add(1, Ordering::Relaxed),
                        // Only the first of those who notice does anything; a late one cannot hurt the successor.
                        Err(_) => _ = gate.invalidate(epoch),
                    }
                }
            });
        }
    });

    done.store(1, Ordering::Release);
    drop(TcpStream::connect(peer)); // lets the server's loop see it
    line.store(selvedge::sync::Arc::new(None));
    server.join().expect("the server does not panic");
    let dialled = gate.into_inner().dialled;
    println!("{} requests over {dialled} connections", answered.into_inner());
    Ok(())
}
