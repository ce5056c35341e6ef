//! One frame. It says the same without colours.

use jettison_model::text::Escaped;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};
use serde_json::Value;

use super::scene::Scene;
use crate::control::{OnItsWay, PolicyStatus};
use crate::layout::{self, bytes, cut, wrap};

/// Victims under way that are shown.
const UNDERWAY_MAX: usize = 3;
/// Lines of what is said of the selected row.
const DETAIL: u16 = 4;
/// Lines of the trend, where there is room for them.
const TREND: u16 = 2;
/// A terminal of so many lines has room for the trend.
const TREND_FROM: u16 = 24;

/// Draws it into the whole frame.
pub(super) fn draw(frame: &mut Frame<'_>, scene: &Scene) {
    let area = frame.area();
    let width = usize::from(area.width);
    let head = head(scene, width);
    let trend = if area.height >= TREND_FROM { TREND } else { 0 };
    let parts = Layout::vertical([
        Constraint::Length(u16::try_from(head.len()).unwrap_or(u16::MAX)),
        Constraint::Length(trend),
        Constraint::Min(2),
        Constraint::Length(DETAIL),
    ]);
    let [top, sparks, rows, detail] = parts.areas(area);
    frame.render_widget(Paragraph::new(head), top);
    let newest = scene.trend.iter().rev().take(width);
    let points: Vec<u64> = newest.copied().collect::<Vec<_>>().into_iter().rev().collect();
    let style = Style::new().fg(Color::Cyan);
    let most = scene.status.memory_total_bytes;
    frame.render_widget(Sparkline::default().data(points).max(most).style(style), sparks);
    frame.render_widget(Paragraph::new(table(scene, width, usize::from(rows.height))), rows);
    frame.render_widget(Paragraph::new(selected(scene, width)), detail);
}

/// A frame as text, without blanks at the ends of lines.
pub(super) fn text(buffer: &Buffer) -> String {
    let area = buffer.area();
    let line = |y: u16| {
        let cells = (area.left()..area.right()).filter_map(|x| buffer.cell((x, y)));
        cells.map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned() + "\n"
    };
    (area.top()..area.bottom()).map(line).collect()
}

/// What stands above the order.
fn head(scene: &Scene, width: usize) -> Vec<Line<'static>> {
    let (status, order) = (&scene.status, &scene.order);
    let scope = status.scope.as_ref().map_or_else(|| "the host".into(), |scope| escaped(scope));
    let mut lines = vec![Line::from(vec![
        Span::styled("jettison", Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(cut(&format!("  {}, {scope}, pid {}", status.mode, status.pid), width.saturating_sub(8))),
    ])];
    lines.push(bar(scene, width));
    let (available, total) = (bytes(status.memory_available_bytes), bytes(status.memory_total_bytes));
    let swap = match order.swap_total_bytes {
        0 => "no swap".into(),
        total => format!("swap {} of {} free", bytes(order.swap_free_bytes), bytes(total)),
    };
    lines.push(plain(format!("memory    {available} of {total} available, {swap}"), width));
    let [warn, act, critical] = [status.warn_bytes, status.act_bytes, status.critical_bytes].map(bytes);
    let cause = Span::styled(status.cause.clone(), of_cause(&status.cause));
    let levels = format!("levels    warn {warn}, act {act}, critical {critical}; last tick: ");
    lines.push(Line::from(vec![Span::raw(levels), cause]));
    let psi = |avg10: Option<f64>| avg10.map_or_else(|| "?".into(), |percent| format!("{percent:.1} %"));
    let falls = order.exhaustion_ms.map_or_else(
        || "memory does not fall".into(),
        |ms| format!("memory is gone in {} at this rate", lasting(ms)),
    );
    let pressure =
        format!("pressure  some {}, full {}; {falls}", psi(order.some_avg10), psi(order.full_avg10));
    lines.push(plain(pressure, width));
    let policies = status.policies.iter().map(policy).collect::<Vec<_>>().join(", ");
    let is_bad = status.policies.iter().any(|policy| policy.fault.is_some());
    let style = if is_bad { Style::new().fg(Color::Red) } else { Style::new() };
    lines.push(plain(format!("policies  {policies}"), width).style(style));
    let kernel = match status.kernel_kills {
        0 => String::new(),
        kills => format!(", the kernel's OOM killer took {kills}"),
    };
    let (held, underway) = (status.held.len(), order.underway.len());
    lines.push(plain(format!("held      {held} values, {underway} victims under way{kernel}"), width));
    lines.extend(order.underway.iter().take(UNDERWAY_MAX).map(|victim| on_its_way(victim, width)));
    let idle = status.idle.as_ref().map(|idle| format!("idle      {}", escaped(idle)));
    let trouble = scene.trouble.as_ref().map(|why| format!("trouble   {}", escaped(why)));
    for said in [idle, trouble].into_iter().flatten() {
        lines.push(plain(said, width).style(Style::new().fg(Color::Yellow)));
    }
    lines
}

