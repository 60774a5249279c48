//! Direct Device Integration v1, the dialect of Eclipse hawkBit: what most open device clients speak.
//!
//! A push is an action, named by the device's own number for it, and one chunk with one artifact, whose module has the
//! action's number too. Small clients parse these answers: they have a length and members in a stable order, and none
//! but an artifact's is ever a redirect.

mod artifacts;
mod base;
mod body;
mod cancel;
mod clients;
mod config_data;
mod confirmation;
mod deployment;
mod errors;
mod feedback;
mod file_names;
mod formats;
mod installed;
mod links;
mod path;
mod sleep;
mod unreadable;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{any, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::access::device::Device;
use crate::service::Service;

/// The routes of the dialect.
pub fn router() -> Router<Service> {
    let device = Router::new()
        .route("/", get(base::get))
        .route("/deploymentBase/{actionId}", get(deployment::get))
        .route("/deploymentBase/{actionId}/feedback", post(feedback::post))
        .route("/cancelAction/{actionId}", get(cancel::get))
        .route("/cancelAction/{actionId}/feedback", post(cancel::post_feedback))
        .route("/confirmationBase", get(confirmation::get_base))
        .route("/confirmationBase/activateAutoConfirm", post(confirmation::activate))
        .route("/confirmationBase/deactivateAutoConfirm", post(confirmation::deactivate))
        .route("/confirmationBase/{actionId}", get(confirmation::get))
        .route("/confirmationBase/{actionId}/feedback", post(confirmation::post_feedback))
        .route("/installedBase", put(installed::put))
        .route("/installedBase/{actionId}", get(installed::get))
        .route("/configData", put(config_data::put))
        .route("/softwaremodules/{actionId}/artifacts", get(artifacts::list))
        .route("/softwaremodules/{actionId}/artifacts/{fileName}", get(artifacts::get))
        .route("/{*rest}", any(nothing_there))
        .layer(from_fn(unreadable::note));
    Router::new()
        .nest("/{tenant}/controller/v1/{controllerId}", device)
        .route("/{tenant}/controller/v1/{controllerId}/", get(base::get))
        .route("/{tenant}/controller/v1", any(nobody_there))
        .route("/{tenant}/controller/v1/", any(nobody_there))
        .layer(CatchPanicLayer::custom(|_| errors::empty(StatusCode::INTERNAL_SERVER_ERROR)))
}

/// Without a device's id there is nobody to ask for a credential.
async fn nobody_there() -> Response {
    errors::empty(StatusCode::NOT_FOUND)
}

/// The dialect has resources that are not offered here; devices follow links and do not ask for them.
async fn nothing_there(_: Device) -> Response {
    errors::empty(StatusCode::NOT_FOUND)
}
