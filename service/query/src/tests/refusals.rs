//! Every wrong query says what is wrong and what to write instead.

use super::boreholes;

async fn check(query: &str, expected: &str) {
    let message = boreholes().await.ask(query).await.unwrap_err().to_string();
    assert_eq!(message, expected, "{query}");
}

#[tokio::test]
async fn unknown_names_are_suggested() {
    check(
        "vars=temp",
        "unknown query parameter `vars`; did you mean `var`?",
    )
    .await;
    check(
        "colour=red",
        "unknown query parameter `colour`; there are `var`, `sel.<coordinate>`, `isel.<coordinate>`, `bbox`, \
         `unit.<variable>`, `tz`, `layout`, `resample`, `agg`, `max_points`, `latest`, `na`, `limit`, `cursor`, `format`",
    )
    .await;
    check(
        "var=tmp",
        "node `n` has no variable `tmp`; did you mean `temp`?",
    )
    .await;
    check("sel.x.y=b", "node `n` has no variable `x.y`; there are `time`, `borehole`, `depth`, `temp`, `count`, `rock`, `note`, `latitude`, `longitude`").await;
    check(
        "isel.dept=1",
        "node `n` has no variable `dept`; did you mean `depth`?",
    )
    .await;
    check(
        "format=jsn",
        "query parameter `format=jsn`: no such format; did you mean `json`?",
    )
    .await;
}

#[tokio::test]
async fn values_that_do_not_exist_are_named_with_the_nearest() {
    check(
        "sel.borehole=bb",
        "`borehole` has no value `bb`; there are `b`, `a,1`",
    )
    .await;
    check(
        "sel.depth=0.2",
        "`depth` has no value `0.2`; the nearest is `0.1`; `nearest:0.2` selects it",
    )
    .await;
    check(
        "sel.time=2024-05-01T01:00",
        "`time` has no value `2024-05-01T01:00`; the nearest is `2024-05-01T00:00:00Z`; `nearest:2024-05-01T01:00` selects it",
    )
    .await;
    check("isel.depth=2", "`depth` has 2 values; index 2 is outside").await;
    check(
        "sel.rock=granit",
        "query parameter `sel.rock=granit`: `granit` is not one of its labels; did you mean `granite`?",
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_explained() {
    check(
        "sel.depth=deep",
        "query parameter `sel.depth=deep`: `deep` is not a number",
    )
    .await;
    check(
        "sel.time=yesterday",
        "query parameter `sel.time=yesterday`: `yesterday` is not a time; write it as `2024-05-01T12:30:00Z`, or shorter: \
         `2024-05-01`, `2024-05`, `2024`; or `now-6h`",
    )
    .await;
    check(
        "sel.depth=1/2/3",
        "query parameter `sel.depth=1/2/3`: a range has two ends, `from/to`; put values with slashes in double quotes",
    )
    .await;
    check(
        "sel.depth=",
        "query parameter `sel.depth=`: a value is missing; the empty text is written `\"\"`",
    )
    .await;
    check("sel.temp=1", "query parameter `sel.temp=1`: `temp` lies on time, borehole, depth; select on a coordinate, or on a variable over one coordinate").await;
    check(
        "limit=0",
        "query parameter `limit=0`: write a number of rows, at least 1",
    )
    .await;
    check(
        "layout=tall",
        "query parameter `layout=tall`: write `long` or `wide`",
    )
    .await;
    check(
        "tz=Prague",
        "query parameter `tz=Prague`: not a time zone; write `Europe/Prague`, `+02:00` or `UTC`",
    )
    .await;
    check(
        "bbox=1,2,3",
        "query parameter `bbox=1,2,3`: write four numbers `west,south,east,north` in degrees",
    )
    .await;
    check(
        "sel.depth=1&sel.depth=2",
        "query parameter `sel.depth` is given twice; separate its values with commas",
    )
    .await;
    check(
        "var=latitude&sel.depth=0.1",
        "query parameter `sel.depth=…`: none of the selected variables lies on `depth`; leave it out",
    )
    .await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    check(
        "unit.temp=Pa",
        "query parameter `unit.temp=Pa`: cannot convert `degC` to `Pa`: temperature is not pressure",
    )
    .await;
    check(
        "unit.note=K",
        "query parameter `unit.note=K`: `note` has no physical unit",
    )
    .await;
    check(
        "limit=1001",
        "`limit=1001` is more than the 1000 rows of a page; leave `limit` out to get everything as a stream",
    )
    .await;
    check(
        "cursor=abc",
        "the cursor cannot be read; start again without `cursor`",
    )
    .await;
    let fixture = boreholes().await;
    let cursor = fixture
        .ask("var=count&limit=1")
        .await
        .unwrap()
        .cursor
        .unwrap();
    let other = fixture
        .ask(&format!("var=temp&limit=1&cursor={cursor}"))
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(
        other,
        "the cursor belongs to another query; start again without `cursor`"
    );
}
