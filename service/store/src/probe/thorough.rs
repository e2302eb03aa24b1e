//! What `zf doctor` tries besides the essential part.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::aws::{AmazonS3Builder, Checksum, S3CopyIfNotExists};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    CopyMode, CopyOptions, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode,
    PutOptions, UpdateVersion,
};

use super::{Probe, Verdict, refused, text};
use crate::address::bucket_and_prefix;
use crate::{Failure, S3Access, StoreError};

/// Racing creators, and how often they race.
const MANY_CREATORS: usize = 16;
const N_RACES: usize = 3;
/// Times an object is replaced and read.
const N_READS: usize = 10;
/// Small objects written one after the other.
const N_PUTS: usize = 20;
/// A PUT that takes longer on a gateway nearby waits for something.
const SLOW: Duration = Duration::from_millis(35);
/// Twice the smallest part that S3 takes.
const MULTIPART_BYTES: usize = 17 << 20;
/// Signatures older than a quarter of an hour are refused; this is well below.
const MAX_SKEW_SECONDS: i64 = 60;

/// Everything.
pub(super) async fn all(probe: &mut Probe<'_>, access: &S3Access) -> Result<(), StoreError> {
    probe.creates(MANY_CREATORS, N_RACES).await?;
    probe.reads(N_READS).await?;
    probe.listing().await?;
    ranges(probe).await?;
    probe.copies().await?;
    multipart(probe).await?;
    replaces(probe).await?;
    variants(probe, access).await?;
    latency(probe).await?;
    clock(probe).await
}

/// Parts of objects are read.
async fn ranges(probe: &mut Probe<'_>) -> Result<(), StoreError> {
    let (name, key) = ("ranges", probe.key("digits"));
    probe.store.put(&key, text("0123456789")).await?;
    let wanted = [
        (GetRange::Bounded(2..5), "234"),
        (GetRange::Offset(8), "89"),
        (GetRange::Suffix(3), "789"),
    ];
    for (range, expected) in wanted {
        let options = GetOptions {
            range: Some(range.clone()),
            ..GetOptions::default()
        };
        let read = match probe.store.get_opts(&key, options).await {
            Ok(Some(found)) => found.bytes().await.ok(),
            Ok(None) | Err(_) => None,
        };
        if read != Some(text(expected)) {
            let found = format!("`{range}` of an object is not read rightly");
            let meaning = "readers of `/zarr` and of sharded arrays read wrong parts; use a store that honours `Range`";
            probe.note(name, Verdict::Unsafe, found, meaning);
            return Ok(());
        }
    }
    probe.good(name, "parts of objects are read");
    Ok(())
}

/// Large objects are written part by part.
async fn multipart(probe: &mut Probe<'_>) -> Result<(), StoreError> {
    let (name, key) = ("multipart upload", probe.key("large"));
    let meaning = "contributions over 8 MiB cannot be kept; allow multipart uploads";
    let part = Bytes::from(vec![b'x'; MULTIPART_BYTES / 4]);
    let parts = std::iter::repeat_n(part, 4).map(Ok);
    match probe
        .store
        .put_stream(&key, futures::stream::iter(parts))
        .await
    {
        Ok(()) => {
            let n_bytes = probe
                .store
                .head(&key)
                .await?
                .map_or(0, |known| known.n_bytes);
            if n_bytes == MULTIPART_BYTES as u64 / 4 * 4 {
                probe.good(name, format!("{} MiB in parts", MULTIPART_BYTES >> 20));
            } else {
                let found = format!("{n_bytes} of {MULTIPART_BYTES} bytes were kept");
                probe.note(name, Verdict::Unsafe, found, meaning);
            }
        }
        Err(error) => {
            let found = refused(error)?;
            probe.note(name, Verdict::Unsafe, found, meaning);
        }
    }
    Ok(())
}

/// An object is replaced only if it is the one that was read. Nothing here needs it.
async fn replaces(probe: &mut Probe<'_>) -> Result<(), StoreError> {
    let name = "replace if unchanged";
    let location = Path::from(probe.key("matched"));
    let objects = &probe.store.objects;
    let fail = |source: Error| probe.store.failed("write", "matched", source);
    let first = objects
        .put(&location, text("one").into())
        .await
        .map_err(fail)?;
    let update = |version: UpdateVersion| PutOptions {
        mode: PutMode::Update(version),
        ..PutOptions::default()
    };
    let replaced = objects
        .put_opts(&location, text("two").into(), update(first.clone().into()))
        .await;
    let stale = objects
        .put_opts(&location, text("three").into(), update(first.into()))
        .await;
    let (verdict, found) = match (replaced, stale) {
        (Ok(_), Err(Error::Precondition { .. })) => (
            Verdict::Works,
            "the right ETag replaces, an old one does not".to_owned(),
        ),
        (Ok(_), Ok(_)) => (Verdict::Note, "an old ETag replaces, too".to_owned()),
        (Err(Error::Precondition { .. }), _) => (
            Verdict::Note,
            "the right ETag, quoted, is refused".to_owned(),
        ),
        (Err(Error::NotImplemented { .. }), _) => {
            (Verdict::Note, "there is no `If-Match`".to_owned())
        }
        (Err(error), _) | (_, Err(error)) => (Verdict::Note, Failure::from(error).to_string()),
    };
    let meaning = match verdict {
        Verdict::Works => "",
        _ => "nothing here depends on `If-Match`; other programs that do would fail",
    };
    probe.note(name, verdict, found, meaning);
    Ok(())
}

