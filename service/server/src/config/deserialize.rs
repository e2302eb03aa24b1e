//! A YAML tree as something to deserialize from, whose errors know their place.

use std::fmt::{self, Display};

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use zarr_fuse_schemas::{
    near::did_you_mean,
    yaml::{self, Entry, Mark, Number, Value, Yaml},
};

use super::read::Step;

/// Why a value cannot be read.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: Mark,
    pub(super) path: Vec<Step>,
    pub(super) message: String,
    /// The key that a mapping lacks.
    pub(super) missing: Option<&'static str>,
    is_placed: bool,
}

impl Fault {
    fn new(message: String) -> Self {
        Self {
            at: Mark::default(),
            path: Vec::new(),
            message,
            missing: None,
            is_placed: false,
        }
    }

    /// Says where, unless that is known more exactly.
    fn placed(mut self, at: Mark, path: &[Step]) -> Self {
        if !self.is_placed {
            self.at = at;
            self.path = path.to_vec();
            self.is_placed = true;
        }
        self
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        let message = message.to_string();
        if message.starts_with("data did not match any variant") {
            return Self::new(
                "this form is not understood; the description of the key says what may stand here"
                    .to_owned(),
            );
        }
        Self::new(message)
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::new(format!("the key `{field}` is missing"))
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!(
            "unknown key `{field}`{}",
            did_you_mean(field, expected)
        ))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!(
            "`{variant}` is not possible here{}",
            did_you_mean(variant, expected)
        ))
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("{found} is not {expected}"))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("{found} does not fit: it must be {expected}"))
    }
}

/// Reads one node of a tree.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    yaml: &'a Yaml,
    path: Vec<Step>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(yaml: &'a Yaml) -> Self {
        Self {
            yaml,
            path: Vec::new(),
        }
    }

    fn inside(&self, step: Step, yaml: &'a Yaml) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self { yaml, path }
    }

    fn place<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| fault.placed(self.yaml.at, &self.path))
    }

    fn refuse<T>(&self, expected: &dyn Display) -> Result<T, Fault> {
        self.place(Err(Fault::new(format!(
            "expected {expected}, found {}",
            self.yaml.describe()
        ))))
    }

    fn whole<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        let Some(Number::Int(number)) = self.yaml.number() else {
            return self.refuse(&"a whole number");
        };
        self.place(match (u64::try_from(number), i64::try_from(number)) {
            (Ok(number), _) => visitor.visit_u64(number),
            (_, Ok(number)) => visitor.visit_i64(number),
            _ => Err(Fault::new(format!("{number} is too large"))),
        })
    }

    fn real<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        match self.yaml.number() {
            Some(number) => self.place(visitor.visit_f64(number.as_f64())),
            None => self.refuse(&"a number"),
        }
    }

    fn text<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        match self.yaml.text() {
            Some(text) if !self.yaml.is_null() => self.place(visitor.visit_str(text)),
            _ => self.refuse(&"a text"),
        }
    }

    fn list<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        let items: &[Yaml] = match &self.yaml.value {
            Value::List(items) => items,
            _ if self.yaml.is_null() => &[],
            _ => return self.refuse(&"a list"),
        };
        self.place(visitor.visit_seq(ListReader {
            parent: self,
            items: items.iter().enumerate(),
        }))
    }

    /// A key with nothing behind it is an empty mapping.
    fn map<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Fault> {
        let entries: &[Entry] = match &self.yaml.value {
            Value::Map(entries) => entries,
            _ if self.yaml.is_null() => &[],
            _ => return self.refuse(&"a mapping"),
        };
        self.place(visitor.visit_map(MapReader {
            parent: self,
            entries: entries.iter(),
            entry: None,
        }))
    }
}

