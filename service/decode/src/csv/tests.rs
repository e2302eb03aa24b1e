use proptest::prelude::*;
use serde_json::{Value, json};
use zarr_fuse_schemas::rules::Rules;

use super::super::Limits;
use super::super::tests::{decoding, refusal, run, show};
use super::*;

#[expect(
    clippy::needless_pass_by_value,
    reason = "calls read better with a literal"
)]
fn check(options: Value, text: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(
        run(json!({"csv": options}), "text/csv", text.as_ref()).unwrap(),
        expected
    );
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "calls read better with a literal"
)]
fn check_refused(options: Value, text: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(
        refusal(json!({"csv": options}), "text/csv", text.as_ref()),
        expected
    );
}

#[test]
fn every_cell_is_text_and_empty_ones_are_null() {
    check(
        json!({}),
        "a,b\n1,x\n,\"\"\n",
        "a:str | b:str\n\"1\" | \"x\"\n- | \"\"",
    );
}

#[test]
fn quotes_hold_delimiters_line_breaks_and_quotes() {
    check(
        json!({}),
        "a,b\n\"1,5\",\"two\nlines\"\n\"say \"\"so\"\"\",\"\"\"\"\n",
        "a:str | b:str\n\"1,5\" | \"two\\nlines\"\n\"say \\\"so\\\"\" | \"\\\"\"",
    );
}

#[test]
fn a_quote_inside_an_unquoted_cell_is_a_quote() {
    check(
        json!({}),
        "a,b\n5\" pipe,2\n",
        "a:str | b:str\n\"5\\\" pipe\" | \"2\"",
    );
}

#[test]
fn the_delimiter_is_the_most_frequent_in_the_header_outside_quotes() {
    check(
        json!({}),
        "a;\"b,c,d,e\";f\n1;2;3\n",
        "a:str | b,c,d,e:str | f:str\n\"1\" | \"2\" | \"3\"",
    );
    check(
        json!({}),
        "a\tb,c\td\n1\t2\t3\n",
        "a:str | b,c:str | d:str\n\"1\" | \"2\" | \"3\"",
    );
    check(json!({}), "a\n1\n2\n", "a:str\n\"1\"\n\"2\"");
    check(
        json!({"delimiter": "|"}),
        "a,b|c\n1|2\n",
        "a,b:str | c:str\n\"1\" | \"2\"",
    );
    check(
        json!({"delimiter": "tab"}),
        "a,b,c\td\n1\t2\n",
        "a,b,c:str | d:str\n\"1\" | \"2\"",
    );
}

#[test]
fn the_content_type_of_tabs_says_what_the_delimiter_is() {
    let shown = run(json!({}), "text/tab-separated-values", b"a,b,c\td\n1\t2\n").unwrap();
    assert_eq!(shown, "a,b,c:str | d:str\n\"1\" | \"2\"");
}

#[test]
fn a_decimal_comma_becomes_a_point_in_numbers_only() {
    check(
        json!({"decimal_comma": true}),
        "t;v\n2024-01-01T00:00:00,5;-12,5\na,b;1,5e-3\n1,2,3;,5\n\"7,25\";5\n",
        "t:str | v:str\n\"2024-01-01T00:00:00,5\" | \"-12.5\"\n\"a,b\" | \"1.5e-3\"\n\"1,2,3\" | \".5\"\n\"7.25\" | \"5\"",
    );
}

#[test]
fn a_loggers_preamble_and_unit_rows_are_passed_over() {
    let file = "\"TOA5\",\"CR1000\",\"1\"\n\"TIMESTAMP\",\"T\"\n\"TS\",\"degC\"\n\"\",\"Avg\"\n\"2024-01-01 00:00:00\",\"NAN\"\n\"2024-01-01 00:10:00\",1.5\n";
    check(
        json!({"header": 2, "skip_after_header": 2, "null_values": ["NAN"]}),
        file,
        "TIMESTAMP:str | T:str\n\"2024-01-01 00:00:00\" | -\n\"2024-01-01 00:10:00\" | \"1.5\"",
    );
}

#[test]
fn skipped_rows_comments_and_blank_lines_do_not_count() {
    check(
        json!({"skip_rows": 1, "comment": "#", "skip_after_header": 1}),
        "an \"odd line\n# comment\n\na,b\n  \n# units follow\nm,s\n1,2\n# end\n\n3,4",
        "a:str | b:str\n\"1\" | \"2\"\n\"3\" | \"4\"",
    );
}

