//! An answer as it is produced: block after block, or one page.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::node::NodeView;
use zarr_fuse_store::blocking;

use super::blocks::{after, after_indices, block_at, next};
use super::bounds::Bounds;
use super::coverage;
use super::cursor::{Cursor, value_hash};
use super::elements::at;
use super::encode::Encoder;
use super::error::QueryError;
use super::format::Format;
use super::plan::{Input, Plan, Source};
use super::resample::resample;
use super::room::Share;
use super::rows::{Block, Rows, rows};
use super::selection::{Layout, Selection};
use super::sparse;
use super::thin::thin;

/// Blocks with more cells are formatted on the blocking pool.
const MAX_CELLS_INLINE: usize = 20_000;
/// Cells of a block that becomes text, so that who reads slowly holds little.
const TEXT_BLOCK_CELLS: u64 = 1 << 16;
/// The same of Arrow and Parquet, of which nothing but the bytes is held; row groups should not be small.
const BINARY_BLOCK_CELLS: u64 = 1 << 17;
/// Bytes of text that are held beside the values.
const TEXT_BYTES: u64 = 1 << 20;
/// A page ends with the block in which it becomes larger.
const FULL_PAGE_BYTES: usize = 64 << 20;
/// Largest page.
const MAX_PAGE_BYTES: usize = 256 << 20;

