//! What a proxy says about the certificate of the device behind it. It is asked only where the proxy is believed in this
//! (the setting `certificate_proxies`), and only in the form that it is said to use.

use axum::http::HeaderMap;
use data_encoding::BASE64;
use otaria_core::DeviceId;
use rustls::pki_types::CertificateDer;

use crate::credentials::certificates::{Chain, Trust};
use crate::settings::CertificateHeaders;

/// RFC 9440.
const CERTIFICATE: &str = "client-cert";
const CERTIFICATE_CHAIN: &str = "client-cert-chain";
/// DDI 1.2, now and before.
const NAMES: (&str, &str) = ("x-controller-id", "x-authority");
const OLD_NAMES: (&str, &str) = ("x-ssl-client-cn", "x-ssl-issuer-hash");
/// The most authorities of one certificate.
const MOST_AUTHORITIES: usize = 16;

/// What a proxy says.
#[derive(Debug)]
pub enum Vouched {
    /// The certificate that it was shown.
    Certificate(Chain),
    /// The names in one that it has verified.
    Names(Names),
}

/// The names in a certificate that a proxy has verified.
#[derive(Debug, PartialEq, Eq)]
pub struct Names {
    device: String,
    authorities: Vec<String>,
}

impl Names {
    /// Whether the proxy names exactly this device, and an authority that its partner takes from a proxy.
    pub fn are_of(&self, device: &DeviceId, trust: &Trust) -> bool {
        self.device == device.as_str() && self.authorities.iter().any(|name| trust.has_proxy_authority(name))
    }
}

/// What a proxy says in headers of this form.
///
/// None where it says nothing. `Some(None)` where it says something that cannot be believed, such as the same thing
/// twice, of which one may be the client's own.
pub fn vouched(headers: &HeaderMap, form: CertificateHeaders) -> Option<Option<Vouched>> {
    match form {
        CertificateHeaders::ClientCert => {
            headers.contains_key(CERTIFICATE).then(|| certificate(headers).map(Vouched::Certificate))
        }
        CertificateHeaders::ControllerId => named(headers, NAMES),
        CertificateHeaders::SslClientCn => named(headers, OLD_NAMES),
    }
}

/// The one value of a header.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(value).filter(|value| !value.is_empty())
}

fn certificate(headers: &HeaderMap) -> Option<Chain> {
    let mut certificates = vec![bytes(single(headers, CERTIFICATE)?)?];
    for line in headers.get_all(CERTIFICATE_CHAIN) {
        for part in line.to_str().ok()?.split(',') {
            certificates.push(bytes(part)?);
        }
    }
    Chain::new(certificates)
}

/// A byte sequence (RFC 8941, section 3.3.5).
fn bytes(text: &str) -> Option<CertificateDer<'static>> {
    let base64 = text.trim().strip_prefix(':')?.strip_suffix(':')?;
    BASE64.decode(base64.as_bytes()).ok().map(CertificateDer::from)
}

fn named(headers: &HeaderMap, (device, authority): (&str, &str)) -> Option<Option<Vouched>> {
    headers.contains_key(device).then(|| {
        let device = single(headers, device)?.to_owned();
        Some(Vouched::Names(Names { device, authorities: authorities(headers, authority)? }))
    })
}

/// The authorities of one header, or of numbered ones from 0 or 1 up to the first that is not there; not of both.
fn authorities(headers: &HeaderMap, name: &str) -> Option<Vec<String>> {
    let number = |at: usize| format!("{name}-{at}");
    let first = usize::from(!headers.contains_key(number(0)));
    let numbered = (first..first + MOST_AUTHORITIES).map(number).take_while(|name| headers.contains_key(name));
    let numbered: Vec<_> = numbered.collect();
    if !headers.contains_key(name) {
        return numbered.iter().map(|name| single(headers, name).map(str::to_owned)).collect();
    }
    let whole = single(headers, name).filter(|_| !is_numbered(headers, name))?;
    // A distinguished name has commas of its own, and a part of it is another authority's name.
    if whole.contains('=') {
        return Some(vec![whole.to_owned()]);
    }
    let parts = whole.split([',', ';']).map(str::trim).filter(|part| !part.is_empty());
    Some(parts.map(str::to_owned).collect())
}

