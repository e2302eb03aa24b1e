//! Any parameters give an answer or an error, never a panic; `service/fuzz` looks for more of them.

use proptest::prelude::*;

use super::{Bounds, Format, Selection, answer, boreholes, collect};

/// Values that parsers find hard, one after the other.
fn values() -> impl Strategy<Value = String> {
    let pieces = vec![
        "",
        ",",
        "/",
        ":",
        "\"",
        "nearest:",
        "-",
        "+02:00",
        " ",
        "Z",
        "T",
        "2024",
        "2024-05-01",
        "12:30",
        "02:30:00.5",
        "1e300",
        "-1",
        "0.1",
        "2.5",
        "nan",
        "inf",
        "b",
        "a,1",
        "granite",
        "true",
        "K",
        "degC",
        "m",
        "Europe/Prague",
        "long",
        "wide",
        "keep",
        "9999999999999999999",
        "170141183460469231731687303715884105727",
        "-170141183460469231731687303715884105728",
        "9223372036854775807",
        "-9223372036854775808",
        "2024-10-27",
        "2024-03-31T02:30",
        "é",
        "temp",
        "count",
        "depth",
        "time",
        "180",
        "3",
        "1d",
        "min",
        "-180",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..6).prop_map(|pieces| pieces.concat())
}

fn any_params() -> impl Strategy<Value = Vec<(String, String)>> {
    let names = vec![
        "var",
        "sel.time",
        "sel.borehole",
        "sel.depth",
        "sel.rock",
        "sel.latitude",
        "sel.longitude",
        "isel.time",
        "isel.depth",
        "isel.borehole",
        "bbox",
        "unit.temp",
        "unit.depth",
        "tz",
        "layout",
        "na",
        "limit",
        "cursor",
        "resample",
        "agg",
        "max_points",
        "latest",
    ];
    let name = prop::sample::select(names).prop_map(str::to_owned);
    prop::collection::vec((name, values()), 0..5)
}

proptest! {
    #[test]
    fn any_parameters_give_an_answer_or_an_error(queries in prop::collection::vec((any_params(), 0..6_usize), 50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let formats = [Format::Csv, Format::Json, Format::Ndjson, Format::Arrow, Format::Parquet, Format::Covjson];
        runtime.block_on(async {
            let view = boreholes().await.view();
            for (params, format) in queries {
                let Ok(selection) = Selection::parse(&params, view.schema()) else { continue };
                let bounds = Bounds { max_block_cells: 7, max_page_rows: 50, max_columns: 50, max_buckets: 500, ..Bounds::default() };
                if let Ok(answer) = answer(view.clone(), &selection, formats[format], bounds).await {
                    collect(answer).await;
                }
            }
        });
    }
}
