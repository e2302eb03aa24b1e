//! `zf collect`: collectors by hand, tried out, or apart from the service.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zarr_fuse_collectors::{
    Clock, Collector,
    hosts::Hosts,
    push::Push,
    scheduled::{Due, Scheduled},
    sink::{Contribution, Sink, SinkError, Taken, Verdict},
    status::RunReport,
};
use zarr_fuse_journal::outcome::Status;
use zarr_fuse_schemas::near::did_you_mean;
use zarr_fuse_server::{
    app::App,
    collect::{self, JournalSink},
    config::{Config, Secret},
    endpoint::Endpoint,
    slot::Slot,
};

use super::ingest::{problems, summary};
use super::{Access, Target, note, print};

/// Run collectors of a configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Collect {
    /// The collectors; with --push, none means all.
    names: Vec<String>,
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "zarr-fuse.yaml",
        env = "ZF_CONFIG"
    )]
    config: PathBuf,
    /// Do the run that was last due, and end.
    #[arg(long)]
    once: bool,
    /// Show the requests of the run that was last due, make them, and show what would be contributed; keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// Take this time for now: to do a former run.
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
    /// Contribute to the service at this address; without --once, on schedule until Ctrl-C.
    #[arg(long, value_name = "URL")]
    push: Option<String>,
    /// Token to sign in with.
    #[arg(long, value_name = "TOKEN", env = "ZF_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// With --push: folder for what collectors remember.
    #[arg(long, value_name = "DIR", default_value = ".zf-collect")]
    state: PathBuf,
}

impl Collect {
    /// Runs the collectors; exit code 1 if something was not fetched or not taken.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let environment: HashMap<String, String> = std::env::vars().collect();
        let config = Config::load(&self.config, &environment)?;
        let names = self.names(&config)?;
        let hosts = Hosts::default();
        let clock = Clock::system();
        let mut collectors = Vec::new();
        for name in &names {
            let settings = &config.collectors[name];
            let collector = collect::make(&config, name, settings, &hosts, &clock);
            collectors
                .push(collector.with_context(|| format!("the collector `{name}` cannot run"))?);
        }
        if self.dry_run {
            return self.try_out(config, &collectors).await;
        }
        match &self.push {
            Some(url) => self.push(url, collectors).await,
            None if self.once => self.once(&config, &collectors).await,
            None => anyhow::bail!(
                "say --dry-run to try a collector out, --once for one run, or --push URL; `zf serve` runs collectors on schedule"
            ),
        }
    }

    fn names(&self, config: &Config) -> anyhow::Result<Vec<String>> {
        let known: Vec<&str> = config.collectors.keys().map(String::as_str).collect();
        if known.is_empty() {
            anyhow::bail!("`{}` has no collectors", self.config.display());
        }
        for name in &self.names {
            if !known.contains(&name.as_str()) {
                anyhow::bail!(
                    "there is no collector `{name}`{}",
                    did_you_mean(name, &known)
                );
            }
        }
        if !self.names.is_empty() {
            return Ok(self.names.clone());
        }
        if self.push.is_none() {
            anyhow::bail!("say which collector; there are {}", known.join(", "));
        }
        let enabled = config
            .collectors
            .iter()
            .filter(|(_, settings)| settings.enabled);
        Ok(enabled.map(|(name, _)| name.clone()).collect())
    }

    /// The run that was last due.
    fn due(&self, collector: &Scheduled) -> Due {
        collector.last_due(self.at.unwrap_or_else(Utc::now))
    }

    /// Shows requests and outcomes, against datasets that are empty and in memory.
    async fn try_out(
        &self,
        mut config: Config,
        collectors: &[Collector],
    ) -> anyhow::Result<ExitCode> {
        config.journal.url = None;
        for dataset in config.datasets.by_name.values_mut() {
            dataset.store = Some("memory://".to_owned());
        }
        let app = App::build(config, CancellationToken::new()).await?;
        let mut code = ExitCode::SUCCESS;
        for collector in collectors {
            let scheduled = scheduled(collector)?;
            let due = self.due(scheduled);
            print(&format!(
                "{}: the run that was due at {}",
                collector.name(),
                due.at
            ))?;
            for planned in scheduled.expand(due)? {
                print(&format!(
                    "  {} {}",
                    format!("{:?}", planned.method).to_uppercase(),
                    planned.planned_url
                ))?;
                for (name, value, secret) in &planned.headers {
                    let value = if *secret { "…" } else { value };
                    print(&format!("    {name}: {value}"))?;
                }
                let variables = serde_json::Value::Object(planned.variables);
                print(&format!("    variables {variables}"))?;
            }
            let endpoint = app.collectors.get(collector.name());
            let endpoint = endpoint.map(|collecting| collecting.endpoint.clone());
            let endpoint =
                endpoint.context("it is not enabled; set `enabled: true` to try it out")?;
            let sink = Trial(
                JournalSink::new(collector.name(), endpoint.clone()),
                endpoint,
            );
            let report = scheduled
                .run_now(due, &sink)
                .await
                .map_err(anyhow::Error::new)?;
            if !told(collector.name(), &report)? {
                code = ExitCode::FAILURE;
            }
        }
        Ok(code)
    }

    /// One run each, into the datasets themselves.
    async fn once(&self, config: &Config, collectors: &[Collector]) -> anyhow::Result<ExitCode> {
        let mut code = ExitCode::SUCCESS;
        for collector in collectors {
            let name = collector.name();
            let settings = &config.collectors[name];
            let endpoint = settings.endpoint(name);
            let (dataset, node) = match config.endpoints.get(endpoint) {
                Some(settings) => (
                    settings.dataset.clone().unwrap_or_default(),
                    settings.node.clone(),
                ),
                None => (endpoint.to_owned(), String::new()),
            };
            let known = config.datasets.by_name.get(&dataset);
            let known = known.with_context(|| format!("there is no dataset `{dataset}`"))?;
            let target = Target {
                schema: known.schema.clone(),
                store: None,
                config: Some(self.config.clone()),
                take_over: false,
            };
            let dataset = target.open(Access::Write).await?;
            let endpoint = Endpoint {
                name: endpoint.to_owned(),
                slot: Arc::new(Slot::open(Arc::clone(&dataset))),
                node,
                alias: None,
                senders: Vec::new(),
            };
            let scheduled = scheduled(collector)?;
            let sink = JournalSink::new(name, endpoint);
            let report = scheduled
                .run_now(self.due(scheduled), &sink)
                .await
                .map_err(anyhow::Error::new);
            dataset.fold_all().await?;
            dataset.publish_groups().await?;
            let report = report?;
            let mut good = told(name, &report)?;
            for id in &report.contributions {
                let Some(entry) = dataset.journal.entry(*id) else {
                    continue;
                };
                let outcome = dataset.journal.settled(entry.header.seq).await;
                print(&summary(&format!("  {id}"), &outcome))?;
                if outcome.status != Status::Merged {
                    good = false;
                    problems(&outcome);
                }
            }
            dataset.close().await;
            if !good {
                code = ExitCode::FAILURE;
            }
        }
        Ok(code)
    }

    /// Into a service somewhere else.
    async fn push(&self, url: &str, collectors: Vec<Collector>) -> anyhow::Result<ExitCode> {
        let token = self.token.as_deref().map(Secret::new);
        let sink = Push::new(url, token, self.state.clone()).map_err(anyhow::Error::msg)?;
        if self.once {
            let mut code = ExitCode::SUCCESS;
            for collector in &collectors {
                let scheduled = scheduled(collector)?;
                let report = scheduled.run_now(self.due(scheduled), &sink).await;
                if !told(collector.name(), &report.map_err(anyhow::Error::new)?)? {
                    code = ExitCode::FAILURE;
                }
            }
            return Ok(code);
        }
        let stop = CancellationToken::new();
        let signals = zarr_fuse_server::tasks::stop_on_signals(stop.clone());
        note(&format!(
            "{} collectors contribute to {url}; Ctrl-C stops",
            collectors.len()
        ));
        let running = collectors
            .iter()
            .map(|collector| collector.run(&sink, &stop));
        let (ended, _) = tokio::join!(signals, futures::future::join_all(running));
        ended?;
        Ok(ExitCode::SUCCESS)
    }
}

