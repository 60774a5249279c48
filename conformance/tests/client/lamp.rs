//! A device that a test leads, over DDI.

use std::time::Duration;

use hawkbit::ddi::{Client, ClientAuthorization, Execution, Finished, Update};
use otaria_conformance::{Api, until};

use crate::world::World;

/// A firmware type that every partner has.
const APPLICATION: i64 = 3;

/// A device of the type `Lamp`.
pub struct Lamp {
    device: Client,
    api: Api,
    partner: String,
    device_type: String,
}

impl Lamp {
    /// Makes the device, and its type.
    pub async fn make(world: &World, id: &str) -> Self {
        let (api, partner) = (world.server.client().await, world.server.partner());
        let device_type = api.device_type(&partner, "Lamp").await;
        let token = api.device(&world.server.account(), &device_type, id).await;
        Self::known(world, api, partner, device_type, id, &token)
    }

    /// Makes another device of the same type.
    pub async fn another(&self, world: &World, id: &str) -> Self {
        let token = self.api.device(&world.server.account(), &self.device_type, id).await;
        Self::known(world, self.api.clone(), self.partner.clone(), self.device_type.clone(), id, &token)
    }

    /// The id of its type.
    pub fn device_type(&self) -> &str {
        &self.device_type
    }

    fn known(world: &World, api: Api, partner: String, device_type: String, id: &str, token: &str) -> Self {
        let authorization = ClientAuthorization::TargetToken(token.to_owned());
        let timeout = Some(Duration::from_secs(30));
        let device = Client::new(&world.server.url(), &partner, id, authorization, None, None, timeout).unwrap();
        Self { device, api, partner, device_type }
    }

    /// Publishes the image `app` of this version for lamps.
    pub async fn publish(&self, version: &str) {
        self.api.publish(&self.partner, &self.device_type, APPLICATION, version, version.into()).await;
    }

    /// Waits until there is an update for it.
    pub async fn is_offered_something(&self) {
        until("an update is offered", || async { self.device.poll().await.unwrap().update().is_some() }).await;
    }

    /// Takes the update that is offered, and has yet to say anything about it.
    pub async fn fetches(&self) -> Update {
        self.device.poll().await.unwrap().update().expect("no update is offered").fetch().await.unwrap()
    }

    /// Takes it, and runs it.
    pub async fn succeeds(&self) {
        let update = self.fetches().await;
        let say = async |execution, finished| {
            update.send_feedback(execution, finished, Vec::new()).await.unwrap();
        };
        say(Execution::Proceeding, Finished::None).await;
        say(Execution::Closed, Finished::Success).await;
    }

    /// Takes it, and cannot run it.
    pub async fn fails(&self, why: &str) {
        let update = self.fetches().await;
        update.send_feedback(Execution::Closed, Finished::Failure, vec![why]).await.unwrap();
    }
}
