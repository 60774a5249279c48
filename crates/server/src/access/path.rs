//! The path parameters of a request.

use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::http::request::Parts;

use crate::error::Error;

/// The path parameters of a request, percent-decoded.
pub struct PathParams(RawPathParams);

/// A parameter is no UTF-8. Which one, axum says in its message alone.
#[derive(Debug, thiserror::Error)]
#[error("The path is not valid UTF-8.")]
pub struct NoText(String);

impl PathParams {
    /// Those of this request.
    ///
    /// # Errors
    /// If one of them is no UTF-8.
    pub async fn of(parts: &mut Parts) -> Result<Self, NoText> {
        let params = RawPathParams::from_request_parts(parts, &()).await;
        params.map(Self).map_err(|error| NoText(error.to_string()))
    }

    /// The parameter called `name`; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }
}

impl NoText {
    /// Whether it is the parameter called `name`.
    pub fn is(&self, name: &str) -> bool {
        self.0.contains(&format!("`{name}`"))
    }
}

impl From<NoText> for Error {
    fn from(error: NoText) -> Self {
        Self::Malformed(error.to_string())
    }
}
