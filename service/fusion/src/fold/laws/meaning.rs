//! The arrays are the naive fold of what counts, each contribution read as its own definition says, whatever was edited,
//! renamed, corrected and rebuilt since.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use indexmap::IndexMap;
use zarr_fuse_decode::Decoding;
use zarr_fuse_journal::{Correction, CorrectionError, Requester, outcome::Status};

use super::*;
use crate::dataset::{Decoders, Rebuild};
use crate::node::Indices;
use crate::rebuild::Losses;

/// What a schema and a configuration say.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Said {
    source_is_kelvin: Option<bool>,
    column_is_x: bool,
    interval: Option<(i32, i32)>,
    rule: MergeRule,
    n_labels: usize,
    has_w: bool,
    /// Of `a` and `b`: how they rename columns; `None`: they are not configured.
    endpoints: [Option<u8>; 2],
    name: u8,
}

/// What is stored in addition, which only a rebuild changes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stored {
    is_kelvin: bool,
    is_single: bool,
}

/// `t`, `v`, `kind` and `w`.
type Row = (i64, Option<u8>, Option<u8>, Option<u8>);

#[derive(Debug, Clone)]
struct Arrived {
    /// 0: the dataset's own endpoint.
    endpoint: usize,
    column_is_x: bool,
    rows: Vec<Row>,
}

#[derive(Debug, Clone)]
enum Event {
    Edit(Said),
    Store(Stored),
    Contribute(Arrived),
    /// Retracts, or counts again.
    Toggle(prop::sample::Index),
    /// Retries what was not taken whole.
    Retry(prop::sample::Index),
    Rebuild,
    /// From this share of the contributions on; even if some are rejected.
    Reinterpret(prop::sample::Index, bool),
    Fold,
}

impl Said {
    fn name(self) -> &'static str {
        ["one", "two", "a"][usize::from(self.name)]
    }

    /// The name of the endpoint, if there is one.
    fn endpoint(self, number: usize) -> Option<&'static str> {
        match number {
            0 => Some(self.name()),
            number => self.endpoints[number - 1].map(|_| ["a", "b"][number - 1]),
        }
    }

    /// How today's endpoint for what came through one of this name, perhaps the dataset's own, renames columns.
    fn today(self, name: &str, is_own: bool) -> Option<u8> {
        let own = is_own.then(|| self.renames(self.name())).flatten();
        self.renames(name).or(own)
    }

    /// How the endpoint of this name renames columns.
    fn renames(self, name: &str) -> Option<u8> {
        let place = ["a", "b"].iter().position(|other| *other == name);
        let configured = place.and_then(|place| self.endpoints[place]);
        configured.or((name == self.name()).then_some(0))
    }

    fn schema(self, stored: Stored) -> Schema {
        let mut yaml =
            String::from("n:\n  COORDS:\n    t: {type: int64, chunk_size: 2}\n  VARS:\n");
        let unit = if stored.is_kelvin { "K" } else { "degC" };
        let number = if stored.is_single {
            "float32"
        } else {
            "float64"
        };
        let rule = format!("{:?}", self.rule).to_lowercase();
        write!(
            yaml,
            "    v: {{coords: [t], type: {number}, unit: {unit}, merge: {rule}"
        )
        .unwrap();
        if let Some(is_kelvin) = self.source_is_kelvin {
            write!(
                yaml,
                ", source_unit: {}",
                if is_kelvin { "K" } else { "degC" }
            )
            .unwrap();
        }
        if self.column_is_x {
            yaml.push_str(", df_col: x");
        }
        if let Some((low, high)) = self.interval {
            write!(yaml, ", range: {{interval: [{low}, {high}, degC]}}").unwrap();
        }
        let labels = ["p", "q", "r"][..self.n_labels].join(", ");
        write!(
            yaml,
            "}}\n    kind: {{coords: [t], range: {{discrete: [{labels}]}}}}\n"
        )
        .unwrap();
        if self.has_w {
            yaml.push_str("    w: {coords: [t], type: int32}\n");
        }
        Schema::parse(&yaml, &format!("{}.yaml", self.name()), Path::new("."))
            .unwrap_or_else(|error| panic!("{error}\n{yaml}"))
    }

    fn decoders(self) -> Decoders {
        let configured = ["a", "b"].into_iter().zip(self.endpoints);
        let prepared = configured.filter_map(|(name, how)| {
            let rename = match how? {
                0 => IndexMap::new(),
                1 => IndexMap::from([("x".to_owned(), "v".to_owned())]),
                _ => IndexMap::from([("v".to_owned(), "x".to_owned())]),
            };
            let decoding = Decoding {
                rename,
                ..Decoding::default()
            };
            Some((name.to_owned(), decoding.prepare(Path::new(".")).unwrap()))
        });
        Decoders::new(self.name(), prepared.collect::<HashMap<_, _>>())
    }

    async fn open(self, stored: Stored, objects: &Arc<dyn ObjectStore>) -> Arc<Dataset> {
        let store = Store::new(Arc::clone(objects), "memory://");
        let schema = Arc::new(self.schema(stored));
        let settings = JournalSettings::default();
        Dataset::open(schema, store, self.decoders(), settings)
            .await
            .unwrap()
    }
}

