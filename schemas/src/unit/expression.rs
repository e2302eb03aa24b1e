//! Products of units: grammar, value, CF spelling.

use super::lexer::{Token, tokens};
use super::table::{self, Named};
use super::{Dimension, UnitError};

/// Longest unit text.
const MAX_CHARS: usize = 200;
/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 16;
/// Largest power.
const MAX_POWER: i8 = 12;

/// Numbers times units to powers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Product {
    scale: f64,
    factors: Vec<(Named, i8)>,
}

/// What a product is worth in SI base units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantity {
    pub(super) dimension: Dimension,
    pub(super) factor: f64,
    pub(super) offset: f64,
}

impl Product {
    const ONE: Self = Self {
        scale: 1.0,
        factors: Vec::new(),
    };

    pub(super) fn parse(written: &str) -> Result<Self, UnitError> {
        let syntax = |reason: String| UnitError::Syntax {
            written: super::super::yaml::shorten(written),
            reason,
        };
        if written.chars().count() > MAX_CHARS {
            return Err(syntax(format!("it is longer than {MAX_CHARS} characters")));
        }
        let tokens =
            tokens(written).map_err(|c| syntax(format!("`{c}` has no meaning in a unit")))?;
        let mut parser = Parser {
            written,
            tokens: &tokens,
            position: 0,
        };
        let product = parser.product(0)?;
        match parser.peek() {
            None => Ok(product),
            Some(_) => Err(syntax("a `)` has no `(` before it".to_owned())),
        }
    }

    pub(super) fn quantity(&self, written: &str) -> Result<Quantity, UnitError> {
        let mut dimension = Dimension::NONE;
        let mut factor = self.scale;
        for (named, power) in &self.factors {
            factor *= named.factor().powi(i32::from(*power));
            dimension = dimension
                .times(named.unit.dimension, *power)
                .unwrap_or_default();
        }
        if !(factor.is_finite() && factor > 0.0) {
            return Err(UnitError::Syntax {
                written: written.to_owned(),
                reason: "its factor is not a positive number".to_owned(),
            });
        }
        let offset = match self.factors.as_slice() {
            [(named, 1)] if self.scale.to_bits() == 1.0_f64.to_bits() => named.unit.offset,
            _ => 0.0,
        };
        Ok(Quantity {
            dimension,
            factor,
            offset,
        })
    }

    /// The spelling of UDUNITS: units in the order written, separated by spaces, powers as trailing numbers.
    pub(super) fn cf(&self) -> String {
        let mut words = Vec::new();
        if self.scale.to_bits() != 1.0_f64.to_bits() {
            words.push(format!("{}", self.scale));
        }
        let alone = words.is_empty() && matches!(self.factors.as_slice(), [(_, 1)]);
        for (named, power) in &self.factors {
            let mut name = named.cf(alone);
            // `degree C` would be read as degrees Celsius.
            if words.last().is_some_and(|word| word == "degree") {
                match name.as_str() {
                    "C" => "coulomb".clone_into(&mut name),
                    "F" => "farad".clone_into(&mut name),
                    _ => {}
                }
            }
            match power {
                _ if name == "1" => {}
                1 => words.push(name),
                _ if name.contains(|c: char| !c.is_alphabetic() && c != '_') => {
                    words.push(format!("({name}){power}"));
                }
                _ => words.push(format!("{name}{power}")),
            }
        }
        if words.is_empty() {
            "1".to_owned()
        } else {
            words.join(" ")
        }
    }

    /// What is probably not meant.
    pub(super) fn trap(&self, written: &str) -> Option<String> {
        let (name, trap) = self.factors.iter().find_map(|(named, _)| named.trap())?;
        let place = if name == written.trim() {
            String::new()
        } else {
            format!(" in `{}`", written.trim())
        };
        Some(format!("`{name}`{place} {trap}"))
    }

    fn push(&mut self, other: Self, power: i8) -> Option<()> {
        self.scale *= other.scale.powi(i32::from(power));
        for (named, exponent) in other.factors {
            let exponent = exponent
                .checked_mul(power)
                .filter(|exponent| exponent.abs() <= MAX_POWER)?;
            match self.factors.iter_mut().find(|(known, _)| *known == named) {
                Some((_, sum)) => {
                    *sum = sum
                        .checked_add(exponent)
                        .filter(|sum| sum.abs() <= MAX_POWER)?;
                }
                None => self.factors.push((named, exponent)),
            }
        }
        self.factors.retain(|(_, exponent)| *exponent != 0);
        Some(())
    }
}

