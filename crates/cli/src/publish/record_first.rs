//! `--record-first`: the record, and with it the version number, for a build that is to carry it inside.

use std::path::Path;
use std::{fs, io};

use otaria_wire::partner::PoolImageOut;

use super::outcome::{self, Plan};
use super::record::{self, Made, Wanted, title};
use super::{Situation, associations};
use crate::client::{Client, Effect};
use crate::failure::Failure;
use crate::terminal::{Format, print};

/// Makes the record or finds the one that is there, and writes it to `out`; `-` is standard output.
///
/// # Errors
/// If the server refuses, or the record cannot be written down.
pub async fn run(client: &Client, wanted: Wanted, situation: Situation, out: &Path) -> Result<(), Failure> {
    require_place(out)?;
    let Situation { record, known, targets } = situation;
    if client.api.effect() == Effect::DryRun {
        let missing = associations::missing(&known, &targets.device_types).collect();
        Plan { wanted: &wanted, record: record.as_ref(), file: None, missing, devices: &[] }.print(client.terminal);
        return Ok(());
    }
    let image = match record {
        Some(image) => image,
        None => match record::make(client, &wanted, "", &targets.device_types).await? {
            Made::Now(image) | Made::ByOthers(image) => image,
        },
    };
    let associations = associations::complete(client, &image, &targets.device_types, |_| {}).await?;
    let sentence = outcome::recorded_sentence(&image, &associations);
    let is_standard_output = out.as_os_str() == "-";
    if !is_standard_output {
        write(&image, out)?;
    }
    if is_standard_output && client.terminal.format() == Format::Human {
        print(&text(&image)?);
        client.terminal.say(&sentence);
        return Ok(());
    }
    // To standard output goes one object then, whose `image` is the record.
    client.terminal.done(&outcome::recorded(&image, &associations), &format!("{sentence}: see {}", out.display()));
    Ok(())
}

/// That there can be a file: a record that nobody gets to know uses its version up.
fn require_place(out: &Path) -> Result<(), Failure> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let why = match folder {
        _ if out.is_dir() => "it is a folder",
        Some(folder) if !folder.is_dir() => "there is no such folder",
        Some(_) | None => return Ok(()),
    };
    Err(Failure::usage(format!("--out {}: {why}", out.display())))
}

fn write(image: &PoolImageOut, out: &Path) -> Result<(), Failure> {
    let text = text(image)? + "\n";
    put(&text, out).map_err(|error| {
        Failure::new(format!("{}: {error}", out.display()))
            .with_remedy(format!("{} is recorded all the same: the same command again finds it", title(image)))
    })
}

/// Writes a file beside, and puts it in the place of the other at once: nobody reads half of it.
fn put(text: &str, out: &Path) -> io::Result<()> {
    // What is a pipe, a device or a link stays one.
    if out.symlink_metadata().is_ok_and(|known| !known.is_file()) {
        return fs::write(out, text);
    }
    let mut next = out.as_os_str().to_owned();
    next.push(format!(".{}", std::process::id()));
    let written = fs::write(&next, text).and_then(|()| fs::rename(&next, out));
    if written.is_err() {
        drop(fs::remove_file(&next));
    }
    written
}

fn text(image: &PoolImageOut) -> Result<String, Failure> {
    Ok(format!("{:#}", serde_json::to_value(image)?))
}
