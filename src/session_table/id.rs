//! [`SessionId`]: which slot, and which incarnation of it. Its bits, its text, and what is refused.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// Low bits of an id: the slot.
pub(super) const INDEX_BITS: u32 = 24;
/// High bits of an id: the incarnation. See [`SessionId`] for why so many.
pub(super) const GENERATION_BITS: u32 = u64::BITS - INDEX_BITS;
/// The last generation that an id can carry.
pub(super) const GENERATION_MAX: u64 = (1 << GENERATION_BITS) - 1;

/// Names one session for ever: the index of its slot (24 bits) and the generation of the slot (40 bits, from 1).
///
/// No two sessions of a table ever have the same id, because a generation is used once and a slot whose
/// generations are spent is retired. So an id may travel through a network, a log or a crash dump and come back
/// at any time: it still means that session or none.
///
/// **Why 40 bits.** Free slots are reused last in, first out, so a busy table reuses one slot over and over. At
/// 12 ns for an open and a close, 32 bits of generation would be spent in 52 seconds, 36 bits in 14 minutes,
/// 40 bits in 3.7 hours, each time at the cost of one slot of capacity and of nothing else. 24 bits of index
/// leave room for 16,777,216 slots.
///
/// Ids print as `index v generation` without the blanks, and parse from exactly what they print:
///
/// ```
/// use selvedge::session_table::SessionId;
///
/// let id: SessionId = "17v3".parse()?;
/// assert_eq!((id.index(), id.generation()), (17, 3));
/// assert_eq!(id.to_string(), "17v3");
/// assert_eq!(SessionId::try_from(u64::from(id))?, id);
/// assert!("17v0".parse::<SessionId>().is_err(), "generation 0 is never issued");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SessionId(NonZeroU64);

impl SessionId {
    /// The id of incarnation `generation` of slot `index`; both must be in range.
    #[inline]
    pub(super) fn new(index: u32, generation: u64) -> Self {
        debug_assert!(index >> INDEX_BITS == 0 && (1..=GENERATION_MAX).contains(&generation));
        // A generation of 0 cannot get here; if it did, the id would mean slot 0, generation 1 of nothing.
        let bits = generation << INDEX_BITS | u64::from(index);
        SessionId(NonZeroU64::new(bits).expect("generations start at 1"))
    }

    /// The slot.
    #[inline]
    pub fn index(self) -> u32 {
        (self.0.get() & ((1 << INDEX_BITS) - 1)) as u32
    }

    /// The incarnation of the slot, from 1.
    #[inline]
    pub fn generation(self) -> u64 {
        self.0.get() >> INDEX_BITS
    }

    /// The bits that a wire format carries.
    #[inline]
    pub fn to_bits(self) -> NonZeroU64 {
        self.0
    }
}

impl From<SessionId> for u64 {
    #[inline]
    fn from(id: SessionId) -> u64 {
        id.0.get()
    }
}

impl From<SessionId> for NonZeroU64 {
    #[inline]
    fn from(id: SessionId) -> NonZeroU64 {
        id.0
    }
}

/// The bits carry generation 0, which no table issues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidSessionId {
    /// The refused bits.
    pub bits: u64,
}

impl fmt::Display for InvalidSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x} is not a session id: its generation is 0", self.bits)
    }
}

impl std::error::Error for InvalidSessionId {}

impl TryFrom<u64> for SessionId {
    type Error = InvalidSessionId;

    /// Any bits with a generation are an id, issued or not: the table decides whether it means anything.
    #[inline]
    fn try_from(bits: u64) -> Result<Self, InvalidSessionId> {
        match NonZeroU64::new(bits) {
            Some(nonzero) if bits >> INDEX_BITS != 0 => Ok(SessionId(nonzero)),
            _ => Err(InvalidSessionId { bits }),
        }
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index(), self.generation())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// Why a text is not a [`SessionId`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ParseSessionIdError {
    /// It is not two decimal numbers, without sign or leading zeros, around a `v`.
    Form,
    /// The index does not fit 24 bits.
    Index,
    /// The generation is 0 or does not fit 40 bits.
    Generation,
}

impl fmt::Display for ParseSessionIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseSessionIdError::Form => write!(f, "a session id looks like 17v3: index, v, generation"),
            ParseSessionIdError::Index => {
                write!(f, "the index of a session id is less than {}", 1u32 << INDEX_BITS)
            }
            ParseSessionIdError::Generation => {
                write!(f, "the generation of a session id is between 1 and {GENERATION_MAX}")
            }
        }
    }
}

impl std::error::Error for ParseSessionIdError {}

impl FromStr for SessionId {
    type Err = ParseSessionIdError;

    fn from_str(text: &str) -> Result<Self, ParseSessionIdError> {
        let (index, generation) = text.split_once('v').ok_or(ParseSessionIdError::Form)?;
        let index = canonical(index)?.filter(|i| i >> INDEX_BITS == 0).ok_or(ParseSessionIdError::Index)?;
        let generation = canonical(generation)?
            .filter(|g| (1..=GENERATION_MAX).contains(g))
            .ok_or(ParseSessionIdError::Generation)?;
        Ok(SessionId::new(index as u32, generation))
    }
}

/// A decimal number exactly as `Display` prints it, so that one id has one text. `None`: too large for 64 bits.
fn canonical(digits: &str) -> Result<Option<u64>, ParseSessionIdError> {
    let padded = digits.len() > 1 && digits.starts_with('0');
    if digits.is_empty() || padded || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseSessionIdError::Form);
    }
    Ok(digits.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_optional_id_takes_eight_bytes() {
        assert_eq!(size_of::<Option<SessionId>>(), 8);
    }

    #[test]
    fn texts_that_are_not_ids_are_refused_for_the_right_reason() {
        for text in
            ["", "v", "1", "1v", "v1", "1v2v3", "+1v2", "1v+2", "01v2", "1v02", " 1v2", "1V2", "-1v2", "1v२"]
        {
            assert_eq!(text.parse::<SessionId>(), Err(ParseSessionIdError::Form), "{text:?}");
        }
        assert_eq!("16777216v1".parse::<SessionId>(), Err(ParseSessionIdError::Index));
        assert_eq!("99999999999999999999999v1".parse::<SessionId>(), Err(ParseSessionIdError::Index));
        assert_eq!("0v0".parse::<SessionId>(), Err(ParseSessionIdError::Generation));
        assert_eq!("0v1099511627776".parse::<SessionId>(), Err(ParseSessionIdError::Generation));
        assert_eq!("16777215v1099511627775".parse::<SessionId>().map(u64::from), Ok(u64::MAX));
    }

    proptest! {
        #[test]
        fn every_u64_is_refused_or_comes_back(bits: u64) {
            match SessionId::try_from(bits) {
                Ok(id) => {
                    prop_assert_eq!(u64::from(id), bits);
                    prop_assert_eq!(id.to_string().parse::<SessionId>(), Ok(id));
                    prop_assert_eq!(SessionId::new(id.index(), id.generation()), id);
                }
                Err(e) => {
                    prop_assert_eq!(e, InvalidSessionId { bits });
                    prop_assert!(bits < 1 << INDEX_BITS);
                }
            }
        }

        #[test]
        fn one_id_has_one_text(text in "[0-9+v ]{0,20}") {
            if let Ok(id) = text.parse::<SessionId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn small_bits_carry_no_generation(bits in 0u64..1 << INDEX_BITS) {
            prop_assert_eq!(SessionId::try_from(bits), Err(InvalidSessionId { bits }));
        }
    }
}
