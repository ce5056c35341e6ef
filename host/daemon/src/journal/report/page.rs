//! The page: plots, what ended, and the order at each decision.

use std::collections::BTreeMap;
use std::fmt::Write;

use jettison_record::End;

use super::html::escaped;
use super::plot::{Axes, Plot, float};
use super::story::{Decided, Point, Story};
use crate::journal::time::shown;
use crate::layout::bytes;

/// Holders that have a colour of their own.
const HOLDERS_MAX: usize = 6;
const STYLE: &str = include_str!("page.css");

pub(super) fn html(story: &Story) -> String {
    let mut page = String::new();
    let (from_ms, to_ms) = span(story);
    let title = format!("Jettison, {} UTC", shown(from_ms));
    let mut put = |part: &str| page.push_str(part);
    put("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    put("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    put(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
    );
    put(&format!("<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"));
    let dry = if story.is_dry { " This was a dry run: no process was signalled." } else { "" };
    let victims = story.ends.iter().filter(|end| end.by != "kernel").count();
    let by_kernel = story.ends.len() - victims;
    put(&format!(
        "<p>{} of memory. {}; the kernel's OOM killer took {}.{dry}</p>",
        bytes(story.total_bytes),
        counted(victims, "victim", "victims"),
        counted(by_kernel, "process", "processes")
    ));
    for line in &story.left_out {
        put(&format!("<p class=\"left-out\">{}</p>", escaped(line)));
    }
    put("<h2>Available memory</h2>");
    put(&memory(story, from_ms, to_ms));
    put("<h2>Pressure on memory (PSI, avg10)</h2>");
    put(&pressure(story, from_ms, to_ms));
    put("<h2>Which units held it</h2>");
    put(&holders(story, from_ms, to_ms));
    put("<h2>What ended</h2>");
    put(&ends(&story.ends));
    put("<h2>The order at each decision</h2>");
    story.decisions.iter().for_each(|decided| put(&decision(decided)));
    put("</body></html>\n");
    page
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn span(story: &Story) -> (u64, u64) {
    let at = |point: Option<&Point>| point.map_or(0, |point| point.at_ms);
    (at(story.points.first()), at(story.points.last()))
}

/// A quarter, a half and so on of a size.
fn sizes(most: u64) -> Vec<(f64, String)> {
    (0..=4).map(|part| (float(most * part / 4), bytes(most * part / 4))).collect()
}

fn memory(story: &Story, from_ms: u64, to_ms: u64) -> String {
    let highest = story.points.iter().map(|point| point.available_bytes).max().unwrap_or(0);
    let most = highest.max(story.levels[0].saturating_mul(3) / 2);
    let axes = Axes { from_ms, to_ms, most: float(most) };
    let mut plot = Plot::new(axes, "Available memory over time", &sizes(most));
    for (name, level) in ["warn", "act", "critical"].into_iter().zip(story.levels) {
        plot.level(name, float(level), name);
    }
    let points: Vec<(u64, f64)> =
        story.points.iter().map(|point| (point.at_ms, float(point.available_bytes))).collect();
    plot.line("available", &points);
    for end in &story.ends {
        let comm = &end.comm;
        if end.by == "kernel" {
            plot.moment("kernel", end.at_ms, &format!("the kernel's OOM killer took {comm}"));
        } else {
            plot.moment("named", end.at_ms, &format!("{comm} was named"));
            plot.moment("gone", end.at_ms + end.took_ms, &format!("{comm} was gone"));
        }
    }
    let mut legend = vec![("available".to_owned(), "available")];
    let is_by_kernel = |end: &End| end.by == "kernel";
    if !story.ends.iter().all(is_by_kernel) {
        legend.extend([("a victim was named".into(), "named"), ("it was gone".into(), "gone")]);
    }
    if story.ends.iter().any(is_by_kernel) {
        legend.push(("the kernel's OOM killer".into(), "kernel"));
    }
    plot.finish() + &key(&legend)
}

fn pressure(story: &Story, from_ms: u64, to_ms: u64) -> String {
    let axes = Axes { from_ms, to_ms, most: 100.0 };
    let ticks: Vec<(f64, String)> = [0_u32, 25, 50, 75, 100]
        .iter()
        .map(|&percent| (f64::from(percent), format!("{percent} %")))
        .collect();
    let mut plot = Plot::new(axes, "Pressure on memory over time", &ticks);
    let of = |which: fn(&Point) -> Option<u32>| -> Vec<(u64, f64)> {
        let points = story.points.iter();
        points.filter_map(|point| Some((point.at_ms, f64::from(which(point)?) / 100.0))).collect()
    };
    plot.line("some", &of(|point| point.some_avg10));
    plot.line("full", &of(|point| point.full_avg10));
    let legend = [("some".to_owned(), "some"), ("full".to_owned(), "full")];
    plot.finish() + &key(&legend)
}

fn holders(story: &Story, from_ms: u64, to_ms: u64) -> String {
    let whole: Vec<(u64, &BTreeMap<String, u64>)> =
        story.points.iter().filter_map(|point| Some((point.at_ms, point.holders.as_ref()?))).collect();
    let mut most: BTreeMap<&str, u64> = BTreeMap::new();
    for (name, &bytes) in whole.iter().flat_map(|(_, holders)| holders.iter()) {
        let largest = most.entry(name).or_default();
        *largest = bytes.max(*largest);
    }
    let mut names: Vec<(&str, u64)> = most.into_iter().collect();
    names.sort_by_key(|&(name, bytes)| (std::cmp::Reverse(bytes), name));
    names.truncate(HOLDERS_MAX);
    let sum = |holders: &BTreeMap<String, u64>| holders.values().sum::<u64>();
    let highest = whole.iter().map(|(_, holders)| sum(holders)).max().unwrap_or(0).max(1);
    let axes = Axes { from_ms, to_ms, most: float(highest) };
    let mut plot = Plot::new(axes, "Anonymous memory and swap by unit", &sizes(highest));
    let mut below: Vec<(u64, u64)> = whole.iter().map(|&(at_ms, _)| (at_ms, 0)).collect();
    let line = |values: &[(u64, u64)]| -> Vec<(u64, f64)> {
        values.iter().map(|&(at_ms, bytes)| (at_ms, float(bytes))).collect()
    };
    let mut legend = Vec::new();
    const CLASSES: [&str; HOLDERS_MAX] = ["h0", "h1", "h2", "h3", "h4", "h5"];
    for ((name, _), class) in names.into_iter().zip(CLASSES) {
        let next = below.iter().zip(&whole);
        let above: Vec<(u64, u64)> = next
            .map(|(&(at_ms, under), (_, holders))| (at_ms, under + holders.get(name).copied().unwrap_or(0)))
            .collect();
        plot.area(class, name, &line(&above), &line(&below));
        legend.push((name.to_owned(), class));
        below = above;
    }
    let all: Vec<(u64, u64)> = whole.iter().map(|(at_ms, holders)| (*at_ms, sum(holders))).collect();
    plot.area("others", "all others", &line(&all), &line(&below));
    legend.push(("all others".into(), "others"));
    plot.finish() + &key(&legend)
}

fn key(legend: &[(String, &str)]) -> String {
    let items: Vec<String> = legend
        .iter()
        .map(|(name, class)| format!("<li><i class=\"{class}\"></i>{}</li>", escaped(name)))
        .collect();
    format!("<ul class=\"key\">{}</ul>", items.concat())
}

fn ends(ends: &[End]) -> String {
    if ends.is_empty() {
        return "<p>No process.</p>".into();
    }
    let mut rows = String::new();
    for end in ends {
        let how = match end.by.as_str() {
            "kernel" => "the kernel's OOM killer".to_owned(),
            "dry-run" => "would have been shut down".into(),
            _ if end.refused => "given up: every signal was refused".into(),
            _ if end.unanswered => "given up: it did not answer".into(),
            _ => format!("{} ({} ms)", end.steps.join(", "), end.took_ms),
        };
        let cells = [
            shown(end.at_ms),
            format!("{} ({})", end.comm, end.pid),
            how,
            format!("{} of {}", bytes(end.measured_relief_bytes), bytes(end.predicted_relief_bytes)),
            format!("{}: {}", end.policy, end.reason),
        ];
        row(&mut rows, "", &cells);
    }
    table(["When (UTC)", "Process", "How", "Gave back", "Why"], &rows)
}

fn decision(decided: &Decided) -> String {
    let mut rows = String::new();
    for (rank, place) in (1..).zip(&decided.order) {
        let class = if place.is_victim { "victim" } else { "" };
        let name = format!("{rank}. {} ({})", place.comm, place.pid);
        let cells = [
            name,
            place.tier.to_owned(),
            bytes(place.relief_bytes),
            if place.is_victim { "went".into() } else { String::new() },
            place.reasons.join("; "),
        ];
        row(&mut rows, class, &cells);
    }
    let need = bytes(decided.need_bytes);
    let heading = format!("<h3>{}, {}: {need} needed</h3>", shown(decided.at_ms), decided.cause);
    heading + &table(["Process", "Tier", "Would give", "", "Why"], &rows)
}

fn row(rows: &mut String, class: &str, cells: &[String; 5]) {
    let cells: Vec<String> = cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
    // A String takes whatever is written to it.
    // A String takes whatever is written to it.
    write!(rows, "<tr class=\"{class}\">{}</tr>", cells.concat()).ok();
}

fn table(heads: [&str; 5], rows: &str) -> String {
    let heads: Vec<String> = heads.iter().map(|head| format!("<th>{head}</th>")).collect();
    format!(
        "<div class=\"wide\"><table><thead><tr>{}</tr></thead><tbody>{rows}</tbody></table></div>",
        heads.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        let name = "<script>alert(1)</script>\" onload='x'\u{1b}[31m";
        let end = End { comm: name.into(), by: "jettison".into(), reason: name.into(), ..End::default() };
        let points =
            vec![Point { at_ms: 1_000, ..Point::default() }, Point { at_ms: 2_000, ..Point::default() }];
        let holders = Some(BTreeMap::from([(name.to_owned(), 7)]));
        let points = points.into_iter().map(|point| Point { holders: holders.clone(), ..point }).collect();
        let left_out = vec![name.to_owned()];
        let story = Story { points, ends: vec![end], left_out, total_bytes: 1, ..Story::default() };
        let html = html(&story);
        assert!(
            !html.contains("<script") && !html.contains("onload='") && !html.contains('\u{1b}'),
            "{html}"
        );
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39;\\u{1b}[31m"));
        assert_eq!(html.matches("<svg").count(), 3);
        assert!(!html.contains("http://") && !html.contains("https://"), "nothing comes from elsewhere");
    }
}
