//! A store with nothing in it, and short ways to put into it what a test is not about.

use otaria_core::page::{Direction, PageRequest, Sort};
use otaria_core::policy::Policy;
use otaria_core::push::{Push, Timers};
use otaria_core::rights::PartnerPrivileges;
use otaria_core::{AccountId, DeviceId, DeviceTypeId, FirmwareType, PartnerId, PushId, Timestamp, UserId};
use otaria_store::accounts::{self, Account};
use otaria_store::device_types::{self, Details, DeviceType};
use otaria_store::devices::{self, NewDevice};
use otaria_store::firmware_images::{self, FirmwareImage};
use otaria_store::partners::{self, Partner, Standing};
use otaria_store::pool::{self, Content, Image, Kind, Link};
use otaria_store::pushes::{self, PushRecord};
use otaria_store::scopes::{Caller, DeviceScope, InstallationScope, ManagePartner, OwnPartner, WriteAccount};
use otaria_store::users::{self, User};
use otaria_store::{Conn, DatabaseLocation, Error, SecretHash, Store};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::scratch::{Engine, Scratch};

pub(crate) const INSTALLATION: InstallationScope = InstallationScope::of_the_process();

/// What a test is done in.
pub(crate) struct World {
    pub(crate) store: Store,
    /// Goes after the store.
    scratch: Scratch,
}

/// `commit!(world, tx => work)`: what `work` returned, once it is durable.
macro_rules! commit {
    ($world:expr, $tx:ident => $work:expr) => {
        $world.store.write(move |$tx| Box::pin(async move { $work.await })).await
    };
}
pub(crate) use commit;

impl World {
    pub(crate) async fn on(engine: Engine) -> Self {
        let scratch = Scratch::on(engine).await;
        let store = Store::open(&location(&scratch)).await.unwrap();
        Self { store, scratch }
    }

    /// Another store on the same database, as a second process would have.
    pub(crate) async fn second_store(&self) -> Store {
        Store::open(&location(&self.scratch)).await.unwrap()
    }

    /// How to look behind the store's back.
    pub(crate) fn postgres(&self) -> PgConnectOptions {
        self.scratch.postgres()
    }

    pub(crate) async fn conn(&self) -> Conn {
        self.store.read().await.unwrap()
    }

    /// A new partner; its client's secret is its name.
    pub(crate) async fn partner(&self, name: &str) -> OwnPartner {
        let partner = new_partner(name);
        let (id, secret) = (partner.partner_id, SecretHash::of(name));
        commit!(self, tx => partners::insert(tx, &INSTALLATION, &partner, Standing::Ordinary, &secret)).unwrap();
        INSTALLATION.of_new_partner(id)
    }

    /// A new person, who has no access to anything.
    pub(crate) async fn user(&self, email: &str) -> UserId {
        let user = new_user(email);
        let id = user.user_id;
        commit!(self, tx => users::insert(tx, &INSTALLATION, &user)).unwrap();
        id
    }

    pub(crate) async fn grant(&self, partner: OwnPartner, user: UserId, privileges: PartnerPrivileges) {
        commit!(self, tx => partners::grant(tx, &partner, user, privileges, at(1))).unwrap();
    }

    /// A new account that the partner made.
    pub(crate) async fn account(&self, maker: ManagePartner) -> WriteAccount {
        let account =
            Account { account_id: new_id(AccountId::from_uuid), description: "Fleet".into(), created: at(1) };
        let id = account.account_id;
        commit!(self, tx => accounts::insert(tx, &maker, &account)).unwrap();
        let client = Caller::Client { partner_id: maker.partner_id() };
        client.write_account(&mut self.conn().await, id).await.unwrap().expect("its maker may write to it")
    }

    pub(crate) async fn device_type(&self, partner: ManagePartner) -> DeviceTypeId {
        let device_type = new_device_type("Sensor");
        let id = device_type.device_type_id;
        assert!(commit!(self, tx => device_types::insert(tx, &partner, &device_type)).unwrap());
        id
    }

    /// A new pool image of type 5.
    pub(crate) async fn image(&self, partner: ManagePartner, name: &str, version: &str) -> Image {
        self.image_with(partner, FirmwareType::HUB, content(name, version)).await.unwrap()
    }

    pub(crate) async fn image_with(
        &self,
        partner: ManagePartner,
        firmware_type: FirmwareType,
        content: Content,
    ) -> Result<Image, Error> {
        commit!(self, tx => pool::insert(tx, &partner, &Kind::Pool(firmware_type), &content, at(1)))
    }

    /// The image as associated with a device type of its own partner.
    pub(crate) async fn associated(
        &self,
        partner: ManagePartner,
        device_type: DeviceTypeId,
        image: &Image,
    ) -> FirmwareImage {
        let (firmware_type, number, image) = (image.firmware_type, image.version_number, image.clone());
        commit!(self, tx => firmware_images::associate(tx, &partner, device_type, &partner, &image, at(2)))
            .unwrap()
            .expect("it was not associated");
        let mut conn = self.conn().await;
        firmware_images::get(&mut conn, &partner, device_type, firmware_type, number).await.unwrap().unwrap()
    }

