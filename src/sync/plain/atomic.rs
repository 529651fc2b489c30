//! Atomics of the production form: std's, except that exclusive access goes through [`AtomicU64::with_mut`], so
//! that a checker can see it.

use std::fmt;
use std::sync::atomic as std_atomic;

pub use std::sync::atomic::{Ordering, compiler_fence, fence};

macro_rules! common {
    ([$($bound:tt)*] $name:ty, $std:ty, $value:ty) => {
        impl $($bound)* $name {
            /// A new atomic.
            #[inline]
            pub fn new(value: $value) -> Self {
                Self(<$std>::new(value))
            }
            /// Reads the value. Panics if `order` is `Release` or `AcqRel`.
            #[inline]
            pub fn load(&self, order: Ordering) -> $value {
                self.0.load(order)
            }
            /// Writes the value. Panics if `order` is `Acquire` or `AcqRel`.
            #[inline]
            pub fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, order)
            }
            /// Replaces the value and returns the old one.
            #[inline]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.0.swap(value, order)
            }
            /// Writes `new` if the value is `current`; returns the old value, as `Ok` if it was written.
            #[inline]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange(current, new, success, failure)
            }
            /// As `compare_exchange`, but may fail although the value is `current`.
            #[inline]
            pub fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange_weak(current, new, success, failure)
            }
            /// Applies `update` until the result is written (`Ok(old)`) or it returns `None` (`Err(old)`).
            #[inline]
            pub fn fetch_update(
                &self,
                set_order: Ordering,
                fetch_order: Ordering,
                update: impl FnMut($value) -> Option<$value>,
            ) -> Result<$value, $value> {
                #[allow(deprecated)]
                self.0.fetch_update(set_order, fetch_order, update)
            }
            /// Exclusive access to the value (std's `get_mut`, in a form that a checker can follow).
            #[inline]
            pub fn with_mut<R>(&mut self, f: impl FnOnce(&mut $value) -> R) -> R {
                f(self.0.get_mut())
            }
            /// Consumes the atomic and returns its value.
            #[inline]
            pub fn into_inner(self) -> $value {
                self.0.into_inner()
            }
            /// Reads the value without synchronisation.
            ///
            /// # Safety
            /// No other thread may write the atomic at the same time.
            #[inline]
            pub unsafe fn unsync_load(&self) -> $value {
                // SAFETY: the pointer comes from a live atomic of the same representation; nobody writes it
                // meanwhile, by this function's contract.
                unsafe { *(self.0.as_ptr() as *const $value) }
            }
        }
        impl $($bound)* fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl $($bound)* From<$value> for $name {
            fn from(value: $value) -> Self {
                Self::new(value)
            }
        }
    };
}

macro_rules! fetch {
    ($value:ty: $($method:ident $text:literal),*) => {
        $(
            #[doc = concat!($text, "; returns the old value.")]
            #[inline]
            pub fn $method(&self, value: $value, order: Ordering) -> $value {
                self.0.$method(value, order)
            }
        )*
    };
}

macro_rules! integer {
    ($($name:ident $value:ident),*) => { $(
        #[doc = concat!("An atomic `", stringify!($value), "`.")]
        #[derive(Default)]
        #[repr(transparent)]
        pub struct $name(std_atomic::$name);
        common!([] $name, std_atomic::$name, $value);
        impl $name {
            fetch!($value:
                fetch_add "Adds, wrapping", fetch_sub "Subtracts, wrapping", fetch_and "Bitwise and",
                fetch_nand "Bitwise not-and", fetch_or "Bitwise or", fetch_xor "Bitwise exclusive or",
                fetch_max "Maximum", fetch_min "Minimum");
        }
    )* };
}

integer!(
    AtomicI8 i8, AtomicI16 i16, AtomicI32 i32, AtomicI64 i64, AtomicIsize isize, AtomicU8 u8, AtomicU16 u16,
    AtomicU32 u32, AtomicU64 u64, AtomicUsize usize
);

/// An atomic `bool`.
#[derive(Default)]
#[repr(transparent)]
pub struct AtomicBool(std_atomic::AtomicBool);
common!([] AtomicBool, std_atomic::AtomicBool, bool);
impl AtomicBool {
    fetch!(bool:
        fetch_and "Logical and", fetch_nand "Logical not-and", fetch_or "Logical or",
        fetch_xor "Logical exclusive or");
    /// Negates; returns the old value.
    #[inline]
    pub fn fetch_not(&self, order: Ordering) -> bool {
        self.0.fetch_not(order)
    }
}

/// An atomic raw pointer.
#[repr(transparent)]
pub struct AtomicPtr<T>(std_atomic::AtomicPtr<T>);
common!([<T>] AtomicPtr<T>, std_atomic::AtomicPtr<T>, *mut T);
impl<T> Default for AtomicPtr<T> {
    /// A null pointer.
    fn default() -> Self {
        Self::new(std::ptr::null_mut())
    }
}
impl<T> fmt::Pointer for AtomicPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Pointer::fmt(&self.0, f)
    }
}
