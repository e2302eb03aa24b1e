//! Where a request comes from when proxies stand between.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::config::{AddressHeader, ServerConfig};

/// Who has one address of version 6 has a network of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Whether `address` is one of the proxies that are trusted.
pub(crate) fn is_proxy(server: &ServerConfig, address: IpAddr) -> bool {
    let address = address.to_canonical();
    let mut proxies = server.trusted_proxies.iter();
    proxies.any(|proxy| proxy.contains(address))
}

/// The address nearest to the service that is no trusted proxy. `peer` is the other end of the connection, `headers` are the
/// values of the configured header in their order. What untrusted ones say is not looked at.
pub(crate) fn client_address<'a>(
    peer: IpAddr,
    server: &ServerConfig,
    headers: impl DoubleEndedIterator<Item = &'a str>,
) -> IpAddr {
    let mut client = peer.to_canonical();
    for said in headers.rev().flat_map(|value| value.rsplit(',')) {
        if !is_proxy(server, client) {
            break;
        }
        let address = match server.address_header {
            AddressHeader::XForwardedFor => address(said),
            AddressHeader::Forwarded => forwarded(said),
        };
        // Whatever stands before what cannot be read is worth nothing.
        let Some(address) = address else { break };
        client = address.to_canonical();
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let socket = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(socket).or_else(bracketed)
}

/// The address of `for=192.0.2.1;proto=https`.
fn forwarded(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        let is_for = name.trim().eq_ignore_ascii_case("for");
        is_for.then(|| address(value.trim().trim_matches('"')))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Proxy;

    fn check(header: AddressHeader, values: &[&str], expected: &str) {
        let server = ServerConfig {
            trusted_proxies: ["10.0.0.0/8", "127.0.0.1", "fd00::/8"]
                .map(|text| Proxy::parse(text).unwrap())
                .into(),
            address_header: header,
            ..ServerConfig::default()
        };
        let found = client_address([10, 0, 0, 1].into(), &server, values.iter().copied());
        assert_eq!(found.to_string(), expected, "{values:?}");
    }

    #[test]
    fn proxies_say_whom_they_ask_for() {
        use AddressHeader::XForwardedFor as Header;
        check(Header, &["192.0.2.7"], "192.0.2.7");
        check(Header, &["192.0.2.7, 10.1.1.1"], "192.0.2.7");
        check(Header, &["192.0.2.7", "10.1.1.1"], "192.0.2.7");
        check(Header, &["192.0.2.7:4711"], "192.0.2.7");
        check(Header, &["[2001:db8::1]:80"], "2001:db8::1");
        check(Header, &["::ffff:192.0.2.7"], "192.0.2.7");
        check(Header, &["10.2.2.2"], "10.2.2.2");
        check(Header, &[], "10.0.0.1");
    }

    #[test]
    fn what_a_client_says_itself_is_not_believed() {
        use AddressHeader::XForwardedFor as Header;
        check(Header, &["127.0.0.1, 192.0.2.7"], "192.0.2.7");
        check(Header, &["1.1.1.1", "192.0.2.7, 10.1.1.1"], "192.0.2.7");
        check(Header, &["1.1.1.1, unknown"], "10.0.0.1");
        check(Header, &["for=1.1.1.1"], "10.0.0.1");
        let server = ServerConfig::default();
        let peer = IpAddr::from([192, 0, 2, 9]);
        let said = ["1.1.1.1"];
        assert_eq!(client_address(peer, &server, said.into_iter()), peer);
    }

    #[test]
    fn the_standard_header_names_it_too() {
        use AddressHeader::Forwarded as Header;
        check(Header, &["for=192.0.2.7;proto=https"], "192.0.2.7");
        check(Header, &["by=x; For=\"[2001:db8::1]:80\""], "2001:db8::1");
        check(
            Header,
            &["for=1.1.1.1, for=192.0.2.7, for=10.1.1.1"],
            "192.0.2.7",
        );
        check(Header, &["for=_hidden"], "10.0.0.1");
    }

    proptest::proptest! {
        #[test]
        fn any_header_gives_an_address(values: Vec<String>, header: bool) {
            let server = ServerConfig {
                trusted_proxies: vec![Proxy::parse("0.0.0.0/0").unwrap(), Proxy::parse("::/0").unwrap()],
                address_header: if header { AddressHeader::Forwarded } else { AddressHeader::XForwardedFor },
                ..ServerConfig::default()
            };
            let peer = IpAddr::from([10, 0, 0, 1]);
            let _any = client_address(peer, &server, values.iter().map(String::as_str));
        }
    }
}
