//! The synchronisation of the incident in miniature: every node has a database, and a round copies the source's over all
//! others. What the variants disagree about is left to a [`Rule`].

use super::{Database, FIRST, Member, Members, Step, Synchronisation, WHOLE};
use selvedge::check::note;
use selvedge::sync::{Mutex, Named, Shown};
use std::marker::PhantomData;

/// What is done about a configuration, and who is elected.
pub trait Rule: Send + Sync + 'static {
    /// A configuration that comes while a round is under way waits until that is done.
    const CHANGES_WAIT: bool = false;
    /// What was received is activated.
    const ACTIVATES: bool = true;
    /// Who sends its database to `members`.
    fn source(state: &State, members: Members) -> Option<Member>;
    /// From whom, in words.
    fn why(state: &State) -> String;
}

/// What the nodes know and hold.
pub struct State {
    /// The ring's members now.
    present: Members,
    /// The members of the round that was begun last, whatever became of it.
    pub begun: Members,
    /// The members of the round that was completed last.
    pub completed: Members,
    databases: [Database; 16],
    round: Option<Round>,
}

struct Round {
    source: Option<Member>,
    /// The next piece.
    next: Database,
    received: Database,
}

impl State {
    fn begin<R: Rule>(&mut self) {
        let source = R::source(self, self.present);
        note(|| {
            let source = source.map_or("nobody".to_owned(), Member::short);
            format!("round of {}: elects {source} {}", self.present, R::why(self))
        });
        self.begun = self.present;
        self.round = Some(Round { source, next: 1, received: 0 });
    }

    /// Which members have it whole.
    fn shown(&self) -> String {
        let whole = self
            .databases
            .iter()
            .zip(Members::all())
            .filter(|(held, m)| **held == WHOLE && self.present.contains(*m));
        format!("whole on {}", whole.fold(Members::default(), |set, (_, m)| set.with(m)))
    }

    fn step<R: Rule>(&mut self) -> Step {
        let Some(mut round) = self.round.take() else { return Step::Nothing };
        if round.next & WHOLE != 0 {
            // Whoever has left sends nothing.
            let source = round.source.filter(|m| self.present.contains(*m));
            note(|| match (source, round.source) {
                (Some(m), _) => format!("{} sends a piece", m.short()),
                (None, Some(m)) => format!("{} has left, sends nothing", m.short()),
                (None, None) => "there is no source".to_owned(),
            });
            round.received |= source.map_or(0, |m| self.databases[m.index()] & round.next);
            round.next <<= 1;
            self.round = Some(round);
            return Step::Piece;
        }
        // The activation: what was received replaces what was there.
        note(|| format!("activates {:#04b} on {}", round.received, self.begun));
        self.completed = self.begun;
        if R::ACTIVATES {
            self.completed.iter().for_each(|m| self.databases[m.index()] = round.received);
        }
        if R::CHANGES_WAIT && self.begun != self.present {
            self.begin::<R>();
        }
        Step::Activation
    }
}

/// The nodes.
pub struct Miniature<R> {
    state: Mutex<State>,
    rule: PhantomData<R>,
}

impl<R: Rule> Synchronisation for Miniature<R> {
    fn new() -> Self {
        let mut databases = [0; 16];
        FIRST.iter().for_each(|m| databases[m.index()] = WHOLE);
        let state = State { present: FIRST, begun: FIRST, completed: FIRST, databases, round: None };
        Miniature { state: Mutex::new(state).named("nodes").shown(State::shown), rule: PhantomData }
    }
    fn configure(&self, _: u64, members: Members) {
        let mut state = self.state.lock();
        state.present = members;
        if !R::CHANGES_WAIT || state.round.is_none() {
            state.begin::<R>();
        } else {
            note(|| "the round that is under way goes on".to_owned());
        }
    }
    fn step(&self) -> Step {
        self.state.lock().step::<R>()
    }
    fn database(&self, member: Member) -> Database {
        self.state.lock().databases[member.index()]
    }
}
