//! Texts of variable length in HDF5, looked at before they are read: many of them may be one and the same.

/// What every HDF5 file begins with.
const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
/// What a collection of objects in the global heap begins with, which is where such texts lie.
const COLLECTION: &[u8] = b"GCOL";
/// Bytes before the first object of a collection, and before the data of an object.
const HEAD_BYTES: usize = 16;

/// Bytes of the longest object in the global heap of a file; `None` if its lengths are not of eight bytes, as those of all
/// programs for NetCDF are.
pub(super) fn longest_object(body: &[u8]) -> Option<usize> {
    let start = memchr::memmem::find(body, SIGNATURE)?;
    let superblock = body.get(start + SIGNATURE.len()..)?;
    let length_bytes = match superblock.first()? {
        0 | 1 => superblock.get(6)?,
        _ => superblock.get(2)?,
    };
    if *length_bytes != 8 {
        return None;
    }
    let mut longest = 0;
    for at in memchr::memmem::find_iter(body, COLLECTION) {
        let collection = &body[at..];
        // The version, and three bytes that are not used.
        if collection.get(4..8) != Some(&[1, 0, 0, 0]) {
            continue;
        }
        let Some(n_bytes) = length(collection, 8) else {
            continue;
        };
        let collection = &collection[..n_bytes.min(collection.len())];
        let mut object = HEAD_BYTES;
        while let Some(n_bytes) = length(collection, object.saturating_add(8)) {
            // The object of number 0 is what is free.
            if collection[object..object + 2] == [0, 0] {
                break;
            }
            longest = longest.max(n_bytes.min(body.len()));
            let padded = n_bytes.checked_next_multiple_of(8);
            let Some(next) = padded.and_then(|n| object.checked_add(HEAD_BYTES)?.checked_add(n))
            else {
                break;
            };
            object = next;
        }
    }
    Some(longest)
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(8)?)?.first_chunk()?;
    usize::try_from(u64::from_le_bytes(*bytes)).ok()
}
