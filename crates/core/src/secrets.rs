//! The form of the secrets of people and pipelines, by which one is known that stands where it does not belong.

use std::borrow::Cow;

/// How an access token begins.
pub const ACCESS_TOKEN: &str = "ota_at_";
/// How a refresh token begins.
pub const REFRESH_TOKEN: &str = "ota_rt_";
/// How the secret of a partner's client begins.
pub const CLIENT_SECRET: &str = "ota_cs_";
/// How the token of an invitation begins.
pub const INVITATION_TOKEN: &str = "ota_in_";

/// How all of them begin.
const ALL: &str = "ota_";
/// How long the random part of each is: 256 bits as unpadded base64url, in characters.
const RANDOM_PART: usize = 43;
/// What is shown where one stood.
const HIDDEN: &str = "ota_…";

/// How many bytes of the beginning of a text have the form of a secret of a person or pipeline.
pub fn issued_at_start(text: &[u8]) -> Option<usize> {
    let prefixes = [ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET, INVITATION_TOKEN];
    let prefix = prefixes.into_iter().find(|prefix| text.starts_with(prefix.as_bytes()))?;
    let random_part = text.get(prefix.len()..prefix.len() + RANDOM_PART)?;
    let is_random = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    random_part.iter().all(is_random).then_some(prefix.len() + RANDOM_PART)
}

/// A text with `ota_…` in the place of each secret of a person or pipeline.
pub fn hidden(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(found) = rest.get(from..).and_then(|rest| rest.find(ALL)) {
        let start = from + found;
        let (before, here) = rest.split_at(start);
        match issued_at_start(here.as_bytes()) {
            Some(length) => {
                shown.push_str(before);
                shown.push_str(HIDDEN);
                rest = here.split_at(length).1;
                from = 0;
            }
            None => from = start + ALL.len(),
        }
    }
    if shown.is_empty() {
        return Cow::Borrowed(text);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_secret_is_hidden_wherever_it_stands(
            before in "[^o]{0,9}", kind in "at|rt|cs|in", random in "[A-Za-z0-9_-]{43}", after in "[^o]{0,9}",
        ) {
            let secret = format!("ota_{kind}_{random}");
            let text = format!("{before}{secret}{after} ota_{secret}");
            prop_assert_eq!(hidden(&text), format!("{before}ota_…{after} ota_ota_…"));
        }

        // Too short to be one.
        #[test]
        fn what_is_no_secret_stays(text in "(ota_(at_)?|[a-zü_]){0,7}") {
            prop_assert_eq!(hidden(&text), text.as_str());
        }
    }
}
