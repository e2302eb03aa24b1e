//! Boxes of index ranges: which chunks they touch, and copying elements between a chunk and a box.

use zarr_fuse_arrays::{values::Values, with_pair};

/// Copies `src[map.1]` to `dst[map.0]` for the cross product of `maps`, one list of (to, from) pairs per dimension.
/// Both are C-ordered with the given shapes and of one type.
pub fn copy(
    dst: &mut Values,
    dst_shape: &[usize],
    src: &Values,
    src_shape: &[usize],
    maps: &[&[(usize, usize)]],
) {
    if maps.iter().any(|map| map.is_empty()) {
        return;
    }
    with_pair!(dst, src, (dst, src) => copy_typed(dst, &strides(dst_shape), src, &strides(src_shape), maps, 0, 0));
}

fn copy_typed<T: Clone>(
    dst: &mut [T],
    dst_strides: &[usize],
    src: &[T],
    src_strides: &[usize],
    maps: &[&[(usize, usize)]],
    to: usize,
    from: usize,
) {
    let Some((map, rest)) = maps.split_first() else {
        dst[to] = src[from].clone();
        return;
    };
    let (first, last) = (map[0], map[map.len() - 1]);
    let n = map.len();
    if rest.is_empty()
        && last.0 - first.0 == n - 1
        && last.1.wrapping_sub(first.1) == n - 1
        && is_run(map)
    {
        dst[to + first.0..][..n].clone_from_slice(&src[from + first.1..][..n]);
        return;
    }
    for &(a, b) in *map {
        let (to, from) = (to + a * dst_strides[0], from + b * src_strides[0]);
        copy_typed(
            dst,
            &dst_strides[1..],
            src,
            &src_strides[1..],
            rest,
            to,
            from,
        );
    }
}

fn is_run(map: &[(usize, usize)]) -> bool {
    map.windows(2)
        .all(|pair| pair[1].0 == pair[0].0 + 1 && pair[1].1 == pair[0].1 + 1)
}

/// Elements to step over per index of each dimension, C order.
pub fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d];
    }
    strides
}

/// For one dimension: per source chunk, the (to, from-within-the-chunk) pairs of the positions that `from` names.
/// Entries that are `None` come from nowhere.
pub fn by_chunk(
    from: impl Iterator<Item = Option<u64>>,
    chunk_len: u64,
) -> Vec<(u64, Vec<(usize, usize)>)> {
    let mut chunks: Vec<(u64, Vec<(usize, usize)>)> = Vec::new();
    let mut place_of = std::collections::HashMap::new();
    for (to, from) in from.enumerate() {
        let Some(from) = from else { continue };
        let chunk = from / chunk_len;
        let place = match chunks.last() {
            Some((last, _)) if *last == chunk => chunks.len() - 1,
            _ => *place_of.entry(chunk).or_insert_with(|| {
                chunks.push((chunk, Vec::new()));
                chunks.len() - 1
            }),
        };
        chunks[place]
            .1
            .push((to, zarr_fuse_schemas::to_usize(from % chunk_len)));
    }
    chunks
}

/// Every combination of one entry per list, the last list running fastest.
pub fn product<T: Clone>(lists: &[Vec<T>]) -> Vec<Vec<T>> {
    lists.iter().fold(vec![Vec::new()], |done, list| {
        let extended = done.iter().flat_map(|head| {
            list.iter().map(move |item| {
                let mut next = head.clone();
                next.push(item.clone());
                next
            })
        });
        extended.collect()
    })
}
