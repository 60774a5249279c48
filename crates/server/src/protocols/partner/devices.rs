//! An account's devices: `/v1/accounts/{accountId}/devices`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use data_encoding::HEXLOWER_PERMISSIVE;
use otaria_core::Timestamp;
use otaria_core::explanation::{is_silent, silent_before};
use otaria_core::fields::Fields;
use otaria_store::devices::Device;
use otaria_wire::partner::{
    AttributeOut, DeviceActionIn, DeviceActionKind, DeviceIn, DeviceOut, DeviceStateOut, DeviceTagOut,
    DeviceVersionOut, FriendlyNameIn, FriendlyNameOut, NotificationLevel,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::lists::Query;
use super::path::PathParts;
use crate::access::people::{ViewingAccount, WritingAccount};
use crate::actions::devices::DeviceDetails;
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(get, disassociate))
        .routes(routes!(rename))
        .routes(routes!(replace_token))
        .routes(routes!(act))
}

/// The longest value of an attribute, in hex digits.
const LONGEST_DATA: usize = 4096;
/// Who looks at a device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Account,
    Partner,
}

/// What a request wants to see of a device.
pub(super) struct Expansions<'q> {
    query: &'q Query,
    view: View,
    silent_before: Timestamp,
}

impl<'q> Expansions<'q> {
    pub(super) fn of(query: &'q Query, view: View, service: &Service) -> Self {
        Self { query, view, silent_before: silent_before(service.clock.now(), service.settings.poll) }
    }

    fn wants(&self, expansion: &str) -> bool {
        self.query.lists("expansions", expansion)
    }

    pub(super) fn out(&self, device: Device) -> DeviceOut {
        DeviceOut {
            device_state: self.wants("state").then(|| self.state(&device)),
            device_tags: self.wants("tags").then(|| tags(&device)),
            attributes: self.wants("attributes").then(|| attributes(&device)),
            versions: (self.view == View::Partner).then(|| versions(&device)),
            last_poll_timestamp: device.last_seen.filter(|_| self.view == View::Partner).map(Timestamp::as_millis),
            last_address: device.last_address.clone().filter(|_| self.view == View::Partner),
            ..plain(device)
        }
    }

    fn state(&self, device: &Device) -> DeviceStateOut {
        let connected = !is_silent(device.last_seen, self.silent_before);
        DeviceStateOut {
            available: connected,
            visible: connected,
            dirty: false,
            rebooted: false,
            connectable: connected,
            connected,
            linked: true,
            rssi: 0,
            location: None,
            updated_timestamp: device.last_seen.unwrap_or(device.created).as_millis(),
        }
    }
}

fn plain(device: Device) -> DeviceOut {
    DeviceOut {
        device_id: device.device_id.to_string(),
        profile_id: None,
        device_type_id: device.device_type_id.to_string(),
        partner_id: device.partner_id.to_string(),
        friendly_name: device.friendly_name,
        r#virtual: false,
        developer_device: false,
        updating: device.updating,
        disconnect_notification_level: NotificationLevel::Low,
        created_timestamp: device.created.as_millis(),
        device_state: None,
        device_tags: None,
        attributes: None,
        versions: None,
        config_data: None,
        last_poll_timestamp: None,
        last_address: None,
        auto_confirm: None,
        waiting: None,
        said: None,
        device_token: None,
    }
}

fn tags(device: &Device) -> Vec<DeviceTagOut> {
    let tags = device.tags.iter().map(|tag| DeviceTagOut {
        device_tag_id: tag.tag_id.clone(),
        device_tag_type: "ACCOUNT".to_owned(),
        value: tag.value.clone(),
        localization_key: None,
    });
    tags.collect()
}

/// The numbered attributes of a device: what it runs, by firmware type.
fn attributes(device: &Device) -> Vec<AttributeOut> {
    let attributes = device.versions.iter().map(|installed| AttributeOut {
        id: installed.firmware_type.version_attribute_id(),
        data: installed.version_number.to_attribute_data(),
        updated_timestamp: installed.updated.as_millis(),
    });
    attributes.collect()
}

