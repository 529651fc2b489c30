//! Ctrl-C: the workers are killed, what is known is printed, and the command exits with 130.
//!
//! On Unix, SIGINT and SIGTERM set a flag that the supervisors look at; the second one kills. Elsewhere Ctrl-C
//! ends the runner and, as they share its console, the workers.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Has the user asked to stop?
pub fn requested() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Stops the run, as Ctrl-C would: nobody is reading the results any more.
pub fn request() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Listens from now on.
pub fn listen() {
    #[cfg(unix)]
    {
        extern "C" fn on_signal(_: libc::c_int) {
            INTERRUPTED.store(true, Ordering::Relaxed);
        }
        // SAFETY: the structure is fully set; the handler only stores to an atomic. SA_RESETHAND restores the
        // default, so that a second Ctrl-C is not held up by anything here.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_flags = libc::SA_RESETHAND | libc::SA_RESTART;
            action.sa_sigaction = on_signal as *const () as libc::sighandler_t;
            libc::sigaction(libc::SIGINT, &action, std::ptr::null_mut());
            libc::sigaction(libc::SIGTERM, &action, std::ptr::null_mut());
        }
    }
}
