//! `otaria partner`

use otaria_conformance::Engine;
use rstest::rstest;

use crate::world::World;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_partner_is_shown_and_changed_and_gets_a_new_secret(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let console = world.console(&[
        "otaria partner show",
        "otaria partner edit --contact-email ota@example.com --dry-run",
        "otaria partner edit --contact-email ota@example.com",
        "otaria partner edit --short-name lamps --contact-email '' --json",
        "otaria partner create Globex --short-name globex",
        "otaria partner secret --overlap 1h --dry-run",
        "otaria partner secret --overlap 1h",
        // The old one is good for another hour.
        "otaria partner show",
        "otaria partner secret --json",
        "otaria partner show",
    ]);
    insta::assert_snapshot!("partners", console);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_owner_of_the_platform_makes_partners(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let owner = world.server.owner().await.token.unwrap();
    std::fs::write(world.folder.path().join("token"), owner).unwrap();
    let console = world.console(&[
        "otaria partner create Globex --short-name globex --token-stdin < token",
        "otaria partner create Initech --json --token-stdin < token",
        "otaria partner create Globex --short-name globex --token-stdin < token",
    ]);
    insta::assert_snapshot!("other_partners", console);
}
