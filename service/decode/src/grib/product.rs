//! What a field is about: everything that tells it from other fields.

use zarr_fuse_schemas::rules::Rules;

use super::super::format_error::FormatError;
use super::FORMAT;
use super::level::{Level, Surface};
use super::message::{First, Message, Second, Sections};
use super::statistics::{Ranges, derived, probability, process_name};
use super::table;
use super::template::Template;
use super::time::{Unit, date, instant, period};

/// The identity of a field.
#[derive(Debug, Clone)]
pub(super) struct Product {
    /// Names of the parameter: in the tables of the WMO if it has one there, and by its numbers.
    pub(super) parameters: Vec<String>,
    pub(super) unit: Option<&'static str>,
    pub(super) level: Level,
    /// What was done over the period: `acc`, `avg`, `max`.
    pub(super) process: Option<String>,
    pub(super) period: Option<Period>,
    /// Percentiles, probabilities, means of ensembles, constituents of the air.
    pub(super) kind: Option<String>,
    /// Which member of an ensemble.
    pub(super) member: Option<i64>,
    /// Milliseconds since 1970.
    pub(super) reference_time: i64,
    pub(super) time: i64,
}

/// What a field is valid for cannot be told.
struct NoTime;

/// A period over which something was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Period {
    /// `6h`.
    pub(super) label: String,
    /// It begins when the forecast does.
    pub(super) is_from_start: bool,
}

impl Product {
    /// That of a message.
    ///
    /// # Errors
    /// Products that are not known, and times that cannot be told.
    pub(super) fn of(message: &Message<'_>, rules: Rules) -> Result<Self, FormatError> {
        let not_taken = |found: String, remedy: &str| FormatError::NotTaken {
            format: FORMAT,
            place: format!("message {}", message.number),
            found,
            remedy: remedy.to_owned(),
        };
        let no_time = || {
            not_taken(
                "is valid for a time that cannot be told".to_owned(),
                "write the time of the forecast in hours, minutes or days",
            )
        };
        match message.sections {
            Sections::First(first) => {
                let reference_time = reference_time1(first.product).ok_or_else(|| {
                    not_taken("has no such date".to_owned(), "correct its reference time")
                })?;
                Self::of_grib1(&first, reference_time, rules).ok_or_else(no_time)
            }
            Sections::Second(second) => {
                let cut = || {
                    let reason =
                        format!("message {}: its description is too short", message.number);
                    FormatError::damaged(FORMAT, reason)
                };
                let reference_time = second.identification.get(12..).ok_or_else(cut)?;
                let reference_time = instant(reference_time).ok_or_else(|| {
                    not_taken("has no such date".to_owned(), "correct its reference time")
                })?;
                let number = second.product.get(7..9).ok_or_else(cut)?;
                let number = u16::from_be_bytes([number[0], number[1]]);
                let template = Template::of(number).ok_or_else(|| {
                    not_taken(
                        format!("is of a kind of product that is not read (template {number})"),
                        "name the variables to take in `grid.variables`, or write it as a forecast (template 0 or 8)",
                    )
                })?;
                let read = Self::of_grib2(&second, &template, reference_time, rules);
                read.ok_or_else(cut)?.map_err(|NoTime| no_time())
            }
        }
    }

    /// `None`: it is cut off.
    fn of_grib2(
        second: &Second<'_>,
        template: &Template,
        reference_time: i64,
        rules: Rules,
    ) -> Option<Result<Self, NoTime>> {
        let bytes = second.product;
        let (category, number) = (*bytes.get(9)?, *bytes.get(10)?);
        let base = template.shift;
        let unit = Unit::of_grib2(*bytes.get(17 + base)?);
        let step = signed(bytes.get(18 + base..22 + base)?);
        let surfaces = [surface(bytes, 22 + base)?, surface(bytes, 28 + base)?];
        let mut kind = Vec::new();
        if base > 0 {
            let constituent = bytes.get(11..13)?;
            kind.push(format!(
                "constituent{}",
                u16::from_be_bytes([constituent[0], constituent[1]])
            ));
        }
        let mut member = None;
        if let Some(at) = template.member {
            member = Some(i64::from(*bytes.get(at + 1)?));
            if *bytes.get(at)? == 2 {
                kind.push("negative".to_owned());
            }
        }
        if let Some(at) = template.derived {
            kind.push(derived(*bytes.get(at)?));
        }
        if let Some(at) = template.percentile {
            kind.push(format!("p{}", bytes.get(at)?));
        }
        if let Some(at) = template.probability {
            kind.push(probability(bytes, at)?);
        }
        if let Some(at) = template.spatial {
            let [process, area, n] = *bytes.get(at..)?.first_chunk()?;
            let process = process_name(process).unwrap_or_default();
            kind.push(format!("area{area}{process}{n}"));
        }
        let begin = unit.and_then(|unit| unit.after(reference_time, step));
        let (mut process, mut over, mut time) = (None, None, begin);
        if let Some(at) = template.statistic {
            let ranges = Ranges::of(bytes, at)?;
            let end = ranges
                .end
                .or_else(|| ranges.unit?.after(begin?, ranges.length));
            process = ranges.process;
            time = end;
            over = begin.zip(end);
        }
        let parameters = table::grib2(second, category, number, rules);
        let Some(time) = time else {
            return Some(Err(NoTime));
        };
        Some(Ok(Self {
            unit: table::unit(&parameters[0]),
            parameters,
            level: match rules {
                Rules::First => Level::first_of_grib2(surfaces[0]),
                Rules::Second => Level::of_grib2(surfaces),
            },
            process,
            period: over.map(|over| Period::between(over, reference_time)),
            kind: (!kind.is_empty()).then(|| kind.join("_")),
            member,
            reference_time,
            time,
        }))
    }

