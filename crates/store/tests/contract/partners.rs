//! Partners, their clients, and who has access to them.

use otaria_core::UserId;
use otaria_core::rights::PartnerPrivileges;
use otaria_store::partners::{self, Standing};
use otaria_store::{Error, SecretHash};
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{INSTALLATION, World, at, commit, new_id, new_partner};

#[rstest]
#[tokio::test]
async fn a_partner_is_kept_as_given_until_it_is_changed(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let mut given = new_partner("Ærø & Sons");
    given.short_name = Some("aeroe".into());
    given.contact_email = Some("ota@aeroe.example".into());
    let (partner, secret) = (given.clone(), SecretHash::of("s"));
    commit!(world, tx => partners::insert(tx, &INSTALLATION, &partner, Standing::Ordinary, &secret)).unwrap();
    let scope = INSTALLATION.of_new_partner(given.partner_id);
    let other = world.partner("Other").await;

    let kept = partners::get(&mut world.conn().await, &scope).await.unwrap();
    assert_eq!((kept.partner_id, &kept.name, &kept.short_name), (given.partner_id, &given.name, &given.short_name));
    assert_eq!((&kept.contact_email, &kept.client_id), (&given.contact_email, &given.client_id));
    assert_eq!(kept.created, given.created);

    commit!(world, tx => partners::update(tx, &scope, "Ærø", None, None, at(9))).unwrap();
    let changed = partners::get(&mut world.conn().await, &scope).await.unwrap();
    assert_eq!((changed.name.as_str(), changed.short_name, changed.contact_email), ("Ærø", None, None));
    assert_eq!((changed.client_id, changed.created), (given.client_id, given.created));
    assert_eq!(partners::get(&mut world.conn().await, &other).await.unwrap().name, "Other");
}

#[rstest]
#[tokio::test]
async fn short_names_and_clients_are_unique(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let insert = async |short_name: Option<&str>, client_id: &str| {
        let mut partner = new_partner("P");
        partner.short_name = short_name.map(str::to_owned);
        partner.client_id = client_id.to_owned();
        let (id, secret) = (partner.partner_id, SecretHash::of("s"));
        let inserted =
            commit!(world, tx => partners::insert(tx, &INSTALLATION, &partner, Standing::Ordinary, &secret));
        inserted.map(|()| INSTALLATION.of_new_partner(id))
    };
    insert(Some("acme"), "1").await.unwrap();
    assert!(matches!(insert(Some("acme"), "2").await, Err(Error::Duplicate(_))));
    assert!(matches!(insert(None, "1").await, Err(Error::Duplicate(_))));
    insert(None, "3").await.unwrap();
    let scope = insert(None, "4").await.unwrap();
    let renamed = commit!(world, tx => partners::update(tx, &scope, "P", Some("acme"), None, at(2)));
    assert!(matches!(renamed, Err(Error::Duplicate(_))));
}

#[rstest]
#[tokio::test]
async fn there_is_one_default_partner_at_most(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let has_default = async || partners::has_default(&mut world.conn().await, &INSTALLATION).await.unwrap();
    let insert = async |standing| {
        let (partner, secret) = (new_partner("P"), SecretHash::of("s"));
        commit!(world, tx => partners::insert(tx, &INSTALLATION, &partner, standing, &secret))
    };
    insert(Standing::Ordinary).await.unwrap();
    assert!(!has_default().await);
    insert(Standing::Default).await.unwrap();
    assert!(has_default().await);
    assert!(matches!(insert(Standing::Default).await, Err(Error::Duplicate(_))));
    insert(Standing::Ordinary).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_client_is_known_by_its_secret(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (world.partner("A").await, world.partner("B").await);
    let client_of_a = partners::get(&mut world.conn().await, &a).await.unwrap().client_id;
    let found = async |client_id: &str, secret: &str| {
        let hash = SecretHash::of(secret);
        partners::by_client(&mut world.conn().await, &INSTALLATION, client_id, &hash, at(5)).await.unwrap()
    };
    assert_eq!(found(&client_of_a, "A").await, Some(a.partner_id()));
    assert_ne!(a.partner_id(), b.partner_id());
    assert_eq!(found(&client_of_a, "B").await, None, "another client's secret");
    assert_eq!(found(&client_of_a, "").await, None);
    assert_eq!(found("nobody", "A").await, None);
}

#[rstest]
#[tokio::test]
async fn access_is_granted_once_and_to_people_who_exist(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (partner, user) = (world.partner("A").await, world.user("ada@example.com").await);
    world.grant(partner, user, PartnerPrivileges::OWNER).await;
    let grant = async |user: UserId| commit!(world, tx => partners::grant(tx, &partner, user, PartnerPrivileges::OWNER, at(2)));
    assert!(matches!(grant(user).await, Err(Error::Duplicate(_))));
    assert!(matches!(grant(new_id(UserId::from_uuid)).await, Err(Error::Dangling(_))));
}
