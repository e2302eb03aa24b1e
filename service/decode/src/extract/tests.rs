use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::tests::{decoding, refusal, run};

fn check(program: &str, input: &str, expected: &str) {
    let configuration = json!({"extract": {"program": program}});
    assert_eq!(
        run(configuration, "application/json", input.as_bytes()).unwrap(),
        expected
    );
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "calls read better with a literal"
)]
fn refused(program: &str, input: &str, limits: Value) -> String {
    refusal(
        json!({"extract": {"program": program}, "limits": limits}),
        "application/json",
        input.as_bytes(),
    )
}

fn setup_refused(program: &str) -> String {
    decoding(json!({"extract": {"program": program}}))
        .prepare(std::path::Path::new("."))
        .unwrap_err()
        .to_string()
}

#[test]
fn outputs_are_records_or_arrays_of_records() {
    check(
        ".data[] | {t, v: .x}",
        r#"{"data": [{"t": "a", "x": 1}, {"t": "b", "x": 2}]}"#,
        "t:str | v:i64\n\"a\" | 1\n\"b\" | 2",
    );
    check("[.[] | {v: .}], {v: 0}", "[1, 2]", "v:i64\n1\n2\n0");
    check("empty", "[1, 2]", "");
}

#[test]
fn any_nesting_that_a_program_has_room_for_compiles_or_is_refused() {
    let longest = 32 << 10;
    for part in [
        "(", "[", "{a:", "-", "def f: ", "\"\\(", "if ", "try ", ". as [", "1 + ",
    ] {
        let open = part.repeat(longest / part.len());
        assert!(setup_refused(&open).contains("expected"), "{part}");
    }
    let half = longest / 2 - 4;
    check(
        &format!("{}{{a: 1}}{}", "(".repeat(half), ")".repeat(half)),
        "null",
        "a:i64\n1",
    );
    let negated = format!("{}1", "-".repeat(longest - 1));
    assert!(refused(&negated, "null", json!({})).contains("too deep"));
    assert_eq!(
        setup_refused(&" ".repeat(longest + 1)),
        "extract.program:1:1: it has 32769 bytes, more than the 32768 a program may have; put tables into `lookup` files"
    );
}

#[test]
fn what_a_program_builds_may_be_deep() {
    check(
        "reduce range(5000000) as $i (0; [.]) | {v: 1}",
        "null",
        "v:i64\n1",
    );
}

#[test]
fn numbers_that_the_program_does_not_touch_stay_exact() {
    check(
        "{v: .}",
        "18446744073709551615",
        "v:u64\n18446744073709551615",
    );
    check("{v: .}", "0.1000", "v:f64\n0.1");
    check("{v: (\"007.5\" | tonumber)}", "null", "v:f64\n7.5");
    check("{v: nan, w: infinite}", "null", "v:str | w:str\n- | -");
}

#[test]
fn the_variables_of_the_request_are_there() {
    check(
        "{site: $vars.site, n: ($vars.n + 1), none: $vars.other}",
        "{}",
        "site:str | n:i64 | none:str\n\"A\" | 4 | -",
    );
}

#[test]
fn every_line_of_ndjson_is_an_input() {
    let configuration = json!({"extract": {"program": ".[] | {v: .}"}});
    let shown = run(
        configuration.clone(),
        "application/x-ndjson",
        b"[1, 2]\n\n[3]\n",
    )
    .unwrap();
    assert_eq!(shown, "v:i64\n1\n2\n3");
    assert_eq!(
        refusal(
            configuration.clone(),
            "application/x-ndjson",
            b"[1, 2]\n3\n"
        ),
        "line 2: the extraction program failed after 2 outputs: cannot use 3 as iterable (array or object)"
    );
    assert_eq!(
        refusal(configuration, "application/x-ndjson", b"[1]\n[1, # no\n"),
        "line 2, column 5: not valid JSON: expected value"
    );
}

#[test]
fn a_program_needs_json() {
    assert_eq!(
        refusal(json!({"extract": {"program": "."}}), "text/csv", b"a\n1\n"),
        "`extract` needs JSON, but the body is Csv; send JSON or remove `extract` from the endpoint"
    );
}

#[test]
fn outputs_that_are_no_records_are_named() {
    let advice = "it must give records (objects) or arrays of records";
    assert_eq!(
        refused(".[]", "[{}, 5]", json!({})),
        format!("output 2 of the extraction program: it is a number; {advice}")
    );
    assert_eq!(
        refused("[{v: 1}, null]", "0", json!({})),
        format!("output 1 of the extraction program: element 2: it is null; {advice}")
    );
    assert_eq!(
        refused("{(1): 2}", "0", json!({})),
        "output 1 of the extraction program: it holds an object with a key that is not text; write `(… | tostring)`; \
         it must give records (objects) or arrays of records"
    );
    assert_eq!(
        refused("error(\"no data\")", "0", json!({})),
        "the extraction program failed after 0 outputs: no data"
    );
}

