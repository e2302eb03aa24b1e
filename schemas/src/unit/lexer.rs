//! The tokens of a unit expression.

/// A piece of a unit expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Number(f64),
    Times,
    Over,
    Power,
    Open,
    Close,
    /// A power right behind what it belongs to: `s-1`, `m²`.
    Exponent(f64),
}

/// Cuts `text` into tokens; `deg C` is one name.
///
/// # Errors
/// The character that has no meaning in a unit.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, char> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    let mut adjacent = false;
    while let Some(first) = rest.chars().next() {
        let before = tokens.last();
        let raised = adjacent && matches!(before, Some(Token::Name(_) | Token::Close));
        let signed = raised || matches!(before, Some(Token::Power | Token::Open));
        let (token, length) = if let Some((value, length)) = number(rest, signed) {
            (
                if raised {
                    Token::Exponent(value)
                } else {
                    Token::Number(value)
                },
                length,
            )
        } else if is_name_start(first) {
            let length = rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
            let name = &rest[..length];
            let token = match (name, tokens.last()) {
                ("per", _) => Token::Over,
                ("C" | "F", Some(Token::Name(degree))) if is_degree(degree) => {
                    tokens.pop();
                    Token::Name(format!("deg {name}"))
                }
                _ => Token::Name(name.to_owned()),
            };
            (token, length)
        } else if let Some((power, length)) = superscript(rest) {
            (Token::Exponent(power.into()), length)
        } else if rest.starts_with("**") {
            (Token::Power, 2)
        } else {
            let token = match first {
                '*' | '·' | '×' | '⋅' | '.' => Token::Times,
                '/' | '÷' => Token::Over,
                '^' => Token::Power,
                '(' => Token::Open,
                ')' => Token::Close,
                _ => return Err(first),
            };
            (token, first.len_utf8())
        };
        tokens.push(token);
        let behind = &rest[length..];
        rest = behind.trim_start();
        adjacent = rest.len() == behind.len();
    }
    Ok(tokens)
}

fn is_degree(name: &str) -> bool {
    matches!(name, "deg" | "degree" | "degrees" | "°")
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '%' | '‰' | '°' | '\'' | '"' | '′' | '″')
}

/// Digits belong to the name: `m2` and `cmH2O` are told apart later.
fn is_name_part(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit()
}

/// A number at the start of `text`; with a sign only where a power may stand, as in `s-1`.
fn number(text: &str, signed: bool) -> Option<(f64, usize)> {
    let mut length = usize::from(signed && text.starts_with(['-', '+']));
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(length);
    length += whole;
    let mut n_digits = whole;
    if text[length..].starts_with('.') {
        let fraction = digits(length + 1);
        // A dot without digits behind it is a product.
        if fraction > 0 {
            n_digits += fraction;
            length += 1 + fraction;
        }
    }
    if n_digits == 0 {
        return None;
    }
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['-', '+']));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    Some((text[..length].parse().ok()?, length))
}

fn superscript(text: &str) -> Option<(i8, usize)> {
    let mut digits = String::new();
    let mut length = 0;
    for c in text.chars() {
        let plain = match c {
            '⁻' => '-',
            '⁺' => '+',
            '⁰' => '0',
            '¹' => '1',
            '²' => '2',
            '³' => '3',
            '⁴' => '4',
            '⁵' => '5',
            '⁶' => '6',
            '⁷' => '7',
            '⁸' => '8',
            '⁹' => '9',
            _ => break,
        };
        digits.push(plain);
        length += c.len_utf8();
    }
    Some((digits.parse().ok()?, length))
}
