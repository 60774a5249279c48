//! The certificate that a client shows, and those that it sends along.

use std::sync::{Mutex, OnceLock, PoisonError};

use otaria_core::{DeviceId, Sha256, Timestamp};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::{Span, Trust};

/// The most certificates that a client may show: its own, and those between it and its authority. More are not looked
/// at, because every one of them may cost a signature.
const LONGEST: usize = 8;

/// The certificate that a client shows, its own first. It remembers that it was found to be good, so that a connection
/// that is kept costs no signature with each request.
#[derive(Debug)]
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    names: OnceLock<Vec<String>>,
    found_good: Mutex<Option<Finding>>,
}

/// That a chain was found to be good.
#[derive(Clone, Copy, Debug)]
struct Finding {
    /// By whom: another bundle, or another revocation list, is another one.
    trust: Sha256,
    /// For how long nothing about it can have changed.
    span: Span,
}

impl Chain {
    /// What a client showed; none if that is nothing, or more than is looked at.
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let is_usable = (1..=LONGEST).contains(&certificates.len());
        is_usable.then(|| Self { certificates, names: OnceLock::new(), found_good: Mutex::new(None) })
    }

    /// Whether this is the device's: it names exactly that device, and somebody whom the partner trusts has signed it
    /// for now.
    pub fn is_of(&self, device: &DeviceId, trust: &Trust, now: Timestamp) -> bool {
        // A name costs less to compare than a signature.
        if !self.names().iter().any(|name| name == device.as_str()) {
            return false;
        }
        let mut found_good = self.found_good.lock().unwrap_or_else(PoisonError::into_inner);
        if found_good.is_some_and(|finding| finding.trust == trust.digest() && finding.span.has(now)) {
            return true;
        }
        *found_good = trust.judge(&self.certificates, now).map(|span| Finding { trust: trust.digest(), span });
        found_good.is_some()
    }

    /// What the client's own certificate calls it: the subject's common names, and the alternative names that are a
    /// DNS name or a URI.
    fn names(&self) -> &[String] {
        self.names.get_or_init(|| self.certificates.first().map(names).unwrap_or_default())
    }
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<_> = common.map(str::to_owned).collect();
    if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
        names.extend(alternative.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::URI(name) => Some((*name).to_owned()),
            _ => None,
        }));
    }
    names
}