#[test]
fn programs_that_do_not_end_are_stopped() {
    let limits = json!({"max_program_steps": 200_000});
    let steps = "the extraction program took more than 200000 steps; look for a loop without an end, \
                 or raise `limits.max_program_steps`";
    for program in [
        "[range(1e12)]",
        "def f: f; f",
        "repeat(1) | empty",
        "[repeat(.)]",
        "until(false; . + 1)",
        "last(range(infinite))",
    ] {
        assert_eq!(refused(program, "0", limits.clone()), steps, "{program}");
    }
    assert_eq!(
        refused(
            "def f: f; f",
            "0",
            json!({"max_program_steps": u64::MAX, "program_timeout_ms": 50})
        ),
        "the extraction program took longer than 50 ms; look for a loop without an end, or raise `limits.program_timeout_ms`"
    );
}

#[test]
fn deep_recursion_is_an_error_and_no_crash() {
    for program in [
        "def f: 1 + f; f",
        "def f($n): [f($n + 1)]; f(0)",
        "[recurse(.)] | empty",
        "def f: f | f; f",
    ] {
        let message = refused(program, "0", json!({"max_program_steps": 20_000_000}));
        let stopped =
            message.contains("calls itself too deeply") || message.contains("took more than");
        assert!(stopped, "{program}: {message}");
    }
    assert_eq!(
        refused("reduce range(1000) as $i (0; [.]) | {v: .}", "0", json!({})),
        "output 1 of the extraction program: it is nested more than 128 deep; give flatter records; \
         it must give records (objects) or arrays of records"
    );
    assert!(
        refused("{v: (\"[\" * 100000 | fromjson)}", "0", json!({}))
            .contains("nested more than 128 deep")
    );
}

#[test]
fn output_is_bounded() {
    assert_eq!(
        refused(
            "range(1000) | {v: .}",
            "0",
            json!({"max_program_output_bytes": 1000})
        ),
        "the extraction program gave more than 1000 bytes; raise `limits.max_program_output_bytes`"
    );
}

#[test]
fn programs_see_nothing_but_their_input() {
    for name in [
        "env",
        "now",
        "localtime",
        "input",
        "halt",
        "debug",
        "input_filename",
        "stderr",
    ] {
        let message = setup_refused(&format!("{{v: 1}} |\n {name}"));
        assert!(message.starts_with("extract.program:2:2: "), "{message}");
    }
    assert_eq!(
        setup_refused("now"),
        "extract.program:1:1: `now` is not available; programs see only their input and `$vars`"
    );
    assert!(
        setup_refused("$ENV").contains("undefined variable `$ENV`"),
        "{}",
        setup_refused("$ENV")
    );
    assert!(setup_refused("include \"a\"; .").contains("modules are not available"));
}

#[test]
fn a_fault_of_a_program_is_named_with_line_and_column() {
    assert_eq!(
        setup_refused(".a |\n  foo(1)"),
        "extract.program:2:3: undefined filter `foo`; check the spelling, or define it with `def`"
    );
    assert_eq!(
        setup_refused("[.a"),
        "extract.program:1:4: expected closing bracket"
    );
    assert_eq!(
        setup_refused("if . then 1"),
        "extract.program:1:12: expected else or end, but the program ends"
    );
}

#[test]
fn our_range_and_fromjson_do_what_those_of_jq_do() {
    check(
        "{a: [range(3)], b: [range(2; 0; -1)], c: [range(0; 1; 0.25)], d: [range(1; 1; 0)], e: (\"[1]\" | fromjson)}",
        "0",
        "a:str | b:str | c:str | d:str | e:str\n\"[0,1,2]\" | \"[2,1]\" | \"[0,0.25,0.5,0.75]\" | \"[]\" | \"[1]\"",
    );
}

#[test]
fn a_decoder_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<super::super::Decoder>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_program_gives_a_table_or_an_error(program in "[.|,\\[\\]{}()a-c0-9\" :;$?+*/=-]{0,40}", input in "[\\[\\]{}\",:0-9a ]{0,40}") {
        let configuration = decoding(json!({"extract": {"program": program}, "limits": {"max_program_steps": 10_000}}));
        if configuration.prepare(std::path::Path::new(".")).is_ok() {
            let _ = run(serde_json::to_value(configuration).unwrap(), "application/json", input.as_bytes());
        }
    }
}
