//! The server with its repository on S3: what works there, what an operator is told, and what holds when S3 does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::time::Duration;

use hawkbit::ddi::{Client, ClientAuthorization, Execution, Finished};
use otaria_conformance::s3::{S3Server, SECRET_KEY};
use otaria_conformance::{Answer, Api, Engine, Noise, Server, until};
use reqwest::{Method, StatusCode, redirect};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const APPLICATION: i64 = 3;
const DEVICE: &str = "0011223344556677";
const MIB: usize = 1024 * 1024;

/// A server whose repository is on an S3 of its own.
struct Scene {
    s3: S3Server,
    server: Server,
    api: Api,
    partner: String,
}

impl Scene {
    async fn set(settings: &[(&str, &str)]) -> Self {
        let s3 = S3Server::start();
        let bucket = s3.settings("ota");
        let all: Vec<_> =
            bucket.iter().map(|(name, value)| (*name, value.as_str())).chain(settings.iter().copied()).collect();
        let server = Server::start_with(Engine::Sqlite, &all).await;
        let (api, partner) = (server.owner().await, server.partner());
        Self { s3, server, api, partner }
    }

    /// Waits until the bucket has these objects alone, by their sizes, and nothing unfinished.
    async fn holds(&self, sizes: &[u64]) {
        until("the bucket holds what it should and nothing else", async || {
            self.s3.objects().into_values().collect::<Vec<_>>() == sizes && self.s3.unfinished().is_empty()
        })
        .await;
    }

    /// A GET or HEAD of a url of the server's, redirects not followed.
    async fn ask(&self, method: Method, url: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let client = reqwest::Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        let request = client.request(method, url).bearer_auth(self.api.token.as_ref().unwrap());
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    }

