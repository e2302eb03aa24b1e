//! Both versions of the protocol, as one.

use std::sync::Arc;

use bytes::Bytes;
use rumqttc::v5;
use rumqttc::{TlsConfiguration, Transport};
use rustls::ClientConfig;

use super::{Broker, MqttConfig, Version};

/// Requests to the broker that may wait: acknowledgements of all messages that are under way, and subscriptions.
const MAX_REQUESTS: usize = 1000;
/// Messages that may be under way.
const RECEIVE_MAX: u16 = 50;

/// A message that arrived.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) content_type: Option<String>,
    /// The broker's number of it.
    pub(super) number: u16,
    /// It may have been delivered before.
    pub(super) is_repeated: bool,
    /// It was published before there was a subscription.
    pub(super) is_retained: bool,
    pub(super) needs_ack: bool,
    original: Original,
}

#[derive(Debug)]
enum Original {
    Three(rumqttc::Publish),
    Five(v5::mqttbytes::v5::Publish),
}

/// What happens on a connection.
pub(super) enum Event {
    Connected,
    Message(Box<Message>),
    /// A subscription is not allowed.
    Refused(String),
    Other,
}

/// Asks the broker.
pub(super) enum Client {
    Three(rumqttc::AsyncClient),
    Five(v5::AsyncClient),
}

/// Hears from the broker.
pub(super) enum Events {
    Three(Box<rumqttc::EventLoop>),
    Five(Box<v5::EventLoop>),
}

/// A client that connects when its events are asked for.
pub(super) fn new(
    settings: &MqttConfig,
    id: &str,
    broker: &Broker,
    tls: Option<Arc<ClientConfig>>,
) -> (Client, Events) {
    let transport = match tls {
        Some(tls) => Transport::Tls(TlsConfiguration::Rustls(tls)),
        None => Transport::Tcp,
    };
    let max_bytes = u32::try_from(settings.max_message_bytes).unwrap_or(u32::MAX);
    let sign_in = settings.username.as_ref().map(|name| {
        let password = settings.password.as_ref();
        (
            name.clone(),
            password.map_or_else(String::new, |password| password.expose().to_owned()),
        )
    });
    match settings.version {
        Version::Three => {
            let mut options = rumqttc::MqttOptions::new(id, &broker.host, broker.port);
            options.set_transport(transport);
            options.set_keep_alive(settings.keep_alive);
            options.set_clean_session(false);
            options.set_manual_acks(true);
            let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
            options.set_max_packet_size(max_bytes, 64 << 10);
            if let Some((name, password)) = sign_in {
                options.set_credentials(name, password);
            }
            let (client, mut events) = rumqttc::AsyncClient::new(options, MAX_REQUESTS);
            // Acknowledgements are small and must not wait for more to be sent.
            events.network_options.set_tcp_nodelay(true);
            (Client::Three(client), Events::Three(Box::new(events)))
        }
        Version::Five => {
            let mut options = v5::MqttOptions::new(id, &broker.host, broker.port);
            options.set_transport(transport);
            options.set_keep_alive(settings.keep_alive);
            options.set_clean_start(false);
            options.set_manual_acks(true);
            let expiry = u32::try_from(settings.session_expiry.as_secs()).unwrap_or(u32::MAX);
            options.set_session_expiry_interval(Some(expiry));
            options.set_receive_maximum(Some(RECEIVE_MAX));
            options.set_max_packet_size(Some(max_bytes));
            let mut network = options.network_options();
            network.set_tcp_nodelay(true);
            options.set_network_options(network);
            if let Some((name, password)) = sign_in {
                options.set_credentials(name, password);
            }
            let (client, events) = v5::AsyncClient::new(options, MAX_REQUESTS);
            (Client::Five(client), Events::Five(Box::new(events)))
        }
    }
}

impl Client {
    /// Asks for topics, each message at least once.
    pub(super) fn subscribe(&self, filters: impl Iterator<Item = String>) -> Result<(), String> {
        for filter in filters {
            match self {
                Self::Three(client) => client
                    .try_subscribe(filter, rumqttc::QoS::AtLeastOnce)
                    .map_err(|error| error.to_string())?,
                Self::Five(client) => client
                    .try_subscribe(filter, v5::mqttbytes::QoS::AtLeastOnce)
                    .map_err(|error| error.to_string())?,
            }
        }
        Ok(())
    }

    /// Tells the broker that a message is durable. If that fails, it is delivered again.
    pub(super) fn ack(&self, message: &Message) {
        let acked = match (self, &message.original) {
            (Self::Three(client), Original::Three(publish)) => {
                client.try_ack(publish).map_err(|error| error.to_string())
            }
            (Self::Five(client), Original::Five(publish)) => {
                client.try_ack(publish).map_err(|error| error.to_string())
            }
            _ => Ok(()),
        };
        if let Err(error) = acked {
            tracing::debug!("A message is not acknowledged and comes again: {error}");
        }
    }
}

impl Events {
    /// Waits for the next event; connects if there is no connection.
    pub(super) async fn next(&mut self) -> Result<Event, String> {
        match self {
            Self::Three(events) => {
                let event = events.poll().await.map_err(|error| error.to_string())?;
                Ok(three(event))
            }
            Self::Five(events) => {
                let event = events.poll().await.map_err(|error| error.to_string())?;
                Ok(five(event))
            }
        }
    }
}

fn three(event: rumqttc::Event) -> Event {
    use rumqttc::{Event as E, Packet, QoS, SubscribeReasonCode as Code};
    match event {
        E::Incoming(Packet::ConnAck(_)) => Event::Connected,
        E::Incoming(Packet::SubAck(ack)) if ack.return_codes.contains(&Code::Failure) => {
            Event::Refused(format!("{:?}", ack.return_codes))
        }
        E::Incoming(Packet::Publish(publish)) => Event::Message(Box::new(Message {
            topic: publish.topic.clone(),
            payload: publish.payload.clone(),
            content_type: None,
            number: publish.pkid,
            is_repeated: publish.dup,
            is_retained: publish.retain,
            needs_ack: publish.qos != QoS::AtMostOnce,
            original: Original::Three(publish),
        })),
        _ => Event::Other,
    }
}

fn five(event: v5::Event) -> Event {
    use v5::Event as E;
    use v5::mqttbytes::QoS;
    use v5::mqttbytes::v5::{Packet, SubscribeReasonCode as Code};
    match event {
        E::Incoming(Packet::ConnAck(_)) => Event::Connected,
        E::Incoming(Packet::SubAck(ack))
            if ack
                .return_codes
                .iter()
                .any(|code| !matches!(code, Code::Success(_))) =>
        {
            Event::Refused(format!("{:?}", ack.return_codes))
        }
        E::Incoming(Packet::Publish(publish)) => {
            let properties = publish.properties.as_ref();
            Event::Message(Box::new(Message {
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload.clone(),
                content_type: properties.and_then(|properties| properties.content_type.clone()),
                number: publish.pkid,
                is_repeated: publish.dup,
                is_retained: publish.retain,
                needs_ack: publish.qos != QoS::AtMostOnce,
                original: Original::Five(publish),
            }))
        }
        _ => Event::Other,
    }
}