#[test]
fn columns_without_a_header_are_named_or_numbered() {
    check(
        json!({"header": false}),
        "1,2\n3,4\n",
        "column_1:str | column_2:str\n\"1\" | \"2\"\n\"3\" | \"4\"",
    );
    check(
        json!({"header": false, "columns": ["t", "v"]}),
        "1,2\n",
        "t:str | v:str\n\"1\" | \"2\"",
    );
    check(
        json!({}),
        ",v\n1,2\n",
        "column_1:str | v:str\n\"1\" | \"2\"",
    );
}

#[test]
fn spaces_around_cells_are_dropped_unless_they_are_asked_for() {
    check(
        json!({}),
        "a , b\n1, x y \n 2 , \" q \" \n",
        "a:str | b:str\n\"1\" | \"x y\"\n\"2\" | \" q \"",
    );
    check(
        json!({"trim": false}),
        "a,b\n1, x\n",
        "a:str | b:str\n\"1\" | \" x\"",
    );
}

#[test]
fn null_values_are_compared_after_quotes_are_taken_off() {
    check(
        json!({"null_values": ["NA", "-999"]}),
        "NA,b\nNA,-999\n\"NA\",-9990\n",
        "NA:str | b:str\n- | -\n- | \"-9990\"",
    );
}

#[test]
fn null_values_that_are_numbers_mean_the_number() {
    check(
        json!({"null_values": ["-9999", "0"], "decimal_comma": true}),
        "a;b\n-9999,00;-9999,5\n-9.999e3;-99990\n\"-9999,0\";0,000\nx-9999;-9999x\n",
        "a:str | b:str\n- | \"-9999.5\"\n- | \"-99990\"\n- | -\n\"x-9999\" | \"-9999x\"",
    );
}

#[test]
fn marks_between_thousands_are_taken_out_of_numbers_alone() {
    check(
        json!({"thousands": " ", "decimal_comma": true}),
        "t;v\n2024-05-01 10:00;1 234,5\n1 2;-12\u{a0}345\n1 2345;1\u{202f}234\u{202f}567,25e3\n",
        "t:str | v:str\n\"2024-05-01 10:00\" | \"1234.5\"\n\"1 2\" | \"-12345\"\n\"1 2345\" | \"1234567.25e3\"",
    );
    check(
        json!({"thousands": ","}),
        "a;b\n1,234.5;12,34\n",
        "a:str | b:str\n\"1234.5\" | \"12,34\"",
    );
    check(
        json!({"thousands": ".", "decimal_comma": true, "delimiter": ";"}),
        "a;b\n1.234;1.234.567,5\n",
        "a:str | b:str\n\"1234\" | \"1234567.5\"",
    );
}

#[test]
fn columns_may_be_aligned_with_blanks() {
    let expected = "time:str | wind:str | wave:str\n\"10:00\" | \"4.5\" | \"1.2\"\n\"11:00\" | \"12.0\" | -\n\
         lost line 4 has 2 cells, but there are 3 columns; the row is left out (`12:00    3.0`)";
    for delimiter in ["blanks", " "] {
        check(
            json!({"delimiter": delimiter, "null_values": ["MM"]}),
            "  time     wind  wave\r\n10:00 \t 4.5   1.2  \r\n 11:00   12.0 \"MM\"\r\n12:00    3.0\r\n",
            expected,
        );
    }
}

#[test]
fn a_header_may_have_several_lines() {
    check(
        json!({"header": [1, 2, 4]}),
        "soil,,air,\n5 cm,10 cm,2 m,\nwhatever\nT,T,T,RH\n1,2,3,4\n",
        "soil 5 cm T:str | soil 10 cm T:str | air 2 m T:str | air 2 m RH:str\n\"1\" | \"2\" | \"3\" | \"4\"",
    );
}

#[test]
fn every_kind_of_line_break_ends_a_row() {
    for text in [
        "a,b\r\n1,2\r\n3,\"4\"\r\n",
        "a,b\r1,2\r3,4\r",
        "a,b\n1,2\n3,4",
    ] {
        check(
            json!({}),
            text,
            "a:str | b:str\n\"1\" | \"2\"\n\"3\" | \"4\"",
        );
    }
}