/// Memory from left to right: what is used, and where the levels lie.
fn bar(scene: &Scene, width: usize) -> Line<'static> {
    let status = &scene.status;
    let cells = width.saturating_sub(2);
    let cell = |left_bytes: u64| {
        let used = u128::from(status.memory_total_bytes.saturating_sub(left_bytes));
        let cell = used * cells as u128 / u128::from(status.memory_total_bytes.max(1));
        usize::try_from(cell).unwrap_or(0).min(cells)
    };
    let used = cell(status.memory_available_bytes);
    let levels = [(status.warn_bytes, 'w'), (status.act_bytes, 'a'), (status.critical_bytes, 'c')];
    let mark = |at: usize| levels.iter().find(|(bytes, _)| cell(*bytes) == at).map(|&(_, mark)| mark);
    let style = of_cause(&status.cause);
    let draw = |at: usize| match mark(at) {
        Some(mark) => Span::styled(mark.to_string(), Style::new().add_modifier(Modifier::BOLD)),
        None if at < used => Span::styled("#", style),
        None => Span::raw("."),
    };
    let cells = (0..cells).map(draw);
    Line::from([Span::raw("[")].into_iter().chain(cells).chain([Span::raw("]")]).collect::<Vec<_>>())
}

fn policy(policy: &PolicyStatus) -> String {
    let PolicyStatus { name, state, us, .. } = policy;
    format!("{} {state} {}.{} ms", escaped(name), us.p99 / 1_000, us.p99 / 100 % 10)
}

fn on_its_way(victim: &OnItsWay, width: usize) -> Line<'static> {
    let OnItsWay { pid, comm, members, age_ms, steps, predicted_relief_bytes, policy, reason } = victim;
    let (comm, done) = (escaped(comm), escaped(&steps.join(", ")));
    let relief = bytes(*predicted_relief_bytes);
    let since = lasting(*age_ms);
    let text = format!(
        "going     {pid} ({comm}), {members} processes, {relief}, since {since}: {done}; {}: {}",
        escaped(policy),
        escaped(reason)
    );
    plain(text, width).style(Style::new().fg(Color::Red))
}

/// The order, as far as there is room, with the selected row in it.
fn table(scene: &Scene, width: usize, height: usize) -> Vec<Line<'static>> {
    let head = format!(
        "{:>4} {:>7} {:<15} {:<14} {:>8} {:>5} {:>10}  WHY",
        "RANK", "PID", "NAME", "TIER", "RELIEF", "ADJ", "GROWTH"
    );
    let room = height.saturating_sub(1);
    let first = (scene.selected + 1).saturating_sub(room);
    let rows = scene.order.ranking.iter().enumerate().skip(first).take(room);
    let style = Style::new().add_modifier(Modifier::REVERSED);
    let mut lines = vec![plain(head, width).style(style)];
    lines.extend(rows.map(|(at, row)| ranked(row, at == scene.selected, width)));
    lines
}

