//! TLS spoken by the service itself.

use reqwest::{Certificate, Client};
use serde_json::json;
use zarr_fuse_server::config::{ServerConfig, TlsConfig};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_the_service_speaks_tls_only() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let tls = TlsConfig {
        cert: folder.path().join("cert.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&tls.cert, made.cert.pem()).unwrap();
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    let server = ServerConfig {
        tls: Some(tls),
        ..ServerConfig::default()
    };
    let world = World::guarded(json!({"mode": "none"}), server).await;
    let root = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("https://{}/health/live", world.address);
    let response = client.get(&url).send().await.unwrap();
    assert_eq!(
        response.json::<serde_json::Value>().await.unwrap(),
        json!({"status": "live"})
    );
    assert!(
        world.client.get(&url).send().await.is_err(),
        "who does not trust it"
    );
    let plain = world.client.get(world.url("/health/live")).send().await;
    assert!(plain.is_err(), "{plain:?}");
    world.end().await.unwrap();
}
