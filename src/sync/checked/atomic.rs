//! Atomics of the checked form: every width, and pointers, go over the bits of a `u64`.

use super::handle::{Repr, named_by};
use crate::check::event::{Means, ObjectKind, Op, Rmw};
use crate::check::run;
use crate::sync::Shown;
use crate::sync::plain::atomic as plain;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

pub use std::sync::atomic::{Ordering, compiler_fence};

/// A value as the event log sees it: zero-extended bits.
trait Bits: Copy {
    const WIDTH: u8;
    const MEANS: Means;
    fn to_bits(self) -> u64;
    fn from_bits(bits: u64) -> Self;
}

impl Bits for bool {
    const WIDTH: u8 = 1;
    const MEANS: Means = Means::Bool;
    #[inline]
    fn to_bits(self) -> u64 {
        self as u64
    }
    #[inline]
    fn from_bits(bits: u64) -> bool {
        bits & 1 == 1
    }
}

impl<T> Bits for *mut T {
    const WIDTH: u8 = usize::BITS as u8;
    const MEANS: Means = Means::Pointer {
        // No `min` in constants; nobody tags more than seven bits.
        align: if align_of::<T>() < 128 { align_of::<T>() as u8 } else { 128 },
    };
    /// The engines keep addresses, so the pointer's provenance is exposed here and taken up again in
    /// `from_bits`: what is read is a pointer that somebody stored, as with a real atomic.
    #[inline]
    fn to_bits(self) -> u64 {
        self.expose_provenance() as u64
    }
    #[inline]
    fn from_bits(bits: u64) -> *mut T {
        std::ptr::with_exposed_provenance_mut(bits as usize)
    }
}

#[track_caller]
#[inline]
fn check_load(order: Ordering) {
    match order {
        Ordering::Release => panic!("there is no such thing as a release load"),
        Ordering::AcqRel => panic!("there is no such thing as an acquire-release load"),
        _ => {}
    }
}

#[track_caller]
#[inline]
fn check_store(order: Ordering) {
    match order {
        Ordering::Acquire => panic!("there is no such thing as an acquire store"),
        Ordering::AcqRel => panic!("there is no such thing as an acquire-release store"),
        _ => {}
    }
}

