//! What can be said of a publication on the command line, and what the repository says where that says nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use otaria_wire::partner::PoolImageOut;

use super::record::{Recorded, Wanted};
use crate::client::settings::files::PublishDefaults;
use crate::duration;
use crate::failure::Failure;

/// What is published, and to whom.
#[derive(Args)]
pub struct Options {
    /// The file
    #[arg(value_name = "FILE", required_unless_present = "record_first", conflicts_with = "record_first")]
    file: Option<PathBuf>,
    /// The firmware type, 1 to 200; by default what `[publish]` in otaria.toml says, as for the name
    #[arg(long = "type", value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=200), conflicts_with = "from_record")]
    r#type: Option<u8>,
    /// The image's name
    #[arg(long, conflicts_with = "from_record")]
    name: Option<String>,
    /// The version for people: any scheme, but each only once
    #[arg(long, required_unless_present = "from_record", conflicts_with = "from_record")]
    version: Option<String>,
    /// What it is or changes
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A tag of the image; may be given several times
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// A device type that the image is for; may be given several times
    #[arg(long, value_name = "ID|NAME")]
    device_type: Vec<String>,
    /// A device that gets the image now; may be given several times
    #[arg(long, value_name = "DEVICE")]
    push: Vec<String>,
    /// Wait until each of these devices runs the image
    #[arg(long, requires = "push")]
    wait: bool,
    /// How long to wait, such as 90s, 30m or 2h
    #[arg(long, value_name = "TIME", requires = "wait", allow_hyphen_values = true, default_value = "30m", value_parser = duration::parse)]
    timeout: Duration,
    /// Make the record alone, for a build that carries its version number inside, and write it to --out
    #[arg(long, requires = "out", conflicts_with_all = ["push", "from_record"])]
    record_first: bool,
    /// Where the record is written to; - for standard output
    #[arg(long, value_name = "FILE", requires = "record_first")]
    out: Option<PathBuf>,
    /// Publish the file under the record that --record-first wrote
    #[arg(long, value_name = "FILE")]
    from_record: Option<PathBuf>,
}

/// What is published, and to whom, once everything is settled.
pub struct Publication {
    pub way: Way,
    pub device_types: Vec<String>,
    pub devices: Vec<String>,
    pub waiting: Waiting,
}

/// In which order file and record come to be.
pub enum Way {
    /// The file is there.
    File(Wanted, PathBuf),
    /// The record comes first, and is written down.
    RecordFirst(Wanted, PathBuf),
}

/// Whether the command ends before the pushes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// It does.
    No,
    /// It waits for all of them, at most so long.
    AtMost(Duration),
}

impl Options {
    /// Settles what is published.
    ///
    /// # Errors
    /// If it has no type or no name, a value that the server does not take, or the record cannot be read.
    pub fn publication(self, defaults: &PublishDefaults) -> Result<Publication, Failure> {
        let wanted = match &self.from_record {
            Some(path) => self.recorded(path)?,
            None => self.wanted(defaults)?,
        };
        wanted.require_valid()?;
        let way = match (self.file, self.out) {
            (Some(file), None) => Way::File(wanted, file),
            (None, Some(out)) => Way::RecordFirst(wanted, out),
            (None, None) | (Some(_), Some(_)) => return Err(Failure::usage("name one file to publish")),
        };
        let is_said = !self.device_type.is_empty();
        let device_types = if is_said { self.device_type } else { defaults.device_types.clone() };
        let waiting = if self.wait { Waiting::AtMost(self.timeout) } else { Waiting::No };
        Ok(Publication { way, device_types, devices: self.push, waiting })
    }

    fn wanted(&self, defaults: &PublishDefaults) -> Result<Wanted, Failure> {
        let missing = |what: &str, flag: &str, key: &str| {
            Failure::usage(format!("no {what} is named"))
                .with_remedy(format!("give {flag}, or `{key}` under [publish] in otaria.toml"))
        };
        let r#type = self.r#type.or(defaults.r#type);
        let name = self.name.clone().or_else(|| defaults.name.clone());
        Ok(Wanted {
            r#type: r#type.ok_or_else(|| missing("firmware type", "--type NUMBER", "type"))?.into(),
            name: name.ok_or_else(|| missing("image", "--name NAME", "name"))?,
            version: self.version.clone().unwrap_or_default(),
            recorded: None,
            description: self.description.clone(),
            tags: self.tag.clone(),
            usual_tags: defaults.tags.clone(),
        })
    }

    fn recorded(&self, path: &Path) -> Result<Wanted, Failure> {
        let refused = |why: String| {
            Failure::usage(format!("{}: {why}", path.display()))
                .with_remedy("it must be what `otaria publish --record-first --out FILE` wrote")
        };
        let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let record: PoolImageOut =
            serde_json::from_str(&text).map_err(|error| refused(format!("this is no record: {error}")))?;
        Ok(Wanted {
            r#type: record.r#type,
            name: record.name,
            version: record.version,
            recorded: Some(Recorded { id: record.id, partner_id: record.partner_id }),
            description: self.description.clone(),
            tags: self.tag.clone(),
            usual_tags: Vec::new(),
        })
    }
}