/// The rows as they were delivered.
fn payload(arrived: &Arrived) -> String {
    let column = if arrived.column_is_x { "x" } else { "v" };
    let rows = arrived.rows.iter().map(|(t, v, kind, w)| {
        let kind = kind.map(|kind| ["p", "q", "r"][usize::from(kind)]);
        json!({"t": t, column: v, "kind": kind, "w": w})
    });
    Json::Array(rows.collect()).to_string()
}

/// What was said, and how columns were renamed.
type Meant = (Said, u8);

/// Values of `v` in degrees Celsius, codes of `kind`, `w`.
type Cell = (Option<f64>, Option<usize>, Option<u8>);

/// Adds a contribution to the cells as it is meant; whether anything could be taken.
fn add(cells: &mut BTreeMap<i64, Cell>, arrived: &Arrived, (said, renames): Meant) -> bool {
    let before = if arrived.column_is_x { "x" } else { "v" };
    let column = match renames {
        0 => before,
        1 if before == "x" => "v",
        2 if before == "v" => "x",
        _ => return false,
    };
    let is_read = column == if said.column_is_x { "x" } else { "v" };
    for (t, v, kind, w) in &arrived.rows {
        let cell = cells.entry(*t).or_default();
        let value = v.filter(|_| is_read).map(f64::from);
        // Without a unit of its own, what is delivered is in the unit stored when it came: always Celsius here, see `said`.
        let value = value.map(|v| {
            if said.source_is_kelvin == Some(true) {
                v - 273.15
            } else {
                v
            }
        });
        let value = value.filter(|v| {
            said.interval
                .is_none_or(|(low, high)| (f64::from(low)..=f64::from(high)).contains(v))
        });
        if let Some(new) = value {
            let wins = match (cell.0, said.rule) {
                (None, _) | (_, MergeRule::Last) => true,
                (Some(_), MergeRule::First | MergeRule::Reject) => false,
                (Some(old), MergeRule::Min) => new < old,
                (Some(old), MergeRule::Max) => new > old,
            };
            if wins {
                cell.0 = Some(new);
            }
        }
        let code = kind.map(usize::from).filter(|code| *code < said.n_labels);
        cell.1 = code.or(cell.1);
        cell.2 = w.filter(|_| said.has_w).or(cell.2);
    }
    true
}

async fn cells(dataset: &Dataset, stored: Stored, has_w: bool) -> BTreeMap<i64, Cell> {
    let view = dataset.node("n").unwrap().view();
    let Values::Int64(t) = view.coordinate("t").unwrap().clone() else {
        panic!("t is int64");
    };
    let all = [Indices::Range(0..t.len() as u64)];
    let v = view.read("v", &all).await.unwrap();
    let kind = view.read("kind", &all).await.unwrap();
    let w = if has_w {
        Some(view.read("w", &all).await.unwrap())
    } else {
        None
    };
    let number = |values: &Values, i: usize, name: &str| {
        (!values.is_na(i, view.na(name))).then(|| values.display(i))
    };
    let cell = |(i, t): (usize, &i64)| {
        let v = number(&v, i, "v").map(|text| {
            let v: f64 = text.parse().unwrap();
            if stored.is_kelvin { v - 273.15 } else { v }
        });
        let kind = number(&kind, i, "kind").map(|code| code.parse::<usize>().unwrap() - 1);
        let w = w.as_ref().and_then(|w| number(w, i, "w"));
        (*t, (v, kind, w.map(|w| w.parse().unwrap())))
    };
    t.iter().enumerate().map(cell).collect()
}

/// A contribution of the history, by its place among them.
struct Known {
    id: uuid::Uuid,
    seq: u64,
    arrived: Arrived,
    name: String,
    is_own: bool,
    meant: Meant,
}

/// What a correction makes contributions mean.
struct Effect {
    seq: u64,
    meant: Vec<(usize, Meant)>,
}

