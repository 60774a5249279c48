//! What comes of one command for several things: each is tried, and the first failure is how the command ends.

use serde_json::{Value, json};

use crate::client::api::Change;
use crate::failure::Failure;
use crate::terminal::{Format, Terminal, print};

/// What comes of each. People are told at once; programs get one list, when this is dropped: whatever ends the command,
/// what was done is known.
pub struct Several {
    terminal: Terminal,
    objects: Vec<Value>,
    /// The first thing that did not go as it was to.
    failure: Option<Failure>,
}

impl Several {
    /// Nothing has come of anything yet.
    pub fn new(terminal: Terminal) -> Self {
        Self { terminal, objects: Vec::new(), failure: None }
    }

    /// One is done: `object` says which, and how it is now.
    pub fn done(&mut self, object: Value, sentence: &str) {
        self.objects.push(object);
        self.terminal.tell(sentence);
    }

    /// The same, where the sentence has what was asked for.
    pub fn found(&mut self, object: Value, line: &str) {
        self.objects.push(object);
        if self.terminal.format() == Format::Human {
            print(line);
        }
    }

    /// One would be changed so, were this no dry run.
    pub fn would(&mut self, change: &Change) {
        let (object, sentence) = change.would();
        self.found(object, &sentence);
    }

    /// One is not done: `object` says which.
    pub fn failed(&mut self, mut object: Value, failure: Failure) {
        object["state"] = json!("refused");
        object["code"] = json!(failure.code());
        object["message"] = json!(failure.message());
        self.objects.push(object);
        if self.failure.is_none() {
            self.failure = Some(failure);
        } else {
            self.terminal.warn(failure.message());
        }
    }

    /// The first thing that went wrong is how the command ends.
    ///
    /// # Errors
    /// What went wrong first.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

impl Drop for Several {
    fn drop(&mut self) {
        // Something else ended the command, and is how it ends.
        if let Some(failure) = self.failure.take() {
            self.terminal.warn(failure.message());
        }
        if self.terminal.format() == Format::Json {
            self.terminal.list(&self.objects, &[]);
        }
    }
}
