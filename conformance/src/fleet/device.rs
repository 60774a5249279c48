//! One simulated device: it does what devices do, well and badly, and keeps its own truth about what it runs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::radio::Radio;
use crate::Noise;
use crate::plain_http::Request;

/// What a device shows instead of a password.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Its own token.
    Target(String),
    /// One for many devices.
    Gateway(String),
}

/// What came of an update, as only the device knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet, or nothing at all.
    Open,
    /// It ran the new image from then on.
    Installed,
    /// It did not.
    Failed,
}

/// One update, as the device saw it.
#[derive(Clone, Copy, Debug)]
pub struct Deed {
    /// The version number that it was to bring.
    pub number: i64,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether the device said that it lets go of it.
    pub let_go: bool,
}

/// How a device takes an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Temper {
    /// It installs it and says so.
    Succeeds,
    /// It installs it, and says only what it runs from then on.
    TellsWhatItRuns,
    /// Something goes wrong while it installs.
    Fails,
    /// It does not want it.
    Refuses,
    /// It installs it, and then the old image runs again.
    BootsTheOldImage,
}

/// How far the device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Fetched,
    Downloaded,
    Written,
}

/// An update under way.
#[derive(Debug)]
struct Work {
    action: i64,
    number: i64,
    temper: Temper,
    stage: Stage,
    target: String,
    sha256: String,
    size: usize,
    got: Vec<u8>,
}

/// Something said that may have to be said again, because no answer came.
#[derive(Clone, Debug)]
struct Report {
    action: i64,
    body: String,
    is_final: bool,
}

/// A device.
#[derive(Debug)]
pub struct Device {
    pub id: String,
    base: String,
    authorization: String,
    noise: Noise,
    /// The version number of what it runs.
    pub runs: i64,
    /// Of everything that it ever ran.
    pub ran: BTreeSet<i64>,
    /// Every update that it heard of, by the number of its action.
    pub deeds: BTreeMap<i64, Deed>,
    work: Option<Work>,
    to_say: VecDeque<Report>,
    /// What it says only once it is over.
    late: Vec<Report>,
    /// Final words that were heard, and may be repeated all the same.
    said: Vec<Report>,
    /// Whether it has booted and is to say what it runs.
    has_booted: bool,
    /// Whether the last poll left nothing to do.
    had_nothing_to_do: bool,
    last_visits: usize,
}

impl Device {
    /// A device of `tenant` that runs the version number `runs`.
    pub fn new(tenant: &str, id: &str, credential: &Credential, runs: i64, noise: Noise) -> Self {
        let authorization = match credential {
            Credential::Target(token) => format!("TargetToken {token}"),
            Credential::Gateway(token) => format!("GatewayToken {token}"),
        };
        Self {
            id: id.to_owned(),
            base: format!("/{tenant}/controller/v1/{id}"),
            authorization,
            noise,
            runs,
            ran: BTreeSet::from([runs]),
            deeds: BTreeMap::new(),
            work: None,
            to_say: VecDeque::new(),
            late: Vec::new(),
            said: Vec::new(),
            has_booted: true,
            had_nothing_to_do: false,
            last_visits: 0,
        }
    }

    /// Whether it has nothing to do and nothing to say.
    pub fn is_at_rest(&self) -> bool {
        self.had_nothing_to_do && self.work.is_none() && self.to_say.is_empty() && self.late.is_empty()
    }

    /// How often this was asked.
    pub(super) fn count_last_visit(&mut self) -> usize {
        self.last_visits += 1;
        self.last_visits
    }

    /// Whether something happens that does once in so many times.
    fn once_in(&mut self, times: u64) -> bool {
        self.noise.below(times) == 0
    }

