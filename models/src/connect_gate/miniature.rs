//! A gate as a reader would write it, with one defect at a choice. Threads only.

use super::{Gate, Next};
use selvedge::check::note;
use selvedge::sync::{AtomicU64, Mutex, Named, Ordering, Shown, UnsafeCell, thread};
use std::marker::PhantomData;

/// What is wrong with the gate. By default, nothing.
pub(super) trait Defect: Send + Sync + 'static {
    /// A publisher wakes those who wait for its own epoch, not whoever is in the queue.
    const OWN_EPOCH: bool = true;
    /// A caller looks at the word again when it is in the queue, before it parks.
    const LOOK_AGAIN: bool = true;
    /// The lead is taken by compare and exchange.
    const EXCHANGE: bool = true;
    /// An attempt that is dropped is published as such.
    const PUBLISH_DROP: bool = true;
    /// Who is woken looks what has become of its attempt.
    const LOOK_AFTER: bool = true;
    /// A publisher wakes all its waiters.
    const WAKE_ALL: bool = true;
    /// How an invalidation is ordered.
    const INVALIDATE: Ordering = Ordering::Release;
    /// Who finds neither a connection nor an attempt makes one.
    const LEADS_WHEN_IDLE: bool = true;
    /// What an attempt that is committed is published as.
    const COMMITTED: u64 = CONNECTED;
    /// An attempt that is dropped leaves the resource as it is.
    const KEEPS_RESOURCE: bool = true;
}

pub(super) struct Sound;
impl Defect for Sound {}

const IDLE: u64 = 0;
const ATTEMPTING: u64 = 1;
const CONNECTED: u64 = 2;
pub(super) const FAILED: u64 = 3;

fn words(word: &u64) -> String {
    format!("{} {}", word / 4, ["idle", "trying", "up", "failed"][(word % 4) as usize])
}

fn waiting(waiters: &[(u64, thread::Thread)]) -> String {
    let all: Vec<String> = waiters.iter().map(|(epoch, _)| format!("for {epoch}")).collect();
    if all.is_empty() { "empty".to_owned() } else { all.join(", ") }
}

/// | `word` = 4 x epoch + state | moved by | to |
/// |---|---|---|
/// | n, idle or failed | the leader of n+1 | n+1, attempting |
/// | n, attempting | its leader | n, connected, failed or idle |
/// | n, connected | whoever saw n break | n, idle |
///
/// `resource` belongs to the leader while the word says *attempting*.
pub(super) struct Miniature<D> {
    word: AtomicU64,
    waiters: Mutex<Vec<(u64, thread::Thread)>>,
    resource: UnsafeCell<u32>,
    defect: PhantomData<D>,
}

// SAFETY: `resource` is touched by the leader alone, if there is only one: which is what the models check, and is
// false for `two_leaders/load_then_store`.
unsafe impl<D: Defect> Sync for Miniature<D> {}

pub(super) struct Lead<'g, D: Defect> {
    gate: &'g Miniature<D>,
    epoch: u64,
    ended: bool,
}

impl<D: Defect> Miniature<D> {
    fn publish(&self, epoch: u64, state: u64) {
        // Release: pairs with the Acquire loads and exchanges of `enter`.
        self.word.store(4 * epoch + state, Ordering::Release);
        note(|| "whom to wake?".to_owned());
        let mut woken = Vec::new();
        {
            let mut waiters = self.waiters.lock();
            waiters.retain(|(waits_for, thread)| {
                let mine = !D::OWN_EPOCH || *waits_for == epoch;
                let wake = mine && (D::WAKE_ALL || woken.is_empty());
                if wake {
                    woken.push(thread.clone());
                }
                !wake
            });
        }
        for waiter in woken {
            note(|| "wakes".to_owned());
            waiter.unpark();
        }
    }

    fn register(&self, epoch: u64) {
        note(|| format!("joins for {epoch}"));
        self.waiters.lock().push((epoch, thread::current()));
    }

    fn try_lead(&self, seen: u64) -> Option<Lead<'_, D>> {
        let epoch = seen / 4 + 1;
        note(|| "leads".to_owned());
        if D::EXCHANGE {
            // Acquire: pairs with the Release of `publish` and `invalidate`.
            let next = 4 * epoch + ATTEMPTING;
            self.word.compare_exchange(seen, next, Ordering::Acquire, Ordering::Relaxed).ok()?;
        } else {
            self.word.store(4 * epoch + ATTEMPTING, Ordering::Relaxed);
        }
        Some(Lead { gate: self, epoch, ended: false })
    }
}