/// What a query gives.
pub struct Answer {
    /// Of the body.
    pub format: Format,
    /// `cursor=` of the next page; `None` without `limit`, and after the last page.
    pub cursor: Option<String>,
    /// The bytes. An error after the first ones means that the answer is cut off.
    pub body: BoxStream<'static, Result<Bytes, QueryError>>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("format", &self.format)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

/// Answers `selection` from one published state of a node.
///
/// With `limit`, the page is complete in memory before this returns; else the body reads and writes block after block.
///
/// # Errors
/// [`QueryError`] for everything that can be known before the first value is read, and for a page everything.
pub async fn answer(
    view: NodeView,
    selection: &Selection,
    format: Format,
    bounds: Bounds,
) -> Result<Answer, QueryError> {
    if let Some(limit) = selection
        .limit
        .filter(|&limit| limit > bounds.max_page_rows)
    {
        let reason = format!(
            "`limit={limit}` is more than the {} rows of a page; leave `limit` out to get everything as a stream",
            bounds.max_page_rows
        );
        return Err(QueryError::DoesNotFit { reason });
    }
    let mut plan = Plan::new(&view, selection, &bounds).await?;
    if let Some((step, aggregate)) = selection.resample {
        let is_default = selection.is_default;
        let how = (step, aggregate, selection.zone);
        plan = resample(&view, plan, how, is_default, &bounds).await?;
    }
    if let Some(how) = selection.thin {
        plan = thin(&view, plan, how, selection.keep_na, &bounds).await?;
    }
    if format == Format::Covjson {
        return coverages(view, plan, selection, bounds).await;
    }
    let position = start(&plan, &view, selection)?;
    let encoder = Encoder::new(
        format,
        plan.columns
            .iter()
            .map(|column| Arc::clone(&column.field))
            .collect(),
    )?;
    let n_inputs = plan.inputs.len();
    let is_text = matches!(format, Format::Csv | Format::Json | Format::Ndjson);
    let usual = if is_text {
        TEXT_BLOCK_CELLS
    } else {
        BINARY_BLOCK_CELLS
    };
    let max_block_cells = bounds.max_block_cells.clamp(1, usual);
    let production = Production {
        view,
        plan: Arc::new(plan),
        bounds,
        position,
        max_block_cells,
        rows_left: selection.limit.unwrap_or(u64::MAX),
        last: None,
        encoder: Some(encoder),
        is_text,
        held: vec![None; n_inputs],
        share: Share::default(),
        writing: None,
    };
    let Some(limit) = selection.limit else {
        let body = stream::try_unfold(production, |mut production| async move {
            let piece = production.next(None).await?;
            Ok(piece.map(|bytes| (bytes, production)))
        });
        return Ok(Answer {
            format,
            cursor: None,
            body: body.boxed(),
        });
    };
    let (pieces, cursor) = page(production, limit, selection.fingerprint).await?;
    Ok(Answer {
        format,
        cursor,
        body: stream::iter(pieces.into_iter().map(Ok)).boxed(),
    })
}

/// All of a page, and where the next one starts.
async fn page(
    mut production: Production,
    limit: u64,
    fingerprint: u64,
) -> Result<(Vec<Bytes>, Option<String>), QueryError> {
    let max_block_cells = production.max_block_cells;
    // A page is often small: begin with blocks that are not much larger.
    let mut max_cells = limit
        .max(1000)
        .saturating_mul(2)
        .saturating_mul(production.plan.inputs.len() as u64);
    let (mut pieces, mut n_bytes) = (Vec::new(), 0);
    while production.position.is_some() && production.rows_left > 0 && n_bytes < FULL_PAGE_BYTES {
        production.max_block_cells = max_cells.min(max_block_cells);
        production.block().await?;
        while let Some(piece) = production.piece().await? {
            n_bytes += piece.len();
            pieces.push(piece);
            if n_bytes > MAX_PAGE_BYTES {
                let reason = format!(
                    "a page of {limit} rows is larger than {} MiB; take a smaller `limit`, or leave it out to get everything as a stream",
                    MAX_PAGE_BYTES >> 20
                );
                return Err(QueryError::DoesNotFit { reason });
            }
        }
        max_cells = max_cells.saturating_mul(4);
        tokio::task::yield_now().await;
    }
    let cursor = production.cursor(fingerprint);
    production.position = None;
    pieces.extend(production.next(cursor.as_deref()).await?);
    Ok((pieces, cursor))
}

/// What a value of a coverage takes: as text, and its place while it is written.
const COVERAGE_BYTES: u64 = 120;

/// An answer without rows, in one piece.
async fn coverages(
    view: NodeView,
    plan: Plan,
    selection: &Selection,
    bounds: Bounds,
) -> Result<Answer, QueryError> {
    coverage::check(&plan, &view, selection, bounds.max_block_cells)?;
    let all: Vec<Range<u64>> = plan.axes.iter().map(|axis| 0..axis.picked.len()).collect();
    let (of_values, of_rows, beside) = cost(&view, &plan, &all);
    let n_bytes = of_values.saturating_add(of_rows);
    let n_rows = n_rows(&all).saturating_mul(plan.inputs.len() as u64);
    let text = n_rows.saturating_mul(COVERAGE_BYTES);
    let held = n_bytes.saturating_add(text);
    let what = "an answer with `format=covjson`";
    let mut share = bounds.room.take(held.saturating_add(beside), what).await?;
    let mut blocks = Vec::with_capacity(plan.inputs.len());
    for input in &plan.inputs {
        blocks.push(read(&view, &plan, input, &all).await?);
    }
    share.keep(held);
    let bytes = coverage::write(plan, view, selection, blocks, &bounds).await?;
    share.keep(bytes.len() as u64);
    Ok(Answer {
        format: Format::Covjson,
        cursor: None,
        body: stream::iter([Ok(share.hold(bytes))]).boxed(),
    })
}

/// Position of the first row; `None` if there is none.
fn start(
    plan: &Plan,
    view: &NodeView,
    selection: &Selection,
) -> Result<Option<Vec<u64>>, QueryError> {
    let is_empty = plan.axes.iter().any(|axis| axis.picked.len() == 0);
    let Some(cursor) = &selection.cursor else {
        return Ok((!is_empty).then(|| vec![0; plan.axes.len()]));
    };
    if cursor.fingerprint != selection.fingerprint || cursor.last.len() != plan.axes.len() {
        return Err(QueryError::BadCursor {
            reason: "belongs to another query",
        });
    }
    if cursor.folded_seq > view.folded_seq() {
        return Err(QueryError::BadCursor {
            reason: "is from a later state of the dataset",
        });
    }
    for (axis, &(index, hash)) in plan.axes.iter().zip(&cursor.last) {
        let values = view
            .coordinate(&axis.name)
            .filter(|values| index < values.len() as u64);
        if values.is_none_or(|values| value_hash(values, at(index)) != hash) {
            return Err(QueryError::StaleCursor);
        }
    }
    let indices: Vec<u64> = cursor.last.iter().map(|&(index, _)| index).collect();
    Ok(match plan.layout {
        _ if is_empty => None,
        Layout::Long => after_indices(&plan.axes, &indices),
        // A wide row has all values of the other coordinates, also those added since.
        Layout::Wide => after_indices(&plan.axes[..1], &indices[..1]).map(|mut position| {
            position.resize(plan.axes.len(), 0);
            position
        }),
    })
}

/// The values of an input in some ranges of its axes.
type Held = (Vec<Range<u64>>, Block);

/// An answer half produced.
struct Production {
    view: NodeView,
    plan: Arc<Plan>,
    bounds: Bounds,
    /// Of the next row to read.
    position: Option<Vec<u64>>,
    max_block_cells: u64,
    rows_left: u64,
    /// Position of the last row read.
    last: Option<Vec<u64>>,
    encoder: Option<Encoder>,
    /// A block is written piece by piece.
    is_text: bool,
    /// What was read for each input, so that what does not change from block to block is read once.
    held: Vec<Option<Held>>,
    /// For what is held.
    share: Share,
    /// Rows that are read and not yet written, and the first of them.
    writing: Option<(Arc<Rows>, usize)>,
}

impl Production {
    /// The next bytes; `None` after the last ones.
    async fn next(&mut self, cursor: Option<&str>) -> Result<Option<Bytes>, QueryError> {
        loop {
            if let Some(piece) = self.piece().await? {
                return Ok(Some(piece));
            }
            if self.position.is_none() {
                break;
            }
            self.block().await?;
            tokio::task::yield_now().await;
        }
        let Some(encoder) = self.encoder.take() else {
            return Ok(None);
        };
        encoder.finish(cursor).map(|bytes| Some(Bytes::from(bytes)))
    }

