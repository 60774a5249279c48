//! The body of a request: JSON or CBOR, whatever its content type says.

use axum::extract::{FromRequest, Request};
use axum::http::header::EXPECT;
use otaria_wire::ddi::{DeviceBody, read, read_beginning};

use super::errors::Refusal;
use super::unreadable::Heard;
use crate::error::Error;
use crate::protocols::bodies::{self, Taken, announced_size, hear_out};
use crate::service::Service;

/// The largest body taken, in bytes. Of a larger one the beginning may do (device-ddi 3.5, R4 and R5).
const LARGEST: usize = 256 * 1024;

/// What a device says in a body.
pub(super) struct Said<T>(pub(super) T);

impl<T: DeviceBody> FromRequest<Service> for Said<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Refusal> {
        let heard = request.extensions().get::<Heard>().cloned().unwrap_or_default();
        if announced_size(request.headers()).is_some_and(|size| size > LARGEST as u64) && !T::BEGINS_WITH_WORDS {
            // Whoever waits for `100 Continue` sends nothing.
            if !request.headers().contains_key(EXPECT) {
                hear_out(request.into_body());
            }
            return Err(bodies::too_large(LARGEST).into());
        }
        let body = bodies::take(request.into_body(), LARGEST, service.settings.idle, |bytes| heard.bytes(bytes));
        let reading = match body.await? {
            Taken::Whole(body) => read(&body).map_err(|error| Error::Malformed(error.to_string()))?,
            Taken::Beginning(beginning, rest) => {
                hear_out(rest);
                read_beginning(&beginning).map_err(|_| bodies::too_large(LARGEST))?
            }
        };
        if !reading.repairs.is_empty() {
            heard.helped(&reading.repairs.to_string());
        }
        Ok(Self(reading.value))
    }
}
