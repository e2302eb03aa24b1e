//! From the configuration to requests, and what is refused.

use serde_json::json;

use crate::world::{Config, START, at};

fn locations() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let csv =
        "name,dflat,dflon,note\nHora,50.86,14.88,x\n\"Na, kopci\",49.5,15.25,\nnowhere,,14,\n";
    std::fs::write(folder.path().join("places.csv"), csv).unwrap();
    folder
}

#[test]
fn requests_are_nested_over_schema_and_table() {
    let folder = locations();
    let mut config = Config::hourly(
        "https://x.cz/{time}/{date}{time}_{quantity}.bz2",
        json!({
            "query_params": [{"name": "lat", "value": "{lat}"}, {"name": "place", "value": "{place}"},
                {"name": "appid", "value": "hush"}],
        }),
    );
    config.runs = serde_json::from_value(json!([
        {"cron": "0 4 * * *", "set": {"time": "00"}},
        {"cron": "0 10 * * *", "set": {"time": "06"}},
    ]))
    .unwrap();
    config.render = serde_json::from_value(json!([
        {"name": "date", "source": "datetime_utc", "format": "%Y%m%d", "offset": "-6h", "floor": "6h"},
        {"name": "model", "source": "const", "value": "aladin"},
    ]))
    .unwrap();
    config.iterate = serde_json::from_value(json!([
        {"name": "quantity", "source": "schema", "schema_regex": "VARS.*.df_col"},
        {"name": "row", "source": "dataframe", "dataframe_path": "places.csv",
            "outputs": {"lat": "dflat", "place": "name"}},
    ]))
    .unwrap();
    let plan = config.plan(folder.path()).unwrap();
    assert_eq!(plan.n_skipped_rows, 1, "one place has no latitude");
    let requests = plan.expand(1, at("2026-01-10T02:00:00Z")).unwrap();
    let urls: Vec<_> = requests
        .iter()
        .map(|request| request.url.as_str())
        .collect();
    assert_eq!(
        urls,
        [
            "https://x.cz/06/2026010906_t2m.bz2?lat=50.86&place=Hora&appid=hush",
            "https://x.cz/06/2026010906_t2m.bz2?lat=49.5&place=Na%2C+kopci&appid=hush",
            "https://x.cz/06/2026010906_rh.bz2?lat=50.86&place=Hora&appid=hush",
            "https://x.cz/06/2026010906_rh.bz2?lat=49.5&place=Na%2C+kopci&appid=hush",
        ]
    );
    assert_eq!(
        requests[0].planned_url,
        "https://x.cz/06/2026010906_t2m.bz2?lat=50.86&place=Hora&appid=…"
    );
    assert_eq!(
        serde_json::Value::Object(requests[0].variables.clone()),
        json!({"time": "06", "date": "20260109", "model": "aladin", "quantity": "t2m", "lat": "50.86", "place": "Hora"})
    );
}

#[test]
fn a_table_may_have_no_header() {
    let folder = locations();
    let mut config = Config::hourly("https://x.cz/{name}", json!({}));
    config.iterate = serde_json::from_value(json!([
        {"name": "row", "source": "dataframe", "dataframe_path": "places.csv", "dataframe_has_header": false,
            "outputs": {"name": "column_1"}},
    ]))
    .unwrap();
    let plan = config.plan(folder.path()).unwrap();
    let requests = plan.expand(0, at(START)).unwrap();
    assert_eq!(requests.len(), 4, "the first line counts, too");
    assert_eq!(requests[2].url.as_str(), "https://x.cz/Na,%20kopci");
}

#[track_caller]
fn check(change: impl Fn(&mut Config), expected: &[&str]) {
    let folder = locations();
    let mut config = Config::hourly("https://x.cz/", json!({}));
    change(&mut config);
    let faults = config.plan(folder.path()).err().unwrap_or_default();
    assert_eq!(faults, expected);
}

