//! Proxies that are trusted to say who is behind them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use otaria_wire::http::forwarded_for::hops;

use crate::access::origin::Peer;

/// Where a proxy says from whom it has a request, the nearest one last.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Addresses of proxies: single ones, and networks such as `10.0.0.0/8`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    /// How many of the first bits count.
    bits: u32,
}

/// What is no list of addresses and networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be addresses and networks, comma-separated, such as 127.0.0.1, 10.0.0.0/8, fd00::/8")]
pub struct InvalidProxies;

impl FromStr for Proxies {
    type Err = InvalidProxies;

    fn from_str(text: &str) -> Result<Self, InvalidProxies> {
        let networks = text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(network);
        networks.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = self.0.iter().map(|network| format!("{}/{}", network.address, network.bits));
        f.write_str(&networks.collect::<Vec<_>>().join(", "))
    }
}

fn network(text: &str) -> Result<Network, InvalidProxies> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let address: IpAddr = address.parse().map_err(|_| InvalidProxies)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Ok(most), str::parse).map_err(|_| InvalidProxies)?;
    if bits <= most { Ok(Network { address, bits }) } else { Err(InvalidProxies) }
}

impl Network {
    fn has(self, address: IpAddr) -> bool {
        // A shift by all bits is none: every address is in a network of 0 bits.
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (u32::from(own) ^ u32::from(other)).checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (u128::from(own) ^ u128::from(other)).checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl Proxies {
    /// Whether this is the address of one of them.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.has(address.to_canonical()))
    }

    /// Who made a request that came from `peer`: the last in the chain of proxies whom no trusted one vouches for.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
        let mut client = peer;
        for said in hops(&lines) {
            match said {
                Some(said) if self.trust(client) => client = said,
                _ => break,
            }
        }
        client
    }
}

/// Takes the word of trusted proxies for where a request came from. Without any, nobody's.
pub async fn believe(State(proxies): State<Arc<Proxies>>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let proxy = peer.ip().to_canonical();
        request.extensions_mut().insert(Peer(proxy));
        let client = proxies.client(proxy, request.headers());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, peer.port())));
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        trusted.parse::<Proxies>().unwrap().client(peer.parse().unwrap(), &headers).to_string()
    }

    #[rstest]
    #[case::nobody_is_trusted("", "127.0.0.1", &["9.9.9.9"], "127.0.0.1")]
    #[case::a_stranger_is_not("10.0.0.0/8", "8.8.8.8", &["9.9.9.9"], "8.8.8.8")]
    #[case::one_proxy("127.0.0.1", "127.0.0.1", &["9.9.9.9"], "9.9.9.9")]
    #[case::what_the_client_claims_itself("127.0.0.1", "127.0.0.1", &["1.1.1.1, 9.9.9.9"], "9.9.9.9")]
    #[case::two_proxies("127.0.0.1, 10.0.0.0/8", "127.0.0.1", &["1.1.1.1, 9.9.9.9, 10.1.2.3"], "9.9.9.9")]
    #[case::two_lines("127.0.0.1, 10.0.0.0/8", "127.0.0.1", &["9.9.9.9", "10.1.2.3"], "9.9.9.9")]
    #[case::with_ports("127.0.0.1", "127.0.0.1", &["9.9.9.9:1234"], "9.9.9.9")]
    #[case::ipv6("::1, fd00::/8", "::1", &["[2001:db8::1]:443, fd00::2"], "2001:db8::1")]
    #[case::not_an_address("127.0.0.1", "127.0.0.1", &["9.9.9.9, unknown"], "127.0.0.1")]
    #[case::everybody("0.0.0.0/0", "1.2.3.4", &["9.9.9.9"], "9.9.9.9")]
    fn the_last_that_nobody_trusted_vouches_for(
        #[case] trusted: &str,
        #[case] peer: &str,
        #[case] forwarded: &[&'static str],
        #[case] expected: &str,
    ) {
        assert_eq!(client(trusted, peer, forwarded), expected);
    }

    #[rstest]
    #[case("localhost")]
    #[case("10.0.0.0/33")]
    #[case("10.0.0.0/x")]
    #[case("::/129")]
    fn what_is_no_network_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Proxies>(), Err(InvalidProxies));
    }
}
