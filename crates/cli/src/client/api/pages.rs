//! Lists that come in pages.

use serde_json::Value;

use super::Api;
use crate::client::connection::answers::something_else;
use crate::client::paths::Path;
use crate::failure::Failure;

/// The largest page that the server gives.
const PAGE: usize = 1000;

/// How many records are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many at most.
    First(usize),
    /// All of them.
    None,
}

/// One page of a list.
struct Page {
    content: Vec<Value>,
    /// How many there are.
    of: u64,
}

impl Api {
    /// The first records of a list, page by page. Who wants all of a list that others add to sorts it by id.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn list(&self, path: Path, limit: Limit) -> Result<Vec<Value>, Failure> {
        let wanted = match limit {
            Limit::First(wanted) => wanted,
            Limit::None => usize::MAX,
        };
        let size = wanted.clamp(1, PAGE);
        let mut records: Vec<Value> = Vec::new();
        for number in 0.. {
            let page = self.page(&path, size, number).await?;
            records.extend(page.content);
            if records.len() >= wanted || number + 1 >= page.of {
                break;
            }
        }
        records.truncate(wanted);
        Ok(records)
    }

    /// The first record of a list that is meant, page by page.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn search(&self, path: Path, is_meant: impl Fn(&Value) -> bool) -> Result<Option<Value>, Failure> {
        for number in 0.. {
            let page = self.page(&path, PAGE, number).await?;
            let found = page.content.into_iter().find(&is_meant);
            if found.is_some() || number + 1 >= page.of {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn page(&self, path: &Path, size: usize, number: u64) -> Result<Page, Failure> {
        let mut page = self.get(&path.clone().with("size", size).with("page", number)).await?;
        let Value::Array(content) = page["content"].take() else {
            return Err(something_else(path));
        };
        // After a page without anything there is none, whatever it says.
        let of = if content.is_empty() { 0 } else { page["totalPages"].as_u64().unwrap_or_default() };
        Ok(Page { content, of })
    }
}
