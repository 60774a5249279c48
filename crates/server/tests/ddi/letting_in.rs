//! Credentials.

use rstest::rstest;

use crate::scratch::Engine;
use crate::world::{DEVICE, TOKEN, World};

#[rstest]
#[tokio::test]
async fn everything_about_credentials_looks_the_same(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
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
            let mut request = world.get_unsigned(&format!("/{tenant}/controller/v1/{device}{rest}"));
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
    let Some(world) = World::on(engine).await else { return };
    world.push("1.0").await;
    for tenant in ["DEFAULT", "default", "lamps", "LAMPS"] {
        let request = world.get_unsigned(&format!("/{tenant}/controller/v1/{DEVICE}"));
        let response = request.header("Authorization", format!("TargetToken {TOKEN}")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        assert!(text.contains("/DEFAULT/controller/v1/dev-7/deploymentBase/1?c="), "{text}");
    }
}

#[rstest]
#[tokio::test]
async fn what_is_no_device_id_is_refused(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
    for id in ["a%20b", "a%2Fb", "%C3%BC", "%FF", &"x".repeat(129)] {
        let response = world.get_unsigned(&format!("/DEFAULT/controller/v1/{id}")).send().await.unwrap();
        assert_eq!(response.status(), 400, "{id}");
    }
}
