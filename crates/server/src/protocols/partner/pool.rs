//! `/v1/ota/partners/{partnerId}/pool` and `/tags`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::fields::Fields;
use otaria_core::{DeviceTypeId, FirmwareType, PartnerId};
use otaria_store::pool::{self, Content, Image};
use otaria_wire::partner::{
    AssociationOut, BooleanValue, IntegerText, PageOut, PoolImageIn, PoolImageOut, PoolImageUpdateIn,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::lists::{PageParams, Query, TagsParam, page_out};
use super::path::PathParts;
use super::revisions::{IfMatch, IfMatchParam, Tagged, tagged};
use crate::access::people::{Managing, Viewing};
use crate::actions::pool::{Associations, ImageFilter, LinkUpdate, Update};
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(list_of_type))
        .routes(routes!(exists))
        .routes(routes!(associations))
        .routes(routes!(get, update))
        .routes(routes!(tags))
}

fn out(service: &Service, image: Image) -> PoolImageOut {
    PoolImageOut {
        id: image.id.to_string(),
        r#type: i64::from(image.firmware_type.number()),
        version_number: image.version_number.to_string(),
        url: service.url(image.partner_id, &image.content.link),
        name: image.content.name,
        description: image.content.description,
        version: image.content.version,
        tags: image.content.tags,
        created_timestamp: image.created.as_millis(),
        updated_timestamp: image.updated.as_millis(),
        partner_id: image.partner_id.to_string(),
        version_attribute_id: None,
    }
}

/// What a client says about an image, checked.
pub(super) struct ImageFields<'b> {
    pub(super) name: &'b Option<String>,
    pub(super) description: &'b Option<String>,
    pub(super) version: &'b Option<String>,
    pub(super) url: &'b Option<String>,
    pub(super) tags: &'b Option<Vec<Option<String>>>,
}

impl ImageFields<'_> {
    pub(super) fn check(&self, service: &Service, partner: PartnerId, fields: &mut Fields) -> Content {
        Content {
            name: fields.name("name", self.name.as_deref()),
            description: fields.description(self.description.as_deref()),
            version: fields.version(self.version.as_deref()),
            link: service.link(partner, fields.url(self.url.as_deref())),
            tags: fields.tags(self.tags.as_deref().unwrap_or_default()),
        }
    }
}

/// The type in a body; where it is none, one that is never used.
pub(super) fn firmware_type(fields: &mut Fields, text: Option<&IntegerText>) -> FirmwareType {
    let found = text.and_then(|text| text.0.parse().ok());
    found.unwrap_or_else(|| {
        fields.refuse("type", "must be a firmware type: an integer from 1 to 200");
        FirmwareType::APPLICATION
    })
}

/// The device types to associate with, by partner. What is no partner's id is refused as one that does not exist
/// would be, and so for a device type.
fn named_associations(named: Option<BTreeMap<String, Option<Vec<String>>>>) -> Result<Associations, Error> {
    let mut associations = Associations::new();
    for (partner, device_types) in named.unwrap_or_default() {
        let partner = partner.parse().map_err(|_| Error::Forbidden)?;
        let device_types = device_types.unwrap_or_default().into_iter();
        let device_types =
            device_types.map(|id| id.parse::<DeviceTypeId>().map_err(|_| Error::not_found("device type")));
        // One partner may be spelt in two ways.
        associations.entry(partner).or_default().extend(device_types.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(associations)
}

/// Creates an image in the firmware pool, and its associations with it: all or nothing.
#[utoipa::path(
    post, path = "/v1/ota/partners/{partnerId}/pool", tag = "Firmware pool", operation_id = "createPoolImage",
    params(("partnerId" = String, Path, description = "The partner's id")),
    request_body = PoolImageIn,
    responses(
        (status = 201, description = "Created", body = PoolImageOut),
        (status = 409, description = "The pool has an image of this type, name and version"),
    ),
)]
async fn create(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    JsonBody(body): JsonBody<PoolImageIn>,
) -> Result<(StatusCode, Json<PoolImageOut>), Refusal> {
    let mut fields = Fields::new();
    let firmware_type = firmware_type(&mut fields, body.r#type.as_ref());
    let PoolImageIn { name, description, version, url, tags, .. } = &body;
    let said = ImageFields { name, description, version, url, tags };
    let content = said.check(&service, scope.partner_id(), &mut fields);
    fields.finish().map_err(Error::from)?;
    let associations = named_associations(body.associations)?;
    let image = service.create_pool_image(scope, actor, firmware_type, content, associations).await?;
    let created = PoolImageOut {
        version_attribute_id: Some(image.firmware_type.version_attribute_id()),
        ..out(&service, image)
    };
    Ok((StatusCode::CREATED, Json(created)))
}

async fn answer_page(
    service: &Service,
    scope: &otaria_store::scopes::ViewPartner,
    firmware_type: Option<FirmwareType>,
    query: &Query,
) -> Result<Json<PageOut<PoolImageOut>>, Refusal> {
    let request = query.only_page(pool::SORTABLE)?;
    let filter = ImageFilter { firmware_type, tags: query.tags() };
    let page = service.pool(scope, &filter, &request).await?;
    Ok(Json(page_out(page, &request, |image| out(service, image))))
}

/// Retrieves a page of the firmware pool.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/pool", tag = "Firmware pool", operation_id = "listPoolImages",
    params(("partnerId" = String, Path, description = "The partner's id"), TagsParam, PageParams),
    responses((status = 200, description = "A page", body = PageOut<PoolImageOut>)),
)]
async fn list(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    query: Query,
) -> Result<Json<PageOut<PoolImageOut>>, Refusal> {
    answer_page(&service, &scope, None, &query).await
}