fn versions(device: &Device) -> Vec<DeviceVersionOut> {
    let versions = device.versions.iter().map(|installed| DeviceVersionOut {
        r#type: i64::from(installed.firmware_type.number()),
        version_number: installed.version_number.to_string(),
        version: installed.version.clone(),
        updated_timestamp: installed.updated.as_millis(),
    });
    versions.collect()
}

/// Associates a device with an account. Its token, the credential it polls with, is shown this once.
#[utoipa::path(
    post, path = "/v1/accounts/{accountId}/devices", tag = "Devices", operation_id = "createDevice",
    params(("accountId" = String, Path, description = "The account's id")),
    request_body = DeviceIn,
    responses(
        (status = 201, description = "Associated", body = DeviceOut),
        (status = 409, description = "A device of this id is associated already"),
    ),
)]
async fn create(
    WritingAccount { scope, actor }: WritingAccount,
    State(service): State<Service>,
    JsonBody(body): JsonBody<DeviceIn>,
) -> Result<(StatusCode, Json<DeviceOut>), Refusal> {
    let mut fields = Fields::new();
    let device_type = body.device_type_id.unwrap_or_default();
    if device_type.is_empty() {
        fields.refuse("deviceTypeId", "is required");
    }
    let device_id = body.device_id.filter(|id| !id.is_empty());
    let device_id = device_id.and_then(|id| id.parse().map_err(|error| fields.refuse("deviceId", error)).ok());
    let friendly_name = fields.optional_text("friendlyName", body.friendly_name.as_deref(), 255);
    let tags = fields.tags(body.tags.as_deref().unwrap_or_default());
    fields.finish().map_err(Error::from)?;
    let device_type = device_type.parse().map_err(|_| Error::not_found("device type"))?;
    let details = DeviceDetails { device_type, device_id, friendly_name, tags };
    let (device, token) = service.associate_device(scope, actor, details).await?;
    Ok((StatusCode::CREATED, Json(DeviceOut { device_token: Some(token.into_revealed()), ..plain(device) })))
}

/// Retrieves the devices of an account.
#[utoipa::path(
    get, path = "/v1/accounts/{accountId}/devices", tag = "Devices", operation_id = "listDevices",
    params(
        ("accountId" = String, Path, description = "The account's id"),
        ("expansions" = Option<String>, Query, description = "Any of state, tags, attributes, comma-separated"),
    ),
    responses((status = 200, description = "The devices", body = [DeviceOut])),
)]
async fn list(
    ViewingAccount(scope): ViewingAccount,
    State(service): State<Service>,
    query: Query,
) -> Result<Json<Vec<DeviceOut>>, Refusal> {
    let devices = service.devices_of_account(&scope).await?;
    let expansions = Expansions::of(&query, View::Account, &service);
    Ok(Json(devices.into_iter().map(|device| expansions.out(device)).collect()))
}

/// Retrieves a device of an account.
#[utoipa::path(
    get, path = "/v1/accounts/{accountId}/devices/{deviceId}", tag = "Devices", operation_id = "getDevice",
    params(
        ("accountId" = String, Path, description = "The account's id"),
        ("deviceId" = String, Path, description = "The device's id"),
        ("expansions" = Option<String>, Query, description = "Any of state, tags, attributes, comma-separated"),
    ),
    responses((status = 200, description = "The device", body = DeviceOut)),
)]
async fn get(
    ViewingAccount(scope): ViewingAccount,
    State(service): State<Service>,
    path: PathParts,
    query: Query,
) -> Result<Json<DeviceOut>, Refusal> {
    let device = service.device_of_account(&scope, &path.get("deviceId")?).await?;
    Ok(Json(Expansions::of(&query, View::Account, &service).out(device)))
}

