//! What the pages of the documentation tell people to type.

/// The block of code of this language on a page that has `part` in it.
pub fn block<'p>(page: &'p str, language: &str, part: &str) -> &'p str {
    let start = format!("```{language}\n");
    let mut blocks = page.split(start.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.find(|block| block.contains(part)).unwrap_or_else(|| panic!("no block with {part}"))
}
