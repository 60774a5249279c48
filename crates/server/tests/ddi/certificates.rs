//! Devices with a certificate, behind a proxy that is believed, and one that is not.

use std::time::Duration;

use data_encoding::{BASE64, BASE64_MIME};
use otaria_conformance::authority::{Authority, Pair};
use otaria_server::RawSettings;
use otaria_store::Error;
use otaria_store::device_authentication::{self, DeviceAuthentication, Trust};
use rcgen::date_time_ymd;
use rstest::rstest;

use crate::scratch::Engine;
use crate::world::{DEVICE, START, TOKEN, World};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl World {
    /// The partner lets certificates in that these have signed.
    async fn trust(&self, ca_bundle: String, revocation_lists: String, proxy_authorities: &[&str]) {
        let proxy_authorities = proxy_authorities.iter().map(|&name| name.to_owned()).collect();
        let said = DeviceAuthentication {
            certificates: true,
            trust: Trust { ca_bundle, revocation_lists, proxy_authorities },
            ..DeviceAuthentication::default()
        };
        let (partner, now) = (self.partner, self.now());
        let written = self.store.write(move |tx| {
            Box::pin(async move {
                device_authentication::lock(tx, &partner, now).await?;
                device_authentication::replace(tx, &partner, &said, now).await
            })
        });
        let written: Result<(), Error> = written.await;
        written.unwrap();
    }

    /// The status that a poll without a token gets, with these headers.
    async fn poll_with(&self, headers: &[(&str, &str)]) -> u16 {
        let path = format!("/default/controller/v1/{DEVICE}");
        let request = headers
            .iter()
            .fold(self.get_without_token(&path), |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap().status().as_u16()
    }

    async fn poll_as(&self, pair: &Pair) -> u16 {
        let certificates = byte_sequences(pair);
        let mut headers = vec![("client-cert", certificates[0].as_str())];
        let chain = certificates[1..].join(", ");
        if !chain.is_empty() {
            headers.push(("client-cert-chain", &chain));
        }
        self.poll_with(&headers).await
    }
}

/// The certificates of a chain as RFC 9440 has them.
fn byte_sequences(pair: &Pair) -> Vec<String> {
    let parts = pair.certificate.split("-----BEGIN CERTIFICATE-----").skip(1);
    let der = parts.map(|part| BASE64_MIME.decode(part.split_once("-----").unwrap().0.trim().as_bytes()).unwrap());
    der.map(|der| format!(":{}:", BASE64.encode(&der))).collect()
}

/// This test itself is the proxy.
fn behind_a_proxy(form: &'static str) -> impl FnOnce(&mut RawSettings) {
    move |raw| {
        raw.certificate_proxies = Some("127.0.0.1".to_owned());
        raw.certificate_headers = Some(form.to_owned());
    }
}

#[rstest]
#[tokio::test]
async fn a_certificate_that_a_proxy_passes_on_is_verified(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::with(engine, behind_a_proxy("client-cert")).await;
    let (lamps, line) = (Authority::new("Lamps"), Authority::new("Lamps").below("Line 1"));
    let (good, revoked) = (lamps.device(DEVICE), lamps.device(DEVICE));
    assert_eq!(world.poll_as(&good).await, 401);
    world.trust(lamps.pem(), lamps.revoking(&[&revoked]), &[]).await;
    for (pair, status) in [
        (&good, 200),
        (&lamps.below("Line 1").device(DEVICE), 200),
        (&revoked, 401),
        (&lamps.device("dev-8"), 401),
        (&line.device(DEVICE), 401),
    ] {
        assert_eq!(world.poll_as(pair).await, status);
    }
    let certificate = byte_sequences(&good).remove(0);
    let own = ("client-cert", certificate.as_str());
    let chain = [&*certificate; 8].join(", ");
    for headers in [
        vec![own, own],
        vec![own, ("client-cert-chain", &chain)],
        vec![("client-cert", ":AAAA:")],
        vec![("x-controller-id", DEVICE), ("x-authority", "CN=Lamps")],
        // A header with a credential decides alone.
        vec![own, ("authorization", "TargetToken 0")],
    ] {
        assert_eq!(world.poll_with(&headers).await, 401, "{headers:?}");
    }
    let token = format!("TargetToken {TOKEN}");
    assert_eq!(world.poll_with(&[("client-cert", ":AAAA:"), ("authorization", &token)]).await, 200);
}

#[rstest]
#[case::now("x-controller-id", "x-authority")]
#[case::before("x-ssl-client-cn", "x-ssl-issuer-hash")]
#[tokio::test]
async fn names_that_a_proxy_has_verified_are_believed(
    #[case] id: &'static str,
    #[case] authority: &'static str,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::with(engine, behind_a_proxy(id)).await;
    let (zero, one) = (format!("{authority}-0"), format!("{authority}-1"));
    assert_eq!(world.poll_with(&[(id, DEVICE), (&one, "Lamps CA")]).await, 401);
    world.trust(String::new(), String::new(), &["Lamps CA", "CN=Line 1,O=Lamps"]).await;
    for (headers, status) in [
        (vec![(id, DEVICE), (authority, "LAMPS ca")], 200),
        (vec![(id, DEVICE), (authority, "Root; Lamps CA")], 200),
        (vec![(id, DEVICE), (&zero, "Root"), (&one, "cn=line 1,o=lamps")], 200),
        (vec![(id, "dev-8"), (&one, "Lamps CA")], 401),
        (vec![(id, "DEV-7"), (&one, "Lamps CA")], 401),
        (vec![(id, DEVICE), (&one, "Other CA")], 401),
        (vec![(id, DEVICE)], 401),
        (vec![(authority, "Lamps CA")], 401),
        (vec![(id, DEVICE), (id, DEVICE), (&one, "Lamps CA")], 401),
        (vec![(id, DEVICE), (authority, "Other CA"), (&one, "Lamps CA")], 401),
    ] {
        assert_eq!(world.poll_with(&headers).await, status, "{headers:?}");
    }
}

#[rstest]
#[tokio::test]
async fn from_anybody_else_such_headers_are_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let lamps = Authority::new("Lamps");
    let certificate = byte_sequences(&lamps.device(DEVICE)).remove(0);
    let claims = [("x-controller-id", DEVICE), ("x-authority", "Lamps"), ("client-cert", certificate.as_str())];
    for form in ["client-cert", "x-controller-id"] {
        // Neither is whoever is believed about addresses, nor whoever says to be at a proxy's.
        let set = |raw: &mut RawSettings| {
            raw.trusted_proxies = Some("127.0.0.1".to_owned());
            raw.certificate_proxies = Some("10.0.0.0/8".to_owned());
            raw.certificate_headers = Some(form.to_owned());
        };
        let world = World::with(engine, set).await;
        world.trust(lamps.pem(), String::new(), &["Lamps"]).await;
        assert_eq!(world.poll_with(&claims).await, 401);
        let mut from_there = claims.to_vec();
        from_there.push(("x-forwarded-for", "10.0.0.1"));
        assert_eq!(world.poll_with(&from_there).await, 401);
    }
}

#[tokio::test]
async fn time_ends_certificates_and_authorities_but_no_revocation() {
    let world = World::with(Engine::Sqlite, behind_a_proxy("client-cert")).await;
    // The world begins on the 14th of November 2023.
    assert_eq!(START / 1000 / 86_400, 19_675);
    let until = |day: u8| date_time_ymd(2023, 11, day);
    let lamps = Authority::with("Lamps", |params| params.not_after = until(20));
    let brief = lamps.certify(DEVICE, |params| params.not_after = until(16));
    let early = lamps.certify(DEVICE, |params| params.not_before = until(18));
    let (long, revoked) = (lamps.device(DEVICE), lamps.device(DEVICE));
    // Its next list was due in 2020.
    world.trust(lamps.pem(), lamps.revoking(&[&revoked]), &[]).await;
    for (days, expected) in
        [(0, [200, 401, 200, 401]), (3, [401, 401, 200, 401]), (2, [401, 200, 200, 401]), (3, [401; 4])]
    {
        world.wait(DAY * days);
        for (pair, status) in [&brief, &early, &long, &revoked].into_iter().zip(expected) {
            assert_eq!(world.poll_as(pair).await, status, "{} days later", days);
        }
    }
}
