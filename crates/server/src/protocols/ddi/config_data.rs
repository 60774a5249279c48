//! configData: what a device says about itself.

use axum::extract::State;
use axum::http::StatusCode;
use otaria_wire::ddi::ConfigDataIn;

use super::body::Said;
use super::clients::SentThrough;
use super::errors::{Answer, empty};
use crate::access::device::Device;
use crate::service::Service;

pub(super) async fn put(
    Device(device): Device,
    SentThrough(client): SentThrough,
    State(service): State<Service>,
    Said(body): Said<ConfigDataIn>,
) -> Answer {
    service.configure(&device, body, client).await?;
    Ok(empty(StatusCode::OK))
}
