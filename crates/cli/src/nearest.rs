//! What somebody may have meant who mistyped a name.

/// How alike two names must be, of 1.
const ALIKE: f64 = 0.7;

/// The one of the names that is most like the one that was given, if any is.
pub fn of<'n>(given: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let given = given.to_lowercase();
    let scored = names.into_iter().map(|name| (strsim::jaro_winkler(&given, &name.to_lowercase()), name));
    let best = scored.filter(|(score, _)| *score > ALIKE).max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_nearest_name_is_found_or_none() {
        assert_eq!(super::of("lmap", ["Hub", "Lamp", "Plug"]), Some("Lamp"));
        assert_eq!(super::of("xyz", ["Hub", "Lamp"]), None);
    }
}
