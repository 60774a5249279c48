//! What is believed about devices behind a proxy, and what their links prove.

use std::num::NonZeroU32;

use super::{RawSettings, SettingsError, not_allowed};

/// The most polls a minute that can be set: with more, each of them takes less than can be measured.
const MOST_POLLS: u32 = 6000;

/// How often a device may poll in a minute by default: far more often than any that works has to.
const POLLS: u32 = 600;

/// How often one device may poll in a minute, if that is limited.
pub(super) fn polls_per_minute(raw: &RawSettings) -> Result<Option<NonZeroU32>, SettingsError> {
    let most = raw.polls_per_minute.unwrap_or(POLLS);
    if most > MOST_POLLS {
        return Err(not_allowed("polls_per_minute", format!("must be 1 to {MOST_POLLS}, or 0 for no limit")));
    }
    Ok(NonZeroU32::new(most))
}

/// The headers in which a proxy says whose certificate it was shown. Only those of one form are believed: a proxy that
/// sets the ones may let through what a client says in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateHeaders {
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440): the certificate, which is verified here.
    ClientCert,
    /// `X-Controller-Id` and `X-Authority`: names, which the proxy has verified (DDI 1.2).
    ControllerId,
    /// `X-Ssl-Client-Cn` and `X-Ssl-Issuer-Hash-1`: the same under its older names.
    SslClientCn,
}

impl CertificateHeaders {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCert => "client-cert",
            Self::ControllerId => "x-controller-id",
            Self::SslClientCn => "x-ssl-client-cn",
        }
    }

    pub(super) fn of(raw: &RawSettings) -> Result<Self, SettingsError> {
        let Some(text) = raw.certificate_headers.as_deref() else { return Ok(Self::ClientCert) };
        let known = [Self::ClientCert, Self::ControllerId, Self::SslClientCn];
        known.into_iter().find(|form| form.as_str() == text).ok_or_else(|| {
            not_allowed("certificate_headers", "must be client-cert, x-controller-id or x-ssl-client-cn")
        })
    }
}

/// What the links to artifacts prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtifactLinks {
    /// Nothing: the device shows its credential again.
    Plain,
    /// That the device was given them, for a while.
    Signed,
}

impl ArtifactLinks {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Signed => "signed",
        }
    }

    pub(super) fn of(raw: &RawSettings) -> Result<Self, SettingsError> {
        match raw.artifact_links.as_deref() {
            None | Some("plain") => Ok(Self::Plain),
            Some("signed") => Ok(Self::Signed),
            Some(_) => Err(not_allowed("artifact_links", "must be plain or signed")),
        }
    }
}
