//! An authority that certifies servers and devices, and revokes what it certified.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

use crate::{Engine, Server};

/// An authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Those between it and the root, its own first.
    chain: String,
}

/// A certificate with those between it and its authority's root, and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Pair {
    pub certificate: String,
    pub key: String,
    serial: SerialNumber,
}

impl Authority {
    /// A new one, which nobody else vouches for.
    pub fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    /// The same, with a certificate of one's own taste.
    pub fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority(name);
        change(&mut params);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, chain: String::new() }
    }

    /// One below this one.
    pub fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(authority(name), key, &self.issuer).unwrap();
        let chain = format!("{}{}", issuer.as_ref().pem(), self.chain);
        Self { issuer, chain }
    }

    /// Its own certificate, in PEM.
    pub fn pem(&self) -> String {
        self.issuer.as_ref().pem()
    }

    /// A certificate for a server on this machine.
    pub fn server(&self) -> Pair {
        self.certify("localhost", |params| {
            let names = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
            params.subject_alt_names = names.subject_alt_names;
        })
    }

    /// A server that speaks TLS with a certificate of this authority's, which stays in the folder.
    pub async fn start_server(&self, engine: Engine, folder: &Path) -> Server {
        self.server().put(folder, "server");
        let path = |name: &str| folder.join(name).display().to_string();
        let (certificate, key) = (path("server.pem"), path("server.key"));
        let settings = [("OTARIA_TLS_CERTIFICATE", certificate.as_str()), ("OTARIA_TLS_KEY", key.as_str())];
        Server::start_with(engine, &settings).await
    }

    /// A client that believes this authority and nobody else.
    pub fn client(&self) -> reqwest::Client {
        let certificate = reqwest::Certificate::from_pem(self.pem().as_bytes()).unwrap();
        reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap()
    }

    /// A certificate for a device, which its common name names.
    pub fn device(&self, id: &str) -> Pair {
        self.certify(id, |_| {})
    }

    /// A certificate of one's own taste.
    pub fn certify(&self, common_name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let serial = SerialNumber::from_slice(&uuid::Uuid::now_v7().as_bytes()[..]);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.serial_number = Some(serial.clone());
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { certificate: format!("{certificate}{}", self.chain), key: key.serialize_pem(), serial }
    }

    /// A list that revokes these, in PEM. Its time is over already: what it says holds all the same.
    pub fn revoking(&self, revoked: &[&Pair]) -> String {
        list(&self.issuer, revoked.iter().map(|pair| pair.serial.clone()))
    }
}

impl Pair {
    /// Writes both into a folder, as `NAME.pem` and `NAME.key`.
    pub fn put(&self, folder: &Path, name: &str) {
        std::fs::write(folder.join(format!("{name}.pem")), &self.certificate).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), &self.key).unwrap();
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn list(issuer: &Issuer<'_, impl rcgen::SigningKey>, revoked: impl Iterator<Item = SerialNumber>) -> String {
    let revoked = revoked.map(|serial_number| RevokedCertParams {
        serial_number,
        revocation_time: date_time_ymd(2020, 1, 1),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 2),
        next_update: date_time_ymd(2020, 2, 2),
        crl_number: SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().pem().unwrap()
}
