//! What a path names.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use otaria_store::text::comparable;

use super::errors::Refusal;
use crate::access::path::PathParams;
use crate::error::Error;
use crate::service::Service;

/// The path parameters of a request, as what they name.
pub struct PathParts(PathParams);

impl FromRequestParts<Service> for PathParts {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Refusal> {
        Ok(Self(PathParams::of(parts).await.map_err(Error::from)?))
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

    /// The part called `name`, as text that can be looked for.
    pub fn text(&self, name: &'static str) -> String {
        comparable(self.0.text(name))
    }
}
