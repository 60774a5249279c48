//! `otaria image`: the pool, and for which device types its images are.

use clap::Subcommand;
use otaria_wire::partner::{AssociationOut, PoolImageOut};
use serde_json::{Value, json};

use super::image_reference::{ImageReference, path};
use super::{ListOptions, device_types, set};
use crate::client::Client;
use crate::client::api::{Change, Tagged};
use crate::client::paths::Path;
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
            let image = to_change(&client, &image).await?;
            let mut record = serde_json::to_value(&image.value)?;
            set(&mut record, "name", name);
            set(&mut record, "version", version);
            set(&mut record, "description", description);
            put(&client, &image, record).await?;
        }
        Command::Tag { image, add, remove } => {
            if let Some(both) = add.iter().find(|tag| remove.contains(tag)) {
                return Err(Failure::usage(format!("the tag {both:?} is to be added and removed: which?")));
            }
            let image = to_change(&client, &image).await?;
            let before = &image.value;
            // The same again is no failure, and a name that was mistyped shows.
            for tag in remove.iter().filter(|tag| !before.tags.contains(tag)) {
                client.terminal.warn(&format!("{} has no tag {tag:?}", called(before)));
            }
            let mut record = serde_json::to_value(before)?;
            let kept = before.tags.iter().filter(|tag| !remove.contains(tag) && !add.contains(tag));
            record["tags"] = json!(kept.chain(&add).collect::<Vec<_>>());
            put(&client, &image, record).await?;
        }
        Command::Associate { image, device_type } => {
            let image = image.resolve(&client).await?;
            for device_type in device_types::resolve_all(&client, &device_type).await? {
                let path = of_device_type(&client, &device_type.device_type_id)?;
                let made = client.api.change(Change::post(path, serde_json::to_value(&image)?)).await;
                if let Some(made) = made.map_err(|failure| failure.about(&device_type.name))? {
                    let sentence = format!("{} is available to {}", called(&image), device_type.name);
                    client.terminal.done_to_one(&made.body, &sentence);
                }
            }
        }
        Command::Dissociate { image, device_type } => {
            let image = image.resolve(&client).await?;
            for device_type in device_types::resolve_all(&client, &device_type).await? {
                let path = of_device_type(&client, &device_type.device_type_id)?.to("types").to(image.r#type);
                let path = path.to("versionNumbers").to(&image.version_number);
                let gone = client.api.change(Change::delete(path)).await;
                if gone.map_err(|failure| failure.about(&device_type.name))?.is_some() {
                    let object = json!({ "deviceTypeId": device_type.device_type_id, "dissociated": true });
                    let sentence = format!("{} is not available to {} any more", called(&image), device_type.name);
                    client.terminal.done_to_one(&object, &sentence);
                }
            }
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

/// The image that is meant, to be changed as it is now.
async fn to_change(client: &Client, image: &ImageReference) -> Result<Tagged<PoolImageOut>, Failure> {
    client.api.read_to_change(&path(client, &image.resolve(client).await?)?).await
}

async fn put(client: &Client, image: &Tagged<PoolImageOut>, record: Value) -> Result<(), Failure> {
    let path = path(client, &image.value)?;
    if client.api.change(Change::put(path.clone(), record).of_what_was_read(image)).await?.is_some() {
        let now: PoolImageOut = client.api.read(&path).await?;
        client.terminal.done(&serde_json::to_value(&now)?, &format!("changed {}", called(&now)));
    }
    Ok(())
}

/// What people call an image, with what is its own.
pub fn called(image: &PoolImageOut) -> String {
    format!("{} {} ({}/{})", image.name, image.version, image.r#type, image.version_number)
}
