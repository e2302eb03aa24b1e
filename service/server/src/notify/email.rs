//! Messages as e-mails, over SMTP.

use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use zarr_fuse_schemas::row_problem::whole;

use super::message::{Message, Stage};
use super::outbox::DeliveryError;
use crate::config::{EmailConfig, SmtpConfig, SmtpTls, address};

/// Most steps of a conversation that the time-out of each step allows to add up.
const MAX_STEPS: u32 = 4;

/// Sends e-mails to the recipients of a channel.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// Longest time for one message.
    limit: Duration,
}

impl Mailer {
    pub(super) fn new(smtp: &SmtpConfig, email: &EmailConfig) -> Result<Self, String> {
        let tls = || {
            let mut parameters = TlsParameters::builder(smtp.host.clone());
            if let Some(file) = &smtp.ca_file {
                let pem = std::fs::read(file)
                    .map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
                let certificate =
                    Certificate::from_pem(&pem).map_err(|error| whole(&error).reason)?;
                parameters = parameters.add_root_certificate(certificate);
            }
            parameters.build().map_err(|error| whole(&error).reason)
        };
        let (tls, port) = match smtp.tls {
            SmtpTls::Starttls => (Tls::Required(tls()?), 587),
            SmtpTls::Implicit => (Tls::Wrapper(tls()?), 465),
            SmtpTls::None => (Tls::None, 25),
        };
        let mut transport =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(smtp.host.clone())
                .port(smtp.port.unwrap_or(port))
                .timeout(Some(smtp.timeout))
                .tls(tls);
        if let (Some(name), Some(password)) = (&smtp.username, &smtp.password) {
            let credentials = Credentials::new(name.clone(), password.expose().to_owned());
            transport = transport.credentials(credentials);
        }
        Ok(Self {
            transport: transport.build(),
            from: address(&smtp.from)?,
            to: email
                .to
                .iter()
                .map(|to| address(to))
                .collect::<Result<_, _>>()?,
            limit: smtp.timeout * MAX_STEPS,
        })
    }

    /// Delivers a message.
    pub(super) async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        let mail = self.mail(message).map_err(DeliveryError::Refused)?;
        let later = |reason| DeliveryError::Later {
            reason,
            after: None,
        };
        match tokio::time::timeout(self.limit, self.transport.send(mail)).await {
            Ok(Ok(_response)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() => {
                Err(DeliveryError::Refused(whole(&error).reason))
            }
            Ok(Err(error)) => Err(later(whole(&error).reason)),
            Err(_elapsed) => Err(later(format!(
                "the mail server took longer than {:?}",
                self.limit
            ))),
        }
    }

    fn mail(&self, message: &Message) -> Result<lettre::Message, String> {
        let mut mail: MessageBuilder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(message.subject())
            .message_id(Some(self.id(message)))
            .date(message.at.into())
            // So that nobody's absence is answered.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if message.stage == Stage::Began {
            let urgent = HeaderName::new_from_ascii_str("Importance");
            mail = mail.raw_header(HeaderValue::new(urgent, "high".to_owned()));
        }
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        mail.header(ContentType::TEXT_PLAIN)
            .body(message.body())
            .map_err(|error| whole(&error).reason)
    }

    /// The same however often it is sent, so that mailboxes know it again.
    fn id(&self, message: &Message) -> String {
        format!("<{}@{}>", message.id, self.from.email.domain())
    }
}
