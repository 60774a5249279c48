//! E-mail addresses: people sign in by them.

use std::fmt;
use std::str::FromStr;

/// The longest address, in bytes (RFC 5321, section 4.5.3.1.3, less the brackets).
const LONGEST: usize = 254;

/// An e-mail address in the one spelling under which somebody is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress(String);

/// A text is no e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address of at most {LONGEST} characters")]
pub struct InvalidEmailAddress;

impl EmailAddress {
    /// The spelling under which somebody of this address would be known: without spaces around it, in lower case.
    pub fn spelling(text: &str) -> String {
        text.trim().to_lowercase()
    }

    /// What stands for an address where there is none.
    pub(crate) const fn of_nobody() -> Self {
        Self(String::new())
    }

    /// The address.
    pub fn into_text(self) -> String {
        self.0
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmailAddress;

    /// Enough of a check to tell an address from other things.
    fn from_str(text: &str) -> Result<Self, InvalidEmailAddress> {
        let text = Self::spelling(text);
        let is_strange =
            |character: char| character.is_whitespace() || character.is_control() || is_invisible(character);
        let has_two_parts = text
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
        if text.len() <= LONGEST && has_two_parts && !text.contains(is_strange) {
            Ok(Self(text))
        } else {
            Err(InvalidEmailAddress)
        }
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters that nobody sees, with which one address can be made to look like another.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ada@example.com")]
    #[case(" Ada@Example.com\n")]
    fn one_person_has_one_spelling(#[case] text: &str) {
        assert_eq!(text.parse::<EmailAddress>().unwrap().into_text(), "ada@example.com");
        assert_eq!(EmailAddress::spelling(text), "ada@example.com");
    }

    #[rstest]
    #[case("")]
    #[case("ada")]
    #[case("@example.com")]
    #[case("ada@")]
    #[case("ada@b@c")]
    #[case("ada lovelace@example.com")]
    #[case("ada\u{200b}@example.com")]
    #[case("ada\0@example.com")]
    fn what_is_none_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<EmailAddress>(), Err(InvalidEmailAddress));
    }

    proptest! {
        #[test]
        fn an_address_is_its_own_spelling(text in "\\PC{0,20}@\\PC{0,20}") {
            if let Ok(address) = text.parse::<EmailAddress>() {
                prop_assert_eq!(EmailAddress::spelling(&address.to_string()), address.to_string());
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
