//! Lists of proxies.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

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
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("localhost")]
    #[case("10.0.0.0/33")]
    #[case("10.0.0.0/x")]
    #[case("::/129")]
    fn what_is_no_network_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Proxies>(), Err(InvalidProxies));
    }
}
