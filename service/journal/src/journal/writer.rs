//! Group commit: one segment is written at a time, and takes everything that arrived meanwhile.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;
use zarr_fuse_store::{StoreError, keys};

use super::catalog::Catalog;
use super::segment::{self, Frame, Header};
use super::{Append, AppendError, Journal, Receipt};

/// Tries to write one segment before its senders are told that the store fails.
const MAX_TRIES: u32 = 4;
/// After so long, there is no further try.
const MAX_DURATION: Duration = Duration::from_secs(8);

/// How often a writer looks whether another process wants to take over.
const WAY_INTERVAL: Duration = Duration::from_secs(1);

/// Appends what arrives on `queue` until the journal is dropped.
pub(super) async fn run(journal: Weak<Journal>, mut queue: Receiver<Append>) {
    let mut asked = None;
    let mut looked = tokio::time::Instant::now();
    loop {
        let Some(interval) = journal.upgrade().map(|journal| journal.probe_interval()) else {
            return;
        };
        let first = tokio::time::timeout(interval, queue.recv()).await;
        let Some(journal) = journal.upgrade() else {
            return;
        };
        let first = match first {
            Ok(Some(first)) => first,
            Ok(None) => return,
            Err(_nothing_came) => {
                journal.probe().await;
                continue;
            }
        };
        let mut appends = vec![first];
        gather(&journal, &mut queue, &mut appends).await;
        let (fresh, answered) = answer_replays(&journal, appends);
        reply(answered);
        if fresh.is_empty() {
            continue;
        }
        let has_ended = journal.ended.lock().await;
        if *has_ended {
            let dataset = journal.dataset.clone();
            reply_all(fresh, &AppendError::Retired { dataset });
            continue;
        }
        if journal.is_fenced() {
            let dataset = journal.dataset.clone();
            reply_all(fresh, &AppendError::Fenced { dataset });
            continue;
        }
        if looked.elapsed() > WAY_INTERVAL {
            looked = tokio::time::Instant::now();
            journal.give_way(&mut asked).await;
        }
        match write(&journal, fresh).await {
            Ok(()) => journal.note(None),
            Err((appends, error)) => {
                match &error {
                    AppendError::Fenced { .. } => journal.fence(),
                    AppendError::Store(cause) => journal.note(Some(Arc::clone(cause))),
                    _ => {}
                }
                reply_all(appends, &error);
            }
        }
    }
}

/// Adds what waits already, up to the size of a segment, and what comes within the flush interval.
async fn gather(journal: &Journal, queue: &mut Receiver<Append>, appends: &mut Vec<Append>) {
    let mut n_bytes: usize = appends.iter().map(|append| append.kept.len()).sum();
    let deadline = tokio::time::Instant::now() + journal.settings.flush_interval;
    while n_bytes < journal.settings.max_segment_bytes {
        let next = if journal.settings.flush_interval.is_zero() {
            queue.try_recv().ok()
        } else {
            tokio::time::timeout_at(deadline, queue.recv())
                .await
                .ok()
                .flatten()
        };
        let Some(next) = next else { return };
        n_bytes += next.kept.len();
        appends.push(next);
    }
}

type Answered = Vec<(Append, Result<Receipt, AppendError>)>;

/// Parts appends into new ones and those whose idempotency key is known. A key that is new but occurs twice is put off:
/// its later bearer comes again when the first is durable.
fn answer_replays(journal: &Journal, appends: Vec<Append>) -> (Vec<Append>, Answered) {
    let mut fresh: Vec<Append> = Vec::with_capacity(appends.len());
    let mut answered = Vec::new();
    let catalog = journal.catalog.read();
    for append in appends {
        match answer(journal, &catalog, &append.header) {
            Some(answer) => answered.push((append, answer)),
            None => fresh.push(append),
        }
    }
    (fresh, answered)
}

/// The answer to a contribution whose idempotency key is known.
pub(super) fn known(journal: &Journal, header: &Header) -> Option<Result<Receipt, AppendError>> {
    answer(journal, &journal.catalog.read(), header)
}

fn answer(
    journal: &Journal,
    catalog: &Catalog,
    header: &Header,
) -> Option<Result<Receipt, AppendError>> {
    let key = header.idempotency_key.as_deref()?;
    let (entry, since) = catalog.by_key(&header.endpoint, key)?;
    let age = header.received_at.signed_duration_since(since);
    // A clock that was set back makes it negative.
    let is_remembered = age < chrono::TimeDelta::zero()
        || age
            .to_std()
            .is_ok_and(|age| age <= journal.settings.idempotency_window);
    is_remembered.then(|| replay(&entry.header, header, key))
}

