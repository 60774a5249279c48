//! The authorities that a partner trusts to certify its devices, out of a bundle of their certificates.

use otaria_core::{Sha256, Timestamp};
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, TrustAnchor};
use sha2::Digest as _;
use webpki::anchor_from_trusted_cert;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Span, Unusable};

/// The most authorities that a partner may trust.
const MOST: usize = 32;

/// An authority that a partner trusts.
#[derive(Clone, Debug)]
pub struct Authority {
    /// What its certificate calls it.
    pub subject: String,
    /// The SHA-256 of its certificate.
    pub fingerprint: Sha256,
    pub(super) span: Span,
    pub(super) anchor: TrustAnchor<'static>,
    /// The subject as it is encoded, and the public key: what its revocation lists are compared with.
    pub(super) name: Vec<u8>,
    pub(super) key: Vec<u8>,
}

impl Authority {
    /// From when on it is not trusted any more, because its own certificate has expired.
    pub fn expires(&self) -> Timestamp {
        self.span.until
    }

    /// The authorities of a bundle in PEM; none in an empty one.
    pub(super) fn of_bundle(pem: &str) -> Result<Vec<Self>, Unusable> {
        let mut found = Vec::new();
        for der in sections(pem, SectionKind::Certificate)? {
            found.push(
                Self::of(CertificateDer::from(der))
                    .map_err(|what| Unusable::Certificate { number: found.len() + 1, what })?,
            );
            if found.len() > MOST {
                return Err(Unusable::TooMany { most: MOST });
            }
        }
        if found.is_empty() && !pem.trim().is_empty() {
            return Err(Unusable::Lacking { what: "-----BEGIN CERTIFICATE-----" });
        }
        Ok(found)
    }

    fn of(der: CertificateDer<'static>) -> Result<Self, &'static str> {
        const UNREADABLE: &str = "is no X.509 certificate that can be read";
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| UNREADABLE)?;
        let is_authority = certificate.basic_constraints().ok().flatten().is_some_and(|basic| basic.value.ca);
        if !is_authority {
            return Err("is no authority's: its basicConstraints do not say CA:TRUE");
        }
        Ok(Self {
            subject: certificate.subject().to_string(),
            fingerprint: Sha256::from_bytes(sha2::Sha256::digest(&der).into()),
            span: Span::of(certificate.validity()),
            anchor: anchor_from_trusted_cert(&der).map_err(|_| UNREADABLE)?.to_owned(),
            name: certificate.subject().as_raw().to_vec(),
            key: certificate.public_key().subject_public_key.data.to_vec(),
        })
    }
}

/// What stands between the lines of a PEM text, if all of it is of one kind.
pub(super) fn sections(pem: &str, wanted: SectionKind) -> Result<Vec<Vec<u8>>, Unusable> {
    let mut found = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.as_bytes()) {
        match section.map_err(|_| Unusable::NoPem)? {
            (SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey, _) => {
                return Err(Unusable::PrivateKey);
            }
            (kind, der) if kind == wanted => found.push(der),
            _ => return Err(Unusable::Foreign),
        }
    }
    Ok(found)
}
