//! Why a store cannot be opened, read or written, in words that may be shown and logged.
//!
//! What S3 answers to a refused request can hold the access key, the signature and what was signed; of it only the code
//! and the message are kept.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::client::{HttpError, HttpErrorKind};

/// Longest cause that is quoted, in characters.
const MAX_CAUSE: usize = 300;

/// Why a store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is of no known kind.
    #[error(
        "cannot open the store `{url}`: {reason}; give a folder, `file://…`, `s3://bucket/prefix` or `memory://`"
    )]
    Address {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings of S3 contradict each other or cannot be used.
    #[error("cannot open the store `{url}`: {reason}")]
    Settings {
        /// As given.
        url: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The folder cannot be made.
    #[error("cannot create the folder `{}` of the store", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The folder is not the one that was opened.
    #[error(
        "the folder `{}` is not the one that was opened: {reason} Nothing is written until it is back", .folder.display()
    )]
    Elsewhere {
        /// The folder.
        folder: PathBuf,
        /// How it shows.
        reason: &'static str,
    },
    /// The journal is not the one that was opened.
    #[error(
        "the store `{url}` is not the one that was opened: `{key}` {reason}; was it emptied or replaced? Nothing is written until it is back"
    )]
    Replaced {
        /// The store.
        url: Arc<str>,
        /// The object that tells.
        key: String,
        /// How it shows.
        reason: &'static str,
    },
    /// A file that is to be stored cannot be read.
    #[error("cannot read `{}`", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The store refused or failed.
    #[error("the store `{url}` failed to {action} `{key}`")]
    Failed {
        /// The store.
        url: Arc<str>,
        /// `read`, `write`, `list`, …
        action: &'static str,
        /// The object.
        key: String,
        /// Cause.
        source: Box<Failure>,
    },
    /// Only opened for reading.
    #[error("`{key}` is not written: the store was opened for reading only")]
    ReadOnly {
        /// The object.
        key: String,
    },
    /// An object exists already; the create did nothing.
    #[error("`{key}` exists already")]
    Exists {
        /// The object.
        key: String,
    },
}

impl StoreError {
    /// What kind of failure it is, if the store failed.
    pub fn failure(&self) -> Option<FailureKind> {
        match self {
            Self::Failed { source, .. } => Some(source.kind()),
            _ => None,
        }
    }
}

/// What a store said, without anything secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}{}", .kind.remedy())]
pub struct Failure {
    kind: FailureKind,
    reason: String,
}

/// What kind of failure it is, as far as one can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// Nothing answers, or not in time.
    Unreachable,
    /// The store answers that it is overloaded or broken at present.
    Busy,
    /// The keys are wrong or do not suffice.
    Denied,
    /// There is no such bucket or object.
    Missing,
    /// The disk is full, or a quota is used up.
    Full,
    /// The folder or bucket cannot be written at all.
    ReadOnly,
    /// A condition of the request does not hold.
    Condition,
    /// Something else.
    Other,
}

impl FailureKind {
    fn remedy(self) -> &'static str {
        match self {
            Self::Unreachable => "; is the endpoint right, and does the network reach it?",
            Self::Denied => {
                "; check the keys (`ZF_S3_ACCESS_KEY`, `ZF_S3_SECRET_KEY`), their rights and this machine's clock"
            }
            Self::Full => "; make room",
            Self::Busy | Self::Missing | Self::ReadOnly | Self::Condition | Self::Other => "",
        }
    }
}

impl Failure {
    /// What kind it is.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// Nothing came back within `seconds`.
    pub(super) fn late(seconds: u64) -> Self {
        Self {
            kind: FailureKind::Unreachable,
            reason: format!("no answer within {seconds} s"),
        }
    }

