//! Whoever follows the link that a device was given shows what the device would.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use otaria_store::scopes::{AuthenticatedDevice, LinkedDevice};

use crate::access::device::{Device, DeviceDenied, hear_of};
use crate::access::path::PathParams;
use crate::credentials::links::SignedQuery;
use crate::service::Service;
use crate::settings::ArtifactLinks;

/// The device whose artifact is asked for: it showed its credential, or somebody follows the link that it was given.
pub struct Downloader(pub AuthenticatedDevice);

impl FromRequestParts<Service> for Downloader {
    type Rejection = DeviceDenied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, DeviceDenied> {
        if let Some(device) = holder_of_link(parts, service).await? {
            hear_of(&device, parts, service);
            return Ok(Self(device));
        }
        Device::from_request_parts(parts, service).await.map(|Device(device)| Self(device))
    }
}

/// The device that was given the link which a request follows, if it is good. It opens nothing that the device itself may
/// not have any more.
async fn holder_of_link(parts: &mut Parts, service: &Service) -> Result<Option<AuthenticatedDevice>, DeviceDenied> {
    // A header decides alone. And where links are plain, those from before are not good any more.
    if service.settings.artifact_links == ArtifactLinks::Plain || parts.headers.contains_key(AUTHORIZATION) {
        return Ok(None);
    }
    let Some(signed) = parts.uri.query().and_then(SignedQuery::read) else { return Ok(None) };
    if signed.has_expired(service.clock.now()) {
        return Ok(None);
    }
    let Ok(path) = PathParams::of(parts).await else { return Ok(None) };
    let Ok(device_id) = path.text("controllerId").parse() else { return Ok(None) };
    let found = LinkedDevice::find(&mut service.store.read().await?, path.text("tenant"), &device_id).await?;
    let Some(device) = found else { return Ok(None) };
    let (key, holder) = (service.link_key().await?, device.link_holder());
    let was_given = signed.was_given(key, &holder, path.text("actionId"), path.text("fileName"));
    Ok(was_given.then(|| device.proven()))
}
