//! `/v1/partners`

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::fields::Fields;
use otaria_core::{EmailAddress, PartnerId};
use otaria_store::partners::Partner;
use otaria_wire::partner::{ClientSecretIn, ClientSecretOut, PartnerIn, PartnerOut};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::revisions::{IfMatch, IfMatchParam, Tagged, tagged};
use crate::access::people::{Administrating, Owning, Viewing};
use crate::actions::partners::{PartnerDetails, revision};
use crate::error::Error;
use crate::service::Service;

/// First segments of paths that a partner's short name would hide.
const RESERVED: [&str; 14] = [
    "v1", "oauth", "docs", "livez", "readyz", "default", "openapi", "console", "admin", "api", "assets", "metrics",
    "static", "ui",
];

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(get, update)).routes(routes!(replace_secret))
}

fn out(partner: Partner) -> PartnerOut {
    PartnerOut {
        partner_id: partner.partner_id.to_string(),
        name: partner.name,
        short_name: partner.short_name,
        contact_email: partner.contact_email,
        client_id: partner.client_id,
        client_secret: None,
        created_timestamp: partner.created.as_millis(),
    }
}

fn details(body: &PartnerIn) -> Result<PartnerDetails, Error> {
    let mut fields = Fields::new();
    let details = PartnerDetails {
        name: fields.name("name", body.name.as_deref()),
        short_name: body.short_name.clone().filter(|name| !name.is_empty()),
        contact_email: fields.optional_text("contactEmail", body.contact_email.as_deref(), 254),
    };
    if let Some(name) = &details.short_name {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(2..=40).contains(&name.len()) || !name.bytes().all(allowed) {
            fields.refuse("shortName", "must be 2 to 40 characters of a-z 0-9 -");
        } else if RESERVED.contains(&name.as_str()) {
            fields.refuse("shortName", "is a path of the server's own, now or later: choose another one");
        } else if name.parse::<PartnerId>().is_ok() {
            fields.refuse("shortName", "must not look like a partner's id");
        }
    }
    if let Some(Err(error)) = details.contact_email.as_ref().map(|email| email.parse::<EmailAddress>()) {
        fields.refuse("contactEmail", error);
    }
    fields.finish()?;
    Ok(details)
}

/// Creates a partner, as the installation's admin. Its client's secret is shown this once.
#[utoipa::path(
    post, path = "/v1/partners", tag = "Partners", operation_id = "createPartner",
    request_body = PartnerIn,
    responses(
        (status = 201, description = "Created", body = PartnerOut),
        (status = 409, description = "The short name is taken"),
    ),
)]
async fn create(
    Administrating { scope, actor }: Administrating,
    State(service): State<Service>,
    JsonBody(body): JsonBody<PartnerIn>,
) -> Result<(StatusCode, Json<PartnerOut>), Refusal> {
    let (partner, secret) = service.create_partner(scope, actor, details(&body)?).await?;
    let created = PartnerOut { client_secret: Some(secret.into_revealed()), ..out(partner) };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Retrieves a partner, with an ETag of what is said of it now.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}", tag = "Partners", operation_id = "getPartner",
    params(("partnerId" = String, Path, description = "The partner's id")),
    responses((
        status = 200, description = "The partner", body = PartnerOut,
        headers(("ETag" = String, description = "Another one after every change: send it as If-Match")),
    )),
)]
async fn get(Viewing(scope): Viewing, State(service): State<Service>) -> Result<Tagged<PartnerOut>, Refusal> {
    let partner = service.partner(&scope).await?;
    Ok(tagged(&revision(&partner), out(partner)))
}

/// Replaces a partner's name, short name and contact, as an owner. With an If-Match, only what is known is replaced.
#[utoipa::path(
    put, path = "/v1/partners/{partnerId}", tag = "Partners", operation_id = "updatePartner",
    params(("partnerId" = String, Path, description = "The partner's id"), IfMatchParam),
    request_body = PartnerIn,
    responses(
        (status = 200, description = "Updated", body = PartnerOut),
        (status = 409, description = "The short name is taken"),
    ),
)]
async fn update(
    Owning { scope, actor }: Owning,
    State(service): State<Service>,
    IfMatch(replaces): IfMatch,
    JsonBody(body): JsonBody<PartnerIn>,
) -> Result<Json<PartnerOut>, Refusal> {
    Ok(Json(out(service.update_partner(scope, actor, details(&body)?, replaces).await?)))
}

/// The longest time that an old secret may stay valid beside a new one, in seconds: 30 days.
const LONGEST_OVERLAP: i64 = 30 * 24 * 60 * 60;

/// Gives the partner's client a new secret, as an owner. It is shown this once; the old one stays valid for the
/// overlap that the body asks for.
#[utoipa::path(
    post, path = "/v1/partners/{partnerId}/clientSecret", tag = "Partners", operation_id = "replaceClientSecret",
    params(("partnerId" = String, Path, description = "The partner's id")),
    request_body = ClientSecretIn,
    responses((status = 201, description = "Created", body = ClientSecretOut)),
)]
async fn replace_secret(
    Owning { scope, actor }: Owning,
    State(service): State<Service>,
    JsonBody(body): JsonBody<ClientSecretIn>,
) -> Result<(StatusCode, Json<ClientSecretOut>), Refusal> {
    let overlap = body.overlap_seconds.unwrap_or(0);
    let Some(overlap) = u64::try_from(overlap).ok().filter(|_| overlap <= LONGEST_OVERLAP) else {
        return Err(Error::field("overlapSeconds", format_args!("must be 0 to {LONGEST_OVERLAP}")).into());
    };
    let replaced = service.replace_client_secret(scope, actor, Duration::from_secs(overlap)).await?;
    let out = ClientSecretOut {
        client_id: replaced.partner.client_id,
        client_secret: replaced.secret.into_revealed(),
        old_secret_expires_timestamp: replaced.old_until.as_millis(),
    };
    Ok((StatusCode::CREATED, Json(out)))
}
