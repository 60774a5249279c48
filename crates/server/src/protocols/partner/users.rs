//! `/v1/partners/{partnerId}/users` and `/v1/invitations`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::Timestamp;
use otaria_core::fields::Fields;
use otaria_core::rights::PartnerPrivileges;
use otaria_store::partner_users::{self, PartnerUser};
use otaria_wire::partner::{
    AcceptanceIn, AcceptanceOut, PageOut, PartnerPrivilegesIn, PartnerPrivilegesOut, PartnerUserIn, PartnerUserOut,
    PartnerUserStatus, PartnerUserUpdateIn,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::lists::{PageParams, Query, page_out};
use super::path::PathParts;
use super::revisions::{IfMatch, IfMatchParam, Tagged, tagged};
use crate::access::origin::Place;
use crate::access::people::{Inviting, Owning};
use crate::actions::partner_users::{Acceptance, Invited, revision};
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(invite, list)).routes(routes!(get, update, remove)).routes(routes!(accept))
}

pub(super) const fn privileges_out(privileges: PartnerPrivileges) -> PartnerPrivilegesOut {
    PartnerPrivilegesOut {
        owner: privileges.owner,
        view_device_info: privileges.view_device_info,
        manage_device_profiles: privileges.manage_device_profiles,
        invite_users: privileges.invite_users,
    }
}

fn privileges(fields: &mut Fields, body: Option<PartnerPrivilegesIn>) -> PartnerPrivileges {
    let Some(body) = body else {
        fields.refuse("privileges", "are required: what they may do");
        return PartnerPrivileges::default();
    };
    let privileges = PartnerPrivileges {
        owner: body.owner.unwrap_or(false),
        view_device_info: body.view_device_info.unwrap_or(false),
        manage_device_profiles: body.manage_device_profiles.unwrap_or(false),
        invite_users: body.invite_users.unwrap_or(false),
    };
    // An owner has every right, and whoever looks at the single ones sees it.
    let privileges = if privileges.owner { PartnerPrivileges::OWNER } else { privileges };
    if privileges == PartnerPrivileges::default() {
        fields.refuse("privileges", "must have at least one: somebody without any is removed instead");
    }
    privileges
}

fn out(user: PartnerUser) -> PartnerUserOut {
    PartnerUserOut {
        user_id: user.user_id.to_string(),
        email: user.email,
        first_name: user.first_name,
        last_name: user.last_name,
        status: match user.invited_until {
            Some(_) => PartnerUserStatus::Invited,
            None => PartnerUserStatus::Active,
        },
        privileges: privileges_out(user.privileges),
        created_timestamp: user.created.as_millis(),
        last_used_timestamp: user.last_used.map(Timestamp::as_millis),
        expires_timestamp: user.invited_until.map(Timestamp::as_millis),
        token: None,
    }
}

fn invited_out(invited: Invited) -> PartnerUserOut {
    let Invited { invitation, token } = invited;
    PartnerUserOut {
        user_id: invitation.id.to_string(),
        email: invitation.email,
        first_name: String::new(),
        last_name: String::new(),
        status: PartnerUserStatus::Invited,
        privileges: privileges_out(invitation.privileges),
        created_timestamp: invitation.created.as_millis(),
        last_used_timestamp: None,
        expires_timestamp: Some(invitation.expires.as_millis()),
        token: Some(token.into_revealed()),
    }
}

/// Invites somebody to a partner. The answer has a token to hand over, this once: no mail is sent. Inviting the same
/// address again makes a new token, and the old one ends.
#[utoipa::path(
    post, path = "/v1/partners/{partnerId}/users", tag = "People", operation_id = "inviteUser",
    params(("partnerId" = String, Path, description = "The partner's id")),
    request_body = PartnerUserIn,
    responses(
        (status = 201, description = "Invited", body = PartnerUserOut),
        (status = 409, description = "They are here already"),
    ),
)]
async fn invite(
    Inviting { scope, actor }: Inviting,
    State(service): State<Service>,
    JsonBody(body): JsonBody<PartnerUserIn>,
) -> Result<(StatusCode, Json<PartnerUserOut>), Refusal> {
    let mut fields = Fields::new();
    let email = fields.email("email", body.email.as_deref());
    let privileges = privileges(&mut fields, body.privileges);
    fields.finish().map_err(Error::from)?;
    let invited = service.invite(scope, actor, email, privileges).await?;
    Ok((StatusCode::CREATED, Json(invited_out(invited))))
}

