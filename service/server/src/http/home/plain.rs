//! A page that says what runs here, for a binary without the viewer.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::http::header;

use super::super::datasets::all_readable;
use crate::app::App;
use crate::who::Who;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}\
code{background:#8882;padding:.1em .3em;border-radius:3px}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}";

/// The page.
pub(super) fn answer(app: &App, who: &Who) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ))
        .body(page(app, who))
}

fn page(app: &App, who: &Who) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>zarr-fuse</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n\
         <h1>zarr-fuse</h1>\n<p>This is zarr-fuse {}. What is sent here is merged into one sorted Zarr dataset within seconds.</p>\n\
         <p>This binary has no viewer. To get it, install Node 20 or newer with npm, and build without \
         <code>--no-default-features</code>: <code>cargo build --release</code>.</p>\n\
         <h2>Datasets</h2>\n<ul>\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut write =
        |text: std::fmt::Arguments<'_>| html.write_fmt(text).expect("a String takes everything");
    for slot in all_readable(app, who) {
        let name = escaped(&slot.name);
        let Ok(dataset) = slot.dataset() else {
            write(format_args!("<li>{name} (not open at present)</li>\n"));
            continue;
        };
        write(format_args!(
            "<li><a href=\"/api/v1/datasets/{name}\">{name}</a> (<a href=\"/api/v1/datasets/{name}/schema\">schema</a>, \
             Zarr at <code>/zarr/{name}</code>)\n<ul>\n"
        ));
        for path in dataset.nodes.keys() {
            let shown = escaped(path);
            let shown = if shown.is_empty() { "(root)" } else { &shown };
            let link = escaped(&encoded(path));
            write(format_args!(
                "<li><a href=\"/api/v1/query/{name}/{link}?limit=100\">{shown}</a></li>\n"
            ));
        }
        write(format_args!("</ul></li>\n"));
    }
    write(format_args!(
        "</ul>\n<h2>Interface</h2>\n<ul>\n\
         <li><a href=\"/docs/\">Documentation of the REST interface</a> (<a href=\"/openapi.json\">OpenAPI</a>)</li>\n\
         <li><a href=\"/api/v1/contributions\">What arrived, and what became of it</a></li>\n\
         <li><a href=\"/health/ready\">Health</a>, <a href=\"/metrics\">metrics</a></li>\n\
         </ul>\n</body></html>\n"
    ));
    html
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A path for a URL.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_the_page() {
        assert_eq!(
            escaped("<a href='x'>&\""),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"
        );
        assert_eq!(encoded("a/b c?#é"), "a/b%20c%3F%23%C3%A9");
    }
}
