//! One damaged record costs that record, and is told.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{refusal, run};

#[track_caller]
fn check(configuration: Value, content_type: &str, body: &str, expected: &str) {
    assert_eq!(
        run(configuration, content_type, body.as_bytes()).unwrap(),
        expected
    );
}

#[test]
fn damaged_lines_of_csv_are_left_out() {
    check(
        json!({}),
        "text/csv",
        "a,b\n1,2\n3\n\0\0\0\n4,\"5\n6,7\n8,\"9\"x\n10,11\n12,\"13\n14\"\n15,\"open\n",
        "a:str | b:str\n\"1\" | \"2\"\n\"6\" | \"7\"\n\"10\" | \"11\"\n\"12\" | \"13\\n14\"\n\
         lost line 3 has 1 cells, but there are 2 columns; the row is left out (`3`)\n\
         lost line 4 holds NUL bytes, as after a loss of power; the line is left out (`␀␀␀`)\n\
         lost line 5 has text after a closing quote; the line is left out (`4,\"5`)\n\
         lost line 7 has text after a closing quote; the line is left out (`8,\"9\"x`)\n\
         lost line 11 opens a quote that is never closed; the line is left out (`15,\"open`)",
    );
}

#[test]
fn a_file_in_which_every_row_is_damaged_is_refused() {
    assert_eq!(
        refusal(json!({}), "text/csv", b"a,b\n\0,1\n2,\0\n"),
        "line 2 holds NUL bytes, and so does every row; send the text itself, or name its encoding in `csv.encoding`"
    );
    assert_eq!(
        refusal(
            json!({}),
            "text/x-line-protocol",
            b"air temp=x 1\nair temp=NaN 2\n"
        ),
        "line protocol: line 1: field `temp` is `x`, which is no number, truth value or text in quotes; \
         write `measurement,tag=value field=value timestamp`"
    );
}

#[test]
fn short_rows_are_filled_if_that_is_meant() {
    let rows = "1,2,3\n4\n5,6\n7,8,9,10\n11";
    let lost = "lost line 4 has 4 cells, but there are 3 columns; the row is left out (`7,8,9,10`)\n\
         lost line 5 has 1 cells, but there are 3 columns; the row is left out (`11`)";
    let table = "a:str | b:str | c:str\n\"1\" | \"2\" | \"3\"\n\"4\" | - | -\n\"5\" | \"6\" | -";
    let csv = |short_rows: Value| json!({"csv": {"header": false, "columns": ["a", "b", "c"], "short_rows": short_rows}});
    check(
        csv(json!("fill")),
        "text/csv",
        rows,
        &format!("{table}\n{lost}"),
    );
    check(
        csv(json!(null)),
        "text/csv",
        rows,
        &format!(
            "{table}\n{lost}\nwarning 2 rows have fewer cells than there are columns, which have no value there; set \
             `csv.short_rows: fill` if that is meant, else `reject`"
        ),
    );
    check(
        csv(json!("reject")),
        "text/csv",
        "1,2,3\n4\n",
        "a:str | b:str | c:str\n\"1\" | \"2\" | \"3\"\n\
         lost line 2 has 1 cells, but there are 3 columns; the row is left out (`4`)",
    );
}

const HEADER: &str = "\"TOA5\",\"CR1000\"\n\"TIMESTAMP\",\"T\"\n\"TS\",\"degC\"\n\"\",\"Avg\"\n";

#[test]
fn the_header_of_a_logger_may_come_again() {
    let other = HEADER.replace("\"T\"", "\"RH\"");
    let file = format!(
        "{HEADER}\"a\",1\n\"b\",\"NAN\"\n{HEADER}\"c\"\n\"d\",4\n{other}\"e\",5\n\"f\",6\n"
    );
    check(
        json!({}),
        "text/csv",
        &file,
        "TIMESTAMP:str | T:str\n\"a\" | \"1\"\n\"b\" | -\n\"d\" | \"4\"\n\
         lost line 11 has 1 cells, but there are 2 columns; the row is left out (`\"c\"`)\n\
         lost line 13 begins another table, with other columns; its 2 rows are left out: send it as a file of its own \
         (`\"TOA5\",\"CR1000\"`)",
    );
}

