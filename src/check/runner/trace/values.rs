//! The bits of an atomic as people write its value: `-1`, `true`, `null`, `ptr#1`.

use crate::check::event::{Means, ObjectId, ObjectKind, ThreadId};

/// Remembers the addresses it has seen, so that they are numbered in order of appearance: two runs read the same.
#[derive(Default)]
pub(super) struct Values {
    pointers: Vec<u64>,
}

impl Values {
    /// `bits` in words; `Err` where they are the id of a counted allocation, which has a name of its own.
    pub(super) fn word(&mut self, of: Option<ObjectKind>, bits: u64) -> Result<String, ObjectId> {
        let Some(ObjectKind::Atomic { width, means }) = of else { return Ok(self.unsigned(bits)) };
        Ok(match means {
            Means::Bool => (bits & 1 == 1).to_string(),
            Means::Signed => signed(bits, width).to_string(),
            Means::Unsigned => self.unsigned(bits),
            Means::Pointer { .. } if bits == 0 => "null".to_owned(),
            // An `ArcSwap` holds ids, which no address looks like: it is in the upper half, where kernels live.
            Means::Pointer { .. } if bits >> 63 == 1 => {
                return Err(ObjectId::new(ThreadId((bits >> 24) as u8), bits as u32 & 0x00ff_ffff));
            }
            // Sentinels that were never allocated.
            Means::Pointer { .. } if bits < 4096 => format!("{bits:#x}"),
            Means::Pointer { align } => self.pointer(bits, u64::from(align)),
        })
    }

    /// Small values in decimal, packed words in hexadecimal.
    fn unsigned(&mut self, v: u64) -> String {
        // User-space heaps and mappings of 64-bit systems lie in this range; a packed word gets there only with
        // something above 2^46 in it, and is then shown as a pointer that nobody dereferences.
        match v {
            _ if (1 << 46..1 << 48).contains(&v) => self.pointer(v, 8),
            _ if v < 1 << 32 => v.to_string(),
            _ => format!("{v:#x}"),
        }
    }

    /// `ptr#1`, and `ptr#1|3` with a tag in the bits that the alignment leaves free.
    pub(super) fn pointer(&mut self, v: u64, align: u64) -> String {
        let (base, tag) = (v & !(align - 1), v & (align - 1));
        let n = self.pointers.iter().position(|p| *p == base).unwrap_or_else(|| {
            self.pointers.push(base);
            self.pointers.len() - 1
        });
        let tag = if tag == 0 { String::new() } else { format!("|{tag}") };
        format!("ptr#{}{tag}", n + 1)
    }
}

/// Two's complement in so many bits. Always decimal: nobody packs fields into a signed word.
fn signed(bits: u64, width: u8) -> i64 {
    let unused = 64 - u32::from(width);
    ((bits << unused) as i64) >> unused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(width: u8, means: Means, bits: u64) -> Result<String, ObjectId> {
        Values::default().word(Some(ObjectKind::Atomic { width, means }), bits)
    }

    #[test]
    fn values_read_as_in_the_source() {
        for (width, means, bits, says) in [
            (1, Means::Bool, 0, "false"),
            (1, Means::Bool, 1, "true"),
            (8, Means::Signed, 0xff, "-1"),
            (8, Means::Signed, 0x80, "-128"),
            (8, Means::Unsigned, 0xff, "255"),
            (16, Means::Signed, 0x7fff, "32767"),
            (16, Means::Signed, 0x8000, "-32768"),
            (32, Means::Signed, 0xffff_ffff, "-1"),
            (32, Means::Unsigned, 0xffff_ffff, "4294967295"),
            (32, Means::Signed, 0x8000_0000, "-2147483648"),
            (64, Means::Signed, u64::MAX, "-1"),
            (64, Means::Signed, 1 << 63, "-9223372036854775808"),
            (64, Means::Signed, 1 << 40, "1099511627776"),
            (64, Means::Unsigned, u64::MAX, "0xffffffffffffffff"),
            (64, Means::Pointer { align: 8 }, 0, "null"),
            (64, Means::Pointer { align: 8 }, 1, "0x1"),
            (64, Means::Pointer { align: 8 }, 0xaaaa_0000_0003, "ptr#1|3"),
            (64, Means::Pointer { align: 4 }, 0xaaaa_0000_0004, "ptr#1"),
        ] {
            assert_eq!(word(width, means, bits).as_deref(), Ok(says), "{means:?} {width} {bits:#x}");
        }
    }

    /// Whatever range the allocator of this machine uses, an address is an address.
    #[test]
    fn low_addresses_are_numbered_too() {
        assert_eq!(word(64, Means::Pointer { align: 8 }, 0x60_0010).as_deref(), Ok("ptr#1"));
    }

    #[test]
    fn the_id_of_an_allocation_is_an_object() {
        let id = ObjectId::new(ThreadId(2), 5);
        assert_eq!(word(64, Means::Pointer { align: 1 }, 1 << 63 | 2 << 24 | 5), Err(id));
    }
}
