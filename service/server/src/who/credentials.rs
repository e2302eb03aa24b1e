//! Reads the header `Authorization`.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::config::Secret;

/// Longest header: passwords and tokens are shorter.
const MAX_BYTES: usize = 2048;
/// Clients leave padding out or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What somebody signs in with.
#[derive(Debug)]
pub(crate) enum Credentials {
    /// HTTP Basic.
    Password {
        /// The part before the first `:`.
        name: String,
        /// The rest.
        password: Secret,
    },
    /// HTTP Bearer.
    Token(Secret),
}

impl Credentials {
    /// Reads the value of the header; `None` if it is neither of both.
    pub(crate) fn read(header: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(header).ok()?;
        let (scheme, rest) = text.trim().split_once(' ')?;
        let rest = rest.trim();
        if text.len() > MAX_BYTES || rest.is_empty() {
            return None;
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            let is_token = rest.bytes().all(|byte| byte.is_ascii_graphic());
            return is_token.then(|| Self::Token(Secret::new(rest)));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(BASE64.decode(rest).ok()?).ok()?;
        let (name, password) = decoded.split_once(':')?;
        Some(Self::Password {
            name: name.to_owned(),
            password: Secret::new(password),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_the_first_colon() {
        for header in ["Basic YTpiOmM=", "basic YTpiOmM", "BASIC  YTpiOmM= "] {
            let Some(Credentials::Password { name, password }) =
                Credentials::read(header.as_bytes())
            else {
                panic!("{header}");
            };
            assert_eq!((name.as_str(), password.expose()), ("a", "b:c"));
        }
    }

    #[test]
    fn tokens_are_taken_as_they_are() {
        let Some(Credentials::Token(token)) = Credentials::read(b"Bearer zf_a-b_c") else {
            panic!("no token");
        };
        assert_eq!(token.expose(), "zf_a-b_c");
    }

    #[test]
    fn anything_else_cannot_be_read() {
        let long = format!("Bearer {}", "a".repeat(3000));
        for header in [
            b"" as &[u8],
            b"Basic",
            b"Basic ",
            b"Basic !!",
            b"Basic YWI=",
            b"Basic /////w==",
            b"Bearer",
            b"Bearer a b",
            b"Digest a",
            b"\xff\xfe a",
            long.as_bytes(),
        ] {
            assert!(Credentials::read(header).is_none(), "{header:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_not(header: Vec<u8>) {
            let _either = Credentials::read(&header);
        }

        #[test]
        fn what_clients_write_is_read(name in "[^:]{0,20}", password in ".{0,20}") {
            use base64::engine::general_purpose::STANDARD;
            let header = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
            let Some(Credentials::Password { name: found, password: given }) =
                Credentials::read(header.as_bytes())
            else {
                panic!("{header}");
            };
            proptest::prop_assert_eq!((found.as_str(), given.expose()), (name.as_str(), password.as_str()));
        }
    }
}
