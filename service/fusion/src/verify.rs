//! Proves that the arrays are what the journal says: folds it into memory and compares.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use object_store::memory::InMemory;
use zarr_fuse_arrays::values::Values;
use zarr_fuse_store::Store;

use crate::commit;
use crate::dataset::Dataset;
use crate::fold::{FoldError, Tries};
use crate::merge::coordinate::key;
use crate::merge::region::product;
use crate::node::{Indices, Node, NodeView, OpenNodeError, ReadError, chunk_cache};
use crate::rebuild::{self, Origin, Outcomes};

/// Most differences that are listed.
const MAX_DIFFERENCES: usize = 20;
/// Cells compared at once, of one array.
const MAX_CELLS: u64 = 1 << 22;
/// Of arrays with more cells only the chunks are compared that are in the store or that the journal makes.
const MAX_DENSE: u64 = 1 << 28;

/// What verifying one node found.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Contributions folded.
    pub n_contributions: u64,
    /// Cells compared, of all arrays.
    pub n_cells: u64,
    /// The first differences, each a sentence.
    pub differences: Vec<String>,
    /// All of them.
    pub n_differences: u64,
}

impl Verdict {
    fn differs(&mut self, describe: impl FnOnce() -> String) {
        if self.differences.len() < MAX_DIFFERENCES {
            self.differences.push(describe());
        }
        self.n_differences += 1;
    }
}

/// Why a node cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The journal cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The scratch node cannot be made.
    #[error(transparent)]
    Open(#[from] OpenNodeError),
    /// Arrays cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Folds the journal for `node` up to its published state into memory and compares every array.
///
/// # Errors
/// [`VerifyError`] if something cannot be read; differences are in the verdict.
pub async fn verify(dataset: &Dataset, node: &Arc<Node>) -> Result<Verdict, VerifyError> {
    let scratch = Store::new(Arc::new(InMemory::new()), "memory://scratch");
    let scratch = commit::recover(&scratch).await.map_err(FoldError::from)?;
    let scratch = scratch
        .open(Arc::clone(&node.schema), chunk_cache(64 << 20))
        .await?;
    let stored = node.view();
    let mut verdict = Verdict::default();
    let origin = Origin {
        journal: &dataset.journal,
        schema: &node.schema,
    };
    let seq = stored.folded_seq();
    let mut tries = Tries::default();
    let (tries, dropped) = (&mut tries, Outcomes::Dropped);
    let folded = rebuild::fold_into(scratch, origin, seq, dropped, tries, &|_| {}).await?;
    let (scratch, done) = folded;
    verdict.n_contributions = done.n_contributions;
    compare(node, (&stored, scratch.node()), &mut verdict).await?;
    Ok(verdict)
}

async fn compare(
    node: &Node,
    (stored, scratch): (&NodeView, &Arc<Node>),
    verdict: &mut Verdict,
) -> Result<(), VerifyError> {
    let folded = &scratch.view();
    let n_coordinates = node.schema.coordinates.len();
    for name in node.schema.coordinates.keys() {
        let (Some(a), Some(b)) = (stored.coordinate(name), folded.coordinate(name)) else {
            continue;
        };
        if a.len() != b.len() {
            verdict.differs(|| {
                format!(
                    "`{name}` has {} values in the store and {} in the journal",
                    a.len(),
                    b.len()
                )
            });
        }
        for i in (0..a.len().min(b.len())).filter(|&i| key(a, i) != key(b, i)) {
            let (a, b) = (a.display(i), b.display(i));
            verdict.differs(|| format!("`{name}[{i}]` is {a} in the store and {b} in the journal"));
        }
        verdict.n_cells += a.len() as u64;
    }
    if verdict.n_differences > 0 {
        return Ok(());
    }
    for (array, (path, shape)) in stored.arrays().iter().enumerate() {
        for region in regions(shape, n_coordinates + array, [node, scratch]).await? {
            let indices: Vec<Indices> = region.iter().cloned().map(Indices::Range).collect();
            let a = match stored.read_array(array, &indices).await {
                Ok(a) => a,
                Err(ReadError::Array(damaged)) => {
                    verdict.differs(|| zarr_fuse_schemas::row_problem::whole(&damaged).reason);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let b = folded.read_array(array, &indices).await?;
            verdict.n_cells += a.len() as u64;
            for i in (0..a.len()).filter(|&i| !a.same(i, &b, i)) {
                verdict.differs(|| describe(path, &region, (&a, &b), i));
            }
        }
    }
    Ok(())
}

/// Boxes that together cover an array of this shape, each of bounded size. Of a very large one those of the chunks that one
/// of the nodes has: elsewhere both have no value.
async fn regions(
    shape: &[u64],
    array: usize,
    nodes: [&Node; 2],
) -> Result<Vec<Vec<Range<u64>>>, ReadError> {
    let n_cells = shape.iter().fold(1_u64, |n, len| n.saturating_mul(*len));
    if n_cells <= MAX_DENSE {
        return Ok(cover(shape));
    }
    let mut chunks = BTreeSet::new();
    for node in nodes {
        chunks.extend(node.stored_chunks(array).await?);
    }
    let chunk_shape = &nodes[0].arrays[array].chunk_shape;
    let of_chunk = |chunk: Vec<u64>| -> Vec<Range<u64>> {
        let along = chunk.iter().zip(chunk_shape).zip(shape);
        along
            .map(|((at, len), n)| (at * len).min(*n)..((at + 1) * len).min(*n))
            .collect()
    };
    let boxes = chunks.into_iter().map(of_chunk);
    Ok(boxes
        .filter(|of_box| !of_box.iter().any(Range::is_empty))
        .collect())
}

fn cover(shape: &[u64]) -> Vec<Vec<Range<u64>>> {
    let inner: u64 = shape.iter().skip(1).product::<u64>().max(1);
    let step = (MAX_CELLS / inner).max(1);
    let ranges = shape.iter().enumerate().map(|(d, &n)| match d {
        0 => (0..n.div_ceil(step))
            .map(|k| k * step..((k + 1) * step).min(n))
            .collect(),
        _ => std::iter::once(0..n).collect(),
    });
    product(&ranges.collect::<Vec<Vec<_>>>())
}

fn describe(name: &str, region: &[Range<u64>], (a, b): (&Values, &Values), i: usize) -> String {
    let mut rest = i as u64;
    let mut index = Vec::new();
    for range in region.iter().rev() {
        let n = range.end - range.start;
        index.push((range.start + rest % n).to_string());
        rest /= n;
    }
    index.reverse();
    format!(
        "`{name}[{}]` is {} in the store and {} in the journal",
        index.join(", "),
        a.display(i),
        b.display(i)
    )
}