macro_rules! forward {
    ($($method:ident)* => $to:ident) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.$to(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.yaml.value {
            Value::List(_) => self.list(visitor),
            Value::Map(_) => self.map(visitor),
            Value::Scalar { .. } if self.yaml.is_null() => self.place(visitor.visit_unit()),
            Value::Scalar { text, plain } => match (self.yaml.number(), text.as_str()) {
                (Some(Number::Int(_)), _) => self.whole(visitor),
                (Some(Number::Float(_)), _) => self.real(visitor),
                (None, "true" | "True" | "TRUE") if *plain => self.place(visitor.visit_bool(true)),
                (None, "false" | "False" | "FALSE") if *plain => {
                    self.place(visitor.visit_bool(false))
                }
                _ => self.text(visitor),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.yaml.value {
            Value::Scalar { text, plain: true } if let Some(value) = yaml::boolean(text) => {
                self.place(visitor.visit_bool(value))
            }
            _ => self.refuse(&"`true` or `false`"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.yaml.is_null() {
            self.place(visitor.visit_none())
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.yaml.is_null() {
            self.place(visitor.visit_unit())
        } else {
            self.refuse(&"nothing")
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (variant, content) = match &self.yaml.value {
            Value::Scalar { text, .. } if !self.yaml.is_null() => (text.as_str(), None),
            Value::Map(entries) if entries.len() == 1 => {
                let entry = &entries[0];
                (
                    entry.key.as_str(),
                    Some(self.inside(Step::Key(entry.key.clone()), &entry.value)),
                )
            }
            Value::Map(_) => return self.refuse(&"a mapping with one key"),
            _ => return self.refuse(&"a text, or a mapping with one key"),
        };
        self.place(visitor.visit_enum(EnumReader { variant, content }))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 => whole);
    forward!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 => whole);
    forward!(deserialize_f32 deserialize_f64 => real);
    forward!(deserialize_char deserialize_str deserialize_string deserialize_identifier => text);
    forward!(deserialize_bytes deserialize_byte_buf => text);
    forward!(deserialize_seq => list);
    forward!(deserialize_map => map);
}

struct ListReader<'a, 'r> {
    parent: &'r Reader<'a>,
    items: std::iter::Enumerate<std::slice::Iter<'a, Yaml>>,
}

impl<'de> SeqAccess<'de> for ListReader<'_, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((idx, item)) = self.items.next() else {
            return Ok(None);
        };
        let item = self.parent.inside(Step::Index(idx), item);
        let (at, path) = (item.yaml.at, item.path.clone());
        seed.deserialize(item)
            .map(Some)
            .map_err(|fault| fault.placed(at, &path))
    }
}

struct MapReader<'a, 'r> {
    parent: &'r Reader<'a>,
    entries: std::slice::Iter<'a, Entry>,
    entry: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for MapReader<'_, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.entry = self.entries.next();
        let Some(entry) = self.entry else {
            return Ok(None);
        };
        let path = self
            .parent
            .inside(Step::Key(entry.key.clone()), &entry.value)
            .path;
        let key = de::value::StrDeserializer::<Fault>::new(&entry.key);
        seed.deserialize(key)
            .map(Some)
            .map_err(|fault| fault.placed(entry.at, &path))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let entry = self
            .entry
            .take()
            .ok_or_else(|| Fault::new("a value is asked for before its key".to_owned()))?;
        let value = self
            .parent
            .inside(Step::Key(entry.key.clone()), &entry.value);
        let (at, path) = (value.yaml.at, value.path.clone());
        seed.deserialize(value)
            .map_err(|fault| fault.placed(at, &path))
    }
}

struct EnumReader<'a> {
    variant: &'a str,
    content: Option<Reader<'a>>,
}

impl<'de, 'a> EnumAccess<'de> for EnumReader<'a> {
    type Error = Fault;
    type Variant = VariantReader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, VariantReader<'a>), Fault> {
        let variant = seed.deserialize(de::value::StrDeserializer::<Fault>::new(self.variant))?;
        Ok((
            variant,
            VariantReader {
                variant: self.variant.to_owned(),
                content: self.content,
            },
        ))
    }
}

struct VariantReader<'a> {
    variant: String,
    content: Option<Reader<'a>>,
}

impl<'a> VariantReader<'a> {
    fn content(self) -> Result<Reader<'a>, Fault> {
        let Self { variant, content } = self;
        content.ok_or_else(|| {
            Fault::new(format!(
                "something must stand behind `{variant}`: write `{variant}: …`"
            ))
        })
    }
}

impl<'de> VariantAccess<'de> for VariantReader<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.content {
            Some(content) => content.refuse(&format!("only the word `{}`", self.variant)),
            None => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content()?.list(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.content()?.map(visitor)
    }
}
