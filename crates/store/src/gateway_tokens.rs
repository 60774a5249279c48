//! Gateway tokens: one credential for many of a partner's devices (device-ddi 1.2).

use otaria_core::page::{Page, PageRequest};
use otaria_core::{GatewayTokenId, Timestamp};

use crate::lists::{List, fetch_page, list};
use crate::scopes::{ManagePartner, ViewPartner};
use crate::sql::{execute, fetch_optional};
use crate::{Conn, Error, Registers, SecretHash, Tx};

/// A gateway token, without its secret.
#[derive(Clone, Debug)]
pub struct GatewayToken {
    /// Its id.
    pub id: GatewayTokenId,
    /// What it is called.
    pub name: String,
    /// Where it registers devices, if it may.
    pub registers: Option<Registers>,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it is valid; none: until it is deleted.
    pub expires: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    gateway_token_id: String,
    name: String,
    registers_device_type_id: Option<String>,
    registers_account_id: Option<String>,
    created_ms: i64,
    expires_ms: Option<i64>,
}

impl TryFrom<Row> for GatewayToken {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.gateway_token_id.parse()?,
            name: row.name,
            registers: Registers::from_row(row.registers_device_type_id, row.registers_account_id)?,
            created: Timestamp::from_millis(row.created_ms),
            expires: row.expires_ms.map(Timestamp::from_millis),
        })
    }
}

/// What a list of gateway tokens can be sorted on.
pub const SORTABLE: &[&str] = &["id", "name", "createdTimestamp", "expiresTimestamp"];

list!(
    GATEWAY_TOKENS = List {
        select:
            "SELECT gateway_token_id, name, registers_device_type_id, registers_account_id, created_ms, expires_ms
                 FROM gateway_tokens WHERE partner_id = $1",
        count: "SELECT COUNT(*) FROM gateway_tokens WHERE partner_id = $1",
        arguments: 1,
        columns: &[
            ("id", "gateway_token_id"),
            ("name", "name"),
            ("createdTimestamp", "created_ms"),
            ("expiresTimestamp", "expires_ms"),
        ],
        tie: "gateway_token_id",
    }
);

/// Stores a gateway token.
///
/// # Errors
/// [`Error::Dangling`] if the partner has no such device type.
pub async fn insert(
    tx: &mut Tx,
    scope: &ManagePartner,
    token: &GatewayToken,
    secret: &SecretHash,
) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO gateway_tokens (partner_id, gateway_token_id, name, token_hash, registers_device_type_id,
                                     registers_account_id, created_ms, expires_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        scope.partner_id().to_string(),
        token.id.to_string(),
        &token.name,
        secret.as_slice(),
        token.registers.map(|registers| registers.device_type_id.to_string()),
        token.registers.map(|registers| registers.account_id.to_string()),
        token.created.as_millis(),
        token.expires.map(Timestamp::as_millis),
    )?;
    Ok(())
}

/// A page of the partner's gateway tokens.
pub async fn page(conn: &mut Conn, scope: &ViewPartner, request: &PageRequest) -> Result<Page<GatewayToken>, Error> {
    let (rows, total_elements) = fetch_page!(conn, GATEWAY_TOKENS, request, Row, scope.partner_id().to_string())?;
    let content: Result<_, Error> = rows.into_iter().map(GatewayToken::try_from).collect();
    Ok(Page { content: content?, total_elements })
}

/// Deletes a gateway token of the partner, and returns what it was.
pub async fn remove(tx: &mut Tx, scope: &ManagePartner, id: GatewayTokenId) -> Result<Option<GatewayToken>, Error> {
    let row: Option<Row> = fetch_optional!(
        tx,
        "DELETE FROM gateway_tokens WHERE partner_id = $1 AND gateway_token_id = $2
         RETURNING gateway_token_id, name, registers_device_type_id, registers_account_id, created_ms, expires_ms",
        scope.partner_id().to_string(),
        id.to_string(),
    )?;
    row.map(GatewayToken::try_from).transpose()
}