    /// `None`: its time cannot be told.
    fn of_grib1(first: &First<'_>, reference_time: i64, rules: Rules) -> Option<Self> {
        let bytes = first.product;
        let (table, number) = (bytes[3], bytes[8]);
        let level = u16::from_be_bytes([bytes[10], bytes[11]]);
        let unit = Unit::of_grib1(bytes[17])?;
        let [p1, p2] = [bytes[18], bytes[19]].map(i64::from);
        let at = |n: i64| unit.after(reference_time, n);
        let over = |process: &str| Some((process.to_owned(), at(p1)?, at(p2)?));
        let (time, over) = match bytes[20] {
            0 | 1 | 113..=117 | 123 | 124 => (at(p1)?, None),
            10 => (at(p1 << 8 | p2)?, None),
            2 => (at(p2)?, over("range")),
            3 => (at(p2)?, over("avg")),
            4 => (at(p2)?, over("acc")),
            5 => (at(p2)?, over("diff")),
            _ => return None,
        };
        // Of as many as the message says, a period apart.
        let of_many = match bytes[20] {
            113 | 115 | 117 => Some("avgOfForecasts"),
            114 | 116 => Some("accOfForecasts"),
            123 => Some("avgOfAnalyses"),
            124 => Some("accOfAnalyses"),
            _ => None,
        };
        let (member, kind) = ensemble1(bytes);
        let parameters = table::grib1(table, number);
        Some(Self {
            unit: table::unit(&parameters[0]),
            parameters,
            level: match rules {
                Rules::First => Level::first_of_grib1(bytes[9], level),
                Rules::Second => Level::of_grib1(bytes[9], level),
            },
            process: over
                .as_ref()
                .map(|(process, ..)| process.clone())
                .or(of_many.map(str::to_owned)),
            period: over.map(|(_, begin, end)| Period::between((begin, end), reference_time)),
            kind,
            member,
            reference_time,
            time,
        })
    }
}

impl Period {
    fn between((begin, end): (i64, i64), reference_time: i64) -> Self {
        Self {
            label: period(begin, end),
            is_from_start: begin == reference_time,
        }
    }
}

fn surface(bytes: &[u8], at: usize) -> Option<Surface> {
    let [code, scale, value @ ..] = *bytes.get(at..)?.first_chunk::<6>()?;
    let is_missing = scale == u8::MAX || value == [u8::MAX; 4];
    // The highest bit is the sign.
    let size = i8::try_from(scale & 0x7f).ok()?;
    Some(Surface {
        code,
        scale: if scale & 0x80 == 0 { size } else { -size },
        value: (!is_missing)
            .then(|| i32::try_from(signed(&value)).ok())
            .flatten(),
    })
}

/// A number whose highest bit is the sign.
pub(super) fn signed(bytes: &[u8]) -> i64 {
    let bits = bytes
        .iter()
        .fold(0_i64, |n, byte| n << 8 | i64::from(*byte));
    let sign = 1_i64 << (8 * bytes.len() - 1);
    if bits & sign == 0 {
        bits
    } else {
        -(bits & !sign)
    }
}

/// The reference time of edition 1.
fn reference_time1(bytes: &[u8]) -> Option<i64> {
    let century = i32::from(bytes[24]);
    let year = i32::from(bytes[12]) + 100 * (century - 1).max(0);
    let [month, day, hour, minute] = *bytes.get(13..)?.first_chunk()?;
    date(year, [month, day, hour, minute, 0])
}

/// The member of an ensemble or what was made of all of them, which edition 1 leaves to the centres: what the European and the
/// American one write is known, and that of others who write as the European one does.
fn ensemble1(bytes: &[u8]) -> (Option<i64>, Option<String>) {
    const EUROPEAN: u8 = 98;
    const AMERICAN: u8 = 7;
    let byte = |at: usize| bytes.get(at).copied();
    let [Some(layout), Some(kind)] = [byte(40), byte(42)] else {
        return (None, None);
    };
    if bytes[4] == EUROPEAN || bytes[25] == EUROPEAN {
        let [high, low] = [49, 50].map(|at| byte(at).map(i64::from));
        return match (layout, kind, high.zip(low)) {
            (_, 17, _) => (None, Some("mean".to_owned())),
            (_, 18, _) => (None, Some("spread".to_owned())),
            // A number, and how many there are.
            (
                1 | 14 | 17 | 18 | 26..=28 | 30 | 31 | 36 | 37 | 40 | 50 | 244 | 245,
                _,
                Some((number, 1..)),
            ) => (Some(number), None),
            // Seasonal forecasts have a number of two bytes, and do not say how many there are.
            (12 | 15 | 16 | 23, _, Some((high, low))) => (Some(high << 8 | low), None),
            _ => (None, None),
        };
    }
    if bytes[4] == AMERICAN && layout == 1 {
        return match byte(41) {
            Some(1) => (Some(i64::from(kind)), None),
            Some(2) => (Some(i64::from(kind)), Some("negative".to_owned())),
            Some(3) => (Some(i64::from(kind)), Some("positive".to_owned())),
            _ => (None, None),
        };
    }
    (None, None)
}
