//! What goes to the terminal, or to whatever stands in its place: data to standard output, everything else to standard
//! error.

pub mod progress;
pub mod table;

use std::ffi::OsString;
use std::io::{Error, ErrorKind, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::sync::OnceLock;

use serde_json::Value;

use self::table::{Column, Table, printable};
use crate::failure::{Exit, Failure};

/// Why data was lost, the first time.
static LOST: OnceLock<Error> = OnceLock::new();

/// The form in which data and errors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Tables and lines.
    Human,
    /// JSON.
    Json,
}

impl Format {
    /// What a command line asks for, as far as that can be said of one that may be wrong.
    pub fn asked_for(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut options = arguments.into_iter().take_while(|argument| argument != "--");
        if options.any(|argument| argument == "--json") { Self::Json } else { Self::Human }
    }
}

/// How much is said beside the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// What is being done, and how far it is.
    Normal,
    /// Errors alone.
    Quiet,
}

/// Where a command writes.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    format: Format,
    talk: Talk,
    /// How many columns standard output has, if it is a terminal.
    width: Option<u16>,
}

impl Terminal {
    /// This process's standard output and error.
    pub fn of_the_process(format: Format, talk: Talk) -> Self {
        let width = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        Self { format, talk, width: width.map(|(width, _)| width.0) }
    }

    /// The form in which data is written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes a list of records: a table, or an array.
    pub fn list(&self, records: &[Value], columns: &[Column]) {
        match self.format {
            Format::Json => print(&pretty(&Value::from(records))),
            Format::Human if records.is_empty() => self.say("there are none"),
            Format::Human => print(&Table { records, columns }.render(self.width)),
        }
    }

    /// Writes one record: a line for each field that it has, or an object.
    pub fn show(&self, record: &Value, fields: &[Column]) {
        match self.format {
            Format::Json => print(&pretty(record)),
            Format::Human => print(&table::describe(record, fields)),
        }
    }

    /// Writes that something was done: a sentence, to those who want to hear it, or what the server answered.
    pub fn done(&self, record: &Value, sentence: &str) {
        match self.format {
            Format::Json => print(&pretty(record)),
            Format::Human => self.print_unless_quiet(sentence),
        }
    }

    /// Says to people, who want to hear it, that one of several things was done.
    pub fn done_to_one(&self, sentence: &str) {
        if self.format == Format::Human {
            self.print_unless_quiet(sentence);
        }
    }

    /// Writes what would be done, were this no dry run.
    pub fn would(&self, plan: &Value, sentence: &str) {
        match self.format {
            Format::Json => print(&pretty(plan)),
            Format::Human => print(&printable(sentence)),
        }
    }

    /// Writes one of many things that happen one after the other: a line, or an object on a line.
    pub fn event(&self, event: &Value, line: &str) {
        match self.format {
            Format::Json => print(&event.to_string()),
            Format::Human => print(&printable(line)),
        }
    }

    fn print_unless_quiet(&self, sentence: &str) {
        if self.talk == Talk::Normal {
            print(&printable(sentence));
        }
    }

    /// Says what is being done, beside the data.
    pub fn say(&self, line: &str) {
        if self.talk == Talk::Normal {
            complain(line);
        }
    }

    /// Says what nobody should overlook, also to those who want to hear nothing else.
    pub fn warn(&self, line: &str) {
        complain(&format!("otaria: warning: {line}"));
    }
}

/// Writes a line to standard output.
pub fn print(line: &str) {
    notice(writeln!(anstream::stdout(), "{line}"));
}

/// Writes a piece of something to standard output, as it is; whether more of it makes sense.
pub fn print_raw(piece: &[u8]) -> ControlFlow<()> {
    let mut out = std::io::stdout();
    let written = out.write_all(piece).and_then(|()| out.flush());
    let then = if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    notice(written);
    then
}

/// Remembers that data could not be written, for [`all_is_written`] to say. Whoever closed a pipe does not want the rest.
pub fn notice(written: Result<(), Error>) {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => drop(LOST.set(error)),
        _ => {}
    }
}

/// Whether everything that was printed went out.
///
/// # Errors
/// If data was lost: the disk that it went to is full, say.
pub fn all_is_written() -> Result<(), Failure> {
    match LOST.get() {
        None => Ok(()),
        Some(error) => Err(Failure::of(Exit::Error, "output_lost", format!("the output cannot be written: {error}"))),
    }
}

/// Writes a line to standard error. What a server says in it may not steer the terminal.
pub fn complain(line: &str) {
    drop(writeln!(anstream::stderr(), "{}", printable(line)));
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_known_of_a_command_line_that_is_wrong() {
        let asked = |line: &str| Format::asked_for(line.split(' ').map(OsString::from));
        assert_eq!(asked("otaria tpye --json list"), Format::Json);
        assert_eq!(asked("otaria image list"), Format::Human);
        assert_eq!(asked("otaria image list -- --json"), Format::Human);
    }
}
