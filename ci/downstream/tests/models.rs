//! The five lines of glue, and a catalogue of one model.

use downstream::Mailbox;
use selvedge::check::{Catalogue, Model, Variant, always};
use selvedge::sync::{Arc, thread};

fn main() -> std::process::ExitCode {
    selvedge::check::test_main(catalogue())
}

fn catalogue() -> Catalogue {
    let mailbox = Model::new("mailbox", "a letter is read whole or not at all")
        .always("whole", "what is received was sent")
        .variant(Variant::fixed("mailbox", || {
            let mailbox = Arc::new(Mailbox::default());
            let sender = {
                let mailbox = mailbox.clone();
                thread::spawn(move || mailbox.send(7))
            };
            let letter = mailbox.receive();
            sender.join().unwrap();
            always("whole", letter.is_none_or(|l| l == 7), || format!("received {letter:?}"));
            if letter.is_some() { "received" } else { "too early" }
        }));
    Catalogue::new().model(mailbox)
}