    /// A device with an update of these bytes on offer: the client, and the device's token.
    async fn device_with_update(&self, bytes: Vec<u8>) -> (Client, String) {
        let device_type = self.api.device_type(&self.partner, "thermostat").await;
        let token = self.api.device(&self.server.account(), &device_type, DEVICE).await;
        let (_, image) = self.api.publish(&self.partner, &device_type, APPLICATION, "1.1", bytes).await;
        self.api.push(&self.partner, &device_type, &image, DEVICE).await.is(StatusCode::ACCEPTED);
        let authorization = ClientAuthorization::TargetToken(token.clone());
        let timeout = Some(Duration::from_secs(60));
        let client = Client::new(&self.server.url(), &self.partner, DEVICE, authorization, None, None, timeout);
        (client.unwrap(), token)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_updates_from_a_bucket() {
    let scene = Scene::set(&[]).await;
    let bytes = Noise::new(1).bytes(3 * MIB);
    let (device, token) = scene.device_with_update(bytes.clone()).await;
    scene.holds(&[3 * MIB as u64]).await;
    let update = device.poll().await.unwrap().update().expect("an update").fetch().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let downloaded = update.download(folder.path()).await.unwrap();
    assert!(std::fs::read(downloaded[0].file()).unwrap() == bytes);

    // The same by ranges, as a client goes on after a cut.
    let base = format!("/{}/controller/v1/{DEVICE}/deploymentBase/{}", scene.partner, update.action_id());
    let request = |path: &str| {
        let request = scene.api.http.get(format!("{}{path}", scene.server.url()));
        request.header("authorization", format!("TargetToken {token}"))
    };
    let deployment = Answer::of(request(&base)).await.ok().body;
    let artifact = &deployment["deployment"]["chunks"][0]["artifacts"][0];
    let href = artifact["_links"]["download-http"]["href"].as_str().unwrap();
    let path = href.strip_prefix(&scene.server.url()).unwrap();
    for (range, start, end) in
        [("bytes=0-0", 0, 1), ("bytes=1000000-1999999", 1_000_000, 2_000_000), ("bytes=-7", 3 * MIB - 7, 3 * MIB)]
    {
        let part = request(path).header("range", range).send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.headers()["content-range"], format!("bytes {start}-{}/{}", end - 1, 3 * MIB).as_str());
        assert!(part.bytes().await.unwrap() == bytes[start..end], "{range}");
    }
    update.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    assert!(!scene.server.log().contains(SECRET_KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_goes_up_in_parts_and_does_not_pass_through_memory() {
    let scene = Scene::set(&[]).await;
    let before = scene.server.peak_memory();
    let bytes = Noise::new(2).bytes(40 * MIB);
    let url = scene.api.publish_bytes(&scene.partner, bytes.clone()).await;
    scene.holds(&[40 * MIB as u64]).await;
    let down = scene.ask(Method::GET, &url, &[]).await;
    assert!(down.bytes().await.unwrap() == bytes);
    let grown = scene.server.peak_memory() - before;
    eprintln!("40 MiB went up and down in {} MiB", grown / MIB as u64);
    assert!(grown < 36 * MIB as u64, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_cut_or_refused_leaves_nothing_in_the_bucket() {
    let scene = Scene::set(&[("OTARIA_MAX_BINARY_BYTES", "30000000")]).await;
    let head = format!(
        "POST /v1/ota/partners/{}/binaries HTTP/1.1\r\nhost: otaria\r\nauthorization: Bearer {}\r\ncontent-length: 29000000\r\n\r\n",
        scene.partner,
        scene.api.token.as_ref().unwrap(),
    );
    let mut connection = TcpStream::connect(scene.server.url().strip_prefix("http://").unwrap()).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&Noise::new(3).bytes(20 * MIB)).await.unwrap();
    until("parts are in the bucket", async || !scene.s3.unfinished().is_empty()).await;
    drop(connection);
    scene.holds(&[]).await;

    let path = format!("/v1/ota/partners/{}/binaries", scene.partner);
    let wrong =
        scene.api.request(Method::POST, &path).header("content-digest", format!("sha-256=:{}=:", "A".repeat(43)));
    Answer::of(wrong.body(Noise::new(4).bytes(20 * MIB))).await.is_error(400, "bad_request");
    scene.holds(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_s3_is_away_requests_are_put_off_and_nothing_is_half_made() {
    let mut scene = Scene::set(&[]).await;
    let kept = scene.api.publish_bytes(&scene.partner, "kept").await;
    let large = Noise::new(5).bytes(20 * MIB);
    for stalls in [false, true] {
        if stalls {
            scene.s3.stall();
        } else {
            scene.s3.stop();
        }
        let (upload, download) = tokio::join!(
            scene.api.upload(&scene.partner, "new"),
            Answer::of(scene.api.http.get(&kept).bearer_auth(scene.api.token.as_ref().unwrap())),
        );
        for refused in [upload, download] {
            assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
            refused.is_error(503, "storage_unavailable");
        }
        // Whatever needs no bytes goes on.
        scene.api.get("/v1/users/me").await.ok();
        if stalls {
            scene.s3.go_on();
        } else {
            scene.s3.launch();
        }
    }
    let path = format!("/v1/ota/partners/{}/binaries/moveToRepository", scene.partner);
    // The SHA-256 of "new".
    let sha256 = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";
    scene.api.post(&path, json!({ "value": sha256 })).await.is_error(404, "not_found");
    assert_eq!(scene.ask(Method::GET, &kept, &[]).await.text().await.unwrap(), "kept");
    let again = scene.api.publish_bytes(&scene.partner, "new").await;
    assert!(again.ends_with(sha256), "{again}");
    scene.api.publish_bytes(&scene.partner, large).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_gone_from_the_bucket_are_told_and_logged() {
    let scene = Scene::set(&[]).await;
    let url = scene.api.publish_bytes(&scene.partner, "gone").await;
    let key = scene.s3.objects().into_keys().next().unwrap();
    std::fs::remove_file(scene.s3.bucket_folder().join(key)).unwrap();
    Answer::of(scene.api.http.get(&url).bearer_auth(scene.api.token.as_ref().unwrap())).await.is_error(410, "gone");
    until("the log says why", async || scene.server.log().contains("a request failed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_are_redirected_to_the_bucket_if_wanted() {
    let scene = Scene::set(&[("OTARIA_DOWNLOADS", "redirected")]).await;
    let bytes = Noise::new(6).bytes(3 * MIB);
    let (device, token) = scene.device_with_update(bytes.clone()).await;
    let url = scene.api.publish_bytes(&scene.partner, bytes.clone()).await;

    let redirected = scene.ask(Method::GET, &url, &[("range", "bytes=5-9")]).await;
    assert_eq!(redirected.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(redirected.headers()["cache-control"], "no-store");
    let link = redirected.headers()["location"].to_str().unwrap().to_owned();
    assert!(link.starts_with(&scene.s3.endpoint()), "{link}");
    // Whoever has the link needs nothing else, and may ask for a range there.
    let part = scene.api.http.get(&link).header("range", "bytes=5-9").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert!(part.bytes().await.unwrap() == bytes[5..10]);
    let forged = scene.api.http.get(link.replace("X-Amz-Expires=900", "X-Amz-Expires=9000")).send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);

    // Conditions are judged, and HEAD is answered, by the server itself.
    let head = scene.ask(Method::HEAD, &url, &[]).await;
    assert_eq!((head.status(), head.headers()["content-length"].to_str().unwrap()), (StatusCode::OK, "3145728"));
    let etag = head.headers()["etag"].to_str().unwrap();
    assert_eq!(scene.ask(Method::GET, &url, &[("if-none-match", etag)]).await.status(), StatusCode::NOT_MODIFIED);
    let failed = scene.ask(Method::GET, &url, &[("if-match", "\"other\"")]).await;
    assert_eq!(failed.status(), StatusCode::PRECONDITION_FAILED);

    // A device's own client follows.
    let update = device.poll().await.unwrap().update().expect("an update").fetch().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let downloaded = update.download(folder.path()).await.unwrap();
    assert!(std::fs::read(downloaded[0].file()).unwrap() == bytes);
    assert!(!token.is_empty() && !scene.server.log().contains(SECRET_KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_named_in_the_host_serves_as_well() {
    let s3 = S3Server::start_with_virtual_hosts();
    let settings = s3.settings("ota");
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let server = Server::start_with(Engine::Sqlite, &settings).await;
    let api = server.client().await;
    let bytes = Noise::new(7).bytes(9 * MIB);
    let url = api.publish_bytes(&server.partner(), bytes.clone()).await;
    until("the object is there", async || s3.objects().into_values().eq([9 * MIB as u64])).await;
    let down = api.http.get(url).bearer_auth(api.token.as_ref().unwrap()).send().await.unwrap();
    assert!(down.bytes().await.unwrap() == bytes);
}

/// What an operator sees who starts the server with one setting that is wrong.
fn refused(s3: &S3Server, name: &str, value: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(otaria_conformance::binary());
    command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder.path()).envs(s3.settings("ota"));
    let output = command.env(name, value).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_repository_that_cannot_be_used_is_named_at_the_start() {
    let s3 = S3Server::start();
    for (name, value, expected) in [
        ("AWS_SECRET_ACCESS_KEY", "hunter2", ["AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"]),
        ("AWS_ACCESS_KEY_ID", "AKIANOBODY", ["AWS_ACCESS_KEY_ID", "refuses the access key"]),
        ("OTARIA_REPOSITORY_URL", "s3://elsewhere/ota", ["repository_url", "has no such bucket"]),
        ("OTARIA_S3_ENDPOINT", "http://127.0.0.1:1", ["s3_endpoint", "cannot be reached"]),
        ("OTARIA_S3_URL_STYLE", "host", ["s3_url_style", "must be path or virtual-host"]),
        ("AWS_SECRET_ACCESS_KEY", "", ["AWS_SECRET_ACCESS_KEY", "must be set"]),
    ] {
        let text = refused(&s3, name, value);
        let last = text.lines().last().unwrap();
        assert!(expected.iter().all(|part| last.contains(part)), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let text = refused(&s3, "OTARIA_REPOSITORY_URL", "file:somewhere");
    assert!(text.contains("s3_endpoint: must be left out"), "{text}");
    assert!(s3.objects().is_empty(), "{:?}", s3.objects());
}
