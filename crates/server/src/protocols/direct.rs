//! Direct download: the device asks for its image, and gets it or hears that there is none. This is how the update
//! libraries of the ESP8266 and the ESP32 ask (`ESP8266httpUpdate`, `HTTPUpdate`), and how a maker's own boot loader can.
//!
//! There is nothing but the question. What the device runs is read from it, and a push has succeeded when that is the
//! image that it delivers. These clients take an image from 200 with its length, never in chunks and without a
//! redirect; 304 is "nothing new" to them, and everything else a failure after which they ask again.

mod asker;
mod errors;
mod image;
mod said;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, get};
use tower_http::catch_panic::CatchPanicLayer;

use crate::service::Service;

/// The routes of the dialect.
pub fn router() -> Router<Service> {
    let device = Router::new().route("/types/{type}", get(image::get)).route("/{*rest}", any(errors::nothing_there));
    Router::new()
        .nest("/{tenant}/direct/v1/{deviceId}", device)
        .layer(CatchPanicLayer::custom(|_| errors::empty(StatusCode::INTERNAL_SERVER_ERROR)))
}
