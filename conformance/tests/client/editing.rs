//! Two who change the same record at once

use std::process::Stdio;

use otaria_conformance::Engine;
use rstest::rstest;
use tokio::process::Command;

use crate::bottleneck::Bottleneck;
use crate::world::{World, prints};

#[rstest]
#[case::a_device_type(
    "device-type create Lamp",
    "device-type edit Lamp --description slow",
    r#"device-type edit Lamp --maintenance '{"windows": [{"opens": "22:00", "minutes": 60}]}'"#,
    "device-type show Lamp --json",
    ["\"slow\"", "\"22:00\""]
)]
#[case::a_firmware_type(
    "type create 101 --name radio",
    "type edit 101 --description slow",
    "type edit 101 --part bApp",
    "type show 101 --json",
    ["\"slow\"", "\"bApp\""]
)]
#[case::the_partner(
    "partner show",
    "partner edit --short-name slow",
    "partner edit --contact-email ota@example.com",
    "partner show --json",
    ["\"slow\"", "\"ota@example.com\""]
)]
#[case::a_user(
    "user create ada@example.com --may view-device-info",
    "user edit ada@example.com --may owner",
    "user edit ada@example.com --may invite-users",
    "user show ada@example.com --json",
    ["\"owner\": true", "\"inviteUsers\": true"]
)]
#[case::an_image(
    "publish --record-first --type 3 --name app --version 1 --out record.json",
    "image edit app@1 --description slow",
    "image tag app@1 --add quick",
    "image show app@1 --json",
    ["\"slow\"", "\"quick\""]
)]
#[tokio::test]
async fn of_two_who_change_a_record_at_once_nobody_undoes_what_the_other_did(
    #[case] made: &str,
    #[case] slow: &str,
    #[case] quick: &str,
    #[case] shown: &str,
    #[case] says: [&str; 2],
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::start(engine).await;
    let does = |line: &str| {
        let output = world.shell(&format!("otaria {line}")).output().unwrap();
        assert!(output.status.success(), "{line}: {}", prints(&output));
        output.stdout
    };
    does(made);
    let mut bottleneck = Bottleneck::of_replacements(&world.server).await;
    let mut command = Command::from(world.shell(&format!("exec otaria {slow} --url {}", bottleneck.url())));
    let slow = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    bottleneck.holds().await;
    does(quick);
    bottleneck.opens();
    let told = slow.wait_with_output().await.unwrap();
    assert!(told.status.success(), "{}", prints(&told));
    let now = String::from_utf8(does(shown)).unwrap();
    assert!(says.iter().all(|part| now.contains(part)), "{now}");
}
