//! Devices that prove who they are by a certificate, to the server itself: whom it opens, whom it does not, and that
//! nobody can tell why not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::sync::Arc;

use otaria_conformance::authority::{Authority, Pair};
use otaria_conformance::{Api, Engine, Server, contains, fields_are};
use rcgen::{ExtendedKeyUsagePurpose, SanType, date_time_ymd};
use reqwest::StatusCode;
use rstest::rstest;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind, RootCertStore, SupportedProtocolVersion};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const DEVICE: &str = "lamp-1";

/// A server that speaks TLS, with a device of its partner's.
struct Scene {
    server: Server,
    api: Api,
    partner: String,
    device_type: String,
    /// Who certified the server.
    root: Authority,
    /// Who certifies the partner's devices.
    lamps: Authority,
    /// The device's token.
    token: String,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn set(engine: Engine) -> Self {
        let (folder, root) = (tempfile::tempdir().unwrap(), Authority::new("The server's authority"));
        let server = root.start_server(engine, folder.path()).await;
        let api = server.owner_over(root.client()).await;
        let partner = server.partner();
        let device_type = api.device_type(&partner, "lamp").await;
        let token = api.device(&server.account(), &device_type, DEVICE).await;
        let lamps = Authority::new("The lamps' authority");
        Self { server, api, partner, device_type, root, lamps, token, _folder: folder }
    }

    /// The same, where the partner lets its authority's certificates in.
    async fn trusting(engine: Engine) -> Self {
        let scene = Self::set(engine).await;
        scene.say(json!({ "certificate": true, "caBundle": scene.lamps.pem() })).await;
        scene
    }

    async fn say(&self, body: Value) -> Value {
        say(&self.api, &self.partner, body).await
    }

    /// The client's side of a handshake, with a certificate or without.
    fn client(&self, pair: Option<&Pair>, version: &'static SupportedProtocolVersion) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.root.pem().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let client = versions.with_root_certificates(roots);
        let Some(pair) = pair else { return client.with_no_client_auth() };
        let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        client.with_client_auth_cert(chain, key).unwrap()
    }

    async fn connect(&self, pair: Option<&Pair>) -> Connection {
        self.connect_as(Arc::new(self.client(pair, &TLS13))).await
    }

    async fn connect_as(&self, client: Arc<ClientConfig>) -> Connection {
        let socket = TcpStream::connect(self.server.url().strip_prefix("https://").unwrap()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Connection(TlsConnector::from(client).connect(name, socket).await.unwrap())
    }

    /// The status that a device gets that polls on a connection of its own.
    async fn poll(&self, pair: &Pair, tenant: &str, device: &str) -> u16 {
        self.connect(Some(pair)).await.poll(tenant, device).await
    }
}

async fn say(api: &Api, partner: &str, body: Value) -> Value {
    api.put(&format!("/v1/partners/{partner}/deviceAuthentication"), body).await.ok().body
}

/// A connection on which requests can be made, one after the other.
struct Connection(TlsStream<TcpStream>);

impl Connection {
    /// Everything that is answered, but for the date.
    async fn ask(&mut self, path: &str, headers: &str) -> Vec<u8> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !contains(&answer, b"\r\n\r\n") {
            answer.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(answer).unwrap();
        let lines = head.split_inclusive("\r\n").filter(|line| !line.starts_with("date:"));
        let mut answer: Vec<u8> = lines.flat_map(str::bytes).collect();
        let length = head.split_once("content-length: ").unwrap().1.split_once('\r').unwrap().0;
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        answer.extend(body);
        answer
    }

    async fn poll(&mut self, tenant: &str, device: &str) -> u16 {
        self.poll_with(tenant, device, "").await
    }

