//! Networks in CIDR notation, and the header by which proxies say for whom they ask.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A list of networks: `10.0.0.0/8, 2001:db8::/32`. A lone address is a network of one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Networks(Vec<IpNet>);

/// A text is no list of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected networks in CIDR notation, separated by commas, such as 10.0.0.0/8")]
pub struct InvalidNetworks;

/// How a proxy says for whom it asks. One of the two, because a proxy that writes one passes the
/// other on as its caller wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// RFC 7239.
    Forwarded,
    /// What most proxies write.
    #[default]
    XForwardedFor,
}

impl Networks {
    /// Whether the address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Networks {
    type Err = InvalidNetworks;

    fn from_str(text: &str) -> Result<Self, InvalidNetworks> {
        let network = |part: &str| {
            let part = part.trim();
            let network = IpNet::from_str(part);
            network
                .or_else(|_| IpAddr::from_str(part).map(IpNet::from))
                .map_err(|_| InvalidNetworks)
        };
        text.split(',').map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<String> for Networks {
    type Error = InvalidNetworks;

    fn try_from(text: String) -> Result<Self, InvalidNetworks> {
        text.parse()
    }
}

impl From<Networks> for String {
    fn from(networks: Networks) -> Self {
        networks.to_string()
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(IpNet::to_string).collect();
        f.write_str(&texts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_networks_and_addresses() {
        let networks: Networks = "10.0.0.0/8, 192.0.2.7,2001:db8::/32".parse().unwrap();
        let contain = |address: &str| networks.contain(address.parse().unwrap());
        assert!(contain("10.9.8.7") && contain("192.0.2.7") && contain("2001:db8::1"));
        assert!(contain("::ffff:10.1.1.1"), "an IPv4 address by another name");
        assert!(!contain("192.0.2.8") && !contain("2001:db9::1"));
        for text in ["", "10.0.0.0/33", "proxy", "10.0.0.0/8;", "10.0.0.0/8,,"] {
            assert_eq!(text.parse::<Networks>(), Err(InvalidNetworks), "{text}");
        }
    }
}