impl<D: Defect> Gate for Miniature<D> {
    type Attempt<'g> = Lead<'g, D>;
    type Epoch = u64;

    fn new() -> Self {
        Miniature {
            word: AtomicU64::new(IDLE).named("gate").shown(words),
            waiters: Mutex::new(Vec::new()).named("queue").shown(|waiters| waiting(waiters)),
            resource: UnsafeCell::new(0).named("resource"),
            defect: PhantomData,
        }
    }

    fn enter(&self) -> Next<Lead<'_, D>, u64> {
        self.enter_as_task().0
    }

    fn enter_as_task(&self) -> (Next<Lead<'_, D>, u64>, bool) {
        let mut waited = false;
        loop {
            // Acquire: pairs with the Release of `publish`.
            let seen = self.word.load(Ordering::Acquire);
            match (seen / 4, seen % 4) {
                (epoch, CONNECTED) => return (Next::Connected(epoch), waited),
                (epoch, IDLE) if !D::LEADS_WHEN_IDLE => return (Next::Connected(epoch), waited),
                (epoch, ATTEMPTING) => {
                    self.register(epoch);
                    if !D::LOOK_AGAIN {
                        thread::park();
                    }
                    let under_way = || {
                        note(|| format!("is {epoch} over?"));
                        self.word.load(Ordering::Acquire) == seen
                    };
                    while under_way() {
                        waited = true;
                        thread::park();
                        if !D::LOOK_AFTER {
                            note(|| format!("takes it for {epoch}'s success"));
                            return (Next::Connected(epoch), waited);
                        }
                    }
                    if !D::WAKE_ALL {
                        note(|| "passes the wake on".to_owned());
                        let next = self.waiters.lock().pop();
                        next.iter().for_each(|(_, thread)| thread.unpark());
                    }
                    if self.word.load(Ordering::Acquire) == 4 * epoch + FAILED {
                        return (Next::Failed, waited);
                    }
                }
                _ => {
                    if let Some(lead) = self.try_lead(seen) {
                        return (Next::Lead(lead), waited);
                    }
                }
            }
        }
    }

    fn enter_and_cancel(&self) -> bool {
        let seen = self.word.load(Ordering::Acquire);
        let waits = seen % 4 == ATTEMPTING;
        if waits {
            self.register(seen / 4);
            let me = thread::current().id();
            note(|| "gives up".to_owned());
            self.waiters.lock().retain(|(_, thread)| thread.id() != me);
        }
        waits
    }

    fn epoch(lead: &Lead<'_, D>) -> u64 {
        lead.epoch
    }

    fn work(lead: &mut Lead<'_, D>) -> u32 {
        note(|| format!("works for {}", lead.epoch));
        lead.gate.resource.with_mut(|resource| {
            // SAFETY: the leader is alone here while the word says *attempting*; with `EXCHANGE` off there may be
            // two, and the checker reports the race before memory is touched.
            unsafe {
                *resource += 1;
                *resource
            }
        })
    }

    fn commit(mut lead: Lead<'_, D>) -> u64 {
        lead.ended = true;
        lead.gate.publish(lead.epoch, D::COMMITTED);
        lead.epoch
    }

    fn fail(mut lead: Lead<'_, D>) {
        lead.ended = true;
        lead.gate.publish(lead.epoch, FAILED);
    }

    fn invalidate(&self, epoch: u64) -> bool {
        note(|| "finds it broken".to_owned());
        let (connected, idle) = (4 * epoch + CONNECTED, 4 * epoch + IDLE);
        self.word.compare_exchange(connected, idle, D::INVALIDATE, Ordering::Relaxed).is_ok()
    }
}

impl<D: Defect> Drop for Lead<'_, D> {
    fn drop(&mut self) {
        if !self.ended && !D::KEEPS_RESOURCE {
            // SAFETY: as in `work`: the word says *attempting* until the next line.
            self.gate.resource.with_mut(|resource| unsafe { *resource = 0 });
        }
        if !self.ended && D::PUBLISH_DROP {
            self.gate.publish(self.epoch, IDLE);
        }
    }
}
