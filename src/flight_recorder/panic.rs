//! A dump when a thread panics.

use super::FlightRecorder;
use crate::sync::Arc;
use std::io::Write;

/// From now on a panic, of whichever thread, first writes the recorder to what `open` opens, then does what it did
/// before: the message, the backtrace. It happens before the stack is unwound, and also if the program is built to abort.
///
/// `open` is called once for each panic; `None`, and an error while writing, are ignored: the panic is what matters. A
/// panic that will be caught is one too, and what is raised while a program falls apart is another: to keep the dump of the
/// first, let `open` make a new file each time (`File::create_new` under a name that counts) or return `None` from the
/// second on. The dump is written word by word: return a `BufWriter`, it is flushed.
///
/// This is for the process as a whole, and for good: call it once, where the program starts.
pub fn dump_on_panic<const WORDS: usize, W: Write>(
    recorder: &Arc<FlightRecorder<WORDS>>,
    open: impl Fn() -> Option<W> + Send + Sync + 'static,
) {
    let recorder = recorder.clone();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(mut out) = open() {
            // Nobody is left to tell.
            let _ = recorder.write_to(&mut out).and_then(|()| out.flush());
        }
        before(panic);
    }));
}
