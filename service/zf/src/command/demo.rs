//! `zf demo`: the whole product on this machine, fed by simulated instruments through the public interface.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use zarr_fuse_collectors::simulate::{
    BOREHOLES, LOCATIONS, borehole_csv, hour_of, locationforecast,
};
use zarr_fuse_server::config::Config;

use super::{note, print};

/// Days of history of the boreholes, a reading every 15 minutes.
const HISTORY_DAYS: i64 = 60;
/// Hours of former and of coming forecasts.
const FORECAST_HOURS: (i64, i64) = (30 * 24, 60);
/// Time between live readings.
const LIVE_INTERVAL: Duration = Duration::from_secs(5);

/// The files of the demo: what a user would write by hand.
const FILES: [(&str, &str); 2] = [
    (
        "weather.yaml",
        include_str!("../../../../schemas/weather.yaml"),
    ),
    (
        "boreholes.yaml",
        include_str!("../../../../schemas/boreholes.yaml"),
    ),
];

/// Show the whole product on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Folder for schemas, configuration and data; made if missing, continued if there.
    #[arg(long, value_name = "DIR", default_value = "zarr-fuse-demo")]
    dir: PathBuf,
    /// Where to listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
    listen: String,
    /// Stop when the history is there and everything is merged, instead of going on live.
    #[arg(long)]
    once: bool,
}

/// The address, with a port that is free in place of 0.
fn with_port(listen: &str) -> anyhow::Result<String> {
    if !listen.ends_with(":0") {
        return Ok(listen.to_owned());
    }
    let listener = std::net::TcpListener::bind(listen)
        .with_context(|| format!("cannot listen on `{listen}`"))?;
    Ok(listener.local_addr()?.to_string())
}