    /// Some bytes of the rows that were read; `None` if all are written.
    async fn piece(&mut self) -> Result<Option<Bytes>, QueryError> {
        while let Some((rows, from)) = self.writing.take() {
            let Some(mut encoder) = self.encoder.take() else {
                return Ok(None);
            };
            let n_cells = (rows.n - from) * rows.cells.len();
            let writing = Arc::clone(&rows);
            let work = move || {
                let written = encoder.rows(&writing, from);
                (encoder, written)
            };
            let (encoder, written) = if n_cells <= MAX_CELLS_INLINE {
                work()
            } else {
                let span = tracing::Span::current();
                blocking(move || span.in_scope(work)).await
            };
            self.encoder = Some(encoder);
            let (bytes, next) = written?;
            self.writing = (next < rows.n).then_some((rows, next));
            if self.writing.is_none() {
                // What is held for the next block stays until it is read.
                self.share.keep(bytes.len() as u64);
            }
            if bytes.is_empty() {
                continue;
            }
            let n_bytes = bytes.len() as u64;
            let mut share = self.share.part(n_bytes);
            let missing = n_bytes.saturating_sub(share.n_bytes());
            if missing > 0 {
                let more = self.bounds.room.take(missing, "a piece of the answer");
                share.add(more.await?);
            }
            return Ok(Some(share.hold(bytes)));
        }
        Ok(None)
    }

