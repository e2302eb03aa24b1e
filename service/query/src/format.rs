//! What answers are written as, and what the elements of a column mean.

mod element;

use std::sync::Arc;

use zarr_fuse_arrays::values::Values;
use zarr_fuse_schemas::{DataType, Measure, Variable, near::nearest, time::Zone};

pub(super) use self::element::{json_text, quote, write_csv, write_json};
use super::elements::Na;
use super::time::TimeText;

/// What an answer is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header line.
    Csv,
    /// One object with the rows and the cursor.
    Json,
    /// One object per line.
    Ndjson,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
    /// Coverages of `CoverageJSON`.
    Covjson,
}

/// Names of `format=`, media types, and formats; the first media type of a format is the one answered.
const FORMATS: [(Format, &str, &str); 6] = [
    (Format::Csv, "csv", "text/csv"),
    (Format::Json, "json", "application/json"),
    (Format::Ndjson, "ndjson", "application/x-ndjson"),
    (
        Format::Arrow,
        "arrow",
        "application/vnd.apache.arrow.stream",
    ),
    (Format::Parquet, "parquet", "application/vnd.apache.parquet"),
    (Format::Covjson, "covjson", "application/prs.coverage+json"),
];

impl Format {
    /// Reads `format=`.
    ///
    /// # Errors
    /// Which formats there are, if it is none of them.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = FORMATS
            .iter()
            .find(|(_, known, _)| *known == name)
            .map(|(format, ..)| *format);
        found.ok_or_else(|| {
            let near = nearest(name, FORMATS.iter().map(|(_, known, _)| *known));
            let hint = near.map_or_else(
                || "write `csv`, `json`, `ndjson`, `arrow`, `parquet` or `covjson`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            format!("no such format; {hint}")
        })
    }

    /// The best format that an `Accept` header allows: its first one of the highest weight; CSV for `*/*` and without header.
    /// `None`: it allows none.
    pub fn negotiate(accept: Option<&str>) -> Option<Self> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
            return Some(Self::Csv);
        };
        let mut best: Option<(f32, Self)> = None;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .and_then(|q| q.parse().ok())
                .unwrap_or(1.0_f32);
            let matches = |known: &str| {
                let all = media
                    .strip_suffix('*')
                    .is_some_and(|start| start.ends_with('/') && known.starts_with(start));
                media == "*/*" || media == known || all
            };
            let found = FORMATS
                .iter()
                .find(|(.., known)| matches(known))
                .map(|(format, ..)| *format);
            if let Some(format) = found.filter(|_| weight > best.map_or(0.0, |(weight, _)| weight))
            {
                best = Some((weight, format));
            }
        }
        best.map(|(_, format)| format)
    }

    /// Its name in `format=`.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// `Content-Type` of the answer.
    pub fn media_type(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (Self, &'static str, &'static str) {
        FORMATS
            .iter()
            .find(|(format, ..)| *format == self)
            .expect("every format is listed")
    }
}

/// A column: its name and what its elements mean.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) na: Na,
    pub(super) data_type: DataType,
    /// In CF spelling.
    pub(super) units: Option<String>,
    pub(super) description: Option<String>,
}

/// How elements are printed.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// As they are.
    Plain,
    /// Ticks as times.
    Time(TimeText),
    /// Codes as labels.
    Labels(Arc<[String]>),
    /// 1 and 0 as true and false.
    Truth,
}

impl Field {
    /// The CF spelling of a physical unit.
    pub(super) fn units_of(variable: &Variable) -> Option<String> {
        match &variable.measure {
            Measure::Physical { unit, .. } => Some(unit.cf.clone()),
            _ => None,
        }
    }
}

impl Kind {
    /// For elements of `variable`; times are in `zone`, else in the zone of their unit.
    pub(super) fn of(variable: &Variable, zone: Option<Zone>) -> Self {
        match &variable.measure {
            Measure::Time { unit, .. } => Self::Time(TimeText {
                tick: unit.tick,
                zone: zone.unwrap_or(unit.zone),
            }),
            Measure::Discrete { labels } => Self::Labels(Arc::clone(labels)),
            Measure::Truth => Self::Truth,
            Measure::Plain | Measure::Physical { .. } => Self::Plain,
        }
    }

    /// Element `i` as text.
    pub(super) fn text(&self, values: &Values, i: usize) -> String {
        let mut out = Vec::new();
        element::write_plain(&mut out, self, values, i);
        String::from_utf8(out).expect("only text is written")
    }
}
