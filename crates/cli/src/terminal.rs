//! What goes to the terminal, or to whatever stands in its place: data to standard output, everything else to standard
//! error. Whatever is written passes here: nothing steers the terminal, and no secret is shown but a new one, once.

mod plain;
pub mod progress;
pub mod table;

use std::ffi::OsString;
use std::io::{Error, ErrorKind, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::sync::OnceLock;

use anstyle::{Effects, Style};
use otaria_core::secrets::hidden;
use serde_json::Value;

use self::plain::{escaped, plain, printable};
use self::table::{Column, Table};
use crate::failure::{Exit, Failure};

const BOLD: Style = Style::new().effects(Effects::BOLD);

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
    /// What is being done, how far it is, and that it is done.
    Normal,
    /// No words: errors and warnings alone.
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
            Format::Json => print_json(&Value::from(records)),
            Format::Human if records.is_empty() => self.say("there are none"),
            Format::Human => print_titled(&Table { records, columns }.render(self.width)),
        }
    }

    /// Writes one record: a line for each field that it has, or an object.
    pub fn show(&self, record: &Value, fields: &[Column]) {
        match self.format {
            Format::Json => print_json(record),
            Format::Human => print(&table::describe(record, fields, self.width)),
        }
    }

    /// The same of a record with a new secret in it, which is shown this once, and in one piece.
    pub fn show_secret(&self, record: &Value, fields: &[Column]) {
        match self.format {
            Format::Json => print_json_as_it_is(record),
            Format::Human => print_as_it_is(&table::describe(record, fields, None)),
        }
    }

    /// Writes that something was done: a sentence, to those who want to hear it, or what the server answered.
    pub fn done(&self, record: &Value, sentence: &str) {
        match self.format {
            Format::Json => print_json(record),
            Format::Human => self.print_unless_quiet(sentence),
        }
    }

    /// Writes a sentence of several that tell people how it goes. Programs are told otherwise.
    pub fn tell(&self, sentence: &str) {
        if self.format == Format::Human {
            self.print_unless_quiet(sentence);
        }
    }

    /// Writes what would be done, were this no dry run.
    pub fn would(&self, plan: &Value, sentence: &str) {
        match self.format {
            Format::Json => print_json(plan),
            Format::Human => print(sentence),
        }
    }

    /// Writes one of many things that happen one after the other: a line, or an object on a line.
    pub fn event(&self, event: &Value, line: &str) {
        match self.format {
            Format::Json => print_json_line(event),
            Format::Human => print(line),
        }
    }

    fn print_unless_quiet(&self, sentence: &str) {
        if self.talk == Talk::Normal {
            print(sentence);
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
    write(&plain(line));
}

/// The same, with whatever secret is in it.
pub fn print_as_it_is(line: &str) {
    write(&printable(line));
}

/// Writes JSON to standard output, in lines.
pub fn print_json(value: &Value) {
    write(&escaped(&hidden(&format!("{value:#}"))));
}

/// The same, with whatever secret is in it.
pub fn print_json_as_it_is(value: &Value) {
    write(&escaped(&format!("{value:#}")));
}

/// Writes JSON to standard output, on a line.
pub fn print_json_line(value: &Value) {
    write(&escaped(&hidden(&value.to_string())));
}

/// Writes a table, its titles in bold where that can be seen.
fn print_titled(table: &str) {
    let table = plain(table);
    let (titles, rows) = table.split_once('\n').unwrap_or((&table, ""));
    write(&format!("{BOLD}{titles}{BOLD:#}\n{rows}"));
}

fn write(line: &str) {
    notice(writeln!(anstream::stdout(), "{line}"));
}

/// Writes a piece of something to standard output, byte by byte unless that is a terminal; whether more of it makes sense.
pub fn print_raw(piece: &[u8]) -> ControlFlow<()> {
    let mut out = std::io::stdout();
    let written = match out.is_terminal() {
        true => out.write_all(printable(&String::from_utf8_lossy(piece)).as_bytes()),
        false => out.write_all(piece),
    };
    let written = written.and_then(|()| out.flush());
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

/// Writes a line to standard error.
pub fn complain(line: &str) {
    drop(writeln!(anstream::stderr(), "{}", plain(line)));
}

/// Says what is wrong with a command line; in colours, where there is nothing in it that may not be shown.
pub fn complain_of(error: &clap::Error) {
    let text = error.render().to_string();
    match plain(&text) {
        shown if shown == text => drop(error.print()),
        shown => drop(write!(anstream::stderr(), "{shown}")),
    }
}

/// Writes JSON to standard error, on a line.
pub fn complain_json(value: &Value) {
    drop(writeln!(anstream::stderr(), "{}", escaped(&hidden(&value.to_string()))));
}

/// Asks somebody at the terminal. No answer shows that a question could not be asked.
pub fn ask(question: &str) {
    drop(write!(anstream::stderr(), "{}: ", plain(question)));
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
