//! Credentials.

use reqwest::Method;
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::scratch::Engine;
use crate::world::{DEVICE, TOKEN, World};

#[rstest]
#[tokio::test]
async fn everything_about_credentials_looks_the_same(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let good = format!("TargetToken {TOKEN}");
    for (tenant, device, token) in [
        ("DEFAULT", DEVICE, None),
        ("DEFAULT", DEVICE, Some("TargetToken 00000000000000000000000000000000".to_owned())),
        ("DEFAULT", DEVICE, Some("TargetToken ".to_owned())),
        ("DEFAULT", DEVICE, Some(format!("targettoken {TOKEN}"))),
        ("DEFAULT", DEVICE, Some(format!("TargetToken  {TOKEN}"))),
        ("DEFAULT", DEVICE, Some(format!("GatewayToken {TOKEN}"))),
        ("DEFAULT", DEVICE, Some(format!("Bearer {TOKEN}"))),
        ("DEFAULT", "dev-8", Some(good.clone())),
        ("DEFAULT", "DEV-7", Some(good.clone())),
        ("nobody", DEVICE, Some(good.clone())),
        ("%2F", DEVICE, Some(good.clone())),
    ] {
        for rest in ["", "/deploymentBase/1", "/softwaremodules/1/artifacts/a", "/cancelAction/1", "/installedBase/1"]
        {
            let mut request = world.get_without_token(&format!("/{tenant}/controller/v1/{device}{rest}"));
            if let Some(token) = &token {
                request = request.header("authorization", token);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401, "{tenant} {device} {token:?}");
            let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
            names.sort_unstable();
            assert_eq!(names, ["content-length", "date"]);
            assert!(response.bytes().await.unwrap().is_empty());
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_tenant_has_several_spellings(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    for tenant in ["DEFAULT", "default", "lamps", "LAMPS"] {
        let request = world.get_without_token(&format!("/{tenant}/controller/v1/{DEVICE}"));
        let response = request.header("Authorization", format!("TargetToken {TOKEN}")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        assert!(text.contains("/DEFAULT/controller/v1/dev-7/deploymentBase/1?c="), "{text}");
    }
}

#[rstest]
#[tokio::test]
async fn what_is_no_device_id_is_refused(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    for id in ["a%20b", "a%2Fb", "%C3%BC", "%FF", &"x".repeat(129)] {
        let response = world.get_without_token(&format!("/DEFAULT/controller/v1/{id}")).send().await.unwrap();
        assert_eq!(response.status(), 400, "{id}");
    }
    // Whoever writes a request by hand can send them.
    let token = world.gateway("plug and play", true).await;
    for id in [".", "..", "%2E%2e"] {
        let mut connection = world.connection().await;
        let request = format!(
            "GET /DEFAULT/controller/v1/{id} HTTP/1.1\r\nHost: otaria\r\nConnection: close\r\nAuthorization: GatewayToken {token}\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{id}: {answer}");
    }
}

#[rstest]
#[tokio::test]
async fn only_a_poll_registers_a_device(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let token = format!("GatewayToken {}", world.gateway("plug and play", true).await);
    let ask = async |method: Method, device: &str, rest: &str| {
        let request = world.without_token(method, &format!("/DEFAULT/controller/v1/{device}{rest}"));
        request.header("authorization", &token).send().await.unwrap().status().as_u16()
    };
    for (method, rest) in [
        (Method::HEAD, ""),
        (Method::POST, ""),
        (Method::GET, "/nonsense"),
        (Method::GET, "/deploymentBase/1"),
        (Method::POST, "/deploymentBase/1/feedback"),
        (Method::GET, "/cancelAction/1"),
        (Method::HEAD, "/confirmationBase"),
        (Method::GET, "/confirmationBase/1"),
        (Method::POST, "/confirmationBase/activateAutoConfirm"),
        (Method::PUT, "/installedBase"),
        (Method::PUT, "/configData"),
        (Method::GET, "/softwaremodules/1/artifacts"),
        (Method::GET, "/softwaremodules/1/artifacts/a"),
    ] {
        let status = ask(method.clone(), "new-1", rest).await;
        assert!(status == 401 || (status == 405 && rest.is_empty()), "{method} {rest}: {status}");
    }
    for (method, rest, status) in [
        (Method::HEAD, "/types/5", 401),
        (Method::GET, "/types/none", 401),
        (Method::GET, "/nonsense", 401),
        (Method::GET, "/types/5", 304),
    ] {
        let request = world.without_token(method.clone(), &format!("/DEFAULT/direct/v1/new-2{rest}"));
        let response = request.header("authorization", &token).send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {rest}");
    }
    assert_eq!(ask(Method::GET, "new-1", "").await, 200);
    assert_eq!(ask(Method::GET, "new-3", "/confirmationBase").await, 200);
    assert_eq!(ask(Method::GET, "new-3", "/nonsense").await, 404, "it is known by now");
}
