//! Whom a partner trusts to certify its devices, ready to judge with.

use otaria_core::{Sha256, Timestamp};
use otaria_store::device_authentication;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use webpki::{
    ALL_VERIFICATION_ALGS, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationOptionsBuilder,
    UnknownStatusPolicy,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Authority, RevocationList, Span, unix};

/// Why what a partner says about its authorities cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no PEM.
    #[error("is no PEM: between its BEGIN and END lines there must be base64 alone")]
    NoPem,
    /// It has nothing of what it is there for.
    #[error("holds no {what} in PEM")]
    Lacking {
        /// What it is there for.
        what: &'static str,
    },
    /// It has something that does not belong there.
    #[error("holds something else besides what belongs into it")]
    Foreign,
    /// It has a private key.
    #[error("holds a private key: keep that to yourself, and take it for known by others now")]
    PrivateKey,
    /// One of its certificates cannot be used.
    #[error("certificate {number} {what}")]
    Certificate {
        /// Which, counted from 1.
        number: usize,
        /// Why.
        what: &'static str,
    },
    /// There are too many certificates.
    #[error("holds too many certificates: at most {most}")]
    TooMany {
        /// How many there may be.
        most: usize,
    },
    /// One of its revocation lists cannot be used.
    #[error("list {number} {what}")]
    RevocationList {
        /// Which, counted from 1.
        number: usize,
        /// Why.
        what: &'static str,
    },
}

/// Whom a partner trusts to certify its devices.
#[derive(Debug)]
pub struct Trust {
    digest: Sha256,
    authorities: Vec<Authority>,
    lists: Vec<RevocationList>,
    proxy_authorities: Vec<String>,
}

impl Trust {
    /// Reads what a partner says.
    ///
    /// # Errors
    /// The field that cannot be used, and why: `caBundle` or `revocationLists`.
    pub fn read(text: &device_authentication::Trust) -> Result<Self, (&'static str, Unusable)> {
        let authorities = Authority::of_bundle(&text.ca_bundle).map_err(|error| ("caBundle", error))?;
        let lists = RevocationList::of_text(&text.revocation_lists, &authorities);
        Ok(Self {
            digest: text.digest(),
            lists: lists.map_err(|error| ("revocationLists", error))?,
            authorities,
            proxy_authorities: text.proxy_authorities.clone(),
        })
    }

    /// The digest of what it was read from.
    pub const fn digest(&self) -> Sha256 {
        self.digest
    }

    /// The authorities.
    pub fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    /// Their revocation lists.
    pub fn lists(&self) -> &[RevocationList] {
        &self.lists
    }

    /// Whether a proxy that has verified a certificate itself may name this authority; without regard to case.
    pub fn has_proxy_authority(&self, name: &str) -> bool {
        self.proxy_authorities.iter().any(|known| known.to_lowercase() == name.to_lowercase())
    }

    /// Whether the first of these certificates is good for a client now, and if so, for how long at least it stays so.
    ///
    /// It must lead to one of the authorities, through those that came along with it. None of them may be revoked; an
    /// authority without a list has revoked nothing, and a list whose time is over still says what it says: whom it does
    /// not name is let in, since a list that was forgotten must not stop a fleet.
    pub(super) fn judge(&self, certificates: &[CertificateDer<'_>], now: Timestamp) -> Option<Span> {
        let (own, others) = certificates.split_first()?;
        let authorities = || self.authorities.iter().filter(|authority| authority.span.has(now));
        let anchors: Vec<TrustAnchor<'_>> = authorities().map(|authority| authority.anchor.clone()).collect();
        let lists: Vec<&CertRevocationList<'_>> = self.lists.iter().map(|list| &list.list).collect();
        let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
            let builder = builder.with_status_policy(UnknownStatusPolicy::Allow);
            builder.with_expiration_policy(ExpirationPolicy::Ignore).build()
        });
        let certificate = EndEntityCert::try_from(own).ok()?;
        let (algorithms, usage) = (ALL_VERIFICATION_ALGS, KeyUsage::client_auth());
        let path =
            certificate.verify_for_usage(algorithms, &anchors, others, unix(now), usage, revocation, None).ok()?;
        drop(path);
        // Takes the earliest end of all certificates shown, so the chain may be verified again sooner than necessary,
        // never later.
        let shown = certificates.iter().filter_map(|certificate| X509Certificate::from_der(certificate).ok());
        let ends = shown.map(|(_, certificate)| Span::of(certificate.validity()).until);
        let until = ends.chain(authorities().map(Authority::expires)).filter(|end| *end > now).min()?;
        Some(Span { from: now, until })
    }
}
