//! `otaria user`

use otaria_conformance::Engine;
use rstest::rstest;

use crate::world::World;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn people_are_invited_and_may_more_or_less(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let console = world.console(&[
        "otaria user list",
        "otaria user create ada@example.com --may view-device-info --dry-run",
        "otaria user create ada@example.com --may view-device-info",
        "otaria user create bob@example.com --may owner --json",
        "otaria user create ada@example.com",
        "otaria user create ada@example.com --may owner",
        "otaria user create cy@example.com --may fly",
        "otaria user edit ada@example.com --may invite-users --may-not view-device-info",
        "otaria user edit Ada@Example.com",
        "otaria user list",
        "otaria user show bob@example.com",
        "otaria user show boob@example.com",
        "otaria user delete bob@example.com --dry-run",
        "otaria user delete bob@example.com",
        "otaria user delete bob@example.com",
        "otaria user delete owner@example.com --json",
    ]);
    insta::assert_snapshot!("users", console);
}
