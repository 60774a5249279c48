//! What a path names: an action, and a file of it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::errors::Refusal;
use crate::access::path::PathParams;
use crate::error::Error;
use crate::service::Service;

/// The device's number for a push: a positive signed 32-bit integer.
pub(super) struct Action(pub(super) i32);

impl FromRequestParts<Service> for Action {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Refusal> {
        let path = PathParams::of(parts).await.map_err(Error::from)?;
        Ok(Self(number(path.text("actionId"))?))
    }
}

/// The name of a file in the path.
pub(super) struct FileName(pub(super) String);

impl FromRequestParts<Service> for FileName {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Refusal> {
        let path = PathParams::of(parts).await.map_err(Error::from)?;
        Ok(Self(path.text("fileName").to_owned()))
    }
}

/// A number that no push can have is one that the device never had.
fn number(text: &str) -> Result<i32, Error> {
    if let Some(action) = text.parse().ok().filter(|action| *action > 0) {
        return Ok(action);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Err(Error::not_found("action"))
    } else {
        Err(Error::Malformed("the action's id must be an integer".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_positive_and_fit_into_31_bits() {
        assert_eq!(number("2147483647").unwrap(), i32::MAX);
        for unknown in ["0", "-1", "2147483648", "99999999999999999999"] {
            assert!(matches!(number(unknown), Err(Error::NotFound(_))), "{unknown}");
        }
        for wrong in ["", "-", "a", "1a", "1.0"] {
            assert!(matches!(number(wrong), Err(Error::Malformed(_))), "{wrong}");
        }
    }
}
