//! TLS without a proxy: clients that we did not write speak it with the server, those that mean harm are held to what
//! they are held to without it, and a certificate is renewed while the server runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use hawkbit::ddi::{Client, ClientAuthorization, Execution, Finished};
use otaria_conformance::{Api, Engine, Noise, Server, binary, until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use reqwest::tls::TlsInfo;
use reqwest::{Method, StatusCode};
use rstest::rstest;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What the servers here give a header, and a body that stands still.
const HEADER: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(2);
/// A machine under load is late, but not that late.
const LATE: Duration = Duration::from_secs(8);
const DEVICE: &str = "0011223344556677";

/// An authority, and a folder where the server's certificate and key are.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    /// A new one, which has given the server its first certificate.
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "An authority for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { folder: tempfile::tempdir().unwrap(), issuer };
        authority.put("ca.pem", &authority.ca());
        authority.install(&authority.pair(4096));
        authority
    }

    fn ca(&self) -> String {
        self.issuer.as_ref().pem()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A certificate for this machine that is valid until a year.
    fn pair(&self, until: i32) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    /// Puts a pair where the server looks for it.
    fn install(&self, pair: &Pair) {
        self.put("chain.pem", &pair.certificate);
        self.put("key.pem", &pair.key);
    }

    /// Puts a text where a file is, never half of it.
    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.path("new"), text).unwrap();
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    async fn server(&self, settings: &[(&str, &str)]) -> Server {
        let (certificate, key) = (self.text("chain.pem"), self.text("key.pem"));
        let mut all = vec![("OTARIA_TLS_CERTIFICATE", certificate.as_str()), ("OTARIA_TLS_KEY", key.as_str())];
        all.extend_from_slice(settings);
        Server::start_with(Engine::Sqlite, &all).await
    }

    /// A server that has little patience.
    async fn strict_server(&self) -> Server {
        self.server(&[("OTARIA_HEADER_SECONDS", "1"), ("OTARIA_IDLE_SECONDS", "2")]).await
    }

    /// Nobody, who trusts this authority and no other, on connections of their own.
    fn anonymous(&self, server: &Server) -> Api {
        let ca = reqwest::Certificate::from_pem(self.ca().as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([ca]).tls_info(true).build().unwrap();
        Api { http, url: server.url(), token: None }
    }

    async fn owner(&self, server: &Server) -> Api {
        let (password, api) = (server.first("password"), self.anonymous(server));
        let form = [("grant_type", "password"), ("username", "owner@example.com"), ("password", &password)];
        let answer = api.token(&server.first("clientId"), &server.first("clientSecret"), &form).await.ok();
        api.with_token(answer.body["access_token"].as_str().unwrap())
    }

    /// A client's settings for a plain socket.
    fn client(&self, protocols: &[&str]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca().as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut client = versions.with_root_certificates(roots).with_no_client_auth();
        client.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        client
    }

    /// What a client says first.
    fn greeting(&self) -> Vec<u8> {
        let name = ServerName::try_from("localhost").unwrap();
        let mut greeting = Vec::new();
        ClientConnection::new(Arc::new(self.client(&[])), name).unwrap().write_tls(&mut greeting).unwrap();
        greeting
    }

    /// A connection after the handshake.
    async fn connect(&self, server: &Server, protocol: &str) -> TlsStream<TcpStream> {
        let connector = TlsConnector::from(Arc::new(self.client(&[protocol])));
        let stream =
            connector.connect(ServerName::try_from("localhost").unwrap(), plain(server).await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        stream
    }

    /// The server is as if nothing had been: it answers at once, and has logged no failure.
    async fn unharmed(&self, server: &Server) {
        timeout(LATE, self.anonymous(server).get("/readyz")).await.unwrap().ok();
        let log = server.log();
        assert!(!["panicked", "ERROR", "WARN"].iter().any(|word| log.contains(word)), "{log}");
    }

    /// The certificate that new connections are shown, in DER.
    async fn shown(&self, server: &Server) -> Vec<u8> {
        certificate(&self.anonymous(server)).await
    }
}

/// The certificate of the connection that a client uses, in DER.
async fn certificate(api: &Api) -> Vec<u8> {
    let response = api.request(Method::GET, "/livez").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

fn der(pair: &Pair) -> Vec<u8> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap().to_vec()
}

/// A socket on which nothing was said yet.
async fn plain(server: &Server) -> TcpStream {
    TcpStream::connect(server.url().strip_prefix("https://").unwrap()).await.unwrap()
}

/// Everything that the server sends until it hangs up, which it must do by itself.
async fn until_closed(stream: &mut (impl AsyncRead + Unpin), within: Duration) -> Vec<u8> {
    let mut received = Vec::new();
    // A reset is a way of hanging up.
    drop(timeout(within, stream.read_to_end(&mut received)).await.expect("the server keeps the connection"));
    received
}

/// Sends bytes; the server may have hung up already.
async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: impl AsRef<[u8]>) -> bool {
    stream.write_all(bytes.as_ref()).await.is_ok() && stream.flush().await.is_ok()
}

