//! Tokens: the three grants of the token endpoint (RFC 6749), rotation, and revocation (RFC 7009).

use std::net::IpAddr;
use std::time::Duration;

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::{EmailAddress, PartnerId};
use otaria_store::audit::{self, Change, Deed, Who};
use otaria_store::scopes::{Caller, InstallationScope};
use otaria_store::tokens::{self, Holder, NewToken, Rotation};
use otaria_store::users::{self, User};
use otaria_store::{SecretHash, partners};

use crate::actions::audit::Origin;
use crate::actions::passwords::PasswordCheck;
use crate::credentials::secrets::PlainSecret;
use crate::error::{Error, GrantRefusal};
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

fn wrong_password() -> Error {
    Error::grant(GrantRefusal::InvalidGrant, "The user name or the password is wrong.")
}

/// Who has shown what it takes to get tokens, through which partner's client.
enum Proven {
    Person(PartnerId, User),
    Client(PartnerId),
}

impl Service {
    /// The partner whose client this is.
    ///
    /// # Errors
    /// If there is no such client, or the secret is wrong: both look alike.
    pub async fn authenticate_client(
        &self,
        client_id: &str,
        secret: &str,
        origin: &Origin,
    ) -> Result<PartnerId, Error> {
        let mut conn = self.store.read().await?;
        let scope = InstallationScope::of_the_process();
        let now = self.clock.now();
        let found = partners::by_client(&mut conn, &scope, client_id, &SecretHash::of(secret), now).await?;
        if let Some(partner) = found {
            return Ok(partner);
        }
        // Whoever tries secrets could fill the log: one entry a while is enough to see them.
        if let Some(partner) = partners::of_client(&mut conn, &scope, client_id).await?
            && self.refusals.is_worth_recording(client_id, "token", now)
        {
            drop(conn);
            let claimed = Who::Claimed(client_id.to_owned());
            let object = (ObjectKind::Partner, partner.to_string());
            self.record_sign_in(partner, origin.actor(claimed), Action::ClientRefused, object).await?;
        }
        Err(Error::unknown_client())
    }

    async fn record_sign_in(
        &self,
        client: PartnerId,
        actor: audit::Actor,
        action: Action,
        (object, id): (ObjectKind, String),
    ) -> Result<(), Error> {
        let deed = Deed::new(self.clock.now(), action, object, id, Change::NONE);
        let recorded = self.store.write(move |tx| {
            Box::pin(async move {
                tx.record(InstallationScope::of_the_process().audit(client), &actor, deed);
                Ok::<_, Error>(())
            })
        });
        recorded.await
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
        origin: &Origin,
    ) -> Result<IssuedTokens, Error> {
        let email = EmailAddress::spelling(username);
        match self.check_password(&email, password, address).await? {
            PasswordCheck::Right(user) => {
                let actor = origin.actor(Who::Person(user.user_id));
                self.issue(Proven::Person(client, user), actor).await
            }
            PasswordCheck::Wrong => {
                let log = InstallationScope::of_the_process().audit(client);
                self.count_wrong_password(log, &email, origin).await?;
                Err(wrong_password())
            }
        }
    }

    /// The client credentials grant: the partner itself acts.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn sign_in_client(&self, client: PartnerId, origin: &Origin) -> Result<IssuedTokens, Error> {
        let actor = origin.actor(Who::Caller(Caller::Client { partner_id: client }));
        self.issue(Proven::Client(client), actor).await
    }

    async fn issue(&self, proven: Proven, actor: audit::Actor) -> Result<IssuedTokens, Error> {
        let fresh = Fresh::make()?;
        let (access, refresh) = self.to_store(&fresh);
        let refresh = matches!(proven, Proven::Person(..)).then_some(refresh);
        let family = uuid::Uuid::now_v7().to_string();
        let scope = InstallationScope::of_the_process();
        let now = self.clock.now();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let (partner_id, user_id, deed) = match proven {
                        Proven::Person(client, User { user_id, password_hash, .. }) => {
                            // It may have been changed since it was looked at, to keep just this one out.
                            if !users::count_success(tx, &scope, user_id, &password_hash, now).await? {
                                return Err(wrong_password());
                            }
                            let deed = Deed::new(now, Action::SignedIn, ObjectKind::User, user_id, Change::NONE);
                            (client, Some(user_id), deed)
                        }
                        Proven::Client(client) => {
                            let action = Action::ClientSignedIn;
                            (client, None, Deed::new(now, action, ObjectKind::Partner, client, Change::NONE))
                        }
                    };
                    let holder = Holder { partner_id, user_id };
                    tokens::start_family(tx, &scope, &family, holder, access, refresh).await?;
                    tx.record(scope.audit(partner_id), &actor, deed);
                    Ok::<_, Error>(())
                })
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
    pub async fn refresh(&self, client: PartnerId, presented: &str, origin: &Origin) -> Result<IssuedTokens, Error> {
        let fresh = Fresh::make()?;
        let (access, refresh) = self.to_store(&fresh);
        let presented = SecretHash::of(presented);
        let scope = InstallationScope::of_the_process();
        let now = self.clock.now();
        let actor = origin.actor(Who::Caller(Caller::Client { partner_id: client }));
        let rotated = self.store.write(move |tx| {
            Box::pin(async move {
                let rotation = tokens::rotate(tx, &scope, client, &presented, access, refresh, now).await?;
                if rotation == Rotation::Reused {
                    let deed = Deed::new(now, Action::TokenReused, ObjectKind::Partner, client, Change::NONE);
                    tx.record(scope.audit(client), &actor, deed);
                }
                Ok::<_, Error>(rotation)
            })
        });
        match rotated.await? {
            Rotation::Rotated => Ok(IssuedTokens {
                access: fresh.access,
                expires_in: self.settings.access_token,
                refresh: Some(fresh.refresh),
            }),
            Rotation::Reused | Rotation::Invalid => Err(Error::grant(
                GrantRefusal::InvalidGrant,
                "The refresh token is not valid (any more): sign in again.",
            )),
        }
    }

    /// Revokes a token, and with it all that go back to the same sign-in. An unknown one is no error.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn revoke(&self, client: PartnerId, presented: &str, origin: &Origin) -> Result<(), Error> {
        let presented = SecretHash::of(presented);
        let scope = InstallationScope::of_the_process();
        let now = self.clock.now();
        let actor = origin.actor(Who::Caller(Caller::Client { partner_id: client }));
        let revoked = self.store.write(move |tx| {
            Box::pin(async move {
                if tokens::revoke(tx, &scope, client, &presented, now).await? {
                    let deed = Deed::new(now, Action::TokenRevoked, ObjectKind::Partner, client, Change::NONE);
                    tx.record(scope.audit(client), &actor, deed);
                }
                Ok::<_, Error>(())
            })
        });
        revoked.await
    }
}
