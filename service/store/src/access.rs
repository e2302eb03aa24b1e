//! Settings of S3 from the environment, the configuration and the schema, and the client they make.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};
use schemars::JsonSchema;
use serde::Deserialize;
use zarr_fuse_schemas::{Secret, store::StoreSettings};

use crate::address::without_credentials;

/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest silence inside an answer or an upload; [`super::Store`] bounds whole requests more tightly.
const SILENCE_TIMEOUT: Duration = Duration::from_mins(1);
/// Times a request is sent again after a failure that may pass. Who writes the journal or folds tries again by itself.
const MAX_RETRIES: usize = 3;
/// No request is sent again after this time.
const RETRY_FOR: Duration = Duration::from_secs(4);
/// Pauses between tries.
const BACKOFF: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(50),
    max_backoff: Duration::from_secs(1),
    base: 3.0,
};
/// When nothing else is said; most services other than AWS accept any.
const DEFAULT_REGION: &str = "us-east-1";

/// Where datasets are stored that do not say so themselves, and access to S3.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Folder or URL (`file://…`, `s3://bucket/prefix`, `memory://`) in which a dataset without a `STORE_URL` of its own is
    /// stored as `<name>.zarr`. Default: a dataset without `STORE_URL` is refused.
    pub root: Option<String>,
    /// Address of the S3 service, such as `https://s3.cl4.du.cesnet.cz`. Default: `S3_ENDPOINT_URL` of the schema, else AWS.
    pub endpoint_url: Option<String>,
    /// Region of the S3 service. Default: `AWS_REGION`, else `us-east-1`.
    pub region: Option<String>,
    /// PEM file with the certificates of authorities that are trusted besides those of the system, such as that of an
    /// institute. Default: `ZF_S3_CA_FILE`, else `AWS_CA_BUNDLE`.
    pub ca_file: Option<PathBuf>,
    /// Access key of S3. Default: `ZF_S3_ACCESS_KEY`, else the usual AWS variables.
    pub access_key: Option<Secret>,
    /// Secret key of S3. Default: `ZF_S3_SECRET_KEY`, else the usual AWS variables.
    pub secret_key: Option<Secret>,
}

/// Access to S3. Secrets stay out of `Debug`.
///
/// Each setting is the first that is given of: the environment variable of zarr-fuse, the configuration, the schema, the
/// usual variable of AWS.
#[derive(Clone, Default, PartialEq)]
pub struct S3Access {
    endpoint: Option<String>,
    access_key: Option<String>,
    secret_key: Option<String>,
    region: Option<String>,
    ca_file: Option<PathBuf>,
    /// What the `AWS_…` variables say.
    aws: Vec<(AmazonS3ConfigKey, String)>,
}

impl fmt::Debug for S3Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Access")
            .field(
                "endpoint",
                &self.endpoint.as_deref().map(|endpoint| {
                    without_credentials(endpoint).unwrap_or_else(|| endpoint.to_owned())
                }),
            )
            .field("region", &self.region)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

impl S3Access {
    /// Access as `environment`, `config` and `schema` say, in this order; relative files of the configuration are relative
    /// to `folder`.
    pub fn new(
        environment: &HashMap<String, String>,
        config: &StoreConfig,
        folder: &Path,
        schema: &StoreSettings,
    ) -> Self {
        let variable = |name: &str| {
            let value = environment.get(name);
            value.filter(|value| !value.is_empty()).cloned()
        };
        let key = |name: &str, config: &Option<Secret>, schema: Option<&str>| {
            variable(name)
                .or_else(|| Some(config.as_ref()?.expose().to_owned()))
                .or_else(|| schema.map(str::to_owned))
        };
        let of_schema =
            |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let access_key = of_schema(&schema.access_key);
        let secret_key = of_schema(&schema.secret_key);
        Self {
            endpoint: variable("ZF_S3_ENDPOINT_URL")
                .or_else(|| variable("S3_ENDPOINT_URL"))
                .or_else(|| config.endpoint_url.clone())
                .or_else(|| schema.endpoint_url.clone())
                .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
                .or_else(|| variable("AWS_ENDPOINT_URL"))
                .or_else(|| variable("AWS_ENDPOINT")),
            access_key: key(
                "ZF_S3_ACCESS_KEY",
                &config.access_key,
                access_key.as_deref(),
            ),
            secret_key: key(
                "ZF_S3_SECRET_KEY",
                &config.secret_key,
                secret_key.as_deref(),
            ),
            region: config
                .region
                .clone()
                .or_else(|| variable("AWS_REGION"))
                .or_else(|| variable("AWS_DEFAULT_REGION")),
            ca_file: variable("ZF_S3_CA_FILE")
                .map(PathBuf::from)
                .or_else(|| Some(folder.join(config.ca_file.as_ref()?)))
                .or_else(|| variable("AWS_CA_BUNDLE").map(PathBuf::from)),
            aws: aws_variables(environment),
        }
    }

    /// Access as the environment of this process and `schema` say, without a configuration.
    pub fn from_environment(schema: &StoreSettings) -> Self {
        let environment = std::env::vars().collect();
        Self::new(&environment, &StoreConfig::default(), Path::new(""), schema)
    }

    /// What tells the service from others.
    pub fn service(&self) -> &str {
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        endpoint.trim_end_matches('/')
    }

    /// A client of `bucket`.
    ///
    /// # Errors
    /// What is wrong with the settings, and what to do.
    pub(super) fn client(&self, bucket: &str) -> Result<AmazonS3, String> {
        let built = self.builder(bucket)?.build();
        built.map_err(|error| super::Failure::from(error).to_string())
    }