impl Demo {
    /// Writes the files, starts the service, feeds it, until Ctrl-C.
    pub(crate) async fn run(mut self) -> anyhow::Result<ExitCode> {
        self.listen = with_port(&self.listen)?;
        let config = self.prepare()?;
        let stop = CancellationToken::new();
        let service = zarr_fuse_server::serve(config, stop.clone());
        tokio::pin!(service);
        tokio::select! {
            ended = &mut service => ended?,
            fed = self.feed(stop.clone()) => {
                let was_stopped = stop.is_cancelled();
                stop.cancel();
                service.await?;
                // What the feeds cannot send once the service stops is no failure.
                if !was_stopped {
                    fed?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn prepare(&self) -> anyhow::Result<Config> {
        let write = |name: &str, text: &str| {
            let file = self.dir.join(name);
            std::fs::write(&file, text)
                .with_context(|| format!("cannot write `{}`", file.display()))
        };
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot make the folder `{}`", self.dir.display()))?;
        for (name, text) in FILES {
            write(name, text)?;
        }
        let listen = &self.listen;
        write(
            "zarr-fuse.yaml",
            &format!(
                "# The configuration of the demo; `zf serve --config zarr-fuse.yaml` runs the same service without the feeds.\n\
                 server:\n  listen: \"{listen}\"\n\
                 datasets:\n  - weather.yaml\n  - boreholes.yaml\n\
                 endpoints:\n  locationforecast:                     # takes answers of the locationforecast service as they are\n    \
                 dataset: weather\n    node: forecast\n    decode:\n      extract: {{builtin: yrno-locationforecast}}\n      \
                 set: {{location: \"${{location}}\"}}\n"
            ),
        )?;
        let environment = std::env::vars().collect();
        Ok(Config::load(
            &self.dir.join("zarr-fuse.yaml"),
            &environment,
        )?)
    }

    /// Waits for the service, sends history once, then readings live.
    async fn feed(&self, stop: CancellationToken) -> anyhow::Result<()> {
        let client = Client {
            http: reqwest::Client::new(),
            base: format!("http://{}", self.listen),
        };
        client.ready().await?;
        let now = Utc::now();
        note("feeding 60 days of borehole temperatures and 30 days of forecasts …");
        for location in &LOCATIONS {
            let begin = now - TimeDelta::hours(FORECAST_HOURS.0);
            client
                .forecast(location, begin, FORECAST_HOURS.0 + FORECAST_HOURS.1)
                .await?;
        }
        let begin = hour_of(now) - TimeDelta::days(HISTORY_DAYS);
        for borehole in &BOREHOLES {
            let times = (0..HISTORY_DAYS * 96)
                .map(|i| begin + TimeDelta::minutes(15 * i))
                .filter(|time| *time < now);
            client.measurements(borehole_csv(borehole, times)).await?;
        }
        self.introduce(&client.base)?;
        if self.once {
            return Ok(());
        }
        let mut ticks = tokio::time::interval(LIVE_INTERVAL);
        let mut forecast_at = now;
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            let now = Utc::now();
            for borehole in &BOREHOLES {
                client
                    .measurements(borehole_csv(borehole, std::iter::once(now)))
                    .await?;
            }
            if now - forecast_at > TimeDelta::minutes(1) {
                forecast_at = now;
                for location in &LOCATIONS {
                    client.forecast(location, now, FORECAST_HOURS.1).await?;
                }
            }
        }
    }

    /// Says what runs and what to try.
    fn introduce(&self, base: &str) -> anyhow::Result<()> {
        let dir = self.dir.display();
        let store = std::fs::canonicalize(self.dir.join("boreholes.zarr"))
            .unwrap_or_else(|_| self.dir.join("boreholes.zarr"));
        let store = display(&store);
        print(&format!(
            "\n  zarr-fuse is running at {base}/  (interface: {base}/docs)\n  schemas, configuration and data are in {dir}\n\n\
             Try:\n\n  \
             curl --data-binary $'date_time,borehole,depth,rock_temp\\n2024-05-01T12:00:00Z,mine,0.5,11.2\\n' \\\n       \
             -H 'Content-Type: text/csv' '{base}/api/v1/ingest/boreholes/temperature?wait=merged'\n\n  \
             curl '{base}/api/v1/query/boreholes/temperature?var=rock_temp&sel.borehole=mine'\n\n  \
             python -c \"import xarray; print(xarray.open_zarr('{store}', group='temperature'))\"\n\n\
             New readings arrive every 5 seconds. Ctrl-C stops."
        ))
    }
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

/// The public interface, as any instrument would use it.
struct Client {
    http: reqwest::Client,
    base: String,
}

impl Client {
    async fn ready(&self) -> anyhow::Result<()> {
        let url = format!("{}/health/ready", self.base);
        for _ in 0..600 {
            if self
                .http
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the service does not become ready at {url}");
    }

    async fn forecast(
        &self,
        location: &zarr_fuse_collectors::simulate::Location,
        begin: DateTime<Utc>,
        n_hours: i64,
    ) -> anyhow::Result<()> {
        let variables = [
            ("location", location.name.to_owned()),
            ("latitude", location.latitude.to_string()),
            ("longitude", location.longitude.to_string()),
        ];
        let url = url::Url::parse_with_params(
            &format!("{}/api/v1/ingest/locationforecast", self.base),
            variables,
        )
        .context("the address to listen on makes no URL")?;
        let request = self.http.post(url);
        self.sent(request.json(&locationforecast(location, begin, n_hours)))
            .await
    }

    async fn measurements(&self, csv: String) -> anyhow::Result<()> {
        let url = format!("{}/api/v1/ingest/boreholes/temperature", self.base);
        self.sent(
            self.http
                .post(url)
                .header("Content-Type", "text/csv")
                .body(csv),
        )
        .await
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> anyhow::Result<()> {
        let answer = request.send().await.context("cannot reach the service")?;
        let status = answer.status();
        if !status.is_success() {
            anyhow::bail!(
                "the service answered {status}: {}",
                answer.text().await.unwrap_or_default()
            );
        }
        Ok(())
    }
}
