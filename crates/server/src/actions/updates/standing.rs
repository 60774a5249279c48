//! How a device stands to its updates: whether it is in a maintenance window, and what it does while it is not.

use otaria_core::Timestamp;
use otaria_core::habit::Habit;
use otaria_core::maintenance::{Opening, Outside, Zone};
use otaria_core::offer;
use otaria_core::push::{Leave, Push};
use otaria_store::scopes::DeviceScope;
use otaria_store::{Conn, Tx, device_types, devices};

use super::words::printable;
use crate::error::Error;
use crate::service::Service;

/// The attribute by which a device says which time zone it is in, such as `Europe/Berlin` or `+05:30`.
pub(in crate::actions) const TIME_ZONE: &str = "otaria.timeZone";
/// The attribute by which a device says whether it downloads ahead: `true` or not.
const DOWNLOAD_AHEAD: &str = "otaria.downloadAhead";
/// The attribute under which it is remembered how a device's client called itself last.
const CLIENT: &str = "otaria.client";
/// How much of a client's name is remembered, in characters.
const LENGTH: usize = 128;

/// How a device's client calls itself; empty where it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client(Option<String>);

impl Client {
    /// The client of this name.
    pub fn named(name: Option<&str>) -> Self {
        Self(name.map(|name| printable(name, LENGTH)).filter(|name| !name.is_empty()))
    }

    /// Remembers it as the one that the locked device has.
    pub(super) async fn remember(&self, tx: &mut Tx, device: &DeviceScope, now: Timestamp) -> Result<(), Error> {
        Ok(devices::set_config(tx, device, CLIENT, self.0.as_deref(), now).await?)
    }
}

/// How a device stands to its updates.
#[derive(Clone, Debug)]
pub(in crate::actions) struct Standing {
    /// Whether it may be updated now; none if its type has no maintenance windows.
    pub(in crate::actions) opening: Option<Opening>,
    /// What it does while it may only download, by what it last showed.
    pub(in crate::actions) habit: Habit,
    /// The client that was remembered, where that matters now.
    client: Option<Client>,
}

impl Standing {
    /// As far as it is known now.
    pub(in crate::actions) async fn of(conn: &mut Conn, device: &DeviceScope, now: Timestamp) -> Result<Self, Error> {
        let anytime = Self { opening: None, habit: Habit::InstallsAtOnce, client: None };
        let Some(maintenance) = device_types::policy(conn, device).await?.maintenance else { return Ok(anytime) };
        let own = devices::config_value(conn, device, TIME_ZONE).await?;
        let own = own.and_then(|text| text.parse::<Zone>().ok());
        let standing = Self { opening: Some(maintenance.opening(own.as_ref(), now)), ..anytime };
        let Some(Opening::Closed { outside: Outside::DownloadAhead, .. }) = standing.opening else {
            return Ok(standing);
        };
        let stated = devices::config_value(conn, device, DOWNLOAD_AHEAD).await?;
        let client = devices::config_value(conn, device, CLIENT).await?;
        let habit = Habit::of(client.as_deref(), stated.as_deref());
        Ok(Self { habit, client: Some(Client(client)), ..standing })
    }

    /// Whether the device may be updated now.
    pub(in crate::actions) fn opening(&self) -> Opening {
        self.opening.unwrap_or(Opening::Open)
    }

    /// How far the device may go with one of its pushes now.
    pub(in crate::actions) fn leave(&self, push: &Push) -> Leave {
        offer::leave(push, self.opening(), self.habit)
    }
}

impl Service {
    /// How a device stands that asks through this client. Where the client matters and is another one than before, that is
    /// remembered before anything is decided by it, so that whoever asks why is told the same.
    pub(super) async fn standing(&self, device: &DeviceScope, client: &Client) -> Result<Standing, Error> {
        let now = self.clock.now();
        let standing = Standing::of(&mut self.store.read().await?, device, now).await?;
        if standing.client.as_ref().is_none_or(|known| known == client) {
            return Ok(standing);
        }
        let (locked, client) = (device.clone(), client.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &locked).await?;
                    client.remember(tx, &locked, now).await
                })
            })
            .await?;
        Standing::of(&mut self.store.read().await?, device, now).await
    }
}
