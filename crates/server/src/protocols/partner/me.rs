//! `/v1/users/me`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::Timestamp;
use otaria_core::fields::Fields;
use otaria_wire::partner::{
    AccountAccessOut, AccountKind, AccountOut, AccountPrivilegesOut, CredentialKind, CredentialOut, MeOut,
    MyPartnerOut, PartnerAccessOut, PasswordIn,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::users::privileges_out;
use crate::access::origin::Place;
use crate::access::people::SignedIn;
use crate::actions::me::Profile;
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(get)).routes(routes!(change_password)).routes(routes!(sign_out_everywhere))
}

fn out(profile: Profile) -> MeOut {
    let user = profile.user;
    let accounts = profile.accounts.into_iter().map(|access| AccountAccessOut {
        account: AccountOut {
            account_id: access.account_id.to_string(),
            description: access.description,
            r#type: AccountKind::Customer,
            created_timestamp: access.created.as_millis(),
        },
        privileges: AccountPrivilegesOut { owner: access.privileges.owner, can_write: access.privileges.can_write },
    });
    let partners = profile.partners.into_iter().map(|access| PartnerAccessOut {
        partner: MyPartnerOut {
            partner_id: access.partner_id.to_string(),
            name: access.name,
            created_timestamp: access.created.as_millis(),
            client_id: access.client_id,
        },
        privileges: privileges_out(access.privileges),
    });
    MeOut {
        user_id: user.user_id.to_string(),
        first_name: user.first_name,
        last_name: user.last_name,
        credential: CredentialOut {
            credential_id: user.email,
            r#type: CredentialKind::Email,
            verified: true,
            failed_attempts: user.failed_attempts,
            last_used_timestamp: user.last_used.map_or(0, Timestamp::as_millis),
        },
        account_access: accounts.collect(),
        partner_access: partners.collect(),
        tos: Vec::new(),
    }
}

/// Retrieves the signed-in person and what they have access to. A partner's own client is nobody: 403.
#[utoipa::path(
    get, path = "/v1/users/me", tag = "People", operation_id = "getMe",
    responses((status = 200, description = "The person", body = MeOut)),
)]
async fn get(SignedIn { actor, .. }: SignedIn, State(service): State<Service>) -> Result<Json<MeOut>, Refusal> {
    Ok(Json(out(service.me(actor.caller).await?)))
}

/// Changes the password of the signed-in person. Every other sign-in of theirs ends.
#[utoipa::path(
    put, path = "/v1/users/me/password", tag = "People", operation_id = "changePassword",
    request_body = PasswordIn,
    responses(
        (status = 204, description = "Changed"),
        (status = 429, description = "Too many wrong passwords: wait for Retry-After seconds"),
    ),
)]
async fn change_password(
    SignedIn { session, actor }: SignedIn,
    State(service): State<Service>,
    place: Place,
    JsonBody(body): JsonBody<PasswordIn>,
) -> Result<StatusCode, Refusal> {
    let mut fields = Fields::new();
    let current = body.current_password.unwrap_or_default();
    if !(1..=1024).contains(&current.len()) {
        fields.refuse("currentPassword", "is required: the password that you have now");
    }
    let new = fields.new_password("newPassword", body.new_password);
    fields.finish().map_err(Error::from)?;
    service.change_password(session, actor, current, new, place.address, &place.origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends every sign-in of the signed-in person, wherever it is, this one too.
#[utoipa::path(
    post, path = "/v1/users/me/signOut", tag = "People", operation_id = "signOutEverywhere",
    responses((status = 204, description = "Signed out")),
)]
async fn sign_out_everywhere(
    SignedIn { session, actor }: SignedIn,
    State(service): State<Service>,
) -> Result<StatusCode, Refusal> {
    service.sign_out_everywhere(session, actor).await?;
    Ok(StatusCode::NO_CONTENT)
}
