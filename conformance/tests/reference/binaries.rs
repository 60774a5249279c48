//! `/binaries`

use std::path::Path;

use data_encoding::{BASE64, HEXLOWER};
use otaria_conformance::{Answer, Engine, fields_are, until};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::Here;

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_upload_is_named_by_its_digest_and_moved_once(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let bytes = b"firmware".repeat(1000);
    let value = sha256(&bytes);
    let uploaded = here.api.upload(&here.partner, bytes.clone()).await.ok().body;
    assert_eq!(uploaded, json!({ "value": value }));
    // The same again, without a length, as a form, and with no type at all.
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = bytes.chunks(1000).map(|piece| Ok(piece.to_vec())).collect();
    let stream = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    assert_eq!(here.api.upload(&here.partner, stream).await.ok().body, uploaded);
    let form = Form::new().text("note", "not the file").part("file", Part::bytes(bytes.clone()).file_name("app.bin"));
    let request = here.api.request(Method::POST, &here.ota("binaries")).multipart(form);
    assert_eq!(Answer::of(request).await.ok().body, uploaded);

    let file = here.ota(&format!("binaries/{value}"));
    here.api.get(&file).await.is_error(404, "not_found");
    let moving = here.ota("binaries/moveToRepository");
    let moved = here.api.post(&moving, uploaded.clone()).await.ok().body;
    fields_are(&moved, &["value"]);
    assert_eq!(moved["value"], format!("{}{file}", here.server.first("publicUrl")));
    assert_eq!(here.api.post(&moving, uploaded).await.ok().body, moved);
    // Uploaded again, it stays moved.
    here.api.upload(&here.partner, bytes.clone()).await.ok();
    let fetched = here.api.get(&file).await.ok();
    assert_eq!(fetched.text.as_bytes(), bytes);

    let absent = sha256(b"never uploaded");
    here.api.post(&moving, json!({ "value": absent })).await.is_error(404, "not_found");
    here.api.get(&here.ota(&format!("binaries/{absent}"))).await.is_error(404, "not_found");
    for wrong in [json!({}), json!({ "value": null }), json!({ "value": "app.bin" }), json!({ "value": 5 })] {
        assert_eq!(here.api.post(&moving, wrong).await.is_error(400, "invalid_fields").fields(), ["value"]);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_file_comes_in_ranges_and_with_a_tag(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let url = here.api.publish_bytes(&here.partner, "0123456789").await;
    let path = url.strip_prefix(&here.server.url()).unwrap();
    let get = |name: &'static str, value: &str| Answer::of(here.api.request(Method::GET, path).header(name, value));
    let whole = here.api.get(path).await.ok();
    assert_eq!((whole.text.as_str(), &whole.headers["content-length"]), ("0123456789", &"10".parse().unwrap()));
    assert_eq!(whole.headers["content-type"], "application/octet-stream");
    let tag = whole.headers["etag"].to_str().unwrap();

    for (range, text, of) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
    ] {
        let part = get("range", range).await.is(StatusCode::PARTIAL_CONTENT);
        assert_eq!((part.text.as_str(), part.headers["content-range"].to_str().unwrap()), (text, of));
    }
    let outside = get("range", "bytes=10-").await.is(StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.headers["content-range"], "bytes */10");
    assert_eq!(get("if-none-match", tag).await.is(StatusCode::NOT_MODIFIED).text, "");
    // A file is no JSON: what a client says about JSON does not matter here.
    get("accept", "application/octet-stream").await.ok();
    let head = Answer::of(here.api.request(Method::HEAD, path)).await.ok();
    assert_eq!((head.text.as_str(), &head.headers["content-length"]), ("", &whole.headers["content-length"]));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_is_no_file_is_refused_and_leaves_nothing(#[case] engine: Engine) {
    let here = Here::start_with(engine, &[("OTARIA_MAX_BINARY_BYTES", "1000")]).await;
    let path = here.ota("binaries");
    here.api.upload(&here.partner, vec![7; 1000]).await.ok();
    let kept = here.server.repository_files();
    assert_eq!(kept.len(), 1);

    here.api.upload(&here.partner, vec![7; 1001]).await.is_error(413, "payload_too_large");
    let pieces = (0..2).map(|_| Ok::<_, std::io::Error>(vec![7; 501]));
    let stream = reqwest::Body::wrap_stream(futures::stream::iter(pieces.collect::<Vec<_>>()));
    here.api.upload(&here.partner, stream).await.is_error(413, "payload_too_large");
    here.api.upload(&here.partner, "").await.is_error(400, "bad_request");
    let forms = [
        Form::new().part("file", Part::bytes(Vec::new()).file_name("empty.bin")),
        Form::new().text("file", "without a file's name"),
        Form::new(),
    ];
    for form in forms {
        let request = here.api.request(Method::POST, &path).multipart(form);
        Answer::of(request).await.is_error(400, "bad_request");
    }
    let no_boundary = here.api.send(Method::POST, &path, Some("multipart/form-data"), "x").await;
    no_boundary.is_error(400, "bad_request");
    for media_type in ["application/json", "text/plain"] {
        let refused = here.api.send(Method::POST, &path, Some(media_type), "x").await;
        refused.is_error(415, "unsupported_media_type");
    }

    let digest = |of: &[u8]| format!("sha-256=:{}:", BASE64.encode(&Sha256::digest(of)));
    for header in ["content-digest", "repr-digest"] {
        let upload = |digest: String| {
            let request = here.api.request(Method::POST, &path).header("content-type", "application/octet-stream");
            Answer::of(request.header(header, digest).body("announced"))
        };
        upload(digest(b"something else")).await.is_error(400, "bad_request");
        upload("sha-256=:AAAA:".to_owned()).await.is_error(400, "bad_request");
        here.api
            .post(&here.ota("binaries/moveToRepository"), json!({ "value": sha256(b"announced") }))
            .await
            .is_error(404, "not_found");
    }
    assert_eq!(here.server.repository_files(), kept);
    let request = here.api.request(Method::POST, &path).header("content-type", "application/octet-stream");
    let request = request.header("content-digest", format!("md5=:AAAA:, {}", digest(b"announced")));
    assert_eq!(Answer::of(request.body("announced")).await.ok().body["value"], sha256(b"announced"));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_file_that_was_lost_or_cut_short_is_whole_again_once_it_is_uploaded_again(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let bytes = vec![7; 10_000];
    let url = here.api.publish_bytes(&here.partner, bytes.clone()).await;
    let moving = here.ota("binaries/moveToRepository");
    let value = json!({ "value": sha256(&bytes) });
    let damage: [fn(&Path); 2] =
        [|file| std::fs::remove_file(file).unwrap(), |file| std::fs::write(file, [7; 9_999]).unwrap()];
    for damage in damage {
        damage(&here.server.repository_files()[0].0);
        // Whoever asks whether the server has it is told to send it.
        here.api.post(&moving, value.clone()).await.is_error(404, "not_found");
        assert_eq!(here.api.upload(&here.partner, bytes.clone()).await.ok().body, value);
        here.api.post(&moving, value.clone()).await.ok();
        let stored = here.api.http.get(&url).bearer_auth(here.api.token.as_ref().unwrap()).send().await.unwrap();
        assert!(stored.bytes().await.unwrap() == bytes);
        until("there is one copy", || async { here.server.repository_files().len() == 1 }).await;
    }
}
