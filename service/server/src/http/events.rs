//! `GET /api/v1/events`: what happens, as server-sent events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use bytes::{Bytes, BytesMut};
use chrono::Utc;
use futures::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::connections::Connection;
use super::error::{ApiError, Denials, Problems};
use super::places::{Admission, Bounds, Full, Place};
use super::{datasets, gate, relay};
use crate::app::App;
use crate::config::Scope;
use crate::events::kinds::{Collector, Commit, Contribution, Contributions, Problem};
use crate::events::{Audience, Next, Published, message};
use crate::who::Who;

/// Where a stream is to go on, said by browsers that connect again.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Pause after which a comment is sent, so that nobody on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client is to wait before it connects again.
const RETRY: Duration = Duration::from_secs(3);
/// How long a stream lasts. The client connects again, and what it may read is asked anew.
const MAX_LIFE: Duration = Duration::from_hours(1);
/// How often it is looked whether the client may still know: a token can be revoked.
const LOOK: Duration = Duration::from_millis(500);
/// Events handed over at once.
const MAX_AT_ONCE: usize = 128;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// Only of this dataset.
    dataset: Option<String>,
    /// The id of the last event that was seen: what came after it is sent. The header `Last-Event-ID` goes before it.
    last_event_id: Option<String>,
}

/// Event `reset`: what was missed is no longer known; load again what is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reset {
    /// Why.
    reason: &'static str,
}

/// What `data` of each event holds; the event `contribution` comes with the first of them, and so on.
#[derive(ToSchema)]
#[schema(as = EventData)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the events")]
pub(crate) enum EventData {
    /// `contribution`
    Contribution(Contribution),
    /// `contributions`
    Contributions(Contributions),
    /// `commit`
    Commit(Commit),
    /// `collector`
    Collector(Collector),
    /// `problem`
    Problem(Problem),
    /// `reset`
    Reset(Reset),
}

/// Follow what happens in datasets that the caller may read. At the start the problems of the moment are told; contributions,
/// collectors and problems are told to those with the scope `read:…` only.
#[utoipa::path(tag = "operation", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()), params(EventsQuery,
    ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses(
    (status = 200, description = "Server-sent events named `contribution`, `contributions`, `commit`, `collector`, `problem` and `reset`; the schema is that of their `data`",
        body = EventData, content_type = "text/event-stream"),
    Denials, Problems))]
#[get("/api/v1/events")]
pub(crate) async fn get_events(
    app: Data<App>,
    admission: Data<Admission>,
    who: Caller,
    query: Query<EventsQuery>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let rights = Rights::new(&app, &who, query.dataset.as_deref())?;
    let bounds = Bounds::of_events(&app.limits);
    let place = admission
        .events
        .take(&who, bounds)
        .map_err(|full| match full {
            Full::All(max) => ApiError::TooManyFollow {
                max,
                is_yours: false,
            },
            Full::Yours(max) => ApiError::TooManyFollow {
                max,
                is_yours: true,
            },
        })?;
    let last = relay::text(&req, &LAST_EVENT_ID).or(query.last_event_id.as_deref());
    let connection = req.conn_data::<Arc<Connection>>();
    let cut = connection.map_or_else(CancellationToken::new, |connection| connection.is_cut());
    let last = last.filter(|id| !id.is_empty());
    let from = Begun {
        rights,
        who: Who::clone(&who),
        cut,
        place,
    };
    let follower = Follower::new(app, from, last);
    let pieces = stream::unfold(follower, |mut follower| async move {
        let piece = follower.next().await?;
        Some((Ok::<_, Infallible>(piece), follower))
    });
    let mut response = HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Proxies like nginx are to pass events on at once.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(pieces);
    response.extensions_mut().insert(gate::Endless);
    Ok(response)
}

/// By dataset that may be read: whether by its scope, not only because it is public.
struct Rights(HashMap<String, bool>);

impl Rights {
    fn new(app: &App, who: &Who, only: Option<&str>) -> Result<Self, ApiError> {
        let datasets = match only {
            Some(name) => {
                // Those that are not open are followed, too: that is told as a problem.
                who.may_read(name)?;
                match app.datasets.get(name) {
                    Some(slot) => vec![slot],
                    None => {
                        return datasets::readable(app, who, name).map(|_| Self(HashMap::new()));
                    }
                }
            }
            None => datasets::all_readable(app, who).collect(),
        };
        if datasets.is_empty() {
            // Who sees nothing should know why.
            who.is_somebody()?;
        }
        let has_scope = |name: &str| who.may(&Scope::read(name)).is_ok();
        let rights = datasets.into_iter().map(|dataset| {
            let name = dataset.name.clone();
            let has_scope = has_scope(&name);
            (name, has_scope)
        });
        Ok(Self(rights.collect()))
    }

