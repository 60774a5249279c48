//! Access and refresh tokens.

use otaria_core::{PartnerId, Timestamp, UserId};
use otaria_store::scopes::{Caller, Session};
use otaria_store::tokens::{self, Holder, NewToken, Rotation};
use otaria_store::{Error, SecretHash};
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{INSTALLATION, World, at, commit};

fn token(plain: &str, expires: i64) -> NewToken {
    NewToken { hash: SecretHash::of(plain), expires: at(expires) }
}

async fn sign_in(world: &World, holder: Holder, access: NewToken, refresh: Option<NewToken>) -> Result<(), Error> {
    let family = uuid::Uuid::now_v7().to_string();
    commit!(world, tx => tokens::start_family(tx, &INSTALLATION, &family, holder, access, refresh))
}

async fn rotate(
    world: &World,
    client: PartnerId,
    presented: &str,
    access: NewToken,
    refresh: NewToken,
    now: Timestamp,
) -> Rotation {
    let presented = SecretHash::of(presented);
    commit!(world, tx => tokens::rotate(tx, &INSTALLATION, client, &presented, access, refresh, now)).unwrap()
}

async fn caller(world: &World, plain: &str, now: i64) -> Option<Caller> {
    let found = Session::by_token(&mut world.conn().await, &SecretHash::of(plain), at(now)).await.unwrap();
    found.map(|session| session.caller)
}

/// A person with a token `access` (until 100) and one to refresh, `refresh` (until 1000).
async fn signed_in(engine: Engine) -> (World, PartnerId, UserId) {
    let world = World::on(engine).await;
    let client = world.partner("A").await.partner_id();
    let user = world.user("ada@example.com").await;
    let holder = Holder { partner_id: client, user_id: Some(user) };
    sign_in(&world, holder, token("access", 100), Some(token("refresh", 1000))).await.unwrap();
    (world, client, user)
}

#[rstest]
#[tokio::test]
async fn an_access_token_names_its_holder_until_it_expires(#[values(Sqlite, Postgres)] engine: Engine) {
    let (world, client, user_id) = signed_in(engine).await;
    assert_eq!(caller(&world, "access", 99).await, Some(Caller::User { user_id, is_admin: false }));
    assert_eq!(caller(&world, "access", 100).await, None, "expired to the millisecond");
    assert_eq!(caller(&world, "refresh", 1).await, None, "a refresh token opens nothing");
    assert_eq!(caller(&world, "unknown", 1).await, None);

    let holder = Holder { partner_id: client, user_id: None };
    sign_in(&world, holder, token("of the client", 100), None).await.unwrap();
    assert_eq!(caller(&world, "of the client", 1).await, Some(Caller::Client { partner_id: client }));
}

#[rstest]
#[tokio::test]
async fn the_admin_is_known_as_such(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner_id = world.partner("A").await.partner_id();
    let mut admin = crate::world::new_user("root@example.com");
    admin.is_admin = true;
    let user_id = admin.user_id;
    commit!(world, tx => otaria_store::users::insert(tx, &INSTALLATION, &admin)).unwrap();
    let holder = Holder { partner_id, user_id: Some(user_id) };
    sign_in(&world, holder, token("access", 100), None).await.unwrap();
    let found = caller(&world, "access", 1).await.unwrap();
    assert_eq!(found, Caller::User { user_id, is_admin: true });
    assert!(found.administrate().is_some());
}

#[rstest]
#[tokio::test]
async fn a_refresh_token_is_exchanged_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let (world, client, user_id) = signed_in(engine).await;
    let rotated = rotate(&world, client, "refresh", token("access 2", 200), token("refresh 2", 2000), at(50)).await;
    assert_eq!(rotated, Rotation::Rotated);
    let holder = Some(Caller::User { user_id, is_admin: false });
    assert_eq!(caller(&world, "access 2", 199).await, holder);
    assert_eq!(caller(&world, "access", 99).await, holder, "the older one lasts as long as it was given");
}

#[rstest]
#[tokio::test]
async fn a_reused_refresh_token_revokes_its_family_and_no_other(#[values(Sqlite, Postgres)] engine: Engine) {
    let (world, client, user_id) = signed_in(engine).await;
    let holder = Holder { partner_id: client, user_id: Some(user_id) };
    sign_in(&world, holder, token("elsewhere", 100), Some(token("refresh elsewhere", 1000))).await.unwrap();
    rotate(&world, client, "refresh", token("access 2", 200), token("refresh 2", 2000), at(50)).await;

    let copy = rotate(&world, client, "refresh", token("stolen", 200), token("stolen too", 2000), at(51)).await;
    assert_eq!(copy, Rotation::Reused);
    for revoked in ["access", "access 2", "stolen"] {
        assert_eq!(caller(&world, revoked, 52).await, None, "{revoked}");
    }
    let next = rotate(&world, client, "refresh 2", token("a", 200), token("r", 2000), at(53)).await;
    assert_eq!(next, Rotation::Invalid, "what was rotated to is revoked as well");
    let again = rotate(&world, client, "refresh", token("a", 200), token("r", 2000), at(54)).await;
    assert_eq!(again, Rotation::Reused);
    assert!(caller(&world, "elsewhere", 55).await.is_some(), "another sign-in of the same person goes on");
}

