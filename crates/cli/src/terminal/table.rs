//! Records as people read them.

use std::fmt::Write as _;

use anstyle::{Effects, Style};
use comfy_table::presets;
use comfy_table::{ColumnConstraint, ContentArrangement, Width};
use jiff::Timestamp;
use serde_json::Value;

/// How far columns are apart, in characters.
const GAP: u16 = 2;
/// How much of a text that describes is left at least, in characters.
const PROSE: usize = 12;

const BOLD: Style = Style::new().effects(Effects::BOLD);

/// What of a record is shown, and as what.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    /// Where it is in the record, as a JSON pointer (RFC 6901).
    pointer: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Prose,
    Time,
}

impl Column {
    /// Text, a number, yes or no, or a list of these.
    pub const fn text(title: &'static str, pointer: &'static str) -> Self {
        Self { title, pointer, kind: Kind::Text }
    }

    /// Text that describes: the only one that is cut off where a terminal is too narrow. By all else the next command may
    /// name something.
    pub const fn prose(title: &'static str, pointer: &'static str) -> Self {
        Self { title, pointer, kind: Kind::Prose }
    }

    /// Milliseconds since the Unix epoch, shown as a moment in UTC.
    pub const fn time(title: &'static str, pointer: &'static str) -> Self {
        Self { title, pointer, kind: Kind::Time }
    }

    /// What it says of a record; empty if that has none.
    fn of(&self, record: &Value) -> String {
        match (record.pointer(self.pointer), self.kind) {
            (None, _) => String::new(),
            (Some(value), Kind::Text | Kind::Prose) => text(value),
            (Some(value), Kind::Time) => value.as_i64().map_or_else(|| text(value), moment),
        }
    }
}

/// Records, one a row.
pub struct Table<'t> {
    pub records: &'t [Value],
    pub columns: &'t [Column],
}

impl Table<'_> {
    /// The table as text. With a width in characters what describes is cut off so that it fits into that, if it can
    /// be; without one, everything is there for programs to read.
    pub fn render(&self, width: Option<u16>) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        match width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        let columns = self.fitting(width);
        table.set_header(columns.iter().map(|column| column.title.to_uppercase()));
        for record in self.records {
            let mut row = comfy_table::Row::from(columns.iter().map(|column| column.of(record)));
            row.max_height(1);
            table.add_row(row);
        }
        for (shown, column) in table.column_iter_mut().zip(columns) {
            shown.set_padding((0, GAP));
            shown.set_constraint(match column.kind {
                Kind::Prose => ColumnConstraint::LowerBoundary(Width::Fixed(self.least(column) + GAP)),
                Kind::Text | Kind::Time => ColumnConstraint::ContentWidth,
            });
        }
        let text = table.trim_fmt();
        let (header, rows) = text.split_once('\n').unwrap_or((&text, ""));
        format!("{BOLD}{header}{BOLD:#}\n{rows}")
    }

    /// The columns for which there is room: when something was is the first thing to go.
    fn fitting(&self, width: Option<u16>) -> Vec<&Column> {
        let mut columns: Vec<_> = self.columns.iter().collect();
        let needed =
            |columns: &[&Column]| columns.iter().map(|column| u32::from(self.least(column) + GAP)).sum::<u32>();
        while width.is_some_and(|width| needed(&columns) > u32::from(width) + u32::from(GAP))
            && let Some(last) = columns.iter().rposition(|column| matches!(column.kind, Kind::Time))
        {
            columns.remove(last);
        }
        columns
    }

    /// How narrow a column can get, in characters.
    fn least(&self, column: &Column) -> u16 {
        let longest = self.records.iter().map(|record| column.of(record).chars().count()).max().unwrap_or_default();
        let content = longest.max(column.title.len());
        let least = if matches!(column.kind, Kind::Prose) { content.min(PROSE) } else { content };
        u16::try_from(least).unwrap_or(u16::MAX - GAP)
    }
}

/// One record, a line for each field that it has.
pub fn describe(record: &Value, fields: &[Column]) -> String {
    let rows: Vec<_> = fields.iter().map(|field| (field.title, field.of(record))).collect();
    let rows: Vec<_> = rows.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let width = rows.iter().map(|(title, _)| title.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (title, value) in &rows {
        let indented = value.replace('\n', &format!("\n{:width$}  ", ""));
        let _ = writeln!(text, "{title:width$}  {indented}");
    }
    text.trim_end().to_owned()
}

/// A moment in UTC, to the second.
pub fn moment(milliseconds: i64) -> String {
    let moment = Timestamp::from_millisecond(milliseconds);
    moment.map_or_else(|_| milliseconds.to_string(), |moment| moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// A value as people read it. What others chose may not steer the terminal.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// Text without control characters other than line feeds: names and messages come from others.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: &[Column] =
        &[Column::text("id", "/id"), Column::prose("name", "/name"), Column::time("created", "/createdTimestamp")];

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_table_fits_the_terminal_and_is_whole_elsewhere() {
        let records = [
            json!({ "id": "1", "name": "a lamp with quite a long name, so long", "createdTimestamp": 1_790_000_000_000_i64 }),
            json!({ "id": "2", "name": "\u{1b}[31mred" }),
        ];
        let table = Table { records: &records, columns: COLUMNS };
        insta::assert_snapshot!(plain(&table.render(None)), @"
        ID  NAME                                    CREATED
        1   a lamp with quite a long name, so long  2026-09-21 14:13:20Z
        2   \u{fffd}[31mred
        ");
        insta::assert_snapshot!(plain(&table.render(Some(50))), @"
        ID  NAME                 CREATED
        1   a lamp with quite …  2026-09-21 14:13:20Z
        2   \u{fffd}[31mred
        ");
        // Where there is no room for when it was, what it is stays readable.
        insta::assert_snapshot!(plain(&table.render(Some(24))), @"
        ID  NAME
        1   a lamp with quite…
        2   \u{fffd}[31mred
        ");
    }

    #[test]
    fn a_record_shows_what_it_has() {
        let record = json!({ "id": "2", "name": "a\nb" });
        insta::assert_snapshot!(describe(&record, COLUMNS), @"
        id    2
        name  a
              b
        ");
    }
}