    fn allow(&self, audience: &Audience) -> bool {
        let given = self.0.get(&audience.dataset);
        given.is_some_and(|has_scope| *has_scope || !audience.needs_scope)
    }
}

/// What a client follows with.
struct Begun {
    rights: Rights,
    who: Who,
    /// The client has left.
    cut: CancellationToken,
    place: Place,
}

/// A client that follows.
struct Follower {
    app: Data<App>,
    rights: Rights,
    who: Who,
    /// Sent first.
    begin: Option<Bytes>,
    /// The last event that was looked at.
    n: u64,
    newest: watch::Receiver<u64>,
    ends: Instant,
    /// The client has left.
    cut: CancellationToken,
    _place: Place,
}

impl Follower {
    fn new(app: Data<App>, from: Begun, last: Option<&str>) -> Self {
        let Begun {
            rights,
            who,
            cut,
            place,
        } = from;
        app.metrics.event_streams.inc();
        let newest = app.events.follow();
        let known = last.and_then(|id| app.events.number(id));
        let mut follower = Self {
            app,
            rights,
            who,
            begin: None,
            n: 0,
            newest,
            ends: Instant::now() + MAX_LIFE,
            cut,
            _place: place,
        };
        let mut begin = BytesMut::from(format!("retry: {}\n\n", RETRY.as_millis()).as_str());
        match (known, last) {
            (Some(n), _) => follower.n = n,
            (None, Some(_)) => {
                begin.extend_from_slice(&follower.reset("the service has started again"));
            }
            (None, None) => begin.extend_from_slice(&follower.anew(None)),
        }
        follower.begin = Some(begin.freeze());
        follower
    }

    /// What is sent next; `None`: the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        let app = self.app.clone();
        if let Some(begin) = self.begin.take() {
            return Some(begin);
        }
        let silent = tokio::time::sleep(KEEP_ALIVE);
        tokio::pin!(silent);
        loop {
            // What the client may read is asked anew when it connects again.
            if app.superseded.is_cancelled() || !app.sign_in.still_knows(&self.who, Utc::now()) {
                return None;
            }
            match app.events.after(self.n, MAX_AT_ONCE) {
                Next::Gone => return Some(self.reset("more has happened than was read")),
                Next::Events(events) => {
                    self.n = events.last().map_or(self.n, |last| last.n);
                    let is_any = !events.is_empty();
                    let told = self.allowed(&events);
                    if !told.is_empty() {
                        return Some(told);
                    }
                    if is_any {
                        continue;
                    }
                }
            }
            tokio::select! {
                () = app.superseded.cancelled() => return None,
                () = self.cut.cancelled() => return None,
                () = tokio::time::sleep_until(self.ends) => return None,
                () = &mut silent => {
                    // The id, too: what came since may all have been for others.
                    let id = app.events.id(self.n);
                    return Some(Bytes::from(format!(":\nid: {id}\n\n")));
                }
                _newer = self.newest.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Begins anew: what was missed is not known.
    fn reset(&mut self, reason: &'static str) -> Bytes {
        self.anew(Some(Reset { reason }))
    }

    /// From here on, with what is wrong at present. The id lets who connects again go on from here.
    fn anew(&mut self, reset: Option<Reset>) -> Bytes {
        let start = self.app.events.start();
        self.n = start.newest;
        let id = self.app.events.id(start.newest);
        let mut text = match reset {
            Some(reset) => BytesMut::from(&*message("reset", Some(&id), &reset)),
            None => BytesMut::from(format!("id: {id}\n\n").as_str()),
        };
        text.extend_from_slice(&self.allowed(&start.problems));
        text.freeze()
    }

    /// Those that the client may know of.
    fn allowed(&self, events: &[Published]) -> Bytes {
        let mut text = BytesMut::new();
        for event in events {
            if self.rights.allow(&event.audience) {
                text.extend_from_slice(&event.text);
            }
        }
        text.freeze()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.app.metrics.event_streams.dec();
    }
}
