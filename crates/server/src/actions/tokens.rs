//! Tokens: the three grants of the token endpoint (RFC 6749), rotation, and revocation (RFC 7009).

use std::net::IpAddr;
use std::time::Duration;

use otaria_core::PartnerId;
use otaria_store::scopes::InstallationScope;
use otaria_store::tokens::{self, Holder, NewToken, Rotation};
use otaria_store::{SecretHash, partners, users};

use crate::access::secrets::PlainSecret;
use crate::actions::{Error, GrantRefusal};
use crate::service::Service;

/// Tokens as they are shown, once.
#[derive(Debug)]
pub struct IssuedTokens {
    /// The access token.
    pub access: PlainSecret,
    /// How long it is valid.
    pub expires_in: Duration,
    /// The refresh token, where the grant has one.
    pub refresh: Option<PlainSecret>,
}

/// A pair of fresh tokens.
struct Fresh {
    access: PlainSecret,
    refresh: PlainSecret,
}

impl Fresh {
    fn make() -> Result<Self, Error> {
        Ok(Self { access: PlainSecret::access_token()?, refresh: PlainSecret::refresh_token()? })
    }
}

fn refused(refusal: GrantRefusal, description: &'static str) -> Error {
    Error::Grant { refusal, description }
}

impl Service {
    /// The partner whose client this is.
    ///
    /// # Errors
    /// If there is no such client, or the secret is wrong: both look alike.
    pub async fn authenticate_client(&self, client_id: &str, secret: &str) -> Result<PartnerId, Error> {
        let mut conn = self.store.read().await?;
        let scope = InstallationScope::of_the_process();
        let found = partners::by_client(&mut conn, &scope, client_id, &SecretHash::of(secret)).await?;
        found.ok_or_else(|| {
            refused(GrantRefusal::InvalidClient, "Authenticate by HTTP Basic with the client id and client secret.")
        })
    }

    /// The password grant. An unknown name and a wrong password are answered alike, and take as long.
    ///
    /// # Errors
    /// If the password is wrong, or the account has to wait at this address.
    pub async fn sign_in(
        &self,
        client: PartnerId,
        username: &str,
        password: String,
        address: IpAddr,
    ) -> Result<IssuedTokens, Error> {
        let email = username.trim().to_lowercase();
        let begun = self.throttle.begin(&email, address, self.clock.now());
        begun.map_err(|retry_after| Error::TooMany { retry_after })?;
        let scope = InstallationScope::of_the_process();
        let user = users::by_email(&mut self.store.read().await?, &scope, &email).await?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let right = self.passwords.verify(password, hash).await?;
        let now = self.clock.now();
        match user {
            Some(user) if right => {
                self.throttle.succeeded(&email, address);
                let id = user.user_id;
                self.store
                    .write(move |tx| Box::pin(async move { users::count_success(tx, &scope, id, now).await }))
                    .await?;
                self.issue(Holder { partner_id: client, user_id: Some(id) }).await
            }
            user => {
                if let Some(id) = user.map(|user| user.user_id) {
                    self.store
                        .write(move |tx| Box::pin(async move { users::count_failure(tx, &scope, id).await }))
                        .await?;
                }
                Err(refused(GrantRefusal::InvalidGrant, "The user name or the password is wrong."))
            }
        }
    }

    /// The client credentials grant: the partner itself acts.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sign_in_client(&self, client: PartnerId) -> Result<IssuedTokens, Error> {
        self.issue(Holder { partner_id: client, user_id: None }).await
    }

    async fn issue(&self, holder: Holder) -> Result<IssuedTokens, Error> {
        let fresh = Fresh::make()?;
        let (access, refresh) = self.to_store(&fresh);
        let refresh = holder.user_id.is_some().then_some(refresh);
        let family = uuid::Uuid::now_v7().to_string();
        let scope = InstallationScope::of_the_process();
        self.store
            .write(move |tx| {
                Box::pin(async move { tokens::start_family(tx, &scope, &family, holder, access, refresh).await })
            })
            .await?;
        Ok(IssuedTokens {
            access: fresh.access,
            expires_in: self.settings.access_token,
            refresh: refresh.map(|_| fresh.refresh),
        })
    }

    fn to_store(&self, fresh: &Fresh) -> (NewToken, NewToken) {
        let now = self.clock.now();
        let access = NewToken { hash: fresh.access.hash(), expires: now.plus(self.settings.access_token) };
        let refresh = NewToken { hash: fresh.refresh.hash(), expires: now.plus(self.settings.refresh_token) };
        (access, refresh)
    }

    /// The refresh token grant: new tokens for an old refresh token, which then is used up.
    ///
    /// # Errors
    /// If it is not valid; one that was used before costs its whole family.
    pub async fn refresh(&self, client: PartnerId, presented: &str) -> Result<IssuedTokens, Error> {
        let fresh = Fresh::make()?;
        let (access, refresh) = self.to_store(&fresh);
        let presented = SecretHash::of(presented);
        let scope = InstallationScope::of_the_process();
        let now = self.clock.now();
        let rotated = self.store.write(move |tx| {
            Box::pin(async move { tokens::rotate(tx, &scope, client, &presented, access, refresh, now).await })
        });
        match rotated.await? {
            Rotation::Rotated => Ok(IssuedTokens {
                access: fresh.access,
                expires_in: self.settings.access_token,
                refresh: Some(fresh.refresh),
            }),
            Rotation::Reused | Rotation::Invalid => {
                Err(refused(GrantRefusal::InvalidGrant, "The refresh token is not valid (any more): sign in again."))
            }
        }
    }

    /// Revokes a token, and with it all that go back to the same sign-in. An unknown one is no error.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn revoke(&self, client: PartnerId, presented: &str) -> Result<(), Error> {
        let presented = SecretHash::of(presented);
        let scope = InstallationScope::of_the_process();
        let now = self.clock.now();
        let revoked = self
            .store
            .write(move |tx| Box::pin(async move { tokens::revoke(tx, &scope, client, &presented, now).await }));
        Ok(revoked.await?)
    }
}
