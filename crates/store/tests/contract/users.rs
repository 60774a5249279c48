//! People, and what they have access to.

use otaria_core::rights::{AccountPrivileges, PartnerPrivileges};
use otaria_core::{AccountId, UserId};
use otaria_store::accounts::{self, Account};
use otaria_store::{Error, users};
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{INSTALLATION, World, at, commit, new_id, new_user};

#[rstest]
#[tokio::test]
async fn a_person_is_kept_as_given(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let mut given = new_user("grace@example.com");
    (given.last_name, given.is_admin, given.failed_attempts) = ("Hopper".into(), true, 3);
    let user = given.clone();
    commit!(world, tx => users::insert(tx, &INSTALLATION, &user)).unwrap();

    let mut conn = world.conn().await;
    let by_email = users::by_email(&mut conn, &INSTALLATION, "grace@example.com").await.unwrap();
    let by_id = users::by_id(&mut conn, &INSTALLATION, given.user_id).await.unwrap();
    for kept in [by_email.unwrap(), by_id.unwrap()] {
        assert_eq!(kept.user_id, given.user_id);
        assert_eq!((&kept.email, &kept.password_hash), (&given.email, &given.password_hash));
        assert_eq!((&kept.first_name, &kept.last_name), (&given.first_name, &given.last_name));
        assert_eq!((kept.is_admin, kept.failed_attempts, kept.last_used), (true, 3, None));
        assert_eq!(kept.created, given.created);
    }
    assert!(users::by_email(&mut conn, &INSTALLATION, "nobody@example.com").await.unwrap().is_none());
    assert!(users::by_id(&mut conn, &INSTALLATION, new_id(UserId::from_uuid)).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn an_email_address_is_one_persons(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.user("ada@example.com").await;
    let namesake = new_user("ada@example.com");
    let refused = commit!(world, tx => users::insert(tx, &INSTALLATION, &namesake));
    assert!(matches!(refused, Err(Error::Duplicate(_))));
}

#[rstest]
#[tokio::test]
async fn wrong_passwords_are_counted_until_a_right_one(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (ada, other) = (world.user("ada@example.com").await, world.user("other@example.com").await);
    let counted = async |user: UserId| {
        let user = users::by_id(&mut world.conn().await, &INSTALLATION, user).await.unwrap().unwrap();
        (user.failed_attempts, user.last_used)
    };
    for expected in [1, 2] {
        commit!(world, tx => users::count_failure(tx, &INSTALLATION, "ada@example.com")).unwrap();
        assert_eq!(counted(ada).await, (expected, None));
    }
    let count =
        async |hash: &'static str| commit!(world, tx => users::count_success(tx, &INSTALLATION, ada, hash, at(77)));
    assert!(!count("$argon2id$another").await.unwrap(), "it is another password by now");
    assert_eq!(counted(ada).await.1, None);
    assert!(count("$argon2id$…").await.unwrap());
    assert_eq!(counted(ada).await, (0, Some(at(77))));
    commit!(world, tx => users::count_failure(tx, &INSTALLATION, "ada@example.com")).unwrap();
    assert_eq!(counted(ada).await, (1, Some(at(77))));
    assert_eq!(counted(other).await, (0, None));
}

#[rstest]
#[tokio::test]
async fn a_password_is_replaced_only_as_it_is_known(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (ada, other) = (world.user("ada@example.com").await, world.user("other@example.com").await);
    let replace = async |known: &'static str, next: &'static str| {
        commit!(world, tx => users::replace_password(tx, &INSTALLATION, ada, known, next)).unwrap()
    };
    assert!(!replace("$argon2id$another", "$argon2id$one").await);
    assert!(replace("$argon2id$…", "$argon2id$one").await);
    assert!(!replace("$argon2id$…", "$argon2id$two").await);
    for (user, expected) in [(ada, "$argon2id$one"), (other, "$argon2id$…")] {
        let user = users::by_id(&mut world.conn().await, &INSTALLATION, user).await.unwrap().unwrap();
        assert_eq!(user.password_hash, expected);
    }
}

#[rstest]
#[tokio::test]
async fn a_persons_partners_come_oldest_access_first(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b, _) = (world.partner("A").await, world.partner("B").await, world.partner("C").await);
    let (ada, nobody) = (world.user("ada@example.com").await, world.user("nobody@example.com").await);
    let may_view = PartnerPrivileges { view_device_info: true, ..PartnerPrivileges::default() };
    commit!(world, tx => async {
        otaria_store::partners::grant(tx, &a, ada, may_view, at(20)).await?;
        otaria_store::partners::grant(tx, &b, ada, PartnerPrivileges::OWNER, at(10)).await
    })
    .unwrap();

    let mut conn = world.conn().await;
    let access = users::partner_access(&mut conn, &INSTALLATION, ada).await.unwrap();
    let seen: Vec<_> = access.iter().map(|one| (one.partner_id, one.name.as_str(), one.privileges)).collect();
    assert_eq!(seen, [(b.partner_id(), "B", PartnerPrivileges::OWNER), (a.partner_id(), "A", may_view)]);
    assert_eq!(access[0].client_id, format!("client of {}", b.partner_id()));
    assert_eq!(access[0].created, at(1));
    assert!(users::partner_access(&mut conn, &INSTALLATION, nobody).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn a_persons_accounts_are_their_own_and_their_partners(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (maker, other) = (world.partner("Maker").await, world.partner("Other").await);
    let made = async |description: &str, created: i64| {
        let account = Account {
            account_id: new_id(AccountId::from_uuid),
            description: description.to_owned(),
            created: at(created),
        };
        let id = account.account_id;
        commit!(world, tx => accounts::insert(tx, &maker, &account)).unwrap();
        id
    };
    let (second, first) = (made("second", 20).await, made("first", 10).await);
    let [customer, reader, manager, viewer] =
        ["customer", "reader", "manager", "viewer"].map(|name| world.user(name));
    let (customer, reader, manager, viewer) = (customer.await, reader.await, manager.await, viewer.await);
    let (owner, nothing) = (AccountPrivileges { owner: true, can_write: false }, AccountPrivileges::default());
    commit!(world, tx => async {
        accounts::grant(tx, &maker, first, customer, owner).await?;
        accounts::grant(tx, &maker, first, reader, nothing).await
    })
    .unwrap();
    let may_manage = PartnerPrivileges { manage_device_profiles: true, ..PartnerPrivileges::default() };
    let may_view = PartnerPrivileges { view_device_info: true, ..PartnerPrivileges::default() };
    world.grant(maker, manager, may_manage).await;
    world.grant(maker, viewer, may_view).await;
    world.grant(other, customer, may_manage).await;

    let accounts_of = async |user: UserId| {
        let access = users::account_access(&mut world.conn().await, &INSTALLATION, user).await.unwrap();
        access.into_iter().map(|one| (one.account_id, one.description, one.privileges)).collect::<Vec<_>>()
    };
    let may_write = AccountPrivileges { owner: false, can_write: true };
    assert_eq!(accounts_of(customer).await, [(first, "first".to_owned(), owner)]);
    assert_eq!(accounts_of(reader).await, [(first, "first".to_owned(), nothing)]);
    assert_eq!(
        accounts_of(manager).await,
        [(first, "first".to_owned(), may_write), (second, "second".to_owned(), may_write)]
    );
    assert_eq!(accounts_of(viewer).await, []);
}

#[rstest]
#[tokio::test]
async fn a_partner_grants_nothing_at_an_account_that_it_did_not_make(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (maker, other) = (world.partner("Maker").await, world.partner("Other").await);
    let account = world.account(*maker).await.account_id();
    let stranger = world.user("stranger@example.com").await;
    let owner = AccountPrivileges { owner: true, can_write: true };
    commit!(world, tx => accounts::grant(tx, &other, account, stranger, owner)).unwrap();
    let access = users::account_access(&mut world.conn().await, &INSTALLATION, stranger).await.unwrap();
    assert!(access.is_empty(), "{access:?}");
}
