//! configData: what a device says about itself.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_wire::ddi::ConfigDataIn;

use super::body::Said;
use super::clients::SentThrough;
use super::errors::{Answer, empty};
use super::unreadable::Heard;
use crate::access::device::Device;
use crate::service::Service;

pub(super) async fn put(
    Device(device): Device,
    SentThrough(client): SentThrough,
    State(service): State<Service>,
    Extension(heard): Extension<Heard>,
    Said(body): Said<ConfigDataIn>,
) -> Answer {
    let lost = service.configure(&device, body, client).await?;
    if !lost.is_nothing() {
        heard.helped(&lost.to_string());
    }
    Ok(empty(StatusCode::OK))
}
