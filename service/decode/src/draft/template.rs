//! Drafts for common loggers, to be used without a sample.

use zarr_fuse_schemas::near::did_you_mean;

use super::{Draft, DraftError};

/// A schema for files of some make, and how they are decoded.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    /// As `zf init --like` takes it.
    pub name: &'static str,
    /// Which files are meant.
    pub about: &'static str,
    /// The schema.
    pub schema: &'static str,
    /// The `decode` part of an endpoint, as YAML.
    pub decode: &'static str,
}

macro_rules! templates {
    ($($name:literal: $about:literal),* $(,)?) => {
        /// All there are.
        pub const TEMPLATES: &[Template] = &[$(Template {
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

/// The draft for files of the make called `name`.
///
/// # Errors
/// [`DraftError::Nothing`] lists those that there are.
pub fn like(name: &str) -> Result<Draft, DraftError> {
    let Some(found) = TEMPLATES.iter().find(|template| template.name == name) else {
        let known: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
        let listed: Vec<String> = TEMPLATES
            .iter()
            .map(|template| format!("{} ({})", template.name, template.about))
            .collect();
        let name: String = name.chars().take(100).collect();
        return Err(DraftError::Nothing(format!(
            "there is no template `{name}`{}; there are {}",
            did_you_mean(&name, &known),
            listed.join(", ")
        )));
    };
    let decode = serde_saphyr::from_str(found.decode).expect("a test reads every template");
    Ok(Draft {
        schema: found.schema.to_owned(),
        node: found.name.to_owned(),
        decode,
        questions: Vec::new(),
        unzoned: Vec::new(),
        doubts: Vec::new(),
    })
}