    /// Polls, and does some of what there is to do. Where the connection breaks, it goes on the next time.
    pub async fn wake(&mut self, radio: &mut Radio) -> io::Result<()> {
        self.had_nothing_to_do = false;
        radio.turn_on().await?;
        if self.once_in(2) {
            self.speak(radio).await?;
        }
        let base = self.base.clone();
        let (head, body) = radio.poll(&self.get(&base)).await?;
        assert_eq!(head.status, 200, "{}: {}", self.id, String::from_utf8_lossy(&body));
        let poll: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(poll["config"]["polling"]["sleep"].as_str().unwrap().len(), 8);
        let href = |name: &str| poll["_links"][name]["href"].as_str().map(path_of);
        let is_between = self.work.as_ref().is_some_and(|work| work.stage == Stage::Written);
        // What runs is not said while something else waits for the restart.
        if (href("configData").is_some() && !is_between) || self.has_booted {
            // Whoever says afterwards that the image is written waits for a restart that has been.
            self.speak(radio).await?;
            self.tell(radio).await?;
        }
        if let Some(cancel) = href("cancelAction") {
            self.answer_cancel(radio, &cancel).await?;
        } else if let Some(deployment) = href("deploymentBase") {
            self.follow(radio, &deployment).await?;
        } else if self.work.as_ref().is_some_and(|work| work.stage < Stage::Written) {
            // It is offered no more: it was taken back.
            self.work = None;
        }
        self.go_on(radio).await?;
        self.speak(radio).await?;
        self.had_nothing_to_do =
            href("cancelAction").is_none() && href("deploymentBase").is_none() && !self.has_booted;
        if self.once_in(20) {
            self.repeat_itself(radio).await?;
        }
        Ok(())
    }

