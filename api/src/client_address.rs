//! Where a request comes from. A connection's own address, unless a proxy that we trust says for whom
//! it asks: then the last hop that isn't such a proxy. What callers claim themselves counts nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName};
use runtime::settings::{ApiSettings, ForwardedHeader, Networks};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a request comes from; an extension of every request behind the doorkeeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Whom to believe.
#[derive(Clone, Debug)]
pub struct AddressRules {
    trusted: Option<Networks>,
    header: ForwardedHeader,
}

impl AddressRules {
    /// The rules of the settings.
    pub fn new(settings: &ApiSettings) -> Self {
        Self { trusted: settings.trusted_proxies.clone(), header: settings.forwarded_header }
    }

    /// Where the request comes from.
    pub fn apply(&self, request: &Request) -> ClientAddress {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip());
        ClientAddress(self.client_of(peer, request.headers()).to_canonical())
    }

    fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let is_trusted = |hop| self.trusted.as_ref().is_some_and(|trusted| trusted.contain(hop));
        let mut hop = peer;
        let mut claimed = self.hops(headers).into_iter().rev();
        while is_trusted(hop) {
            // What can't be read was written by nobody whom we trust.
            match claimed.next() {
                Some(Some(next)) => hop = next,
                Some(None) | None => break,
            }
        }
        hop
    }

    /// The hops that the header names, from the first to the last; none where one is unreadable.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let (name, read): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ForwardedHeader::Forwarded => (FORWARDED, forwarded_for),
            ForwardedHeader::XForwardedFor => (X_FORWARDED_FOR, address),
        };
        let lines = headers.get_all(name).into_iter().map(|line| line.to_str().unwrap_or("?"));
        lines.flat_map(|line| line.split(',').map(read)).collect()
    }
}

/// The address in an element of RFC 7239: `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then(|| address(value))?
    })
}

/// An address, perhaps quoted, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let without_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(|| without_port().ok()).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn client(peer: &str, header: ForwardedHeader, lines: &[&str]) -> String {
        let rules = AddressRules { trusted: Some("10.0.0.0/8".parse().unwrap()), header };
        let name = match header {
            ForwardedHeader::Forwarded => "forwarded",
            ForwardedHeader::XForwardedFor => "x-forwarded-for",
        };
        let peer: IpAddr = peer.parse().unwrap();
        let request = Request::get("/").extension(ConnectInfo(SocketAddr::from((peer, 1))));
        let request = lines.iter().fold(request, |request, line| request.header(name, *line));
        rules.apply(&request.body(Body::empty()).unwrap()).0.to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let by = |peer, lines: &[&str]| client(peer, ForwardedHeader::XForwardedFor, lines);
        assert_eq!(by("192.0.2.1", &["198.51.100.9"]), "192.0.2.1", "not a proxy of ours");
        assert_eq!(by("10.0.0.1", &["198.51.100.9"]), "198.51.100.9");
        assert_eq!(by("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(by("::ffff:10.0.0.1", &["198.51.100.9"]), "198.51.100.9");
    }

    #[test]
    fn the_last_hop_that_is_not_ours_counts_whatever_was_claimed_before() {
        let by = |lines: &[&str]| client("10.0.0.1", ForwardedHeader::XForwardedFor, lines);
        assert_eq!(by(&["1.1.1.1, 198.51.100.9"]), "198.51.100.9");
        assert_eq!(by(&["1.1.1.1", "198.51.100.9, 10.0.0.2"]), "198.51.100.9");
        assert_eq!(by(&["1.1.1.1, nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(by(&["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }

    #[test]
    fn reads_rfc_7239_when_told_so_and_only_then() {
        let by = |lines: &[&str]| client("10.0.0.1", ForwardedHeader::Forwarded, lines);
        assert_eq!(by(&[r#"for=1.1.1.1, For="[2001:db8::1]:4711";proto=https"#]), "2001:db8::1");
        assert_eq!(by(&["for=192.0.2.60:80;by=10.0.0.1"]), "192.0.2.60");
        assert_eq!(by(&["for=unknown"]), "10.0.0.1");
        let other = client("10.0.0.1", ForwardedHeader::XForwardedFor, &[]);
        assert_eq!(other, "10.0.0.1");
    }
}