/// Retrieves a page of the partner's people, those invited among them.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/users", tag = "People", operation_id = "listUsers",
    params(("partnerId" = String, Path, description = "The partner's id"), PageParams),
    responses((status = 200, description = "A page", body = PageOut<PartnerUserOut>)),
)]
async fn list(
    Inviting { scope, .. }: Inviting,
    State(service): State<Service>,
    query: Query,
) -> Result<Json<PageOut<PartnerUserOut>>, Refusal> {
    let request = query.only_page(partner_users::SORTABLE)?;
    let page = service.partner_users(&scope, &request).await?;
    Ok(Json(page_out(page, &request, out)))
}

/// Retrieves one of the partner's people, or somebody invited, with an ETag of what they may do now.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/users/{userId}", tag = "People", operation_id = "getUser",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("userId" = String, Path, description = "The person's id, or the invitation's"),
    ),
    responses((
        status = 200, description = "The person", body = PartnerUserOut,
        headers(("ETag" = String, description = "Another one after every change, but not when they sign in: send it as If-Match")),
    )),
)]
async fn get(
    Inviting { scope, .. }: Inviting,
    State(service): State<Service>,
    path: PathParts,
) -> Result<Tagged<PartnerUserOut>, Refusal> {
    let user = service.partner_user(&scope, path.get("userId")?).await?;
    Ok(tagged(&revision(&user), out(user)))
}

/// Replaces what somebody may do at the partner, as an owner. With an If-Match, only what is known is replaced.
#[utoipa::path(
    put, path = "/v1/partners/{partnerId}/users/{userId}", tag = "People", operation_id = "updateUser",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("userId" = String, Path, description = "The person's id, or the invitation's"),
        IfMatchParam,
    ),
    request_body = PartnerUserUpdateIn,
    responses(
        (status = 200, description = "Updated", body = PartnerUserOut),
        (status = 409, description = "They are the last owner"),
    ),
)]
async fn update(
    Owning { scope, actor }: Owning,
    State(service): State<Service>,
    path: PathParts,
    IfMatch(replaces): IfMatch,
    JsonBody(body): JsonBody<PartnerUserUpdateIn>,
) -> Result<Json<PartnerUserOut>, Refusal> {
    let mut fields = Fields::new();
    let privileges = privileges(&mut fields, body.privileges);
    fields.finish().map_err(Error::from)?;
    let updated = service.update_partner_user(scope, actor, path.get("userId")?, privileges, replaces).await?;
    Ok(Json(out(updated)))
}

/// Removes somebody from the partner, or withdraws an invitation, as an owner.
#[utoipa::path(
    delete, path = "/v1/partners/{partnerId}/users/{userId}", tag = "People", operation_id = "removeUser",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("userId" = String, Path, description = "The person's id, or the invitation's"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 409, description = "They are the last owner"),
    ),
)]
async fn remove(
    Owning { scope, actor }: Owning,
    State(service): State<Service>,
    path: PathParts,
) -> Result<StatusCode, Refusal> {
    service.remove_partner_user(scope, actor, path.get("userId")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accepts an invitation. Whoever is new chooses a password; whoever has one here already sends that one.
#[utoipa::path(
    post, path = "/v1/invitations/accept", tag = "People", operation_id = "acceptInvitation",
    request_body = AcceptanceIn,
    responses(
        (status = 200, description = "They are here now", body = AcceptanceOut),
        (status = 404, description = "There is no such invitation (any more)"),
        (status = 409, description = "They are here already"),
        (status = 429, description = "Too many wrong passwords: wait for Retry-After seconds"),
        (status = 507, description = "The storage is full"),
    ),
    security(()),
)]
async fn accept(
    State(service): State<Service>,
    place: Place,
    JsonBody(body): JsonBody<AcceptanceIn>,
) -> Result<Json<AcceptanceOut>, Refusal> {
    let mut fields = Fields::new();
    let acceptance = Acceptance {
        token: fields.required_text("token", body.token.as_deref(), 255),
        password: fields.new_password("password", body.password),
        first_name: fields.optional_text("firstName", body.first_name.as_deref(), 255).unwrap_or_default(),
        last_name: fields.optional_text("lastName", body.last_name.as_deref(), 255).unwrap_or_default(),
    };
    fields.finish().map_err(Error::from)?;
    let accepted = service.accept_invitation(acceptance, place.address, &place.origin).await?;
    Ok(Json(AcceptanceOut {
        user_id: accepted.user_id.to_string(),
        email: accepted.email,
        partner_id: accepted.partner_id.to_string(),
        privileges: privileges_out(accepted.privileges),
    }))
}
