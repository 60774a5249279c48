//! A server with one device, and short ways to push something to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use otaria_core::digest::Digests;
use otaria_core::policy::Policy;
use otaria_core::push::{Entry, Event, Push, PushState, Timers};
use otaria_core::{
    AccountId, AssociationId, DeviceId, DeviceTypeId, FirmwareType, GatewayTokenId, PartnerId, PushId, Timestamp,
    VersionNumber,
};
use otaria_server::actions::audit::{Actor, Origin};
use otaria_server::actions::pushes::Target;
use otaria_server::{Clock, RawSettings, Service, Settings};
use otaria_store::accounts::{self, Account};
use otaria_store::device_types::{self, Details, DeviceType};
use otaria_store::devices::{self, NewDevice};
use otaria_store::gateway_tokens::{self, GatewayToken};
use otaria_store::partners::{self, Partner, Standing};
use otaria_store::pool::{self, Content, Kind, Link};
use otaria_store::pushes::{self, HistoryEntry};
use otaria_store::scopes::{Caller, DeviceScope, InstallationScope, ManagePartner};
use otaria_store::unreadable::{self, Unreadable};
use otaria_store::{
    Conn, DatabaseLocation, Error, Registers, Repository, RepositoryLocation, SecretHash, Store, binaries,
    firmware_images, firmware_types,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use sha2::Digest as _;
use sqlx::ConnectOptions as _;
use tempfile::TempDir;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::scratch::{Engine, Scratch};

pub(crate) const DEVICE: &str = "dev-7";
pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const FILE_NAME: &str = "root fs+1.swu";
pub(crate) const START: i64 = 1_700_000_000_000;
const INSTALLATION: InstallationScope = InstallationScope::of_the_process();

/// A running server.
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) store: Store,
    pub(crate) bytes: Vec<u8>,
    repository: Repository,
    clock: Arc<AtomicI64>,
    timers: Timers,
    url: String,
    client: Client,
    pub(crate) partner: ManagePartner,
    account: AccountId,
    device_type: DeviceTypeId,
    /// Gone after the store.
    _places: (Scratch, TempDir),
}

/// A push that was made.
pub(crate) struct Pushed {
    pub(crate) action: i32,
    pub(crate) id: PushId,
    pub(crate) number: VersionNumber,
}

fn new_id<T>(wrap: fn(Uuid) -> T) -> T {
    wrap(Uuid::now_v7())
}

impl World {
    pub(crate) async fn on(engine: Engine) -> Self {
        Self::with(engine, |_| {}).await
    }

    pub(crate) async fn with(engine: Engine, set: impl FnOnce(&mut RawSettings)) -> Self {
        let (scratch, folder) = (Scratch::on(engine).await, tempfile::tempdir().unwrap());
        let location = match engine {
            Engine::Sqlite => DatabaseLocation::Sqlite(scratch.file()),
            Engine::Postgres => DatabaseLocation::Postgres(scratch.postgres().to_url_lossy().to_string()),
        };
        let store = Store::open(&location).await.unwrap();
        let bytes_in = RepositoryLocation::Folder(folder.path().join("repository"));
        let repository = Repository::open(&bytes_in).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut raw = RawSettings { public_url: Some(url.clone()), ..RawSettings::default() };
        set(&mut raw);
        let settings = Settings::from_raw(raw).unwrap();
        let timers = settings.timers;
        let clock = Arc::new(AtomicI64::new(START));
        let hands = clock.clone();
        let service = Service::new(
            store.clone(),
            repository.clone(),
            settings,
            Clock::from_fn(move || Timestamp::from_millis(hands.load(Ordering::Relaxed))),
        );
        let app = otaria_server::serve::router(service.clone());
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let (partner, account, device_type) = populate(&store).await;
        let bytes = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
        let client = Client::builder().no_proxy().build().unwrap();
        let _places = (scratch, folder);
        Self { service, store, bytes, repository, clock, timers, url, client, partner, account, device_type, _places }
    }

    pub(crate) async fn conn(&self) -> Conn {
        self.store.read().await.unwrap()
    }

    pub(crate) fn wait(&self, span: Duration) {
        self.clock.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// The files in the repository have times of the system's clock.
    pub(crate) fn set_to_system_time(&self) {
        self.clock.store(Clock::system().now().as_millis(), Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::Relaxed))
    }

    pub(crate) fn base(&self) -> String {
        format!("{}/DEFAULT/controller/v1/{DEVICE}", self.url)
    }

    fn with_token(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("Authorization", format!("TargetToken {TOKEN}"))
    }

