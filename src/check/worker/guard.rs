//! What a worker sets up against models that misbehave, on Unix: it dies with its runner, leaves no core files,
//! tells a stack overflow from a stray pointer, and never forks.
//!
//! Elsewhere a crash is reported by its exit status alone.

use super::protocol::Message;
use super::{pipe, protocol::Order};
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

/// Lines that must be written where nothing may be allocated.
struct Prepared {
    pipe: c_int,
    overflow_main: Vec<u8>,
    overflow_thread: Vec<u8>,
    forked: Vec<u8>,
    main_stack: (usize, usize),
}

static PREPARED: OnceLock<Prepared> = OnceLock::new();

/// How far from the stack pointer a fault may lie and still be called an overflow: compilers probe large frames
/// page by page, so the fault is within a page or two of where the stack pointer is or is about to be.
const NEAR: usize = 64 << 10;

/// The exit code of a worker that would not fork. The message on the pipe is what counts.
const FORKED: c_int = 97;

/// Sets everything up. The calling thread is the one that will run the model.
pub fn install(order: &Order) {
    die_with_runner(order);
    limit(order);
    let _ = PREPARED.set(Prepared {
        pipe: pipe::descriptor().unwrap_or(-1),
        overflow_main: pipe::line(Message::StackOverflow { main: true }),
        overflow_thread: pipe::line(Message::StackOverflow { main: false }),
        forked: pipe::line(Message::Forked),
        main_stack: stack_bounds(),
    });
    // SAFETY: `before_fork` is a function for the whole life of the process, and takes no lock.
    unsafe { libc::pthread_atfork(Some(before_fork), None, None) };
    // The terminal sends Ctrl-C to the whole group; the runner decides what happens to its workers.
    // SAFETY: ignoring a signal installs no code.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
    alternate_stack();
    catch_faults();
}

fn die_with_runner(order: &Order) {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: plain system calls without pointers.
        let parent = unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::getppid()
        };
        // The runner died before the request was in place. In a container without its own process namespace
        // the parent may read as 0: it lives outside, and that is no orphan.
        if parent != order.parent as i32 && parent != 0 {
            std::process::exit(1);
        }
    }
    // Elsewhere nobody tells: ask.
    #[cfg(not(target_os = "linux"))]
    {
        let parent = order.parent as i32;
        std::thread::spawn(move || {
            // SAFETY: plain system calls.
            while unsafe { libc::getppid() } == parent {
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
            unsafe { libc::_exit(1) }
        });
    }
}

fn limit(order: &Order) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // One allocation can be larger than the runner's sampling would notice in time: address space is the backstop,
    // generous because stacks and allocators reserve far more than they use.
    let space = order.memory_limit.saturating_mul(4).saturating_add(8 << 30) as libc::rlim_t;
    let space = libc::rlimit { rlim_cur: space, rlim_max: space };
    // SAFETY: both point to live structures of the right type.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &none);
        if cfg!(target_os = "linux") {
            libc::setrlimit(libc::RLIMIT_AS, &space);
        }
    }
}

/// The model called `fork`. A child with half of an engine in it can only do harm: end before it exists.
unsafe extern "C" fn before_fork() {
    if let Some(p) = PREPARED.get() {
        write(p.pipe, &p.forked);
    }
    // SAFETY: ends the process at once, without running anything.
    unsafe { libc::_exit(FORKED) }
}

fn write(fd: c_int, bytes: &[u8]) {
    // SAFETY: the bytes are live; `write` may be called in signal handlers.
    unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
}

/// The bounds of the calling thread's stack, (0, 0) where they cannot be asked for.
fn stack_bounds() -> (usize, usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: the attributes are initialised by `pthread_getattr_np` before they are read, and destroyed after.
    unsafe {
        let mut attr: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attr) != 0 {
            return (0, 0);
        }
        let (mut base, mut size) = (std::ptr::null_mut::<c_void>(), 0usize);
        libc::pthread_attr_getstack(&attr, &mut base, &mut size);
        libc::pthread_attr_destroy(&mut attr);
        (base as usize, base as usize + size)
    }
    #[cfg(not(target_os = "linux"))]
    (0, 0)
}

/// A handler cannot run on the stack that has just overflowed. Leaked: it serves until the process ends.
fn alternate_stack() {
    const SIZE: usize = 64 << 10;
    let stack = Box::leak(vec![0u8; SIZE].into_boxed_slice());
    let new = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIZE };
    // SAFETY: the memory is leaked, so nobody else will ever use it.
    unsafe { libc::sigaltstack(&new, std::ptr::null_mut()) };
}

/// Installs the fault handler. Again after an engine has installed its own: the last one wins.
pub fn catch_faults() {
    // SAFETY: the structure is fully set before use, and `on_fault` is async-signal-safe: it reads prepared
    // memory, writes to a descriptor and restores the default action.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        action.sa_sigaction = on_fault as *const () as libc::sighandler_t;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
        libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut());
    }
}

unsafe extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes valid pointers for SA_SIGINFO.
    let (address, sp) = unsafe { ((*info).si_addr() as usize, stack_pointer(context)) };
    if let (Some(p), Some(sp)) = (PREPARED.get(), sp)
        && address.abs_diff(sp) < NEAR
    {
        // A main stack grows on demand down to its limit: its bounds are the limit's.
        let main = (p.main_stack.0.saturating_sub(NEAR)..p.main_stack.1).contains(&sp);
        write(p.pipe, if main { &p.overflow_main } else { &p.overflow_thread });
    }
    // SAFETY: plain system call. Returning then repeats the fault, which ends the process with this signal.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// The stack pointer at the fault, where the platform's context is known.
///
/// # Safety
/// `context` is what the system passed to a handler.
unsafe fn stack_pointer(context: *mut c_void) -> Option<usize> {
    #[allow(unused_variables)]
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: by the caller's word.
    unsafe {
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        return Some((*context).uc_mcontext.gregs[libc::REG_RSP as usize] as usize);
        #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
        return Some((*context).uc_mcontext.sp as usize);
        #[cfg(all(target_os = "macos", target_arch = "x86_64"))]
        return Some((*(*context).uc_mcontext).__ss.__rsp as usize);
        #[cfg(all(target_os = "macos", target_arch = "aarch64"))]
        return Some((*(*context).uc_mcontext).__ss.__sp as usize);
        #[allow(unreachable_code)]
        None
    }
}
