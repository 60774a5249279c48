//! `otaria device-type`

use otaria_conformance::Engine;
use rstest::rstest;

use crate::world::World;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn device_types_are_made_shown_and_changed(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let window = r#"{"timeZone": "Europe/Berlin", "windows": [{"opens": "02:00", "minutes": 120}]}"#;
    std::fs::write(world.folder.path().join("nights.json"), window).unwrap();
    let console = world.console(&[
        "otaria device-type list",
        "otaria device-type create Lamp --description 'Shines' --success-on version --version-within 10m --dry-run",
        "otaria device-type create Lamp --description 'Shines' --success-on version --version-within 10m",
        "otaria device-type create Hub --confirmation-required yes --maintenance nights.json --json",
        "otaria device-type list",
        "otaria device-type show Lamp",
        "otaria device-type edit Lamp --success-on report",
        "otaria device-type edit Lamp --name Lamps --description ''",
        "otaria device-type show Lamps --json",
        r#"otaria device-type edit Lamps --maintenance '{"windows": [{"opens": "22:00", "minutes": 60}]}'"#,
        "otaria device-type show Lamps",
        "otaria device-type edit Hub --confirmation-required no --maintenance '' --json",
        "otaria device-type edit Hub --maintenance '{'",
        "otaria device-type edit Hub --maintenance nowhere.json",
        r#"otaria device-type edit Hub --maintenance '{"windows": [{"opens": "soon", "minutes": 60}]}'"#,
        "otaria device-type show Lmaps",
        "otaria device-type create Hub",
        "otaria device-type create Hub --dry-run",
        "otaria device-type edit Lamps --name Hub",
        "otaria device-type edit Hub --name Hub",
        "otaria device-type edit Hub",
        "otaria device-type show Hub",
        "otaria device-type show",
    ]);
    insta::assert_snapshot!("device_types", console);
}