#[test]
fn an_empty_file_is_an_empty_table_and_a_header_alone_has_no_rows() {
    check(json!({}), "", "");
    check(json!({}), "\n\r\n", "");
    check(json!({}), "a,b", "a:str | b:str");
    check(json!({}), "a,b\r\n", "a:str | b:str");
}

#[test]
fn encodings_are_those_configured_or_marked() {
    check(
        json!({"encoding": "windows-1250"}),
        b"m\xecsto\nPlze\xf2\n",
        "město:str\n\"Plzeň\"",
    );
    check(
        json!({"encoding": "windows-1250"}),
        b"\xef\xbb\xbfa\n\xc4\x8d\n",
        "a:str\n\"č\"",
    );
    check(json!({}), b"\xff\xfea\0\n\0b\0\n\0", "a:str\n\"b\"");
    let shown = run(json!({}), "text/csv; charset=\"iso-8859-2\"", b"a\n\xe8\n").unwrap();
    assert_eq!(shown, "a:str\n\"č\"");
}

#[test]
fn bytes_that_are_no_text_are_refused_with_a_remedy() {
    check_refused(
        json!({}),
        b"a,b\n1,\xe8\n",
        "byte 6 is not valid UTF-8; name the encoding in `csv.encoding` (such as `windows-1250`), or send UTF-8",
    );
    assert_eq!(
        refusal(json!({}), "text/csv; charset=klingon", b"a\n"),
        "charset `klingon` is unknown; use a name such as `utf-8` or `windows-1250`"
    );
}

#[test]
fn a_row_with_too_many_or_too_few_cells_is_named() {
    check(
        json!({"comment": "#"}),
        "a,b\n# c\n1,2\n1,2,3\n3,4\n",
        "a:str | b:str\n\"1\" | \"2\"\n\"3\" | \"4\"\n\
         lost line 4 has 3 cells, but there are 2 columns; the row is left out (`1,2,3`)",
    );
    check_refused(
        json!({}),
        "a\tb\n1\n1\t2\t3",
        "row 1 (line 2) has 1 cells, but there are 2 columns; check the delimiter `\\t` and quotes, and that the file is complete",
    );
}

#[test]
fn empty_cells_beyond_the_last_column_hold_nothing_to_lose() {
    check(
        json!({}),
        "a,b\n1,2,\n3,4,,\n",
        "a:str | b:str\n\"1\" | \"2\"\n\"3\" | \"4\"",
    );
}

#[test]
fn quotes_that_do_not_end_are_named() {
    check_refused(
        json!({}),
        "a,b\n1,\"2\n",
        "the quote opened on line 2 is never closed; double quotes inside cells, or set `csv.quote: \"\"`",
    );
    check_refused(
        json!({}),
        "a,b\n1,\"2\"x\n",
        "line 2 has text after a closing quote; double quotes inside cells, or set `csv.quote: \"\"`",
    );
    check(
        json!({"quote": ""}),
        "a,b\n1,\"2\"x\n",
        "a:str | b:str\n\"1\" | \"\\\"2\\\"x\"",
    );
}

#[test]
fn columns_of_one_name_are_told_apart() {
    check(
        json!({}),
        "a,b,a\n1,2,3\n",
        "a (column 1):str | b:str | a (column 3):str\n\"1\" | \"2\" | \"3\"",
    );
    check_refused(
        json!({"header": false, "columns": ["a", "a"]}),
        "1,2\n",
        "column `a` occurs twice (columns 1 and 2); give every column a name of its own",
    );
}

#[test]
fn a_header_beyond_the_end_is_refused() {
    check_refused(
        json!({"header": 4}),
        "a,b\n1,2\n",
        "the file has 2 lines before its end, but `csv.header` expects the names of the columns on line 4",
    );
}

#[test]
fn columns_and_cells_are_bounded() {
    let bounded =
        |limits: Value, text: &str| refusal(json!({"limits": limits}), "text/csv", text.as_bytes());
    assert_eq!(
        bounded(json!({"max_columns": 3}), "a,b,c,d\n"),
        "there are more than 3 columns; check the delimiter, or raise `limits.max_columns`"
    );
    assert_eq!(
        bounded(json!({"max_cells": 5}), "a,b\n1,2\n1,2\n1,2\n"),
        "the table has more than 5 cells; send it in parts or raise `limits.max_cells`"
    );
}

