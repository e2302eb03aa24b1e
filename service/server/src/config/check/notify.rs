//! Checks of the section `notify`.

use zarr_fuse_schemas::near::did_you_mean;

use super::{Checker, is_name, keys};
use crate::config::Config;
use crate::config::channel::{LOG, address, check_hook};
use crate::config::notify::{ChannelConfig, NotifyConfig, RuleConfig, Trigger};
use crate::config::read::Step;

/// Names that references in the section may mean.
struct Known<'a> {
    datasets: Vec<&'a str>,
    endpoints: Vec<&'a str>,
    collectors: Vec<&'a str>,
    channels: Vec<&'a str>,
}

impl Config {
    pub(super) fn check_notify(&mut self, checker: &mut Checker<'_>) {
        let folder = self.folder().to_owned();
        let collectors: Vec<String> = self.collectors.keys().cloned().collect();
        let Some(notify) = &mut self.notify else {
            return;
        };
        if let Some(file) = notify.smtp.as_mut().and_then(|smtp| smtp.ca_file.as_mut()) {
            *file = folder.join(&*file);
        }
        let datasets: Vec<&str> = self.datasets.by_name.keys().map(String::as_str).collect();
        let configured = self.endpoints.keys().map(String::as_str);
        let known = Known {
            endpoints: configured.chain(datasets.iter().copied()).collect(),
            datasets,
            collectors: collectors.iter().map(String::as_str).collect(),
            channels: notify
                .channels
                .keys()
                .map(String::as_str)
                .filter(|name| *name != LOG)
                .chain([LOG])
                .collect(),
        };
        check_channels(notify, checker);
        if notify.interval.is_zero() {
            checker.add(
                &keys(["notify", "interval"]),
                "it would look all the time: give at least `1s`",
            );
        }
        for (name, rule) in &notify.rules {
            check_rule(name, rule, &known, checker);
        }
    }
}

fn check_channels(notify: &NotifyConfig, checker: &mut Checker<'_>) {
    if let Some(smtp) = &notify.smtp {
        if let Err(reason) = address(&smtp.from) {
            checker.add(&keys(["notify", "smtp", "from"]), reason);
        }
        if smtp.host.is_empty() || smtp.host.contains(['/', ':', '@', ' ']) {
            let message = format!(
                "`{}` is not the name of a server; write `smtp.example.org`, and the port in `port`",
                smtp.host
            );
            checker.add(&keys(["notify", "smtp", "host"]), message);
        }
        match (&smtp.username, &smtp.password) {
            (Some(_), None) => checker.add(
                &keys(["notify", "smtp", "username"]),
                "`password` is missing: without it nobody can sign in",
            ),
            (None, Some(_)) => checker.add(
                &keys(["notify", "smtp", "password"]),
                "`username` is missing: without it nobody can sign in",
            ),
            _ => {}
        }
        if let Some(file) = smtp.ca_file.as_ref().filter(|file| !file.is_file()) {
            let message = format!("there is no file `{}`", file.display());
            checker.add(&keys(["notify", "smtp", "ca_file"]), message);
        }
    }
    for (name, channel) in &notify.channels {
        let path = keys(["notify", "channels", name]);
        if name == LOG {
            checker.add(&path, "`log` is the log already: choose another name");
        } else if !is_name(name) {
            let message = format!("`{name}` cannot be a name: use letters, digits, `.`, `_`, `-`");
            checker.add(&path, message);
        }
        match channel {
            ChannelConfig::Email(email) => {
                let inside = keys(["notify", "channels", name, "email"]);
                if notify.smtp.is_none() {
                    checker.add(
                        &inside,
                        "`notify.smtp` is missing: name the server that takes e-mails",
                    );
                }
                if email.to.is_empty() {
                    checker.add(&inside, "nobody would get it: name recipients in `to`");
                }
                for (idx, to) in email.to.iter().enumerate() {
                    if let Err(reason) = address(to) {
                        let mut path = inside.clone();
                        path.extend([Step::Key("to".to_owned()), Step::Index(idx)]);
                        checker.add(&path, reason);
                    }
                }
            }
            ChannelConfig::Webhook(hook) => {
                if let Err((key, reason)) = check_hook(hook) {
                    let path = keys(["notify", "channels", name, "webhook", key]);
                    checker.add(&path, reason);
                }
            }
        }
    }
}

