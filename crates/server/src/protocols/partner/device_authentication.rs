//! `/v1/partners/{partnerId}/deviceAuthentication`

use axum::Json;
use axum::extract::State;
use otaria_core::Timestamp;
use otaria_core::fields::Fields;
use otaria_store::device_authentication::{self, DeviceAuthentication};
use otaria_wire::partner::{CaCertificateOut, DeviceAuthenticationIn, DeviceAuthenticationOut, RevocationListOut};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::registers::Registering;
use crate::access::people::{Managing, Viewing};
use crate::credentials::certificates::Trust;
use crate::error::Error;
use crate::service::Service;

/// The longest bundle, in bytes; revocation lists may be as long as a body.
const LONGEST_BUNDLE: usize = 128 * 1024;
/// How many authorities a proxy may name.
const MOST_AUTHORITIES: usize = 32;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(get, replace))
}

fn out((said, trust): (DeviceAuthentication, Trust)) -> DeviceAuthenticationOut {
    let certificates = trust.authorities().iter().map(|authority| CaCertificateOut {
        subject: authority.subject.clone(),
        sha256: authority.fingerprint.to_string(),
        expires_timestamp: authority.expires().as_millis(),
    });
    let lists = trust.lists().iter().map(|list| RevocationListOut {
        issuer: list.issuer.clone(),
        this_update_timestamp: list.made.as_millis(),
        next_update_timestamp: list.next.as_millis(),
        revoked: i64::try_from(list.revoked).unwrap_or(i64::MAX),
    });
    DeviceAuthenticationOut {
        target_token: said.target_tokens,
        gateway_token: said.gateway_tokens,
        certificate: said.certificates,
        ca_certificates: certificates.collect(),
        ca_bundle: said.trust.ca_bundle,
        revocations: lists.collect(),
        revocation_lists: said.trust.revocation_lists,
        proxy_authorities: said.trust.proxy_authorities,
        may_register: said.registers.is_some(),
        device_type_id: said.registers.map(|registers| registers.device_type_id.to_string()),
        account_id: said.registers.map(|registers| registers.account_id.to_string()),
        updated_timestamp: said.updated.map(Timestamp::as_millis),
    }
}

fn said(body: &DeviceAuthenticationIn) -> Result<DeviceAuthentication, Error> {
    let mut fields = Fields::new();
    let usual = DeviceAuthentication::default();
    let ca_bundle = body.ca_bundle.clone().unwrap_or_default();
    if ca_bundle.len() > LONGEST_BUNDLE {
        fields.refuse("caBundle", format_args!("is too long: at most {LONGEST_BUNDLE} bytes"));
    }
    let proxy_authorities = authorities(&mut fields, body.proxy_authorities.as_deref().unwrap_or_default());
    let certificates = body.certificate.unwrap_or(usual.certificates);
    if certificates && ca_bundle.trim().is_empty() && proxy_authorities.is_empty() {
        fields.refuse("caBundle", "is required with certificate, unless proxyAuthorities has somebody");
    }
    let (device_type, account) = (body.device_type_id.as_deref(), body.account_id.as_deref());
    let registers = Registering::check(&mut fields, body.may_register, device_type, account);
    fields.finish()?;
    let revocation_lists = body.revocation_lists.clone().unwrap_or_default();
    Ok(DeviceAuthentication {
        target_tokens: body.target_token.unwrap_or(usual.target_tokens),
        gateway_tokens: body.gateway_token.unwrap_or(usual.gateway_tokens),
        certificates,
        trust: device_authentication::Trust { ca_bundle, revocation_lists, proxy_authorities },
        registers: registers.registers()?,
        updated: None,
    })
}

fn authorities(fields: &mut Fields, names: &[Option<String>]) -> Vec<String> {
    if names.len() > MOST_AUTHORITIES {
        fields.refuse("proxyAuthorities", format_args!("has too many elements: at most {MOST_AUTHORITIES}"));
        return Vec::new();
    }
    let named = names.iter().enumerate().map(|(index, name)| {
        fields.name(&format!("proxyAuthorities[{index}]"), name.as_deref().map(|name| name.trim_matches(' ')))
    });
    named.collect()
}

/// Retrieves how the partner's devices may prove who they are.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/deviceAuthentication", tag = "Devices",
    operation_id = "getDeviceAuthentication",
    params(("partnerId" = String, Path, description = "The partner's id")),
    responses((status = 200, description = "How they may", body = DeviceAuthenticationOut)),
)]
async fn get(
    Viewing(scope): Viewing,
    State(service): State<Service>,
) -> Result<Json<DeviceAuthenticationOut>, Refusal> {
    Ok(Json(out(service.device_authentication(&scope).await?)))
}

/// Replaces how the partner's devices may prove who they are. What is left out is as if nothing had ever been said about
/// it. It holds from the next request of each device on.
#[utoipa::path(
    put, path = "/v1/partners/{partnerId}/deviceAuthentication", tag = "Devices",
    operation_id = "replaceDeviceAuthentication",
    params(("partnerId" = String, Path, description = "The partner's id")),
    request_body = DeviceAuthenticationIn,
    responses((status = 200, description = "Replaced", body = DeviceAuthenticationOut)),
)]
async fn replace(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    JsonBody(body): JsonBody<DeviceAuthenticationIn>,
) -> Result<Json<DeviceAuthenticationOut>, Refusal> {
    let said = said(&body)?;
    Ok(Json(out(service.replace_device_authentication(scope, actor, said).await?)))
}