fn scheduled(collector: &Collector) -> anyhow::Result<&Scheduled> {
    match collector {
        Collector::Scheduled(scheduled) => Ok(scheduled),
        Collector::Subscribed(_) | Collector::Watch(_) => anyhow::bail!(
            "`{}` has no runs: it takes what comes; `zf serve` or `zf collect {0} --push URL` does",
            collector.name()
        ),
    }
}

/// Prints what came of a run; whether it was good.
fn told(name: &str, report: &RunReport) -> anyhow::Result<bool> {
    let counts = &report.counts;
    print(&format!(
        "{name}: {} pages, {} requests, {} not asked for, {} unchanged, {} failed, {} contributed ({} bytes)",
        counts.planned,
        counts.requests,
        counts.fresh,
        counts.unchanged,
        counts.failed,
        counts.contributed,
        counts.bytes
    ))?;
    for error in &report.errors {
        note(&format!("  {error}"));
    }
    Ok(report.is_good())
}

/// Decodes contributions and shows what would become of them.
struct Trial(JournalSink, Endpoint);

#[async_trait]
impl Sink for Trial {
    async fn contribute(&self, contribution: Contribution) -> Result<Taken, SinkError> {
        let what = format!(
            "  {} ({} bytes)",
            contribution.file_name,
            contribution.payload.len()
        );
        let refused = |error: String| SinkError::Refused(error);
        // A trial does not wait for anything to be mended.
        let new = self.0.new_contribution(contribution);
        let new = new.map_err(|error| refused(error.to_string()))?;
        let opened = self.1.open().map_err(|error| refused(error.to_string()))?;
        let dataset = opened.dataset;
        let tried = dataset.dry_run(new).await;
        let (outcome, _preview) = tried.map_err(|error| refused(error.to_string()))?;
        let shown = print(&summary(&what, &outcome));
        shown.map_err(|error| refused(error.to_string()))?;
        problems(&outcome);
        if outcome.status == Status::Rejected {
            return Err(refused("nothing of it could be taken".to_owned()));
        }
        Ok(Taken {
            id: Uuid::nil(),
            replayed: false,
        })
    }

    async fn outcome(&self, _: Uuid) -> Result<Verdict, SinkError> {
        Err(SinkError::Refused("nothing was kept".to_owned()))
    }

    async fn remembered(&self, _: &str) -> Result<Option<Bytes>, SinkError> {
        Ok(None)
    }

    async fn remember(&self, _: &str, _: Vec<u8>) -> Result<(), SinkError> {
        Ok(())
    }
}