    /// What [`Self::client`] builds, for the probe to change.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub(super) fn builder(&self, bucket: &str) -> Result<AmazonS3Builder, String> {
        let mut builder = AmazonS3Builder::new();
        let own_keys = match (&self.access_key, &self.secret_key) {
            (Some(access), Some(secret)) => Some((access, secret)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(
                    "there is an access key but no secret key; set `ZF_S3_SECRET_KEY`".to_owned(),
                );
            }
            (None, Some(_)) => {
                return Err(
                    "there is a secret key but no access key; set `ZF_S3_ACCESS_KEY`".to_owned(),
                );
            }
        };
        for (key, value) in &self.aws {
            // A session token belongs to the keys of AWS, and is not sent with others.
            let belongs_to_keys = matches!(
                key,
                AmazonS3ConfigKey::AccessKeyId
                    | AmazonS3ConfigKey::SecretAccessKey
                    | AmazonS3ConfigKey::Token
            );
            if !(belongs_to_keys && own_keys.is_some()) {
                builder = builder.with_config(*key, value);
            }
        }
        if let Some((access, secret)) = own_keys {
            builder = builder
                .with_access_key_id(access)
                .with_secret_access_key(secret);
        }
        if self.endpoint.is_some() && own_keys.is_none() && self.aws.is_empty() {
            return Err(
                "there are no keys for it; set `ZF_S3_ACCESS_KEY` and `ZF_S3_SECRET_KEY`"
                    .to_owned(),
            );
        }
        let mut options = ClientOptions::new()
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_timeout_disabled()
            .with_read_timeout(SILENCE_TIMEOUT);
        if let Some(endpoint) = &self.endpoint {
            if let Some(hidden) = without_credentials(endpoint) {
                return Err(format!(
                    "the endpoint `{hidden}` holds a name or password; set `ZF_S3_ACCESS_KEY` and `ZF_S3_SECRET_KEY` instead"
                ));
            }
            let is_http = endpoint.starts_with("http://");
            if !is_http && !endpoint.starts_with("https://") {
                return Err(format!(
                    "the endpoint `{endpoint}` is no address such as `https://s3.example.org`; set `S3_ENDPOINT_URL`"
                ));
            }
            options = options.with_allow_http(is_http);
            builder = builder
                .with_endpoint(endpoint.trim_end_matches('/'))
                .with_virtual_hosted_style_request(false);
        }
        for certificate in self.certificates()? {
            options = options.with_root_certificate(certificate);
        }
        Ok(builder
            .with_bucket_name(bucket)
            .with_region(self.region.as_deref().unwrap_or(DEFAULT_REGION))
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(options)
            .with_retry(RetryConfig {
                backoff: BACKOFF,
                max_retries: MAX_RETRIES,
                retry_timeout: RETRY_FOR,
            }))
    }

    /// What signs a request by hand; `None` if AWS's own endpoint or ways to get keys are used.
    pub(super) fn signing(&self) -> Option<Signing<'_>> {
        let certificates = self
            .ca_file
            .iter()
            .filter_map(|file| std::fs::read(file).ok());
        Some(Signing {
            endpoint: self.endpoint.as_deref()?,
            access_key: self.access_key.as_deref()?,
            secret_key: self.secret_key.as_deref()?,
            region: self.region.as_deref().unwrap_or(DEFAULT_REGION),
            certificates: certificates.collect(),
        })
    }

    /// The authorities trusted besides those of the system.
    fn certificates(&self) -> Result<Vec<Certificate>, String> {
        let Some(file) = &self.ca_file else {
            return Ok(Vec::new());
        };
        let name = file.display();
        let pem = std::fs::read(file).map_err(|error| {
            format!("the certificates `{name}` cannot be read ({error}); `ZF_S3_CA_FILE` or `store.ca_file` names a PEM file")
        })?;
        match Certificate::from_pem_bundle(&pem) {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            _ => Err(format!(
                "`{name}` holds no certificate; `ZF_S3_CA_FILE` or `store.ca_file` names a PEM file"
            )),
        }
    }
}

/// What is needed to sign a request.
pub(super) struct Signing<'a> {
    pub(super) endpoint: &'a str,
    pub(super) access_key: &'a str,
    pub(super) secret_key: &'a str,
    pub(super) region: &'a str,
    /// Authorities, in PEM.
    pub(super) certificates: Vec<Vec<u8>>,
}

/// Those `AWS_…` variables that say how to get credentials or how to ask; endpoint and region are looked at elsewhere.
fn aws_variables(environment: &HashMap<String, String>) -> Vec<(AmazonS3ConfigKey, String)> {
    let variables = environment
        .iter()
        .filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty());
    let known = variables.filter_map(|(name, value)| {
        let key: AmazonS3ConfigKey = name.to_ascii_lowercase().parse().ok()?;
        let elsewhere = matches!(
            key,
            AmazonS3ConfigKey::Endpoint
                | AmazonS3ConfigKey::S3Endpoint
                | AmazonS3ConfigKey::Region
                | AmazonS3ConfigKey::DefaultRegion
                | AmazonS3ConfigKey::Bucket
                | AmazonS3ConfigKey::VirtualHostedStyleRequest
                | AmazonS3ConfigKey::ConditionalPut
                | AmazonS3ConfigKey::CopyIfNotExists
                | AmazonS3ConfigKey::Client(_)
        );
        (!elsewhere).then(|| (key, value.clone()))
    });
    known.collect()
}

#[cfg(test)]
mod tests;
