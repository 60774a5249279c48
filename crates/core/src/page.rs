//! Pages and sort orders, as every list of the partner API takes and answers them.

use crate::fields::Fields;

/// Which direction a field sorts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// One sort criterion: a field of the list, by its name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// One of the list's sortable fields.
    pub field: &'static str,
    /// Its direction.
    pub direction: Direction,
}

/// Which part of a list to show, and in what order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Zero-based index of the page.
    pub number: i64,
    /// Elements a page, 1–1000.
    pub size: i64,
    /// Criteria, most significant first; never empty.
    pub sort: Vec<Sort>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The elements of this page.
    pub content: Vec<T>,
    /// How many the whole list has.
    pub total_elements: i64,
}

impl PageRequest {
    /// The page size when none is asked for.
    pub const DEFAULT_SIZE: i64 = 50;
    /// The largest page served; more is served as this.
    pub const MAX_SIZE: i64 = 1000;

    /// Reads `page`, `size` and the repeated `sort` of a query; `sortable` are the list's own fields. Without
    /// `sort` the newest come first, by `createdTimestamp`.
    pub fn parse(
        fields: &mut Fields,
        page: Option<&str>,
        size: Option<&str>,
        sort: &[String],
        sortable: &'static [&'static str],
    ) -> Self {
        let number = integer(fields, "page", page, 0, 0);
        let size = integer(fields, "size", size, 1, Self::DEFAULT_SIZE).min(Self::MAX_SIZE);
        let mut criteria: Vec<Sort> = Vec::new();
        for text in sort.iter().filter(|text| !text.is_empty()) {
            match parse_sort(text, sortable) {
                Some(sort) if criteria.iter().any(|known| known.field == sort.field) => {}
                Some(sort) => criteria.push(sort),
                None => {
                    let allowed = sortable.join(", ");
                    fields.refuse("sort", format_args!("must be one of {allowed}, optionally with ,asc or ,desc"));
                    // Once is enough, however many there are.
                    break;
                }
            }
        }
        if criteria.is_empty() {
            criteria.push(Sort { field: "createdTimestamp", direction: Direction::Descending });
        }
        Self { number, size, sort: criteria }
    }

    /// How many elements come before this page; saturates, so that an absurd page is merely empty.
    pub fn offset(&self) -> i64 {
        self.number.saturating_mul(self.size)
    }

    /// How many pages of this size `total_elements` make.
    pub fn total_pages(&self, total_elements: i64) -> i64 {
        total_elements.div_euclid(self.size) + i64::from(total_elements.rem_euclid(self.size) != 0)
    }

    /// The order in words, such as `updatedTimestamp: DESC`, several joined by a comma.
    pub fn sort_text(&self) -> String {
        let words = self.sort.iter().map(|sort| {
            let direction = match sort.direction {
                Direction::Ascending => "ASC",
                Direction::Descending => "DESC",
            };
            format!("{}: {direction}", sort.field)
        });
        words.collect::<Vec<_>>().join(",")
    }
}

fn integer(fields: &mut Fields, name: &str, text: Option<&str>, least: i64, default: i64) -> i64 {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return default };
    match text.parse::<i64>() {
        Ok(number) if number >= least => number,
        _ => {
            fields.refuse(name, format_args!("must be an integer of at least {least}"));
            default
        }
    }
}

fn parse_sort(text: &str, sortable: &'static [&'static str]) -> Option<Sort> {
    let (name, direction) = match text.split_once(',') {
        None => (text, Direction::Ascending),
        Some((name, word)) if word.trim().eq_ignore_ascii_case("asc") => (name, Direction::Ascending),
        Some((name, word)) if word.trim().eq_ignore_ascii_case("desc") => (name, Direction::Descending),
        Some(_) => return None,
    };
    let field = sortable.iter().find(|known| **known == name.trim())?;
    Some(Sort { field, direction })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[&str] = &["id", "name", "createdTimestamp"];

    fn parse(page: Option<&str>, size: Option<&str>, sort: &[&str]) -> Result<PageRequest, Vec<String>> {
        let mut fields = Fields::new();
        let sort: Vec<String> = sort.iter().map(|&text| text.to_owned()).collect();
        let request = PageRequest::parse(&mut fields, page, size, &sort, FIELDS);
        fields.finish().map(|()| request).map_err(|errors| errors.into_iter().map(|error| error.message).collect())
    }

    #[test]
    fn defaults_are_the_first_fifty_newest() {
        let request = parse(None, None, &[]).unwrap();
        assert_eq!((request.number, request.size, request.sort_text().as_str()), (0, 50, "createdTimestamp: DESC"));
    }

    #[test]
    fn a_wrong_sort_is_refused_once_however_often_it_is_sent() {
        assert_eq!(parse(None, None, &["x"; 1000]).unwrap_err().len(), 1);
    }

    #[test]
    fn sort_takes_field_and_direction_and_repeats() {
        let request = parse(None, None, &["name,desc", "id"]).unwrap();
        assert_eq!(request.sort_text(), "name: DESC,id: ASC");
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let message = &parse(None, None, &["secret"]).unwrap_err()[0];
        assert!(message.contains("id, name, createdTimestamp"), "{message}");
        assert!(parse(Some("-1"), None, &[]).is_err());
        assert!(parse(None, Some("0"), &[]).is_err());
        assert!(parse(None, None, &["id,up"]).is_err());
    }

    #[test]
    fn large_sizes_are_served_as_the_largest_and_absurd_pages_are_empty() {
        let request = parse(Some("9223372036854775807"), Some("5000"), &[]).unwrap();
        assert_eq!((request.size, request.offset()), (1000, i64::MAX));
        assert_eq!(request.total_pages(1001), 2);
        assert_eq!(request.total_pages(0), 0);
    }
}