#[test]
fn a_point_that_breaks_the_rules_is_left_out() {
    check(
        json!({}),
        "text/x-line-protocol",
        "air,s=A temp=1.5 1714521600000000000\nair,s=B temp=3°C,hum=1 1\n\n# note\nair,s=C temp=NaN 2\nair,s=D temp=\"x 3\n\
         air,s=E temp=1,temp=2 4\nair,s=F s=1 5\nair,s=G temp=4.5 1714521601000000000",
        "measurement:str | s:str | temp:f64 | time:datetime[ns, UTC]\n\
         \"air\" | \"A\" | 1.5 | 2024-05-01T00:00:00Z\n\"air\" | \"G\" | 4.5 | 2024-05-01T00:00:01Z\n\
         lost line protocol: line 2: field `temp` is `3°C`, which is no number, truth value or text in quotes; \
         write `measurement,tag=value field=value timestamp`; the point is left out (`air,s=B temp=3°C,hum=1 1`)\n\
         lost line protocol: line 5: field `temp` is `NaN`, which is no number, truth value or text in quotes; \
         write `measurement,tag=value field=value timestamp`; the point is left out (`air,s=C temp=NaN 2`)\n\
         lost line protocol: line 6: the quotes of field `temp` do not end; \
         write `measurement,tag=value field=value timestamp`; the point is left out (`air,s=D temp=\"x 3`)\n\
         lost line protocol: line 7: `temp` stands there twice; give each value a name of its own; the point is left out \
         (`air,s=E temp=1,temp=2 4`)\n\
         lost line protocol: line 8: `s` is a tag and a field; give one of them another name; the point is left out \
         (`air,s=F s=1 5`)",
    );
}

#[test]
fn measurements_are_chosen() {
    check(
        json!({"line_protocol": {"measurements": ["soil"]}}),
        "text/x-line-protocol",
        "air t=1 1\nsoil t=\"x\" 2\n",
        "measurement:str | t:str | time:datetime[ns, UTC]\n\"soil\" | \"x\" | 1970-01-01T00:00:00.000000002Z",
    );
}

#[test]
fn a_line_that_is_no_record_is_left_out() {
    check(
        json!({}),
        "application/x-ndjson",
        "{\"a\": 1, \"b\": 2}\n{\"c\": 5, \"a\": \n[1]\n{\"a\": 1, \"a\": 2}\n{\"a\": 3}\n",
        "a:i64 | b:i64\n1 | 2\n3 | -\n\
         lost line 2, column 14: not valid JSON: EOF while parsing a value; the line is left out (`{\"c\": 5, \"a\": `)\n\
         lost line 3 is an array, not a record; records are objects such as {\"depth\": 1.5}; the line is left out (`[1]`)\n\
         lost record 1 has `a` twice; give each value a key of its own; the line is left out (`{\"a\": 1, \"a\": 2}`)",
    );
    assert_eq!(
        refusal(
            json!({}),
            "application/json",
            br#"[{"a": 1}, {"a": 1, "a": 2}]"#
        ),
        "record 2 has `a` twice; give each value a key of its own"
    );
}

proptest! {
    /// Whatever is wrong with one line, the others are what they are without it.
    #[test]
    fn a_damaged_line_costs_itself(
        rows in proptest::collection::vec("[0-9]{1,4}", 1..20),
        at in 0_usize..20,
        damaged in prop::sample::select(vec!["1", "1,2,3", "\0\0", "1,\"2\"x", "\"1,2", "\0,1"]),
    ) {
        let line = |row: &String| format!("{row},{row}\n");
        let sound: String = rows.iter().map(line).collect();
        let at = at.min(rows.len());
        let mut lines: Vec<String> = rows.iter().map(line).collect();
        lines.insert(at, format!("{damaged}\n"));
        let read = |text: &str| run(json!({}), "text/csv", format!("a,b\n{text}").as_bytes());
        let with = read(&lines.concat()).unwrap();
        let (table, lost) = with.split_once("\nlost ").unwrap();
        prop_assert_eq!(table, read(&sound).unwrap());
        let place = format!("line {} ", at + 2);
        prop_assert!(lost.starts_with(&place), "{}", lost);
    }
}
