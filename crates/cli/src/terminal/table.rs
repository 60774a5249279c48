//! Records as people read them.

use jiff::Timestamp;
use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr};

use super::plain::plain;

/// How far columns are apart, in characters.
const GAP: usize = 2;
/// How much of a text that describes is left while anything else is there, in characters.
const PROSE: usize = 12;
/// How much of another text is left then: an identifier (UUID) is whole.
const LONG: usize = 40;
/// How much of any text is left at least, while there is more than one column.
const SHORT: usize = 8;

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

    /// Text that describes: the first that is cut off where a terminal is too narrow. By all else the next command may
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

/// Records, one a row. The columns that matter most come first.
pub struct Table<'t> {
    pub records: &'t [Value],
    pub columns: &'t [Column],
}

/// A column as it is shown.
struct Shown {
    kind: Kind,
    /// The title, and what it says of each record.
    cells: Vec<String>,
    /// How wide the widest of them is, in characters.
    widest: usize,
    /// How wide it is shown.
    width: usize,
}

impl Table<'_> {
    /// The table as text, its titles first. With a width in characters, texts are cut off and columns left out so that it
    /// fits into that; without one, everything is there for programs to read.
    pub fn render(&self, width: Option<u16>) -> String {
        let mut columns: Vec<_> = self.columns.iter().map(|column| Shown::of(column, self.records)).collect();
        if let Some(width) = width {
            fit(&mut columns, usize::from(width));
        }
        let lines = (0..=self.records.len()).map(|row| {
            let cells = columns.iter().filter_map(|column| Some(padded(column.cells.get(row)?, column.width)));
            cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Shown {
    fn of(column: &Column, records: &[Value]) -> Self {
        let said = records.iter().map(|record| plain(&column.of(record)).replace(['\n', '\t'], " "));
        let cells: Vec<_> = std::iter::once(column.title.to_uppercase()).chain(said).collect();
        let widest = cells.iter().map(|cell| cell.width()).max().unwrap_or_default();
        Self { kind: column.kind, cells, widest, width: widest }
    }
}

/// Makes columns fit: what is long is shortened first, then goes when something was, then all is shortened, and then goes
/// what matters least.
fn fit(columns: &mut Vec<Shown>, width: usize) {
    let long = |column: &Shown| match column.kind {
        Kind::Prose => PROSE,
        Kind::Text => LONG,
        Kind::Time => column.widest,
    };
    while !shorten(columns, width, long) {
        let Some(last) = columns.iter().rposition(|column| matches!(column.kind, Kind::Time)) else { break };
        columns.remove(last);
    }
    while columns.len() > 1 && !shorten(columns, width, |_| SHORT) {
        columns.pop();
    }
    shorten(columns, width, |_| 1);
}

/// Shortens the widest columns until all fit; whether they do. None gets narrower than `least`.
fn shorten(columns: &mut [Shown], width: usize, least: impl Fn(&Shown) -> usize) -> bool {
    for column in columns.iter_mut() {
        column.width = column.widest;
    }
    let gaps = GAP * columns.len().saturating_sub(1);
    while columns.iter().map(|column| column.width).sum::<usize>() + gaps > width {
        let wide = columns.iter_mut().filter(|column| column.width > least(column));
        let Some(widest) = wide.max_by_key(|column| column.width) else { return false };
        widest.width -= 1;
    }
    true
}

/// A text that is as wide as this: cut off, or with spaces behind it.
fn padded(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let missing = width.saturating_sub(text.width());
    text + &" ".repeat(missing)
}

/// A text that is not wider than this.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (start, _) = text.split_at(fitting(text, width.saturating_sub(1)));
    format!("{start}…")
}

/// How many bytes of the beginning of a text are not wider than this.
fn fitting(text: &str, width: usize) -> usize {
    let mut wide = 0;
    let over = text.char_indices().find(|(_, c)| {
        wide += c.width().unwrap_or_default();
        wide > width
    });
    over.map_or(text.len(), |(end, _)| end)
}

/// One record, a line for each field that it has. With a width in characters, what is longer goes on in the next line.
pub fn describe(record: &Value, fields: &[Column], width: Option<u16>) -> String {
    let rows: Vec<_> = fields.iter().map(|field| (field.title, field.of(record))).collect();
    let rows: Vec<_> = rows.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let titles = rows.iter().map(|(title, _)| title.width()).max().unwrap_or_default();
    let room = width.map(|width| usize::from(width).saturating_sub(titles + GAP));
    let mut lines = Vec::new();
    for (title, value) in &rows {
        match room {
            // Where there is no room beside the titles, there is some below them.
            Some(room) if room < LONG.min(value.width()) && room < 2 * SHORT => {
                let width = width.map_or(usize::MAX, usize::from);
                lines.push(cut(title, width));
                let below = width.saturating_sub(GAP).max(1);
                let value = value.lines().flat_map(|line| wrapped(line, below));
                lines.extend(value.map(|line| format!("{:GAP$}{line}", "")));
            }
            room => {
                let value = value.lines().flat_map(|line| wrapped(line, room.unwrap_or(usize::MAX)));
                let beside = std::iter::once(*title).chain(std::iter::repeat(""));
                lines.extend(value.zip(beside).map(|(line, title)| format!("{title:titles$}{:GAP$}{line}", "")));
            }
        }
    }
    lines.join("\n")
}

/// A line as several that are not wider than this, between words where that can be.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = line;
    while rest.width() > width {
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let (fits, next) = rest.split_at(fitting(rest, width).max(first));
        let between = if next.starts_with(' ') { None } else { fits.rfind(' ').filter(|end| *end > 0) };
        let (fits, next) = rest.split_at(between.unwrap_or(fits.len()));
        lines.push(fits.trim_end().to_owned());
        rest = next.trim_start();
    }
    lines.push(rest.to_owned());
    lines
}

/// A moment in UTC, to the second.
pub fn moment(milliseconds: i64) -> String {
    let moment = Timestamp::from_millisecond(milliseconds);
    moment.map_or_else(|_| milliseconds.to_string(), |moment| moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// A value as people read it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] =
        &[Column::text("id", "/id"), Column::prose("name", "/name"), Column::time("created", "/createdTimestamp")];

    #[test]
    fn a_table_fits_the_terminal_and_is_whole_elsewhere() {
        let records = [
            json!({ "id": "1", "name": "a lamp with quite a long name, so long", "createdTimestamp": 1_790_000_000_000_i64 }),
            json!({ "id": "2", "name": "\u{1b}[31mred" }),
        ];
        let table = Table { records: &records, columns: COLUMNS };
        insta::assert_snapshot!(table.render(None), @"
        ID  NAME                                    CREATED
        1   a lamp with quite a long name, so long  2026-09-21 14:13:20Z
        2   \u{fffd}[31mred
        ");
        insta::assert_snapshot!(table.render(Some(50)), @"
        ID  NAME                      CREATED
        1   a lamp with quite a lon…  2026-09-21 14:13:20Z
        2   \u{fffd}[31mred
        ");
        // Where there is no room for when it was, what it is stays readable.
        insta::assert_snapshot!(table.render(Some(24)), @"
        ID  NAME
        1   a lamp with quite a…
        2   \u{fffd}[31mred
        ");
        insta::assert_snapshot!(table.render(Some(7)), @"
        ID
        1
        2
        ");
    }

    #[test]
    fn whatever_the_width_is_no_line_is_wider() {
        let long = "a name without an end ".repeat(20);
        let of = |version: &str| {
            json!({
                "id": "00000000-0000-7000-8000-000000000000", "deviceId": "lamp-in-the-hall", "name": long, "version": version,
                "tags": ["qa", "四角い電灯".repeat(9)], "createdTimestamp": 1_790_000_000_000_i64, "description": "a\n".repeat(9),
            })
        };
        let records = [of("1.2.3"), of(&"1".repeat(120))];
        let columns = [
            Column::text("id", "/id"),
            Column::text("device", "/deviceId"),
            Column::text("name", "/name"),
            Column::text("version", "/version"),
            Column::prose("tags", "/tags"),
            Column::prose("what it is or changes", "/description"),
            Column::time("created", "/createdTimestamp"),
        ];
        for width in 4..200 {
            let table = Table { records: &records, columns: &columns }.render(Some(width));
            assert_eq!(table.lines().count(), 3);
            for text in [table, describe(&records[1], &columns, Some(width))] {
                let widest = text.lines().map(UnicodeWidthStr::width).max().unwrap();
                assert!(widest <= usize::from(width), "{widest} instead of {width}: {text}");
            }
        }
    }

    #[test]
    fn a_name_without_an_end_leaves_the_others_their_room() {
        let record = json!({ "id": "1", "name": "n".repeat(120), "version": "1.4.2", "createdTimestamp": 1_790_000_000_000_i64 });
        let columns = [
            Column::text("id", "/id"),
            Column::text("name", "/name"),
            Column::text("version", "/version"),
            Column::time("created", "/createdTimestamp"),
        ];
        insta::assert_snapshot!(Table { records: &[record], columns: &columns }.render(Some(80)), @"
        ID  NAME                                           VERSION  CREATED
        1   nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…  1.4.2    2026-09-21 14:13:20Z
        ");
    }

    #[test]
    fn a_record_shows_what_it_has() {
        let record = json!({ "id": "2", "name": "a\nb, and what is longer than there is room" });
        insta::assert_snapshot!(describe(&record, COLUMNS, None), @"
        id    2
        name  a
              b, and what is longer than there is room
        ");
        insta::assert_snapshot!(describe(&record, COLUMNS, Some(24)), @"
        id    2
        name  a
              b, and what is
              longer than there
              is room
        ");
        insta::assert_snapshot!(describe(&record, COLUMNS, Some(12)), @"
        id    2
        name
          a
          b, and
          what is
          longer
          than there
          is room
        ");
    }
}
