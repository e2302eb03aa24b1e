//! Addresses as they may stand in messages and logs.

use std::fmt;

use url::Url;

/// What stands in the place of what is hidden.
const HIDDEN: &str = "…";

/// An address as it may stand in a message: without user, password and fragment, and without the values of its query, any of
/// which may be a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownUrl(String);

impl From<&Url> for ShownUrl {
    fn from(url: &Url) -> Self {
        // `name:password@host` is read as an address whose scheme is the name.
        if url.cannot_be_a_base() {
            return Self::cut(url.as_str());
        }
        let mut shown = url.clone();
        let _has_none = shown.set_username("");
        let _has_none = shown.set_password(None);
        shown.set_fragment(None);
        shown.set_query(None);
        let mut text = shown.to_string();
        for (idx, (name, value)) in url.query_pairs().enumerate() {
            text.push(if idx == 0 { '?' } else { '&' });
            // What stands alone is a value itself.
            if !value.is_empty() {
                text.extend(url::form_urlencoded::byte_serialize(name.as_bytes()));
                text.push('=');
            }
            text.push_str(HIDDEN);
        }
        Self(text)
    }
}

impl ShownUrl {
    /// What can be shown of a text that was to be an address.
    pub fn of_text(text: &str) -> Self {
        let shown =
            Url::parse(text).map_or_else(|_no_address| Self::cut(text), |url| Self::from(&url));
        // Where nothing is hidden, it is shown as it was written.
        if shown.0.strip_suffix('/') == Some(text) {
            return Self(text.to_owned());
        }
        shown
    }

    /// What stands before a query and after a name and password.
    fn cut(text: &str) -> Self {
        let text = text.split(['?', '#']).next().unwrap_or_default();
        let shown = match text.rsplit_once('@') {
            None => text.to_owned(),
            Some((before, after)) => {
                let scheme = before.split_once("://").map(|(scheme, _)| scheme);
                scheme.map_or_else(|| after.to_owned(), |scheme| format!("{scheme}://{after}"))
            }
        };
        Self(shown)
    }
}

impl fmt::Display for ShownUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_of_an_address_is_not_shown() {
        for (url, shown) in [
            ("https://a.example/b/c", "https://a.example/b/c"),
            (
                "http://joe:pw@a.example:81/b?token=t&x=1#f",
                "http://a.example:81/b?token=…&x=…",
            ),
            ("http://joe@a.example/?t0ken", "http://a.example/?…"),
            ("http://a.example/?a%20b=c", "http://a.example/?a+b=…"),
            ("s3://bucket/prefix", "s3://bucket/prefix"),
        ] {
            let url = Url::parse(url).unwrap();
            assert_eq!(ShownUrl::from(&url).to_string(), shown);
        }
    }

    #[test]
    fn nor_of_what_is_no_address() {
        let shown = |text: &str| ShownUrl::of_text(text).to_string();
        assert_eq!(
            shown("http://joe:pw@a.example:x/b?token=t"),
            "http://a.example:x/b"
        );
        assert_eq!(shown("joe:p@w@a.example"), "a.example");
        assert_eq!(shown("a.example/b#t"), "a.example/b");
    }

    proptest::proptest! {
        #[test]
        fn no_value_of_a_query_is_shown(value in "[0-9]{8,20}", user in "[A-Z]{6,9}", password in "[A-Z]{6,9}") {
            let text = format!("https://{user}:{password}@host.example/path?key={value}&{value}");
            let url = Url::parse(&text).unwrap();
            let shown = ShownUrl::from(&url).to_string();
            proptest::prop_assert!(!shown.contains(&user) && !shown.contains(&password));
            proptest::prop_assert!(!shown.contains(&value), "{shown}");
        }
    }
}
