//! Lists: what their queries say, and how a page is answered.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use otaria_core::fields::Fields;
use otaria_core::page::{Page, PageRequest};
use otaria_wire::partner::PageOut;

use super::text::pairs;
use crate::error::Error;
use crate::service::Service;

/// The query of a request: names and values, decoded, in the order given.
pub struct Query(Vec<(String, String)>);

impl FromRequestParts<Service> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Self::Rejection> {
        Ok(Self(pairs(parts.uri.query().unwrap_or_default())))
    }
}

impl Query {
    /// The first value called `name`; an empty one counts as none.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the comma-separated `name` has this element.
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.all(name).flat_map(|value| value.split(',')).any(|value| value.trim() == element)
    }

    /// `tags`: comma-separated, trimmed.
    pub fn tags(&self) -> Vec<String> {
        let tags = self.all("tags").flat_map(|value| value.split(',')).map(str::trim);
        tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
    }

    /// The first value called `name`, parsed.
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, fields: &mut Fields, name: &str) -> Option<T> {
        let text = self.first(name)?;
        text.parse().map_err(|error| fields.refuse(name, error)).ok()
    }

    /// `page`, `size` and `sort`.
    pub fn page(&self, fields: &mut Fields, sortable: &'static [&'static str]) -> PageRequest {
        let sort: Vec<String> = self.all("sort").map(str::to_owned).collect();
        PageRequest::parse(fields, self.first("page"), self.first("size"), &sort, sortable)
    }

    /// `page`, `size` and `sort`, of a list that takes nothing else that could be wrong.
    ///
    /// # Errors
    /// What is not allowed.
    pub fn only_page(&self, sortable: &'static [&'static str]) -> Result<PageRequest, Error> {
        let mut fields = Fields::new();
        let request = self.page(&mut fields, sortable);
        fields.finish()?;
        Ok(request)
    }
}

/// A page as it is answered.
pub fn page_out<T, U>(page: Page<T>, request: &PageRequest, element: impl Fn(T) -> U) -> PageOut<U> {
    let content: Vec<U> = page.content.into_iter().map(element).collect();
    PageOut {
        number: request.number,
        size: request.size,
        total_pages: request.total_pages(page.total_elements),
        number_of_elements: i64::try_from(content.len()).unwrap_or(i64::MAX),
        total_elements: page.total_elements,
        content,
        sort: request.sort_text(),
    }
}

/// How every list is paged and sorted; for the document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "the document reads it; requests are read by `Query`")]
pub struct PageParams {
    /// Zero-based index of the page.
    #[param(minimum = 0, default = 0)]
    page: Option<i64>,
    /// Elements a page; more than 1000 is served as 1000.
    #[param(minimum = 1, default = 50)]
    size: Option<i64>,
    /// A field, optionally with `,asc` or `,desc`; repeatable. Without it the newest come first.
    sort: Option<Vec<String>>,
}

/// How lists of images are filtered; for the document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "the document reads it; requests are read by `Query`")]
pub struct TagsParam {
    /// Comma-separated tags: images that carry at least one of them.
    tags: Option<String>,
}
