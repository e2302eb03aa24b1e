//! How times were read by [`Rules::First`](zarr_fuse_schemas::rules::Rules): what is in no format that was given was guessed.

use super::text::{self, Shown};
use super::{TimeError, TimeReader, Written, civil, format, ticks};

impl TimeReader<'_> {
    /// Reads text: ISO 8601, then the schema's format, then a number of ticks, then day, month and year.
    pub(super) fn first_text(&mut self, text: &str) -> Result<Option<i64>, TimeError> {
        match self.first_iso(text) {
            Some(Ok(shown)) => self.shown(shown).map(Some),
            first => self.first_other_text(text.trim(), first),
        }
    }

    fn first_iso(&mut self, text: &str) -> Option<Result<Shown, TimeError>> {
        // `12:30a` was no time.
        let is_new = text.trim_end().ends_with(['a', 'A', 'p', 'P']);
        let read = || text::read_iso(text.as_bytes(), &mut self.last_date);
        (!is_new).then(read).flatten()
    }

    #[cold]
    fn first_other_text(
        &mut self,
        text: &str,
        first: Option<Result<Shown, TimeError>>,
    ) -> Result<Option<i64>, TimeError> {
        if text.is_empty() || text.eq_ignore_ascii_case("nat") || text.eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        let first = first.or_else(|| self.first_iso(text));
        if let Some(Ok(shown)) = first {
            return self.shown(shown).map(Some);
        }
        if let Some(Written::Strftime(items)) = self.formats.first()
            && let Some(shown) = format::read(text, items)
        {
            return self.shown(shown).map(Some);
        }
        if let Some(moment) = ticks::first_read_text(text, self.source.tick) {
            if self.formats.is_empty()
                && self.source.tick.nanoseconds() <= civil::SECOND
                && text.len() == 8
                && ticks::may_be_date(text)
            {
                return Err(TimeError::DateOrNumber);
            }
            return self.local(moment?).map(Some);
        }
        let (dayfirst, yearfirst) = (self.source.dayfirst, self.source.yearfirst);
        let numeric = if text.ends_with(['a', 'A', 'p', 'P']) {
            None
        } else {
            text::read_numeric(text, dayfirst, yearfirst)
        };
        match (first, numeric) {
            (_, Some(Ok(shown))) => self.shown(shown).map(Some),
            (Some(Err(error)), _) | (_, Some(Err(error))) => Err(error),
            _ => Err(TimeError::Unreadable),
        }
    }
}
