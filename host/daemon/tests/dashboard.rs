//! packaging/grafana/jettison.json asks for metrics and labels that there are.

mod kit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jettison_tests::wait_for;
use kit::{Daemon, ask};
use serde_json::Value;

fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).expect("it is there")
}

fn dashboard() -> Value {
    serde_json::from_str(&repository("packaging/grafana/jettison.json")).expect("JSON")
}

/// All that is asked of Prometheus, variables and annotations included.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            let is_query = |key: &str| ["expr", "definition", "query"].contains(&key);
            let texts =
                object.iter().filter(|(key, _)| is_query(key)).filter_map(|(_, value)| value.as_str());
            found.extend(texts.map(str::to_owned));
            object.values().for_each(|value| queries(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}

/// Words of a query.
fn words(query: &str) -> impl Iterator<Item = &str> {
    query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// A series as its family is called.
fn family<'s>(series: &'s str, families: &BTreeMap<String, String>) -> &'s str {
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| series.strip_suffix(end));
    of_histogram.filter(|base| families.get(*base).is_some_and(|kind| kind == "histogram")).unwrap_or(series)
}

/// `# TYPE name kind`, of what a daemon prints.
fn families(metrics: &str) -> BTreeMap<String, String> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

#[test]
fn every_metric_that_is_asked_for_is_printed_by_the_daemon_and_in_the_reference() {
    let state = tempfile::tempdir().expect("a folder");
    let mut daemon = Daemon::start(state.path(), &["--dry-run"]);
    daemon.says("jettison is watching");
    let metrics = wait_for("a tick", || {
        let (status, metrics) = ask(state.path(), &["metrics"]);
        (status == Some(0) && metrics.contains("jettison_consultation_seconds_bucket")).then_some(metrics)
    });
    let families = families(&metrics);
    let reference = repository("docs/reference/metrics.md");
    let mut asked = Vec::new();
    queries(&dashboard(), &mut asked);
    let series = asked.iter().flat_map(|query| words(query)).filter(|word| word.starts_with("jettison_"));
    let series: BTreeSet<&str> = series.collect();
    assert!(series.len() > 15, "{series:?}");
    for series in series {
        let family = family(series, &families);
        assert!(families.contains_key(family), "no daemon prints {series}: {:?}", families.keys());
        assert!(reference.contains(&format!("`{family}`")), "metrics.md lacks {family}");
    }
}

/// `sum by (a, b)` and `{{a}}` name labels of the metric, or `instance`, which Prometheus adds.
#[test]
fn every_label_that_is_shown_is_one_of_its_metric() {
    let reference = repository("docs/reference/metrics.md");
    let mut labels: BTreeMap<&str, String> = BTreeMap::new();
    let mut last = "";
    for row in reference.lines().filter(|line| line.starts_with("| `jettison_")) {
        let cells: Vec<&str> = row.split('|').collect();
        let of_row = if cells[3].contains("likewise") { last } else { cells[3] };
        last = of_row;
        cells[1].split('`').skip(1).step_by(2).for_each(|name| {
            labels.insert(name, of_row.to_owned());
        });
    }
    let panels = dashboard()["panels"].as_array().expect("a list").clone();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("a list"));
    let mut seen = 0;
    for target in targets {
        let query = target["expr"].as_str().expect("text");
        let legend = target["legendFormat"].as_str().expect("text");
        let series = words(query).find(|word| word.starts_with("jettison_")).expect("a metric");
        let known = labels.iter().find(|(name, _)| series == **name || series == format!("{name}_bucket"));
        let (_, known) = known.unwrap_or_else(|| panic!("metrics.md lacks {series}"));
        let by = query.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
        let by: Vec<&str> = by.flat_map(|list| list.split(", ")).collect();
        let shown = legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
        for label in by.iter().copied().chain(shown.clone()).filter(|label| *label != "le") {
            seen += 1;
            assert!(label == "instance" || known.contains(&format!("`{label}`")), "{series} has no {label}");
        }
        // What a sum leaves out cannot be shown.
        let is_summed = query.contains("sum by (") || query.contains("count by (");
        assert!(!is_summed || shown.clone().all(|label| by.contains(&label)), "{query}: {legend}");
    }
    assert!(seen > 15, "{seen} labels");
}

#[test]
fn panels_have_ids_of_their_own_and_lie_beside_each_other() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("a list");
    let place = |panel: &Value| {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().expect("a number"));
        (x, y, x + w, y + h)
    };
    for (at, panel) in panels.iter().enumerate() {
        let (left, top, right, bottom) = place(panel);
        assert!(right <= 24, "a dashboard is 24 wide: {}", panel["title"]);
        for other in &panels[at + 1..] {
            assert_ne!(panel["id"], other["id"]);
            let (other_left, other_top, other_right, other_bottom) = place(other);
            let is_apart =
                right <= other_left || other_right <= left || bottom <= other_top || other_bottom <= top;
            assert!(is_apart, "{} lies on {}", panel["title"], other["title"]);
        }
    }
}
