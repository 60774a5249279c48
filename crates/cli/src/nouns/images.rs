//! `otaria image`: the pool, and for which device types its images are.

use clap::Subcommand;
use otaria_wire::partner::{AssociationOut, DeviceTypeOut, PoolImageOut};
use serde_json::{Value, json};

use super::image_reference::{ImageReference, path};
use super::several::Several;
use super::{ListOptions, device_types, set};
use crate::client::api::{Change, Replaced};
use crate::client::paths::Path;
use crate::client::{Client, Effect};
use crate::failure::Failure;
use crate::terminal::Format;
use crate::terminal::table::Column;

const COLUMNS: &[Column] = &[
    Column::text("type", "/type"),
    Column::text("number", "/versionNumber"),
    Column::text("name", "/name"),
    Column::text("version", "/version"),
    Column::prose("tags", "/tags"),
    Column::time("created", "/createdTimestamp"),
];
const FIELDS: &[Column] = &[
    Column::text("type", "/type"),
    Column::text("number", "/versionNumber"),
    Column::text("name", "/name"),
    Column::text("version", "/version"),
    Column::text("description", "/description"),
    Column::text("tags", "/tags"),
    Column::text("url", "/url"),
    Column::text("device types", "/associations"),
    Column::time("created", "/createdTimestamp"),
    Column::time("updated", "/updatedTimestamp"),
];

