//! Secrets stay where they belong: a thousand requests with secrets in right and wrong places, and none of them is found
//! in the log, in an answer that is not the one to show it, in the audit log, or in the database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use data_encoding::BASE64;
use otaria_conformance::{Answer, Api, Engine, Noise, Server, contains};
use reqwest::{Method, RequestBuilder, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

const REQUESTS: usize = 1000;

#[track_caller]
fn text(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {record}")).to_owned()
}

/// Everything that an answer says: its status line has no words of its own.
fn whole(answer: &Answer) -> String {
    let headers =
        answer.headers.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    headers.chain([answer.text.clone()]).collect()
}

/// Secrets of every kind that are valid, with what they open.
struct Planted {
    server: Server,
    owner: Api,
    device_type: String,
    secrets: Vec<String>,
    /// Where metrics are asked for.
    metrics: String,
}

impl Planted {
    async fn plant(engine: Engine) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let metrics = format!("127.0.0.1:{port}");
        let everything = "otaria=trace,otaria_server=trace,otaria_store=trace,info";
        let settings = [("OTARIA_METRICS_LISTEN", metrics.as_str()), ("RUST_LOG", everything)];
        let server = Server::start_with(engine, &settings).await;
        let (partner, password) = (server.partner(), server.first("password"));
        let first = server.tokens("owner@example.com", &password).await.ok().body;
        let owner = server.anonymous().with_token(&text(&first, "access_token"));
        let device_type = owner.device_type(&partner, "Lamp").await;
        let invited =
            server.invite(&owner, &partner, "ann@example.com", &["owner"]).await.is(StatusCode::CREATED).body;
        let secret =
            owner.post(&format!("/v1/partners/{partner}/clientSecret"), json!({ "overlapSeconds": 3600 })).await;
        let gateway = json!({
            "name": "g", "mayRegister": true, "deviceTypeId": device_type, "accountId": server.account(),
        });
        let gateway =
            owner.post(&format!("/v1/partners/{partner}/gatewayTokens"), gateway).await.is(StatusCode::CREATED);
        let client = [("grant_type", "client_credentials")];
        let client =
            server.anonymous().token(&server.first("clientId"), &server.first("clientSecret"), &client).await;
        let mut secrets = vec![
            password,
            server.first("clientSecret"),
            text(&first, "access_token"),
            text(&first, "refresh_token"),
            text(&invited, "token"),
            text(&secret.is(StatusCode::CREATED).body, "clientSecret"),
            text(&gateway.body, "token"),
            text(&client.ok().body, "access_token"),
            owner.device(&server.account(), &device_type, "lamp").await,
        ];
        // What nobody has is no less secret: it is nearly right, or right elsewhere.
        secrets.extend(
            ["Pl4nted-pass word/1", "Planted@secret.word", "PLANTEDbutwrong", "pl\u{e4}nted\"quote\\2"]
                .map(str::to_owned),
        );
        Self { server, owner, device_type, secrets, metrics }
    }

    /// A request with a secret somewhere.
    fn request(&self, noise: &mut Noise) -> RequestBuilder {
        let secret = self.secrets[noise.below(self.secrets.len() as u64) as usize].clone();
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (partner, account) = (self.server.partner(), self.server.account());
        let anonymous = self.server.anonymous();
        let (id, client_secret) = (self.server.first("clientId"), self.server.first("clientSecret"));
        let form = |form: &[(&str, &str)]| {
            anonymous.request(Method::POST, "/oauth/token").basic_auth(&id, Some(&client_secret)).form(form)
        };
        let lists = ["pool", "pushes", "tags", "types", "events"];
        let list = format!("/v1/ota/partners/{partner}/{}", lists[noise.below(4) as usize]);
        let api = if noise.below(4) == 0 { &anonymous } else { &self.owner };
        let fields = [
            "name",
            "type",
            "version",
            "versionNumber",
            "associations",
            "tags",
            "email",
            "privileges",
            "expiresTimestamp",
            "mayRegister",
            "deviceTypeId",
            "accountId",
            "overlapSeconds",
            "attrId",
            "data",
            "value",
            "shortName",
            "partnerId",
        ];
        let field = fields[noise.below(fields.len() as u64) as usize];
        let posts = [
            format!("/v1/ota/partners/{partner}/pool"),
            format!("/v1/ota/partners/{partner}/types"),
            format!("/v1/ota/partners/{partner}/deviceTypes/{}/firmwareImages", self.device_type),
            format!("/v1/ota/partners/{partner}/binaries/moveToRepository"),
            format!("/v1/partners/{partner}/users"),
            format!("/v1/partners/{partner}/gatewayTokens"),
            format!("/v1/accounts/{account}/devices/lamp/actions"),
        ];
        let post = &posts[noise.below(posts.len() as u64) as usize];
        match noise.below(27) {
            0 => api.request(Method::GET, &format!("{list}?{encoded}=1&access_token={encoded}")),
            1 => api.request(
                Method::GET,
                &format!("{list}?sort={encoded}&page={encoded}&size={encoded}&state={encoded}"),
            ),
            2 => api.request(Method::GET, &format!("/{encoded}")),
            3 => api.request(Method::GET, &format!("/v1/ota/partners/{encoded}/pool")),
            4 => api.request(Method::GET, &format!("/v1/ota/partners/{partner}/pushes/{encoded}")),
            5 => api.request(Method::GET, &format!("/v1/ota/partners/{partner}/types/{encoded}")),
            6 => api.request(Method::DELETE, &format!("/v1/accounts/{account}/devices/{encoded}")),
            7 => api.request(Method::PATCH, &format!("/v1/accounts/{encoded}/devices")),
            8 => api.request(Method::GET, &list).header("authorization", format!("Bearer x{encoded}")),
            9 => api.request(Method::GET, &list).header("accept", &encoded),
            10 => api.request(Method::GET, &list).header("x-request-id", &encoded).header("cookie", &encoded),
            11 => api
                .request(Method::GET, &format!("/v1/ota/partners/{partner}/events"))
                .header("last-event-id", &encoded),
            12 => form(&[("grant_type", "password"), ("username", &secret), ("password", &secret)]),
            13 => form(&[("grant_type", &secret)]),
            14 => form(&[("grant_type", "refresh_token"), ("refresh_token", &format!("x{secret}"))]),
            15 => form(&[("grant_type", "client_credentials"), ("scope", &secret)]),
            16 => {
                anonymous.request(Method::POST, "/oauth/token").basic_auth(&secret, Some(&secret)).form(&[("a", "b")])
            }
            17 => anonymous.request(Method::POST, "/oauth/revoke").header("content-type", &encoded).body(secret),
            18 => api.request(Method::POST, post).json(&json!({ field: { &secret: secret } })),
            19 => api.request(Method::POST, post).json(&json!({ field: [secret, 1] })),
            20 => api
                .request(Method::POST, post)
                .json(&json!({ &secret: secret, "associations": { &secret: [secret] } })),
            21 => api.request(Method::POST, post).body(format!("{{\"{field}\": {secret}")),
            22 => api.request(Method::POST, post).body(secret),
            23 => anonymous
                .request(Method::POST, "/v1/invitations/accept")
                .json(&json!({ "token": format!("x{secret}"), "password": secret })),
            24 => {
                let schemes = ["TargetToken", "GatewayToken", "Basic", "Bearer"];
                let scheme = schemes[noise.below(4) as usize];
                let path =
                    format!("/{}/controller/v1/{}", if noise.below(2) == 0 { &partner } else { &encoded }, encoded);
                anonymous.request(Method::GET, &path).header("authorization", format!("{scheme} {encoded}"))
            }
            25 => {
                // Of other types, or with rules that a secret does not keep.
                let strict = [
                    "type",
                    "versionNumber",
                    "associations",
                    "privileges",
                    "expiresTimestamp",
                    "mayRegister",
                    "deviceTypeId",
                    "accountId",
                    "overlapSeconds",
                    "attrId",
                    "data",
                    "value",
                ];
                let field = strict[noise.below(strict.len() as u64) as usize];
                let rest = json!({ "name": "n", "version": "1", field: secret, "email": "x", "mayregister": true });
                api.request(Method::POST, post).json(&rest)
            }
            _ => {
                let token = self.secrets[8].clone();
                // What a device says is kept, without its own credential and what is known to be one by its form.
                let known = |secret: &&String| secret.starts_with("ota_") || **secret == token;
                let secret = self.secrets.iter().filter(known).nth(noise.below(7) as usize).unwrap();
                let encoded: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
                let path = format!("/{partner}/controller/v1/lamp/deploymentBase/{encoded}/feedback");
                let body = json!({ "status": { "execution": secret, "result": { "finished": secret } } });
                anonymous
                    .request(Method::POST, &path)
                    .header("authorization", format!("TargetToken {token}"))
                    .json(&body)
            }
        }
    }

    /// A secret as it might be written somewhere.
    fn forms(secret: &str) -> Vec<Vec<u8>> {
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let quoted = json!(secret).to_string();
        let trimmed = quoted.trim_matches('"').to_owned();
        [
            secret.to_owned(),
            secret.to_lowercase(),
            encoded.clone(),
            encoded.to_uppercase(),
            trimmed,
            BASE64.encode(secret.as_bytes()),
        ]
        .map(String::into_bytes)
        .to_vec()
    }

    /// The first secret that is in these bytes.
    fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        let is_in = |secret: &&String| Self::forms(secret).iter().any(|form| contains(bytes, form));
        self.secrets.iter().find(is_in).map(String::as_str)
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_nowhere_but_where_it_belongs(#[case] engine: Engine) {
    let mut planted = Planted::plant(engine).await;
    let mut noise = Noise::of_environment();
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for number in 0..REQUESTS {
        let request = planted.request(&mut noise).build();
        // What reqwest cannot send is no request.
        let Ok(request) = request else { continue };
        let line = format!(
            "{} {} {:?}",
            request.method(),
            request.url(),
            request.body().and_then(|body| body.as_bytes()).map(String::from_utf8_lossy)
        );
        let answer = Answer::of(RequestBuilder::from_parts(reqwest::Client::new(), request)).await;
        *statuses.entry(answer.status.as_u16()).or_default() += 1;
        if !answer.status.is_success() {
            let said = whole(&answer);
            assert_eq!(planted.found_in(said.as_bytes()), None, "request {number}, {line}: {said}");
        }
    }
    eprintln!("answers by status: {statuses:?}");
    assert!(statuses.len() >= 6, "{statuses:?}");
    let partner = planted.server.partner();
    let document = planted.owner.get("/openapi.json").await.ok();
    assert_eq!(planted.found_in(document.text.as_bytes()), None);
    let log = planted.owner.request(Method::GET, &format!("/v1/partners/{partner}/auditLog"));
    let log = Answer::of(log.header("accept", "application/x-ndjson")).await.ok();
    assert!(log.text.lines().count() > 20);
    if let Some(secret) = planted.found_in(log.text.as_bytes()) {
        let line = log.text.lines().find(|line| planted.found_in(line.as_bytes()).is_some());
        panic!("{secret} is in the audit log: {line:?}");
    }
    let metrics = reqwest::get(format!("http://{}/metrics", planted.metrics)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("otaria_http_requests_total"), "{metrics}");
    assert_eq!(planted.found_in(metrics.as_bytes()), None, "it is in the metrics");
    // What still waits to be written down is written at the end.
    planted.server.terminate();
    let dump = planted.server.dump().await;
    for known in [b"$argon2id$".as_slice(), b"POST /deploymentBase/***/feedback"] {
        assert!(contains(&dump, known), "{} is not in the database", String::from_utf8_lossy(known));
    }
    assert_eq!(planted.found_in(&dump), None, "it is in the database");
    let log = planted.server.log();
    if let Some(secret) = planted.found_in(log.as_bytes()) {
        let lines: Vec<_> = log.lines().filter(|line| planted.found_in(line.as_bytes()).is_some()).take(5).collect();
        panic!("{secret} is in the log: {lines:#?}");
    }
}