async fn check(dataset: &Dataset, known: &[Known], effects: &[Effect], said: Said, stored: Stored) {
    let mut meant: Vec<Meant> = known.iter().map(|known| known.meant).collect();
    for effect in effects {
        let is_refused = dataset.journal.is_refused(effect.seq);
        if is_refused {
            let mut tried = BTreeMap::new();
            let would_reject = effect.meant.iter().any(|(place, as_meant)| {
                let one = &known[*place];
                !add(&mut tried, &one.arrived, *as_meant)
            });
            assert!(
                would_reject,
                "correction {} was refused for nothing",
                effect.seq
            );
            continue;
        }
        for (place, as_meant) in &effect.meant {
            meant[*place] = *as_meant;
        }
    }
    let mut expected = BTreeMap::new();
    for (known, meant) in known.iter().zip(meant) {
        if dataset.journal.is_retracted(known.seq, u64::MAX) {
            continue;
        }
        let taken = add(&mut expected, &known.arrived, meant);
        let status = dataset.journal.entry(known.id).unwrap().status();
        assert_eq!(
            status == Status::Rejected,
            !taken,
            "contribution {} is {status:?}",
            known.seq
        );
    }
    let found = cells(dataset, stored, said.has_w).await;
    let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-3,
        (a, b) => a.is_none() && b.is_none(),
    };
    let same = found.len() == expected.len()
        && found.iter().zip(&expected).all(|((t, a), (u, b))| {
            t == u && close(a.0, b.0) && a.1 == b.1 && (a.2 == b.2 || !said.has_w)
        });
    assert!(same, "found {found:?}, expected {expected:?}");
    let node = dataset.node("n").unwrap();
    let verdict = crate::verify::verify(dataset, node).await.unwrap();
    assert_eq!(verdict.differences, Vec::<String>::new());
}

/// A dataset with its history.
struct World {
    objects: Arc<dyn ObjectStore>,
    said: Said,
    stored: Stored,
    dataset: Arc<Dataset>,
    known: Vec<Known>,
    effects: Vec<Effect>,
}

impl World {
    async fn new(said: Said) -> Self {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let stored = Stored {
            is_kelvin: false,
            is_single: false,
        };
        Self {
            dataset: said.open(stored, &objects).await,
            objects,
            said,
            stored,
            known: Vec::new(),
            effects: Vec::new(),
        }
    }

    async fn edit(&mut self, said: Said) {
        self.said = Said {
            n_labels: said.n_labels.max(self.said.n_labels),
            has_w: said.has_w || self.said.has_w,
            ..said
        };
        self.dataset.close().await;
        self.dataset = self.said.open(self.stored, &self.objects).await;
    }

    async fn store(&mut self, stored: Stored) {
        self.dataset.fold_all().await.unwrap();
        self.dataset.close().await;
        self.stored = stored;
        let store = Store::new(Arc::clone(&self.objects), "memory://");
        let how = Rebuild {
            node: None,
            reinterpret: None,
            losses: Losses::Refused,
        };
        let (schema, journal) = (Arc::new(self.said.schema(stored)), store.clone());
        let (decoders, settings) = (self.said.decoders(), JournalSettings::default());
        let rebuilt =
            Dataset::rebuild(schema, store, journal, decoders, settings, how, &|_, _| {}).await;
        self.dataset = rebuilt.unwrap();
    }

    async fn contribute(&mut self, arrived: &Arrived) {
        let Some(endpoint) = self.said.endpoint(arrived.endpoint) else {
            return;
        };
        let new = NewContribution {
            endpoint: endpoint.to_owned(),
            ..contribution(payload(arrived))
        };
        let receipt = self.dataset.contribute(new).await.unwrap();
        self.known.push(Known {
            id: receipt.id,
            seq: receipt.seq,
            arrived: arrived.clone(),
            name: endpoint.to_owned(),
            is_own: endpoint == self.said.name(),
            meant: (self.said, self.said.renames(endpoint).unwrap()),
        });
    }

    async fn toggle(&mut self, place: usize) {
        let (id, seq) = (self.known[place].id, self.known[place].seq);
        let status = self.dataset.journal.entry(id).unwrap().status();
        let is_retracted = self.dataset.journal.is_retracted(seq, u64::MAX);
        let correction = match (is_retracted, status == Status::Retracted) {
            (true, true) => Correction::Retry(id),
            (false, false) => Correction::Retract(id),
            _ => return,
        };
        self.correct(&correction).await.unwrap();
    }

    async fn retry(&mut self, place: usize) {
        let Known { id, seq, .. } = self.known[place];
        let status = self.dataset.journal.entry(id).unwrap().status();
        let is_retracted = self.dataset.journal.is_retracted(seq, u64::MAX);
        if is_retracted || !matches!(status, Status::Rejected | Status::Partial) {
            return;
        }
        let asked = self.correct(&Correction::Retry(id)).await;
        let Known { name, is_own, .. } = &self.known[place];
        let Some(renames) = self.said.today(name, *is_own) else {
            asked.unwrap_err();
            return;
        };
        self.effects.push(Effect {
            seq: asked.unwrap(),
            meant: vec![(place, (self.said, renames))],
        });
    }

