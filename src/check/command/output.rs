//! Writing to the user: one place that knows about colours and about readers that have gone away.

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Standard output could not be written to, for another reason than that its reader has gone. Relaxed: read by the
/// thread that wrote it, at the very end.
static UNWRITABLE: AtomicBool = AtomicBool::new(false);

/// Has something of what was to be printed been lost, on a full disk for example?
pub fn unwritable() -> bool {
    UNWRITABLE.load(Relaxed)
}

/// The reader of standard output has gone (`| head`), or it cannot be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Prints to standard output, with colours if it can show them.
pub fn print(text: &str) {
    let _ = try_print(text);
}

/// Prints to standard output; says whether anybody still reads it. A full disk is complained about.
pub fn try_print(text: &str) -> Result<(), Gone> {
    let mut out = anstream::stdout().lock();
    done(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Prints to standard output as it is, for formats that programs read.
pub fn try_print_raw(text: &str) -> Result<(), Gone> {
    let mut out = std::io::stdout().lock();
    done(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

fn done(result: std::io::Result<()>) -> Result<(), Gone> {
    result.map_err(|e| {
        if e.kind() != ErrorKind::BrokenPipe && !UNWRITABLE.swap(true, Relaxed) {
            complain(&format!("cannot write to standard output: {e}"));
        }
        Gone
    })
}

/// One line on standard error.
pub fn complain(message: &str) {
    let line = message.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
    let _ = writeln!(std::io::stderr(), "selvedge: {line}");
}
