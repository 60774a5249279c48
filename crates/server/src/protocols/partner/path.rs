//! The named parts of a path.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use otaria_store::text::comparable;

use super::errors::Refusal;
use crate::error::Error;
use crate::service::Service;

/// The named parts of the request's path, percent-decoded.
pub struct PathParts(Vec<(String, String)>);

impl FromRequestParts<Service> for PathParts {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        let params = RawPathParams::from_request_parts(parts, service)
            .await
            .map_err(|_| Error::Malformed("The path is not valid UTF-8.".to_owned()))?;
        Ok(Self(params.iter().map(|(name, value)| (name.to_owned(), comparable(value))).collect()))
    }
}

impl PathParts {
    /// The part called `name`. What is not even of its form does not exist either.
    ///
    /// # Errors
    /// If it cannot be one.
    pub fn get<T: FromStr>(&self, name: &'static str) -> Result<T, Error> {
        self.text(name).parse().map_err(|_| Error::NotFound(format!("There is nothing here under this {name}.")))
    }

    /// The part called `name`, as text.
    pub fn text(&self, name: &'static str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }
}
