//! Which addresses may be asked: public ones, and private ones that are allowed. Asked again for every name and redirect,
//! so that no answer of a server or of a name service leads inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Names become addresses that may be asked, or an error.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    allowed: Arc<[IpNet]>,
}

/// An address that is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{host}` is the private address {address}; list it in `request.allow_private` if it is meant"
)]
pub(crate) struct Private {
    host: String,
    address: IpAddr,
}

impl Addresses {
    /// Public addresses, and those in `allowed`.
    pub(crate) fn new(allowed: &[IpNet]) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }

    fn may_ask(&self, address: IpAddr) -> bool {
        is_public(address)
            || self
                .allowed
                .iter()
                .any(|network| network.contains(&address))
    }

    /// Checks a URL whose host is an address; names are checked when they are looked up.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Private> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::from(address),
            Some(Host::Ipv6(address)) => IpAddr::from(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        if self.may_ask(address) {
            return Ok(());
        }
        Err(Private {
            host: url.host_str().unwrap_or_default().to_owned(),
            address,
        })
    }
}

impl Resolve for Addresses {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let (public, private): (Vec<_>, Vec<_>) = found
                .into_iter()
                .partition(|found| addresses.may_ask(found.ip()));
            match private.first() {
                Some(refused) if public.is_empty() => Err(Private {
                    host,
                    address: refused.ip(),
                }
                .into()),
                _ => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether an address is of the internet at large.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = embedded(address) {
        return is_public_v4(inner);
    }
    let first = address.segments()[0];
    // Global unicast, without documentation and Teredo.
    (first & 0xe000) == 0x2000 && !(first == 0x2001 && matches!(address.segments()[1], 0 | 0xdb8))
}

/// The IPv4 address that an IPv6 address leads to: mapped, translated or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    let last = || Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(last()),
        [0x2002, ..] => Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_dress() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
        ];
        for text in private {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "8.8.8.8",
            "157.249.81.141",
            "2a00:1450:4014::1",
            "::ffff:8.8.8.8",
            "100.128.0.1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn an_address_in_a_url_is_checked_however_it_is_written() {
        let addresses = Addresses::new(&["10.1.0.0/16".parse().unwrap()]);
        let check = |url: &str| addresses.check(&Url::parse(url).unwrap()).is_ok();
        assert!(check("http://10.1.9.9/") && check("https://8.8.8.8/") && check("http://x.cz/"));
        for url in [
            "http://10.2.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::1]/",
        ] {
            assert!(!check(url), "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_looked_up() {
        use std::str::FromStr as _;
        let refuse = Addresses::new(&[]).resolve(Name::from_str("localhost").unwrap());
        let error = refuse.await.err().unwrap().to_string();
        assert!(
            error.starts_with("`localhost` is the private address "),
            "{error}"
        );
        let allowed = ["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let found = Addresses::new(&allowed).resolve(Name::from_str("localhost").unwrap());
        assert!(found.await.is_ok_and(|mut found| found.next().is_some()));
    }
}
