//! The README's model inside an ordinary test, word for word.

use selvedge::sync::{Arc, AtomicU32, Ordering, thread};

#[test]
fn no_increment_is_lost() {
    selvedge::model(|| {
        let n = Arc::new(AtomicU32::new(0));
        let other = {
            let n = n.clone();
            thread::spawn(move || n.fetch_add(1, Ordering::Relaxed))
        };
        n.fetch_add(1, Ordering::Relaxed);
        other.join().unwrap();
        assert_eq!(n.load(Ordering::Relaxed), 2);
    });
}
