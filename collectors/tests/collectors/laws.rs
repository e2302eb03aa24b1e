//! Texts of configurations, whatever they are: a clear refusal, or something that does what it says.

use proptest::prelude::*;
use serde_json::Value as Json;
use zarr_fuse_collectors::mqtt::topic::Topic;
use zarr_fuse_collectors::template::{Template, Variables};
use zarr_fuse_collectors::watch::pattern::Pattern;

/// A level of a pattern, the level of a topic that it matches, and the variable in it.
type Level = (String, String, Option<(String, String)>);

fn levels() -> impl Strategy<Value = Vec<Level>> {
    let level = prop_oneof![
        "[a-zé0-9 ]{0,5}".prop_map(|text| (text.clone(), text, None)),
        "[^/\\x00]{0,5}".prop_map(|text| ("+".to_owned(), text, None)),
        "[^/\\x00]{0,5}".prop_map(|text| (
            "{v}".to_owned(),
            text.clone(),
            Some(("v".to_owned(), text))
        )),
    ];
    prop::collection::vec(level, 1..6)
}

proptest! {
    #[test]
    fn no_text_breaks_a_pattern_of_topics(pattern in any::<String>(), topic in any::<String>()) {
        if let Ok(parsed) = Topic::parse(&pattern) {
            let filter = parsed.filter();
            prop_assert!(!filter.contains('{'), "{filter}");
            let _variables = parsed.matches(&topic);
        }
    }

    #[test]
    fn a_topic_matches_the_pattern_it_was_made_for(levels in levels(), more in "(/[a-z]{0,3}){0,3}") {
        let join = |pick: fn(&Level) -> &str| -> String {
            levels.iter().map(pick).collect::<Vec<_>>().join("/")
        };
        let (pattern, topic) = (join(|level| &level.0), join(|level| &level.1));
        prop_assume!(!pattern.is_empty());
        let mut expected = Variables::new();
        for (name, value) in levels.iter().filter_map(|level| level.2.clone()) {
            expected.insert(name, Json::from(value));
        }
        let parsed = Topic::parse(&pattern).unwrap();
        prop_assert_eq!(parsed.matches(&topic), Some(expected.clone()));
        prop_assert_eq!(parsed.matches(&format!("{topic}/x")), None);
        let rest = Topic::parse(&format!("{pattern}/#")).unwrap();
        prop_assert_eq!(rest.matches(&format!("{topic}{more}")), Some(expected));
    }

    #[test]
    fn no_text_breaks_a_template(text in any::<String>(), value in any::<String>()) {
        if let Ok(template) = Template::parse(&text) {
            let names = template.names().map(|name| (name.to_owned(), Json::from(value.as_str())));
            let variables: Variables = names.collect();
            let _filled = (template.fill(&variables), template.fill_url(&variables));
        }
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_a_url(value in any::<String>()) {
        let template = Template::parse("https://example.org/a/{v}/b?q={v}&r=1").unwrap();
        let variables: Variables = [("v".to_owned(), Json::from(value.as_str()))].into_iter().collect();
        let url = url::Url::parse(&template.fill_url(&variables)).unwrap();
        prop_assert_eq!(url.host_str(), Some("example.org"));
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        prop_assert_eq!(pairs, [("q".to_owned(), value.clone()), ("r".to_owned(), "1".to_owned())]);
        prop_assert_eq!(url.fragment(), None);
        // `.` and `..` as a whole part of a path mean other parts, percent-encoded or not.
        if !matches!(value.as_str(), "." | "..") {
            prop_assert_eq!(url.path_segments().unwrap().count(), 3);
        }
    }

    #[test]
    fn no_text_breaks_a_pattern_of_names(pattern in any::<String>(), name in any::<String>()) {
        if let Ok(parsed) = Pattern::parse(&pattern) {
            let _variables = parsed.variables(&name);
        }
    }
}
