//! The section `server.viewer`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::cors::Origin;

/// What the viewer shows that is not in the data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ViewerConfig {
    /// What to call this service. Default `zarr-fuse`.
    pub title: String,
    /// What lies under maps. Browsers fetch it from where it is, not through this service. Default: the coastlines that the
    /// viewer brings itself, for which no network is needed.
    pub base_map: Option<BaseMap>,
    /// From where else images over maps are loaded, which schemas name in `map_overlays`. Default: nowhere.
    pub image_origins: Vec<Origin>,
}

impl Default for ViewerConfig {
    fn default() -> Self {
        Self {
            title: "zarr-fuse".to_owned(),
            base_map: None,
            image_origins: Vec::new(),
        }
    }
}

/// What lies under maps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaseMap {
    /// Images by zoom and place, such as `https://tile.openstreetmap.org/{z}/{x}/{y}.png`, or the address of a style of
    /// MapLibre, such as `https://maps.example.org/style.json`.
    #[schemars(regex(pattern = r"^(https?://[^/]+/.*|.*\$\{.*)$"))]
    pub url: String,
    /// Whom to name on the map, as the licence of most maps demands: `© OpenStreetMap contributors`.
    #[serde(default)]
    pub attribution: Option<String>,
    /// The closest zoom that there are images of. Default: any.
    #[serde(default)]
    #[schemars(range(max = 24))]
    pub max_zoom: Option<u8>,
    /// Where else a style loads from: tiles, glyphs, symbols. Default: nowhere.
    #[serde(default)]
    pub origins: Vec<Origin>,
}

impl BaseMap {
    /// Whether the address is a template of images, rather than that of a style.
    pub fn is_template(&self) -> bool {
        self.url.contains("{z}")
    }

    /// What browsers must be allowed to load from, as policies write it. A part of a host that is a template may be anything.
    pub fn sources(&self) -> Vec<String> {
        let own = self.own_source();
        let others = self.origins.iter().map(ToString::to_string);
        let sources: BTreeSet<String> = own.into_iter().chain(others).collect();
        sources.into_iter().collect()
    }

    /// What is wrong with it.
    pub(super) fn fault(&self) -> Option<String> {
        let url = &self.url;
        if self.own_source().is_none() {
            return Some(format!(
                "`{url}` is not the address of a map; write `https://tile.openstreetmap.org/{{z}}/{{x}}/{{y}}.png`, or the address of a style"
            ));
        }
        let has = |part: &str| url.contains(part);
        (self.is_template() && !(has("{x}") && has("{y}")))
            .then(|| format!("`{url}` needs `{{x}}` and `{{y}}` beside `{{z}}`"))
    }

    fn own_source(&self) -> Option<String> {
        let (scheme, rest) = self.url.split_once("://")?;
        let host = rest
            .split(['/', '?'])
            .next()
            .filter(|host| !host.is_empty())?;
        let host = match host.split_once('.') {
            Some((first, rest)) if first.contains('{') => format!("*.{rest}"),
            _ => host.to_owned(),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]*".contains(c);
        let is_good = matches!(scheme, "http" | "https") && host.chars().all(is_plain);
        is_good.then(|| format!("{scheme}://{host}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(url: &str) -> BaseMap {
        BaseMap {
            url: url.to_owned(),
            attribution: None,
            max_zoom: None,
            origins: Vec::new(),
        }
    }

    #[test]
    fn a_map_is_loaded_from_where_it_is() {
        let source = |url| map(url).sources().join(" ");
        assert_eq!(
            source("https://tile.example.org/{z}/{x}/{y}.png?key=1"),
            "https://tile.example.org"
        );
        assert_eq!(
            source("https://{s}.tile.example.org:81/{z}/{x}/{y}"),
            "https://*.tile.example.org:81"
        );
        let mut style = map("http://localhost:81/style.json");
        style.origins = vec![Origin::parse("https://fonts.example.org/").unwrap()];
        assert_eq!(
            style.sources(),
            ["http://localhost:81", "https://fonts.example.org"]
        );
        assert!(!style.is_template());
    }

    #[test]
    fn an_address_that_could_say_more_than_a_host_is_refused() {
        for url in [
            "tiles",
            "ftp://x/{z}",
            "https:///x",
            "https://a b/",
            "https://x;script-src/",
            "https://x' *",
        ] {
            assert!(map(url).fault().is_some(), "{url}");
        }
        assert!(
            map("https://x/{z}")
                .fault()
                .unwrap()
                .contains("needs `{x}`")
        );
        assert_eq!(map("https://x/{z}/{x}/{y}").fault(), None);
    }
}
