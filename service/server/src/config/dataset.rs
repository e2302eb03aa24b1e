//! The section `datasets`.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

/// The datasets by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Datasets {
    /// In the order of the file.
    pub by_name: IndexMap<String, DatasetConfig>,
    /// Names that a list gives to two files.
    pub(super) repeated: Vec<(usize, String)>,
    pub(super) is_list: bool,
}

/// A dataset that the service serves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// The schema file.
    pub schema: PathBuf,
    /// Where it is stored, instead of the `STORE_URL` of the schema: a folder, `file://…`, `s3://bucket/prefix`, `memory://`.
    #[serde(default)]
    pub store: Option<String>,
}

impl<'de> Deserialize<'de> for Datasets {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(DatasetsVisitor)
    }
}

struct DatasetsVisitor;

impl<'de> Visitor<'de> for DatasetsVisitor {
    type Value = Datasets;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of schema files, or a mapping from names to schema files")
    }

    fn visit_unit<E>(self) -> Result<Datasets, E> {
        Ok(Datasets::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Datasets, A::Error> {
        let mut datasets = Datasets {
            is_list: true,
            ..Datasets::default()
        };
        let mut n_files = 0;
        while let Some(schema) = list.next_element::<PathBuf>()? {
            let name = name_of(&schema);
            if datasets
                .by_name
                .insert(
                    name.clone(),
                    DatasetConfig {
                        schema,
                        store: None,
                    },
                )
                .is_some()
            {
                datasets.repeated.push((n_files, name));
            }
            n_files += 1;
        }
        Ok(datasets)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Datasets, A::Error> {
        let mut datasets = Datasets::default();
        while let Some((name, dataset)) = map.next_entry::<String, FileOrConfig>()? {
            datasets.by_name.insert(name, dataset.0);
        }
        Ok(datasets)
    }
}

/// The name of the file without its ending.
fn name_of(schema: &Path) -> String {
    schema
        .file_stem()
        .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// `name: file.yaml`, or `name: {schema: file.yaml, store: …}`.
struct FileOrConfig(DatasetConfig);

impl<'de> Deserialize<'de> for FileOrConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(FileOrConfigVisitor)
    }
}

struct FileOrConfigVisitor;

impl<'de> Visitor<'de> for FileOrConfigVisitor {
    type Value = FileOrConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a schema file, or a mapping with `schema` and `store`")
    }

    fn visit_str<E>(self, schema: &str) -> Result<FileOrConfig, E> {
        Ok(FileOrConfig(DatasetConfig {
            schema: PathBuf::from(schema),
            store: None,
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FileOrConfig, A::Error> {
        DatasetConfig::deserialize(MapAccessDeserializer::new(map)).map(FileOrConfig)
    }
}

impl JsonSchema for Datasets {
    fn schema_name() -> Cow<'static, str> {
        "Datasets".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let dataset = generator.subschema_for::<DatasetConfig>();
        json_schema!({
            "anyOf": [
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"anyOf": [{"type": "string"}, dataset]}},
                {"type": "null"},
            ]
        })
    }
}
