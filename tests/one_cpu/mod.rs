//! Random programs of a few steps, and what each discipline lets them do by brute force: how many schedules there are,
//! and what they come to. It shares no code with the engine; what is shared with it is only the rule that a decision is
//! made before each step.

use selvedge::check::model::Discipline;
use std::collections::BTreeSet;

/// One step of a thread.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads the variable, and keeps what it read.
    Load(usize),
    /// Writes a value of its own to the variable.
    Store(usize),
    /// Reads the plain cell, and keeps what it read.
    Peek,
    /// Writes a value of its own to the plain cell.
    Poke,
    /// A declared yield.
    Yield,
    /// In one hold of the one mutex.
    Locked(Vec<Step>),
    /// With interrupts masked.
    Masked(Vec<Step>),
}

/// Threads by name; the thread that starts and joins them is called `main`.
#[derive(Clone, Debug)]
pub struct Program {
    pub threads: Vec<(&'static str, Vec<Step>)>,
}

/// All that a discipline allows.
#[derive(PartialEq, Eq, Debug)]
pub struct Allowed {
    pub schedules: u64,
    pub outcomes: BTreeSet<String>,
    /// Some schedule gets to where nobody can go on.
    pub stuck: bool,
}

/// The value that the `n`th write of thread `t` writes.
pub fn value(t: usize, n: u32) -> u32 {
    10 * t as u32 + n
}

/// What a run comes to: what each thread has read, and what is left in the variables and the cell.
pub fn outcome(reads: &[Vec<u32>], end: [u32; 3]) -> String {
    format!("{reads:?} {end:?}")
}

/// A step as the processor sees it. All but the last two are decided on before they happen.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Act {
    Load(usize),
    Store(usize),
    Yield,
    Lock,
    Unlock,
    Mask,
    Join(usize),
    Unmask,
}

/// `masks`: masking is a step, because an interrupt may come first.
fn flatten(steps: &[Step], masks: bool, acts: &mut Vec<Act>) {
    for step in steps {
        match step {
            Step::Load(v) => acts.push(Act::Load(*v)),
            Step::Store(v) => acts.push(Act::Store(*v)),
            Step::Peek => acts.push(Act::Load(2)),
            Step::Poke => acts.push(Act::Store(2)),
            Step::Yield => acts.push(Act::Yield),
            Step::Locked(inner) => {
                acts.push(Act::Lock);
                flatten(inner, masks, acts);
                acts.push(Act::Unlock);
            }
            Step::Masked(inner) if !masks => flatten(inner, masks, acts),
            Step::Masked(inner) => {
                acts.push(Act::Mask);
                flatten(inner, masks, acts);
                acts.push(Act::Unmask);
            }
        }
    }
}

#[derive(Clone)]
struct State {
    at: Vec<usize>,
    begun: Vec<bool>,
    masked: Vec<u32>,
    writes: Vec<u32>,
    reads: Vec<Vec<u32>>,
    memory: [u32; 3],
    owner: Option<usize>,
    last: usize,
}

struct Machine<'a> {
    discipline: &'a Discipline,
    names: Vec<&'static str>,
    acts: Vec<Vec<Act>>,
    allowed: Allowed,
    most: u64,
}

/// Everything that `discipline` allows `program`; `None` if that is more than `most` schedules.
pub fn enumerate(program: &Program, discipline: &Discipline, most: u64) -> Option<Allowed> {
    let mut names = vec!["main"];
    let mut acts = vec![(1..=program.threads.len()).map(Act::Join).collect::<Vec<_>>()];
    for (name, steps) in &program.threads {
        names.push(name);
        acts.push(Vec::new());
        flatten(steps, *discipline == Discipline::Interrupt, acts.last_mut().expect("just pushed"));
    }
    let n = acts.len();
    let start = State {
        at: vec![0; n],
        begun: (0..n).map(|t| t == 0).collect(),
        masked: vec![0; n],
        writes: vec![0; n],
        reads: vec![Vec::new(); n],
        memory: [0; 3],
        owner: None,
        last: 0,
    };
    let allowed = Allowed { schedules: 0, outcomes: BTreeSet::new(), stuck: false };
    let mut machine = Machine { discipline, names, acts, allowed, most };
    machine.explore(start);
    (machine.allowed.schedules <= most).then_some(machine.allowed)
}

