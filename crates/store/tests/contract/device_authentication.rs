//! How devices prove who they are, and the keys that the installation has for itself.

use otaria_store::Error;
use otaria_store::Registers;
use otaria_store::device_authentication::{self, DeviceAuthentication, Trust};
use otaria_store::installation_keys::{self, InstallationKey};
use otaria_store::scopes::{AuthenticatedDevice, CertifiedDevice, InstallationScope, LinkedDevice, SpokenFor};
use rstest::rstest;

use crate::scratch::Engine;
use crate::world::{Fleet, World, at, commit, device_id};

const KEY: &str = "the test";

fn said(bundle: &str) -> DeviceAuthentication {
    DeviceAuthentication {
        certificates: true,
        trust: Trust {
            ca_bundle: bundle.to_owned(),
            revocation_lists: "lists".to_owned(),
            proxy_authorities: vec!["a".to_owned(), "CN=b, O=c".to_owned()],
        },
        ..DeviceAuthentication::default()
    }
}

#[rstest]
#[tokio::test]
async fn it_is_by_tokens_until_it_is_said_otherwise(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (fleet, other) = (Fleet::in_world(&world).await, *world.partner("B").await);
    let partner = fleet.partner;
    let get = async || device_authentication::get(&mut world.conn().await, &partner).await.unwrap();
    assert_eq!(get().await, DeviceAuthentication::default());
    let registers = Registers { device_type_id: fleet.device_type, account_id: fleet.account.account_id() };
    let new = DeviceAuthentication { registers: Some(registers), target_tokens: false, ..said("bundle") };
    let replaced = new.clone();
    let before = commit!(world, tx => async {
        let before = device_authentication::lock(tx, &partner, at(5)).await?;
        device_authentication::replace(tx, &partner, &replaced, at(6)).await?;
        Ok::<_, Error>(before)
    });
    assert_eq!(before.unwrap().trust, Trust::default());
    let new = DeviceAuthentication { updated: Some(at(6)), ..new };
    assert_eq!(get().await, new);
    assert_eq!(device_authentication::trust(&mut world.conn().await, &partner).await.unwrap(), new.trust);
    let before = commit!(world, tx => device_authentication::lock(tx, &partner, at(7)));
    assert_eq!(before.unwrap(), new);
    // Another partner's device type is none.
    let foreign = commit!(world, tx => async {
        device_authentication::lock(tx, &other, at(7)).await?;
        device_authentication::replace(tx, &other, &new, at(7)).await
    });
    assert!(matches!(foreign, Err(Error::Dangling(_))), "{foreign:?}");
    let untouched = device_authentication::get(&mut world.conn().await, &other).await.unwrap();
    assert_eq!(untouched, DeviceAuthentication::default());
}

#[rstest]
#[tokio::test]
async fn a_certificate_finds_a_device_only_where_certificates_are_let_in(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (partner, tenant) = (fleet.partner, fleet.partner.partner_id().to_string());
    fleet.device(&world, "lamp").await;
    let find =
        async |id: &str| CertifiedDevice::find(&mut world.conn().await, &tenant, &device_id(id)).await.unwrap();
    assert!(find("lamp").await.is_none());
    for bundle in ["one", "two"] {
        let new = said(bundle);
        let digest = new.trust.digest();
        commit!(world, tx => async {
            device_authentication::lock(tx, &partner, at(5)).await?;
            device_authentication::replace(tx, &partner, &new, at(6)).await
        })
        .unwrap();
        let found = find("lamp").await.unwrap();
        assert_eq!((found.trust(), found.partner().partner_id()), (digest, partner.partner_id()));
        let SpokenFor::Device(device) = found.proven() else { panic!("it is known") };
        assert_eq!(device.scope.device_id().as_str(), "lamp");
        let SpokenFor::Unknown(registrar) = find("new").await.unwrap().proven() else { panic!("it is unknown") };
        assert!(registrar.register_devices().is_none());
    }
}

#[rstest]
#[tokio::test]
async fn a_link_is_held_by_the_device_with_its_token(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let tenant = fleet.partner.partner_id().to_string();
    fleet.device(&world, "lamp").await;
    let id = device_id("lamp");
    let token = otaria_store::SecretHash::of("lamp");
    let own = AuthenticatedDevice::by_token(&mut world.conn().await, &tenant, &id, &token).await.unwrap().unwrap();
    let found = LinkedDevice::find(&mut world.conn().await, &tenant, &id).await.unwrap().unwrap();
    for holder in [own.link_holder(), found.link_holder()] {
        assert_eq!(
            (holder.partner_id, &holder.device_id, holder.token.as_ref().map(otaria_store::SecretHash::as_bytes)),
            (fleet.partner.partner_id(), &id, Some(token.as_bytes()))
        );
    }
    let gone = id.clone();
    commit!(world, tx => otaria_store::devices::disassociate(tx, &fleet.account, &gone)).unwrap();
    assert!(LinkedDevice::find(&mut world.conn().await, &tenant, &id).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn a_key_is_made_once_whoever_is_first(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (scope, second) = (InstallationScope::of_the_process(), world.second_store().await);
    assert!(installation_keys::get(&mut world.conn().await, &scope, KEY).await.unwrap().is_none());
    let make = |number: u8| {
        let store = if number.is_multiple_of(2) { &world.store } else { &second };
        let candidate = InstallationKey::new([number; 64]);
        store.write(move |tx| {
            Box::pin(async move { installation_keys::make(tx, &scope, KEY, &candidate, at(1)).await })
        })
    };
    let made: Vec<Result<InstallationKey, Error>> = futures::future::join_all((0..8).map(make)).await;
    let stored = installation_keys::get(&mut world.conn().await, &scope, KEY).await.unwrap().unwrap();
    for key in made {
        assert_eq!(key.unwrap().as_bytes(), stored.as_bytes());
    }
    assert!(!format!("{stored:?}").contains('['));
}