fn check_rule(name: &str, rule: &RuleConfig, known: &Known<'_>, checker: &mut Checker<'_>) {
    let inside = |key: &str| keys(["notify", "rules", name, key]);
    let when = rule.when;
    let is_no_data = when == Trigger::NoData;
    let given = [
        (
            "times",
            rule.times.is_some(),
            when == Trigger::CollectorFailed,
        ),
        (
            "collectors",
            !rule.collectors.is_empty(),
            when == Trigger::CollectorFailed,
        ),
        (
            "partial",
            rule.partial.is_some(),
            when == Trigger::ContributionRejected,
        ),
        (
            "endpoints",
            !rule.endpoints.is_empty(),
            is_no_data || when == Trigger::ContributionRejected,
        ),
        (
            "dataset",
            rule.dataset.is_some(),
            when != Trigger::CollectorFailed,
        ),
        ("node", rule.node.is_some(), is_no_data),
        ("coordinate", rule.coordinate.is_some(), is_no_data),
        ("values", !rule.values.is_empty(), is_no_data),
        (
            "after",
            rule.after.is_some(),
            !matches!(when, Trigger::ContributionRejected | Trigger::TakenOver),
        ),
    ];
    for (key, is_given, has_meaning) in given {
        if is_given && !has_meaning {
            let message = format!("`{key}` means nothing for `{}`: remove it", when.name());
            checker.add(&inside(key), message);
        }
    }
    if rule.times == Some(0) {
        checker.add(
            &inside("times"),
            "nothing has failed yet after 0: give at least 1",
        );
    }
    for (key, names, all) in [
        (
            "tell",
            rule.tell.as_deref().unwrap_or_default(),
            &known.channels,
        ),
        ("endpoints", &rule.endpoints, &known.endpoints),
        ("collectors", &rule.collectors, &known.collectors),
    ] {
        for (idx, wanted) in names.iter().enumerate() {
            if !all.contains(&wanted.as_str()) {
                let mut path = inside(key);
                path.push(Step::Index(idx));
                let kind = match key {
                    "tell" => "channel",
                    "endpoints" => "endpoint",
                    _ => "collector",
                };
                let hint = if all.is_empty() {
                    "; there are none".to_owned()
                } else {
                    did_you_mean(wanted, all)
                };
                checker.add(&path, format!("there is no {kind} `{wanted}`{hint}"));
            }
        }
    }
    if let Some(dataset) = &rule.dataset
        && !known.datasets.contains(&dataset.as_str())
    {
        let hint = if known.datasets.is_empty() {
            "; `datasets` is empty".to_owned()
        } else {
            did_you_mean(dataset, &known.datasets)
        };
        checker.add(
            &inside("dataset"),
            format!("there is no dataset `{dataset}`{hint}"),
        );
    }
    if is_no_data {
        check_no_data(name, rule, known, checker);
    }
}

/// What is watched must be said in exactly one way.
fn check_no_data(name: &str, rule: &RuleConfig, known: &Known<'_>, checker: &mut Checker<'_>) {
    let inside = |key: &str| keys(["notify", "rules", name, key]);
    let whole = keys(["notify", "rules", name]);
    if rule.after.is_none_or(|after| after.is_zero()) {
        checker.add(
            &whole,
            "`after` is missing: say how long nothing may come, such as `2h`",
        );
    }
    match (&rule.node, rule.endpoints.is_empty()) {
        (None, true) => checker.add(
            &whole,
            "say what is watched: `endpoints`, or `node`, with `coordinate` for each of its values",
        ),
        (Some(_), false) => checker.add(
            &inside("endpoints"),
            "either `endpoints` or `node`: write two rules",
        ),
        _ => {}
    }
    if rule.node.is_some() && rule.dataset.is_none() && known.datasets.len() != 1 {
        checker.add(
            &inside("node"),
            "`dataset` is missing: say whose node it is",
        );
    }
    if rule.coordinate.is_some() && rule.node.is_none() {
        checker.add(
            &inside("coordinate"),
            "`node` is missing: say whose coordinate it is",
        );
    }
    if !rule.values.is_empty() && rule.coordinate.is_none() {
        checker.add(
            &inside("values"),
            "`coordinate` is missing: say what they are values of",
        );
    }
}
