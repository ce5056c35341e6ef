//! A frame on a terminal that a test can read.

use std::collections::VecDeque;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

use super::*;
use crate::control::{Held, Order, Quantiles, Status};

const MIB: u64 = 1 << 20;

fn policy(name: &str, state: &str) -> PolicyStatus {
    let quantiles = |p99| Quantiles { p50: p99 / 2, p99 };
    PolicyStatus {
        name: name.into(),
        version: Some("0.1.0".into()),
        digest: None,
        source: format!("builtin:{name}"),
        loaded_at: 0,
        state: state.into(),
        fault: (state == "fault").then(|| "it trapped".into()),
        consultations: 7,
        faults: 0,
        would_differ: 0,
        fuel: quantiles(0),
        us: quantiles(1_250),
    }
}

fn row(rank: u64, pid: u64, comm: &str, tier: (&str, &str, u64), sizes: (u64, i64), why: &str) -> Value {
    let (tier, key, number) = tier;
    let mut row = json!({
        "rank": rank, "pid": pid, "comm": comm, "tier": tier,
        "relief_bytes": sizes.0 * MIB, "growth_bytes_per_s": sizes.1,
        "oom_score_adj": { "original": 0, "now": 0, "wanted": if tier == "protected" { -300 } else { 0 } },
        "reasons": [{ "policy": "balanced", "text": why }],
    });
    if !key.is_empty() {
        row[key] = number.into();
    }
    row
}

/// Of a host in trouble.
fn status() -> Status {
    Status {
        schema: "jettison.status/1".into(),
        pid: 812,
        mode: "enforce".into(),
        scope: None,
        started_at: 0,
        ticks: 99,
        tick_us: Quantiles { p50: 900, p99: 4_000 },
        late_ms_max: 0,
        takeovers: Some(0),
        drill: None,
        log_lines_lost: 0,
        journal: None,
        journal_records: 0,
        journal_bytes: 0,
        journal_records_lost: 0,
        cause: "pressure".into(),
        memory_total_bytes: 8_000 * MIB,
        memory_available_bytes: 590 * MIB,
        warn_bytes: 1_200 * MIB,
        act_bytes: 640 * MIB,
        critical_bytes: 240 * MIB,
        psi_triggers: 1,
        memcg_triggers: 0,
        memcgs_left_out: 0,
        has_kernel_log: true,
        kernel_kills: 0,
        policies: vec![policy("services", "active"), policy("balanced", "active")],
        quarantined: Vec::new(),
        held: vec![Held { pid: 711, original: 0, value: -300 }],
        underway: 1,
        outcome: Some("on-the-way".into()),
        idle: Some("the victims on their way will give back enough".into()),
        last_reload: None,
    }
}

/// The same host: one victim is on its way.
fn scene() -> Scene {
    let order = Order {
        schema: "jettison.order/1".into(),
        taken_at: 0,
        swap_total_bytes: 2_048 * MIB,
        swap_free_bytes: 12 * MIB,
        some_avg10: Some(31.4),
        full_avg10: Some(8.25),
        exhaustion_ms: Some(41_000),
        ranked: 93,
        ranking: vec![
            row(
                1,
                4711,
                "batch\u{1b}[31m",
                ("sacrifice", "urgency", 812),
                (2_900, 31 << 20),
                "took 2.8 GiB since memory was last at ease, and grows by 31 MiB/s",
            ),
            row(2, 900, "java", ("sacrifice", "urgency", 120), (1_400, -4096), "took 200 MiB"),
            row(3, 1300, "make", ("unranked", "", 0), (14, 0), "badness 2 of 1000 for 14 MiB"),
            row(
                4,
                711,
                "postgres",
                ("protected", "strength", 300),
                (2_100, 0),
                "the server: its end is a crash recovery",
            ),
        ],
        underway: vec![OnItsWay {
            pid: 4711,
            comm: "batch".into(),
            members: 3,
            policy: "balanced".into(),
            reason: "took 2.8 GiB".into(),
            predicted_relief_bytes: 2_900 * MIB,
            age_ms: 1_200,
            steps: vec!["SIGTERM".into()],
        }],
    };
    let trend: VecDeque<u64> = (0..40_u64).map(|at| (4_000 - at * 85) * MIB).collect();
    Scene { status: status(), order, trend, selected: 0, trouble: None }
}

fn drawn(scene: &Scene, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, scene)).unwrap();
    text(terminal.backend().buffer())
}

/// The page shows what is drawn, and nothing that is not.
#[test]
fn the_page_has_this_frame() {
    let frame = drawn(&scene(), 80, 24);
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/watch.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shown = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(shown, frame, "\n{frame}");
}

#[test]
fn a_narrow_a_low_and_a_tiny_terminal_lose_the_less_important() {
    let frame = drawn(&scene(), 40, 16);
    assert!(frame.lines().all(|line| line.chars().count() <= 40), "{frame}");
    assert!(frame.contains("RANK") && frame.contains("4711"), "{frame}");
    for (width, height) in [(1, 1), (10, 3), (79, 2), (300, 100)] {
        drawn(&scene(), width, height);
    }
}

#[test]
fn the_selected_row_is_shown_and_what_is_wrong_is_said() {
    let mut scene = scene();
    scene.order.ranking =
        (1..=60).map(|at| row(at, at, "one", ("unranked", "", 0), (1, 0), "small")).collect();
    scene.select(99);
    scene.trouble = Some("no daemon answers".into());
    let frame = drawn(&scene, 80, 24);
    assert!(frame.contains("  60      60 one") && frame.contains("trouble   no daemon answers"), "{frame}");
    scene.order.ranking.clear();
    scene.select(3);
    assert_eq!(scene.selected, 0);
    assert!(drawn(&scene, 80, 24).contains("0 of 93 ranked"));
}

#[test]
fn memory_that_is_not_known_divides_nothing() {
    let mut scene = scene();
    scene.status.memory_total_bytes = 0;
    scene.trend.clear();
    drawn(&scene, 80, 24);
    assert_eq!([growth(0), growth(-5_000), growth(3 << 30)], ["0", "-4KiB/s", "+3GiB/s"]);
    assert_eq!([lasting(900), lasting(130_000), lasting(9_000_000)], ["0 s", "2 min", "2 h"]);
}
