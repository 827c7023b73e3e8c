//! Which ports the services listen on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context;
use runtime::Settings;
use runtime::settings::{ApiSettings, AuditSettings, BookingSettings, EligibilitySettings};
use servers::free_loopback_port;

/// Where the insurer simulator listens if it can.
const INSURER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8090);

/// The addresses of one run.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub api: SocketAddr,
    pub api_metrics: SocketAddr,
    pub booking_metrics: SocketAddr,
    pub audit_metrics: SocketAddr,
    pub eligibility_metrics: SocketAddr,
    /// The insurer simulator, when there is to be one.
    pub insurer: SocketAddr,
    /// Whether the API is somewhere else than where people look first.
    pub api_moved: bool,
}

impl Addresses {
    /// An address that somebody asked for is used or refused; a default makes way.
    pub fn choose(settings: &Settings, port: Option<u16>) -> anyhow::Result<Self> {
        let mut api_wish = settings.api.listen;
        if let Some(port) = port {
            api_wish.set_port(port);
        }
        let is_default = port.is_none() && api_wish == ApiSettings::default().listen;
        let api = choose(api_wish, is_default, "choose another port with --port")?;
        let metrics = |wish: SocketAddr, default: SocketAddr| {
            choose(wish, wish == default, "choose another metrics_listen address")
        };
        let api_metrics =
            metrics(settings.api.metrics_listen, ApiSettings::default().metrics_listen)?;
        let booking_metrics =
            metrics(settings.booking.metrics_listen, BookingSettings::default().metrics_listen)?;
        let audit_metrics =
            metrics(settings.audit.metrics_listen, AuditSettings::default().metrics_listen)?;
        let eligibility_metrics = metrics(
            settings.eligibility.metrics_listen,
            EligibilitySettings::default().metrics_listen,
        )?;
        let insurer = choose(INSURER.into(), true, "")?;
        Ok(Self {
            api,
            api_metrics,
            booking_metrics,
            audit_metrics,
            eligibility_metrics,
            insurer,
            api_moved: api != api_wish,
        })
    }
}

fn choose(wish: SocketAddr, is_default: bool, advice: &str) -> anyhow::Result<SocketAddr> {
    match TcpListener::bind(wish) {
        Ok(_) => Ok(wish),
        Err(_) if is_default => Ok(SocketAddr::new(wish.ip(), free_loopback_port()?)),
        Err(error) => Err(error).with_context(|| format!("{wish} can't be used; {advice}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A port that is taken for as long as the listener lives.
    fn taken() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn default_makes_way_and_a_wish_is_refused() {
        let (_listener, address) = taken();
        assert_ne!(choose(address, true, "").unwrap(), address);
        let refusal = choose(address, false, "choose another port with --port").unwrap_err();
        assert!(refusal.to_string().contains("--port"), "{refusal}");
    }
}
