//! Revisions on the wire: a record is read with an ETag, and changed with that as If-Match (RFC 9110, section 13.1.1).

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use otaria_wire::http::entity_tags::EntityTags;

use crate::actions::revisions::{Replaces, Revision};
use crate::protocols::lines;
use crate::service::Service;

/// What a request may replace, by its If-Match; anything without one.
pub struct IfMatch(pub Replaces);

impl FromRequestParts<Service> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Self::Rejection> {
        Ok(Self(replaces(lines(&parts.headers, &IF_MATCH))))
    }
}

/// A weak tag names nothing that could be replaced: it may stand for several revisions.
fn replaces<'h>(lines: impl IntoIterator<Item = &'h str>) -> Replaces {
    match EntityTags::of(lines) {
        None | Some(EntityTags::Any) => Replaces::Anything,
        Some(EntityTags::These(tags)) => {
            let strong = tags.iter().filter(|tag| !tag.is_weak);
            Replaces::OneOf(strong.map(|tag| Revision::named(tag.opaque)).collect())
        }
    }
}

/// The answer with a record and the ETag of its revision.
pub type Tagged<T> = ([(HeaderName, String); 1], Json<T>);

/// Answers with a record, and with what it is to be known by.
pub fn tagged<T>(revision: &Revision, record: T) -> Tagged<T> {
    ([(ETAG, format!("\"{}\"", revision.as_str()))], Json(record))
}

/// How a change says what it replaces; for the document.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "the document reads it; requests are read by `IfMatch`")]
pub struct IfMatchParam {
    /// The ETag of what is to be replaced; 412 if it was changed since.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[], None)]
    #[case(&["*"], None)]
    #[case(&["\"a\", \"b\"", "c"], Some(&["a", "b", "c"][..]))]
    #[case(&["W/\"a\", \"b\""], Some(&["b"][..]))]
    #[case(&[""], Some(&[][..]))]
    fn a_header_names_what_may_be_replaced(#[case] lines: &[&str], #[case] named: Option<&[&str]>) {
        let expected = named.map_or(Replaces::Anything, |named| {
            Replaces::OneOf(named.iter().copied().map(Revision::named).collect())
        });
        assert_eq!(replaces(lines.iter().copied()), expected);
    }
}
