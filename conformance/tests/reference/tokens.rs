//! The forms of `/oauth` and its metadata; who gets which token is in `sign_in.rs`

use otaria_conformance::{Answer, Engine, fields_are};
use reqwest::Method;
use rstest::rstest;
use serde_json::json;

use crate::{Here, text};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_metadata_says_where_and_how(#[case] engine: Engine) {
    let here = Here::start_with(engine, &[("OTARIA_PUBLIC_URL", "https://ota.example.com/base/")]).await;
    let metadata = here.server.anonymous().get("/.well-known/oauth-authorization-server").await.ok().body;
    let basic = json!(["client_secret_basic"]);
    let expected = json!({
        "issuer": "https://ota.example.com/base",
        "token_endpoint": "https://ota.example.com/base/oauth/token",
        "revocation_endpoint": "https://ota.example.com/base/oauth/revoke",
        "grant_types_supported": ["password", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": basic,
        "revocation_endpoint_auth_methods_supported": basic,
        "response_types_supported": [],
        "scopes_supported": ["partner", "account"],
    });
    assert_eq!(metadata, expected);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn tokens_are_answered_and_refused_as_rfc_6749_says(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let (id, secret) = (here.server.first("clientId"), here.server.first("clientSecret"));
    let password = here.server.first("password");
    let ask = async |form: &[(&str, &str)]| here.server.anonymous().token(&id, &secret, form).await;
    let known = [("username", "owner@example.com"), ("password", password.as_str())];

    let person = ask(&[&[("grant_type", "password"), ("scope", "account partner")], &known[..]].concat()).await.ok();
    fields_are(&person.body, &["access_token", "token_type", "expires_in", "scope", "refresh_token"]);
    assert_eq!(person.headers["cache-control"], "no-store");
    assert_eq!((text(&person.body, "token_type"), text(&person.body, "scope")), ("bearer", "partner account"));
    let seconds = person.body["expires_in"].as_i64().unwrap();
    assert!((3 * 3600..=5 * 3600).contains(&seconds), "about four hours, not {seconds} seconds");
    let client = ask(&[("grant_type", "client_credentials")]).await.ok().body;
    fields_are(&client, &["access_token", "token_type", "expires_in", "scope"]);
    // A readable prefix and 256 random bits: 43 characters of base64url.
    let (prefix, random) = text(&client, "access_token").split_at(text(&client, "access_token").len() - 43);
    assert!(prefix.len() > 1 && prefix.ends_with('_'), "{prefix}");
    assert!(random.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{random}");

    let missing_user = [("grant_type", "password"), ("password", "x")];
    let twice = [("grant_type", "client_credentials"), ("grant_type", "client_credentials")];
    for (form, code) in [
        (&[("grant_type", "authorization_code")][..], "unsupported_grant_type"),
        (&[("grant_type", "CLIENT_CREDENTIALS")], "unsupported_grant_type"),
        (&[], "invalid_request"),
        (&[("grant_type", "")], "invalid_request"),
        (&missing_user, "invalid_request"),
        (&[("grant_type", "refresh_token")], "invalid_request"),
        (&twice, "invalid_request"),
        (&[("grant_type", "client_credentials"), ("scope", "admin")], "invalid_scope"),
        (&[("grant_type", "refresh_token"), ("refresh_token", "nonsense")], "invalid_grant"),
    ] {
        ask(form).await.is_error(400, code);
    }
    for endpoint in ["/oauth/token", "/oauth/revoke"] {
        let send = |content_type: Option<&'static str>, body: &'static str| {
            let mut request = here.server.anonymous().request(Method::POST, endpoint).basic_auth(&id, Some(&secret));
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            Answer::of(request.body(body))
        };
        for content_type in [Some("application/json"), Some("multipart/form-data"), None] {
            send(content_type, "grant_type=client_credentials&token=x").await.is_error(415, "unsupported_media_type");
        }
        let form = Some("application/x-www-form-urlencoded; charset=utf-8");
        send(form, "grant_type=client_credentials&token=x").await.ok();
        send(form, "grant_type=%ff&to")
            .await
            .is_error(400, if endpoint.ends_with("token") { "unsupported_grant_type" } else { "invalid_request" });
    }
}
