//! What a device sent that could not be read as it was: how it is shown, and when it is the same again.

use std::fmt;
use std::str::FromStr;

use crate::ids::InvalidId;

/// How much of a body is kept, in bytes.
pub const EXCERPT: usize = 4096;
/// How many different ones are kept of a device.
pub const KEPT: usize = 10;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It could be guessed what was meant.
    Repaired,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repaired => "repaired",
            Self::Refused => "refused",
        }
    }
}

impl FromStr for Outcome {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let known = [Self::Repaired, Self::Refused].into_iter().find(|outcome| outcome.as_str() == text);
        known.ok_or(InvalidId { expected: "must be repaired or refused" })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The beginning of a body as text. What is no text, and what a console or a database would stumble over, stands
/// there as `\xNN`.
pub fn excerpt(body: &[u8]) -> String {
    let mut shown = String::new();
    let hex =
        |shown: &mut String, bytes: &[u8]| bytes.iter().for_each(|byte| shown.push_str(&format!("\\x{byte:02x}")));
    for chunk in body[..body.len().min(EXCERPT)].utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() && !matches!(character, '\n' | '\r' | '\t') {
                hex(&mut shown, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                shown.push(character);
            }
        }
        hex(&mut shown, chunk.invalid());
    }
    shown
}

/// Whether two texts differ at most in their numbers: what a device says again and again has the time in it, or a
/// counter.
pub fn is_alike(one: &str, other: &str) -> bool {
    words(one).eq(words(other))
}

/// A text with every run of digits as one.
fn words(text: &str) -> impl Iterator<Item = char> {
    let mut in_number = false;
    text.chars().filter_map(move |character| {
        let was_in_number = std::mem::replace(&mut in_number, character.is_ascii_digit());
        match (in_number, was_in_number) {
            (true, true) => None,
            (true, false) => Some('0'),
            (false, _) => Some(character),
        }
    })
}

/// Which of these is missed least, oldest first: the oldest one of those that have most of their kin here, so that what
/// comes in many variants pushes out itself and nothing else. None if there are none.
pub fn missed_least<T>(notes: &[T], is_akin: impl Fn(&T, &T) -> bool) -> Option<usize> {
    let kin = |index: &usize| notes.iter().filter(|other| is_akin(&notes[*index], other)).count();
    (0..notes.len()).rev().max_by_key(kin)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_excerpt_can_be_printed() {
        assert_eq!(excerpt(b"{\"a\":\"b\nc\x00\x7f\xc2\x85\"}\xff"), "{\"a\":\"b\nc\\x00\\x7f\\xc2\\x85\"}\\xff");
        assert_eq!(excerpt(&[b'a'; EXCERPT + 1]).len(), EXCERPT);
        assert_eq!(excerpt("ü".repeat(EXCERPT).as_bytes()).chars().count(), EXCERPT / 2);
    }

    #[test]
    fn only_numbers_may_differ() {
        assert!(is_alike(r#"{"id":31,"time":"20261122T184337"}"#, r#"{"id":7,"time":"20261123T000001"}"#));
        assert!(!is_alike(r#"{"id":31}"#, r#"{"id":}"#));
        assert!(!is_alike("a1b", "a1c") && !is_alike("a", "a1"));
    }

    #[test]
    fn outcomes_are_stored_by_name() {
        for outcome in [Outcome::Repaired, Outcome::Refused] {
            assert_eq!(outcome.to_string().parse(), Ok(outcome));
        }
        assert!("".parse::<Outcome>().is_err());
    }

    #[test]
    fn the_oldest_of_the_most_numerous_is_missed_least() {
        let missed = |notes: &str| missed_least(&notes.chars().collect::<Vec<_>>(), |one, other| one == other);
        for (notes, expected) in
            [("", None), ("abc", Some(0)), ("abb", Some(1)), ("abcbc", Some(1)), ("abccc", Some(2))]
        {
            assert_eq!(missed(notes), expected, "{notes}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_once_stays_as_long_as_there_is_room_for_each_kind(notes in "[a-e]{1,80}") {
            let mut kept: Vec<char> = Vec::new();
            for note in notes.chars() {
                kept.push(note);
                if kept.len() > KEPT {
                    let index = missed_least(&kept, |one, other| one == other).unwrap();
                    kept.remove(index);
                }
            }
            prop_assert!(kept.len() <= KEPT && kept.last() == notes.chars().last().as_ref());
            prop_assert!(notes.chars().all(|note| kept.contains(&note)));
        }

        #[test]
        fn an_excerpt_has_no_control_characters(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(excerpt(&body).chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')));
        }

        #[test]
        fn alike_is_an_equivalence(one in "[0-9a]{0,6}", other in "[0-9a]{0,6}") {
            prop_assert!(is_alike(&one, &one));
            prop_assert_eq!(is_alike(&one, &other), is_alike(&other, &one));
        }
    }
}
