//! `otaria gateway-token`

use otaria_conformance::Engine;
use rstest::rstest;

use crate::world::World;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn gateway_tokens_are_made_shown_once_and_deleted(#[case] engine: Engine) {
    let world = World::start(engine).await;
    world.console(&["otaria device-type create Lamp"]);
    let console = world.console(&[
        "otaria gateway-token list",
        "otaria gateway-token create hall --dry-run",
        "otaria gateway-token create hall",
        "otaria gateway-token create porch --expires 2099-01-01T00:00:00Z --registers Lamp",
        "otaria gateway-token create attic --expires tomorrow",
        "otaria gateway-token create attic --registers Lmap --json",
        "otaria gateway-token list",
        "id=$(otaria gateway-token list --json --limit 1 | sed -n 's/.*\"id\": \"\\(.*\\)\".*/\\1/p'); otaria gateway-token delete $id --dry-run && otaria gateway-token delete $id",
        "otaria gateway-token list",
        "otaria gateway-token delete 00000000-0000-7000-8000-000000000000",
    ]);
    insta::assert_snapshot!("gateway_tokens", console);
}
