//! The partner API: `/oauth`, `/v1`, and what stands beside them for people and their tools.
//!
//! One file a noun, each with its handlers and its `routes`; `document` gathers them into the OpenAPI document.

mod accept;
mod accounts;
mod audit_log;
mod binaries;
mod body;
mod device_authentication;
mod device_types;
mod devices;
mod document;
mod errors;
mod events;
mod firmware_images;
mod firmware_types;
mod fleet;
mod gateway_tokens;
mod health;
mod lists;
mod me;
mod oauth;
mod partners;
mod path;
mod policies;
mod pool;
mod pushes;
mod refusals;
mod registers;
mod revisions;
mod text;
mod unreadable;
mod users;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::clock::Clock;
use crate::service::Service;

pub use document::document;
pub use errors::{fallback, render};

/// Every documented route.
fn documented() -> OpenApiRouter<Service> {
    document::base()
        .merge(oauth::routes())
        .merge(me::routes())
        .merge(firmware_types::routes())
        .merge(pool::routes())
        .merge(binaries::routes())
        .merge(firmware_images::routes())
        .merge(pushes::routes())
        .merge(events::routes())
        .merge(partners::routes())
        .merge(users::routes())
        .merge(audit_log::routes())
        .merge(device_types::routes())
        .merge(accounts::routes())
        .merge(devices::routes())
        .merge(fleet::routes())
        .merge(unreadable::routes())
        .merge(gateway_tokens::routes())
        .merge(device_authentication::routes())
        .merge(health::routes())
}

/// The partner API, with what every request to it goes through, outermost first: the request's id and the one error
/// body, panics, whether the client takes what is answered, and the record of who was refused.
pub fn router(clock: Clock) -> Router<Service> {
    let (router, _) = documented().split_for_parts();
    router
        .merge(document::pages())
        .layer(from_fn(refusals::record))
        .layer(from_fn(accept::require_json))
        .layer(CatchPanicLayer::custom(errors::panicked))
        .layer(from_fn_with_state(clock, render))
        .layer(DefaultBodyLimit::disable())
}
