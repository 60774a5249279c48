//! configData: what a device says about itself.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_wire::ddi::{ConfigDataIn, ConfigDataMode};

use super::body::Said;
use super::clients::SentThrough;
use super::errors::{Answer, empty};
use super::unreadable::Heard;
use crate::access::device::Device;
use crate::actions::updates::Mode;
use crate::service::Service;

pub(super) async fn put(
    Device(device): Device,
    SentThrough(client): SentThrough,
    State(service): State<Service>,
    Extension(heard): Extension<Heard>,
    Said(body): Said<ConfigDataIn>,
) -> Answer {
    let remarks = service.configure(&device, meant(body.mode), body.data, client).await?;
    if !remarks.is_empty() {
        heard.helped(&remarks.to_string());
    }
    Ok(empty(StatusCode::OK))
}

const fn meant(mode: Option<ConfigDataMode>) -> Mode {
    match mode {
        None | Some(ConfigDataMode::Merge) => Mode::Merge,
        Some(ConfigDataMode::Replace) => Mode::Replace,
        Some(ConfigDataMode::Remove) => Mode::Remove,
    }
}