#[test]
fn what_cannot_work_is_refused_with_its_place_and_remedy() {
    check(
        |config| config.runs.clear(),
        &["[Key(\"runs\")]: there are no runs; say when, such as `runs: [{cron: \"15 * * * *\"}]`"],
    );
    check(
        |config| config.request.headers.clear(),
        &[
            "[Key(\"request\"), Key(\"headers\")]: the header `User-Agent` is missing: say who asks and how to reach you, `{header_name: User-Agent, header_value: \"name contact@example.org\"}`",
        ],
    );
    check(
        |config| config.request.url = "https://x.cz/{dat}".to_owned(),
        &[
            "[Key(\"request\"), Key(\"url\")]: no variable is called `dat`; every run must `set` it, or `render` or `iterate` give it",
        ],
    );
    check(
        |config| config.request.body = Some("{{}}".to_owned()),
        &[
            "[Key(\"request\"), Key(\"body\")]: a `GET` has no body: remove it, or say `method: POST`",
        ],
    );
    check(
        |config| config.request.allow_private = vec!["intranet".to_owned()],
        &[
            "[Key(\"request\"), Key(\"allow_private\"), Index(0)]: `intranet` is no address and no network; write `10.1.2.3` or `10.1.0.0/16`",
        ],
    );
    check(
        |config| {
            config.runs[0].set.insert("t".to_owned(), "00".to_owned());
            config.render = serde_json::from_value(
                json!([{"name": "t", "source": "datetime_utc", "format": "%H"}]),
            )
            .unwrap();
        },
        &["[Key(\"render\"), Index(0)]: another place gives the variable `t` already; rename one"],
    );
}

#[test]
fn iterations_that_find_nothing_are_refused() {
    let iterate = |more: serde_json::Value| {
        move |config: &mut Config| {
            let mut step = json!({"name": "q", "source": "schema"});
            for (key, value) in more.as_object().unwrap() {
                step[key] = value.clone();
            }
            config.iterate = vec![serde_json::from_value(step).unwrap()];
        }
    };
    let place = "[Key(\"iterate\"), Index(0)]: ";
    check(
        iterate(json!({"schema_regex": "VARS.*.unit"})),
        &[&format!(
            "{place}`VARS.*.unit` finds nothing in the node `forecast` of the schema"
        )],
    );
    check(
        iterate(json!({"schema_regex": "VARS.*"})),
        &[&format!(
            "{place}`VARS.*` finds a mapping in line 1 of the schema, which is no text; go on to its parts"
        )],
    );
    check(
        iterate(json!({"schema_regex": "VARS.*.df_col", "target_node": "forecat"})),
        &[&format!(
            "{place}the schema has no node `forecat`; did you mean `forecast`?"
        )],
    );
    check(
        iterate(
            json!({"source": "dataframe", "dataframe_path": "places.csv", "outputs": {"lat": "dflatt"}}),
        ),
        &[&format!(
            "{place}the table `places.csv` has no column `dflatt`; did you mean `dflat`?"
        )],
    );
    check(
        iterate(
            json!({"source": "dataframe", "dataframe_path": "nowhere.csv", "outputs": {"lat": "x"}}),
        ),
        &[&format!(
            "{place}cannot read the table `nowhere.csv`: No such file or directory (os error 2)"
        )],
    );
}

#[test]
fn a_run_of_too_many_requests_is_refused() {
    let folder = locations();
    let mut config = Config::hourly("https://x.cz/{lat}", json!({"max_requests": 1}));
    config.iterate = serde_json::from_value(json!([
        {"name": "row", "source": "dataframe", "dataframe_path": "places.csv", "outputs": {"lat": "dflat"}},
    ]))
    .unwrap();
    let error = config
        .plan(folder.path())
        .unwrap()
        .expand(0, at(START))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the run would make 2 requests, more than `max_requests` (1); allow more, or iterate over less"
    );
}
