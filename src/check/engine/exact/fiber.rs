//! The stacks on which model threads run: coroutines (corosensei) that outlive executions and are reused.

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::Cell;
use std::rc::Rc;

/// Stack of a model thread, in bytes. Committed by the system only as far as it is used.
pub const STACK_BYTES: usize = 512 * 1024;

/// Why a fiber came back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Back {
    /// Its body waits in [`Handle::suspend`].
    Suspended,
    /// Its body has returned; the fiber can take another.
    Finished,
}

type Body = Box<dyn FnOnce()>;

#[derive(Default)]
struct Shared {
    body: Cell<Option<Body>>,
    yielder: Cell<Option<*const Yielder<(), Back>>>,
}

/// A reusable stack.
pub struct Fiber {
    coroutine: Coroutine<(), Back, ()>,
    shared: Rc<Shared>,
}

/// How the code on a fiber gives control back to whoever resumed it.
#[derive(Clone)]
pub struct Handle(Rc<Shared>);

impl Fiber {
    /// A fiber without a body. Panics if the system has no memory for its stack.
    pub fn new() -> Fiber {
        let stack = DefaultStack::new(STACK_BYTES).expect("no memory for the stack of a model thread");
        let shared = Rc::new(Shared::default());
        let inner = shared.clone();
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Back>, ()| {
            inner.yielder.set(Some(yielder));
            loop {
                if let Some(body) = inner.body.take() {
                    body();
                }
                yielder.suspend(Back::Finished);
            }
        });
        Fiber { coroutine, shared }
    }

    /// The next `resume` starts this body. It must not unwind.
    pub fn load(&mut self, body: Body) {
        self.shared.body.set(Some(body));
    }

    /// Takes back a body that was not started.
    pub fn unload(&mut self) -> Option<Body> {
        self.shared.body.take()
    }

    pub fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }

    /// Runs it until it suspends or its body returns.
    pub fn resume(&mut self) -> Back {
        match self.coroutine.resume(()) {
            CoroutineResult::Yield(b) => b,
            CoroutineResult::Return(()) => unreachable!("a fiber's loop does not end"),
        }
    }
}

impl Drop for Fiber {
    fn drop(&mut self) {
        // SAFETY: dropping a started coroutine unwinds its stack. Nothing is left on it but the loop above,
        // which owns nothing besides its Rc: the explorer finishes every body before it drops a fiber. The
        // Rc's memory is leaked, not freed twice: `shared` still holds a count.
        unsafe { self.coroutine.force_reset() }
    }
}

impl Handle {
    /// Gives control back to the resumer. Call it only on the fiber's own stack.
    pub fn suspend(&self) {
        let y = self.0.yielder.get().expect("a fiber that runs has a yielder");
        // SAFETY: the yielder lives at the bottom of the fiber's stack as long as the fiber; only code on that
        // stack calls this, so nobody else can be using it.
        unsafe { (*y).suspend(Back::Suspended) };
    }
}
