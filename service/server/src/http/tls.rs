//! TLS: the certificate and its key, read again when their files change.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use crate::config::TlsConfig;
use crate::stamp::Stamp;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is no PEM, or cannot be read.
    #[error("`{}` cannot be read as PEM: {source}", .file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// Cause.
        source: pem::Error,
    },
    /// The file of certificates has none.
    #[error("`{}` holds no certificate", .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// Certificate and key do not fit together, or are of a kind that is not known.
    #[error("the certificate in `{}` and the key in `{}` cannot be used together: {source}", .files.cert.display(), .files.key.display())]
    Unusable {
        /// The files.
        files: TlsConfig,
        /// Cause.
        source: rustls::Error,
    },
}

/// A certificate that changes with its files.
#[derive(Debug, Clone)]
pub(crate) struct Tls(Arc<Certificate>);

struct Certificate {
    files: TlsConfig,
    current: RwLock<Current>,
}

struct Current {
    key: Arc<CertifiedKey>,
    stamps: [Option<Stamp>; 2],
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(crate) fn load(files: &TlsConfig) -> Result<Self, TlsError> {
        let stamps = stamps(files);
        let current = RwLock::new(Current {
            key: read(files)?,
            stamps,
        });
        let files = files.clone();
        Ok(Self(Arc::new(Certificate { files, current })))
    }

    /// What a server needs; it follows the files while [`Tls::follow`] runs.
    pub(super) fn server(&self) -> io::Result<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider());
        Ok(builder
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.0) as Arc<dyn ResolvesServerCert>))
    }

    /// Reads the files again whenever they have changed, until `stop`. Files that cannot be used change nothing.
    pub(crate) async fn follow(self, stop: CancellationToken) -> io::Result<()> {
        while stop
            .run_until_cancelled(tokio::time::sleep(LOOK))
            .await
            .is_some()
        {
            let certificate = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || certificate.look()).await?;
        }
        Ok(())
    }
}

impl Certificate {
    fn look(&self) {
        let stamps = stamps(&self.files);
        if stamps == self.current.read().stamps {
            return;
        }
        let file = self.files.cert.display();
        match read(&self.files) {
            Ok(key) => {
                tracing::info!("Read the changed certificate `{file}`");
                *self.current.write() = Current { key, stamps };
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "The certificate read before is used on: {error}"
                );
                self.current.write().stamps = stamps;
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().key))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

fn stamps(files: &TlsConfig) -> [Option<Stamp>; 2] {
    [Stamp::of(&files.cert), Stamp::of(&files.key)]
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(files: &TlsConfig) -> Result<Arc<CertifiedKey>, TlsError> {
    let in_file = |file: &PathBuf| {
        let file = file.clone();
        move |source| TlsError::Pem { file, source }
    };
    let chain = CertificateDer::pem_file_iter(&files.cert).map_err(in_file(&files.cert))?;
    let chain: Vec<_> = chain
        .collect::<Result<_, _>>()
        .map_err(in_file(&files.cert))?;
    if chain.is_empty() {
        let file = files.cert.clone();
        return Err(TlsError::Empty { file });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(in_file(&files.key))?;
    let certified = CertifiedKey::from_der(chain, key, &provider());
    certified
        .map(Arc::new)
        .map_err(|source| TlsError::Unusable {
            files: files.clone(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(files: &TlsConfig) -> String {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(&files.cert, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        made.cert.pem()
    }

    fn files(folder: &tempfile::TempDir) -> TlsConfig {
        TlsConfig {
            cert: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
        }
    }

    #[test]
    fn a_changed_certificate_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder);
        write(&files);
        let tls = Tls::load(&files).unwrap();
        let before = Arc::clone(&tls.0.current.read().key);
        tls.0.look();
        assert!(Arc::ptr_eq(&before, &tls.0.current.read().key));
        write(&files);
        tls.0.look();
        let after = Arc::clone(&tls.0.current.read().key);
        assert_ne!(before.cert, after.cert);
        fs::write(&files.cert, "broken").unwrap();
        tls.0.look();
        assert_eq!(after.cert, tls.0.current.read().key.cert, "used on");
    }

    #[test]
    fn files_that_cannot_be_used_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder);
        let refused = || Tls::load(&files).unwrap_err().to_string();
        assert!(
            refused().contains("cert.pem` cannot be read as PEM"),
            "{}",
            refused()
        );
        write(&files);
        let key = fs::read(&files.key).unwrap();
        fs::write(&files.cert, "").unwrap();
        assert!(refused().ends_with("cert.pem` holds no certificate"));
        write(&files);
        fs::write(&files.key, key).unwrap();
        assert!(
            refused().contains("cannot be used together"),
            "{}",
            refused()
        );
    }
}
