//! The worker's end of the private pipe.

use super::protocol::{Line, Message};
use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

static PIPE: OnceLock<Mutex<File>> = OnceLock::new();

/// Takes the pipe off standard input, where the runner put it. The model then reads an empty standard input, and
/// programs that it starts do not inherit the pipe.
pub fn take() -> std::io::Result<()> {
    let pipe = duplicate()?;
    #[cfg(unix)]
    {
        use std::os::fd::AsRawFd;
        let null = File::open("/dev/null")?;
        // SAFETY: descriptor 0 is open, and this runs before any model code, which alone could be using it.
        if unsafe { libc::dup2(null.as_raw_fd(), 0) } < 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    PIPE.set(Mutex::new(pipe)).map_err(|_| std::io::Error::other("this process is a worker already"))
}

#[cfg(unix)]
fn duplicate() -> std::io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(std::io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn duplicate() -> std::io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(std::io::stdin().as_handle().try_clone_to_owned()?))
}

/// The line for `message`, ready to be written.
pub fn line(message: Message) -> Vec<u8> {
    let line = Line { pid: std::process::id(), say: message };
    let mut bytes = serde_json::to_vec(&line).expect("messages are plain data");
    bytes.push(b'\n');
    bytes
}

/// Tells the runner. If it is gone there is nobody to tell, and the worker is about to be killed.
pub fn send(message: Message) {
    if let Some(pipe) = PIPE.get() {
        // The worker leaves by `_exit`, so nothing is buffered here.
        let _ = pipe.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line(message));
    }
}

/// The pipe's descriptor, for signal handlers.
#[cfg(unix)]
pub fn descriptor() -> Option<std::os::fd::RawFd> {
    use std::os::fd::AsRawFd;
    PIPE.get().map(|p| p.lock().unwrap_or_else(PoisonError::into_inner).as_raw_fd())
}