#[test]
fn options_that_cannot_be_are_refused_with_their_key() {
    let refused = |options: Value| {
        decoding(json!({"csv": options}))
            .prepare(std::path::Path::new("."))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(json!({"delimiter": "ab"})),
        "`csv.delimiter`: `ab` is not one ASCII character; write `,`, `;`, `|`, `tab` or `blanks`"
    );
    assert_eq!(
        refused(json!({"encoding": "latin"})),
        "`csv.encoding`: `latin` is unknown; write a name such as `utf-8` or `windows-1250`"
    );
    assert_eq!(
        refused(json!({"header": 0})),
        "`csv.header`: lines are counted from 1; write 1 or more, or a list such as `[1, 2]`"
    );
    assert_eq!(
        refused(json!({"header": [2, 1]})),
        "`csv.header`: is no list of ascending lines; write 1 or more, or a list such as `[1, 2]`"
    );
    assert_eq!(
        refused(json!({"thousands": ","  , "decimal_comma": true})),
        "`csv.thousands`: `,` cannot separate digits here; write a mark that is no part of numbers"
    );
    assert_eq!(
        refused(json!({"columns": ["a"]})),
        "`csv.columns`: names columns that have a header; set `header: false`, or use `rename`"
    );
    assert_eq!(
        refused(json!({"delimiter": ",", "decimal_comma": true})),
        "`csv.decimal_comma`: `,` is the delimiter too; set `delimiter: \";\"`"
    );
}

/// Cells of a small table: `None` is an empty cell.
fn tables() -> impl Strategy<Value = Vec<Vec<Option<String>>>> {
    let cell = || proptest::option::of("[a1 ,;\"\n\r\té#-]{0,6}");
    (2_usize..5).prop_flat_map(move |width| {
        proptest::collection::vec(proptest::collection::vec(cell(), width), 0..30)
    })
}

/// Writes every cell that has a value in quotes.
fn written(table: &[Vec<Option<String>>], width: usize, line_break: &str) -> String {
    let mut text = (0..width)
        .map(|idx| format!("c{idx}"))
        .collect::<Vec<_>>()
        .join(",")
        + line_break;
    for row in table {
        let cells = row.iter().map(|cell| match cell {
            None => String::new(),
            Some(value) => format!("\"{}\"", value.replace('"', "\"\"")),
        });
        text += &(cells.collect::<Vec<_>>().join(",") + line_break);
    }
    text
}

fn read_parts(text: &str, n_parts: usize) -> Result<String, DecodeError> {
    let dialect = Dialect::of(&super::super::CsvOptions::default(), "csv", Rules::Second).unwrap();
    Ok(show(&read_text(
        text,
        &dialect,
        None,
        &Budget::new(&Limits::default()),
        n_parts,
    )?))
}

proptest! {
    #[test]
    fn what_a_simple_writer_writes_reads_back_equal(table in tables(), crlf: bool, n_parts in 1_usize..6) {
        let width = table.first().map_or(2, Vec::len);
        let text = written(&table, width, if crlf { "\r\n" } else { "\n" });
        let dialect = Dialect::of(&super::super::CsvOptions::default(), "csv", Rules::Second).unwrap();
        let frame = read_text(&text, &dialect, None, &Budget::new(&Limits::default()), n_parts).unwrap();
        prop_assert_eq!(frame.height(), table.len());
        for (idx, column) in frame.columns().iter().enumerate() {
            let read: Vec<_> = column.str().unwrap().iter().map(|cell| cell.map(str::to_owned)).collect();
            let expected: Vec<_> = table.iter().map(|row| row[idx].clone()).collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn reading_in_parts_gives_what_reading_in_one_go_gives(text in "[ab1 ,\"\n]{0,200}", n_parts in 2_usize..9) {
        let whole = read_parts(&text, 1).map_err(|error| error.to_string());
        prop_assert_eq!(read_parts(&text, n_parts).map_err(|error| error.to_string()), whole);
    }

    #[test]
    fn any_bytes_give_a_table_or_an_error(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        header in 0_usize..4,
        skip_rows in 0_usize..3,
        skip_after_header in 0_usize..3,
        comma: bool,
    ) {
        let header = if header == 0 { json!(false) } else { json!(header) };
        let options = json!({
            "header": header, "skip_rows": skip_rows, "skip_after_header": skip_after_header,
            "decimal_comma": comma, "comment": "#", "encoding": "windows-1252",
        });
        let _ = run(json!({"csv": options}), "text/csv", &body);
    }
}