#[rstest]
#[tokio::test]
async fn of_two_exchanges_at_once_one_finds_the_token_used(#[values(Sqlite, Postgres)] engine: Engine) {
    let (world, client, _) = signed_in(engine).await;
    let (one, two) = tokio::join!(
        rotate(&world, client, "refresh", token("a1", 200), token("r1", 2000), at(50)),
        rotate(&world, client, "refresh", token("a2", 200), token("r2", 2000), at(50)),
    );
    assert!(matches!((one, two), (Rotation::Rotated, Rotation::Reused) | (Rotation::Reused, Rotation::Rotated)));
    for token in ["access", "a1", "a2"] {
        assert_eq!(caller(&world, token, 60).await, None, "{token}");
    }
}

#[rstest]
#[tokio::test]
async fn an_invalid_refresh_token_changes_nothing(#[values(Sqlite, Postgres)] engine: Engine) {
    let (world, client, _) = signed_in(engine).await;
    let foreign = world.partner("B").await.partner_id();
    let tried =
        [(client, "unknown", 50), (client, "access", 50), (foreign, "refresh", 50), (client, "refresh", 1000)];
    for (client, presented, now) in tried {
        let answer = rotate(&world, client, presented, token("a", 9000), token("r", 9000), at(now)).await;
        assert_eq!(answer, Rotation::Invalid, "{presented} at {now}");
        assert_eq!(caller(&world, "a", 1).await, None);
    }
    let good = rotate(&world, client, "refresh", token("access 2", 200), token("refresh 2", 2000), at(999)).await;
    assert_eq!(good, Rotation::Rotated);
}

#[rstest]
#[case::by_its_access_token("access")]
#[case::by_its_refresh_token("refresh")]
#[tokio::test]
async fn a_family_is_revoked(#[values(Sqlite, Postgres)] engine: Engine, #[case] presented: &str) {
    let (world, client, _) = signed_in(engine).await;
    let foreign = world.partner("B").await.partner_id();
    let revoke = async |client: PartnerId, plain: &str| {
        let presented = SecretHash::of(plain);
        commit!(world, tx => tokens::revoke(tx, &INSTALLATION, client, &presented, at(50))).unwrap();
    };
    revoke(client, "unknown").await;
    revoke(foreign, presented).await;
    assert!(caller(&world, "access", 60).await.is_some(), "only its own client revokes it");

    revoke(client, presented).await;
    assert_eq!(caller(&world, "access", 60).await, None);
    let answer = rotate(&world, client, "refresh", token("a", 200), token("r", 2000), at(60)).await;
    assert_eq!(answer, Rotation::Invalid);
}

#[rstest]
#[tokio::test]
async fn what_has_expired_is_forgotten_and_nothing_else(#[values(Sqlite, Postgres)] engine: Engine) {
    let (world, client, user_id) = signed_in(engine).await;
    let holder = Holder { partner_id: client, user_id: Some(user_id) };
    sign_in(&world, holder, token("short", 100), None).await.unwrap();
    let forget = async |now: i64| commit!(world, tx => tokens::forget_expired(tx, &INSTALLATION, at(now))).unwrap();

    assert_eq!(forget(99).await, 0);
    assert_eq!(forget(100).await, 3, "two access tokens, and the family that has nothing to refresh");
    let rotated = rotate(&world, client, "refresh", token("access 2", 500), token("refresh 2", 2000), at(999)).await;
    assert_eq!(rotated, Rotation::Rotated);
    assert_eq!(forget(1000).await, 1, "the family lasts as long as its newest token");
    let rotated =
        rotate(&world, client, "refresh 2", token("access 3", 3000), token("refresh 3", 3000), at(1500)).await;
    assert_eq!(rotated, Rotation::Rotated);
    assert_eq!(forget(3000).await, 2);
    let gone = rotate(&world, client, "refresh 3", token("a", 9000), token("r", 9000), at(1)).await;
    assert_eq!(gone, Rotation::Invalid, "a family takes its refresh tokens along");
}

#[rstest]
#[tokio::test]
async fn tokens_are_those_of_partners_and_people_who_exist(#[values(Sqlite, Postgres)] engine: Engine) {
    let (world, client, _) = signed_in(engine).await;
    let nobody = crate::world::new_id(UserId::from_uuid);
    let holder = Holder { partner_id: client, user_id: Some(nobody) };
    assert!(matches!(sign_in(&world, holder, token("t", 100), None).await, Err(Error::Dangling(_))));
    let holder = Holder { partner_id: client, user_id: None };
    assert!(matches!(sign_in(&world, holder, token("access", 100), None).await, Err(Error::Duplicate(_))));
    assert_eq!(caller(&world, "t", 1).await, None);
}
