//! The attributes of the root that configure the store.

use super::Reader;
use super::node::section;
use crate::model::Node;
use crate::store::{Secret, StoreSettings};
use crate::yaml::Yaml;

/// Takes the secrets out of the attributes of `root`, which are written to the store, and reads the settings.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Node, yaml: &Yaml) -> StoreSettings {
    let mut settings = StoreSettings::default();
    // Problems of the section itself are reported where the node is read.
    let n_problems = reader.problems.len();
    let attrs = section(reader, yaml, "ATTRS", "").unwrap_or_default();
    reader.problems.truncate(n_problems);
    for entry in attrs {
        let path = format!("ATTRS.{}", entry.key);
        let is_setting = matches!(
            entry.key.as_str(),
            "STORE_URL" | "S3_ENDPOINT_URL" | "S3_ACCESS_KEY" | "S3_SECRET_KEY"
        );
        if !is_setting || entry.value.is_none() {
            continue;
        }
        let Some(text) = entry
            .value
            .text()
            .map(str::trim)
            .filter(|text| !text.is_empty())
        else {
            reader.problem(
                entry.value.at,
                &path,
                format!("a text is expected, not {}", entry.value.describe()),
            );
            continue;
        };
        match entry.key.as_str() {
            "STORE_URL" => settings.url = Some(text.to_owned()),
            "S3_ENDPOINT_URL" => {
                if !(text.starts_with("https://") || text.starts_with("http://")) {
                    let message = "an endpoint is an address such as `https://s3.example.org`";
                    reader.problem(entry.value.at, &path, message);
                }
                settings.endpoint_url = Some(text.to_owned());
            }
            key => {
                let message = format!(
                    "a secret in a schema file is seen by everybody who reads it: remove it and set `ZF_{key}` in the \
                     environment"
                );
                reader.warn(entry.at, &path, message);
                root.attrs.shift_remove(key);
                let secret = Some(Secret::new(text));
                match key {
                    "S3_ACCESS_KEY" => settings.access_key = secret,
                    _ => settings.secret_key = secret,
                }
            }
        }
    }
    warn_of_settings_below(reader, yaml, "");
    settings
}

/// Warns of `STORE_URL` in nodes below the root.
fn warn_of_settings_below(reader: &mut Reader<'_>, yaml: &Yaml, at: &str) {
    let crate::yaml::Value::Map(entries) = &yaml.value else {
        return;
    };
    for entry in entries
        .iter()
        .filter(|entry| !matches!(entry.key.as_str(), "ATTRS" | "VARS" | "COORDS"))
    {
        let path = super::under(at, &entry.key);
        if let Some(attrs) = entry.value.get("ATTRS")
            && let Some(setting) = attrs.value.get("STORE_URL")
        {
            let message = "only the root configures the store: move it to the `ATTRS` of the root";
            reader.warn(setting.at, &format!("{path}.ATTRS.STORE_URL"), message);
        }
        warn_of_settings_below(reader, &entry.value, &path);
    }
}
