//! Signed links to artifacts, which open them without a credential.

use std::time::Duration;

use otaria_core::push::PushState;
use otaria_server::RawSettings;
use otaria_store::scopes::{Caller, WriteAccount};
use otaria_store::{Error, SecretHash, devices};
use reqwest::header::HeaderMap;
use rstest::rstest;
use serde_json::Value;

use crate::scratch::Engine;
use crate::world::{DEVICE, World};

const LIFETIME: Duration = Duration::from_secs(4000);
const STEP: Duration = Duration::from_secs(1000);

fn signed(raw: &mut RawSettings) {
    raw.artifact_links = Some("signed".to_owned());
    raw.artifact_link_seconds = Some(LIFETIME.as_secs());
}

impl World {
    async fn deployment(&self) -> Value {
        self.get("/deploymentBase/1").send().await.unwrap().json().await.unwrap()
    }

    /// The paths of the links to the file and to its sum, each with what it is signed with.
    async fn links(&self) -> [String; 2] {
        let deployment = self.deployment().await;
        let links = &deployment["deployment"]["chunks"][0]["artifacts"][0]["_links"];
        ["download-http", "md5sum-http"].map(|name| self.path(links, name).to_owned())
    }

    /// What whoever has a link gets, without showing anything else.
    async fn follow(&self, link: &str) -> u16 {
        self.get_without_token(&self.below(link)).send().await.unwrap().status().as_u16()
    }

    fn below(&self, path: &str) -> String {
        format!("/DEFAULT/controller/v1/{DEVICE}{path}")
    }

    async fn account(&self) -> WriteAccount {
        let account = self.shown().await.account_id;
        let maker = Caller::Client { partner_id: self.partner.partner_id() };
        maker.write_account(&mut self.conn().await, account).await.unwrap().unwrap()
    }
}

#[rstest]
#[tokio::test]
async fn a_signed_link_opens_its_file_in_every_way(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::with(engine, signed).await;
    let pushed = world.push("1.0").await;
    let [file, sum] = world.links().await;
    assert!(file.starts_with("/softwaremodules/1/artifacts/root%20fs%2B1.swu?expires="), "{file}");
    assert!(sum.starts_with("/softwaremodules/1/artifacts/root%20fs%2B1.swu.MD5SUM?expires="), "{sum}");
    let list: Value = world.get("/softwaremodules/1/artifacts").send().await.unwrap().json().await.unwrap();
    assert_eq!(world.path(&list[0]["_links"], "download-http"), file);

    let ask = |headers: &[(&'static str, &str)]| {
        let request = world.get_without_token(&world.below(&file));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send()
    };
    let whole = ask(&[]).await.unwrap();
    assert_eq!(whole.status(), 200);
    let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(whole.headers()["content-disposition"], "attachment; filename=\"root fs+1.swu\"");
    assert_eq!(whole.bytes().await.unwrap(), world.bytes);
    assert_eq!(world.state(&pushed).await, PushState::Downloading);
    let part = ask(&[("range", "bytes=700000-"), ("if-range", &etag)]).await.unwrap();
    assert_eq!(
        (part.status().as_u16(), &part.headers()["content-range"]),
        (206, &"bytes 700000-999999/1000000".parse().unwrap())
    );
    assert_eq!(part.bytes().await.unwrap(), &world.bytes[700_000..]);
    assert_eq!(ask(&[("range", "bytes=1000000-")]).await.unwrap().status(), 416);
    assert_eq!(ask(&[("if-none-match", &etag)]).await.unwrap().status(), 304);
    let head = world.head_without_token(&world.below(&file)).send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"1000000".parse().unwrap()));
    let summed = world.get_without_token(&world.below(&sum)).send().await.unwrap().text().await.unwrap();
    assert!(summed.ends_with("  root fs+1.swu"), "{summed}");
    // A credential opens it as before, with what it is signed with and without.
    assert_eq!(world.get(&file).send().await.unwrap().status(), 200);
    assert_eq!(world.get(file.split('?').next().unwrap()).send().await.unwrap().status(), 200);
}