fn replay(known: &Header, new: &Header, key: &str) -> Result<Receipt, AppendError> {
    if known.sha256 == new.sha256 && known.node == new.node {
        Ok(Receipt {
            id: known.id,
            seq: known.seq,
            node: known.node.clone(),
            replayed: true,
        })
    } else {
        Err(AppendError::KeyReused {
            key: key.to_owned(),
            id: known.id,
        })
    }
}

fn reply(answered: Answered) {
    for (append, answer) in answered {
        let _gone = append.reply.send(answer);
    }
}

fn reply_all(appends: Vec<Append>, error: &AppendError) {
    for append in appends {
        let _gone = append.reply.send(Err(error.clone()));
    }
}

/// Writes one segment and answers its senders; hands them back if it cannot.
async fn write(journal: &Journal, appends: Vec<Append>) -> Result<(), (Vec<Append>, AppendError)> {
    let writer = journal.writer;
    let (mut appends, repeated) = without_repeated_keys(appends);
    let begin = tokio::time::Instant::now();
    let mut tries = 0;
    let mut delay = journal.settings.retry_delay;
    loop {
        let first_seq = journal.last_seq() + 1;
        for (append, seq) in appends.iter_mut().zip(first_seq..) {
            append.header.seq = seq;
        }
        let frames: Vec<Frame> = appends
            .iter()
            .map(|append| Frame {
                header: append.header.clone(),
                payload: append.kept.clone(),
            })
            .collect();
        let bytes = Bytes::from(segment::encode(first_seq, writer, &frames));
        let key = keys::segment(first_seq);
        let (created, verified) =
            tokio::join!(journal.store.create(&key, bytes.clone()), journal.verify());
        if let Err(StoreError::Replaced { .. }) = verified {
            // What was written there is not in the journal.
            if created.is_ok() {
                let _may_stay = journal.store.delete(&key).await;
            }
        }
        match verified.and(created) {
            Ok(()) => break,
            Err(StoreError::Exists { .. }) => match journal.segment(&key).await {
                // The answer to an earlier try of these very bytes was lost.
                Ok(found) if found.writer == writer && found.frames == frames => break,
                // An earlier segment of ours took effect after its senders were told that it failed: it counts.
                Ok(found) if found.writer == writer => {
                    journal.admit(
                        first_seq,
                        found.frames.into_iter().map(|frame| (frame.header, None)),
                    );
                    // Senders try again what they were told had failed: that is in it, and not to be taken twice.
                    let (fresh, answered) = answer_replays(journal, appends);
                    reply(answered);
                    appends = fresh;
                    if appends.is_empty() {
                        reply(answer_replays(journal, repeated).1);
                        return Ok(());
                    }
                }
                Ok(_) => {
                    let dataset = journal.dataset.clone();
                    appends.extend(repeated);
                    return Err((appends, AppendError::Fenced { dataset }));
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "Cannot read back `{key}`"
                    );
                    if tries + 1 >= MAX_TRIES || begin.elapsed() > MAX_DURATION {
                        appends.extend(repeated);
                        return Err((appends, AppendError::Unreadable(Arc::new(error))));
                    }
                }
            },
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "Cannot write `{key}`, try {tries}"
                );
                if tries + 1 >= MAX_TRIES || begin.elapsed() > MAX_DURATION {
                    appends.extend(repeated);
                    return Err((appends, AppendError::Store(Arc::new(error))));
                }
            }
        }
        tries += 1;
        tokio::time::sleep(delay).await;
        delay *= 3;
    }
    let first_seq = appends[0].header.seq;
    let durable = appends
        .iter()
        .map(|append| (append.header.clone(), Some(append.payload.clone())));
    journal.admit(first_seq, durable);
    for append in appends {
        let header = append.header;
        let receipt = Receipt {
            id: header.id,
            seq: header.seq,
            node: header.node,
            replayed: false,
        };
        let _gone = append.reply.send(Ok(receipt));
    }
    let (fresh, answered) = answer_replays(journal, repeated);
    debug_assert!(fresh.is_empty(), "the first bearer of each key is durable");
    reply(answered);
    Ok(())
}

/// Parts off appends whose idempotency key an earlier one of the same segment bears.
fn without_repeated_keys(appends: Vec<Append>) -> (Vec<Append>, Vec<Append>) {
    let mut seen = HashSet::new();
    appends.into_iter().partition(|append| {
        let header = &append.header;
        header
            .idempotency_key
            .as_ref()
            .is_none_or(|key| seen.insert((header.endpoint.clone(), key.clone())))
    })
}