    /// A GET of what lies below the device's base resource.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.with_token(self.client.get(format!("{}{path}", self.base())))
    }

    /// A GET of what lies below the server's root, without a token.
    pub(crate) fn get_without_token(&self, path: &str) -> RequestBuilder {
        self.without_token(Method::GET, path)
    }

    /// A HEAD of it.
    pub(crate) fn head_without_token(&self, path: &str) -> RequestBuilder {
        self.without_token(Method::HEAD, path)
    }

    /// Any request for it.
    pub(crate) fn without_token(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) fn head(&self, path: &str) -> RequestBuilder {
        self.with_token(self.client.head(format!("{}{path}", self.base())))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.with_token(self.client.post(format!("{}{path}", self.base())))
    }

    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.with_token(self.client.put(format!("{}{path}", self.base())))
    }

    pub(crate) async fn poll(&self) -> Value {
        let response = self.get("").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers().contains_key("content-length"));
        response.json().await.unwrap()
    }

    /// The status of an answer to feedback; one of 200 is checked to be as small clients want it.
    pub(crate) async fn feedback(&self, path: &str, execution: &str, finished: &str, details: &[&str]) -> u16 {
        let body = json!({"status": {
            "execution": execution, "result": {"finished": finished}, "details": details
        }});
        status_of_acceptance(self.post(path).json(&body).send().await.unwrap()).await
    }

    /// Feedback on a push.
    pub(crate) async fn says(&self, action: i32, execution: &str, finished: &str, details: &[&str]) -> u16 {
        self.feedback(&format!("/deploymentBase/{action}/feedback"), execution, finished, details).await
    }

    pub(crate) async fn configures(&self, body: Value) -> u16 {
        status_of_acceptance(self.put("/configData").json(&body).send().await.unwrap()).await
    }

    pub(crate) fn device(&self) -> DeviceId {
        DEVICE.parse().unwrap()
    }

    async fn scope(&self) -> DeviceScope {
        let (partner, device_type, device) = (self.partner, self.device_type, self.device());
        let locked = self.store.write(move |tx| {
            Box::pin(async move { devices::lock_for_push(tx, &partner, device_type, &device).await })
        });
        locked.await.unwrap().unwrap()
    }

    /// Puts the bytes into the repository.
    async fn upload(&self, bytes: &[u8]) -> Digests {
        let mut staged = self.repository.stage().await.unwrap();
        staged.write(bytes.to_vec().into()).await.unwrap();
        let location = staged.finish().await.unwrap();
        let digests = Digests {
            sha256: otaria_core::Sha256::from_bytes(sha2::Sha256::digest(bytes).into()),
            sha1: sha1::Sha1::digest(bytes).into(),
            md5: md5::Md5::digest(bytes).into(),
            size: bytes.len() as u64,
        };
        let (partner, now) = (self.partner, self.now());
        let noted = self.store.write(move |tx| {
            Box::pin(async move {
                binaries::insert(tx, &partner, &digests, Some(FILE_NAME), &location, now).await?;
                binaries::move_to_repository(tx, &partner, digests.sha256, now).await
            })
        });
        let noted: Result<bool, Error> = noted.await;
        assert!(noted.unwrap());
        digests
    }

    /// Pushes a new image of type 5 to the device.
    pub(crate) async fn push(&self, version: &str) -> Pushed {
        self.push_type(FirmwareType::HUB, version).await
    }

    pub(crate) async fn push_type(&self, firmware_type: FirmwareType, version: &str) -> Pushed {
        self.push_bytes(firmware_type, version, &self.bytes).await
    }

    /// Pushes a new image of these bytes to the device.
    pub(crate) async fn push_bytes(&self, firmware_type: FirmwareType, version: &str, bytes: &[u8]) -> Pushed {
        let (partner, association) = (self.partner, self.associates(firmware_type, version, bytes).await);
        let actor = Actor::new(Caller::Client { partner_id: partner.partner_id() }, &Origin::default());
        let target = Target { device_type: self.device_type, association, device: self.device() };
        let id = self.service.push(partner, actor, target).await.unwrap();
        let record = pushes::get(&mut self.conn().await, &partner, id).await.unwrap().unwrap();
        Pushed { action: record.action, id: record.push.id, number: record.push.version_number }
    }

    /// An image of these bytes is published and associated with the device type, and not pushed.
    pub(crate) async fn associates(&self, firmware_type: FirmwareType, version: &str, bytes: &[u8]) -> AssociationId {
        let (digests, now) = (self.upload(bytes).await, self.now());
        let (partner, device_type) = (self.partner, self.device_type);
        let content = Content {
            name: "rootfs".to_owned(),
            description: None,
            version: version.to_owned(),
            link: Link::Ours(digests.sha256),
            tags: Vec::new(),
        };
        let associated = self.store.write(move |tx| {
            Box::pin(async move {
                if firmware_type.is_partners_own() {
                    let details = firmware_types::Details { name: "own".to_owned(), description: None, part: None };
                    firmware_types::insert(tx, &partner, firmware_type, &details, now).await?;
                }
                let image = pool::insert(tx, &partner, &Kind::Pool(firmware_type), &content, now).await?;
                firmware_images::associate(tx, &partner, device_type, &partner, &image, now).await
            })
        });
        let associated: Result<_, Error> = associated.await;
        associated.unwrap().unwrap()
    }

    /// A new image of type 5 in the partner's pool, for no device type; its version number.
    pub(crate) async fn in_the_pool(&self, version: &str) -> VersionNumber {
        self.image_of(self.partner, version, None).await
    }

    /// A new image of type 5 in another partner's pool, for the device's type; its version number.
    pub(crate) async fn image_of_another_partner(&self, version: &str) -> VersionNumber {
        let (partner_id, now) = (new_id(PartnerId::from_uuid), self.now());
        let made = self.store.write(move |tx| {
            Box::pin(async move {
                let partner = Partner {
                    partner_id,
                    name: format!("Lights {partner_id}"),
                    short_name: None,
                    contact_email: None,
                    client_id: partner_id.to_string(),
                    created: now,
                };
                partners::insert(tx, &INSTALLATION, &partner, Standing::Ordinary, &SecretHash::of("secret")).await
            })
        });
        let made: Result<_, Error> = made.await;
        made.unwrap();
        let other = *INSTALLATION.of_new_partner(partner_id);
        self.image_of(other, "0.1", None).await;
        self.image_of(other, "0.2", None).await;
        self.image_of(other, version, Some(self.device_type)).await
    }

    async fn image_of(
        &self,
        owner: ManagePartner,
        version: &str,
        device_type: Option<DeviceTypeId>,
    ) -> VersionNumber {
        let (partner, now) = (self.partner, self.now());
        let content = Content {
            name: "rootfs".to_owned(),
            description: None,
            version: version.to_owned(),
            link: Link::Elsewhere(String::new()),
            tags: Vec::new(),
        };
        let made = self.store.write(move |tx| {
            Box::pin(async move {
                let image = pool::insert(tx, &owner, &Kind::Pool(FirmwareType::HUB), &content, now).await?;
                if let Some(device_type) = device_type {
                    firmware_images::associate(tx, &partner, device_type, &owner, &image, now).await?;
                }
                Ok(image.version_number)
            })
        });
        let made: Result<_, Error> = made.await;
        made.unwrap()
    }

    /// A new gateway token, which may register devices or not.
    pub(crate) async fn gateway(&self, name: &str, may_register: bool) -> String {
        let (partner, now, plain) = (self.partner, self.now(), Uuid::now_v7().simple().to_string());
        let registers = Registers { device_type_id: self.device_type, account_id: self.account };
        let token = GatewayToken {
            id: new_id(GatewayTokenId::from_uuid),
            name: name.to_owned(),
            registers: may_register.then_some(registers),
            created: now,
            expires: None,
        };
        let secret = SecretHash::of(&plain);
        let made: Result<(), Error> = self
            .store
            .write(move |tx| Box::pin(async move { gateway_tokens::insert(tx, &partner, &token, &secret).await }))
            .await;
        made.unwrap();
        plain
    }

    /// A firmware type of the partner's own, which devices know by this word.
    pub(crate) async fn own_type(&self, firmware_type: FirmwareType, part: &str) {
        let (partner, now) = (self.partner, self.now());
        let details =
            firmware_types::Details { name: "own".to_owned(), description: None, part: Some(part.to_owned()) };
        let made = self.store.write(move |tx| {
            Box::pin(async move { firmware_types::insert(tx, &partner, firmware_type, &details, now).await })
        });
        assert!(made.await.unwrap().is_some());
    }

    /// The device is to be asked what it is.
    pub(crate) async fn wants_to_know(&self) {
        let device = self.scope().await;
        let wanted: Result<(), Error> =
            self.store.write(move |tx| Box::pin(async move { devices::want_config(tx, &device).await })).await;
        wanted.unwrap();
    }

    /// Loses the bytes of all binaries.
    pub(crate) async fn lose_all_bytes(&self) {
        let old = Clock::system().now().plus(Duration::from_secs(60));
        for location in self.repository.older_than(old).await.unwrap() {
            self.repository.remove(&location).await.unwrap();
        }
    }

    /// The operators want this of the updates of the device's type.
    pub(crate) async fn wants(&self, policy: Policy) {
        let (partner, device_type, now) = (self.partner, self.device_type, self.now());
        let details = Details { name: "Lamp".to_owned(), description: None, policy };
        let updated = self.store.write(move |tx| {
            Box::pin(async move { device_types::update(tx, &partner, device_type, &details, now).await })
        });
        let updated: Result<_, Error> = updated.await;
        assert!(updated.unwrap().is_some());
    }

    pub(crate) fn timers(&self) -> Timers {
        self.timers
    }

    /// Somebody cancels the push.
    pub(crate) async fn cancel(&self, pushed: &Pushed) {
        self.take_back(pushed, Event::CancelRequested).await;
    }

    /// The push is taken back.
    pub(crate) async fn take_back(&self, pushed: &Pushed, event: Event) {
        let (partner, id, now, timers) = (self.partner, pushed.id, self.now(), self.timers());
        let taken_back = self.store.write(move |tx| {
            Box::pin(async move {
                let (record, device) = pushes::lock(tx, &partner, id).await?.unwrap();
                pushes::save(tx, &device, &record.push.on(event, now, &timers), now).await
            })
        });
        let taken_back: Result<(), Error> = taken_back.await;
        taken_back.unwrap();
    }

    pub(crate) async fn record(&self, pushed: &Pushed) -> Push {
        pushes::get(&mut self.conn().await, &self.partner, pushed.id).await.unwrap().unwrap().push
    }

    pub(crate) async fn state(&self, pushed: &Pushed) -> PushState {
        self.record(pushed).await.state
    }

    /// Newest first.
    pub(crate) async fn history(&self, pushed: &Pushed) -> Vec<HistoryEntry> {
        pushes::history(&mut self.conn().await, &self.partner, pushed.id).await.unwrap()
    }

    pub(crate) async fn latest(&self, pushed: &Pushed) -> Entry {
        self.history(pushed).await.remove(0).entry
    }

    pub(crate) async fn installed(&self, firmware_type: FirmwareType) -> Option<VersionNumber> {
        let scope = self.scope().await;
        devices::installed(&mut self.conn().await, &scope).await.unwrap().get(&firmware_type).copied()
    }

    pub(crate) async fn shown(&self) -> devices::Device {
        devices::get(&mut self.conn().await, &self.partner, &self.device()).await.unwrap().unwrap()
    }

    pub(crate) async fn config(&self) -> Value {
        let config = devices::config(&mut self.conn().await, &self.partner, &self.device()).await.unwrap();
        json!(config)
    }

    /// What the device sent that could not be read as it was, newest first.
    pub(crate) async fn unreadable(&self) -> Vec<Unreadable> {
        self.service.flush_unreadable().await.unwrap();
        unreadable::of_device(&mut self.conn().await, &self.partner, &self.device()).await.unwrap()
    }

    /// A connection to the server.
    pub(crate) async fn connection(&self) -> TcpStream {
        TcpStream::connect(self.url.strip_prefix("http://").unwrap()).await.unwrap()
    }

    /// Another link's path below the base resource.
    pub(crate) fn path<'l>(&self, links: &'l Value, name: &str) -> &'l str {
        let href = links[name]["href"].as_str().unwrap_or_else(|| panic!("no {name} in {links}"));
        href.strip_prefix(&self.base()).unwrap_or_else(|| panic!("{href} is not below the base resource"))
    }
}