#[rstest]
#[tokio::test]
async fn a_signed_link_opens_nothing_else(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::with(engine, signed).await;
    world.push("1.0").await;
    let [file, sum] = world.links().await;
    assert_eq!(world.follow(&file).await, 200);
    let (path, query) = file.split_once('?').unwrap();
    let (expires, signature) = query.strip_prefix("expires=").unwrap().split_once("&signature=").unwrap();
    let later = expires.parse::<i64>().unwrap() + 1;
    let other = signature.replacen(|_: char| true, if signature.starts_with('A') { "B" } else { "A" }, 1);
    let refused = world.get_without_token(&world.below("")).send().await.unwrap();
    let seen = |headers: &HeaderMap| {
        let mut headers = headers.clone();
        headers.remove("date");
        headers
    };
    let first = seen(refused.headers());
    for wrong in [
        path.to_owned(),
        format!("{path}?"),
        format!("{path}?expires={later}&signature={signature}"),
        format!("{path}?expires=99999999999999999999&signature={signature}"),
        format!("{path}?expires=&signature={signature}"),
        format!("{path}?expires={expires}&signature={other}"),
        format!("{path}?expires={expires}&signature={}", &signature[1..]),
        format!("{path}?expires={expires}&signature="),
        format!("{path}?expires={expires}"),
        format!("{path}?signature={signature}"),
        format!("{path}?{}", sum.split_once('?').unwrap().1),
        format!("/softwaremodules/1/artifacts/other.swu?{query}"),
        format!("/softwaremodules/2/artifacts/root%20fs%2B1.swu?{query}"),
        format!("/softwaremodules/1/artifacts?{query}"),
        format!("/deploymentBase/1?{query}"),
    ] {
        let answer = world.get_without_token(&world.below(&wrong)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), seen(answer.headers())), (401, first.clone()), "{wrong}");
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    for (tenant, device) in [("DEFAULT", "dev-8"), ("nobody", DEVICE)] {
        let path = format!("/{tenant}/controller/v1/{device}{file}");
        assert_eq!(world.get_without_token(&path).send().await.unwrap().status(), 401);
    }
    // A header decides alone.
    let request = world.get_without_token(&world.below(&file)).header("Authorization", "TargetToken 0");
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[rstest]
#[tokio::test]
async fn what_ends_a_link(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::with(engine, signed).await;
    let pushed = world.push("1.0").await;
    let list: Value = world.get("/softwaremodules/1/artifacts").send().await.unwrap().json().await.unwrap();
    let withdrawn = world.path(&list[0]["_links"], "download-http").to_owned();
    world.cancel(&pushed).await;
    assert_eq!(world.follow(&withdrawn).await, 404);

    // Time.
    world.push("2.0").await;
    let link = async || {
        let list: Value = world.get("/softwaremodules/2/artifacts").send().await.unwrap().json().await.unwrap();
        world.path(&list[0]["_links"], "download-http").to_owned()
    };
    let first = link().await;
    world.wait(LIFETIME - Duration::from_secs(1));
    assert_eq!(world.follow(&first).await, 200);
    world.wait(STEP + Duration::from_secs(1));
    assert_eq!(world.follow(&first).await, 401);

    // Another token, which the device must be given first.
    let second = link().await;
    assert_eq!(world.follow(&second).await, 200);
    let (account, device) = (world.account().await, world.device());
    let replaced = world.store.write(move |tx| {
        Box::pin(async move { devices::replace_token(tx, &account, &device, &SecretHash::of("another")).await })
    });
    let replaced: Result<bool, Error> = replaced.await;
    assert!(replaced.unwrap());
    assert_eq!(world.follow(&second).await, 401);
    let request = world.get_without_token(&world.below("/softwaremodules/2/artifacts"));
    let list: Value =
        request.header("Authorization", "TargetToken another").send().await.unwrap().json().await.unwrap();
    let third = world.path(&list[0]["_links"], "download-http").to_owned();
    assert_eq!(world.follow(&third).await, 200);

    // The end of its time with the account.
    let device = world.device();
    let gone =
        world.store.write(move |tx| Box::pin(async move { devices::disassociate(tx, &account, &device).await }));
    let gone: Result<_, Error> = gone.await;
    assert!(gone.unwrap().is_some());
    assert_eq!(world.follow(&third).await, 401);
}

#[rstest]
#[tokio::test]
async fn a_deployment_is_known_again_for_a_while(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::with(engine, signed).await;
    world.push("1.0").await;
    let etag = world.get("/deploymentBase/1").send().await.unwrap().headers()["etag"].clone();
    // To the beginning of a step, wherever the world began.
    world.wait(STEP);
    let now = u64::try_from(world.now().as_millis()).unwrap();
    world.wait(STEP - Duration::from_millis(now % 1_000_000));
    let fresh = world.get("/deploymentBase/1").header("If-None-Match", &etag).send().await.unwrap();
    assert_eq!(fresh.status(), 200);
    let etag = fresh.headers()["etag"].clone();
    world.wait(STEP - Duration::from_secs(1));
    let known = world.get("/deploymentBase/1").header("If-None-Match", &etag).send().await.unwrap();
    assert_eq!(known.status(), 304);
}

#[tokio::test]
async fn where_links_are_plain_a_query_opens_nothing() {
    let world = World::on(Engine::Sqlite).await;
    world.push("1.0").await;
    let [file, _] = world.links().await;
    assert_eq!(file, "/softwaremodules/1/artifacts/root%20fs%2B1.swu");
    let path = format!("{file}?expires=9999999999&signature={}", "A".repeat(43));
    assert_eq!(world.follow(&path).await, 401);
}
