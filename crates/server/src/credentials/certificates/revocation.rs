//! The lists in which authorities say which of their certificates they have revoked.

use otaria_core::Timestamp;
use rustls::pki_types::pem::SectionKind;
use webpki::{ALL_VERIFICATION_ALGS, CertRevocationList, OwnedCertRevocationList};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use super::Unusable;
use super::authorities::{Authority, sections};

/// One authority's list of what it has revoked.
#[derive(Debug)]
pub struct RevocationList {
    /// What it calls the authority.
    pub issuer: String,
    /// When it was made.
    pub made: Timestamp,
    /// When the next one was to be made. What this one says holds all the same until another one takes its place.
    pub next: Timestamp,
    /// How many certificates it names.
    pub revoked: usize,
    pub(super) list: CertRevocationList<'static>,
}

impl RevocationList {
    /// The lists of a text in PEM, each of one of these authorities; none in an empty one.
    pub(super) fn of_text(pem: &str, authorities: &[Authority]) -> Result<Vec<Self>, Unusable> {
        let mut names = Vec::new();
        let mut found = Vec::new();
        for der in sections(pem, SectionKind::Crl)? {
            let (name, list) = Self::of(&der, authorities)
                .map_err(|what| Unusable::RevocationList { number: found.len() + 1, what })?;
            if names.contains(&name) {
                let what = "is of the same authority as one before it: send only its newest";
                return Err(Unusable::RevocationList { number: found.len() + 1, what });
            }
            names.push(name);
            found.push(list);
        }
        if found.is_empty() && !pem.trim().is_empty() {
            return Err(Unusable::Lacking { what: "-----BEGIN X509 CRL-----" });
        }
        Ok(found)
    }

    /// A list, and its issuer's name as it is encoded.
    fn of(der: &[u8], authorities: &[Authority]) -> Result<(Vec<u8>, Self), &'static str> {
        let (_, parsed) =
            CertificateRevocationList::from_der(der).map_err(|_| "is no X.509 revocation list that can be read")?;
        let name = parsed.issuer().as_raw().to_vec();
        let mut issuers = authorities.iter().filter(|authority| authority.name == name).peekable();
        if issuers.peek().is_none() {
            return Err("is of an authority that is not in caBundle: add its certificate there");
        }
        // Of authorities that share a name one key made it, and the others' certificates could not be judged by it.
        let (said, signature) = (parsed.tbs_cert_list.as_ref(), &parsed.signature_value.data);
        let is_of = |key: &[u8]| {
            ALL_VERIFICATION_ALGS.iter().any(|algorithm| algorithm.verify_signature(key, said, signature).is_ok())
        };
        if !issuers.all(|issuer| is_of(&issuer.key)) {
            return Err("is not signed with the key of its authority in caBundle");
        }
        let list = OwnedCertRevocationList::from_der(der).map_err(
            |_| "cannot be used: it must be a complete list of version 2 with a nextUpdate, in the form of RFC 5280",
        )?;
        let list = CertRevocationList::from(list);
        if list.issuing_distribution_point().is_some() {
            return Err("covers only some certificates (issuingDistributionPoint): send the authority's whole list");
        }
        let millis = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        let next = parsed.next_update().map_or(i64::MAX, |next| next.timestamp());
        let list = Self {
            issuer: parsed.issuer().to_string(),
            made: millis(parsed.last_update().timestamp()),
            next: millis(next),
            revoked: parsed.iter_revoked_certificates().count(),
            list,
        };
        Ok((name, list))
    }
}
