//! `otaria ready`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::options::ServerOptions;
use crate::failure::Failure;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the server that runs with these settings on this machine whether it is ready.
pub async fn run(options: &ServerOptions) -> Result<(), Failure> {
    let settings = options.settings()?;
    let url = format!("{}://{}/readyz", settings.scheme(), reachable(settings.listen));
    // Whom this machine trusts does not matter to ask it, and an image may trust nobody: the server's certificate is for
    // another name anyhow, and no secret is sent.
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).tls_danger_accept_invalid_certs(true);
    let http = http.timeout(PATIENCE).build()?;
    http.get(url).send().await?.error_for_status()?;
    Ok(())
}

/// Where a server that listens on `address` answers its own machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_asked_on_the_machine_itself() {
        for (listens, asked) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.1.2.3:80", "10.1.2.3:80")]
        {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), asked);
        }
    }
}
