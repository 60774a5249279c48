//! `/v1/users/me`

use axum::Json;
use axum::extract::State;
use otaria_core::Timestamp;
use otaria_wire::partner::{
    AccountAccessOut, AccountKind, AccountOut, AccountPrivilegesOut, CredentialKind, CredentialOut, MeOut,
    MyPartnerOut, PartnerAccessOut, PartnerPrivilegesOut,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::errors::Refusal;
use crate::access::people::SignedIn;
use crate::actions::me::Profile;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(get))
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
        privileges: PartnerPrivilegesOut {
            owner: access.privileges.owner,
            view_device_info: access.privileges.view_device_info,
            manage_device_profiles: access.privileges.manage_device_profiles,
            invite_users: access.privileges.invite_users,
        },
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
async fn get(SignedIn(caller): SignedIn, State(service): State<Service>) -> Result<Json<MeOut>, Refusal> {
    Ok(Json(out(service.me(caller).await?)))
}
