//! The service: everything that its actions need, built once.

use std::sync::Arc;

use otaria_store::installation_keys::InstallationKey;
use otaria_store::{Repository, Store};
use tokio::sync::{OnceCell, watch};

use crate::actions::events::Listeners;
use crate::actions::refusals::Refusals;
use crate::actions::sightings::Sightings;
use crate::actions::trusts::Trusts;
use crate::actions::unreadable::Unreadables;
use crate::actions::updates::{Bursts, Pace};
use crate::clock::Clock;
use crate::credentials::passwords::Passwords;
use crate::credentials::throttle::Throttle;
use crate::settings::Settings;

/// What the actions work with. Cheap to clone; every request has one.
#[derive(Clone)]
pub struct Service {
    /// The rows.
    pub(crate) store: Store,
    /// The bytes.
    pub(crate) repository: Repository,
    /// What was configured.
    pub(crate) settings: Arc<Settings>,
    /// The time.
    pub(crate) clock: Clock,
    /// Passwords, a few at a time.
    pub(crate) passwords: Passwords,
    /// Who has to wait before signing in again.
    pub(crate) throttle: Arc<Throttle>,
    /// How often a device may poll, if that is limited.
    pub(crate) pace: Option<Arc<Pace>>,
    /// What was refused a moment ago.
    pub(crate) refusals: Arc<Refusals>,
    /// Who listens.
    pub(crate) listeners: Arc<Listeners>,
    /// Whether the server is stopping.
    pub(crate) stopping: Arc<watch::Sender<bool>>,
    /// What signs links, once it was needed.
    pub(crate) link_key: Arc<OnceCell<InstallationKey>>,
    /// Whom partners trust to certify their devices.
    pub(crate) trusts: Arc<Trusts>,
    /// Devices that were heard of since the last time it was written down.
    pub(crate) sightings: Arc<Sightings>,
    /// What devices say and is being written.
    pub(crate) bursts: Arc<Bursts>,
    /// What devices sent since the last time that could not be read as it was.
    pub(crate) unreadable: Arc<Unreadables>,
}

impl Service {
    /// Puts the parts together.
    pub fn new(store: Store, repository: Repository, settings: Settings, clock: Clock) -> Self {
        Self {
            store,
            repository,
            pace: settings.polls_per_minute.map(|most| Arc::new(Pace::of(most))),
            settings: Arc::new(settings),
            clock,
            passwords: Passwords::new(),
            throttle: Arc::default(),
            refusals: Arc::default(),
            listeners: Arc::default(),
            stopping: Arc::new(watch::Sender::new(false)),
            link_key: Arc::default(),
            trusts: Arc::default(),
            sightings: Arc::default(),
            bursts: Arc::default(),
            unreadable: Arc::default(),
        }
    }
}
