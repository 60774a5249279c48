//! `/v1/accounts`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::fields::Fields;
use otaria_store::accounts::Account;
use otaria_wire::partner::{AccountIn, AccountKind, AccountOut};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use crate::access::people::{SignedIn, ViewingAccount};
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(get))
}

fn out(account: Account) -> AccountOut {
    AccountOut {
        account_id: account.account_id.to_string(),
        description: account.description,
        r#type: AccountKind::Customer,
        created_timestamp: account.created.as_millis(),
    }
}

/// Creates an account for a partner, whose people can then write to it.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "Accounts", operation_id = "createAccount",
    request_body = AccountIn,
    responses((status = 201, description = "Created", body = AccountOut)),
)]
async fn create(
    SignedIn { actor, .. }: SignedIn,
    State(service): State<Service>,
    JsonBody(body): JsonBody<AccountIn>,
) -> Result<(StatusCode, Json<AccountOut>), Refusal> {
    let mut fields = Fields::new();
    let description = fields.required_text("description", body.description.as_deref(), 500);
    let partner = body.partner_id.unwrap_or_default();
    if partner.is_empty() {
        fields.refuse("partnerId", "is required: the id of the partner that makes the account");
    }
    fields.finish().map_err(Error::from)?;
    let partner = partner.parse().map_err(|_| Error::Forbidden)?;
    let account = service.create_account(actor, partner, description).await?;
    Ok((StatusCode::CREATED, Json(out(account))))
}

/// Retrieves an account.
#[utoipa::path(
    get, path = "/v1/accounts/{accountId}", tag = "Accounts", operation_id = "getAccount",
    params(("accountId" = String, Path, description = "The account's id")),
    responses((status = 200, description = "The account", body = AccountOut)),
)]
async fn get(
    ViewingAccount(scope): ViewingAccount,
    State(service): State<Service>,
) -> Result<Json<AccountOut>, Refusal> {
    Ok(Json(out(service.account(&scope).await?)))
}