    async fn reinterpret(&mut self, begin: usize, even_if: bool) {
        let correction = Correction::Reinterpret("n".into(), self.known[begin].seq);
        let by = Requester {
            even_if,
            ..Requester::default()
        };
        let receipt = self.dataset.correct(&correction, by).await.unwrap();
        let (said, known) = (self.said, &self.known);
        let meant = (begin..known.len()).filter_map(|place| {
            let name = &known[place].name;
            let is_own = known[begin..]
                .iter()
                .any(|one| one.name == *name && one.is_own);
            Some((place, (said, said.today(name, is_own)?)))
        });
        let meant = meant.collect();
        let seq = receipt.seq;
        self.effects.push(Effect { seq, meant });
    }

    async fn correct(&self, correction: &Correction) -> Result<u64, CorrectionError> {
        let asked = self.dataset.correct(correction, Requester::default()).await;
        asked.map(|receipt| receipt.seq)
    }

    async fn play(&mut self, event: &Event) {
        let n = self.known.len();
        match event {
            Event::Edit(said) => self.edit(*said).await,
            Event::Store(stored) => self.store(*stored).await,
            Event::Contribute(arrived) => self.contribute(arrived).await,
            Event::Fold => self.dataset.fold_all().await.unwrap(),
            Event::Rebuild => {
                self.correct(&Correction::Rebuild("n".into()))
                    .await
                    .unwrap();
            }
            Event::Toggle(which) if n > 0 => self.toggle(which.index(n)).await,
            Event::Retry(which) if n > 0 => self.retry(which.index(n)).await,
            Event::Reinterpret(which, even_if) if n > 0 => {
                self.reinterpret(which.index(n), *even_if).await;
            }
            Event::Toggle(_) | Event::Retry(_) | Event::Reinterpret(..) => {}
        }
    }

    async fn check(&self) {
        self.dataset.fold_all().await.unwrap();
        check(
            &self.dataset,
            &self.known,
            &self.effects,
            self.said,
            self.stored,
        )
        .await;
    }
}

async fn play(first: Said, events: &[Event]) {
    let mut world = World::new(first).await;
    for event in events {
        world.play(event).await;
    }
    world.check().await;
    // Also for who opens it afterwards, and knows nothing of the endpoints.
    let stranger = Said {
        endpoints: [None, None],
        name: 1,
        ..world.said
    };
    world.edit(stranger).await;
    world.check().await;
    world
        .correct(&Correction::Rebuild("n".into()))
        .await
        .unwrap();
    world.check().await;
}

fn said() -> impl Strategy<Value = Said> {
    let rules = [
        MergeRule::Last,
        MergeRule::First,
        MergeRule::Min,
        MergeRule::Max,
    ];
    (
        any::<bool>(),
        any::<bool>(),
        prop::option::of(prop_oneof![Just((-300, 3)), Just((0, 3)), Just((1, 9))]),
        0..4_usize,
        1..4_usize,
        any::<bool>(),
        [
            prop::option::weighted(0.7, 0..3_u8),
            prop::option::weighted(0.7, 0..3_u8),
        ],
        0..3_u8,
    )
        .prop_map(
            move |(kelvin, column_is_x, interval, rule, n_labels, has_w, endpoints, name)| Said {
                source_is_kelvin: Some(kelvin),
                column_is_x,
                interval,
                rule: rules[rule],
                n_labels,
                has_w,
                endpoints,
                name,
            },
        )
}

fn event() -> impl Strategy<Value = Event> {
    let row = (
        0..4_i64,
        prop::option::weighted(0.8, 0..6_u8),
        prop::option::of(0..3_u8),
        prop::option::of(0..5_u8),
    );
    let arrived = (0..3_usize, any::<bool>(), prop::collection::vec(row, 1..4)).prop_map(
        |(endpoint, column_is_x, rows)| Arrived {
            endpoint,
            column_is_x,
            rows,
        },
    );
    let stored = (any::<bool>(), any::<bool>()).prop_map(|(is_kelvin, is_single)| Stored {
        is_kelvin,
        is_single,
    });
    prop_oneof![
        3 => said().prop_map(Event::Edit),
        1 => stored.prop_map(Event::Store),
        6 => arrived.prop_map(Event::Contribute),
        2 => any::<prop::sample::Index>().prop_map(Event::Toggle),
        2 => any::<prop::sample::Index>().prop_map(Event::Retry),
        1 => Just(Event::Rebuild),
        1 => any::<(prop::sample::Index, bool)>().prop_map(|(from, even_if)| Event::Reinterpret(from, even_if)),
        3 => Just(Event::Fold),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_contribution_means_what_it_meant_when_it_came(first in said(), events in prop::collection::vec(event(), 3..24)) {
        block_on(play(first, &events));
    }
}
