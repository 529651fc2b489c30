//! The facade's API, natively: the same programs compile and pass in both forms.

mod api;

/// Runs each program a few times on real threads.
#[test]
fn every_method_natively() {
    for (name, program) in api::ALL {
        println!("{name}");
        for _ in 0..20 {
            program();
        }
    }
}

#[test]
fn the_form_is_the_one_that_was_built() {
    let checked = cfg!(any(feature = "check", loom, shuttle));
    assert_eq!(selvedge::sync::CHECKED, checked);
    // Naming calls nothing in production.
    let mut called = false;
    let _ = selvedge::sync::Named::named_with(selvedge::sync::AtomicU32::new(1), || {
        called = true;
        String::new()
    });
    assert!(!called, "named natively: nobody reads the name");
}

/// What production promises about layout: nothing is added.
#[cfg(not(any(feature = "check", loom, shuttle)))]
#[test]
fn production_types_add_nothing() {
    use selvedge::sync::*;
    assert_eq!(size_of::<AtomicU8>(), 1);
    assert_eq!(size_of::<AtomicU64>(), 8);
    assert_eq!(size_of::<AtomicPtr<u8>>(), size_of::<usize>());
    assert_eq!(size_of::<UnsafeCell<[u8; 3]>>(), 3);
    assert_eq!(size_of::<Mutex<u8>>(), 2);
    assert_eq!(size_of::<Condvar>(), size_of::<parking_lot::Condvar>());
    assert_eq!(size_of::<ArcSwap<u8>>(), size_of::<arc_swap::ArcSwap<u8>>());
    assert_eq!(size_of::<Tracked<u8>>(), 1);
    assert_eq!(size_of::<TrackedPtr<u8>>(), size_of::<usize>());
}
