//! Serial numbers: matching, RFC 1982's order, what they print and what they parse.

use proptest::prelude::*;
use selvedge::serial::{ParseSerialError, ReservedSerial, Serial};
use std::cmp::Ordering;

fn serial(bits: u32) -> Serial {
    Serial::new(bits).expect("not 0")
}

#[test]
fn the_log_line_of_the_incident_is_read() {
    let s: Serial = "-2146566055".parse().unwrap();
    assert_eq!((s.get(), s.signed()), (0x800E_0059, -2146566055));
    assert_eq!(s.to_string(), "2148401241 (0x800E0059)");
    assert_eq!(format!("{s:#x} {s:08X} {s:?}"), "0x800e0059 800E0059 Serial(2148401241 (0x800E0059))");
}

#[test]
fn zero_is_reserved_and_skipped() {
    assert_eq!(Serial::new(0), None);
    assert_eq!(Serial::try_from(0), Err(ReservedSerial));
    assert_eq!(Serial::LAST.next(), Serial::FIRST);
    assert_eq!(Serial::FIRST.next(), serial(2));
}

#[test]
fn half_the_range_apart_there_is_no_order() {
    let (a, b) = (serial(5), serial(5 + (1 << 31)));
    assert_eq!((a.compare(b), b.compare(a)), (None, None));
    assert_eq!(a.compare(serial(5 + (1 << 31) - 1)), Some(Ordering::Less));
    assert_eq!(a.compare(serial(5 + (1 << 31) + 1)), Some(Ordering::Greater));
}

#[test]
fn what_is_no_serial_is_refused_with_the_reason() {
    use ParseSerialError::{Form, Mismatch, Range, Reserved};
    for (text, why) in [
        ("", Form),
        ("-", Form),
        ("+5", Form),
        ("--5", Form),
        ("5 ", Form),
        ("0x", Form),
        ("0xg", Form),
        ("-0x5", Form),
        ("5 (5)", Form),
        ("4294967296", Range),
        ("-2147483649", Range),
        ("0x100000000", Range),
        ("0", Reserved),
        ("-0", Reserved),
        ("0x0", Reserved),
        ("5 (0x00000006)", Mismatch),
    ] {
        assert_eq!(text.parse::<Serial>(), Err(why), "{text:?}");
    }
}

proptest! {
    #[test]
    fn every_form_parses_to_what_it_came_from(bits in 1u32..) {
        let s = serial(bits);
        let signed = if s.signed() < 0 { s.signed().to_string() } else { bits.to_string() };
        for text in [s.to_string(), bits.to_string(), signed, format!("{s:#x}"), format!("0X{s:X}")] {
            prop_assert_eq!(text.parse(), Ok(s));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,24}") {
        if let Ok(s) = text.parse::<Serial>() {
            prop_assert!(s.get() != 0);
        }
    }

    #[test]
    fn the_order_is_antisymmetric_and_survives_the_wrap(bits in 1u32.., steps in 1u32..1000) {
        let a = serial(bits);
        let b = (0..steps).fold(a, |s, _| s.next());
        prop_assert_eq!(a.compare(b), Some(Ordering::Less));
        prop_assert_eq!(b.compare(a), Some(Ordering::Greater));
        prop_assert_eq!(a.compare(a), Some(Ordering::Equal));
    }
}