impl Machine<'_> {
    fn next(&self, s: &State, t: usize) -> Option<Act> {
        self.acts[t].get(s.at[t]).copied()
    }

    fn ended(&self, s: &State, t: usize) -> bool {
        s.begun[t] && self.next(s, t).is_none()
    }

    /// Can its next step be done? A thread that has not begun can begin, whatever it finds then.
    fn ready(&self, s: &State, t: usize) -> bool {
        match self.next(s, t) {
            _ if !s.begun[t] => true,
            None => false,
            Some(Act::Lock) => s.owner.is_none(),
            Some(Act::Join(child)) => self.ended(s, child),
            Some(_) => true,
        }
    }

    fn is_handler(&self, t: usize) -> bool {
        self.names[t].starts_with("interrupt")
    }

    /// Who may be chosen; nobody if the processor is stuck.
    fn candidates(&self, s: &State) -> Vec<usize> {
        let threads = 0..self.acts.len();
        let ready: Vec<usize> = threads.clone().filter(|t| self.ready(s, *t)).collect();
        let best = |rank: &dyn Fn(usize) -> usize| {
            let top = ready.iter().map(|t| rank(*t)).max().unwrap_or(0);
            ready.iter().copied().filter(|t| rank(*t) == top).collect()
        };
        match self.discipline {
            Discipline::Preemptive => ready,
            Discipline::Cooperative => {
                best(&|t| usize::from(t == s.last && self.next(s, t) != Some(Act::Yield)))
            }
            Discipline::Priority(order) => {
                let handles = |t: usize| self.is_handler(t) && s.begun[t];
                let (handlers, others): (Vec<_>, Vec<_>) = ready.iter().partition(|t| self.is_handler(**t));
                if handlers.iter().any(|t| handles(*t)) {
                    return handlers.into_iter().filter(|t| handles(*t)).collect();
                }
                let rank =
                    |t: &usize| order.iter().rev().position(|n| n == self.names[*t]).map_or(0, |p| p + 1);
                let top = others.iter().map(rank).max();
                let may = |t: &usize| self.is_handler(*t) || Some(rank(t)) == top;
                ready.iter().copied().filter(may).collect()
            }
            Discipline::Interrupt => {
                let handling = |t: &usize| self.is_handler(*t) && s.begun[*t] && !self.ended(s, *t);
                match threads.clone().find(handling) {
                    Some(t) => ready.into_iter().filter(|r| *r == t).collect(),
                    None => best(&|t| usize::from(s.masked[t] > 0)),
                }
            }
        }
    }

    fn explore(&mut self, s: State) {
        if self.allowed.schedules > self.most {
            return;
        }
        let candidates = self.candidates(&s);
        if candidates.is_empty() {
            self.allowed.schedules += 1;
            if (0..self.acts.len()).all(|t| self.ended(&s, t)) {
                self.allowed.outcomes.insert(outcome(&s.reads[1..], s.memory));
            } else {
                self.allowed.stuck = true;
            }
            return;
        }
        for t in candidates {
            let mut after = s.clone();
            self.step(&mut after, t);
            self.explore(after);
        }
    }

    fn step(&self, s: &mut State, t: usize) {
        s.last = t;
        s.begun[t] = true;
        if !self.ready(s, t) {
            return;
        }
        match self.next(s, t).expect("a ready thread has a next step") {
            Act::Load(v) => s.reads[t].push(s.memory[v]),
            Act::Store(v) => {
                s.memory[v] = value(t, s.writes[t]);
                s.writes[t] += 1;
            }
            Act::Yield | Act::Join(_) => {}
            Act::Lock => s.owner = Some(t),
            Act::Unlock => s.owner = None,
            Act::Mask => s.masked[t] += 1,
            Act::Unmask => unreachable!("done with what is before it"),
        }
        s.at[t] += 1;
        while self.next(s, t) == Some(Act::Unmask) {
            s.masked[t] -= 1;
            s.at[t] += 1;
        }
    }
}

/// Numbers without a pattern (splitmix64, Steele, Lea, Flood, OOPSLA 2014): the same programs everywhere.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn steps(&mut self, n: usize, depth: usize, yields: &mut usize, locked: bool) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..n {
            steps.push(match self.below(if depth == 0 { 7 } else { 10 }) {
                0 | 1 => Step::Load(self.below(2)),
                2 | 3 => Step::Store(self.below(2)),
                4 => Step::Peek,
                5 => Step::Poke,
                // One a thread: a second one in vain would wait for a change, which is another subject.
                6 if *yields == 0 => Step::Load(0),
                6 => {
                    *yields -= 1;
                    Step::Yield
                }
                7 if !locked => {
                    let inner = 1 + self.below(2);
                    Step::Locked(self.steps(inner, depth - 1, yields, true))
                }
                _ => {
                    let inner = 1 + self.below(2);
                    Step::Masked(self.steps(inner, depth - 1, yields, locked))
                }
            });
        }
        steps
    }

    /// Two or three threads, named so that every discipline tells them apart.
    pub fn program(&mut self) -> Program {
        const NAMES: [&str; 5] = ["high", "low", "low", "interrupt", "interrupt 2"];
        let threads = (0..2 + self.below(2)).map(|_| {
            let (name, n) = (NAMES[self.below(NAMES.len())], 1 + self.below(3));
            (name, self.steps(n, 2, &mut 1, false))
        });
        Program { threads: threads.collect() }
    }
}