    fn get<'r>(&self, target: &'r str) -> Request<'r> {
        Request { method: "GET", target, headers: vec![("Authorization", self.authorization.clone())], body: None }
    }

    fn send<'r>(&self, method: &'r str, target: &'r str, body: String) -> Request<'r> {
        Request { method, body: Some(body), ..self.get(target) }
    }

    /// Says what it is and what it runs.
    async fn tell(&mut self, radio: &mut Radio) -> io::Result<()> {
        let data = json!({ "serial": self.id, "otaria.version.3": self.runs.to_string() });
        let body = match self.noise.below(3) {
            0 => json!({ "mode": "merge", "data": data }),
            1 => json!({ "mode": "replace", "data": data }),
            _ => json!({ "mode": null, "data": data }),
        };
        let target = format!("{}/configData", self.base);
        let (head, body) = radio.exchange(&self.send("PUT", &target, body.to_string())).await?;
        assert!(head.status == 200 && body.is_empty(), "{head:?}");
        self.has_booted = false;
        Ok(())
    }

    /// Answers when it is to let go of an update.
    async fn answer_cancel(&mut self, radio: &mut Radio, target: &str) -> io::Result<()> {
        let action: i64 = target.rsplit('/').next().unwrap().parse().unwrap();
        let (head, body) = radio.exchange(&self.get(target)).await?;
        if head.status == 404 {
            // It ended by itself meanwhile.
            return Ok(());
        }
        assert_eq!(head.status, 200, "{head:?}");
        let cancel: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(cancel, json!({ "id": action.to_string(), "cancelAction": { "stopId": action.to_string() } }));
        let stage = self.work.as_ref().filter(|work| work.action == action).map(|work| work.stage);
        let is_heard = self.deeds.get(&action).is_none_or(|deed| deed.outcome == Outcome::Open)
            || !self.to_say.iter().any(|report| report.action == action && report.is_final);
        let (execution, finished) = match (stage, self.noise.below(4)) {
            // It has a final word to say, and says it instead.
            _ if !is_heard => return Ok(()),
            (None, _) => ("closed", "success"),
            (Some(Stage::Written), 0) => ("closed", "failure"),
            (Some(_), 0) => ("rejected", "success"),
            (Some(_), 1) => return Ok(()),
            (Some(_), _) => ("closed", "success"),
        };
        let body = feedback(&json!(action.to_string()), execution, finished, None, &["heard"]);
        let feedback = format!("{target}/feedback");
        if execution == "closed" && finished == "success" {
            // The answer may be lost where the words are not.
            if let Some(deed) = self.deeds.get_mut(&action) {
                deed.let_go = true;
            }
            if stage == Some(Stage::Written) {
                // As some devices do, it agrees although the new image will run.
                self.boot_into_new();
                self.has_booted = true;
            }
            if stage.is_some() {
                self.work = None;
            }
        }
        let (head, _) = radio.exchange(&self.send("POST", &feedback, body)).await?;
        assert_eq!(head.status, 200, "{}: {head:?}", self.id);
        Ok(())
    }

    /// Fetches what is offered, and takes it up if it is new.
    async fn follow(&mut self, radio: &mut Radio, target: &str) -> io::Result<()> {
        let (path, _) = target.split_once('?').unwrap();
        let action: i64 = path.rsplit('/').next().unwrap().parse().unwrap();
        let (head, body) = radio.exchange(&self.get(target)).await?;
        if head.status == 404 {
            // It was taken back meanwhile.
            return Ok(());
        }
        assert_eq!(head.status, 200, "{}: {head:?}", self.id);
        let offer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(offer["id"], action.to_string());
        let [chunk] = offer["deployment"]["chunks"].as_array().unwrap().as_slice() else { panic!("{offer}") };
        let [artifact] = chunk["artifacts"].as_array().unwrap().as_slice() else { panic!("{offer}") };
        let metadata = chunk["metadata"].as_array().unwrap();
        let number = metadata.iter().find(|pair| pair["key"] == "versionNumber").unwrap();
        let number: i64 = number["value"].as_str().unwrap().parse().unwrap();
        assert!(number >= self.runs, "a downgrade is offered: {offer} to {self:?}");
        let known = self.deeds.entry(action).or_insert(Deed { number, outcome: Outcome::Open, let_go: false });
        assert_eq!(known.number, number, "an action was reused");
        if number == self.runs {
            assert_eq!(known.outcome, Outcome::Installed, "what it runs is offered: {offer}");
        }
        let is_new = known.outcome == Outcome::Open && self.work.as_ref().is_none_or(|work| work.action != action);
        if is_new {
            let temper = match self.noise.below(100) {
                0..70 => Temper::Succeeds,
                70..78 => Temper::TellsWhatItRuns,
                78..86 => Temper::Fails,
                86..92 => Temper::Refuses,
                _ => Temper::BootsTheOldImage,
            };
            self.work = Some(Work {
                action,
                number,
                temper,
                stage: Stage::Fetched,
                target: path_of(artifact["_links"]["download-http"]["href"].as_str().unwrap()),
                sha256: artifact["hashes"]["sha256"].as_str().unwrap().to_owned(),
                size: usize::try_from(artifact["size"].as_u64().unwrap()).unwrap(),
                got: Vec::new(),
            });
        }
        Ok(())
    }

    /// Gets on with its work, as far as it likes to get this time.
    async fn go_on(&mut self, radio: &mut Radio) -> io::Result<()> {
        while let Some((stage, temper, action)) =
            self.work.as_ref().map(|work| (work.stage, work.temper, work.action))
        {
            match stage {
                Stage::Fetched if temper == Temper::Refuses => {
                    self.say(action, "rejected", "none", None, &["not now"]);
                    self.end(Outcome::Failed, "not this one");
                }
                Stage::Fetched => {
                    if self.once_in(2) {
                        self.say(action, "download", "none", None, &[]);
                        self.speak(radio).await?;
                    }
                    self.download(radio).await?;
                }
                Stage::Downloaded => self.install(),
                Stage::Written => self.restart(),
            }
            self.speak(radio).await?;
            if self.once_in(4) {
                break;
            }
        }
        Ok(())
    }

    /// Downloads, from where it was.
    async fn download(&mut self, radio: &mut Radio) -> io::Result<()> {
        let mut work = self.work.take().unwrap();
        let target = work.target.clone();
        let mut request = self.get(&target);
        if !work.got.is_empty() {
            request.headers.push(("Range", format!("bytes={}-", work.got.len())));
        }
        let begins_at = work.got.len();
        let got = radio.read(&request, |piece| work.got.extend_from_slice(piece)).await;
        match &got {
            Ok(head) if head.status == 404 => {
                // Taken back in the middle of it.
                return Ok(());
            }
            Ok(head) => {
                let expected = if begins_at == 0 { 200 } else { 206 };
                assert_eq!(head.status, expected, "{}: {head:?}", self.id);
                assert_eq!(work.got.len(), work.size);
                assert_eq!(HEXLOWER.encode(&Sha256::digest(&work.got)), work.sha256);
                work.stage = Stage::Downloaded;
            }
            Err(_) if work.got.len() == work.size => work.stage = Stage::Downloaded,
            Err(_) => {}
        }
        let (action, stage) = (work.action, work.stage);
        self.work = Some(work);
        got?;
        if stage == Stage::Downloaded && self.once_in(2) {
            self.say(action, "downloaded", "none", None, &["whole"]);
        }
        Ok(())
    }

    fn install(&mut self) {
        let work = self.work.as_mut().unwrap();
        work.stage = Stage::Written;
        work.got = Vec::new();
        let (action, temper) = (work.action, work.temper);
        for step in 0..self.noise.below(4) {
            self.say(action, "proceeding", "none", Some((step, 4)), &["writing", "so many blocks"]);
        }
        if temper == Temper::Fails {
            self.end(Outcome::Failed, "ERROR : the block is bad");
        } else if temper == Temper::BootsTheOldImage || self.once_in(2) {
            self.say(action, "proceeding", "none", Some((1, 1)), &["All Chunks Installed."]);
        }
    }

    fn restart(&mut self) {
        let temper = self.work.as_ref().unwrap().temper;
        match temper {
            Temper::BootsTheOldImage => {
                let action = self.work.take().unwrap().action;
                self.deeds.get_mut(&action).unwrap().outcome = Outcome::Failed;
                self.has_booted = true;
            }
            Temper::TellsWhatItRuns => {
                self.boot_into_new();
                self.work = None;
                self.has_booted = true;
            }
            Temper::Succeeds | Temper::Fails | Temper::Refuses => {
                self.boot_into_new();
                self.end(Outcome::Installed, "it runs");
                self.has_booted = self.once_in(2);
            }
        }
    }

    fn boot_into_new(&mut self) {
        let work = self.work.as_ref().unwrap();
        assert!(work.number > self.runs, "it went back: {self:?}");
        self.runs = work.number;
        self.ran.insert(work.number);
        self.deeds.get_mut(&work.action).unwrap().outcome = Outcome::Installed;
    }

    /// Says its last word about the update; and then, perhaps, what it should have said before.
    fn end(&mut self, outcome: Outcome, word: &str) {
        let work = self.work.take().unwrap();
        self.deeds.get_mut(&work.action).unwrap().outcome = outcome;
        let finished = if outcome == Outcome::Installed { "success" } else { "failure" };
        let body = feedback(&json!(work.action.to_string()), "closed", finished, None, &[word]);
        self.to_say.push_back(Report { action: work.action, body, is_final: true });
        self.to_say.extend(self.late.drain(..));
    }

    /// Has something to say, now or when it is too late, in this order or in another.
    fn say(&mut self, action: i64, execution: &str, finished: &str, progress: Option<(u64, u64)>, details: &[&str]) {
        let id = match self.noise.below(4) {
            0 => json!(action),
            1 => json!(""),
            _ => json!(action.to_string()),
        };
        let report = Report { action, body: feedback(&id, execution, finished, progress, details), is_final: false };
        match self.noise.below(8) {
            0 => self.late.push(report),
            1 => self.to_say.push_front(report),
            _ => self.to_say.push_back(report),
        }
    }

    /// Says what it has to say; what was not answered is said again the next time.
    async fn speak(&mut self, radio: &mut Radio) -> io::Result<()> {
        if self.work.is_none() && !self.late.is_empty() {
            self.to_say.extend(self.late.drain(..));
            self.has_booted = true;
        }
        while let Some(report) = self.to_say.front().cloned() {
            self.post(radio, &report).await?;
            self.to_say.pop_front();
            if self.once_in(10) {
                self.post(radio, &report).await?;
            }
            if report.is_final {
                self.said.push(report);
            }
        }
        Ok(())
    }

    /// Says a last word again that was heard long ago.
    async fn repeat_itself(&mut self, radio: &mut Radio) -> io::Result<()> {
        if self.said.is_empty() {
            return Ok(());
        }
        let which = self.noise.below(self.said.len() as u64) as usize;
        let report = self.said[which].clone();
        self.post(radio, &report).await
    }

    async fn post(&self, radio: &mut Radio, report: &Report) -> io::Result<()> {
        let target = format!("{}/deploymentBase/{}/feedback", self.base, report.action);
        let (head, body) = radio.exchange(&self.send("POST", &target, report.body.clone())).await?;
        assert!(head.status == 200 && body.is_empty(), "{}: {head:?} to {report:?}", self.id);
        Ok(())
    }
}

fn feedback(id: &Value, execution: &str, finished: &str, progress: Option<(u64, u64)>, details: &[&str]) -> String {
    let mut result = json!({ "finished": finished });
    if let Some((count, of)) = progress {
        result["progress"] = json!({ "cnt": count, "of": of });
    }
    json!({ "id": id, "status": { "execution": execution, "result": result, "details": details } }).to_string()
}

/// The path and query of an absolute link.
fn path_of(href: &str) -> String {
    let rest = href.split_once("://").unwrap().1;
    rest[rest.find('/').unwrap()..].to_owned()
}