    /// Reads one block.
    async fn block(&mut self) -> Result<(), QueryError> {
        let Some(start) = self.position.take() else {
            return Ok(());
        };
        self.writing = None;
        self.share = Share::default();
        let max_rows = (self.max_block_cells / self.plan.inputs.len().max(1) as u64)
            .max(1)
            .min(self.rows_left);
        let found = sparse::rows(&self.view, &self.plan, &self.bounds, &start, max_rows);
        if let Some(found) = found.await? {
            self.held.fill(None);
            self.share = found.share;
            self.position = found.next;
            self.take(found.rows, found.last);
            return Ok(());
        }
        let block = self.extent(&start);
        for (held, input) in self.held.iter_mut().zip(&self.plan.inputs) {
            let axes = input.axes.iter();
            let ranges: Vec<Range<u64>> = axes.map(|&axis| block[axis].clone()).collect();
            held.take_if(|(held, _)| *held != ranges);
        }
        let (of_values, of_rows, beside) = cost(&self.view, &self.plan, &block);
        let n_bytes = of_values.saturating_add(of_rows);
        let what = "what is read at once";
        let room = &self.bounds.room;
        self.share = room.take(n_bytes.saturating_add(beside), what).await?;
        let mut values = Vec::with_capacity(self.plan.inputs.len());
        for input_idx in 0..self.plan.inputs.len() {
            values.push(self.read(input_idx, &block).await?);
        }
        let (plan, max_rows, made) = (Arc::clone(&self.plan), self.rows_left, block.clone());
        let n_cells: usize = values.iter().map(Block::n_cells).sum();
        let work = move || rows(&plan, &made, &values, max_rows);
        let rows = if n_cells <= MAX_CELLS_INLINE {
            work()
        } else {
            blocking(work).await
        };
        self.share.keep(if self.is_text {
            // Which element is in which column, and pieces of text.
            of_values
                .saturating_add(of_rows / 4)
                .saturating_add(TEXT_BYTES)
        } else {
            n_bytes
        });
        self.position = match &rows.cut_after {
            Some(last) => next(&self.plan.axes, last),
            None => after(&self.plan.axes, &block),
        };
        let end = || block.iter().map(|range| range.end - 1).collect();
        let last = (rows.n > 0).then(|| rows.cut_after.clone().unwrap_or_else(end));
        self.take(rows, last);
        Ok(())
    }

    /// Takes rows that were read, to write them.
    fn take(&mut self, rows: Rows, last: Option<Vec<u64>>) {
        self.rows_left -= rows.n as u64;
        if rows.n > 0 {
            self.last = last;
            self.writing = Some((Arc::new(rows), 0));
        } else {
            self.share = Share::default();
        }
    }

    /// The rows to take next.
    fn extent(&self, start: &[u64]) -> Vec<Range<u64>> {
        let axes = &self.plan.axes;
        match self.plan.layout {
            Layout::Long => block_at(
                axes,
                start,
                self.max_block_cells / self.plan.inputs.len().max(1) as u64,
            ),
            Layout::Wide => {
                let n_rows = self.max_block_cells / self.plan.columns.len().max(1) as u64;
                let rows = block_at(&axes[..1], &start[..1], n_rows);
                rows.into_iter()
                    .chain(axes[1..].iter().map(|axis| 0..axis.picked.len()))
                    .collect()
            }
        }
    }

    /// The values of an input in a block, once while its own part of the block stays the same.
    async fn read(&mut self, input_idx: usize, block: &[Range<u64>]) -> Result<Block, QueryError> {
        let input = &self.plan.inputs[input_idx];
        let ranges: Vec<Range<u64>> = input.axes.iter().map(|&axis| block[axis].clone()).collect();
        if let Some((_, held)) = self.held[input_idx]
            .as_ref()
            .filter(|(held, _)| *held == ranges)
        {
            return Ok(held.clone());
        }
        let read = read(&self.view, &self.plan, input, block).await?;
        self.held[input_idx] = Some((ranges, read.clone()));
        Ok(read)
    }

