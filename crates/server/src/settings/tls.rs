//! The files that TLS needs.

use std::path::PathBuf;

use super::{RawSettings, SettingsError, not_allowed};

/// The files of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Both of them, or none.
    pub(super) fn of(raw: &RawSettings) -> Result<Option<Self>, SettingsError> {
        match (raw.tls_certificate.clone(), raw.tls_key.clone()) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(not_allowed("tls_key", "must be set together with tls_certificate")),
            (None, Some(_)) => Err(not_allowed("tls_certificate", "must be set together with tls_key")),
        }
    }
}
