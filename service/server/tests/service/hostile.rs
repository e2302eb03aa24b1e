//! Small bodies that mean a lot, and cells that programs would run: an answer that says what is wrong, or the values as they
//! are.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::world::{World, json, problem};

/// Times with a zone, as a file of this kind.
fn with_zone(kind: &str) -> Vec<u8> {
    let times = TimestampMicrosecondArray::from(vec![1_714_521_600_000_000]).with_timezone("UTC");
    let columns: [(&str, ArrayRef); 3] = [
        ("time", Arc::new(times)),
        ("borehole", Arc::new(StringArray::from(vec!["A"]))),
        ("T", Arc::new(Float64Array::from(vec![1.5]))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    if kind == "parquet" {
        let mut writer =
            parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    } else {
        let mut writer =
            arrow_ipc::writer::StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_runs_show_times_with_a_zone() {
    let world = World::new().await;
    let points = b"m,borehole=A T=1.5 1714521600000000000".to_vec();
    for (content_type, body, place) in [
        ("text/x-line-protocol", points, 3),
        ("application/vnd.apache.parquet", with_zone("parquet"), 0),
        ("application/vnd.apache.arrow.stream", with_zone("arrow"), 0),
    ] {
        let path = "/api/v1/ingest/boreholes?dry_run=true";
        let response = world.post(path, content_type, body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{content_type}");
        let outcome = json(response).await;
        assert_eq!(outcome["status"], "merged", "{content_type}: {outcome}");
        let cell = &outcome["preview"]["rows"][0][place];
        assert_eq!(cell, "2024-05-01T00:00:00Z", "{content_type}");
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_becomes_too_much_is_refused_with_the_bound() {
    let world = World::new().await;
    let records: Vec<String> = (0..10_000).map(|n| format!(r#"{{"k{n}":1}}"#)).collect();
    let body = format!("[{}]", records.join(","));
    let path = "/api/v1/ingest/boreholes?dry_run=true";
    let (status, refusal) = problem(world.post(path, "application/json", body)).await;
    assert_eq!(status, 422);
    let detail = refusal["detail"].as_str().unwrap();
    assert!(
        detail.contains("cells that the body does not write out, more than 10000000")
            && detail.ends_with("raise `limits.max_filled_cells`"),
        "{detail}"
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_hands_cells_on_as_they_came_and_no_program_opens_it_by_itself() {
    let world = World::new().await;
    let formula = "time,borehole,T\n2024-05-01T00:00:00Z,=1+1,1.5\n";
    world.merge("/api/v1/ingest/boreholes", formula).await;
    let response = world
        .get("/api/v1/query/boreholes/temperature?var=rock_temp&format=csv")
        .await;
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    let shown = headers["content-disposition"].to_str().unwrap();
    assert!(shown.starts_with("attachment; filename="), "{shown}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let text = response.text().await.unwrap();
    assert!(text.contains(",=1+1,"), "{text}");
    world.end().await.unwrap();
}
