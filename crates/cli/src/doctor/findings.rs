//! What was found, and how it is told.

use serde_json::{Value, json};

use crate::failure::{Exit, Failure};
use crate::terminal::{Format, Terminal, print, print_json};

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// As it should be.
    Ok,
    /// It works, though not for everybody, or not well.
    Warn,
    /// It does not work.
    Fail,
}

impl Verdict {
    /// The word in the first column.
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Finding {
    verdict: Verdict,
    name: &'static str,
    what: String,
    remedy: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub fn ok(name: &'static str, what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, name, what: what.into(), remedy: None }
    }

    /// It works, though not for everybody, or not well.
    pub fn warn(name: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, name, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// It does not work.
    pub fn fail(name: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, name, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// It does not work, for the reason for which every other command would fail.
    pub fn failure(name: &'static str, failure: &Failure) -> Self {
        let remedy = failure.remedy().map(str::to_owned);
        Self { verdict: Verdict::Fail, name, what: failure.message().to_owned(), remedy }
    }

    fn as_json(&self) -> Value {
        let mut value =
            json!({ "verdict": self.verdict.word().to_lowercase(), "name": self.name, "message": self.what });
        if let Some(remedy) = &self.remedy {
            value["remedy"] = json!(remedy);
        }
        value
    }

    fn as_text(&self) -> String {
        let line = format!("{:4} {}: {}", self.verdict.word(), self.name, self.what);
        self.remedy.iter().fold(line, |line, remedy| format!("{line}\n       {remedy}"))
    }
}

/// All that was found: told one by one to people, and as one array to programs.
pub struct Findings {
    terminal: Terminal,
    found: Vec<Finding>,
}

impl Findings {
    /// None so far.
    pub fn of(terminal: Terminal) -> Self {
        Self { terminal, found: Vec::new() }
    }

    /// One more.
    pub fn add(&mut self, finding: Finding) {
        if self.terminal.format() == Format::Human {
            print(&finding.as_text());
        }
        self.found.push(finding);
    }

    /// Ends the list.
    ///
    /// # Errors
    /// If anything does not work.
    pub fn conclude(self) -> Result<(), Failure> {
        if self.terminal.format() == Format::Json {
            print_json(&self.found.iter().map(Finding::as_json).collect());
        }
        match self.found.iter().filter(|finding| finding.verdict == Verdict::Fail).count() {
            0 => Ok(()),
            1 => Err(Failure::of(Exit::Error, "unhealthy", "one thing does not work")),
            failed => Err(Failure::of(Exit::Error, "unhealthy", format!("{failed} things do not work"))),
        }
    }
}