#[derive(Subcommand)]
pub enum Command {
    /// List the images of the pool
    List {
        /// Only of this firmware type
        #[arg(long)]
        r#type: Option<u8>,
        /// Only those that carry this tag, or another one that is given
        #[arg(long, value_name = "TAG")]
        tag: Vec<String>,
        /// Only those for this device type
        #[arg(long, value_name = "ID|NAME")]
        device_type: Option<String>,
        #[command(flatten)]
        list: ListOptions,
    },
    /// Show one, and for which device types it is
    Show {
        /// TYPE/VERSIONNUMBER or NAME@VERSION
        image: ImageReference,
    },
    /// Change what is said of one; what is not given stays
    #[command(group = super::at_least_one(&["name", "version", "description"]))]
    Edit {
        /// TYPE/VERSIONNUMBER or NAME@VERSION
        image: ImageReference,
        /// What people call it
        #[arg(long)]
        name: Option<String>,
        /// The version for people
        #[arg(long)]
        version: Option<String>,
        /// What it is or changes; empty to have none
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Add tags to one, and take tags away
    Tag {
        /// TYPE/VERSIONNUMBER or NAME@VERSION
        image: ImageReference,
        /// A tag that it is to carry
        #[arg(long, value_name = "TAG", required_unless_present = "remove")]
        add: Vec<String>,
        /// A tag that it is not to carry
        #[arg(long, value_name = "TAG")]
        remove: Vec<String>,
    },
    /// Make one available to device types
    Associate {
        /// TYPE/VERSIONNUMBER or NAME@VERSION
        image: ImageReference,
        /// For which device type
        #[arg(long, value_name = "ID|NAME", required = true)]
        device_type: Vec<String>,
    },
    /// Keep one from device types
    Dissociate {
        /// TYPE/VERSIONNUMBER or NAME@VERSION
        image: ImageReference,
        /// From which device type
        #[arg(long, value_name = "ID|NAME", required = true)]
        device_type: Vec<String>,
    },
}

/// Does what is asked with images.
pub async fn run(command: Command, client: Client) -> Result<(), Failure> {
    match command {
        Command::List { r#type, tag, device_type, list } => {
            let path = listed(&client, r#type, device_type.as_deref()).await?;
            let tags = (!tag.is_empty()).then(|| tag.join(","));
            let images = client.api.list(path.with_some("tags", tags), list.limit()).await?;
            client.terminal.list(&images, COLUMNS);
        }
        Command::Show { image } => show(&client, &image.resolve(&client).await?).await?,
        Command::Edit { image, name, version, description } => {
            let image = image.resolve(&client).await?;
            change(&client, &image, |known| {
                let mut record = serde_json::to_value(known)?;
                set(&mut record, "name", name.clone());
                set(&mut record, "version", version.clone());
                set(&mut record, "description", description.clone());
                Ok(record)
            })
            .await?;
        }
        Command::Tag { image, add, remove } => {
            if let Some(both) = add.iter().find(|tag| remove.contains(tag)) {
                return Err(Failure::usage(format!("the tag {both:?} is to be added and removed: which?")));
            }
            let image = image.resolve(&client).await?;
            // The same again is no failure, and a name that was mistyped shows.
            for tag in remove.iter().filter(|tag| !image.tags.contains(tag)) {
                client.terminal.warn(&format!("{} has no tag {tag:?}", called(&image)));
            }
            change(&client, &image, |known| {
                let mut record = serde_json::to_value(known)?;
                let kept = known.tags.iter().filter(|tag| !remove.contains(tag) && !add.contains(tag));
                record["tags"] = json!(kept.chain(&add).collect::<Vec<_>>());
                Ok(record)
            })
            .await?;
        }
        Command::Associate { image, device_type } => {
            let image = image.resolve(&client).await?;
            associate(&client, &image, &device_types::resolve_all(&client, &device_type).await?).await?;
        }
        Command::Dissociate { image, device_type } => {
            let image = image.resolve(&client).await?;
            dissociate(&client, &image, &device_types::resolve_all(&client, &device_type).await?).await?;
        }
    }
    Ok(())
}

/// Where the list is that is wanted.
async fn listed(client: &Client, r#type: Option<u8>, device_type: Option<&str>) -> Result<Path, Failure> {
    let path = match device_type {
        Some(given) => of_device_type(client, &device_types::resolve(client, given).await?.device_type_id)?,
        None => client.ota("pool")?,
    };
    Ok(match r#type {
        Some(number) => path.to("types").to(number),
        None => path,
    })
}

/// `/v1/ota/partners/{partnerId}/deviceTypes/{deviceTypeId}/firmwareImages`
///
/// # Errors
/// If no partner is named.
pub fn of_device_type(client: &Client, id: &str) -> Result<Path, Failure> {
    Ok(client.ota("deviceTypes")?.to(id).to("firmwareImages"))
}

/// For which device types an image is.
///
/// # Errors
/// If the server cannot be reached, or refuses.
pub async fn associations(client: &Client, image: &PoolImageOut) -> Result<Vec<AssociationOut>, Failure> {
    client.api.read(&path(client, image)?.to("associations")).await
}

async fn show(client: &Client, image: &PoolImageOut) -> Result<(), Failure> {
    let associations = associations(client, image).await?;
    let mut shown = serde_json::to_value(image)?;
    shown["associations"] = match client.terminal.format() {
        Format::Json => json!(associations),
        Format::Human => associations.iter().map(|known| Value::from(known.device_type_name.clone())).collect(),
    };
    client.terminal.show(&shown, FIELDS);
    Ok(())
}

/// What makes an image available to a device type. The same again is refused, and so does no harm.
///
/// # Errors
/// If no partner is named.
pub fn association(client: &Client, image: &PoolImageOut, device_type: &str) -> Result<Change, Failure> {
    let change = Change::post(of_device_type(client, device_type)?, serde_json::to_value(image)?);
    Ok(change.once_done_refused_as("already_associated"))
}

async fn associate(client: &Client, image: &PoolImageOut, device_types: &[DeviceTypeOut]) -> Result<(), Failure> {
    let known = associations(client, image).await?;
    let mut several = Several::new(client.terminal);
    for device_type in device_types {
        let mut object = named(device_type);
        let already = format!("{} is available to {} already", called(image), device_type.name);
        if let Some(known) = known.iter().find(|known| known.device_type_id == device_type.device_type_id) {
            object["firmwareImageId"] = json!(known.firmware_image_id);
            object["state"] = json!("already_associated");
            several.done(object, &already);
            continue;
        }
        let change = association(client, image, &device_type.device_type_id)?;
        if client.api.effect() == Effect::DryRun {
            foretell(client, &mut several, device_type, &change).await;
            continue;
        }
        match client.api.change(change).await {
            Ok(made) => {
                object["state"] = json!("associated");
                if let Some(id) = made.and_then(|made| made.body.get("id").cloned()) {
                    object["firmwareImageId"] = id;
                }
                several.done(object, &format!("{} is available to {}", called(image), device_type.name));
            }
            // Somebody else was faster, to the same end.
            Err(failure) if failure.code() == "already_associated" => {
                object["state"] = json!("already_associated");
                several.done(object, &already);
            }
            Err(failure) => several.failed(object, failure.about(&device_type.name)),
        }
    }
    several.finish()
}

async fn dissociate(client: &Client, image: &PoolImageOut, device_types: &[DeviceTypeOut]) -> Result<(), Failure> {
    let mut several = Several::new(client.terminal);
    for device_type in device_types {
        let mut object = named(device_type);
        let path = of_device_type(client, &device_type.device_type_id)?.to("types").to(image.r#type);
        let path = path.to("versionNumbers").to(&image.version_number);
        let change = Change::delete(path.clone()).of_what_is_at(path);
        if client.api.effect() == Effect::DryRun {
            foretell(client, &mut several, device_type, &change).await;
            continue;
        }
        match client.api.change(change).await {
            Ok(_) => {
                object["state"] = json!("dissociated");
                let sentence = format!("{} is not available to {} any more", called(image), device_type.name);
                several.done(object, &sentence);
            }
            Err(failure) => several.failed(object, failure.about(&device_type.name)),
        }
    }
    several.finish()
}

/// Says what would be sent for one of several device types, or why the server would refuse it.
async fn foretell(client: &Client, several: &mut Several, device_type: &DeviceTypeOut, change: &Change) {
    match client.api.foresee(change).await {
        Ok(()) => several.would(change),
        Err(failure) => several.failed(named(device_type), failure.about(&device_type.name)),
    }
}

fn named(device_type: &DeviceTypeOut) -> Value {
    json!({ "deviceTypeId": device_type.device_type_id, "deviceTypeName": device_type.name })
}

/// Changes an image into what `next` makes of it, whatever others change at the same moment.
async fn change(
    client: &Client,
    image: &PoolImageOut,
    next: impl Fn(&PoolImageOut) -> Result<Value, Failure>,
) -> Result<(), Failure> {
    let path = path(client, image)?;
    match client.api.replace(&path, |known| next(known).map(Some)).await? {
        Replaced::Nothing => {}
        Replaced::Now | Replaced::Before(_) => {
            let now: PoolImageOut = client.api.read(&path).await?;
            client.terminal.done(&serde_json::to_value(&now)?, &format!("changed {}", called(&now)));
        }
    }
    Ok(())
}

/// What people call an image, with what is its own.
pub fn called(image: &PoolImageOut) -> String {
    format!("{} {} ({}/{})", image.name, image.version, image.r#type, image.version_number)
}
