//! Who gets which scope: what is foreign and what does not exist look the same.

use otaria_core::rights::{AccountPrivileges, PartnerPrivileges};
use otaria_core::{AccountId, PartnerId};
use otaria_store::partners::{self, Standing};
use otaria_store::scopes::{AuthenticatedDevice, Caller};
use otaria_store::{SecretHash, accounts, devices, pushes};
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{Fleet, INSTALLATION, World, at, commit, device_id, new_id, new_partner};

const NOTHING: PartnerPrivileges =
    PartnerPrivileges { owner: false, view_device_info: false, manage_device_profiles: false, invite_users: false };

/// Which of view, manage and own the caller gets at a partner. A scope names the partner that was asked for.
async fn rights_at(world: &World, caller: Caller, partner: PartnerId) -> [bool; 3] {
    let mut conn = world.conn().await;
    let view = caller.view_partner(&mut conn, partner).await.unwrap();
    let manage = caller.manage_partner(&mut conn, partner).await.unwrap();
    let own = caller.own_partner(&mut conn, partner).await.unwrap();
    let named = view.map(|scope| scope.partner_id()).into_iter().chain(manage.map(|scope| scope.partner_id()));
    assert!(named.chain(own.map(|scope| scope.partner_id())).all(|named| named == partner));
    [view.is_some(), manage.is_some(), own.is_some()]
}

#[rstest]
#[case::nothing(NOTHING, [false, false, false])]
#[case::inviting(PartnerPrivileges { invite_users: true, ..NOTHING }, [false, false, false])]
#[case::viewing(PartnerPrivileges { view_device_info: true, ..NOTHING }, [true, false, false])]
#[case::managing(PartnerPrivileges { manage_device_profiles: true, ..NOTHING }, [true, true, false])]
#[case::owning(PartnerPrivileges { owner: true, ..NOTHING }, [true, true, true])]
#[tokio::test]
async fn a_person_gets_the_scopes_of_their_privileges(
    #[values(Sqlite, Postgres)] engine: Engine,
    #[case] privileges: PartnerPrivileges,
    #[case] expected: [bool; 3],
) {
    let world = World::on(engine).await;
    let (partner, foreign) = (world.partner("A").await, world.partner("B").await);
    let user_id = world.user("ada@example.com").await;
    world.grant(partner, user_id, privileges).await;
    world.grant(foreign, world.user("bob@example.com").await, PartnerPrivileges::OWNER).await;

    // The installation's admin is nothing more within a partner.
    for is_admin in [false, true] {
        let caller = Caller::User { user_id, is_admin };
        assert_eq!(rights_at(&world, caller, partner.partner_id()).await, expected);
        assert_eq!(rights_at(&world, caller, foreign.partner_id()).await, [false; 3]);
        assert_eq!(rights_at(&world, caller, new_id(PartnerId::from_uuid)).await, [false; 3]);
        assert_eq!(caller.administrate().is_some(), is_admin);
    }
}

#[rstest]
#[tokio::test]
async fn a_client_owns_its_partner_and_nothing_else(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (own, foreign) = (world.partner("A").await, world.partner("B").await);
    let client = Caller::Client { partner_id: own.partner_id() };
    assert_eq!(rights_at(&world, client, own.partner_id()).await, [true; 3]);
    assert_eq!(rights_at(&world, client, foreign.partner_id()).await, [false; 3]);
    assert_eq!(rights_at(&world, client, new_id(PartnerId::from_uuid)).await, [false; 3]);
    assert!(client.administrate().is_none());
}

/// Which of view and write the caller gets at an account.
async fn rights_at_account(world: &World, caller: Caller, account: AccountId) -> [bool; 2] {
    let mut conn = world.conn().await;
    let view = caller.view_account(&mut conn, account).await.unwrap();
    let write = caller.write_account(&mut conn, account).await.unwrap();
    let named = view.map(|scope| scope.account_id()).into_iter().chain(write.map(|scope| scope.account_id()));
    assert!(named.into_iter().all(|named| named == account));
    [view.is_some(), write.is_some()]
}