macro_rules! common {
    ([$($bound:tt)*] [$($shown:tt)*] $name:ty, $plain:ty, $value:ty) => {
        impl $($bound)* $name {
            /// A new atomic.
            #[inline]
            #[track_caller]
            pub fn new(value: $value) -> Self {
                let kind = ObjectKind::Atomic { width: <$value as Bits>::WIDTH, means: <$value as Bits>::MEANS };
                Self { repr: Repr::new(kind, value.to_bits(), || <$plain>::new(value)) }
            }
            /// Reads the value. Panics if `order` is `Release` or `AcqRel`.
            #[inline]
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                check_load(order);
                match self.repr.get() {
                    Repr::Native(a) => a.load(order),
                    Repr::Modelled(h) => Bits::from_bits(h.perform(Op::Load { obj: h.obj, order }).value),
                }
            }
            /// Writes the value. Panics if `order` is `Acquire` or `AcqRel`.
            #[inline]
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                check_store(order);
                match self.repr.get() {
                    Repr::Native(a) => a.store(value, order),
                    Repr::Modelled(h) => {
                        h.perform(Op::Store { obj: h.obj, order, value: value.to_bits() });
                    }
                }
            }
            /// Replaces the value and returns the old one.
            #[inline]
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                match self.repr.get() {
                    Repr::Native(a) => a.swap(value, order),
                    Repr::Modelled(_) => self.rmw(Rmw::Swap, value, order),
                }
            }
            /// Writes `new` if the value is `current`; returns the old value, as `Ok` if it was written.
            #[inline]
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                match self.repr.get() {
                    Repr::Native(a) => a.compare_exchange(current, new, success, failure),
                    Repr::Modelled(_) => self.cas(current, new, success, failure, false),
                }
            }
            /// As `compare_exchange`, but may fail although the value is `current`.
            #[inline]
            #[track_caller]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                match self.repr.get() {
                    Repr::Native(a) => a.compare_exchange_weak(current, new, success, failure),
                    Repr::Modelled(_) => self.cas(current, new, success, failure, true),
                }
            }
            /// Applies `update` until the result is written (`Ok(old)`) or it returns `None` (`Err(old)`).
            #[track_caller]
            pub fn fetch_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                mut update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                let mut seen = self.load(fetch_order);
                while let Some(new) = update(seen) {
                    match self.compare_exchange_weak(seen, new, set_order, fetch_order) {
                        Ok(old) => return Ok(old),
                        Err(now) => seen = now,
                    }
                }
                Err(seen)
            }
            /// Exclusive access to the value (std's `get_mut`, in a form that a checker can follow).
            #[track_caller]
            pub fn with_mut<R>(&mut self, f: impl FnOnce(&mut $value) -> R) -> R {
                let h = match &mut self.repr {
                    Repr::Native(a) => return a.with_mut(f),
                    Repr::Modelled(h) => *h,
                };
                let mut value = Bits::from_bits(h.perform(Op::PlainLoad { obj: h.obj }).value);
                let result = f(&mut value);
                h.perform(Op::PlainStore { obj: h.obj, value: value.to_bits() });
                result
            }
            /// Consumes the atomic and returns its value.
            #[track_caller]
            pub fn into_inner(self) -> $value {
                match self.repr {
                    Repr::Native(a) => a.into_inner(),
                    Repr::Modelled(h) => Bits::from_bits(h.perform(Op::PlainLoad { obj: h.obj }).value),
                }
            }
            /// Reads the value without synchronisation.
            ///
            /// # Safety
            /// No other thread may write the atomic at the same time. In a model, breaking this is reported as a
            /// data race.
            #[track_caller]
            pub unsafe fn unsync_load(&self) -> $value {
                match self.repr.get() {
                    // SAFETY: this function's contract is the native one's.
                    Repr::Native(a) => unsafe { a.unsync_load() },
                    Repr::Modelled(h) => Bits::from_bits(h.perform(Op::PlainLoad { obj: h.obj }).value),
                }
            }

            #[inline]
            #[track_caller]
            fn rmw(&self, rmw: Rmw, operand: $value, order: Ordering) -> $value {
                let Repr::Modelled(h) = &self.repr else { unreachable!("only for modelled atomics") };
                let (operand, width) = (operand.to_bits(), <$value as Bits>::WIDTH);
                Bits::from_bits(h.perform(Op::Rmw { obj: h.obj, order, rmw, operand, width }).value)
            }

            #[inline]
            #[track_caller]
            fn cas(
                &self,
                expected: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
                weak: bool,
            ) -> Result<$value, $value> {
                check_load(failure);
                let Repr::Modelled(h) = &self.repr else { unreachable!("only for modelled atomics") };
                let (expected, new) = (expected.to_bits(), new.to_bits());
                let done = h.perform(Op::Cas { obj: h.obj, expected, new, success, failure, weak });
                let old = Bits::from_bits(done.value);
                if done.ok { Ok(old) } else { Err(old) }
            }
        }
        impl $($bound)* fmt::Debug for $name {
            /// The value of a native atomic; of a modelled one its id, for looking at it would be an operation.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match &self.repr {
                    Repr::Native(a) => a.fmt(f),
                    Repr::Modelled(h) => h.obj.fmt(f),
                }
            }
        }
        impl $($bound)* From<$value> for $name {
            #[track_caller]
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }
        named_by!(repr: [$($bound)*] $name);
        impl $($shown)* Shown for $name {
            type Value = $value;
            fn shown<S: Into<String>>(self, show: impl Fn(&$value) -> S + Copy + Send + Sync + 'static) -> Self {
                if let Repr::Modelled(h) = &self.repr
                    && let Some(run) = h.run()
                {
                    run.show_word(h.obj, || Arc::new(move |bits| show(&Bits::from_bits(bits)).into()));
                }
                self
            }
        }
    };
}