/// Whether there is any such header with a number.
fn is_numbered(headers: &HeaderMap, name: &str) -> bool {
    headers.keys().any(|key| key.as_str().strip_prefix(name).is_some_and(|rest| rest.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use rstest::rstest;

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[rstest]
    #[case::one(&[("x-authority", "Lamps CA")], &["Lamps CA"])]
    #[case::several(&[("x-authority", "a,b; c")], &["a", "b", "c"])]
    #[case::a_distinguished_name(&[("x-authority", "CN=Lamps CA,O=Other")], &["CN=Lamps CA,O=Other"])]
    #[case::with_what_looks_like_another(&[("x-authority", "CN=x;Evil;")], &["CN=x;Evil;"])]
    #[case::from_0(&[("x-authority-0", "a"), ("x-authority-1", "CN=b, O=c")], &["a", "CN=b, O=c"])]
    #[case::from_1(&[("x-authority-1", "a"), ("x-authority-2", "b")], &["a", "b"])]
    #[case::up_to_a_gap(&[("x-authority-1", "a"), ("x-authority-3", "b")], &["a"])]
    #[case::none(&[("x-authority-2", "a")], &[])]
    fn authorities_come_in_one_header_or_in_numbered_ones(
        #[case] lines: &[(&'static str, &'static str)],
        #[case] expected: &[&str],
    ) {
        let mut lines = lines.to_vec();
        lines.push(("x-controller-id", "lamp-1"));
        let Some(Some(Vouched::Names(names))) = vouched(&headers(&lines), CertificateHeaders::ControllerId) else {
            panic!("nothing is said in {lines:?}");
        };
        assert_eq!(
            names,
            Names { device: "lamp-1".into(), authorities: expected.iter().map(|&n| n.into()).collect() }
        );
    }

    #[rstest]
    #[case::two_devices(&[("x-controller-id", "a"), ("x-controller-id", "b"), ("x-authority", "a")])]
    #[case::an_empty_device(&[("x-controller-id", ""), ("x-authority", "a")])]
    #[case::two_lines(&[("x-controller-id", "a"), ("x-authority", "a"), ("x-authority", "b")])]
    #[case::two_of_a_number(&[("x-controller-id", "a"), ("x-authority-1", "a"), ("x-authority-1", "b")])]
    #[case::both_kinds(&[("x-controller-id", "a"), ("x-authority", "a"), ("x-authority-1", "b")])]
    #[case::both_kinds_behind_a_gap(&[("x-controller-id", "a"), ("x-authority", "a"), ("x-authority-5", "b")])]
    fn what_may_be_the_clients_own_is_not_believed(#[case] lines: &[(&'static str, &'static str)]) {
        assert!(matches!(vouched(&headers(lines), CertificateHeaders::ControllerId), Some(None)));
    }

    #[test]
    fn each_form_is_deaf_to_the_others() {
        let lines = headers(&[
            ("x-controller-id", "a"),
            ("x-authority", "a"),
            ("x-ssl-client-cn", "b"),
            ("x-ssl-issuer-hash-1", "b"),
            ("client-cert", ":AAAA:"),
        ]);
        let device = |form| match vouched(&lines, form) {
            Some(Some(Vouched::Names(names))) => names.device,
            other => format!("{other:?}"),
        };
        assert_eq!(device(CertificateHeaders::ControllerId), "a");
        assert_eq!(device(CertificateHeaders::SslClientCn), "b");
        assert!(device(CertificateHeaders::ClientCert).contains("Certificate"));
        for form in
            [CertificateHeaders::ControllerId, CertificateHeaders::SslClientCn, CertificateHeaders::ClientCert]
        {
            assert!(vouched(&HeaderMap::new(), form).is_none());
        }
    }

    #[rstest]
    #[case("AAAA")]
    #[case(":AAAA")]
    #[case(":AA:")]
    #[case(":A A:")]
    #[case("")]
    #[case(":AAAA:, :AAAA:")]
    fn what_is_no_byte_sequence_is_no_certificate(#[case] value: &'static str) {
        let lines = headers(&[("client-cert", value)]);
        assert!(matches!(vouched(&lines, CertificateHeaders::ClientCert), Some(None)), "{value}");
    }
}
