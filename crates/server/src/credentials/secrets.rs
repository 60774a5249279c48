//! Secrets: made from the system's random numbers, shown once, stored hashed.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use otaria_core::secrets::{ACCESS_TOKEN, CLIENT_SECRET, INVITATION_TOKEN, REFRESH_TOKEN};
use otaria_store::SecretHash;

use crate::error::Error;

/// A secret in plain text. It is shown to its owner once and never logged.
pub struct PlainSecret(String);

impl PlainSecret {
    /// An access token: a readable prefix and 256 random bits.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn access_token() -> Result<Self, Error> {
        Self::prefixed(ACCESS_TOKEN)
    }

    /// A refresh token: a readable prefix and 256 random bits.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn refresh_token() -> Result<Self, Error> {
        Self::prefixed(REFRESH_TOKEN)
    }

    /// A client secret: a readable prefix and 256 random bits.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn client_secret() -> Result<Self, Error> {
        Self::prefixed(CLIENT_SECRET)
    }

    /// A device's token: 32 lower-case hex digits, because small clients have small buffers (device-ddi 1.2).
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn device_token() -> Result<Self, Error> {
        Ok(Self(HEXLOWER.encode(&random::<16>()?)))
    }

    /// An invitation's token: a readable prefix and 256 random bits.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn invitation_token() -> Result<Self, Error> {
        Self::prefixed(INVITATION_TOKEN)
    }

    /// A gateway's token: 32 lower-case hex digits, as a device's.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn gateway_token() -> Result<Self, Error> {
        Self::device_token()
    }

    /// A password that a person gets once and then changes: 24 characters.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn password() -> Result<Self, Error> {
        Ok(Self(BASE64URL_NOPAD.encode(&random::<18>()?)))
    }

    fn prefixed(prefix: &str) -> Result<Self, Error> {
        Ok(Self(format!("{prefix}{}", BASE64URL_NOPAD.encode(&random::<32>()?))))
    }

    /// What is stored of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }

    /// The text, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The text, for the one answer that shows it.
    pub fn into_revealed(self) -> String {
        self.0
    }
}

impl fmt::Debug for PlainSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainSecret(…)")
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(std::sync::Arc::new(error)))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use otaria_core::secrets::issued_at_start;

    use super::*;

    #[test]
    fn what_is_issued_is_known_by_its_form() {
        let made = [
            PlainSecret::access_token(),
            PlainSecret::refresh_token(),
            PlainSecret::client_secret(),
            PlainSecret::invitation_token(),
        ];
        for secret in made {
            let secret = secret.unwrap().into_revealed();
            assert_eq!(issued_at_start(format!("{secret}...").as_bytes()), Some(secret.len()));
            assert_eq!(issued_at_start(&secret.as_bytes()[..secret.len() - 1]), None);
            assert_eq!(issued_at_start(&secret.as_bytes()[1..]), None);
            assert_eq!(issued_at_start(secret.replacen("ota_", "ota.", 1).as_bytes()), None);
        }
    }
}
