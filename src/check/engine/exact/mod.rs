//! The exact explorer: every consistent execution graph of a model exactly once, under RC11 or SC.
//!
//! **Fidelity.** RC11 (Lahav, Vafeiadis, Kang, Hur, Dreyer, PLDI 2017) with C++20 release sequences: `(po | rf)`
//! is acyclic, so load buffering is outside the model. Plain data is checked for races, before it is touched,
//! but not otherwise modelled. Choices of the environment: a spurious wake-up or a spurious failure of a weak
//! exchange, any number, but for those that would repeat the one before, which is tried out (`spurious`, `repeats`;
//! README, Limits); timeouts, at most two per thread, object and call in the source, after which the verdict is
//! `bounded(2)`; which waiter is notified. A timed wait counts as stuck only in a loop that changes nothing, where nobody
//! else can move. A loop whose round reads everything from where the round before did is a wait: such rounds are not told
//! apart (with `spin_until`, no rounds that fail); other loops are unrolled to a limit (`rounds`). With the allocator
//! `Quarantine` no address comes back within an execution, so ABA by reuse of an address is not found; without it, a model
//! that compares pointers may be `inconclusive`.
//!
//! Reading order: `graph` (structure), `exec` (a graph over a live program), `update` (what reads do), `rounds` (which
//! loops wait), `spurious` and `repeats` (which calls end by themselves), `forward` and `backward` (the algorithm),
//! `consistency` (the axioms), `lower` (operations of the facade to events), `arcs` and `cells` (what needs no events),
//! `job`, `standstill` and `search` (one job; where nothing moves; workers and results), `linear` and `witness` (from a
//! failing graph to the execution that is shown), `nearest` (one that passes), `retold` (what is said of outcomes), and `estimate` (how large a search is).

mod arcs;
mod backward;
mod cells;
mod clock;
mod consistency;
mod estimate;
mod exec;
mod fiber;
mod forward;
mod graph;
mod job;
mod linear;
mod locations;
mod lower;
mod nearest;
mod repeats;
mod retold;
mod rounds;
mod search;
mod spurious;
mod standstill;
mod update;
mod witness;

pub use clock::THREADS;
pub use search::explore;
