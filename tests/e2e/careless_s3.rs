//! A small S3 that ignores `If-None-Match`, as some services do: whoever writes an object last has it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Starts it; gives its address.
pub(crate) fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let objects = Objects::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let objects = Arc::clone(&objects);
            std::thread::spawn(move || converse(stream, &objects));
        }
    });
    format!("http://{address}")
}

fn converse(stream: TcpStream, objects: &Objects) {
    let mut reader = BufReader::new(stream);
    while let Some((is_head, (status, headers, body))) = answer(&mut reader, objects) {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nlast-modified: Fri, 20 Nov 2020 12:00:00 GMT\r\n{headers}\r\n",
            body.len()
        );
        let stream = reader.get_mut();
        let body = if is_head { &[] } else { body.as_slice() };
        if stream.write_all(head.as_bytes()).is_err() || stream.write_all(body).is_err() {
            return;
        }
    }
}

/// Status, further headers and body.
type Answer = (&'static str, String, Vec<u8>);

/// Reads one request; whether it is `HEAD`, and its answer.
fn answer(reader: &mut BufReader<TcpStream>, objects: &Objects) -> Option<(bool, Answer)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut n_body, mut origin) = (0, None);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => n_body = value.parse().ok()?,
            "x-amz-copy-source" => origin = Some(value.trim_start_matches('/').to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; n_body];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let key = path.trim_start_matches('/').to_owned();
    let mut objects = objects.lock().ok()?;
    let tag = "etag: \"e\"\r\n".to_owned();
    let answer = match (method.as_str(), query) {
        ("PUT", "") => {
            let bytes = match &origin {
                Some(origin) => objects.get(origin)?.clone(),
                None => body,
            };
            objects.insert(key, bytes);
            let copied = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>";
            let body = if origin.is_some() { copied } else { "" };
            ("200 OK", tag, body.as_bytes().to_vec())
        }
        ("POST", "delete") => {
            let text = String::from_utf8_lossy(&body);
            let keys = text.split("<Key>").skip(1);
            for gone in keys.filter_map(|rest| rest.split("</Key>").next()) {
                objects.remove(&format!("{key}/{gone}"));
            }
            (
                "200 OK",
                String::new(),
                b"<DeleteResult></DeleteResult>".to_vec(),
            )
        }
        ("GET", query) if query.contains("list-type=2") => {
            let parameter = |name: &str| {
                let mut all = query.split('&').filter_map(|pair| pair.split_once('='));
                let found = all.find(|(found, _)| *found == name);
                found.map(|(_, value)| format!("{key}/{}", value.replace("%2F", "/")))
            };
            let (prefix, after) = (parameter("prefix"), parameter("start-after"));
            let listed = objects.keys().filter(|found| {
                found.starts_with(prefix.as_deref().unwrap_or_default())
                    && Some(*found) > after.as_ref()
            });
            let contents = listed.map(|found| {
                let name = found.split_once('/').map_or("", |(_, name)| name);
                format!(
                    "<Contents><Key>{name}</Key><Size>1</Size><ETag>e</ETag>\
                     <LastModified>2020-11-20T12:00:00.000Z</LastModified></Contents>"
                )
            });
            let contents: String = contents.collect();
            let xml = format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
            );
            ("200 OK", String::new(), xml.into_bytes())
        }
        ("GET" | "HEAD", _) => match objects.get(&key) {
            Some(bytes) => ("200 OK", tag, bytes.clone()),
            None => ("404 Not Found", String::new(), Vec::new()),
        },
        _ => ("501 Not Implemented", String::new(), Vec::new()),
    };
    Some((method == "HEAD", answer))
}
