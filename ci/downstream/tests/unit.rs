//! The drop-in for `loom::model` inside ordinary tests.

use downstream::Mailbox;
use selvedge::sync::{Arc, thread};

fn exchange() {
    let mailbox = Arc::new(Mailbox::default());
    let receiver = {
        let mailbox = mailbox.clone();
        thread::spawn(move || mailbox.receive())
    };
    mailbox.send(7);
    if let Some(letter) = receiver.join().unwrap() {
        assert_eq!(letter, 7);
    }
}

#[test]
fn a_letter_is_read_whole() {
    selvedge::model(exchange);
}

/// Two models in one test: each runs in a process that finds its own way to its call.
#[test]
fn two_models_in_one_test() {
    selvedge::model(|| {
        let mailbox = Mailbox::default();
        assert_eq!(mailbox.receive(), None);
    });
    selvedge::model(exchange);
}
