//! `ConnectGate::ensure` with a back-off, under the exact explorer: whether a pause or a deadline has passed is a choice
//! of the environment, and all of them are tried. (loom has no timeouts.)
#![cfg(all(feature = "check", not(any(loom, shuttle))))]

mod known;

use known::{outcomes, plan, scenario, words};
use selvedge::check::engine::{Plan, exact};
use selvedge::check::model::Strategy;
use selvedge::check::{Verdict, always};
use selvedge::connect_gate::{Backoff, ConnectGate, EnsureError, Turn};
use selvedge::sync::time::Deadline;
use selvedge::sync::{Arc, thread};
use std::collections::BTreeSet;
use std::time::Duration;

type Gate = ConnectGate<u32, &'static str>;

/// The resource counts attempts. One has failed, so a pause is in force, or has just passed.
fn refused_once() -> Gate {
    let gate = Gate::with_backoff(0, Backoff::constant(Duration::from_secs(1)));
    match gate.enter_blocking(&Deadline::never()) {
        Ok(Turn::Lead(mut attempt)) => {
            *attempt += 1;
            let _ = attempt.fail("refused");
        }
        _ => unreachable!("the first to come leads"),
    }
    gate
}

fn ensure(gate: &Gate, deadline: &Deadline, refused_until: u32) -> &'static str {
    let mut led = false;
    let ensured = gate.ensure(deadline, |attempts| {
        led = true;
        *attempts += 1;
        if *attempts <= refused_until { Err("refused again") } else { Ok(()) }
    });
    match ensured {
        Ok(_) if led => "connects",
        Ok(_) => "connected",
        Err(EnsureError::TimedOut) => {
            always("no-lead-wasted", !led, || "timed out, and it had the lead".to_owned());
            "times out"
        }
        Err(EnsureError::Failed(f)) => {
            always("own-outcome", *f.error() == "refused again", || {
                "told of an attempt before its own".to_owned()
            });
            if led { "fails" } else { "hears of it" }
        }
    }
}

#[track_caller]
fn all_of(f: impl Fn() -> String + Send + Sync + 'static) -> BTreeSet<String> {
    let plan = Plan { executions: 1_000_000, ..plan(Strategy::Random) };
    let e = exact::explore(&scenario(f), &plan);
    assert_eq!(e.verdict, Verdict::Exhausted, "{:?}", e.failure.as_ref().map(|f| &f.message));
    outcomes(&e)
}

#[test]
fn a_pause_is_sat_out_unless_the_deadline_passes_first() {
    let alone = |deadline: fn() -> Deadline| {
        move || {
            let gate = refused_once();
            let outcome = ensure(&gate, &deadline(), 1);
            format!("{outcome}, {} attempts", gate.into_inner())
        }
    };
    assert_eq!(all_of(alone(Deadline::never)), words(["connects, 2 attempts"]));
    let soon = || Deadline::after(Duration::from_secs(1));
    assert_eq!(all_of(alone(soon)), words(["connects, 2 attempts", "times out, 1 attempts"]));
}

/// Two who sit out the same pause: one leads; the other asks the gate again, and does not just connect too.
#[test]
fn those_who_sat_out_a_pause_share_one_attempt() {
    let together = || {
        let gate = Arc::new(refused_once());
        let other = {
            let gate = gate.clone();
            thread::spawn(move || ensure(&gate, &Deadline::never(), 1))
        };
        let mine = ensure(&gate, &Deadline::never(), 1);
        let both = [mine, other.join().unwrap()];
        assert_eq!(
            Arc::into_inner(gate).expect("the last").into_inner(),
            2,
            "one attempt after the one that failed"
        );
        both.join(", ")
    };
    assert_eq!(all_of(together), words(["connects, connected", "connected, connects"]));
}

/// The attempt after the pause fails as well: whoever had waited for it hears of it; whoever had not yet has another pause
/// to sit out, and then succeeds.
#[test]
fn a_second_failure_begins_a_second_pause() {
    let together = || {
        let gate = Arc::new(refused_once());
        let other = {
            let gate = gate.clone();
            thread::spawn(move || ensure(&gate, &Deadline::never(), 2))
        };
        let mine = ensure(&gate, &Deadline::never(), 2);
        [mine, other.join().unwrap()].join(", ")
    };
    let want = ["fails, hears of it", "hears of it, fails", "fails, connects", "connects, fails"];
    assert_eq!(all_of(together), words(want));
}

/// A peer that accepts and closes at once. Whether the connection has lasted is the clock's to say, hence a choice: if it
/// has, the next caller leads at once; if not, it sits out a pause, or its deadline passes first.
#[test]
fn a_connection_that_does_not_last_is_followed_by_a_pause() {
    let flaps = |backoff: Backoff| {
        move || {
            let gate = Gate::with_backoff(0, backoff);
            let connect = |attempts: &mut u32| {
                *attempts += 1;
                Ok(())
            };
            let first = gate.ensure(&Deadline::never(), connect).expect("nothing keeps the first one off");
            always("invalidated", gate.invalidate(first), || "nobody else has".to_owned());
            let turn = match gate.enter_blocking(&Deadline::never()) {
                Ok(Turn::Lead(attempt)) => {
                    drop(attempt);
                    "leads"
                }
                Ok(Turn::Backoff(_)) => "is kept off",
                _ => unreachable!("nobody connects"),
            };
            let again = gate.ensure(&Deadline::after(Duration::from_secs(1)), connect).is_ok();
            format!("{turn}, {}", if again { "connects" } else { "times out" })
        }
    };
    let second = Duration::from_secs(1);
    assert_eq!(all_of(flaps(Backoff::constant(second))), words(["leads, connects"]));
    let all = words(["is kept off, connects", "is kept off, times out", "leads, connects"]);
    assert_eq!(all_of(flaps(Backoff::constant(second).also_after_success())), all);
}

/// Two users of a connection that does not last: one report ends it, and whoever leads next hears whether it has lasted,
/// also if the lead is taken while the report is still being made.
#[test]
fn of_two_who_see_a_short_connection_one_reconnects() {
    let together = || {
        let gate =
            Arc::new(Gate::with_backoff(0, Backoff::constant(Duration::from_secs(1)).also_after_success()));
        let connect = |attempts: &mut u32| {
            *attempts += 1;
            Ok(())
        };
        let first = gate.ensure(&Deadline::never(), connect).expect("nothing keeps the first one off");
        let uses = move |gate: &Gate| {
            let ended = gate.invalidate(first);
            let again = gate.ensure(&Deadline::never(), connect).expect("nobody refuses");
            always("a-new-connection", again != first, || "led back to the one that broke".to_owned());
            ended
        };
        let other = {
            let gate = gate.clone();
            thread::spawn(move || uses(&gate))
        };
        let mine = uses(&gate);
        let both = usize::from(mine) + usize::from(other.join().unwrap());
        let attempts = Arc::into_inner(gate).expect("the last").into_inner();
        format!("{both} report, {attempts} attempts")
    };
    assert_eq!(all_of(together), words(["1 report, 2 attempts"]));
}
