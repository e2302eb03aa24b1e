//! Numbers with a point in a file with decimal commas: `1.234` may be a thousand and more.

use regex::Regex;

/// What is to be said of a file with decimal commas of which nobody says what separates thousands.
pub(super) fn warning(text: &str, delimiter: u8) -> Option<String> {
    let edge = format!("[{}\"]", regex::escape(&char::from(delimiter).to_string()));
    let pattern =
        format!(r"(?m)(?:^|{edge}) *([+-]?[0-9]{{1,3}}(?:\.[0-9]{{3}})+) *(?:{edge}|\r?$)");
    let found = Regex::new(&pattern).ok()?.captures(text)?;
    let cell = found.get(1)?.as_str();
    Some(format!(
        "numbers such as `{cell}` were taken to have a decimal point, although `csv.decimal_comma` is set; if the point separates \
         thousands, set `csv.thousands: \".\"`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_may_separate_thousands_are_told() {
        for text in [
            "a;b\n1,5;1.234\n",
            "1.234;2",
            "a;\"12.345.678\";c",
            "x\r\n1.234\r\n",
        ] {
            assert!(warning(text, b';').is_some(), "{text}");
        }
        for text in [
            "a;b\n1,5;12.5\n",
            "2024.05.01;1",
            "1.2345;1",
            "1234.567",
            "v1.234;2",
            "1.234,5",
        ] {
            assert!(warning(text, b';').is_none(), "{text}");
        }
    }
}
