//! What is said of a publication: as it happens for people, at the end and in one piece for programs.

use indicatif::HumanBytes;
use otaria_wire::partner::{AssociationOut, DeviceTypeOut, PoolImageOut};
use serde_json::{Value, json};

use super::file::LocalFile;
use super::pushes::Pushed;
use super::record::{FileOf, Settled, Status, Wanted, title};
use super::upload::Sent;
use crate::client::waiting;
use crate::failure::Failure;
use crate::nouns::recipients::Recipient;
use crate::terminal::{Format, Terminal, print_json};

/// What came of a publication, from when the image stands. Whatever ends the command then, all of it, an error on the way,
/// a signal: it is said, for programs when this is dropped, and for people at the latest then.
pub struct Outcome {
    terminal: Terminal,
    published: Value,
    /// For which device types the image is, as far as that is known.
    associations: Vec<Value>,
    /// What people are still to be told of the image.
    untold: Option<String>,
    pushes: Vec<Value>,
    /// The first thing that did not go as it was to.
    failure: Option<Failure>,
}

impl Outcome {
    /// The image is there; `known` are those that it was for before.
    ///
    /// # Errors
    /// If that cannot be said as JSON.
    pub fn published(
        terminal: Terminal,
        settled: &Settled,
        file: &LocalFile,
        sent: Sent,
        known: &[AssociationOut],
    ) -> Result<Self, Failure> {
        let published = json!({
            "status": settled.status, "image": settled.image, "sha256": file.sha256(), "uploaded": sent == Sent::All,
        });
        let associations = known.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        let untold = Some(format!("{} {}", settled.status.verb(), title(&settled.image)));
        let mut outcome = Self { terminal, published, associations, untold, pushes: Vec::new(), failure: None };
        settled.available_to.iter().for_each(|device_type| outcome.available_to(device_type));
        Ok(outcome)
    }

    /// It is available to this device type as well.
    pub fn available_to(&mut self, device_type: &DeviceTypeOut) {
        self.associations
            .push(json!({ "deviceTypeId": device_type.device_type_id, "deviceTypeName": device_type.name }));
    }

    /// It is where it is to be, and this is all that it is for.
    pub fn available(&mut self, associations: &[AssociationOut]) {
        self.associations = associations.iter().map(|known| json!(known)).collect();
        self.tell();
    }

    /// What came of a push.
    pub fn pushed(&mut self, device: &Recipient, pushed: Pushed) {
        self.pushes.push(pushed.object(device));
        match pushed {
            Pushed::UnderWay(_) => self.terminal.tell(&format!("pushed to {}", device.id)),
            Pushed::RunsIt => self.terminal.tell(&format!("{} runs it already", device.id)),
            Pushed::Refused(failure) => self.failed(failure),
        }
    }

    /// How the pushes ended that were waited for.
    pub fn ended(&mut self, pushes: &[Value]) {
        for push in pushes {
            if let Some(known) = self.pushes.iter_mut().find(|known| known["pushId"] == push["id"]) {
                known["state"] = push["state"].clone();
            }
            if push["state"] == "succeeded" {
                self.terminal.tell(&format!("{} runs it", push["deviceId"].as_str().unwrap_or_default()));
            }
        }
        if let Err(failure) = waiting::verdict(pushes) {
            self.failed(failure);
        }
    }

    /// The first thing that went wrong is how the command ends.
    ///
    /// # Errors
    /// What went wrong first.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.failure.take().map_or(Ok(()), Err)
    }

    fn failed(&mut self, failure: Failure) {
        if self.failure.is_none() {
            self.failure = Some(failure);
        } else {
            self.terminal.warn(failure.message());
        }
    }

    /// Tells people of the image, once.
    fn tell(&mut self) {
        if let Some(sentence) = self.untold.take() {
            let names = self.associations.iter().filter_map(|known| known["deviceTypeName"].as_str());
            self.terminal.tell(&(sentence + &for_whom(names)));
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.tell();
        // Something else ended the command, and is how it ends.
        if let Some(failure) = self.failure.take() {
            self.terminal.warn(failure.message());
        }
        if self.terminal.format() == Format::Json {
            self.published["associations"] = std::mem::take(&mut self.associations).into();
            self.published["pushes"] = std::mem::take(&mut self.pushes).into();
            print_json(&self.published);
        }
    }
}

/// A record that was made or found, for programs.
pub fn recorded(image: &PoolImageOut, associations: &[AssociationOut]) -> Value {
    json!({ "status": status(Some(image), Status::Recorded), "image": image, "associations": associations, "pushes": [] })
}

/// The same for people.
pub fn recorded_sentence(image: &PoolImageOut, associations: &[AssociationOut]) -> String {
    let names = associations.iter().map(|known| known.device_type_name.as_str());
    format!("{} {}{}", status(Some(image), Status::Recorded).verb(), title(image), for_whom(names))
}

/// What a command ends with that may find its record complete, and otherwise brings it as far as `otherwise`.
fn status(record: Option<&PoolImageOut>, otherwise: Status) -> Status {
    match record.map(FileOf::record) {
        Some(FileOf::Ours(_) | FileOf::Elsewhere) => Status::AlreadyPublished,
        Some(FileOf::None) | None => otherwise,
    }
}

/// What a publication would do.
pub struct Plan<'p> {
    pub wanted: &'p Wanted,
    pub record: Option<&'p PoolImageOut>,
    /// The file, and whether it would have to be sent; none where the record comes first.
    pub file: Option<(&'p LocalFile, Sent)>,
    /// For which device types it would be from then on.
    pub missing: Vec<&'p DeviceTypeOut>,
    pub devices: &'p [Recipient],
}

impl Plan<'_> {
    /// Says it.
    pub fn print(&self, terminal: Terminal) {
        let ids = |device: &Recipient| device.id.clone();
        let object = json!({
            "dryRun": true, "status": self.status(), "image": self.record,
            "sha256": self.file.map(|(file, _)| file.sha256()),
            "uploaded": self.file.is_some_and(|(_, sent)| sent == Sent::All),
            "associations": self.missing.iter().map(|missing| &missing.device_type_id).collect::<Vec<_>>(),
            "pushes": self.devices.iter().map(ids).collect::<Vec<_>>(),
        });
        terminal.would(&object, &self.lines().join("\n"));
    }

    /// What the command would end with.
    fn status(&self) -> Status {
        status(self.record, if self.file.is_some() { Status::Published } else { Status::Recorded })
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some((file, Sent::All)) = self.file {
            lines.push(format!("would upload {} ({})", file.path.display(), HumanBytes(file.size)));
        }
        lines.push(match self.record {
            None => format!("would record {}", self.wanted),
            Some(record) if self.status() == Status::AlreadyPublished => {
                format!("{} {}", self.status().verb(), title(record))
            }
            Some(record) if self.file.is_none() => format!("already recorded: {}", title(record)),
            Some(record) => format!("would complete the record {}", title(record)),
        });
        lines.extend(self.missing.iter().map(|missing| format!("would make it available to {}", missing.name)));
        lines.extend(self.devices.iter().map(|device| format!("would push it to {}", device.id)));
        lines
    }
}

fn for_whom<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names = names.collect::<Vec<_>>().join(", ");
    if names.is_empty() { names } else { format!(", for {names}") }
}