/// Disassociates a device from its account. Its credential is refused from now on, and its pushes end.
#[utoipa::path(
    delete, path = "/v1/accounts/{accountId}/devices/{deviceId}", tag = "Devices", operation_id = "deleteDevice",
    params(
        ("accountId" = String, Path, description = "The account's id"),
        ("deviceId" = String, Path, description = "The device's id"),
    ),
    responses((status = 204, description = "Disassociated")),
)]
async fn disassociate(
    WritingAccount { scope, actor }: WritingAccount,
    State(service): State<Service>,
    path: PathParts,
) -> Result<StatusCode, Refusal> {
    service.disassociate_device(scope, actor, path.get("deviceId")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes what a device is called.
#[utoipa::path(
    put, path = "/v1/accounts/{accountId}/devices/{deviceId}/friendlyName", tag = "Devices",
    operation_id = "setFriendlyName",
    params(
        ("accountId" = String, Path, description = "The account's id"),
        ("deviceId" = String, Path, description = "The device's id"),
    ),
    request_body = FriendlyNameIn,
    responses((status = 200, description = "Changed", body = FriendlyNameOut)),
)]
async fn rename(
    WritingAccount { scope, actor }: WritingAccount,
    State(service): State<Service>,
    path: PathParts,
    JsonBody(body): JsonBody<FriendlyNameIn>,
) -> Result<Json<FriendlyNameOut>, Refusal> {
    let device = path.get("deviceId")?;
    let mut fields = Fields::new();
    let friendly_name = fields.name("friendlyName", body.friendly_name.as_deref());
    fields.finish().map_err(Error::from)?;
    service.rename_device(scope, actor, device, friendly_name.clone()).await?;
    Ok(Json(FriendlyNameOut { friendly_name }))
}

/// Gives a device a new token, shown this once; the old one is refused from now on.
#[utoipa::path(
    post, path = "/v1/accounts/{accountId}/devices/{deviceId}/deviceToken", tag = "Devices",
    operation_id = "replaceDeviceToken",
    params(
        ("accountId" = String, Path, description = "The account's id"),
        ("deviceId" = String, Path, description = "The device's id"),
    ),
    responses((status = 201, description = "The device, with its new token", body = DeviceOut)),
)]
async fn replace_token(
    WritingAccount { scope, actor }: WritingAccount,
    State(service): State<Service>,
    path: PathParts,
) -> Result<(StatusCode, Json<DeviceOut>), Refusal> {
    let (device, token) = service.replace_device_token(scope, actor, path.get("deviceId")?).await?;
    Ok((StatusCode::CREATED, Json(DeviceOut { device_token: Some(token.into_revealed()), ..plain(device) })))
}

/// Has a device set or tell an attribute at once. No device here speaks a protocol with a channel for it: a device
/// that polls learns of what is wanted by what it is offered.
#[utoipa::path(
    post, path = "/v1/accounts/{accountId}/devices/{deviceId}/actions", tag = "Devices",
    operation_id = "createDeviceAction",
    params(
        ("accountId" = String, Path, description = "The account's id"),
        ("deviceId" = String, Path, description = "The device's id"),
    ),
    request_body = DeviceActionIn,
    responses((status = 409, description = "The device's protocol has no channel for it")),
)]
async fn act(
    WritingAccount { scope, .. }: WritingAccount,
    State(service): State<Service>,
    path: PathParts,
    JsonBody(body): JsonBody<DeviceActionIn>,
) -> Result<StatusCode, Refusal> {
    let mut fields = Fields::new();
    if body.r#type.is_none() {
        fields.refuse("type", "is required: attribute_write or attribute_read");
    }
    if !body.attr_id.is_some_and(|id| (0..=0xffff).contains(&id)) {
        fields.refuse("attrId", "is required: the attribute's id, 0 to 65535");
    }
    let data = body.data.unwrap_or_default();
    if HEXLOWER_PERMISSIVE.decode(data.as_bytes()).is_err() || data.len() > LONGEST_DATA {
        fields.refuse("data", "must be little-endian hex, at most 4096 digits");
    } else if body.r#type == Some(DeviceActionKind::AttributeWrite) && data.is_empty() {
        fields.refuse("data", "is required with attribute_write: the value in little-endian hex");
    }
    fields.finish().map_err(Error::from)?;
    service.device_of_account(&scope, &path.get("deviceId")?).await?;
    let description = "The device polls (DDI), so nothing can be sent to it at once: push an image instead.";
    Err(Error::conflict("not_supported_by_device", description).into())
}