    async fn poll_with(&mut self, tenant: &str, device: &str, headers: &str) -> u16 {
        let answer = self.ask(&format!("/{tenant}/controller/v1/{device}"), headers).await;
        std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap()
    }
}

fn authorization(scheme: &str, token: &str) -> String {
    format!("Authorization: {scheme} {token}\r\n")
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_opens_the_device_that_it_names_and_no_other(#[case] engine: Engine) {
    let scene = Scene::trusting(engine).await;
    let account = scene.server.account();
    scene.api.device(&account, &scene.device_type, "urn:lamp:2").await;
    let named = |name: SanType| scene.lamps.certify("Lamps", |params| params.subject_alt_names.push(name));
    for (pair, device) in [
        (scene.lamps.device(DEVICE), DEVICE),
        (named(SanType::DnsName(DEVICE.try_into().unwrap())), DEVICE),
        (named(SanType::URI("urn:lamp:2".try_into().unwrap())), "urn:lamp:2"),
        // Through one in between, which the device sends along.
        (scene.lamps.below("Line 1").device(DEVICE), DEVICE),
    ] {
        for tenant in ["default", &scene.partner] {
            assert_eq!(scene.poll(&pair, tenant, device).await, 200, "{device} at {tenant}");
        }
        let other = if device == DEVICE { "urn:lamp:2" } else { DEVICE };
        assert_eq!(scene.poll(&pair, "default", other).await, 401, "{other}");
    }
    for name in ["LAMP-1", "lamp-1 ", "*", "lamp", "lamp-11"] {
        assert_eq!(scene.poll(&scene.lamps.device(name), "default", DEVICE).await, 401, "{name}");
    }
    // It is the device's in everything, not only when it polls.
    let mut connection = scene.connect(Some(&scene.lamps.device(DEVICE))).await;
    let answer = connection.ask("/default/controller/v1/lamp-1/deploymentBase/1", "").await;
    assert!(answer.starts_with(b"HTTP/1.1 404"), "{}", answer.escape_ascii());
    // Nobody else is asked for one.
    assert_eq!(
        scene.connect(None).await.poll_with("default", DEVICE, &authorization("TargetToken", &scene.token)).await,
        200
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_authority_of_one_partner_opens_nothing_of_another(#[case] engine: Engine) {
    let scene = Scene::trusting(engine).await;
    let other = scene.api.post("/v1/partners", json!({ "name": "Other" })).await.is(StatusCode::CREATED).body;
    let (other, bulbs) = (other["partnerId"].as_str().unwrap(), Authority::new("The lamps' authority"));
    let account = scene.api.post("/v1/accounts", json!({ "description": "o", "partnerId": other })).await;
    let account = account.is(StatusCode::CREATED).body["accountId"].as_str().unwrap().to_owned();
    let device_type = scene.api.device_type(other, "bulb").await;
    scene.api.device(&account, &device_type, DEVICE).await;
    say(&scene.api, other, json!({ "certificate": true, "caBundle": bulbs.pem() })).await;

    // Both authorities are called the same, and both devices: only the keys are not.
    let (lamp, bulb) = (scene.lamps.device(DEVICE), bulbs.device(DEVICE));
    for (pair, at_lamps, at_bulbs) in [(&lamp, 200, 401), (&bulb, 401, 200)] {
        let mut connection = scene.connect(Some(pair)).await;
        for _ in 0..2 {
            assert_eq!(connection.poll(&scene.partner, DEVICE).await, at_lamps);
            assert_eq!(connection.poll(other, DEVICE).await, at_bulbs);
        }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_changes_holds_for_connections_that_are_open(#[case] engine: Engine) {
    let scene = Scene::trusting(engine).await;
    let pair = scene.lamps.device(DEVICE);
    let mut connection = scene.connect(Some(&pair)).await;
    assert_eq!(connection.poll("default", DEVICE).await, 200);
    let ca = scene.lamps.pem();
    let elsewhere = Authority::new("Elsewhere").pem();
    let both = format!("{elsewhere}{ca}");
    for (said, status) in [
        (json!({ "certificate": true, "caBundle": ca, "revocationLists": scene.lamps.revoking(&[&pair]) }), 401),
        (json!({ "certificate": true, "caBundle": ca, "revocationLists": scene.lamps.revoking(&[]) }), 200),
        (json!({ "certificate": true, "caBundle": elsewhere }), 401),
        (json!({ "certificate": true, "caBundle": both }), 200),
        (json!({ "certificate": false, "caBundle": ca }), 401),
        (json!({ "certificate": true, "proxyAuthorities": ["The lamps' authority"] }), 401),
        (json!({ "certificate": true, "caBundle": ca }), 200),
        (json!({}), 401),
    ] {
        scene.say(said.clone()).await;
        for _ in 0..2 {
            assert_eq!(connection.poll("default", DEVICE).await, status, "{said:#}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_again_is_known_by_the_certificate_of_the_first_time() {
    let scene = Scene::trusting(Engine::Sqlite).await;
    let pair = scene.lamps.device(DEVICE);
    for version in [&TLS12, &TLS13] {
        let mut client = scene.client(Some(&pair), version);
        client.resumption = Resumption::in_memory_sessions(8);
        let client = Arc::new(client);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut connection = scene.connect_as(Arc::clone(&client)).await;
            assert_eq!(connection.poll("default", DEVICE).await, 200);
            assert_eq!(connection.0.get_ref().1.handshake_kind(), Some(kind));
        }
        scene
            .say(json!({ "certificate": true, "caBundle": scene.lamps.pem(),
                          "revocationLists": scene.lamps.revoking(&[&pair]) }))
            .await;
        let mut connection = scene.connect_as(client).await;
        assert_eq!(connection.poll("default", DEVICE).await, 401);
        assert_eq!(connection.0.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
        scene.say(json!({ "certificate": true, "caBundle": scene.lamps.pem() })).await;
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_tell_why_they_are_not_let_in(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let (account, lamps) = (scene.server.account(), &scene.lamps);
    let gone = scene.api.device(&account, &scene.device_type, "gone").await;
    scene.api.delete(&format!("/v1/accounts/{account}/devices/gone")).await.is(StatusCode::NO_CONTENT);
    let gateways = format!("/v1/partners/{}/gatewayTokens", scene.partner);
    let gateway = scene.api.post(&gateways, json!({ "name": "g" })).await.is(StatusCode::CREATED).body;
    let gateway = gateway["token"].as_str().unwrap();
    let brief = json!({ "name": "brief", "expiresTimestamp": otaria_conformance::now_millis() + 1500 });
    let brief = scene.api.post(&gateways, brief).await.is(StatusCode::CREATED).body;
    let (brief, expires) = (brief["token"].as_str().unwrap().to_owned(), &brief["expiresTimestamp"]);
    let dated = |from: i32, until: i32| {
        lamps.certify(DEVICE, |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(until, 1, 1);
        })
    };
    let revoked = lamps.device(DEVICE);
    let for_servers =
        lamps.certify(DEVICE, |params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth));
    let on = json!({
        "certificate": true, "caBundle": lamps.pem(), "revocationLists": lamps.revoking(&[&revoked]),
    });
    scene.say(on.clone()).await;
    let good = lamps.device(DEVICE);

    // Each is let in, but for the one thing that is wrong.
    let target = authorization("TargetToken", &scene.token);
    let by_gateway = authorization("GatewayToken", gateway);
    assert_eq!(scene.connect(None).await.poll_with("default", DEVICE, &target).await, 200);
    assert_eq!(scene.connect(None).await.poll_with("default", DEVICE, &by_gateway).await, 200);
    assert_eq!(scene.poll(&good, "default", DEVICE).await, 200);
    while expires.as_i64().unwrap() > otaria_conformance::now_millis() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let zeros = "0".repeat(32);
    let refused: Vec<(&str, Option<Pair>, &str, &str, String)> = vec![
        ("nothing", None, "default", DEVICE, String::new()),
        ("a wrong token", None, "default", DEVICE, authorization("TargetToken", &zeros)),
        ("a wrong gateway token", None, "default", DEVICE, authorization("GatewayToken", &zeros)),
        ("an expired gateway token", None, "default", DEVICE, authorization("GatewayToken", &brief)),
        ("another scheme", None, "default", DEVICE, authorization("Bearer", &scene.token)),
        ("an unknown device, by token", None, "default", "nobody", target.clone()),
        ("an unknown device, by gateway", None, "default", "nobody", by_gateway.clone()),
        ("an unknown device, by certificate", Some(lamps.device("nobody")), "default", "nobody", String::new()),
        ("an unknown tenant, by token", None, "nobody", DEVICE, target.clone()),
        ("an unknown tenant, by gateway", None, "nobody", DEVICE, by_gateway.clone()),
        ("an unknown tenant, by certificate", Some(good.clone()), "nobody", DEVICE, String::new()),
        ("gone, by token", None, "default", "gone", authorization("TargetToken", &gone)),
        ("gone, by gateway", None, "default", "gone", by_gateway.clone()),
        ("gone, by certificate", Some(lamps.device("gone")), "default", "gone", String::new()),
        ("another's certificate", Some(lamps.device("lamp-2")), "default", DEVICE, String::new()),
        ("a foreign certificate", Some(Authority::new("x").device(DEVICE)), "default", DEVICE, String::new()),
        ("an expired certificate", Some(dated(2020, 2021)), "default", DEVICE, String::new()),
        ("an early certificate", Some(dated(2500, 2600)), "default", DEVICE, String::new()),
        ("a revoked certificate", Some(revoked), "default", DEVICE, String::new()),
        ("a server's certificate", Some(for_servers), "default", DEVICE, String::new()),
        // The header decides alone, and what a proxy would say is nothing where no proxy is believed.
        (
            "a wrong token with a certificate",
            Some(good.clone()),
            "default",
            DEVICE,
            authorization("TargetToken", &zeros),
        ),
        ("an empty header with a certificate", Some(good.clone()), "default", DEVICE, "Authorization: \r\n".into()),
        (
            "a claimed name",
            None,
            "default",
            DEVICE,
            "X-Controller-Id: lamp-1\r\nX-Authority: The lamps' authority\r\n".into(),
        ),
    ];
    let mut seen: Option<Vec<u8>> = None;
    let mut look = async |what: &str, pair: Option<&Pair>, tenant: &str, device: &str, headers: &str| {
        let mut connection = scene.connect(pair).await;
        for rest in ["", "/deploymentBase/1", "/softwaremodules/1/artifacts/a", "/softwaremodules/1/artifacts"] {
            let answer = connection.ask(&format!("/{tenant}/controller/v1/{device}{rest}"), headers).await;
            assert!(answer.starts_with(b"HTTP/1.1 401 "), "{what}: {}", answer.escape_ascii());
            let first = seen.get_or_insert_with(|| answer.clone());
            assert_eq!(first.escape_ascii().to_string(), answer.escape_ascii().to_string(), "{what}");
        }
    };
    for (what, pair, tenant, device, headers) in &refused {
        look(what, pair.as_ref(), tenant, device, headers).await;
    }
    let mut off = on.clone();
    for name in ["targetToken", "gatewayToken", "certificate"] {
        off[name] = json!(false);
    }
    scene.say(off).await;
    look("tokens are off", None, "default", DEVICE, &target).await;
    look("gateway tokens are off", None, "default", DEVICE, &by_gateway).await;
    look("certificates are off", Some(&good), "default", DEVICE, "").await;
    scene.say(on).await;
    assert_eq!(scene.connect(None).await.poll_with("default", DEVICE, &target).await, 200);
    let log = scene.server.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_registers_a_device_where_the_partner_wants_that(#[case] engine: Engine) {
    let scene = Scene::trusting(engine).await;
    let pair = scene.lamps.device("lamp-9");
    assert_eq!(scene.poll(&pair, "default", "lamp-9").await, 401);
    let account = scene.server.account();
    let said = json!({
        "certificate": true, "caBundle": scene.lamps.pem(),
        "mayRegister": true, "deviceTypeId": scene.device_type, "accountId": account,
    });
    scene.say(said).await;
    assert_eq!(scene.poll(&Authority::new("x").device("lamp-9"), "default", "lamp-9").await, 401);
    let device = format!("/v1/partners/{}/devices/lamp-9", scene.partner);
    scene.api.get(&device).await.is_error(404, "not_found");
    assert_eq!(scene.poll(&pair, "default", "lamp-9").await, 200);
    let shown = scene.api.get(&device).await.ok().body;
    assert_eq!((&shown["deviceTypeId"], &shown["friendlyName"]), (&json!(scene.device_type), &json!("lamp-9")));
    let log = format!("/v1/partners/{}/auditLog?action=device.registered", scene.partner);
    let entry = &scene.api.get(&log).await.ok().body["content"][0];
    assert_eq!(entry["actor"], json!({ "kind": "device", "id": "lamp-9" }));
    // What was taken out is not put back by itself.
    scene.api.delete(&format!("/v1/accounts/{account}/devices/lamp-9")).await.is(StatusCode::NO_CONTENT);
    assert_eq!(scene.poll(&pair, "default", "lamp-9").await, 401);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_a_partner_says_is_shown_and_what_it_cannot_mean_is_refused(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let path = format!("/v1/partners/{partner}/deviceAuthentication");
    let (lamps, other) = (Authority::new("Lamps"), Authority::new("Other"));
    let usual = json!({
        "targetToken": true, "gatewayToken": true, "certificate": false, "caBundle": "", "caCertificates": [],
        "revocationLists": "", "revocations": [], "proxyAuthorities": [], "mayRegister": false,
    });
    assert_eq!(api.get(&path).await.ok().body, usual);

    let lost = lamps.device("lamp-1");
    let body = json!({
        "gatewayToken": false, "certificate": true, "caBundle": format!("Ours:\n{}{}", lamps.pem(), other.pem()),
        "revocationLists": lamps.revoking(&[&lost]), "proxyAuthorities": [" CN=Lamps, O=x "],
    });
    let put = api.put(&path, body.clone()).await.ok().body;
    assert_eq!(api.get(&path).await.ok().body, put);
    fields_are(&put["caCertificates"][0], &["subject", "sha256", "expiresTimestamp"]);
    assert_eq!(
        (&put["caCertificates"][0]["subject"], &put["caCertificates"][1]["subject"]),
        (&json!("CN=Lamps"), &json!("CN=Other"))
    );
    assert_eq!(put["caCertificates"][0]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(put["caBundle"], body["caBundle"]);
    assert_eq!(
        (&put["revocations"][0]["issuer"], &put["revocations"][0]["revoked"]),
        (&json!("CN=Lamps"), &json!(1))
    );
    assert_eq!(put["revocations"][0]["nextUpdateTimestamp"], 1_580_601_600_000_i64);
    assert_eq!(put["proxyAuthorities"], json!(["CN=Lamps, O=x"]));
    // What was answered can be sent back as it is.
    let again = api.put(&path, put.clone()).await.ok().body;
    assert_eq!(again["caCertificates"], put["caCertificates"]);

    let expired = Authority::with("Old", |params| params.not_after = date_time_ymd(2021, 1, 1)).pem();
    let (ca, same_name) = (lamps.pem(), Authority::new("Lamps"));
    let list = lamps.revoking(&[]);
    let many = Authority::new("Many").pem().repeat(33);
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let (device_type, account) = (api.device_type(&partner, "lamp").await, server.account());
    for (wrong, field, says) in [
        (json!({ "certificate": true }), "caBundle", "is required"),
        (json!({ "caBundle": "garbage" }), "caBundle", "holds no -----BEGIN CERTIFICATE-----"),
        (json!({ "caBundle": broken }), "caBundle", "is no PEM"),
        (json!({ "caBundle": no_certificate }), "caBundle", "certificate 1 is no X.509 certificate"),
        (json!({ "caBundle": lost.key }), "caBundle", "private key"),
        (json!({ "caBundle": format!("{ca}{}", lost.key) }), "caBundle", "private key"),
        (json!({ "caBundle": format!("{ca}{}", lost.certificate) }), "caBundle", "certificate 2 is no authority's"),
        (json!({ "caBundle": format!("{ca}{expired}") }), "caBundle", "certificate 2 has expired"),
        (json!({ "caBundle": list }), "caBundle", "something else"),
        (json!({ "caBundle": many }), "caBundle", "at most 32"),
        (json!({ "caBundle": ca, "revocationLists": ca }), "revocationLists", "something else"),
        (json!({ "caBundle": ca, "revocationLists": "x" }), "revocationLists", "holds no -----BEGIN X509 CRL-----"),
        (
            json!({ "caBundle": ca, "revocationLists": other.revoking(&[]) }),
            "revocationLists",
            "list 1 is of an authority that is not",
        ),
        (
            json!({ "caBundle": ca, "revocationLists": same_name.revoking(&[]) }),
            "revocationLists",
            "list 1 is not signed",
        ),
        (
            json!({ "caBundle": ca, "revocationLists": format!("{list}{list}") }),
            "revocationLists",
            "list 2 is of the same",
        ),
        (json!({ "proxyAuthorities": [""] }), "proxyAuthorities[0]", "is required"),
        (json!({ "proxyAuthorities": vec!["x"; 33] }), "proxyAuthorities", "at most 32"),
        (json!({ "mayRegister": true, "deviceTypeId": device_type }), "accountId", "is required"),
        (json!({ "deviceTypeId": device_type }), "deviceTypeId", "goes with mayRegister"),
    ] {
        let refused = api.put(&path, wrong.clone()).await.is_error(400, "invalid_fields");
        assert_eq!(refused.fields(), [field], "{wrong}");
        let message = refused.body["fields"][0]["message"].as_str().unwrap();
        assert!(message.contains(says), "{message}");
        assert!(!refused.text.contains("PRIVATE"), "{}", refused.text);
    }
    let elsewhere = uuid::Uuid::now_v7().to_string();
    let register = |device_type: &str, account: &str| json!({ "mayRegister": true, "deviceTypeId": device_type, "accountId": account });
    api.put(&path, register(&elsewhere, &account)).await.is_error(404, "not_found");
    api.put(&path, register(&device_type, &elsewhere)).await.is_error(403, "forbidden");
    assert_eq!(api.get(&path).await.ok().body, again);
    // Without anything it is as if nothing had ever been said.
    let emptied = api.put(&path, json!({})).await.ok().body;
    let mut usual = usual;
    usual["updatedTimestamp"] = emptied["updatedTimestamp"].clone();
    assert_eq!(emptied, usual);
}