/// Retrieves a page of the firmware pool's images of one type.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/pool/types/{type}", tag = "Firmware pool",
    operation_id = "listPoolImagesOfType",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("type" = i64, Path, description = "The firmware type"),
        TagsParam, PageParams,
    ),
    responses((status = 200, description = "A page", body = PageOut<PoolImageOut>)),
)]
async fn list_of_type(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
    query: Query,
) -> Result<Json<PageOut<PoolImageOut>>, Refusal> {
    answer_page(&service, &scope, Some(path.get("type")?), &query).await
}

/// Tells whether the pool has an image of this type, name and version.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/pool/types/{type}/names/{name}/versions/{version}/exists",
    tag = "Firmware pool", operation_id = "poolImageExists",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("type" = i64, Path, description = "The firmware type"),
        ("name" = String, Path, description = "The image's name"),
        ("version" = String, Path, description = "The image's version"),
        ("excludeFirmwareImageId" = Option<String>, Query, description = "The id of an image that does not count"),
    ),
    responses((status = 200, description = "Whether there is one", body = BooleanValue)),
)]
async fn exists(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
    query: Query,
) -> Result<Json<BooleanValue>, Refusal> {
    let firmware_type = path.get("type")?;
    let mut fields = Fields::new();
    let except = query.parsed(&mut fields, "excludeFirmwareImageId");
    fields.finish().map_err(Error::from)?;
    let (name, version) = (path.text("name"), path.text("version"));
    let value = service.pool_image_exists(&scope, firmware_type, &name, &version, except).await?;
    Ok(Json(BooleanValue { value }))
}

/// Retrieves the device types that an image is associated with.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/pool/types/{type}/versionNumbers/{versionNumber}/associations",
    tag = "Firmware pool", operation_id = "listPoolImageAssociations",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("type" = i64, Path, description = "The firmware type"),
        ("versionNumber" = String, Path, description = "The image's version number"),
    ),
    responses((status = 200, description = "The associations", body = [AssociationOut])),
)]
async fn associations(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<Json<Vec<AssociationOut>>, Refusal> {
    let found = service.pool_image_associations(&scope, path.get("type")?, path.get("versionNumber")?).await?;
    let associations = found.into_iter().map(|association| AssociationOut {
        name: association.partner_name,
        partner_id: association.partner_id.to_string(),
        email: association.email,
        device_type_id: association.device_type_id.to_string(),
        device_type_name: association.device_type_name,
        firmware_image_id: association.association_id.to_string(),
    });
    Ok(Json(associations.collect()))
}

/// Retrieves an image of the firmware pool, with an ETag of what it says now.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/pool/types/{type}/versionNumbers/{versionNumber}",
    tag = "Firmware pool", operation_id = "getPoolImage",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("type" = i64, Path, description = "The firmware type"),
        ("versionNumber" = String, Path, description = "The image's version number"),
    ),
    responses((
        status = 200, description = "The image", body = PoolImageOut,
        headers(("ETag" = String, description = "Another one after every change: send it as If-Match")),
    )),
)]
async fn get(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<Tagged<PoolImageOut>, Refusal> {
    let image = service.pool_image(&scope, path.get("type")?, path.get("versionNumber")?).await?;
    Ok(tagged(&service.revision(&image), out(&service, image)))
}

/// Replaces what is said about an image; its id, type and version number never change. With an If-Match, only what is
/// known is replaced.
#[utoipa::path(
    put, path = "/v1/ota/partners/{partnerId}/pool/types/{type}/versionNumbers/{versionNumber}",
    tag = "Firmware pool", operation_id = "updatePoolImage",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("type" = i64, Path, description = "The firmware type"),
        ("versionNumber" = String, Path, description = "The image's version number"),
        IfMatchParam,
    ),
    request_body = PoolImageUpdateIn,
    responses(
        (status = 204, description = "Updated"),
        (status = 409, description = "The name and version are taken, or the image was pushed and its binary is fixed"),
    ),
)]
async fn update(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    path: PathParts,
    IfMatch(replaces): IfMatch,
    JsonBody(body): JsonBody<PoolImageUpdateIn>,
) -> Result<StatusCode, Refusal> {
    let (firmware_type, version_number) = (path.get("type")?, path.get("versionNumber")?);
    let mut fields = Fields::new();
    let PoolImageUpdateIn { name, description, version, url, tags } = &body;
    let said = ImageFields { name, description, version, url, tags };
    let content = said.check(&service, scope.partner_id(), &mut fields);
    fields.finish().map_err(Error::from)?;
    let link = if url.is_some() { LinkUpdate::Replace } else { LinkUpdate::Keep };
    let update = Update { content, link, replaces };
    service.update_pool_image(scope, actor, firmware_type, version_number, update).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Retrieves the distinct tags on the partner's images, sorted.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/tags", tag = "Firmware tags", operation_id = "listTags",
    params(("partnerId" = String, Path, description = "The partner's id")),
    responses((status = 200, description = "The tags", body = [String])),
)]
async fn tags(Viewing(scope): Viewing, State(service): State<Service>) -> Result<Json<Vec<String>>, Refusal> {
    Ok(Json(service.tags(&scope).await?))
}
