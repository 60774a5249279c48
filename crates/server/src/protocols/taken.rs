//! The bytes that a device takes are signs of life: while it downloads it may ask for nothing else.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http_body_util::BodyExt as _;
use otaria_store::scopes::AuthenticatedDevice;

use crate::access::origin::Place;
use crate::service::Service;

/// How often they are noted at most.
const EVERY: Duration = Duration::from_secs(1);

/// An answer of which the bytes are noted when the device takes them.
pub(super) fn heard_of(
    response: Response,
    device: &AuthenticatedDevice,
    place: &Place,
    service: &Service,
) -> Response {
    let (device, address, service) = (device.scope.clone(), place.origin.address.clone(), service.clone());
    let mut noted = service.clock.now();
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let now = service.clock.now();
            if noted.plus(EVERY) <= now {
                service.sightings.note(&device, now, address.clone());
                noted = now;
            }
            frame
        }))
    })
}
