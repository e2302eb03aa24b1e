//! Against what the reference of the line protocol says of each form.

use serde_json::json;

use super::super::tests::run;

fn read(line: &str) -> Result<String, String> {
    let read = run(json!({}), "text/x-line-protocol", line.as_bytes());
    read.map_err(|error| error.to_string())
}

#[test]
fn every_form_of_the_reference_is_read_as_it_says() {
    let time = "2019-05-02T16:12:41.098Z";
    for (line, expected) in [
        (
            r#"myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000"#,
            format!(
                "measurement:str | tag1:str | tag2:str | fieldKey:str | time:datetime[ns, UTC]\n\
                 \"myMeasurement\" | \"value1\" | \"value2\" | \"fieldValue\" | {time}"
            ),
        ),
        (
            r#"my\ Measurement fieldKey="string value""#,
            "measurement:str | fieldKey:str | time:datetime[ns, UTC]\n\"my Measurement\" | \"string value\" | -".into(),
        ),
        (
            r#"my\,Measurement fieldKey="\"string\" within a string""#,
            "measurement:str | fieldKey:str | time:datetime[ns, UTC]\n\
             \"my,Measurement\" | \"\\\"string\\\" within a string\" | -"
                .into(),
        ),
        (
            r"m,tag\ Key1=tag\ Value1,tag\=Key2=tag\,Value2 fieldKey=100",
            "measurement:str | tag Key1:str | tag=Key2:str | fieldKey:f64 | time:datetime[ns, UTC]\n\
             \"m\" | \"tag Value1\" | \"tag,Value2\" | 100.0 | -"
                .into(),
        ),
        (
            "m,tagKey=🍭 fieldKey=\"Launch 🚀\" 1556813561098000000",
            format!(
                "measurement:str | tagKey:str | fieldKey:str | time:datetime[ns, UTC]\n\
                 \"m\" | \"🍭\" | \"Launch 🚀\" | {time}"
            ),
        ),
        (
            r#""my measurement",a="x" b=-1.234456e+78"#,
            String::new(),
        ),
        (
            r#"m s="two \\ lines
here""#,
            "measurement:str | s:str | time:datetime[ns, UTC]\n\"m\" | \"two \\\\ lines\\nhere\" | -".into(),
        ),
        ("# a comment\n\n", String::new()),
    ] {
        // Quotes are part of names; a blank within them ends the measurement all the same.
        if line.starts_with('"') {
            assert!(read(line).is_err(), "{line}");
        } else {
            assert_eq!(read(line), Ok(expected), "{line}");
        }
    }
}

#[test]
fn values_have_the_types_of_the_reference() {
    for (value, shown) in [
        ("1.0", "f64 1.0"),
        ("1", "f64 1.0"),
        ("-1.5e-3", "f64 -0.0015"),
        ("1i", "i64 1"),
        ("-12485903i", "i64 -12485903"),
        ("9223372036854775807i", "i64 9223372036854775807"),
        ("12485903u", "u64 12485903"),
        ("18446744073709551615u", "u64 18446744073709551615"),
        ("t", "bool true"),
        ("T", "bool true"),
        ("true", "bool true"),
        ("True", "bool true"),
        ("TRUE", "bool true"),
        ("f", "bool false"),
        ("FALSE", "bool false"),
        ("\"true\"", "str \"true\""),
        ("\"\"", "str \"\""),
    ] {
        let (data_type, cell) = shown.split_once(' ').unwrap();
        let table = read(&format!("m f={value}"));
        let expected =
            format!("measurement:str | f:{data_type} | time:datetime[ns, UTC]\n\"m\" | {cell} | -");
        assert_eq!(table, Ok(expected), "{value}");
    }
    for value in [
        "NaN",
        "nan",
        "inf",
        "-Inf",
        "1.0i",
        "1.5u",
        "-1u",
        "9223372036854775808i",
        "tRUE",
        "yes",
        "'x'",
        "x",
        "",
        "1,5",
        "0x10",
        "1e999",
    ] {
        assert!(read(&format!("m f={value}")).is_err(), "{value}");
    }
}

#[test]
fn what_the_reference_does_not_allow_is_told() {
    for line in [
        "m",
        "m ",
        "m,a=1",
        "m,a= f=1",
        "m,a f=1",
        "m,=1 f=1",
        ",a=1 f=1",
        "m f=1 x",
        "m f=1 1.5",
        "m f=1 1 2",
        "m f",
        "m =1",
        "m f=1,",
        "m,a=1,a=2 f=1",
        "m f=1,f=2",
        "m f=\"x",
        "m f=\"x\"y",
    ] {
        assert!(read(line).is_err(), "{line}");
    }
}