fn hang_up(server: &Server) {
    assert!(Command::new("kill").args(["-HUP", &server.pid().to_string()]).status().unwrap().success());
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_speaks_it_in_every_version() {
    let authority = Authority::new();
    let server = authority.server(&[]).await;
    for (arguments, version) in [
        (vec!["--http1.1", "--tls-max", "1.2"], "1.1"),
        (vec!["--http1.1", "--tlsv1.3"], "1.1"),
        (vec!["--http2", "--tls-max", "1.2"], "2"),
        (vec!["--http2", "--tlsv1.3"], "2"),
        (vec!["--no-alpn"], "1.1"),
    ] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--cacert", &authority.text("ca.pem")]).args(&arguments);
        curl.args(["--output", "/dev/null", "--write-out", "%{http_version} %{scheme}"]);
        let output = curl.arg(format!("{}/readyz", server.url())).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).to_lowercase(),
            format!("{version} https"),
            "{arguments:?}"
        );
    }
    // Without the authority nobody is fooled.
    assert!(!Command::new("curl").arg("--silent").arg(server.url()).status().unwrap().success());
    authority.unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_updates_over_it() {
    let authority = Authority::new();
    let server = authority.server(&[]).await;
    let (api, partner) = (authority.owner(&server).await, server.partner());
    let device_type = api.device_type(&partner, "thermostat").await;
    let token = api.device(&server.account(), &device_type, DEVICE).await;
    let bytes = Noise::new(21).bytes(300_000);
    let (_, image) = api.publish(&partner, &device_type, 3, "1.1", bytes.clone()).await;
    let pushed = api.push(&partner, &device_type, &image, DEVICE).await.is(StatusCode::ACCEPTED);

    let (ca, authorization) = (authority.text("ca.pem"), ClientAuthorization::TargetToken(token));
    let device = Client::new(&server.url(), &partner, DEVICE, authorization, Some(&ca), None, Some(LATE)).unwrap();
    let update = device.poll().await.unwrap().update().expect("no update is offered").fetch().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = update.download(folder.path()).await.unwrap();
    files[0].check_sha256().await.unwrap();
    assert!(std::fs::read(files[0].file()).unwrap() == bytes);
    update.send_feedback(Execution::Closed, Finished::Success, vec!["runs"]).await.unwrap();
    let push: Value = api.get(pushed.headers["location"].to_str().unwrap()).await.ok().body;
    assert_eq!(push["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_comes_as_it_went() {
    let authority = Authority::new();
    let server = authority.server(&[]).await;
    let (api, bytes) = (authority.owner(&server).await, Noise::new(22).bytes(64 * 1024 * 1024));
    let url = api.publish_bytes(&server.partner(), bytes.clone()).await;
    assert!(url.starts_with(&format!("{}/", server.url())), "{url}");
    let header = format!("authorization: Bearer {}", api.token.as_ref().unwrap());
    for version in ["--http1.1", "--http2"] {
        let file = authority.path("download");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", version, "--header", &header, "--output"]).arg(&file);
        let output = curl.args(["--cacert", &authority.text("ca.pem"), &url]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(std::fs::read(&file).unwrap() == bytes, "{version}");
    }
}

#[rstest]
#[case::tls_1_0(1)]
#[case::tls_1_1(2)]
#[tokio::test(flavor = "multi_thread")]
async fn older_versions_are_refused(#[case] minor: u8) {
    let authority = Authority::new();
    let server = authority.strict_server().await;
    // A greeting (RFC 4346, section 7.4.1.2): a version, 32 random bytes, no session, two suites, no compression; and as
    // extensions a group, a form of its points, and a signature.
    let mut body = vec![3, minor];
    body.extend_from_slice(&Noise::new(23).bytes(32));
    body.extend_from_slice(&[0, 0, 4, 0xc0, 0x09, 0xc0, 0x13, 1, 0]);
    body.extend_from_slice(&[0, 22, 0, 10, 0, 4, 0, 2, 0, 29, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3]);
    let length = body.len() as u8;
    let mut greeting = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    greeting.extend_from_slice(&body);
    let mut stream = plain(&server).await;
    send(&mut stream, greeting).await;
    let answer = until_closed(&mut stream, LATE).await;
    // A fatal alert: protocol_version.
    assert!(matches!(answer[..], [21, 3, _, 0, 2, 2, 70]), "{answer:?}");
    authority.unharmed(&server).await;
}

#[derive(Clone, Copy)]
enum Begun {
    Nothing,
    HalfAGreeting,
    AGreeting,
    PlainHttp,
    Noise,
}

#[rstest]
#[case::nothing(Begun::Nothing)]
#[case::half_a_greeting(Begun::HalfAGreeting)]
#[case::a_greeting_and_nothing_more(Begun::AGreeting)]
#[case::plain_http(Begun::PlainHttp)]
#[case::noise(Begun::Noise)]
#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_stops_half_way_is_hung_up_on(#[case] begun: Begun) {
    let authority = Authority::new();
    let server = authority.strict_server().await;
    let greeting = authority.greeting();
    let begun = match begun {
        Begun::Nothing => Vec::new(),
        Begun::HalfAGreeting => greeting[..greeting.len() / 2].to_vec(),
        Begun::AGreeting => greeting,
        Begun::PlainHttp => b"GET /livez HTTP/1.1\r\nhost: otaria\r\n\r\n".to_vec(),
        Begun::Noise => Noise::new(24).bytes(100_000),
    };
    let mut streams = Vec::new();
    for _ in 0..50 {
        let mut stream = plain(&server).await;
        send(&mut stream, &begun).await;
        streams.push(stream);
    }
    // Meanwhile others are served.
    authority.unharmed(&server).await;
    for stream in &mut streams {
        let answer = until_closed(stream, HEADER + LATE).await;
        assert!(!answer.starts_with(b"HTTP"));
    }
    authority.unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greeting_byte_by_byte_has_one_deadline() {
    let authority = Authority::new();
    let server = authority.strict_server().await;
    let mut stream = plain(&server).await;
    let drip = async {
        for byte in authority.greeting() {
            let mut read = [0; 256];
            let is_open = send(&mut stream, [byte]).await
                && !matches!(timeout(Duration::from_millis(50), stream.read(&mut read)).await, Ok(Ok(0) | Err(_)));
            if !is_open {
                return true;
            }
        }
        false
    };
    assert!(timeout(HEADER + LATE, drip).await.expect("the server takes it for ever"));
    authority.unharmed(&server).await;
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// A header block for a GET (RFC 7541): indexed fields, and literals without indexing.
fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x87];
    for (name, value) in [(":path", path), (":authority", "otaria")] {
        block.push(0);
        for text in [name, value] {
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

#[rstest]
#[case::nothing("http/1.1", &[])]
#[case::half_a_header("http/1.1", b"GET /livez HTTP/1.1\r\nhost: ota")]
#[case::a_preface_and_nothing_more("h2", PREFACE)]
#[tokio::test(flavor = "multi_thread")]
async fn a_header_behind_it_has_its_deadline(#[case] protocol: &str, #[case] begun: &[u8]) {
    let authority = Authority::new();
    let server = authority.strict_server().await;
    let mut stream = authority.connect(&server, protocol).await;
    send(&mut stream, begun).await;
    until_closed(&mut stream, HEADER + LATE).await;
    authority.unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_frame_behind_it_has_its_deadline() {
    let authority = Authority::new();
    let server = authority.strict_server().await;
    let mut stream = authority.connect(&server, "h2").await;
    let whole = frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/livez"));
    let half = &frame(HEADERS, END_HEADERS | END_STREAM, 3, &get("/livez"))[..12];
    send(&mut stream, [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(SETTINGS, 1, 0, &[]), &whole, half].concat())
        .await;
    let answer = until_closed(&mut stream, HEADER + LATE).await;
    assert!(answer.windows(4).any(|window| window == b"live"), "{answer:?}");
    authority.unharmed(&server).await;
}

/// How many files of the repository the server has open.
fn downloads(server: &Server) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let targets = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    targets.filter(|target| target.starts_with(server.data().join("repository"))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_behind_it_that_takes_nothing_is_cut_off() {
    let authority = Authority::new();
    let server = authority.strict_server().await;
    let (api, size) = (authority.owner(&server).await, 32 * 1024 * 1024);
    let url = api.publish_bytes(&server.partner(), Noise::new(25).bytes(size)).await;
    let (path, token) = (url.strip_prefix(&server.url()).unwrap(), api.token.unwrap());
    let mut over_1 = authority.connect(&server, "http/1.1").await;
    send(&mut over_1, format!("GET {path} HTTP/1.1\r\nhost: otaria\r\nauthorization: Bearer {token}\r\n\r\n")).await;
    until("the download is under way", || async { downloads(&server) == 1 }).await;

    // One that keeps its socket busy, and takes nothing all the same: its window is never opened.
    let mut over_2 = authority.connect(&server, "h2").await;
    let closed_window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/openapi.json"));
    send(&mut over_2, [PREFACE, &closed_window, &request].concat()).await;
    let pings = async {
        while send(&mut over_2, frame(PING, 0, 0, &[0; 8])).await {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(IDLE * 2 + LATE, pings).await.expect("pings keep a stalled answer");
    until("the download is cut off", || async { downloads(&server) == 0 }).await;
    assert!(until_closed(&mut over_1, LATE).await.len() < size);
    authority.unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_shown_to_those_who_come_and_cuts_nobody_off() {
    let authority = Authority::new();
    let server = authority.server(&[("OTARIA_HEADER_SECONDS", "60")]).await;
    let old = authority.anonymous(&server);
    let first = certificate(&old).await;
    // Unasked, within a few seconds.
    let second = authority.pair(4000);
    authority.install(&second);
    until("the second certificate is shown", || async { authority.shown(&server).await == der(&second) }).await;
    // And when told to.
    let third = authority.pair(4001);
    authority.install(&third);
    hang_up(&server);
    until("the third certificate is shown", || async { authority.shown(&server).await == der(&third) }).await;
    assert_ne!(first, der(&third));
    assert_eq!(certificate(&old).await, first, "the old connection was cut");
    assert_eq!(server.log().matches("a new TLS certificate is shown").count(), 2, "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_new_pair_changes_nothing_and_is_said_once() {
    let authority = Authority::new();
    let server = authority.server(&[]).await;
    let first = authority.shown(&server).await;
    let complaints = || server.log().matches("the new TLS certificate cannot be used").count();
    let (other, next) = (authority.pair(4000), authority.pair(4001));
    let broken: [(&str, &str, &dyn Fn()); 3] = [
        ("does not belong", "key.pem", &|| authority.put("key.pem", &other.key)),
        ("no certificate", "chain.pem", &|| authority.put("chain.pem", "nonsense")),
        ("cannot be read", "chain.pem", &|| std::fs::remove_file(authority.path("chain.pem")).unwrap()),
    ];
    for (number, (why, file, damage)) in broken.into_iter().enumerate() {
        damage();
        hang_up(&server);
        until("it is said what is wrong", || async { complaints() == number + 1 }).await;
        let log = server.log();
        let last = log.lines().rfind(|line| line.contains("cannot be used")).unwrap();
        assert!(last.contains(why) && last.contains(file), "{last}");
        assert_eq!(authority.shown(&server).await, first);
    }
    for _ in 0..5 {
        hang_up(&server);
        assert_eq!(authority.shown(&server).await, first);
    }
    authority.install(&next);
    hang_up(&server);
    until("the whole pair is shown", || async { authority.shown(&server).await == der(&next) }).await;
    assert!(complaints() <= 4, "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_a_good_pair_says_what_is_wrong() {
    let authority = Authority::new();
    let server = Server::start(Engine::Sqlite).await;
    authority.put("other.pem", &authority.pair(4000).key);
    authority.put("empty.pem", "");
    authority.put("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n");
    authority.put("junk.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    for (certificate, key, what) in [
        ("missing.pem", "key.pem", "tls_certificate: MISSING cannot be read: No such file"),
        ("chain.pem", "missing.pem", "tls_key: MISSING cannot be read: No such file"),
        ("empty.pem", "key.pem", "tls_certificate: there is no certificate in EMPTY"),
        ("key.pem", "key.pem", "tls_certificate: there is no certificate in KEY"),
        ("cut.pem", "key.pem", "tls_certificate: CUT is no PEM"),
        ("junk.pem", "key.pem", "JUNK and KEY cannot be used: invalid peer certificate"),
        ("chain.pem", "chain.pem", "tls_key: there is no private key without a passphrase in CHAIN"),
        ("chain.pem", "other.pem", "tls_key: the key in OTHER does not belong to the first certificate in CHAIN"),
    ] {
        let mut serve = server.command(&["serve", "--listen", "127.0.0.1:0"]);
        serve.env("OTARIA_TLS_CERTIFICATE", authority.path(certificate)).env("OTARIA_TLS_KEY", authority.path(key));
        let output = serve.output().unwrap();
        let mut expected = what.to_owned();
        for name in ["missing", "empty", "key", "cut", "junk", "chain", "other"] {
            expected = expected.replace(&name.to_uppercase(), &authority.text(&format!("{name}.pem")));
        }
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(&expected), "{expected:?} is not in {}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_shown_with_a_warning() {
    let authority = Authority::new();
    let expired = authority.pair(2020);
    authority.install(&expired);
    let server = authority.server(&[]).await;
    assert!(server.log().contains("a TLS certificate has expired"), "{}", server.log());
    let request = authority.anonymous(&server).request(Method::GET, "/livez").send().await;
    assert!(format!("{:?}", request.unwrap_err()).contains("Expired"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_asked_whether_it_is_ready_without_an_authority() {
    let authority = Authority::new();
    let mut server = authority.server(&[]).await;
    let ready = server.command(&["ready"]).output().unwrap();
    assert!(ready.status.success(), "{}", said(&ready));
    assert_eq!(server.first("publicUrl"), server.url());
    server.kill();
    assert!(!server.command(&["ready"]).output().unwrap().status.success());
}

#[test]
fn the_demo_goes_on_without_it() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut demo = Command::new(binary());
    demo.args(["demo", "--once", "--listen", &format!("127.0.0.1:{port}")]).current_dir(folder.path());
    demo.env("OTARIA_TLS_CERTIFICATE", authority.path("chain.pem")).env("OTARIA_TLS_KEY", authority.path("key.pem"));
    let output = demo.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}