macro_rules! fetch {
    ($value:ty: $($method:ident $rmw:ident $text:literal),*) => { $(
        #[doc = concat!($text, "; returns the old value.")]
        #[inline]
        #[track_caller]
        pub fn $method(&self, value: $value, order: Ordering) -> $value {
            match self.repr.get() {
                Repr::Native(a) => a.$method(value, order),
                Repr::Modelled(_) => self.rmw(Rmw::$rmw, value, order),
            }
        }
    )* };
}

macro_rules! integer {
    ($($name:ident $value:ident $unsigned:ident $max:ident $min:ident),*) => { $(
        impl Bits for $value {
            const WIDTH: u8 = <$value>::BITS as u8;
            const MEANS: Means = if (<$value>::MIN as i128) < 0 { Means::Signed } else { Means::Unsigned };
            #[inline]
            fn to_bits(self) -> u64 {
                self as $unsigned as u64
            }
            #[inline]
            fn from_bits(bits: u64) -> $value {
                bits as $value
            }
        }
        #[doc = concat!("An atomic `", stringify!($value), "`.")]
        pub struct $name {
            repr: Repr<plain::$name>,
        }
        common!([] [] $name, plain::$name, $value);
        impl $name {
            fetch!($value:
                fetch_add Add "Adds, wrapping", fetch_sub Sub "Subtracts, wrapping", fetch_and And "Bitwise and",
                fetch_nand Nand "Bitwise not-and", fetch_or Or "Bitwise or", fetch_xor Xor "Bitwise exclusive or",
                fetch_max $max "Maximum", fetch_min $min "Minimum");
        }
        impl Default for $name {
            #[track_caller]
            fn default() -> Self {
                Self::new(0)
            }
        }
    )* };
}

integer!(
    AtomicI8 i8 u8 MaxSigned MinSigned,
    AtomicI16 i16 u16 MaxSigned MinSigned,
    AtomicI32 i32 u32 MaxSigned MinSigned,
    AtomicI64 i64 u64 MaxSigned MinSigned,
    AtomicIsize isize usize MaxSigned MinSigned,
    AtomicU8 u8 u8 Max Min,
    AtomicU16 u16 u16 Max Min,
    AtomicU32 u32 u32 Max Min,
    AtomicU64 u64 u64 Max Min,
    AtomicUsize usize usize Max Min
);

/// An atomic `bool`.
pub struct AtomicBool {
    repr: Repr<plain::AtomicBool>,
}
common!([] [] AtomicBool, plain::AtomicBool, bool);
impl AtomicBool {
    fetch!(bool:
        fetch_and And "Logical and", fetch_nand Nand "Logical not-and", fetch_or Or "Logical or",
        fetch_xor Xor "Logical exclusive or");
    /// Negates; returns the old value.
    #[inline]
    #[track_caller]
    pub fn fetch_not(&self, order: Ordering) -> bool {
        self.fetch_xor(true, order)
    }
}
impl Default for AtomicBool {
    #[track_caller]
    fn default() -> Self {
        Self::new(false)
    }
}

/// An atomic raw pointer.
pub struct AtomicPtr<T> {
    repr: Repr<plain::AtomicPtr<T>>,
}
common!([<T>] [<T: 'static>] AtomicPtr<T>, plain::AtomicPtr<T>, *mut T);
impl<T> Default for AtomicPtr<T> {
    /// A null pointer.
    #[track_caller]
    fn default() -> Self {
        Self::new(std::ptr::null_mut())
    }
}
impl<T> fmt::Pointer for AtomicPtr<T> {
    /// As `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repr {
            Repr::Native(a) => fmt::Pointer::fmt(a, f),
            Repr::Modelled(h) => fmt::Debug::fmt(&h.obj, f),
        }
    }
}

/// An atomic fence. Panics if `order` is `Relaxed`.
#[inline]
#[track_caller]
pub fn fence(order: Ordering) {
    if order == Ordering::Relaxed {
        panic!("there is no such thing as a relaxed fence");
    }
    match run::current() {
        Some(run) => {
            run.perform(Op::Fence { order }, Location::caller());
        }
        None => plain::fence(order),
    }
}
