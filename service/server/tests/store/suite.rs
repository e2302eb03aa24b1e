//! What zarr-fuse demands of a store.

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::future::join_all;
use object_store::{GetOptions, GetRange};
use zarr_fuse_store::{RequestKind, Store, StoreError};

const MIB: usize = 1 << 20;

fn bytes(text: &str) -> Bytes {
    Bytes::from(text.to_owned())
}

/// Bytes of which no part equals another.
fn noise(n: usize) -> Bytes {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut out = Vec::with_capacity(n + 8);
    while out.len() < n {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(n);
    out.into()
}

async fn text(store: &Store, key: &str) -> Option<String> {
    let found = store.get(key).await.unwrap()?;
    Some(String::from_utf8(found.to_vec()).unwrap())
}

pub(crate) async fn of_sixteen_racing_creators_exactly_one_wins(store: &Store) {
    for round in 0..5 {
        let key = format!("race/{round}");
        let creators = (0..16).map(|i| {
            let (store, key) = (store.clone(), key.clone());
            tokio::spawn(async move { (i, store.create(&key, bytes(&format!("{i}"))).await) })
        });
        let ended = join_all(creators).await.into_iter().map(Result::unwrap);
        let mut winners = Vec::new();
        for (i, result) in ended {
            match result {
                Ok(()) => winners.push(i),
                Err(StoreError::Exists { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let [winner] = winners[..] else {
            panic!("{winners:?} all won");
        };
        assert_eq!(text(store, &key).await, Some(winner.to_string()));
    }
}

pub(crate) async fn what_was_created_is_not_created_again(store: &Store) {
    store.create("a", bytes("first")).await.unwrap();
    let again = store.create("a", bytes("second")).await;
    assert!(matches!(again, Err(StoreError::Exists { key }) if key == "a"));
    assert_eq!(text(store, "a").await.unwrap(), "first");
    store.put("a", bytes("third")).await.unwrap();
    assert_eq!(text(store, "a").await.unwrap(), "third");
    store.delete("a").await.unwrap();
    store.create("a", bytes("fourth")).await.unwrap();
}

pub(crate) async fn what_was_written_is_read_at_once(store: &Store) {
    for i in 0..20 {
        let new = format!("version {i}");
        store.put("chunk", bytes(&new)).await.unwrap();
        assert_eq!(text(store, "chunk").await.unwrap(), new);
        let known = store.head("chunk").await.unwrap().unwrap();
        assert_eq!(known.n_bytes, new.len() as u64);
    }
}

pub(crate) async fn what_was_written_is_listed_at_once_and_in_order(store: &Store) {
    for i in [3, 1, 2, 10, 0] {
        let key = format!("segments/{i:05}.seg");
        store.create(&key, bytes("x")).await.unwrap();
        assert!(store.list("segments", None).await.unwrap().contains(&key));
    }
    let all = store.list("segments", None).await.unwrap();
    assert_eq!(
        all,
        [0, 1, 2, 3, 10].map(|i| format!("segments/{i:05}.seg"))
    );
    let after = store
        .list("segments", Some("segments/00002.seg"))
        .await
        .unwrap();
    assert_eq!(after, [3, 10].map(|i| format!("segments/{i:05}.seg")));
    // What it begins after need not be there.
    let between = store
        .list("segments", Some("segments/00004.seg"))
        .await
        .unwrap();
    assert_eq!(between, ["segments/00010.seg"]);
    store.delete("segments/00010.seg").await.unwrap();
    assert_eq!(store.list("segments", None).await.unwrap().len(), 4);
}

pub(crate) async fn more_objects_than_a_page_are_listed(store: &Store) {
    let keys: Vec<String> = (0..1100).map(|i| format!("many/{i:04}")).collect();
    let writes = futures::stream::iter(keys.iter().map(Ok::<_, StoreError>));
    writes
        .try_for_each_concurrent(32, |key| store.put(key, Bytes::new()))
        .await
        .unwrap();
    assert_eq!(store.list("many", None).await.unwrap(), keys);
    let later = store.list("many", Some("many/0049")).await.unwrap();
    assert_eq!(later, keys[50..]);
}

pub(crate) async fn a_listing_knows_whole_folders_only(store: &Store) {
    for key in ["a/b/1", "a/b-c/1", "a/bc", "a/b/d/2", "z"] {
        store.put(key, bytes("x")).await.unwrap();
    }
    assert_eq!(store.list("a/b", None).await.unwrap(), ["a/b/1", "a/b/d/2"]);
    let all = store.list_objects("", None).await.unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.iter().all(|object| object.n_bytes == 1));
    assert!(store.list("nothing", None).await.unwrap().is_empty());
}

pub(crate) async fn parts_of_objects_are_read(store: &Store) {
    store.put("digits", bytes("0123456789")).await.unwrap();
    let read = async |range: GetRange| {
        let options = GetOptions {
            range: Some(range),
            ..GetOptions::default()
        };
        let found = store.get_opts("digits", options).await?.unwrap();
        assert_eq!(found.meta.size, 10);
        let found = found.bytes().await.unwrap();
        Ok::<_, StoreError>(String::from_utf8(found.to_vec()).unwrap())
    };
    assert_eq!(read(GetRange::Bounded(2..5)).await.unwrap(), "234");
    assert_eq!(read(GetRange::Bounded(7..100)).await.unwrap(), "789");
    assert_eq!(read(GetRange::Offset(8)).await.unwrap(), "89");
    assert_eq!(read(GetRange::Suffix(3)).await.unwrap(), "789");
    assert!(read(GetRange::Bounded(10..12)).await.is_err());
}

pub(crate) async fn large_objects_are_written_part_by_part(store: &Store) {
    let large = noise(20 * MIB + 17);
    let pieces: Vec<_> = large
        .chunks(700_001)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    store
        .put_stream("large", futures::stream::iter(pieces))
        .await
        .unwrap();
    assert_eq!(store.get("large").await.unwrap().unwrap(), large);
    assert_eq!(
        store.head("large").await.unwrap().unwrap().n_bytes,
        large.len() as u64
    );
    store
        .put_stream("large", futures::stream::iter([Ok(bytes("small now"))]))
        .await
        .unwrap();
    assert_eq!(text(store, "large").await.unwrap(), "small now");
    // The journal puts segments of this size with a single request.
    let segment = noise(16 * MIB);
    store.create("segment", segment.clone()).await.unwrap();
    assert_eq!(store.get("segment").await.unwrap().unwrap(), segment);
}

pub(crate) async fn an_upload_that_breaks_off_leaves_nothing(store: &Store) {
    let broken = [
        Ok(noise(9 * MIB)),
        Ok(noise(9 * MIB)),
        Err(std::io::Error::other("the source is gone")),
    ];
    let error = store
        .put_stream("broken", futures::stream::iter(broken))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Failed { .. }), "{error}");
    assert_eq!(store.get("broken").await.unwrap(), None);
    assert!(store.list_objects("", None).await.unwrap().is_empty());
}

pub(crate) async fn files_are_stored_as_they_are(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    for n in [0, 1, 8 * MIB, 8 * MIB + 1, 17 * MIB] {
        let (file, content) = (folder.path().join("spooled"), noise(n));
        std::fs::write(&file, &content).unwrap();
        store.put_file("blob", &file).await.unwrap();
        assert_eq!(store.get("blob").await.unwrap().unwrap(), content, "{n}");
    }
    let missing = folder.path().join("missing");
    let error = store.put_file("blob", &missing).await.unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "{error}");
}

pub(crate) async fn copies_are_independent_of_their_origin(store: &Store) {
    store.put("staged", bytes("one")).await.unwrap();
    store.put("there", bytes("old")).await.unwrap();
    store.copy("staged", "there").await.unwrap();
    assert_eq!(text(store, "there").await.unwrap(), "one");
    store.put("staged", bytes("two")).await.unwrap();
    assert_eq!(text(store, "there").await.unwrap(), "one");
    store.delete("staged").await.unwrap();
    assert_eq!(text(store, "there").await.unwrap(), "one");
    let large = noise(9 * MIB);
    store.put("large", large.clone()).await.unwrap();
    store.copy("large", "a/b/large").await.unwrap();
    assert_eq!(store.get("a/b/large").await.unwrap().unwrap(), large);
    assert!(store.copy("missing", "there").await.is_err());
}

pub(crate) async fn what_is_deleted_is_gone(store: &Store) {
    store.put("a/b", bytes("x")).await.unwrap();
    store.delete("a/b").await.unwrap();
    assert_eq!(store.get("a/b").await.unwrap(), None);
    assert!(store.list("a", None).await.unwrap().is_empty());
    store.delete("a/b").await.unwrap();
}

pub(crate) async fn many_objects_are_deleted_at_once(store: &Store) {
    let keys: Vec<String> = (0..30).map(|i| format!("old/{i}")).collect();
    for key in &keys {
        store.put(key, bytes("x")).await.unwrap();
    }
    store.put("new", bytes("x")).await.unwrap();
    let missing = ["old/missing".to_owned()];
    let all = missing.into_iter().chain(keys);
    store.delete_many(all).await.unwrap();
    let left = store.list_objects("", None).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
}

pub(crate) async fn objects_that_are_not_there_are_no_error(store: &Store) {
    assert_eq!(store.get("missing").await.unwrap(), None);
    assert_eq!(store.get("missing/below").await.unwrap(), None);
    assert_eq!(store.head("missing").await.unwrap(), None);
    store.delete("missing").await.unwrap();
    assert!(store.list("missing", None).await.unwrap().is_empty());
}

pub(crate) async fn keys_may_hold_odd_characters(store: &Store) {
    let odd = [
        "node with spaces/zarr.json",
        "příliš žluťoučký/kůň",
        "a+b=c&d/e?f",
        "percent%20sign/%2F",
        "quotes'\"/(brackets)[x]",
        "semicolon;colon:at@/$dollar!",
        "日本/温度",
        "tilde~/star*",
    ];
    for key in odd {
        store.create(key, bytes(key)).await.unwrap();
        assert!(store.create(key, bytes(key)).await.is_err(), "{key}");
    }
    for key in odd {
        assert_eq!(text(store, key).await.as_deref(), Some(key));
        let (folder, _) = key.split_once('/').unwrap();
        assert_eq!(store.list(folder, None).await.unwrap(), [key]);
        store.copy(key, "copied").await.unwrap();
        assert_eq!(text(store, "copied").await.as_deref(), Some(key));
    }
    store.delete_many(odd.map(str::to_owned)).await.unwrap();
    let left = store.list_objects("", None).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
}

pub(crate) async fn objects_may_be_empty(store: &Store) {
    store.create("empty", Bytes::new()).await.unwrap();
    assert_eq!(store.get("empty").await.unwrap(), Some(Bytes::new()));
    assert!(store.create("empty", bytes("x")).await.is_err());
    store.copy("empty", "also empty").await.unwrap();
    let listed = store.list_objects("", None).await.unwrap();
    let sizes: Vec<u64> = listed.iter().map(|object| object.n_bytes).collect();
    assert_eq!(sizes, [0, 0]);
    store
        .put_stream("streamed", futures::stream::empty())
        .await
        .unwrap();
    assert_eq!(store.get("streamed").await.unwrap(), Some(Bytes::new()));
}

pub(crate) async fn a_store_opened_for_reading_refuses_to_be_written(store: &Store) {
    store.put("a", bytes("kept")).await.unwrap();
    let reader = store.clone().read_only();
    let refused = [
        reader.put("a", bytes("x")).await,
        reader.create("b", bytes("x")).await,
        reader.copy("a", "b").await,
        reader.delete("a").await,
        reader
            .put_stream("b", futures::stream::iter([Ok(noise(9 * MIB))]))
            .await,
    ];
    for result in refused {
        assert!(matches!(result, Err(StoreError::ReadOnly { .. })));
    }
    assert_eq!(text(&reader, "a").await.unwrap(), "kept");
    assert_eq!(store.list_objects("", None).await.unwrap().len(), 1);
}

pub(crate) async fn requests_are_counted(store: &Store) {
    let clone = store.clone();
    clone.put("a", bytes("x")).await.unwrap();
    clone.create("b", bytes("x")).await.unwrap();
    assert!(clone.create("b", bytes("x")).await.is_err());
    clone.get("a").await.unwrap();
    clone.list("a", None).await.unwrap();
    clone.copy("a", "c").await.unwrap();
    let large = [Ok(noise(17 * MIB))];
    clone
        .put_stream("d", futures::stream::iter(large))
        .await
        .unwrap();
    let keys = ["a", "b", "c"].map(str::to_owned);
    clone.delete_many(keys).await.unwrap();
    let counted = RequestKind::ALL.map(|kind| (kind.name(), store.requests().of(kind)));
    // One put of a small object; begin, parts and end of a large one.
    assert_eq!(
        counted,
        [
            ("get", 1),
            ("put", 1 + 1 + 3 + 1),
            ("create", 2),
            ("list", 1),
            ("copy", 1),
            ("delete", 1)
        ]
    );
}
