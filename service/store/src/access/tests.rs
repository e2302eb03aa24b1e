//! What is taken from where.

use zarr_fuse_schemas::Schema;

use super::*;

const SCHEMA: &str = "ATTRS: {S3_ENDPOINT_URL: 'https://schema.example.org', S3_ACCESS_KEY: schema-access, S3_SECRET_KEY: schema-secret}";

fn access(environment: &[(&str, &str)], config: &str, schema: &str) -> S3Access {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let config: StoreConfig = serde_json::from_str(config).unwrap();
    let schema = Schema::parse(schema, "test.yaml", Path::new(".")).unwrap();
    S3Access::new(&environment, &config, Path::new("/etc"), &schema.store)
}

fn endpoint(environment: &[(&str, &str)], config: &str, schema: &str) -> Option<String> {
    access(environment, config, schema).endpoint
}

#[test]
fn the_environment_decides_before_the_configuration_and_that_before_the_schema_and_aws_last() {
    let config = r#"{"endpoint_url": "https://config.example.org"}"#;
    let own = [
        ("ZF_S3_ENDPOINT_URL", "http://own"),
        ("S3_ENDPOINT_URL", "http://common"),
        ("AWS_ENDPOINT_URL", "http://aws"),
    ];
    assert_eq!(endpoint(&own, config, SCHEMA).unwrap(), "http://own");
    assert_eq!(
        endpoint(&own[1..], config, SCHEMA).unwrap(),
        "http://common"
    );
    assert_eq!(
        endpoint(&own[2..], config, SCHEMA).unwrap(),
        "https://config.example.org"
    );
    assert_eq!(
        endpoint(&own[2..], "{}", SCHEMA).unwrap(),
        "https://schema.example.org"
    );
    assert_eq!(endpoint(&own[2..], "{}", "{}").unwrap(), "http://aws");
    assert_eq!(endpoint(&[("S3_ENDPOINT_URL", "")], "{}", "{}"), None);
}

#[test]
fn keys_come_from_the_same_places() {
    let config = r#"{"access_key": "config-access", "secret_key": "config-secret"}"#;
    let both = access(&[("ZF_S3_ACCESS_KEY", "own-access")], config, SCHEMA);
    assert_eq!(both.access_key.unwrap(), "own-access");
    assert_eq!(both.secret_key.unwrap(), "config-secret");
    let schema = access(&[], "{}", SCHEMA);
    assert_eq!(schema.access_key.unwrap(), "schema-access");
    assert_eq!(schema.secret_key.unwrap(), "schema-secret");
}

#[test]
fn a_session_token_of_aws_is_not_sent_with_other_keys() {
    let aws = [
        ("AWS_ACCESS_KEY_ID", "aws-access"),
        ("AWS_SECRET_ACCESS_KEY", "aws-secret"),
        ("AWS_SESSION_TOKEN", "aws-token"),
    ];
    let value = |access: &S3Access, key| {
        let builder = access.builder("bucket").unwrap();
        builder.get_config_value(&key)
    };
    let usual = access(&aws, "{}", "{}");
    assert_eq!(
        value(&usual, AmazonS3ConfigKey::AccessKeyId).unwrap(),
        "aws-access"
    );
    assert_eq!(
        value(&usual, AmazonS3ConfigKey::Token).unwrap(),
        "aws-token"
    );
    let own = access(&aws, "{}", SCHEMA);
    assert_eq!(
        value(&own, AmazonS3ConfigKey::AccessKeyId).unwrap(),
        "schema-access"
    );
    assert_eq!(value(&own, AmazonS3ConfigKey::Token), None);
}

#[test]
fn settings_that_cannot_be_used_say_what_to_do() {
    let refused = |environment: &[(&str, &str)], expected: &str| {
        let error = access(environment, "{}", "{}")
            .client("bucket")
            .unwrap_err();
        assert_eq!(error, expected);
    };
    refused(
        &[("ZF_S3_ACCESS_KEY", "k")],
        "there is an access key but no secret key; set `ZF_S3_SECRET_KEY`",
    );
    refused(
        &[("ZF_S3_SECRET_KEY", "k")],
        "there is a secret key but no access key; set `ZF_S3_ACCESS_KEY`",
    );
    refused(
        &[("S3_ENDPOINT_URL", "https://s3.example.org")],
        "there are no keys for it; set `ZF_S3_ACCESS_KEY` and `ZF_S3_SECRET_KEY`",
    );
    let keys = [("ZF_S3_ACCESS_KEY", "k"), ("ZF_S3_SECRET_KEY", "k")];
    refused(
        &[&keys[..], &[("S3_ENDPOINT_URL", "s3.example.org")]].concat(),
        "the endpoint `s3.example.org` is no address such as `https://s3.example.org`; set `S3_ENDPOINT_URL`",
    );
    refused(
        &[&keys[..], &[("ZF_S3_CA_FILE", "/dev/null")]].concat(),
        "`/dev/null` holds no certificate; `ZF_S3_CA_FILE` or `store.ca_file` names a PEM file",
    );
}

#[test]
fn certificates_of_the_configuration_are_relative_to_its_folder() {
    let ca_file = |environment: &[(&str, &str)], config| access(environment, config, "{}").ca_file;
    let aws = [("AWS_CA_BUNDLE", "/aws.pem"), ("ZF_S3_CA_FILE", "/own.pem")];
    let config = r#"{"ca_file": "ca.pem"}"#;
    assert_eq!(ca_file(&aws, config).unwrap(), Path::new("/own.pem"));
    assert_eq!(
        ca_file(&aws[..1], config).unwrap(),
        Path::new("/etc/ca.pem")
    );
    assert_eq!(ca_file(&aws[..1], "{}").unwrap(), Path::new("/aws.pem"));
}

#[test]
fn secrets_are_not_debugged() {
    let aws = [("AWS_SESSION_TOKEN", "aws-token")];
    let access = access(&aws, "{}", SCHEMA);
    let client = access.client("bucket").unwrap();
    for text in [
        format!("{access:?}"),
        format!("{access:#?}"),
        format!("{client:?}"),
    ] {
        for secret in ["schema-secret", "aws-token"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
