//! Credentials.

use reqwest::Method;
use rstest::rstest;

use crate::scratch::Engine;
use crate::world::{DEVICE, TOKEN, World};
use crate::{APPLICATION, basic, path};

#[rstest]
#[tokio::test]
async fn everything_about_credentials_looks_the_same(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.publish("1.1").await;
    let good = basic(DEVICE, TOKEN);
    let base = format!("/DEFAULT/direct/v1/{DEVICE}");
    for (path, shown) in [
        (path(APPLICATION), None),
        (path(APPLICATION), Some(basic(DEVICE, "00000000000000000000000000000000"))),
        (path(APPLICATION), Some(basic("dev-8", TOKEN))),
        (path(APPLICATION), Some(basic("", TOKEN))),
        (path(APPLICATION), Some(basic(DEVICE, ""))),
        (path(APPLICATION), Some(format!("Basic {TOKEN}"))),
        (path(APPLICATION), Some(format!("Bearer {TOKEN}"))),
        (path(APPLICATION), Some(format!("GatewayToken {TOKEN}"))),
        (path(APPLICATION).replace("DEFAULT", "nobody"), Some(good.clone())),
        (path(APPLICATION).replace(DEVICE, "dev-8"), Some(basic("dev-8", TOKEN))),
        (format!("{base}/types/999"), None),
        (format!("{base}/anything"), None),
    ] {
        let mut request = world.without_token(Method::GET, &path);
        if let Some(shown) = &shown {
            request = request.header("authorization", shown);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401, "{path} {shown:?}");
        let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-length", "date"]);
        assert!(response.bytes().await.unwrap().is_empty());
    }
    let token = format!("TargetToken {TOKEN}");
    for shown in [&good, &token] {
        let ask = |path: String| world.without_token(Method::HEAD, &path).header("authorization", shown).send();
        assert_eq!(ask(path(APPLICATION)).await.unwrap().status(), 200);
        assert_eq!(ask(path(APPLICATION).to_lowercase()).await.unwrap().status(), 200);
        assert_eq!(ask(format!("{base}/anything")).await.unwrap().status(), 404);
        assert_eq!(ask(path(APPLICATION).replace(DEVICE, "a%20b")).await.unwrap().status(), 400);
    }
}

#[rstest]
#[tokio::test]
async fn the_other_protocol_takes_no_passwords(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let request = world.without_token(Method::GET, &format!("/DEFAULT/controller/v1/{DEVICE}"));
    assert_eq!(request.header("authorization", basic(DEVICE, TOKEN)).send().await.unwrap().status(), 401);
}
