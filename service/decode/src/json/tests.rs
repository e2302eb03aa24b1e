use proptest::prelude::*;
use serde_json::json;

use super::super::tests::{refusal, run};

fn check(text: &str, expected: &str) {
    assert_eq!(
        run(json!({}), "application/json", text.as_bytes()).unwrap(),
        expected
    );
}

fn check_lines(text: &str, expected: &str) {
    assert_eq!(
        run(json!({}), "application/x-ndjson", text.as_bytes()).unwrap(),
        expected
    );
}

fn check_refused(text: &str, expected: &str) {
    assert_eq!(
        refusal(json!({}), "application/json", text.as_bytes()),
        expected
    );
}

#[test]
fn an_array_of_records_is_a_table() {
    check(
        r#"[{"t": "2024-01-01", "v": 1}, {"v": 2.5, "t": null}, {"w": true}]"#,
        "t:str | v:f64 | w:bool\n\"2024-01-01\" | 1.0 | -\n- | 2.5 | -\n- | - | true",
    );
}

#[test]
fn an_object_of_arrays_is_columns_and_any_other_is_a_record() {
    check(
        r#"{"t": ["a", "b"], "v": [1, null]}"#,
        "t:str | v:i64\n\"a\" | 1\n\"b\" | -",
    );
    check(
        r#"{"t": "a", "v": [1, 2]}"#,
        "t:str | v:str\n\"a\" | \"[1, 2]\"",
    );
    check(r#"{"t": [], "v": []}"#, "t:str | v:str");
}

#[test]
fn integers_stay_exact() {
    check(
        r#"[{"v": 9007199254740993}, {"v": -1}]"#,
        "v:i64\n9007199254740993\n-1",
    );
    check(
        r#"[{"v": 18446744073709551615}, {"v": 1}]"#,
        "v:u64\n18446744073709551615\n1",
    );
    check(
        r#"[{"v": 18446744073709551616}]"#,
        "v:str\n\"18446744073709551616\"",
    );
    check(
        r#"[{"v": 18446744073709551615}, {"v": -1}]"#,
        "v:str\n\"18446744073709551615\"\n\"-1\"",
    );
}

#[test]
fn integers_beside_fractions_become_floats() {
    check(
        r#"[{"v": 1}, {"v": 1e3}, {"v": -0}]"#,
        "v:f64\n1.0\n1000.0\n-0.0",
    );
    check(r#"[{"v": 1e999}]"#, "v:str\n\"1e999\"");
}

#[test]
fn a_column_of_several_kinds_is_text() {
    check(
        r#"[{"v": "surface \"\u0041\""}, {"v": 1.50}, {"v": true}, {"v": {"x": [1, 2]}}, {"v": null}]"#,
        "v:str\n\"surface \\\"A\\\"\"\n\"1.50\"\n\"true\"\n\"{\\\"x\\\": [1, 2]}\"\n-",
    );
}

#[test]
fn two_values_of_one_key_are_refused() {
    check_refused(
        r#"[{"v": 1, "v": 2}]"#,
        "record 1 has `v` twice; give each value a key of its own",
    );
}

#[test]
fn nothing_gives_an_empty_table() {
    check("[]", "");
    check("{}", "");
    check_lines("\n \n", "");
}

#[test]
fn lines_are_records() {
    check_lines(
        "{\"v\": 1}\r\n\n{\"v\": 2, \"w\": \"x\"}\n",
        "v:i64 | w:str\n1 | -\n2 | \"x\"",
    );
}

#[test]
fn faults_in_lines_are_named_by_line() {
    let refused = |text: &str| refusal(json!({}), "application/x-ndjson", text.as_bytes());
    assert_eq!(
        refused("\n\n{\"v\": }\n"),
        "line 3, column 7: not valid JSON: expected value"
    );
    assert_eq!(
        refused("\n[1]\n"),
        "line 2 is an array, not a record; records are objects such as {\"depth\": 1.5}"
    );
    assert_eq!(
        refused("{\"v\": 1} {}\n"),
        "line 1, column 10: not valid JSON: trailing characters"
    );
}

#[test]
fn documents_that_are_no_tables_are_refused_with_a_remedy() {
    check_refused(
        "12",
        "the JSON document is a number; send an array of records, an object of columns or a record, or configure `extract`",
    );
    check_refused(
        r#"[{"v": 1}, 5]"#,
        "element 2 of the array is a number, not a record; records are objects such as {\"depth\": 1.5}",
    );
    check_refused(
        r#"{"a": [1, 2], "b": [1]}"#,
        "column `b` has 1 values, but column `a` has 2; all columns need the same length",
    );
    check_refused(
        "[{\"v\": 1},\n {\"v\": 2]",
        "line 2, column 9: not valid JSON: expected `,` or `}`",
    );
    check_refused(
        "",
        "line 1, column 0: not valid JSON: EOF while parsing a value",
    );
}

#[test]
fn deep_nesting_and_wide_records_are_refused() {
    let deep = format!(
        "[{{\"v\": {}{}}}]",
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    check_refused(
        &deep,
        "line 1: arrays and objects are nested more than 128 deep; send flatter JSON",
    );
    let refused = |limits, text: &str| {
        refusal(
            json!({"limits": limits}),
            "application/json",
            text.as_bytes(),
        )
    };
    assert_eq!(
        refused(json!({"max_columns": 2}), r#"[{"a": 1, "b": 2, "c": 3}]"#),
        "there are more than 2 columns; check the delimiter, or raise `limits.max_columns`"
    );
    assert_eq!(
        refused(json!({"max_cells": 3}), r#"[{"a": 1}, {"b": 2}]"#),
        "the table has more than 3 cells; send it in parts or raise `limits.max_cells`"
    );
}

proptest! {
    #[test]
    fn any_text_gives_a_table_or_an_error(text in "[\\[\\]{}\",:0-9a-z\\\\ \n.e-]{0,200}") {
        let _ = run(json!({}), "application/json", text.as_bytes());
        let _ = run(json!({}), "application/x-ndjson", text.as_bytes());
    }

    #[test]
    fn integers_and_texts_read_back_equal(rows in proptest::collection::vec((any::<i64>(), any::<String>()), 1..20)) {
        let records: Vec<_> = rows.iter().map(|(v, t)| json!({"v": v, "t": t})).collect();
        let shown = run(json!({}), "application/json", serde_json::to_string(&records).unwrap().as_bytes()).unwrap();
        let expected = rows.iter().fold("v:i64 | t:str".to_owned(), |text, (v, t)| format!("{text}\n{v} | {t:?}"));
        prop_assert_eq!(shown, expected);
    }
}
