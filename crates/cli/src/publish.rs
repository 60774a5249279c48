//! `otaria publish`: a file becomes an image in the pool, is made available to device types, and goes to devices.

mod associations;
mod file;
mod options;
mod outcome;
mod pushes;
mod record;
mod record_first;
mod targets;
mod upload;

use otaria_wire::partner::{AssociationOut, PoolImageOut};

pub use self::options::Options;

use self::file::LocalFile;
use self::options::{Publication, Waiting, Way};
use self::outcome::{Outcome, Plan};
use self::record::Wanted;
use self::targets::Targets;
use crate::client::rights::{Rights, rights};
use crate::client::settings::Credential;
use crate::client::waiting::{self, Changes};
use crate::client::{Client, Effect};
use crate::failure::{Exit, Failure};
use crate::nouns::images;

/// Publishes, the way that was chosen. The same again changes nothing and is a success.
pub async fn run(options: Options, client: Client) -> Result<(), Failure> {
    let Publication { way, device_types, devices, waiting } = options.publication(client.settings.publish()?)?;
    match way {
        Way::RecordFirst(wanted, out) => {
            let situation = Situation::look(&client, &wanted, &device_types, &devices).await?;
            record_first::run(&client, wanted, situation, &out).await
        }
        Way::File(wanted, path) => {
            let looking = Situation::look(&client, &wanted, &device_types, &devices);
            let (file, situation) = tokio::try_join!(LocalFile::hashed(path), looking)?;
            publish(&client, &wanted, &file, situation, waiting).await
        }
    }
}

/// What there is before anything is changed.
struct Situation {
    record: Option<PoolImageOut>,
    known: Vec<AssociationOut>,
    targets: Targets,
}

impl Situation {
    /// Finds out whatever can be known before: that the caller may publish, and that all that is named is there and can
    /// have the image.
    ///
    /// # Errors
    /// If not.
    async fn look(
        client: &Client,
        wanted: &Wanted,
        device_types: &[String],
        devices: &[String],
    ) -> Result<Self, Failure> {
        require_rights(client).await?;
        let record = record::find(client, wanted).await?;
        let known = match &record {
            Some(record) => images::associations(client, record).await?,
            None => {
                record::require_type(client, wanted).await?;
                Vec::new()
            }
        };
        let targets = Targets::find(client, device_types, devices).await?;
        targets.require_all_included(client, &known).await?;
        if let Some(record) = &record {
            targets.require_none_newer(client, record).await?;
        }
        Ok(Self { record, known, targets })
    }
}

/// That the caller may publish: a person may look without. A client is nobody to ask about.
async fn require_rights(client: &Client) -> Result<(), Failure> {
    if matches!(client.settings.credential, Credential::Client { .. }) {
        return Ok(());
    }
    match rights(client).await? {
        Rights::Publish => Ok(()),
        Rights::Look => {
            let message = format!("you may not publish for the partner {}", client.settings.partner()?);
            Err(Failure::of(Exit::NotAllowed, "forbidden", message)
                .with_remedy("an owner of the partner can give you manageDeviceProfiles, with `otaria user edit`"))
        }
    }
}

async fn publish(
    client: &Client,
    wanted: &Wanted,
    file: &LocalFile,
    situation: Situation,
    waiting: Waiting,
) -> Result<(), Failure> {
    let Situation { record, known, targets } = situation;
    if let Some(record) = &record {
        record::require_no_other(record, file)?;
    }
    if client.api.effect() == Effect::DryRun {
        let sent = upload::would_be_sent(client, file).await?;
        let missing = associations::missing(&known, &targets.device_types).collect();
        let plan =
            Plan { wanted, record: record.as_ref(), file: Some((file, sent)), missing, devices: &targets.devices };
        plan.print(client.terminal);
        return Ok(());
    }
    let stored = upload::into_repository(client, file).await?;
    let settled = record::settle(client, wanted, record, &targets.device_types, (file, &stored.url)).await?;
    if settled.says_other_than(wanted) {
        client.terminal.warn(
            "its tags and description stay as they are: `otaria image tag` and `otaria image edit` change them",
        );
    }
    let mut outcome = Outcome::published(client.terminal, &settled, file, stored.sent, &known)?;
    let associations = associations::complete(client, &settled.image, &targets.device_types, |device_type| {
        outcome.available_to(device_type);
    });
    let associations = associations.await?;
    outcome.available(&associations);
    let mut under_way = Vec::new();
    for device in &targets.devices {
        let pushed = pushes::push(client, &settled.image, &associations, device).await?;
        under_way.extend(pushed.id().map(str::to_owned));
        outcome.pushed(device, pushed);
    }
    if let Waiting::AtMost(timeout) = waiting {
        outcome.ended(&waiting::until_ended(client, &under_way, Some(timeout), Changes::AreProgress).await?);
    }
    outcome.finish()
}