    pub(super) fn file(source: &io::Error) -> Self {
        Self {
            kind: FailureKind::Other,
            reason: cut(&source.to_string()),
        }
    }
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        let mut innermost = error.to_string();
        let mut kind = match &error {
            object_store::Error::NotFound { .. } => FailureKind::Missing,
            object_store::Error::PermissionDenied { .. }
            | object_store::Error::Unauthenticated { .. } => FailureKind::Denied,
            object_store::Error::AlreadyExists { .. }
            | object_store::Error::Precondition { .. }
            | object_store::Error::NotModified { .. } => FailureKind::Condition,
            _ => FailureKind::Other,
        };
        let mut answered = None;
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            innermost = inner.to_string();
            if let Some(http) = inner.downcast_ref::<HttpError>()
                && http.kind() != HttpErrorKind::Decode
            {
                kind = FailureKind::Unreachable;
            }
            if let Some(io) = inner.downcast_ref::<io::Error>() {
                kind = of_io(io.kind()).unwrap_or(kind);
            }
            if let Some(answer) = Answer::find(&innermost) {
                answered = Some(answer);
            }
            cause = inner.source();
        }
        match answered {
            Some(answer) => Self {
                kind: answer.kind().unwrap_or(kind),
                reason: answer.text(),
            },
            None => Self {
                kind,
                reason: cut(&innermost),
            },
        }
    }
}

fn of_io(kind: io::ErrorKind) -> Option<FailureKind> {
    Some(match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureKind::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            FailureKind::ReadOnly
        }
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => FailureKind::Unreachable,
        _ => return None,
    })
}

/// An answer of S3 that is not a success.
struct Answer {
    /// Such as `403 Forbidden`, or that there is no status.
    status: String,
    code: Option<String>,
    message: Option<String>,
}

impl Answer {
    /// Reads it from the text in which `object_store` quotes the whole body.
    fn find(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("Server returned ")?;
        let (status, body) = if let Some(body) = rest.strip_prefix("error response: ") {
            ("with an error", body)
        } else {
            let (_, rest) = rest.split_once(": ")?;
            rest.split_once(": ").unwrap_or((rest, ""))
        };
        let element = |name: &str| {
            let (_, rest) = body.split_once(&format!("<{name}>"))?;
            let (content, _) = rest.split_once(&format!("</{name}>"))?;
            (!content.is_empty()).then(|| cut(content))
        };
        Some(Self {
            status: cut(status),
            code: element("Code"),
            message: element("Message"),
        })
    }

    fn kind(&self) -> Option<FailureKind> {
        Some(match (self.code.as_deref(), self.status.get(..3)?) {
            (Some("QuotaExceeded"), _) | (_, "507") => FailureKind::Full,
            (_, "401" | "403") => FailureKind::Denied,
            (_, "404") => FailureKind::Missing,
            (Some("SlowDown" | "InternalError"), _)
            | (_, "408" | "429" | "500" | "502" | "503" | "504") => FailureKind::Busy,
            (_, "412" | "409") => FailureKind::Condition,
            _ => return None,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("it answered {}", self.status);
        if self.code.as_deref() == Some("NoSuchBucket") {
            return format!("{text}: there is no such bucket; make it first");
        }
        for part in [&self.code, &self.message].into_iter().flatten() {
            text.push_str(", ");
            text.push_str(part);
        }
        text
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CAUSE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Said(&'static str);

    fn check(said: &'static str, kind: FailureKind, reason: &str) {
        let failure = Failure::from(object_store::Error::Generic {
            store: "S3",
            source: Box::new(Said(said)),
        });
        assert_eq!((failure.kind, failure.reason.as_str()), (kind, reason));
    }

    #[test]
    fn of_a_refusal_only_code_and_message_are_told() {
        check(
            "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?><Error>\
             <Code>SignatureDoesNotMatch</Code><Message>The signature does not match</Message>\
             <AWSAccessKeyId>AKIASECRET</AWSAccessKeyId><StringToSign>AWS4-HMAC</StringToSign></Error>",
            FailureKind::Denied,
            "it answered 403 Forbidden, SignatureDoesNotMatch, The signature does not match",
        );
        check(
            "Server returned non-2xx status code: 503 Service Unavailable: <html>Bearer abc</html>",
            FailureKind::Busy,
            "it answered 503 Service Unavailable",
        );
        check(
            "Server returned error response: <Error><Code>SlowDown</Code></Error>",
            FailureKind::Busy,
            "it answered with an error, SlowDown",
        );
    }

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let full = object_store::Error::Generic {
            store: "LocalFileSystem",
            source: Box::new(io::Error::from(io::ErrorKind::StorageFull)),
        };
        let failure = Failure::from(full);
        assert_eq!(failure.kind(), FailureKind::Full);
        assert!(failure.to_string().ends_with("; make room"), "{failure}");
    }
}