fn ranked(row: &Value, is_selected: bool, width: usize) -> Line<'static> {
    let word = |key: &str| escaped(row[key].as_str().unwrap_or_default());
    let number = row["urgency"].as_u64().or(row["strength"].as_u64());
    let number = number.map_or_else(String::new, |number| number.to_string());
    let tier = word("tier");
    let adj = &row["oom_score_adj"];
    let adj = layout::adj(&adj["now"], &adj["wanted"]);
    let growth = row["growth_bytes_per_s"].as_i64().map_or_else(String::new, growth);
    let relief = bytes(row["relief_bytes"].as_u64().unwrap_or(0));
    // A value of JSON knows no width.
    let [rank, pid] = ["rank", "pid"].map(|key| row[key].to_string());
    let before = format!("{rank:>4} {pid:>7} {:<15} ", cut(&word("comm"), 15));
    let after = format!(" {relief:>8} {adj:>5} {growth:>10}  {}", why(row));
    let tier_text = format!("{tier:<9} {number:>4}");
    let rest = width.saturating_sub(before.chars().count() + tier_text.chars().count());
    let spans =
        vec![Span::raw(before), Span::styled(tier_text, of_tier(&tier)), Span::raw(cut(&after, rest))];
    let style = if is_selected { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
    Line::from(spans).style(style)
}

/// What all policies say of a row.
fn why(row: &Value) -> String {
    let reasons = row["reasons"].as_array().into_iter().flatten();
    let text = |reason: &Value| escaped(reason["text"].as_str().unwrap_or_default());
    reasons.map(text).collect::<Vec<_>>().join("; ")
}

/// More of the selected row, and the keys.
fn selected(scene: &Scene, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(row) = scene.order.ranking.get(scene.selected) {
        let said = row["reasons"].as_array().into_iter().flatten().map(|reason| {
            let [policy, text] =
                ["policy", "text"].map(|key| escaped(reason[key].as_str().unwrap_or_default()));
            format!("{policy}: {text}")
        });
        let passed = row["passed_over"].as_str().map(|passed| format!("passed over: {passed}"));
        let text = format!("{}  {}", row["pid"], said.chain(passed).collect::<Vec<_>>().join("; "));
        lines.extend(wrap(&text, width.max(1)).into_iter().take(usize::from(DETAIL) - 1).map(Line::from));
    }
    lines.resize(usize::from(DETAIL) - 1, Line::default());
    let shown = format!("{} of {} ranked", scene.order.ranking.len(), scene.order.ranked);
    lines.push(plain(format!("{shown}; ↑ ↓ select, q quit"), width).style(Style::new().fg(Color::DarkGray)));
    lines
}

fn of_cause(cause: &str) -> Style {
    Style::new().fg(match cause {
        "routine" | "manual" => Color::Green,
        "warning" => Color::Yellow,
        _ => Color::Red,
    })
}

fn of_tier(tier: &str) -> Style {
    Style::new().fg(match tier {
        "sacrifice" => Color::Red,
        "unranked" => Color::Yellow,
        "protected" => Color::Green,
        _ => Color::Cyan,
    })
}

fn growth(bytes_per_s: i64) -> String {
    match bytes_per_s {
        0 => "0".into(),
        rate => format!("{}{}/s", if rate < 0 { "-" } else { "+" }, short(rate.unsigned_abs())),
    }
}

/// A size without a fraction: rates stand in few columns.
fn short(size_bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| size_bytes >> shift > 0);
    unit.map_or_else(|| format!("{size_bytes}B"), |(shift, unit)| format!("{}{unit}", size_bytes >> shift))
}

/// A time for people.
fn lasting(ms: u64) -> String {
    match ms / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

fn plain(text: String, width: usize) -> Line<'static> {
    Line::from(cut(&text, width))
}

/// Names and reasons come from processes and policies.
fn escaped(text: &str) -> String {
    Escaped(text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests;
