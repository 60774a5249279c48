//! Access and refresh tokens. All tokens that go back to one sign-in form a family, which is revoked as one.

use otaria_core::{PartnerId, Timestamp, UserId};

use crate::scopes::{InstallationScope, OwnPartner};
use crate::sql::{execute, fetch_optional};
use crate::{Error, SecretHash, Tx};

/// Whom a family of tokens speaks for, and through whose client it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The partner whose client asked.
    pub partner_id: PartnerId,
    /// The person; none where the partner's client acts for itself.
    pub user_id: Option<UserId>,
}

/// A token to store.
#[derive(Clone, Copy)]
pub struct NewToken {
    /// Its hash.
    pub hash: SecretHash,
    /// When it stops being valid.
    pub expires: Timestamp,
}

/// Starts a family with its first tokens.
pub async fn start_family(
    tx: &mut Tx,
    _: &InstallationScope,
    family_id: &str,
    holder: Holder,
    access: NewToken,
    refresh: Option<NewToken>,
) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO token_families (family_id, partner_id, user_id, expires_ms) VALUES ($1, $2, $3, $4)",
        family_id,
        holder.partner_id.to_string(),
        holder.user_id.map(|user| user.to_string()),
        refresh.map_or(access.expires, |refresh| refresh.expires.max(access.expires)).as_millis(),
    )?;
    insert(tx, family_id, access, refresh).await
}

async fn insert(tx: &mut Tx, family_id: &str, access: NewToken, refresh: Option<NewToken>) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO access_tokens (token_hash, family_id, expires_ms) VALUES ($1, $2, $3)",
        access.hash.as_slice(),
        family_id,
        access.expires.as_millis(),
    )?;
    if let Some(refresh) = refresh {
        execute!(
            tx,
            "INSERT INTO refresh_tokens (token_hash, family_id, expires_ms) VALUES ($1, $2, $3)",
            refresh.hash.as_slice(),
            family_id,
            refresh.expires.as_millis(),
        )?;
    }
    Ok(())
}

/// What became of a refresh token that was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It was exchanged for new ones.
    Rotated,
    /// It had been used before: a copy is about, so its family is revoked (RFC 9700, section 4.14.2).
    Reused,
    /// It is unknown, expired, revoked, or another client's.
    Invalid,
}

#[derive(sqlx::FromRow)]
struct FamilyRow {
    family_id: String,
    revoked_ms: Option<i64>,
}

/// Exchanges a refresh token of this partner's client for new tokens of the same family.
pub async fn rotate(
    tx: &mut Tx,
    _: &InstallationScope,
    client: PartnerId,
    presented: &SecretHash,
    access: NewToken,
    refresh: NewToken,
    now: Timestamp,
) -> Result<Rotation, Error> {
    // Marking it first locks the row: of two exchanges at once, one finds it used.
    let marked = execute!(
        tx,
        "UPDATE refresh_tokens SET used_ms = $2
         WHERE token_hash = $1 AND used_ms IS NULL AND expires_ms > $2
           AND family_id IN (SELECT family_id FROM token_families WHERE partner_id = $3 AND revoked_ms IS NULL)",
        presented.as_slice(),
        now.as_millis(),
        client.to_string(),
    )?;
    let family: Option<FamilyRow> = fetch_optional!(
        tx,
        "SELECT f.family_id, f.revoked_ms FROM refresh_tokens r
         JOIN token_families f ON f.family_id = r.family_id
         WHERE r.token_hash = $1 AND r.used_ms IS NOT NULL AND f.partner_id = $2",
        presented.as_slice(),
        client.to_string(),
    )?;
    match family {
        Some(family) if marked == 1 => {
            execute!(
                tx,
                "UPDATE token_families SET expires_ms = $2 WHERE family_id = $1",
                &family.family_id,
                refresh.expires.max(access.expires).as_millis(),
            )?;
            insert(tx, &family.family_id, access, Some(refresh)).await?;
            Ok(Rotation::Rotated)
        }
        Some(family) => {
            if family.revoked_ms.is_none() {
                execute!(
                    tx,
                    "UPDATE token_families SET revoked_ms = $2 WHERE family_id = $1",
                    &family.family_id,
                    now.as_millis(),
                )?;
            }
            Ok(Rotation::Reused)
        }
        None => Ok(Rotation::Invalid),
    }
}

/// Revokes the family of an access or refresh token of this partner's client. An unknown token is no error
/// (RFC 7009, section 2.2); whether there was anything to revoke.
pub async fn revoke(
    tx: &mut Tx,
    _: &InstallationScope,
    client: PartnerId,
    presented: &SecretHash,
    now: Timestamp,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "UPDATE token_families SET revoked_ms = $3
         WHERE partner_id = $2 AND revoked_ms IS NULL AND family_id IN
               (SELECT family_id FROM access_tokens WHERE token_hash = $1
                UNION ALL SELECT family_id FROM refresh_tokens WHERE token_hash = $1)",
        presented.as_slice(),
        client.to_string(),
        now.as_millis(),
    )?;
    Ok(touched > 0)
}

/// Which of somebody's sign-ins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIns {
    /// Every one.
    All,
    /// Every one but the one with this family of tokens.
    AllBut(String),
}

/// Ends a person's sign-ins at whatever partner's client.
pub async fn sign_out(
    tx: &mut Tx,
    _: &InstallationScope,
    user: UserId,
    which: &SignIns,
    now: Timestamp,
) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE token_families SET revoked_ms = $3 WHERE user_id = $1 AND revoked_ms IS NULL AND family_id <> $2",
        user.to_string(),
        match which {
            SignIns::All => "",
            SignIns::AllBut(family_id) => family_id,
        },
        now.as_millis(),
    )?;
    Ok(())
}

/// Ends what the partner's client holds for itself.
pub async fn revoke_of_client(tx: &mut Tx, scope: &OwnPartner, now: Timestamp) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE token_families SET revoked_ms = $2
         WHERE partner_id = $1 AND user_id IS NULL AND revoked_ms IS NULL",
        scope.partner_id().to_string(),
        now.as_millis(),
    )?;
    Ok(())
}

/// Forgets access tokens that have expired, and families whose last token has. Refresh tokens stay as long as their
/// family: whoever shows a used one is found out.
pub async fn forget_expired(tx: &mut Tx, _: &InstallationScope, now: Timestamp) -> Result<u64, Error> {
    let tokens = execute!(tx, "DELETE FROM access_tokens WHERE expires_ms <= $1", now.as_millis())?;
    let families = execute!(tx, "DELETE FROM token_families WHERE expires_ms <= $1", now.as_millis())?;
    Ok(tokens + families)
}
