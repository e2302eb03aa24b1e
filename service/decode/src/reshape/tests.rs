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
fn a_name_that_no_column_has_is_a_pattern() {
    check(
        json!({"rename": {"Date Time, .*": "time", "Temp_([0-9]+)": "T$1"}}),
        b"\"Date Time, GMT+02:00\",Temp_5,Temp_10\n1,2,3\n",
        "time:str | T5:str | T10:str\n\"1\" | \"2\" | \"3\"",
    );
    check(
        json!({"rename": {"T.C": "t"}}),
        b"TxC,T.C\n1,2\n",
        "TxC:str | t:str\n\"1\" | \"2\"",
    );
    check_refused(
        json!({"rename": {"T.*": "t"}}),
        b"T1,T2\n1,2\n",
        "`rename` with `T.*` matches `T1`, `T2`; write a pattern that matches one, or `$1` in the new name",
    );
    check_refused(
        json!({"rename": {"(x": "t"}}),
        b"a\n1\n",
        "`rename` names column `(x`, which is not there; there are `a`",
    );
}

#[test]
fn columns_are_joined() {
    check(
        json!({"join": {"time": "{Date} {Time}"}, "set": {"Date": "2024-05-01"}}),
        b"Date,Time\nx,10:00\ny,\n",
        "Date:str | Time:str | time:str\n\"2024-05-01\" | \"10:00\" | \"2024-05-01 10:00\"\n\"2024-05-01\" | - | -",
    );
    check(
        json!({"join": {"t": "{y} {d:03} {h:04}{{}}"}}),
        b"y,d,h\n2024,5,30\n2024,122.0,1230\n",
        "y:str | d:str | h:str | t:str\n\"2024\" | \"5\" | \"30\" | \"2024 005 0030{}\"\n\
         \"2024\" | \"122.0\" | \"1230\" | \"2024 122 1230{}\"",
    );
    check_refused(
        json!({"join": {"t": "{d:03}"}}),
        b"d\n1\n1.5\n",
        "row 2: `1.5` in column `d` is no whole number, which `join.t` fills with zeros",
    );
    check_refused(
        json!({"join": {"t": "{x}"}}),
        b"d\n1\n",
        "`join` names column `x`, which is not there; there are `d`",
    );
    check_setup_refused(
        json!({"join": {"t": "{x"}}),
        "`join.t`: holds a brace that begins no `{column}`; write `{{` for a brace",
    );
    check_setup_refused(
        json!({"join": {"t": "x"}}),
        "`join.t`: names no column; write `{column}`, or use `set` for a constant",
    );
}

#[test]
fn rows_are_chosen() {
    check(
        json!({"rows": {"s": ["A", "B"], "q": 0}}),
        b"s,q,v\nA,0,1\nA,1,2\nB,0.0,3\nC,0,4\n,0,5\n",
        "s:str | q:str | v:str\n\"A\" | \"0\" | \"1\"\n\"B\" | \"0.0\" | \"3\"",
    );
}

#[test]
fn quantities_in_a_column_get_columns_of_their_own() {
    let rows = b"s,e,v\nA,T,1\nA,H,2\nB,T,3\nB,X,4\nB,,5\n";
    check(
        json!({"pivot": {"name": "e", "value": "v"}}),
        rows,
        "s:str | T:str | H:str | X:str\n\"A\" | \"1\" | - | -\n\"A\" | - | \"2\" | -\n\"B\" | \"3\" | - | -\n\
         \"B\" | - | - | \"4\"\n\"B\" | - | - | -",
    );
    check(
        json!({"pivot": {"name": "e", "value": "v", "only": ["H"]}}),
        rows,
        "s:str | H:str\n\"A\" | \"2\"",
    );
    check_refused(
        json!({"pivot": {"name": "e", "value": "v"}}),
        b"s,e,v\nA,s,1\n",
        "`pivot` gives column `s`, which is there already; rename one of them",
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
