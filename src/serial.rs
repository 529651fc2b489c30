//! [`Serial`]: the 32-bit number that a request carries and its answer brings back.
//!
//! Serials wrap, so they have no order that `<` could mean; old logs print them signed; and 0 means "none". The type
//! says all of it: equality is for matching, [`Serial::compare`] is RFC 1982's order, 0 cannot be made, and what is
//! printed is unsigned and hexadecimal.
//!
//! ```
//! use selvedge::serial::Serial;
//! use std::cmp::Ordering;
//!
//! // As an old log printed it, signed.
//! let serial: Serial = "-2146566055".parse()?;
//! assert_eq!(serial.get(), 2_148_401_241);
//! assert_eq!(serial.to_string(), "2148401241 (0x800E0059)");
//! assert_eq!("0x800E0059".parse(), Ok(serial));
//!
//! // After the last comes the first: 0 is skipped, and the first is after the last.
//! assert_eq!(Serial::LAST.next(), Serial::FIRST);
//! assert_eq!(Serial::FIRST.compare(Serial::LAST), Some(Ordering::Greater));
//! # Ok::<(), selvedge::serial::ParseSerialError>(())
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// A serial number: any `u32` but 0, which is reserved for "none".
///
/// It is not `Ord`: the order of RFC 1982 is not transitive, and serials that are half the range apart have none.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Serial(NonZeroU32);

impl Serial {
    /// The serial that follows [`Serial::LAST`].
    pub const FIRST: Serial = Serial(NonZeroU32::MIN);
    /// The largest number.
    pub const LAST: Serial = Serial(NonZeroU32::MAX);

    /// The serial with these bits; `None` for 0.
    #[inline]
    pub const fn new(bits: u32) -> Option<Serial> {
        match NonZeroU32::new(bits) {
            Some(bits) => Some(Serial(bits)),
            None => None,
        }
    }

    /// Its bits.
    #[inline]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The number that a log shows which took it for signed.
    #[inline]
    pub const fn signed(self) -> i32 {
        self.get() as i32
    }

    /// The one after it: 0 is skipped.
    #[inline]
    #[must_use]
    pub const fn next(self) -> Serial {
        match Serial::new(self.get().wrapping_add(1)) {
            Some(next) => next,
            None => Serial::FIRST,
        }
    }

    /// RFC 1982, section 3.2, with 32 bits: which of the two was issued first, if they are less than half the range
    /// apart. `None` if they are exactly half the range apart: then nobody can know.
    ///
    /// It tells old from new. It does not tell whether an answer is for a request: only equality does.
    #[inline]
    pub const fn compare(self, other: Serial) -> Option<Ordering> {
        const HALF: u32 = 1 << 31;
        match other.get().wrapping_sub(self.get()) {
            0 => Some(Ordering::Equal),
            HALF => None,
            d if d < HALF => Some(Ordering::Less),
            _ => Some(Ordering::Greater),
        }
    }
}

impl From<Serial> for u32 {
    #[inline]
    fn from(serial: Serial) -> u32 {
        serial.get()
    }
}

/// The number is 0, which is no serial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReservedSerial;

impl fmt::Display for ReservedSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0 is no serial number: it is reserved for \"none\"")
    }
}

impl std::error::Error for ReservedSerial {}

impl TryFrom<u32> for Serial {
    type Error = ReservedSerial;
    #[inline]
    fn try_from(bits: u32) -> Result<Serial, ReservedSerial> {
        Serial::new(bits).ok_or(ReservedSerial)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#010X})", self.get(), self.get())
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl fmt::LowerHex for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.get(), f)
    }
}

impl fmt::UpperHex for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::UpperHex::fmt(&self.get(), f)
    }
}

/// Why a text is not a [`Serial`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ParseSerialError {
    /// It is no decimal number (signed or not), no hexadecimal number after `0x`, and not what a serial prints.
    Form,
    /// It needs more than 32 bits.
    Range,
    /// It is 0.
    Reserved,
    /// The two numbers of the printed form differ.
    Mismatch,
}

impl fmt::Display for ParseSerialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseSerialError::Form => "a serial looks like 2148401241, -2146566055 or 0x800E0059",
            ParseSerialError::Range => "a serial has 32 bits",
            ParseSerialError::Reserved => "0 is no serial number: it is reserved for \"none\"",
            ParseSerialError::Mismatch => "the decimal and the hexadecimal number are not the same serial",
        })
    }
}

impl std::error::Error for ParseSerialError {}

/// Digits of one base, nothing else, as a number of 32 bits.
fn digits(text: &str, radix: u32) -> Result<u32, ParseSerialError> {
    if text.is_empty() || !text.chars().all(|c| c.is_digit(radix)) {
        return Err(ParseSerialError::Form);
    }
    u32::from_str_radix(text, radix).map_err(|_| ParseSerialError::Range)
}

impl FromStr for Serial {
    type Err = ParseSerialError;

    /// Decimal, unsigned or in the signed form of old logs; hexadecimal after `0x`; or what `Display` prints.
    fn from_str(text: &str) -> Result<Serial, ParseSerialError> {
        if let Some((decimal, hex)) = text.strip_suffix(')').and_then(|t| t.split_once(" (")) {
            let hex = hex.strip_prefix("0x").ok_or(ParseSerialError::Form)?;
            let (decimal, hex) = (digits(decimal, 10)?, digits(hex, 16)?);
            let serial = Serial::new(decimal).ok_or(ParseSerialError::Reserved)?;
            return if decimal == hex { Ok(serial) } else { Err(ParseSerialError::Mismatch) };
        }
        let bits = if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            digits(hex, 16)?
        } else if let Some(magnitude) = text.strip_prefix('-') {
            let magnitude = digits(magnitude, 10)?;
            if magnitude > i32::MIN.unsigned_abs() {
                return Err(ParseSerialError::Range);
            }
            magnitude.wrapping_neg()
        } else {
            digits(text, 10)?
        };
        Serial::new(bits).ok_or(ParseSerialError::Reserved)
    }
}

static_assertions::assert_eq_size!(Option<Serial>, u32);
static_assertions::assert_impl_all!(Serial: Send, Sync, Copy);
static_assertions::assert_not_impl_any!(Serial: PartialOrd);
