//! Where a request comes from, and from what program.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::app::App;
use crate::client_address::ClientAddress;
use crate::problem::Problem;

/// Where a request comes from, and from what program.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The address.
    pub address: IpAddr,
    /// `Firefox on Linux`: words of our own, nothing of what was sent.
    pub client: String,
}

/// What stands in a `User-Agent` and what that is called. The first that is found counts: browsers
/// name their ancestors, too.
const PROGRAMS: [(&str, &str); 8] = [
    ("Firefox/", "Firefox"),
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("mediconnect", "MediConnect"),
    ("Mozilla/", "A browser"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

impl Origin {
    /// Counts an attempt with a password, a code or a token; refuses when there were too many.
    pub fn count_attempt(&self, app: &App) -> Result<(), Problem> {
        app.doorkeeper.limits.attempt(self.address)
    }
}

impl FromRequestParts<App> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        let address = parts.extensions.get().copied();
        let ClientAddress(address) = address.unwrap_or(ClientAddress(Ipv4Addr::UNSPECIFIED.into()));
        let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        Ok(Self { address, client: rough_client(agent.unwrap_or_default()) })
    }
}

fn rough_client(agent: &str) -> String {
    let known = |words: &[(&str, &'static str)]| {
        words.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name)
    };
    match (known(&PROGRAMS), known(&SYSTEMS)) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_roughly_what_it_is_and_nothing_that_was_sent() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(rough_client(firefox), "Firefox on Linux");
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Safari/604";
        assert_eq!(rough_client(phone), "Safari on iOS");
        assert_eq!(rough_client("curl/8.9"), "curl");
        assert_eq!(rough_client("Ada's own 1815"), "unknown");
    }
}
