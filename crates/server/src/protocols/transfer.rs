//! stub
use axum::{http::{Method,HeaderMap},response::Response};
use otaria_store::binaries::Binary;
/// stub
pub async fn send(_: &Method, _: &HeaderMap, _: &Binary, _: &crate::Service) -> Result<Response, crate::actions::Error> { Err(crate::actions::Error::TooSlow) }
