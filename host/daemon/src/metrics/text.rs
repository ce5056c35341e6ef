//! The text format: a family is its help, its type, and a line for each set of labels.

use std::fmt::{Display, Write};

use super::histogram::Histogram;

/// Families, one after the other.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a family. Its lines follow.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    pub(super) fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.put(format_args!("{name}{} {value}\n", shown(labels)));
    }

    /// A family with one line.
    pub(super) fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.line(name, &[], value);
    }

    /// Durations in seconds.
    pub(super) fn histogram(&mut self, name: &str, labels: &[(&str, &str)], histogram: &Histogram) {
        let bucket = format!("{name}_bucket");
        for (bound_us, count) in histogram.cumulative() {
            let bound = seconds(bound_us);
            self.line(&bucket, &[labels, &[("le", &bound)]].concat(), count);
        }
        self.line(&bucket, &[labels, &[("le", "+Inf")]].concat(), histogram.count());
        self.line(&format!("{name}_sum"), labels, seconds(histogram.sum_us()));
        self.line(&format!("{name}_count"), labels, histogram.count());
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn put(&mut self, line: std::fmt::Arguments<'_>) {
        // A String takes whatever is written to it.
        self.0.write_fmt(line).ok();
    }
}

/// Microseconds as seconds.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `{a="b",c="d"}`, with backslashes, quotes and line ends escaped.
fn shown(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_durations_are_written_as_the_format_wants_them() {
        let mut text = Text::default();
        text.family("a_total", "counter", "Some.");
        text.line("a_total", &[("x", "q\"\\\n")], 3);
        let mut histogram = Histogram::default();
        [100, 101, 3_000_000].into_iter().for_each(|us| histogram.note(us));
        text.histogram("b_seconds", &[], &histogram);
        let text = text.finish();
        assert!(
            text.starts_with("# HELP a_total Some.\n# TYPE a_total counter\na_total{x=\"q\\\"\\\\\\n\"} 3\n")
        );
        for line in [
            "b_seconds_bucket{le=\"0.0001\"} 1\n",
            "b_seconds_bucket{le=\"0.00025\"} 2\n",
            "b_seconds_bucket{le=\"2.5\"} 2\n",
            "b_seconds_bucket{le=\"+Inf\"} 3\n",
            "b_seconds_sum 3.000201\n",
            "b_seconds_count 3\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
