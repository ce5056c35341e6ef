//! Plots as SVG, drawn by hand: lines, areas, levels and moments over one time axis.

use std::fmt::Write;

use super::html::escaped;

/// Of the drawing, without labels.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 200.0;
/// For the labels on the left, and below.
const LEFT: f64 = 80.0;
const BELOW: f64 = 22.0;
const RIGHT: f64 = 16.0;
const ABOVE: f64 = 14.0;
/// Between the names of levels, which may be close to each other.
const NAMES: f64 = 60.0;
/// Points of a line; more would not be seen.
const POINTS_MAX: usize = 1_000;

/// From one moment to another, and from 0 to a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axes {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    pub(super) most: f64,
}

/// One drawing, as it grows.
pub(super) struct Plot {
    axes: Axes,
    svg: String,
    levels: u32,
}

impl Plot {
    /// `ticks` are values on the left, with their labels.
    pub(super) fn new(axes: Axes, title: &str, ticks: &[(f64, String)]) -> Self {
        let (width, height) = (LEFT + WIDTH + RIGHT, ABOVE + HEIGHT + BELOW);
        let mut plot = Self { axes, svg: String::new(), levels: 0 };
        plot.put(format_args!(
            "<div class=\"wide\"><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\"><title>{}</title>",
            escaped(title),
            escaped(title)
        ));
        for (value, label) in ticks {
            let y = plot.y(*value);
            plot.put(format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"left\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT + WIDTH,
                LEFT - 6.0,
                y + 4.0,
                escaped(label)
            ));
        }
        plot.time_axis();
        plot
    }

    fn time_axis(&mut self) {
        let Axes { from_ms, to_ms, .. } = self.axes;
        let y = ABOVE + HEIGHT + 16.0;
        for part in 0..=4 {
            let at_ms = from_ms + to_ms.saturating_sub(from_ms) * part / 4;
            let x = self.x(at_ms);
            let label = format!("{} s", seconds(at_ms.saturating_sub(from_ms)));
            self.put(format_args!("<text class=\"below\" x=\"{x:.1}\" y=\"{y:.1}\">{label}</text>"));
        }
    }

    /// A line through points, by time.
    pub(super) fn line(&mut self, class: &str, points: &[(u64, f64)]) {
        let path = self.path(points);
        self.put(format_args!("<path class=\"line {class}\" d=\"{path}\"/>"));
    }

    /// What lies between two lines over the same times.
    pub(super) fn area(&mut self, class: &str, name: &str, above: &[(u64, f64)], below: &[(u64, f64)]) {
        let back: Vec<(u64, f64)> = below.iter().rev().copied().collect();
        let path = format!("{} {}", self.path(above), self.path(&back).replacen('M', "L", 1));
        self.put(format_args!(
            "<path class=\"area {class}\" d=\"{path} Z\"><title>{}</title></path>",
            escaped(name)
        ));
    }

    /// A level, with its name at the left, each further on than the one before.
    pub(super) fn level(&mut self, class: &str, value: f64, name: &str) {
        let y = self.y(value);
        let x = LEFT + 6.0 + NAMES * f64::from(self.levels);
        self.levels += 1;
        self.put(format_args!(
            "<line class=\"level {class}\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{x:.1}\" y=\"{:.1}\">{name}</text>",
            LEFT + WIDTH,
            y - 3.0
        ));
    }

    /// Something that happened.
    pub(super) fn moment(&mut self, class: &str, at_ms: u64, what: &str) {
        let x = self.x(at_ms);
        let bottom = ABOVE + HEIGHT;
        self.put(format_args!(
            "<line class=\"moment {class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{ABOVE}\" y2=\"{bottom}\"><title>{}</title></line>",
            escaped(what)
        ));
    }

    pub(super) fn finish(mut self) -> String {
        self.svg.push_str("</svg></div>");
        self.svg
    }

    fn path(&self, points: &[(u64, f64)]) -> String {
        let step = points.len().div_ceil(POINTS_MAX).max(1);
        let mut path = String::new();
        let last = points.len().saturating_sub(1);
        for (at, &(ms, value)) in points.iter().enumerate().filter(|(at, _)| at % step == 0 || *at == last) {
            let letter = if at == 0 { 'M' } else { 'L' };
            // A String takes whatever is written to it.
            write!(path, "{letter}{:.1} {:.1} ", self.x(ms), self.y(value)).ok();
        }
        path
    }

    fn x(&self, at_ms: u64) -> f64 {
        let Axes { from_ms, to_ms, .. } = self.axes;
        let span = float(to_ms.saturating_sub(from_ms).max(1));
        LEFT + WIDTH * (float(at_ms.saturating_sub(from_ms)) / span).min(1.0)
    }

    fn y(&self, value: f64) -> f64 {
        let share = if self.axes.most > 0.0 { (value / self.axes.most).clamp(0.0, 1.0) } else { 0.0 };
        ABOVE + HEIGHT * (1.0 - share)
    }

    fn put(&mut self, part: std::fmt::Arguments<'_>) {
        // A String takes whatever is written to it.
        self.svg.write_fmt(part).ok();
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{}", ms / 1_000, ms % 1_000 / 100)
}

/// For drawing only.
#[expect(clippy::cast_precision_loss, reason = "a pixel is wider than what is lost")]
pub(super) fn float(value: u64) -> f64 {
    value as f64
}
