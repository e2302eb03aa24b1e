//! A light HTTP/1.1 client over one kept connection: enough for tests, and cheap enough not to disturb what it measures.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// A connection to the service.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// If nothing listens there.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            address,
        })
    }

    /// `GET path`.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Answer> {
        let request = request(self.address, "GET", path, &[], b"");
        self.send(&request).await
    }

    /// `POST path` with a body.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> anyhow::Result<Answer> {
        let request = request(self.address, "POST", path, headers, body);
        self.send(&request).await
    }

    /// Sends a prepared request and reads the answer.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let mut answer = self.head(request).await?;
        let mut line = String::new();
        if answer
            .header("transfer-encoding")
            .is_some_and(|coding| coding.contains("chunked"))
        {
            while self.chunk(&mut answer.body, &mut line).await? {}
        } else if let Some(n) = answer.header("content-length") {
            answer.body = vec![0; n.parse().context("content-length")?];
            self.stream.read_exact(&mut answer.body).await?;
        }
        Ok(answer)
    }

    /// Sends a prepared `HEAD` request and reads the answer, which has no body.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn head(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.get_mut().write_all(request).await?;
        let mut line = String::new();
        self.line(&mut line).await?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("`{line}` is no status line"))?;
        let mut headers = Vec::new();
        loop {
            self.line(&mut line).await?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Answer {
            status,
            headers,
            body: Vec::new(),
        })
    }

    async fn chunk(&mut self, body: &mut Vec<u8>, line: &mut String) -> anyhow::Result<bool> {
        self.line(line).await?;
        let n = usize::from_str_radix(line.trim(), 16).context("chunk size")?;
        let begin = body.len();
        body.resize(begin + n, 0);
        self.stream.read_exact(&mut body[begin..]).await?;
        self.line(line).await?;
        Ok(n > 0)
    }

    async fn line(&mut self, line: &mut String) -> anyhow::Result<()> {
        line.clear();
        if self.stream.read_line(line).await? == 0 {
            bail!("the service closed the connection");
        }
        line.truncate(line.trim_end().len());
        Ok(())
    }
}

/// The bytes of a request.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\n");
    for (name, value) in headers {
        text.extend([*name, ": ", *value, "\r\n"]);
    }
    if method != "GET" {
        let n = body.len().to_string();
        text.extend(["content-length: ", &n, "\r\n"]);
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
