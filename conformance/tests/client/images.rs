//! `otaria image`

use otaria_conformance::Engine;
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::json;

use crate::world::{World, prints};

/// Puts images into the pool: their types, names and versions, in this order.
async fn pool(world: &World, images: &[(u8, &str, &str)]) {
    let api = world.server.client().await;
    let path = format!("/v1/ota/partners/{}/pool", world.server.partner());
    for (number, name, version) in images {
        let body = json!({ "type": number, "name": name, "version": version, "tags": ["nightly"] });
        api.post(&path, body).await.is(StatusCode::CREATED);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn images_are_listed_shown_and_changed(#[case] engine: Engine) {
    let world = World::start(engine).await;
    world.console(&["otaria type create 101 --name app", "otaria type create 102 --name boot"]);
    pool(&world, &[(101, "app", "1.4.1"), (101, "app", "1.4.2"), (102, "boot", "7"), (102, "app", "1.4.2")]).await;
    let console = world.console(&[
        "otaria image list",
        "otaria image list --type 102 --json",
        "otaria image list --limit 1",
        "otaria image show app@1.4.1",
        "otaria image show app@1.4.2",
        "otaria image show ap@1.4.1",
        "otaria image show 101/99",
        "otaria image show app",
        "otaria image edit boot@7 --description 'Boots faster' --version 7.0 --dry-run",
        "otaria image edit boot@7 --description 'Boots faster' --version 7.0",
        "otaria image edit 102/1 --description '' --json",
        "otaria image tag 101/2 --add qa --add release --remove nightly",
        "otaria image tag 101/2",
        "otaria image tag 101/2 --add late --remove nightly",
        "otaria image tag 101/2 --add quiet --quiet",
        "otaria image edit 101/2",
        "otaria image list --tag qa --tag none",
        "otaria image show 101/2 --json",
    ]);
    insta::assert_snapshot!("images", console);
}

#[tokio::test]
async fn an_at_may_be_in_a_name_and_in_a_version() {
    let world = World::start(Engine::Sqlite).await;
    world.console(&["otaria type create 101 --name app"]);
    pool(&world, &[(101, "app@home", "1@2")]).await;
    let console = world.console(&["otaria image show app@home@1@2", "otaria image show app@home@1@3"]);
    insta::assert_snapshot!("images_with_an_at", console);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn images_are_made_available_to_device_types_and_kept_from_them(#[case] engine: Engine) {
    let world = World::start(engine).await;
    world.console(&[
        "otaria type create 101 --name app",
        "otaria device-type create Lamp",
        "otaria device-type create Hub",
    ]);
    pool(&world, &[(101, "app", "1.4.2")]).await;
    let console = world.console(&[
        "otaria image associate app@1.4.2 --device-type Lmap",
        "otaria image associate app@1.4.2 --device-type Lamp --device-type Hub --dry-run",
        "otaria image associate app@1.4.2 --device-type Lamp --device-type Hub",
        "otaria image associate app@1.4.2 --device-type Lamp",
        "otaria image show app@1.4.2",
        "otaria image show app@1.4.2 --json",
        "otaria image list --device-type Hub",
        "otaria image dissociate app@1.4.2 --device-type Hub --dry-run",
        "otaria image dissociate app@1.4.2 --device-type Hub",
        "otaria image dissociate app@1.4.2 --device-type Hub --json",
        "otaria image list --device-type Hub",
        "otaria image associate app@1.4.2 --device-type Hub --json",
        "otaria device-type create Torch > /dev/null",
        "otaria image associate app@1.4.2 --device-type Lamp --device-type Torch --dry-run --json",
        "otaria image associate app@1.4.2 --device-type Lamp --device-type Torch --json",
        "otaria image dissociate app@1.4.2 --device-type Hub --quiet",
        "otaria image dissociate app@1.4.2 --device-type Hub --dry-run",
        "otaria image dissociate app@1.4.2 --device-type Hub --device-type Torch",
        "otaria image dissociate app@1.4.2 --device-type Torch --device-type Lamp --json",
    ]);
    insta::assert_snapshot!("associations", console);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_dry_run_says_what_is_known(#[case] engine: Engine) {
    let world = World::start(engine).await;
    world.console(&["otaria type create 101 --name app", "otaria device-type create Lamp"]);
    pool(&world, &[(101, "app", "1")]).await;
    let missing = "00000000-0000-7000-8000-000000000000";
    let exit = |line: &str| (line.to_owned(), world.shell(line).output().unwrap().status.code());
    for line in [
        format!("otaria gateway-token delete {missing}"),
        format!("otaria push cancel {missing}"),
        "otaria device delete lamp-9".to_owned(),
        "otaria device edit lamp-9 --friendly-name Door".to_owned(),
        "otaria device token lamp-9".to_owned(),
        "otaria image dissociate app@1 --device-type Lamp".to_owned(),
    ] {
        assert_eq!(exit(&format!("{line} --dry-run")).1, Some(3), "{line}");
        assert_eq!(exit(&line).1, Some(3), "{line}");
    }
    let token = world.guest().await;
    for line in [
        "otaria image tag app@1 --add qa",
        "otaria image edit app@1 --description new",
        "otaria image associate app@1 --device-type Lamp",
        "otaria type create 102 --name boot",
        "otaria device-type create Hub",
        "otaria gateway-token create hall",
        "otaria user create somebody@example.com --may owner",
        "otaria partner edit --name Other",
    ] {
        for more in ["--dry-run", ""] {
            let mut shell = world.shell(&format!("{line} {more}"));
            shell.env("OTARIA_TOKEN", &token).env_remove("OTARIA_CLIENT_ID").env_remove("OTARIA_CLIENT_SECRET");
            let output = shell.output().unwrap();
            assert_eq!(output.status.code(), Some(4), "{line} {more}: {}", prints(&output));
        }
    }
}
