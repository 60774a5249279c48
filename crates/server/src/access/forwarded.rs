//! Proxies that are trusted to say who is behind them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use otaria_wire::http::forwarded_for::hops;

use crate::access::origin::Peer;
use crate::settings::Proxies;

/// Where a proxy says from whom it has a request, the nearest one last.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Takes the word of trusted proxies for where a request came from. Without any, nobody's.
pub async fn believe(State(proxies): State<Arc<Proxies>>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let proxy = peer.ip().to_canonical();
        request.extensions_mut().insert(Peer(proxy));
        let client = client(&proxies, proxy, request.headers());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, peer.port())));
    }
    next.run(request).await
}

/// Who made a request that came from `peer`: the last in the chain of proxies whom no trusted one vouches for.
fn client(proxies: &Proxies, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let mut client = peer;
    for said in hops(&lines) {
        match said {
            Some(said) if proxies.trust(client) => client = said,
            _ => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    fn found(trusted: &str, peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
        }
        client(&trusted.parse().unwrap(), peer.parse().unwrap(), &headers).to_string()
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
        assert_eq!(found(trusted, peer, forwarded), expected);
    }
}
