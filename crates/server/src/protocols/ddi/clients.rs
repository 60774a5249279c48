//! How clients call themselves.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::actions::updates::Client;

/// The client that sends a request.
pub(super) struct SentThrough(pub(super) Client);

impl<S: Sync> FromRequestParts<S> for SentThrough {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Client::named(parts.headers.get(USER_AGENT).and_then(|name| name.to_str().ok()))))
    }
}
