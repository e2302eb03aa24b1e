use proptest::prelude::*;

use super::*;

pub(crate) fn frame(seq: u64, payload: &[u8]) -> Frame {
    let header = Header {
        id: Uuid::from_u128(u128::from(seq)),
        seq,
        endpoint: "weather".into(),
        dataset: "weather".into(),
        node: "forecast".into(),
        content_type: "text/csv".into(),
        content_encoding: None,
        received_at: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        sender: None,
        idempotency_key: None,
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
    bytes[8] = 2;
    assert_eq!(
        decode(&bytes.into()),
        Err(SegmentError::TooNew { found: 2 })
    );
}

#[test]
fn a_segment_of_format_1_stays_readable() {
    let bytes = Bytes::from_static(include_bytes!("../../../tests/fixtures/segment-v1.seg"));
    let segment = decode(&bytes).unwrap();
    assert_eq!(segment.frames, [frame(7, b"a,b\n1,2\n"), frame(8, b"")]);
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
