use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An integer that a client may write as a JSON string or as a JSON number, kept as it was written.
///
/// Whether it is an integer at all, and in range, is for its reader to say: `1.5` arrives here as the text `1.5`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntegerText(pub String);

impl<'de> Deserialize<'de> for IntegerText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumber)
    }
}

struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = IntegerText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, as a number or as a string of decimal digits")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<IntegerText, E> {
        Ok(IntegerText(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<IntegerText, E> {
        Ok(IntegerText(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<IntegerText, E> {
        Ok(IntegerText(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<IntegerText, E> {
        // Debug keeps the point or the exponent, so that no float is taken for an integer.
        Ok(IntegerText(format!("{number:?}")))
    }
}

impl PartialSchema for IntegerText {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).pattern(Some("^[0-9]{1,19}$")))
            .item(ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer)).minimum(Some(0)))
            .description(Some("A non-negative 64-bit integer, as a number or as a string of decimal digits."))
            .into()
    }
}

impl ToSchema for IntegerText {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, String> {
        serde_json::from_str::<IntegerText>(json).map(|text| text.0).map_err(|error| error.to_string())
    }

    #[test]
    fn strings_and_integers_are_kept_as_written() {
        assert_eq!(read(r#""0101""#).unwrap(), "0101");
        assert_eq!(read("101").unwrap(), "101");
        assert_eq!(read("-1").unwrap(), "-1");
        assert_eq!(read("18446744073709551615").unwrap(), "18446744073709551615");
    }

    #[test]
    fn no_float_becomes_an_integer() {
        for json in ["1.5", "5.0", "1e3", "99999999999999999999", "-0.0"] {
            let text = read(json).unwrap();
            assert!(text.parse::<i64>().is_err(), "{json} became {text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for json in ["true", "[]", "{}", "null"] {
            assert!(read(json).is_err(), "{json}");
        }
        assert!(read("true").unwrap_err().contains("expected an integer"));
    }
}
