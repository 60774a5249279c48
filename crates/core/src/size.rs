//! What the size of a file means for the devices that are to have it.

use std::fmt;

/// From here on a size does not fit into 31 bits: in bytes.
pub const BEYOND_31_BITS: u64 = 1 << 31;
/// From here on a size does not fit into 32 bits: in bytes.
pub const BEYOND_32_BITS: u64 = 1 << 32;

/// What may go wrong with a file on devices because of its size (device-ddi 2.3, 3.2, R8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeWarning {
    /// Clients that keep sizes in signed 32-bit integers cannot install it.
    Beyond31Bits,
    /// Clients that keep sizes in 32-bit integers cannot even read what they are offered.
    Beyond32Bits,
}

impl SizeWarning {
    /// What there is to say about a file of so many bytes.
    pub const fn of(size: u64) -> Option<Self> {
        match size {
            ..BEYOND_31_BITS => None,
            BEYOND_31_BITS..BEYOND_32_BITS => Some(Self::Beyond31Bits),
            BEYOND_32_BITS.. => Some(Self::Beyond32Bits),
        }
    }
}

impl fmt::Display for SizeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Beyond31Bits => {
                "The file has 2 GiB or more: SWUpdate and other clients read sizes as signed 32-bit integers, and may \
                 fail to install it. Try it on one device first, or split it."
            }
            Self::Beyond32Bits => {
                "The file has 4 GiB or more: clients that read sizes as 32-bit integers, such as SWUpdate and hawkbit-rs, \
                 will not understand that it is offered, nor anything else until its push has ended. Split it, unless \
                 you know that your devices can take it."
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_the_louder() {
        const GIB: u64 = 1024 * 1024 * 1024;
        for (size, expected) in [
            (0, None),
            (2 * GIB - 1, None),
            (2 * GIB, Some(SizeWarning::Beyond31Bits)),
            (4 * GIB - 1, Some(SizeWarning::Beyond31Bits)),
            (4 * GIB, Some(SizeWarning::Beyond32Bits)),
            (u64::MAX, Some(SizeWarning::Beyond32Bits)),
        ] {
            assert_eq!(SizeWarning::of(size), expected, "{size}");
        }
        assert!(SizeWarning::Beyond31Bits.to_string().contains("2 GiB"));
        assert!(SizeWarning::Beyond32Bits.to_string().contains("4 GiB"));
    }
}