async fn status_of_acceptance(response: Response) -> u16 {
    let status = response.status();
    if status == StatusCode::OK {
        assert_eq!(response.headers()["content-length"], "0");
        assert!(response.bytes().await.unwrap().is_empty());
    }
    status.as_u16()
}

/// One default partner with a device.
async fn populate(store: &Store) -> (ManagePartner, AccountId, DeviceTypeId) {
    let (partner_id, account_id) = (new_id(PartnerId::from_uuid), new_id(AccountId::from_uuid));
    let (owner, device_type_id) = (INSTALLATION.of_new_partner(partner_id), new_id(DeviceTypeId::from_uuid));
    let now = Timestamp::from_millis(START);
    let made = store.write(move |tx| {
        Box::pin(async move {
            let partner = Partner {
                partner_id,
                name: "Lamps".to_owned(),
                short_name: Some("lamps".to_owned()),
                contact_email: None,
                client_id: "lamps".to_owned(),
                created: now,
            };
            partners::insert(tx, &INSTALLATION, &partner, Standing::Default, &SecretHash::of("secret")).await?;
            let account = Account { account_id, description: "Fleet".to_owned(), created: now };
            accounts::insert(tx, &owner, &account).await?;
            let details = Details { name: "Lamp".to_owned(), description: None, policy: Policy::default() };
            let device_type = DeviceType { device_type_id, details, created: now, updated: now };
            device_types::insert(tx, &owner, &device_type).await?;
            let client = Caller::Client { partner_id };
            let account = client.write_account(tx, account_id).await?.unwrap();
            let device = NewDevice {
                device_id: DEVICE.parse()?,
                device_type_id,
                friendly_name: "Lamp 7".to_owned(),
                tags: Vec::new(),
                created: now,
            };
            devices::insert(tx, &account, &owner, &device, &SecretHash::of(TOKEN)).await
        })
    });
    let made: Result<bool, Error> = made.await;
    assert!(made.unwrap());
    (*owner, account_id, device_type_id)
}
