//! An answer as it is produced: block after block, or one page.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::Bounds;
use super::blocks::{after, after_indices, block_at, next};
use super::coverage;
use super::cursor::{Cursor, value_hash};
use super::error::{QueryError, unreadable};
use super::format::{Encoder, Format};
use super::plan::{Input, Plan, Source};
use super::resample::resample;
use super::resolve::at;
use super::rows::{Block, Rows, rows};
use super::selection::{Layout, Selection};
use super::thin::thin;
use crate::node::NodeView;
use crate::values::Values;

/// Blocks with more cells are formatted on the blocking pool.
const MAX_CELLS_INLINE: usize = 20_000;

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
    let max_block_cells = bounds.max_block_cells.clamp(1, u64::from(u32::MAX));
    let mut production = Production {
        view,
        plan: Arc::new(plan),
        position,
        max_block_cells,
        rows_left: selection.limit.unwrap_or(u64::MAX),
        last: None,
        encoder: Some(encoder),
        held: vec![None; n_inputs],
    };
    let Some(limit) = selection.limit else {
        let body = stream::try_unfold(production, |mut production| async move {
            Ok(production
                .next(None)
                .await?
                .map(|bytes| (bytes, production)))
        });
        return Ok(Answer {
            format,
            cursor: None,
            body: body.boxed(),
        });
    };
    // A page is often small: begin with blocks that are not much larger.
    let mut max_cells = limit
        .max(1000)
        .saturating_mul(2)
        .saturating_mul(n_inputs as u64);
    let mut pieces = Vec::new();
    while production.position.is_some() && production.rows_left > 0 {
        production.max_block_cells = max_cells.min(max_block_cells);
        pieces.extend(production.block().await?);
        max_cells = max_cells.saturating_mul(4);
    }
    let cursor = production.cursor(selection.fingerprint);
    production.position = None;
    pieces.extend(production.next(cursor.as_deref()).await?);
    Ok(Answer {
        format,
        cursor,
        body: stream::iter(pieces.into_iter().map(Ok)).boxed(),
    })
}

/// An answer without rows, in one piece.
async fn coverages(
    view: NodeView,
    plan: Plan,
    selection: &Selection,
    bounds: Bounds,
) -> Result<Answer, QueryError> {
    coverage::check(&plan, &view, selection, bounds.max_block_cells)?;
    let all: Vec<Range<u64>> = plan.axes.iter().map(|axis| 0..axis.picked.len()).collect();
    let mut blocks = Vec::with_capacity(plan.inputs.len());
    for input in &plan.inputs {
        blocks.push(read(&view, &plan, input, &all).await?);
    }
    let bytes = coverage::write(&plan, &view, selection, &blocks).await?;
    Ok(Answer {
        format: Format::Covjson,
        cursor: None,
        body: stream::iter([Ok(bytes)]).boxed(),
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
    /// Of the next row.
    position: Option<Vec<u64>>,
    max_block_cells: u64,
    rows_left: u64,
    /// Position of the last row written.
    last: Option<Vec<u64>>,
    encoder: Option<Encoder>,
    /// What was read for each input, so that what does not change from block to block is read once.
    held: Vec<Option<Held>>,
}

impl Production {
    /// The next bytes; `None` after the last ones.
    async fn next(&mut self, cursor: Option<&str>) -> Result<Option<Bytes>, QueryError> {
        while self.position.is_some() {
            if let Some(bytes) = self.block().await? {
                return Ok(Some(bytes));
            }
        }
        let Some(encoder) = self.encoder.take() else {
            return Ok(None);
        };
        encoder.finish(cursor).map(|bytes| Some(Bytes::from(bytes)))
    }

    /// Reads and writes one block; `None` if no row of it is in the answer.
    async fn block(&mut self) -> Result<Option<Bytes>, QueryError> {
        let Some(start) = self.position.take() else {
            return Ok(None);
        };
        let block = self.extent(&start);
        let mut values = Vec::with_capacity(self.plan.inputs.len());
        for input_idx in 0..self.plan.inputs.len() {
            values.push(self.read(input_idx, &block).await?);
        }
        let (plan, max_rows, encoder) =
            (Arc::clone(&self.plan), self.rows_left, self.encoder.take());
        let n_cells: usize = values.iter().map(Block::n_cells).sum();
        let produced = block.clone();
        let work = move || write(&plan, &produced, &values, max_rows, encoder);
        let written = if n_cells <= MAX_CELLS_INLINE {
            work()
        } else {
            let span = tracing::Span::current();
            let joined = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
            joined.map_err(|error| QueryError::Write {
                format: "text",
                source: Box::new(error),
            })?
        };
        let (rows, encoder, bytes) = written?;
        self.encoder = encoder;
        self.rows_left -= rows.n as u64;
        self.position = match &rows.cut_after {
            Some(last) => next(&self.plan.axes, last),
            None => after(&self.plan.axes, &block),
        };
        if rows.n > 0 {
            self.last = Some(
                rows.cut_after
                    .unwrap_or_else(|| block.iter().map(|range| range.end - 1).collect()),
            );
        }
        Ok((!bytes.is_empty()).then(|| Bytes::from(bytes)))
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
            input.converted(read.map_err(|error| unreadable(&input.variable, error))?)
        }
    };
    Ok(Block {
        values: Arc::new(values),
        places,
    })
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

type Written = (Rows, Option<Encoder>, Vec<u8>);

fn write(
    plan: &Plan,
    block: &[Range<u64>],
    values: &[Block],
    max_rows: u64,
    mut encoder: Option<Encoder>,
) -> Result<Written, QueryError> {
    let rows = rows(plan, block, values, max_rows);
    let bytes = match encoder.as_mut().filter(|_| rows.n > 0) {
        Some(encoder) => encoder.rows(&rows)?,
        None => Vec::new(),
    };
    Ok((rows, encoder, bytes))
}
