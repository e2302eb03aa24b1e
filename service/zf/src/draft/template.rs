//! Drafts for common loggers, to be used without a sample.

/// A schema for files of some make, and how they are decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    /// As `zf init --like` takes it.
    pub(crate) name: &'static str,
    /// Which files are meant.
    pub(crate) about: &'static str,
    /// The schema.
    pub(crate) schema: &'static str,
    /// The `decode` part of an endpoint, as YAML.
    pub(crate) decode: &'static str,
}

macro_rules! templates {
    ($($name:literal: $about:literal),* $(,)?) => {
        /// All there are.
        pub(crate) const TEMPLATES: &[Template] = &[$(Template {
            name: $name,
            about: $about,
            schema: include_str!(concat!("like/", $name, ".yaml")),
            decode: include_str!(concat!("like/", $name, ".decode.yaml")),
        }),*];
    };
}

templates! {
    "hobo": "CSV that HOBOware exports",
    "tomst": "data files of TOMST TMS-4 (`data_….csv`)",
    "ems": "CSV of EMS Brno loggers that Mini32 exports",
    "zentra": "workbooks of METER ZENTRA Cloud",
    "campbell": "TOA5 tables of Campbell Scientific loggers",
}

/// The one called `name`.
pub(crate) fn template(name: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.name == name)
}
