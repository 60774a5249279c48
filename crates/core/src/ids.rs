//! The identifiers of the contract, each a type of its own so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// A text that is not the identifier it was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected}")]
pub struct InvalidId {
    /// What would have been one, as a clause for people.
    pub expected: &'static str,
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID; new ones are version 7, so that they sort by the time they were made.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // One spelling only: 36 characters, with hyphens.
                let uuid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten();
                uuid.map(Self).ok_or(InvalidId { expected: "must be a UUID" })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }
    )*};
}

uuid_ids! {
    /// A partner: the tenant, a company that makes devices.
    PartnerId,
    /// An end customer's account, which owns devices.
    AccountId,
    /// A person who signs in.
    UserId,
    /// A model of device.
    DeviceTypeId,
    /// One delivery of one image to one device.
    PushId,
    /// A token of a gateway, which speaks for a partner's devices.
    GatewayTokenId,
    /// An invitation that nobody has accepted yet. Whoever is new to the installation keeps it as their [`UserId`].
    InvitationId,
}

impl From<InvitationId> for UserId {
    /// Whoever accepts an invitation and is new keeps its id.
    fn from(id: InvitationId) -> Self {
        Self(id.0)
    }
}

macro_rules! record_ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// Wraps the number that the platform gave the record.
            pub const fn from_i64(id: i64) -> Self {
                Self(id)
            }

            /// The number, as stored.
            pub const fn as_i64(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_record_id(text).map(Self).ok_or(InvalidId { expected: "must be a string of decimal digits" })
            }
        }

        impl From<i64> for $name {
            fn from(id: i64) -> Self {
                Self(id)
            }
        }
    )*};
}

record_ids! {
    /// The record of a partner's own firmware type.
    FirmwareTypeId,
    /// A firmware image in a partner's pool.
    ImageId,
    /// The association of an image with a device type: the `firmwareImageId` that a push takes.
    AssociationId,
}

/// Digits only: `+1`, ` 1` and `-1` are numbers to Rust but no ids to anybody.
pub(crate) fn parse_record_id(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// A device's id, given by its maker: 1–128 characters of `[A-Za-z0-9._:-]`, compared as given. `.` and `..` are none:
/// in the path of a URL they mean another place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(String);

impl DeviceId {
    /// The longest id accepted, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeviceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        if (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed) && text != "." && text != ".." {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { expected: "must be 1 to 128 characters of A-Z a-z 0-9 . _ : - other than . and .." })
        }
    }
}

impl TryFrom<String> for DeviceId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_ids_are_digits_only() {
        assert_eq!("12".parse(), Ok(ImageId::from_i64(12)));
        for text in ["", "-1", "+1", " 1", "1 ", "0x1", "99999999999999999999"] {
            assert!(text.parse::<ImageId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn device_ids_hold_what_makers_print_on_labels() {
        for text in ["0123456789abcdef", "AA:BB:CC", "sn_1.2-3", "...", ".a", &"x".repeat(128)] {
            assert!(text.parse::<DeviceId>().is_ok(), "{text:?}");
        }
        for text in ["", "a b", "a/b", ".", "..", "ü", &"x".repeat(129)] {
            assert!(text.parse::<DeviceId>().is_err(), "{text:?}");
        }
    }
}
