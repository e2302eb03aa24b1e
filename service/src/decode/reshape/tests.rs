use serde_json::{Value, json};

use super::super::tests::{decoding, refusal, run};

const WIDE: &[u8] = b"t,hole,0.5m,10m\nmon,A,1,2\ntue,A,,4\n";

fn check(configuration: Value, csv: &[u8], expected: &str) {
    assert_eq!(run(configuration, "text/csv", csv).unwrap(), expected);
}

fn check_refused(configuration: Value, csv: &[u8], expected: &str) {
    assert_eq!(refusal(configuration, "text/csv", csv), expected);
}

fn check_setup_refused(configuration: Value, expected: &str) {
    let refused = decoding(configuration)
        .prepare(std::path::Path::new("."))
        .unwrap_err();
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn columns_are_renamed_all_at_once() {
    check(
        json!({"rename": {"a": "b", "b": "a"}}),
        b"a,b\n1,2\n",
        "b:str | a:str\n\"1\" | \"2\"",
    );
}

#[test]
fn a_column_to_rename_must_be_there_and_its_new_name_free() {
    check_refused(
        json!({"rename": {"x": "y"}}),
        b"a,b\n1,2\n",
        "`rename` names column `x`, which is not there; there are `a`, `b`",
    );
    check_refused(
        json!({"rename": {"a": "b"}}),
        b"a,b\n1,2\n",
        "`rename` gives column `b`, which is there already; rename one of them",
    );
}

#[test]
fn constants_and_variables_are_set_with_their_types() {
    check(
        json!({"set": {"a": 1, "f": 0.5, "s": "x", "no": null, "yes": true, "n": "${n}", "t": "site ${site}: $$${n}"}}),
        b"a,b\n7,8\n9,10\n",
        "a:i64 | b:str | f:f64 | s:str | no:str | yes:bool | n:i64 | t:str\n\
         1 | \"8\" | 0.5 | \"x\" | - | true | 3 | \"site A: $3\"\n\
         1 | \"10\" | 0.5 | \"x\" | - | true | 3 | \"site A: $3\"",
    );
}

#[test]
fn a_variable_that_the_request_does_not_give_is_refused() {
    check_refused(
        json!({"set": {"h": "${hole}"}}),
        b"a\n1\n",
        "`set.h` uses the variable `hole`, which the request does not give; add `?hole=…`",
    );
    check_setup_refused(
        json!({"set": {"h": "5 $"}}),
        "`set.h`: holds a `$` that begins no `${name}`; write `$$` for a `$`",
    );
    check_setup_refused(
        json!({"set": {"h": [1]}}),
        "`set.h`: is a list or an object; write a number, text, true, false or null",
    );
}

#[test]
fn columns_become_rows_row_by_row() {
    check(
        json!({"unpivot": {"name": "depth", "value": "temp", "name_pattern": "([0-9.]+)m", "name_map": {"10": "ten"}}}),
        WIDE,
        "t:str | hole:str | depth:str | temp:str\n\
         \"mon\" | \"A\" | \"0.5\" | \"1\"\n\"mon\" | \"A\" | \"ten\" | \"2\"\n\
         \"tue\" | \"A\" | \"0.5\" | -\n\"tue\" | \"A\" | \"ten\" | \"4\"",
    );
}

#[test]
fn unpivoted_columns_can_be_listed_and_kept_ones_too() {
    check(
        json!({"unpivot": {"name": "d", "value": "v", "columns": ["10m"], "keep": ["t"]}}),
        WIDE,
        "t:str | d:str | v:str\n\"mon\" | \"10m\" | \"2\"\n\"tue\" | \"10m\" | \"4\"",
    );
    check(
        json!({"unpivot": {"name": "d", "value": "v", "columns": ".*m", "keep": ["10m"]}}),
        WIDE,
        "10m:str | d:str | v:str\n\"2\" | \"0.5m\" | \"1\"\n\"4\" | \"0.5m\" | -",
    );
}

#[test]
fn unpivoted_numbers_of_several_types_become_floats() {
    let shown = run(
        json!({"unpivot": {"name": "d", "value": "v", "columns": "[abc]"}}),
        "application/json",
        br#"[{"t": 1, "a": 2, "b": 2.5}]"#,
    );
    assert_eq!(
        shown.unwrap(),
        "t:i64 | d:str | v:f64\n1 | \"a\" | 2.0\n1 | \"b\" | 2.5"
    );
}

#[test]
fn an_unpivot_that_does_not_fit_the_table_is_refused() {
    let unpivot = |unpivot: Value| json!({"unpivot": unpivot});
    check_refused(
        unpivot(json!({"name": "d", "value": "v", "columns": "x.*"})),
        WIDE,
        "`unpivot` finds no column to turn into rows; there are `t`, `hole`, `0.5m`, `10m`",
    );
    check_refused(
        unpivot(json!({"name": "d", "value": "v", "columns": ["t"], "name_pattern": "([0-9]+)m"})),
        WIDE,
        "`unpivot.name_pattern` does not match the column `t`; widen the pattern or leave the column out",
    );
    check_refused(
        unpivot(json!({"name": "hole", "value": "v", "columns": ".*m"})),
        WIDE,
        "`unpivot` gives column `hole`, which is there already; rename one of them",
    );
    check_refused(
        json!({"unpivot": {"name": "d", "value": "v", "columns": ".*m"}, "limits": {"max_cells": 15}}),
        WIDE,
        "the table has more than 15 cells; send it in parts or raise `limits.max_cells`",
    );
}

#[test]
fn an_unpivot_that_cannot_be_is_refused_with_its_key() {
    let refused =
        |unpivot: Value, expected: &str| check_setup_refused(json!({"unpivot": unpivot}), expected);
    refused(
        json!({"name": "d", "value": "v"}),
        "`unpivot.columns`: is missing; list the columns to turn into rows, or write a regular expression",
    );
    refused(
        json!({"value": "v", "columns": "a"}),
        "`unpivot.name`: is missing; write the name of the new column",
    );
    refused(
        json!({"name": "d", "value": "v", "name_pattern": "a"}),
        "`unpivot.name_pattern`: needs one capture group, as in `([0-9.]+)m`; write `(?:…)` for other groups",
    );
    refused(
        json!({"name": "d", "value": "v", "columns": "(a"}),
        "`unpivot.columns`: `(a` is not a regular expression: unclosed group",
    );
}