/// What only S3 has.
async fn variants(probe: &mut Probe<'_>, access: &S3Access) -> Result<(), StoreError> {
    let Some((bucket, prefix)) = bucket_and_prefix(probe.store.url()) else {
        return Ok(());
    };
    let client = |change: fn(AmazonS3Builder) -> AmazonS3Builder| {
        let settings = |reason| StoreError::Settings {
            url: probe.store.url().to_owned(),
            reason,
        };
        let builder = access.builder(bucket).map_err(settings)?;
        let client = change(builder).build();
        let client = client.map_err(|error| settings(Failure::from(error).to_string()))?;
        let prefix = Path::parse(prefix).unwrap_or_default();
        Ok::<Arc<dyn ObjectStore>, StoreError>(Arc::new(PrefixStore::new(client, prefix)))
    };
    let conditional =
        client(|builder| builder.with_copy_if_not_exists(S3CopyIfNotExists::Multipart))?;
    let sha256 = client(|builder| builder.with_checksum_algorithm(Checksum::SHA256))?;
    let crc64 = client(|builder| builder.with_checksum_algorithm(Checksum::CRC64NVME))?;
    conditional_multipart(probe, conditional.as_ref()).await?;
    checksums(probe, "checksum SHA-256", sha256.as_ref()).await;
    checksums(probe, "checksum CRC-64", crc64.as_ref()).await;
    super::trailer::trailers(probe, access.signing()).await
}

/// Whether a multipart upload can be create-only. Nothing here needs it: large objects are named by their content.
async fn conditional_multipart(
    probe: &mut Probe<'_>,
    client: &dyn ObjectStore,
) -> Result<(), StoreError> {
    let name = "create only, multipart";
    let (from, to) = (probe.key("first"), probe.key("taken"));
    probe.store.put(&to, text("taken")).await?;
    let options = CopyOptions {
        mode: CopyMode::Create,
        ..CopyOptions::default()
    };
    let copied = client
        .copy_opts(&Path::from(from), &Path::from(to.clone()), options)
        .await;
    let kept = probe.store.get(&to).await? == Some(text("taken"));
    let meaning = "nothing here depends on it: large objects are named by what they hold";
    match copied {
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) if kept => {
            probe.good(name, "an object that exists is kept");
        }
        Ok(()) => probe.note(
            name,
            Verdict::Note,
            "an object that exists is replaced",
            meaning,
        ),
        Err(error) => {
            probe.note(
                name,
                Verdict::Note,
                Failure::from(error).to_string(),
                meaning,
            );
        }
    }
    Ok(())
}

/// Whether checksums beside the signed ones are taken.
async fn checksums(probe: &mut Probe<'_>, name: &'static str, client: &dyn ObjectStore) {
    let location = Path::from(probe.key("summed"));
    match client.put(&location, text("summed").into()).await {
        Ok(_) => probe.good(name, "taken"),
        Err(error) => probe.note(
            name,
            Verdict::Note,
            Failure::from(error).to_string(),
            "nothing here depends on it: requests are signed with the SHA-256 of their body, and chunks end with a checksum",
        ),
    }
}

/// How long a small PUT takes.
async fn latency(probe: &mut Probe<'_>) -> Result<(), StoreError> {
    let mut took = Vec::with_capacity(N_PUTS);
    for i in 0..N_PUTS {
        let (key, begin) = (probe.key(&format!("small-{i}")), Instant::now());
        probe.store.put(&key, text("a small object")).await?;
        took.push(begin.elapsed());
    }
    took.sort_unstable();
    let (median, max) = (took[N_PUTS / 2], took[N_PUTS - 1]);
    let found = format!(
        "{N_PUTS} small PUTs: p50 {:.1} ms, max {:.1} ms",
        median.as_secs_f64() * 1e3,
        max.as_secs_f64() * 1e3
    );
    let name = "latency";
    if median < SLOW {
        probe.good(name, found);
    } else {
        let meaning = "a contribution is acknowledged after about this time; a Ceph gateway nearby that takes 40 ms lacks `tcp_nodelay=1` in `rgw frontends`";
        probe.note(name, Verdict::Note, found, meaning);
    }
    Ok(())
}

/// How far this machine's clock is from the store's.
async fn clock(probe: &mut Probe<'_>) -> Result<(), StoreError> {
    let (name, key) = ("clock", probe.key("clock"));
    probe.store.put(&key, text("now")).await?;
    let now = chrono::Utc::now();
    let Some(known) = probe.store.head(&key).await? else {
        return Ok(());
    };
    let skew = known.modified.signed_duration_since(now).num_seconds();
    if skew.abs() <= MAX_SKEW_SECONDS {
        probe.good(name, "agrees with the store's");
    } else {
        let found = format!("the store's clock is {skew} s ahead");
        let meaning = "over 900 s requests are refused; set this machine's clock by NTP";
        probe.note(name, Verdict::Note, found, meaning);
    }
    Ok(())
}
