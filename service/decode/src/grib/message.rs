//! Messages of a body and the fields in them, by the bounds of their sections; nothing of them is interpreted here.

use grib_reader::indicator::Indicator;
use grib_reader::{grib1, sections};

use super::super::DecodeError;
use super::super::budget::Budget;
use super::super::format_error::FormatError;
use super::FORMAT;
use super::edition1::GridSection;
use super::fault::fault;

const MAGIC: &[u8] = b"GRIB";
const END: &[u8] = b"7777";
/// What is known of a field beside its bytes.
pub(super) const FIELD_BYTES: usize = 1024;

/// One field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'b> {
    /// Among the fields of the body, from 1.
    pub(super) number: usize,
    pub(super) sections: Sections<'b>,
}

/// The sections of a field, each with its head.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sections<'b> {
    First(First<'b>),
    Second(Second<'b>),
}

/// Of edition 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct First<'b> {
    pub(super) product: &'b [u8],
    /// `None`: a grid that a centre knows by its number.
    pub(super) grid: Option<GridSection<'b>>,
    pub(super) bitmap: Option<&'b [u8]>,
    pub(super) data: &'b [u8],
}

/// Of edition 2.
#[derive(Debug, Clone, Copy)]
pub(super) struct Second<'b> {
    pub(super) discipline: u8,
    pub(super) identification: &'b [u8],
    pub(super) grid: &'b [u8],
    pub(super) product: &'b [u8],
    pub(super) representation: &'b [u8],
    pub(super) bitmap: Option<&'b [u8]>,
    pub(super) data: &'b [u8],
}

/// All fields of a body. What lies between messages is passed over.
///
/// # Errors
/// Messages that are cut off or whose sections do not fit; more than the bounds allow.
pub(super) fn messages<'b>(
    body: &'b [u8],
    budget: &Budget<'_>,
) -> Result<Vec<Message<'b>>, DecodeError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = memchr::memmem::find(&body[at..], MAGIC) {
        let start = at + offset;
        let whole = &body[start..];
        if whole.len() < 8 {
            break;
        }
        let indicator = Indicator::parse(whole).ok_or_else(|| {
            FormatError::damaged(FORMAT, format!("no message begins at byte {start}"))
        })?;
        let length = usize::try_from(indicator.total_length).unwrap_or(usize::MAX);
        let bytes = whole.get(..length).ok_or_else(|| {
            let reason = format!("the message at byte {start} is cut off");
            FormatError::damaged(FORMAT, reason)
        })?;
        if bytes.len() < 12 || !bytes.ends_with(END) {
            let reason = format!("the message at byte {start} does not end with 7777");
            return Err(FormatError::damaged(FORMAT, reason).into());
        }
        let n_before = found.len();
        match indicator.edition {
            1 => found.push(Sections::First(first(bytes, n_before + 1)?)),
            2 => second(bytes, indicator.discipline, &mut found)?,
            other => {
                return Err(FormatError::NotTaken {
                    format: FORMAT,
                    place: format!("message {}", n_before + 1),
                    found: format!("is of edition {other}"),
                    remedy: "send messages of edition 1 or 2".to_owned(),
                }
                .into());
            }
        }
        budget.take_each(found.len() - n_before, FIELD_BYTES)?;
        at = start + length;
    }
    let numbered = found.into_iter().enumerate();
    let message = |(idx, sections)| Message {
        number: idx + 1,
        sections,
    };
    Ok(numbered.map(message).collect())
}

fn first(bytes: &[u8], number: usize) -> Result<First<'_>, DecodeError> {
    let sections =
        grib1::parse_message_sections(bytes).map_err(|error| fault(Some(number), &error))?;
    let of = |section: sections::SectionRef| &bytes[section.offset..][..section.length];
    let grid = sections.grid.map(|section| {
        GridSection::of(of(section)).ok_or_else(|| {
            let reason = format!("message {number}: the description of its grid is too short");
            FormatError::damaged(FORMAT, reason)
        })
    });
    Ok(First {
        product: of(sections.pds),
        grid: grid.transpose()?,
        bitmap: sections.bitmap.map(of),
        data: of(sections.data),
    })
}

fn second<'b>(
    bytes: &'b [u8],
    discipline: u8,
    found: &mut Vec<Sections<'b>>,
) -> Result<(), DecodeError> {
    let of = |section: sections::SectionRef| &bytes[section.offset..][..section.length];
    let fields =
        sections::index_fields(bytes).map_err(|error| fault(Some(found.len() + 1), &error))?;
    found.extend(fields.into_iter().map(|field| {
        Sections::Second(Second {
            discipline,
            identification: of(field.identification),
            grid: of(field.grid),
            product: of(field.product),
            representation: of(field.data_representation),
            bitmap: field.bitmap.map(of),
            data: of(field.data),
        })
    }));
    Ok(())
}

impl Message<'_> {
    /// Whether both bring the same values in the same bytes, as when a model writes a field twice.
    pub(super) fn repeats(&self, other: &Message<'_>) -> bool {
        match (self.sections, other.sections) {
            (Sections::First(a), Sections::First(b)) => {
                (a.product, a.grid, a.bitmap, a.data) == (b.product, b.grid, b.bitmap, b.data)
            }
            (Sections::Second(a), Sections::Second(b)) => {
                a.identification == b.identification
                    && a.grid == b.grid
                    && a.product == b.product
                    && a.representation == b.representation
                    && a.bitmap == b.bitmap
                    && a.data == b.data
            }
            _ => false,
        }
    }
}