#[rstest]
#[tokio::test]
async fn an_account_is_its_peoples_and_its_makers(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (maker, foreign) = (world.partner("Maker").await, world.partner("Foreign").await);
    let account = world.account(*maker).await.account_id();
    let foreign_account = world.account(*foreign).await.account_id();
    let person = async |name: &str, at_account: Option<AccountPrivileges>, at_maker: Option<PartnerPrivileges>| {
        let user_id = world.user(name).await;
        if let Some(privileges) = at_account {
            commit!(world, tx => accounts::grant(tx, &maker, account, user_id, privileges)).unwrap();
        }
        if let Some(privileges) = at_maker {
            world.grant(maker, user_id, privileges).await;
        }
        Caller::User { user_id, is_admin: false }
    };
    let [reading, writing, owning] = [(false, false), (false, true), (true, false)]
        .map(|(owner, can_write)| Some(AccountPrivileges { owner, can_write }));
    let managing = Some(PartnerPrivileges { manage_device_profiles: true, ..NOTHING });
    let viewing = Some(PartnerPrivileges { view_device_info: true, ..NOTHING });
    let callers = [
        (person("reading", reading, None).await, [true, false]),
        (person("writing", writing, None).await, [true, true]),
        (person("owning", owning, None).await, [true, true]),
        (person("managing", None, managing).await, [true, true]),
        (person("reading and managing", reading, managing).await, [true, true]),
        (person("reading and viewing", reading, viewing).await, [true, false]),
        (person("viewing", None, viewing).await, [false, false]),
        (person("stranger", None, None).await, [false, false]),
        (Caller::Client { partner_id: maker.partner_id() }, [true, true]),
        (Caller::Client { partner_id: foreign.partner_id() }, [false, false]),
    ];
    for (caller, expected) in callers {
        assert_eq!(rights_at_account(&world, caller, account).await, expected, "{caller:?}");
        assert_eq!(rights_at_account(&world, caller, new_id(AccountId::from_uuid)).await, [false; 2], "{caller:?}");
        let is_foreign = caller == Caller::Client { partner_id: foreign.partner_id() };
        assert_eq!(rights_at_account(&world, caller, foreign_account).await, [is_foreign; 2], "{caller:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_view_of_an_account_reads_it(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let maker = world.partner("Maker").await;
    let scope = world.account(*maker).await;
    let account = accounts::get(&mut world.conn().await, &scope).await.unwrap();
    assert_eq!(account.account_id, scope.account_id());
    assert_eq!((account.description.as_str(), account.created), ("Fleet", at(1)));
}

#[rstest]
#[tokio::test]
async fn a_device_is_known_by_its_token_under_every_spelling_of_its_partner(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let mut partner = new_partner("Acme");
    partner.short_name = Some("acme".into());
    let (id, secret) = (partner.partner_id, SecretHash::of("s"));
    commit!(world, tx => partners::insert(tx, &INSTALLATION, &partner, Standing::Ordinary, &secret)).unwrap();
    let scope = *INSTALLATION.of_new_partner(id);
    let (account, device_type) = (world.account(scope).await, world.device_type(scope).await);
    let device = world.device(account, scope, device_type, "Dev-1").await;
    // Another partner's device of the same id.
    let other = Fleet::in_world(&world).await;
    other.device(&world, "Dev-1").await;

    let found = async |tenant: &str, device: &str, token: &str| {
        let token = SecretHash::of(token);
        AuthenticatedDevice::by_token(&mut world.conn().await, tenant, &device_id(device), &token).await.unwrap()
    };
    for tenant in [id.to_string(), id.to_string().to_uppercase(), "acme".into(), "ACME".into()] {
        let known = found(&tenant, "Dev-1", "Dev-1").await.unwrap_or_else(|| panic!("{tenant}"));
        assert_eq!((known.scope.partner_id(), known.scope.device_id()), (id, device.device_id()));
        assert_eq!((known.tenant.as_str(), known.config_wanted, known.open_pushes), ("acme", true, 0));
    }
    assert_eq!(
        found(&other.partner.partner_id().to_string(), "Dev-1", "Dev-1").await.unwrap().tenant,
        other.partner.partner_id().to_string()
    );
    for (tenant, device, token) in [
        ("acme", "Dev-1", "dev-1"),
        ("acme", "dev-1", "Dev-1"),
        ("acme", "Dev-2", "Dev-2"),
        ("default", "Dev-1", "Dev-1"),
        ("nobody", "Dev-1", "Dev-1"),
        ("acme", "Dev-1", ""),
    ] {
        assert!(found(tenant, device, token).await.is_none(), "{tenant} {device} {token}");
    }
}

#[rstest]
#[tokio::test]
async fn the_default_partners_devices_are_reached_as_default(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let mut partner = new_partner("First");
    partner.short_name = Some("first".into());
    let (id, secret) = (partner.partner_id, SecretHash::of("s"));
    commit!(world, tx => partners::insert(tx, &INSTALLATION, &partner, Standing::Default, &secret)).unwrap();
    let scope = *INSTALLATION.of_new_partner(id);
    let (account, device_type) = (world.account(scope).await, world.device_type(scope).await);
    world.device(account, scope, device_type, "d").await;
    for tenant in ["DEFAULT", "default", "Default", "first"] {
        let token = SecretHash::of("d");
        let found = AuthenticatedDevice::by_token(&mut world.conn().await, tenant, &device_id("d"), &token).await;
        assert_eq!(found.unwrap().unwrap().tenant, "DEFAULT", "{tenant}");
    }
}

#[rstest]
#[tokio::test]
async fn a_poll_learns_what_waits_for_the_device(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, image) = (fleet.device(&world, "d").await, fleet.image(&world, "1").await);
    fleet.device(&world, "idle").await;
    let tenant = fleet.partner.partner_id().to_string();
    let poll = async |id: &str| {
        let token = SecretHash::of(id);
        let known = AuthenticatedDevice::by_token(&mut world.conn().await, &tenant, &device_id(id), &token).await;
        known.unwrap().map(|known| (known.open_pushes, known.config_wanted))
    };
    let record = world.push(&device, &image, at(5)).await.unwrap();
    assert_eq!(poll("d").await, Some((1, true)));
    assert_eq!(poll("idle").await, Some((0, true)));

    let known = device.clone();
    commit!(world, tx => devices::config_said(tx, &known, at(3))).unwrap();
    let change = record.push.on(otaria_core::push::Event::CancelRequested, at(6), &Default::default());
    commit!(world, tx => pushes::save(tx, &device, &change, at(6))).unwrap();
    assert_eq!(poll("d").await, Some((0, false)));

    let account = fleet.account;
    commit!(world, tx => devices::disassociate(tx, &account, &device_id("d"))).unwrap().unwrap();
    assert_eq!(poll("d").await, None, "a disassociated device has no credential");
}
