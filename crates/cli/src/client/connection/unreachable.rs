//! What it means for a command that a server cannot be reached.

use std::error::Error;
use std::io;

use reqwest::Url;
use rustls::{CertificateError, Error as TlsError};

use crate::failure::{Exit, Failure};

/// How the library that verifies certificates says that one is an authority's; it has no name for that of its own.
const IS_AN_AUTHORITYS: &str = "CaUsedAsEndEntity";

/// That a server does not answer. It may later, unless its certificate is not taken.
pub fn unreachable(url: &Url, error: &reqwest::Error) -> Failure {
    if let Some(failure) = untrusted(url, error) {
        return failure;
    }
    let origin = url.origin().ascii_serialization();
    let message = if error.is_timeout() {
        format!("{origin} does not answer in time")
    } else {
        format!("{origin} cannot be reached: {}", root_cause(error))
    };
    let failure = Failure::of(Exit::Error, "unreachable", message);
    failure.with_remedy("`otaria doctor` finds out why").retryable()
}

/// That there is no trust, if that is why there is no answer: what is wrong with the certificate, or that what is there
/// speaks no TLS. The same again ends the same.
pub fn untrusted(url: &Url, error: &reqwest::Error) -> Option<Failure> {
    let (what, remedy) = match cause::<TlsError>(error)? {
        TlsError::InvalidCertificate(why) => distrust(url, why),
        TlsError::InvalidMessage(_) => {
            ("what is there speaks no TLS".to_owned(), "check the port, and whether it is http:// there")
        }
        // A server that stops in the middle may be about to come back.
        TlsError::General(_) => return None,
        why => (why.to_string(), "look into the log of the server, or of the proxy before it"),
    };
    let origin = url.origin().ascii_serialization();
    Some(Failure::of(Exit::Error, "untrusted", format!("{origin}: {what}")).with_remedy(remedy))
}

/// Why a certificate is not taken, and what to do about it.
fn distrust(url: &Url, why: &CertificateError) -> (String, &'static str) {
    let (what, remedy) = match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("the server's certificate has expired", "renew it, or correct the clock of this machine")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("the server's certificate is not valid yet", "correct the clock of this machine")
        }
        // Also one that only has the name of an authority that is known.
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            "the server's certificate is from an authority that this machine does not know",
            "give that authority's certificate with --ca-file FILE or OTARIA_CA_FILE",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let host = url.host_str().unwrap_or_default();
            let what = format!("the server's certificate is not for {host}");
            return (what, "use the name that the certificate is for, or have one made for this name");
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => (
            "the server's certificate is not made for servers",
            "have one made that may be used as a server's (extendedKeyUsage serverAuth)",
        ),
        CertificateError::Revoked => ("the server's certificate was revoked", "have another one made"),
        why if format!("{why:?}").contains(IS_AN_AUTHORITYS) => (
            "the server's certificate is that of an authority (CA:TRUE, as `openssl req -x509` makes them), and no server's",
            "have one made that an authority signs, or make it with `openssl req -x509 -addext basicConstraints=critical,CA:FALSE`",
        ),
        why => return (format!("the server's certificate is not taken: {why}"), "have another certificate made"),
    };
    (what.to_owned(), remedy)
}

/// The cause of this kind, wherever it is among an error's causes.
fn cause<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        // An I/O error names the cause of what it wraps as its own, and leaves that out.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = error.downcast_ref().or_else(|| wrapped.and_then(|wrapped| wrapped.downcast_ref()));
        if found.is_some() {
            return found;
        }
        next = wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped));
    }
    None
}

/// The last of an error's causes says it; those before only name the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
