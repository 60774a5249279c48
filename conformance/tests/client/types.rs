//! `otaria type`

use otaria_conformance::Engine;
use rstest::rstest;

use crate::world::World;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn firmware_types_are_made_shown_and_changed(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let console = world.console(&[
        "otaria type list",
        "otaria type create 101 --name app --description 'The application' --dry-run",
        "otaria type create 101 --name app --description 'The application'",
        "otaria type create 102 --name boot --part bApp --json",
        "otaria type create 102 --name boot",
        "otaria type create 7 --name radio",
        "otaria type list",
        "otaria type show 101",
        "otaria type edit 101 --name application --description ''",
        "otaria type show 101 --json",
        "otaria type edit 101",
        "otaria type edit 1 --name radio",
        "otaria type edit 101 --name app --quiet",
        "otaria type show 150",
        "otaria type edit 150 --name none --json",
        "otaria tpye list",
        "env -u OTARIA_URL otaria type list",
    ]);
    insta::assert_snapshot!("types", console);
}