struct Parser<'a> {
    written: &'a str,
    tokens: &'a [Token],
    position: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position)
    }

    fn error(&self, reason: impl Into<String>) -> UnitError {
        UnitError::Syntax {
            written: self.written.to_owned(),
            reason: reason.into(),
        }
    }

    /// Factors from left to right until the end or a closing parenthesis.
    fn product(&mut self, depth: usize) -> Result<Product, UnitError> {
        let mut product = Product::ONE;
        let mut first = true;
        loop {
            let sign = match self.peek() {
                None | Some(Token::Close) if first => return Ok(product),
                None | Some(Token::Close) => break,
                Some(Token::Times) if !first => {
                    self.position += 1;
                    1
                }
                Some(Token::Over) if !first => {
                    self.position += 1;
                    -1
                }
                Some(_) => 1,
            };
            let factor = self.power(depth)?;
            product
                .push(factor, sign)
                .ok_or_else(|| self.error(format!("powers beyond {MAX_POWER} have no meaning")))?;
            first = false;
        }
        Ok(product)
    }

    /// A number, name or parenthesis with its power.
    fn power(&mut self, depth: usize) -> Result<Product, UnitError> {
        let token = self.peek().cloned();
        self.position += 1;
        let (base, mut power) = match token {
            Some(Token::Number(scale)) => (
                Product {
                    scale,
                    ..Product::ONE
                },
                1,
            ),
            Some(Token::Name(name)) => self.named(&name)?,
            Some(Token::Open) if depth < MAX_DEPTH => {
                let inner = self.product(depth + 1)?;
                if self.peek() != Some(&Token::Close) {
                    return Err(self.error("a `(` is not closed"));
                }
                self.position += 1;
                (inner, 1)
            }
            Some(Token::Open) => return Err(self.error("its parentheses are nested too deeply")),
            None => return Err(self.error("a unit is missing at its end")),
            Some(_) => return Err(self.error("a unit is missing between two signs")),
        };
        match self.peek() {
            Some(Token::Power) => {
                self.position += 1;
                power = self.exponent(depth)?;
            }
            Some(Token::Exponent(exponent)) => {
                power = self.whole(*exponent)?;
                self.position += 1;
            }
            _ => {}
        }
        let mut product = Product::ONE;
        product
            .push(base, power)
            .ok_or_else(|| self.error(format!("powers beyond {MAX_POWER} have no meaning")))?;
        Ok(product)
    }

    /// The unit of this name; trailing digits that are not part of it are its power.
    fn named(&mut self, name: &str) -> Result<(Product, i8), UnitError> {
        let word = |name: &str| match name {
            "square" | "sq" => Some(2),
            "cubic" => Some(3),
            _ => None,
        };
        if let Some(power) = word(name)
            && let Some(Token::Name(next)) = self.peek().cloned()
        {
            self.position += 1;
            return Ok((self.named(&next)?.0, power));
        }
        let one = |named| Product {
            scale: 1.0,
            factors: vec![(named, 1)],
        };
        let unit = table::find(name).map(|named| (one(named), 1)).or_else(|| {
            let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let power = name[stem.len()..].parse().ok()?;
            Some((one(table::find(stem)?), power))
        });
        let (product, mut power) = unit.ok_or_else(|| UnitError::Unknown {
            name: name.to_owned(),
            written: self.written.trim().to_owned(),
            remedy: table::remedy(name),
        })?;
        match self.peek() {
            Some(Token::Name(next)) if next == "squared" => power = 2,
            Some(Token::Name(next)) if next == "cubed" => power = 3,
            _ => return Ok((product, power)),
        }
        self.position += 1;
        Ok((product, power))
    }

    fn exponent(&mut self, depth: usize) -> Result<i8, UnitError> {
        let token = self.peek().cloned();
        self.position += 1;
        match token {
            Some(Token::Number(exponent)) => self.whole(exponent),
            Some(Token::Open) if depth < MAX_DEPTH => {
                // The sign is a sign only behind `^`, `**` or `(`.
                let exponent = self.exponent(depth + 1)?;
                if self.peek() != Some(&Token::Close) {
                    return Err(self.error("a `(` is not closed"));
                }
                self.position += 1;
                Ok(exponent)
            }
            _ => Err(self.error("a whole number must follow `^` and `**`")),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
    fn whole(&self, exponent: f64) -> Result<i8, UnitError> {
        if exponent.fract() != 0.0 || exponent.abs() > f64::from(MAX_POWER) {
            let reason = format!("a power must be a whole number of at most {MAX_POWER}");
            return Err(self.error(reason));
        }
        Ok(exponent as i8)
    }
}
