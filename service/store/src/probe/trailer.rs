//! Whether a store takes a checksum after the body, as the SDKs of AWS send it since 2025. Nothing here sends one, but other
//! programs that write to the same bucket may.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{Probe, Verdict, text};
use crate::access::Signing;
use crate::address::bucket_and_prefix;
use crate::{StoreError, keys};

const NAME: &str = "checksum in a trailer";
const BODY: &str = "with a trailer";

/// Puts an object in chunks, followed by its checksum, and reads it back.
pub(super) async fn trailers(
    probe: &mut Probe<'_>,
    signing: Option<Signing<'_>>,
) -> Result<(), StoreError> {
    let Some((signing, (bucket, prefix))) = signing.zip(bucket_and_prefix(probe.store.url()))
    else {
        let found = "not tried: the endpoint and the keys are AWS's own";
        probe.note(NAME, Verdict::Note, found, "");
        return Ok(());
    };
    let key = probe.key("trailer");
    let path = keys::join(prefix.trim_matches('/'), &key);
    let url = format!("{}/{bucket}/{path}", signing.endpoint.trim_end_matches('/'));
    let answered = put(&signing, &url).await;
    let meaning = "nothing here sends one; for other programs that use an SDK of AWS set `AWS_REQUEST_CHECKSUM_CALCULATION=when_required`";
    let found = match answered {
        Ok((status, _)) if status.is_success() => match probe.store.get(&key).await? {
            Some(kept) if kept == text(BODY) => {
                probe.good(NAME, "taken");
                return Ok(());
            }
            Some(_) => "the framing of the body is stored as if it were data".to_owned(),
            None => "the object is not there".to_owned(),
        },
        Ok((status, code)) => format!("it answered {status}, {code}"),
        Err(reason) => format!("cannot be tried: {reason}"),
    };
    probe.note(NAME, Verdict::Note, found, meaning);
    Ok(())
}

/// Status of the answer, and the code in it.
async fn put(signing: &Signing<'_>, url: &str) -> Result<(reqwest::StatusCode, String), String> {
    let url = url::Url::parse(url).map_err(|error| error.to_string())?;
    let host = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return Err("the endpoint names no host".to_owned()),
    };
    let sum = STANDARD.encode(crc32c::crc32c(BODY.as_bytes()).to_be_bytes());
    let body = format!(
        "{:x}\r\n{BODY}\r\n0\r\nx-amz-checksum-crc32c:{sum}\r\n\r\n",
        BODY.len()
    );
    let now = chrono::Utc::now();
    // In the order in which they are signed.
    let headers = [
        ("content-encoding", "aws-chunked".to_owned()),
        ("host", host),
        (
            "x-amz-content-sha256",
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
        ),
        ("x-amz-date", now.format("%Y%m%dT%H%M%SZ").to_string()),
        ("x-amz-decoded-content-length", BODY.len().to_string()),
        ("x-amz-trailer", "x-amz-checksum-crc32c".to_owned()),
    ];
    let day = now.format("%Y%m%d").to_string();
    let authorization = authorization(signing, url.path(), &headers, &day);
    let mut client = reqwest::Client::builder().timeout(crate::store::ANSWER_TIMEOUT);
    for pem in &signing.certificates {
        let found = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
        client = client.tls_certs_merge(found);
    }
    let client = client.build().map_err(|error| error.to_string())?;
    let mut request = client.put(url).header("authorization", authorization);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        request = request.header(*name, value);
    }
    let unsent = |error: reqwest::Error| error.without_url().to_string();
    let answer = request.body(body).send().await.map_err(unsent)?;
    let status = answer.status();
    let said = answer.text().await.map_err(unsent)?;
    let code = said.split("<Code>").nth(1);
    let code = code.and_then(|rest| rest.split('<').next());
    Ok((status, code.unwrap_or("without a code").to_owned()))
}

/// Signature version 4 of a PUT without a query.
fn authorization(
    signing: &Signing<'_>,
    path: &str,
    headers: &[(&str, String); 6],
    day: &str,
) -> String {
    let hex = |bytes: &[u8]| {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect::<String>()
    };
    let names = headers.each_ref().map(|(name, _)| *name).join(";");
    let lines = headers
        .each_ref()
        .map(|(name, value)| format!("{name}:{value}\n"));
    let (lines, hash, date) = (lines.concat(), &headers[2].1, &headers[3].1);
    let request = format!("PUT\n{path}\n\n{lines}\n{names}\n{hash}");
    let scope = format!("{day}/{}/s3/aws4_request", signing.region);
    let request = hex(&Sha256::digest(request));
    let signed = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{request}");
    let secret = format!("AWS4{}", signing.secret_key);
    let parts = [day, signing.region, "s3", "aws4_request", &signed];
    let signature = parts
        .into_iter()
        .fold(secret.into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
        signing.access_key,
        hex(&signature)
    )
}

/// HMAC with SHA-256.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message);
    let outer = Sha256::new().chain_update(padded(0x5c));
    outer.chain_update(inner.finalize()).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_authenticated_as_in_rfc_4231() {
        let mac = hmac(b"Jefe", b"what do ya want for nothing?");
        let expected = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
        assert_eq!(STANDARD.encode(mac), expected);
        let long = hmac(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
        );
        assert_eq!(STANDARD.encode(&long[..4]), "YOQxWQ==");
    }
}
