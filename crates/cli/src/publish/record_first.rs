//! `--record-first`: the record, and with it the version number, for a build that is to carry it inside.

use std::path::Path;

use super::associations;
use super::outcome::{self, Plan};
use super::record::{self, Made, Wanted, title};
use super::targets::Targets;
use crate::client::{Client, Effect};
use crate::failure::Failure;
use crate::terminal::print;

/// Makes the record or finds the one that is there, and writes it to `out`; `-` is standard output.
///
/// # Errors
/// If the server refuses, or the record cannot be written down.
pub async fn run(client: &Client, wanted: Wanted, device_types: &[String], out: &Path) -> Result<(), Failure> {
    let found = record::find(client, &wanted).await?;
    let targets = Targets::find(client, device_types, &[]).await?;
    if client.api.effect() == Effect::DryRun {
        let missing = targets.device_types.iter().collect();
        Plan { wanted: &wanted, record: found.as_ref(), file: None, missing, devices: &[] }.print(client.terminal);
        return Ok(());
    }
    let image = match found {
        Some(image) => image,
        None => match record::make(client, &wanted, "", &targets.device_types).await? {
            Made::Now(image) | Made::ByOthers(image) => image,
        },
    };
    let associations = associations::complete(client, &image, &targets.device_types).await?;
    let text = format!("{:#}", serde_json::to_value(&image)?);
    if out.as_os_str() == "-" {
        print(&text);
        client.terminal.say(&format!("recorded {}", title(&image)));
        return Ok(());
    }
    std::fs::write(out, text + "\n").map_err(|error| {
        Failure::new(format!("{}: {error}", out.display()))
            .with_remedy(format!("{} is recorded all the same: the same command again finds it", title(&image)))
    })?;
    outcome::recorded(client.terminal, &image, &associations, out);
    Ok(())
}