    /// Where the next page starts.
    fn cursor(&self, fingerprint: u64) -> Option<String> {
        let (Some(_), Some(last)) = (&self.position, &self.last) else {
            return None;
        };
        let last = self.plan.mark(&self.view, last);
        Some(
            Cursor {
                folded_seq: self.view.folded_seq(),
                fingerprint,
                last,
            }
            .to_string(),
        )
    }
}

/// The values of an input in a block of rows.
async fn read(
    view: &NodeView,
    plan: &Plan,
    input: &Input,
    block: &[Range<u64>],
) -> Result<Block, QueryError> {
    let ranges: Vec<Range<u64>> = input.axes.iter().map(|&axis| block[axis].clone()).collect();
    let lengths = || -> Vec<u64> {
        let axes = input.axes.iter();
        axes.map(|&axis| plan.axes[axis].picked.len()).collect()
    };
    let mut places = None;
    let values = match &input.source {
        Source::Points(points) => {
            let (values, at) = points.in_box(&input.axes, &ranges, &lengths());
            places = Some(at);
            values
        }
        Source::Known(known) => known.take(elements(&ranges, &lengths()).into_iter()),
        Source::Coordinate => input
            .in_memory(view, &plan.axes, ranges[0].clone())
            .unwrap_or_else(|| Values::Bool(Vec::new())),
        Source::Array => {
            let along = input.axes.iter().zip(&ranges);
            let indices: Vec<_> = along
                .map(|(&axis, range)| plan.axes[axis].picked.indices(range.clone()))
                .collect();
            let read = view.read(&input.variable, &indices).await;
            input.converted(read.map_err(|error| super::error::unreadable(&input.variable, error))?)
        }
    };
    Ok(Block {
        values: Arc::new(values),
        places,
    })
}

/// Rows of a box.
fn n_rows(block: &[Range<u64>]) -> u64 {
    let lengths = block.iter().map(|range| range.end - range.start);
    lengths.fold(1, u64::saturating_mul)
}

/// Bytes of memory that a block takes: its values, its rows while they are written, and what it takes beside that to read it.
fn cost(view: &NodeView, plan: &Plan, block: &[Range<u64>]) -> (u64, u64, u64) {
    let n_rows = n_rows(block);
    let (mut n_bytes, mut beside) = (0_u64, 0);
    for input in &plan.inputs {
        let along = input.axes.iter().map(|&axis| &plan.axes[axis].picked);
        let ranges = input.axes.iter().map(|&axis| block[axis].clone());
        let n_cells = ranges
            .clone()
            .fold(1_u64, |n, range| n.saturating_mul(range.end - range.start));
        let of_input = if matches!(input.source, Source::Array) {
            let indices: Vec<_> = along
                .zip(ranges)
                .map(|(picked, range)| picked.indices(range))
                .collect();
            let (of_values, while_read) = view.read_bytes(&input.variable, &indices);
            beside = beside.max(while_read);
            of_values
        } else {
            n_cells.saturating_mul(8)
        };
        // Converted values are there twice for a moment.
        let of_input = of_input.saturating_mul(1 + u64::from(input.conversion.is_some()));
        n_bytes = n_bytes.saturating_add(of_input);
    }
    // Per row which element is in each column, and the text.
    let per_row = match plan.layout {
        Layout::Long => plan.columns.len().saturating_mul(20),
        Layout::Wide => plan.columns.len().saturating_mul(24),
    };
    let of_rows = match plan.layout {
        Layout::Long => n_rows,
        Layout::Wide => block.first().map_or(1, |range| range.end - range.start),
    };
    (n_bytes, of_rows.saturating_mul(per_row as u64), beside)
}

/// Which elements of a C-ordered array lie in a box.
fn elements(ranges: &[Range<u64>], lengths: &[u64]) -> Vec<usize> {
    ranges
        .iter()
        .zip(lengths)
        .fold(vec![0], |before, (range, &length)| {
            let along = |place: usize| range.clone().map(move |i| place * at(length) + at(i));
            before.into_iter().flat_map(along).collect()
        })
}
