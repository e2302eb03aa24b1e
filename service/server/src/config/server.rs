//! The sections `server`, `store` and `journal`.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

use super::cors::CorsConfig;
use super::quantity::{DurationText, SizeText, bytes, duration, optional_duration};
use super::viewer::ViewerConfig;

/// Where the service listens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port. Addresses other than loopback need `auth`. Port 0 takes a free one. Default `127.0.0.1:8000`.
    pub listen: Listen,
    /// Certificate and key: with them the service speaks TLS itself. Default: plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Addresses and networks of proxies, such as `10.0.0.0/8`, that say in `address_header` whom they ask for. Their word is
    /// taken for limits and for the sender noted in the journal. Default: none.
    pub trusted_proxies: Vec<Proxy>,
    /// Names under which the service is asked, such as `data.example.org`; requests with another name in `Host` are answered 421.
    /// Names and addresses of this machine itself (`localhost`, `127.0.0.1`, `::1`) count in any case. Default: on loopback, where
    /// nobody needs to sign in, only those; else all names.
    pub hosts: Vec<Host>,
    /// The header in which trusted proxies say so. They must set it themselves, whatever a client sends in it.
    /// Default `x-forwarded-for`.
    pub address_header: AddressHeader,
    /// Pages of other sites whose scripts may ask. Default: none.
    pub cors: CorsConfig,
    /// What the viewer shows that is not in the data.
    pub viewer: ViewerConfig,
    /// Threads that answer requests. Default: one per processor.
    #[schemars(range(min = 1))]
    pub workers: Option<usize>,
    /// Most connections held open at once, by all threads together. Default 4096.
    #[schemars(range(min = 1))]
    pub max_connections: usize,
    /// Most of them from one address (of IPv6: a /64) that is none of `trusted_proxies`; further ones are closed. Default 1024.
    #[schemars(range(min = 1))]
    pub max_connections_per_address: usize,
    /// How long a connection without a request is kept open. Default `75s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub keep_alive: Duration,
    /// How long the head of a request may take to arrive; then the answer is 408, and a connection that had requests before is
    /// cut. Default `10s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub head_timeout: Duration,
    /// How long requests may go on after the signal to stop. Default `30s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub grace: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let listen = Listen {
            host: "127.0.0.1".to_owned(),
            port: 8000,
        };
        Self {
            listen,
            tls: None,
            trusted_proxies: Vec::new(),
            hosts: Vec::new(),
            address_header: AddressHeader::default(),
            cors: CorsConfig::default(),
            viewer: ViewerConfig::default(),
            workers: None,
            max_connections: 4096,
            max_connections_per_address: 1024,
            keep_alive: Duration::from_secs(75),
            head_timeout: Duration::from_secs(10),
            grace: Duration::from_secs(30),
        }
    }
}

/// A name under which the service is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// Reads `data.example.org`, `192.0.2.7`, `2001:db8::1`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        let is_address = bare.parse::<IpAddr>().is_ok();
        let is_name = !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        if is_address || is_name {
            return Ok(Self(bare.trim_end_matches('.').to_ascii_lowercase()));
        }
        Err(format!(
            "`{text}` is not the name of a host; write it without scheme and port, as in `data.example.org`"
        ))
    }

    /// Whether `host`, in small letters and without brackets, is this one.
    pub fn is(&self, host: &str) -> bool {
        self.0 == host
    }
}

impl<'de> Deserialize<'de> for Host {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Host {
    fn schema_name() -> Cow<'static, str> {
        "Host".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^([A-Za-z0-9._-]+|\[?[0-9a-fA-F:.]+\]?|.*\$\{.*)$"})
    }
}

/// Files in PEM form. They are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate, followed by those of intermediate authorities.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// A header that names the client of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AddressHeader {
    /// Addresses, divided by commas.
    #[default]
    XForwardedFor,
    /// `for=…`, as in RFC 7239.
    Forwarded,
}

/// An address or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proxy(IpNet);

impl Proxy {
    /// Reads `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let network = address.or_else(|_not_an_address| text.parse());
        network.map(Self).map_err(|_not_a_network| {
            format!("`{text}` is not an address or network; write `127.0.0.1` or `10.0.0.0/8`")
        })
    }

    /// Whether the address is this one or inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl<'de> Deserialize<'de> for Proxy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Proxy {
    fn schema_name() -> Cow<'static, str> {
        "Proxy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^([0-9a-fA-F.:]+(/[0-9]+)?|.*\$\{.*)$"})
    }
}

/// An address and a port to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// An address, or `localhost`.
    pub host: String,
    /// 0 takes a free one.
    pub port: u16,
}

impl Listen {
    /// Reads `127.0.0.1:8000`, `[::1]:8000`, `localhost:8000`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "`{text}` is not an address and a port; write `127.0.0.1:8000`, `[::1]:8000` or `0.0.0.0:8000`"
            )
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let is_known = host == "localhost" || host.parse::<IpAddr>().is_ok();
        let port = port
            .parse()
            .ok()
            .filter(|_| is_known)
            .ok_or_else(expected)?;
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// Whether only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// Whether a name or address, without brackets, is of this machine itself.
pub fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Listen {
    fn schema_name() -> Cow<'static, str> {
        "Listen".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^(.+:[0-9]+|.*\$\{.*)$"})
    }
}

/// How contributions are made durable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Folder or URL of the journals, one folder in it per dataset. Default: `journal/` in the store of each dataset.
    pub url: Option<String>,
    /// How long a segment stays open for further contributions. `0s`: only while the one before is being written, which
    /// acknowledges soonest. Default `0s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub flush_interval: Duration,
    /// A segment closes at this size. Default `16MiB`.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_segment_bytes: u64,
    /// Payloads of merged contributions are dropped after this time. Default: they are kept for ever.
    #[serde(deserialize_with = "optional_duration")]
    #[schemars(with = "Option<DurationText>")]
    pub retain: Option<Duration>,
    /// How long an `Idempotency-Key` is remembered. Default `7d`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub idempotency_window: Duration,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            url: None,
            flush_interval: Duration::ZERO,
            max_segment_bytes: 16 << 20,
            retain: None,
            idempotency_window: Duration::from_hours(7 * 24),
        }
    }
}
