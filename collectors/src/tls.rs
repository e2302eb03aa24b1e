//! TLS to servers: the certificates of the system, or those of one's own authority.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of the authority cannot be used.
    #[error("`{}` holds no certificates that can be used: {reason}", .file.display())]
    Authority {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The system has no certificates.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// Trusts the authorities in the PEM file `ca`, or else those of the system.
///
/// # Errors
/// [`TlsError`].
pub fn client_config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let Some(file) = ca else {
        let builder = builder.with_platform_verifier()?;
        return Ok(Arc::new(builder.with_no_client_auth()));
    };
    let unusable = |reason: String| TlsError::Authority {
        file: file.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file);
    for certificate in certificates.map_err(|error| unusable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("there are none in it".to_owned()));
    }
    let builder = builder.with_root_certificates(roots);
    Ok(Arc::new(builder.with_no_client_auth()))
}