    /// A new device; its token is its id.
    pub(crate) async fn device(
        &self,
        account: WriteAccount,
        partner: ManagePartner,
        device_type: DeviceTypeId,
        id: &str,
    ) -> DeviceScope {
        let (device, token) = (new_device(device_type, id), SecretHash::of(id));
        commit!(self, tx => async {
            assert!(devices::insert(tx, &account, &partner, &device, &token).await?);
            devices::lock_for_push(tx, &partner, device_type, &device.device_id).await
        })
        .unwrap()
        .expect("it is there")
    }

    /// Pushes the image to the device.
    pub(crate) async fn push(
        &self,
        device: &DeviceScope,
        image: &FirmwareImage,
        now: Timestamp,
    ) -> Result<PushRecord, Error> {
        let (device, image, id) = (device.clone(), image.clone(), new_id(PushId::from_uuid));
        let push = Push::new(id, image.firmware_type, image.version_number, now, &Timers::default());
        commit!(self, tx => async {
            devices::lock(tx, &device).await?;
            pushes::insert(tx, &device, push, &image, "the test").await
        })
    }
}

pub(crate) fn location(scratch: &Scratch) -> DatabaseLocation {
    match scratch {
        Scratch::Sqlite(_) => DatabaseLocation::Sqlite(scratch.file()),
        Scratch::Postgres { .. } => DatabaseLocation::Postgres(scratch.postgres().to_url_lossy().to_string()),
    }
}

/// One partner with everything that it takes to push.
pub(crate) struct Fleet {
    pub(crate) partner: ManagePartner,
    pub(crate) account: WriteAccount,
    pub(crate) device_type: DeviceTypeId,
}

impl Fleet {
    pub(crate) async fn in_world(world: &World) -> Self {
        let partner = *world.partner("A").await;
        let (account, device_type) = (world.account(partner).await, world.device_type(partner).await);
        Self { partner, account, device_type }
    }

    pub(crate) async fn device(&self, world: &World, id: &str) -> DeviceScope {
        world.device(self.account, self.partner, self.device_type, id).await
    }

    /// An image of type 5, associated.
    pub(crate) async fn image(&self, world: &World, version: &str) -> FirmwareImage {
        let image = world.image(self.partner, "Hub", version).await;
        world.associated(self.partner, self.device_type, &image).await
    }
}

pub(crate) const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn new_id<T>(wrap: fn(Uuid) -> T) -> T {
    wrap(Uuid::now_v7())
}

pub(crate) fn device_id(text: &str) -> DeviceId {
    text.parse().unwrap()
}

/// A firmware type of a partner's own.
pub(crate) fn own_type(number: i64) -> FirmwareType {
    FirmwareType::from_number(number).filter(|firmware_type| firmware_type.is_partners_own()).unwrap()
}

pub(crate) fn new_partner(name: &str) -> Partner {
    let partner_id = new_id(PartnerId::from_uuid);
    Partner {
        partner_id,
        name: name.to_owned(),
        short_name: None,
        contact_email: None,
        client_id: format!("client of {partner_id}"),
        created: at(1),
    }
}

pub(crate) fn new_user(email: &str) -> User {
    User {
        user_id: new_id(UserId::from_uuid),
        email: email.to_owned(),
        first_name: "Ada".to_owned(),
        last_name: String::new(),
        password_hash: "$argon2id$…".to_owned(),
        is_admin: false,
        failed_attempts: 0,
        last_used: None,
        created: at(1),
    }
}

pub(crate) fn new_device_type(name: &str) -> DeviceType {
    DeviceType {
        device_type_id: new_id(DeviceTypeId::from_uuid),
        details: details(name),
        created: at(1),
        updated: at(1),
    }
}

pub(crate) fn details(name: &str) -> Details {
    Details { name: name.to_owned(), description: None, policy: Policy::default() }
}

pub(crate) fn new_device(device_type_id: DeviceTypeId, id: &str) -> NewDevice {
    NewDevice {
        device_id: device_id(id),
        device_type_id,
        friendly_name: format!("Device {id}"),
        tags: Vec::new(),
        created: at(1),
    }
}

pub(crate) fn content(name: &str, version: &str) -> Content {
    Content {
        name: name.to_owned(),
        description: None,
        version: version.to_owned(),
        link: Link::Elsewhere(String::new()),
        tags: Vec::new(),
    }
}

pub(crate) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// The first fifty, by these fields.
pub(crate) fn sorted(by: &[(&'static str, Direction)]) -> PageRequest {
    part(0, 50, by)
}

/// Page `number`, of `size`, by these fields.
pub(crate) fn part(number: i64, size: i64, by: &[(&'static str, Direction)]) -> PageRequest {
    let sort = by.iter().map(|&(field, direction)| Sort { field, direction }).collect();
    PageRequest { number, size, sort }
}
