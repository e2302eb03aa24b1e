use proptest::prelude::*;

use super::*;

pub(crate) fn frame(seq: u64, payload: &[u8]) -> Frame {
    let header = Header {
        id: Uuid::from_u128(u128::from(seq)),
        seq,
        kind: Kind::Contribution,
        target: None,
        endpoint: "weather".into(),
        dataset: "weather".into(),
        node: "forecast".into(),
        content_type: "text/csv".into(),
        content_encoding: None,
        received_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        sender: None,
        address: None,
        idempotency_key: None,
        definition: None,
        sha256: String::new(),
        n_bytes: payload.len() as u64,
        payload: PayloadPlace::Plain,
        variables: Map::new(),
    };
    Frame {
        header,
        payload: Bytes::copy_from_slice(payload),
    }
}

#[test]
fn a_newer_format_is_refused() {
    let mut bytes = encode(1, Uuid::nil(), &[]);
    bytes[8] = 4;
    assert_eq!(
        decode(&bytes.into()),
        Err(SegmentError::TooNew { found: 4 })
    );
}

#[test]
fn a_segment_of_format_1_stays_readable() {
    let bytes = Bytes::from_static(include_bytes!("../../../tests/fixtures/segment-v1.seg"));
    let segment = decode(&bytes).unwrap();
    assert_eq!(segment.frames, [frame(7, b"a,b\n1,2\n"), frame(8, b"")]);
}

#[test]
fn a_segment_of_format_2_stays_readable() {
    let bytes = Bytes::from_static(include_bytes!("../../../tests/fixtures/segment-v2.seg"));
    let mut retraction = frame(8, b"");
    retraction.header.kind = Kind::Retract;
    retraction.header.target = Some(7);
    retraction.header.address = Some("192.0.2.1".into());
    let frames = [frame(7, b"a,b\n1,2\n"), retraction];
    assert_eq!(decode(&bytes).unwrap().frames, frames);
}

#[test]
fn a_segment_of_format_3_stays_readable() {
    let bytes = Bytes::from_static(include_bytes!("../../../tests/fixtures/segment-v3.seg"));
    let mut defined = frame(7, b"a,b\n1,2\n");
    defined.header.definition = "0123456789abcdef".repeat(4).parse().ok();
    let mut reinterpretation = frame(8, b"");
    reinterpretation.header.kind = Kind::Reinterpret;
    let mut assumption = frame(9, b"");
    assumption.header.kind = Kind::Assumed;
    let frames = [defined, reinterpretation, assumption];
    if std::env::var_os("BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/segment-v3.seg");
        std::fs::write(path, encode(7, Uuid::nil(), &frames)).unwrap();
    }
    assert_eq!(decode(&bytes).unwrap().frames, frames);
}

proptest! {
    #[test]
    fn what_was_written_is_read(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..5)) {
        let frames: Vec<_> = payloads.iter().zip(7..).map(|(payload, seq)| frame(seq, payload)).collect();
        let bytes = Bytes::from(encode(7, Uuid::max(), &frames));
        prop_assert_eq!(decode(&bytes), Ok(Segment { first_seq: 7, writer: Uuid::max(), frames }));
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed(at in any::<prop::sample::Index>(), change in 1..=255_u8, cut in any::<bool>()) {
        let mut bytes = encode(7, Uuid::nil(), &[frame(7, b"abc"), frame(8, b"defg")]);
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else if (12..HEAD).contains(&at) { return Ok(()) } else { bytes[at] ^= change }
        prop_assert!(decode(&bytes.into()).is_err());
    }

    #[test]
    fn any_bytes_give_a_segment_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut with_head = encode(1, Uuid::nil(), &[]);
        with_head.truncate(HEAD);
        with_head.extend(&bytes);
        let _ = decode(&bytes.into());
        let _ = decode(&with_head.into());
    }
}
