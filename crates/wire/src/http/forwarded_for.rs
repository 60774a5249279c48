//! X-Forwarded-For: from whom each proxy on the way has a request.

use std::net::{IpAddr, SocketAddr};

/// The addresses in the header's lines, the nearest hop first; none in place of what is no address.
pub fn hops<'h>(lines: &[&'h str]) -> impl Iterator<Item = Option<IpAddr>> + use<'h> {
    let lines: Vec<&'h str> = lines.iter().rev().copied().collect();
    lines.into_iter().flat_map(|line| line.rsplit(',')).map(|part| address(part.trim()))
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_hop_comes_first() {
        let lines = ["1.1.1.1, 9.9.9.9:1234", "unknown,[2001:db8::1]:443, [::1], fd00::2"];
        let found: Vec<_> = hops(&lines).map(|hop| hop.map(|hop| hop.to_string()).unwrap_or_default()).collect();
        assert_eq!(found, ["fd00::2", "::1", "2001:db8::1", "", "9.9.9.9", "1.1.1.1"]);
    }
}
