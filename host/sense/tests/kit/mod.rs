//! Fixture machines, and snapshots as text that can be compared by eye.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use jettison_model::column::{NONE_U32, UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64, UNLIMITED_U64, row};
use jettison_model::snapshot::{flags, memcg_flags};
use jettison_model::text::Escaped;
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};

pub(crate) fn machine(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines").join(name)
}

/// When the machine's snapshot is taken, from its `machine.toml`.
pub(crate) fn now(machine: &Path) -> Now {
    let text = std::fs::read_to_string(machine.join("machine.toml")).unwrap();
    let value = |key: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim_start_matches([' ', '=']).parse().unwrap()
    };
    Now { boot_ms: value("boot_ms"), wall_ms: value("wall_ms") }
}

/// Senses a fixture machine once and prints everything but the memcgs.
pub(crate) fn sensed(name: &str, scope: Option<&str>, needs: Needs) -> String {
    let machine = machine(name);
    let mut sensor = Sensor::new(Root::below(&machine), scope).unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(needs, now(&machine), &mut snapshot);
    let mut text = host(&snapshot) + &processes(&snapshot);
    for fault in sensor.faults() {
        let below = fault.path.strip_prefix(machine.to_str().unwrap()).unwrap();
        writeln!(text, "fault {below}: {}", fault.what).unwrap();
    }
    let (faults, vanished) = (sensor.faults_total(), sensor.vanished_total());
    assert_eq!(faults, sensor.faults().len() as u64);
    writeln!(text, "{faults} faults, {vanished} vanished").unwrap();
    text
}

pub(crate) fn host(snapshot: &Snapshot) -> String {
    let host = &snapshot.host;
    format!(
        "host {} of {}, swap {} of {}, pressure {} {}\n",
        size(host.memory_available_bytes),
        size(host.memory_total_bytes),
        size(host.swap_free_bytes),
        size(host.swap_total_bytes),
        share(host.memory_pressure_some_avg10),
        share(host.memory_pressure_full_avg10),
    )
}

pub(crate) fn processes(snapshot: &Snapshot) -> String {
    let table = &snapshot.processes;
    let mut text = String::new();
    for at in 0..table.len() {
        let parent = row(table.parents[at]).map_or("-".into(), |at| table.pids[at].to_string());
        let memcg = row(table.memcgs[at]).map_or(b"-".as_slice(), |at| snapshot.memcgs.paths.get(at));
        write!(
            text,
            "{parent}>{} {} [{}] {} uid {} thr {} age {} anon {} file {} shmem {} swap {} pte {} adj {}",
            table.pids[at],
            Escaped(table.comms.get(at)),
            bits(table.flags[at]),
            Escaped(memcg),
            or_none(table.uids[at]),
            table.threads[at],
            table.ages_ms[at],
            size(table.rss_anon_bytes[at]),
            size(table.rss_file_bytes[at]),
            size(table.rss_shmem_bytes[at]),
            size(table.swap_bytes[at]),
            size(table.page_table_bytes[at]),
            adj(table.oom_score_adjs[at]),
        )
        .unwrap();
        assert_eq!(table.oom_score_adjs_now[at], table.oom_score_adjs[at]);
        if table.growth_bytes_per_s[at] != UNKNOWN_S64 {
            write!(text, " growth {}", table.growth_bytes_per_s[at]).unwrap();
        }
        if !table.cmdlines.is_empty() {
            write!(text, " cmdline {:?}", Escaped(table.cmdlines.get(at)).to_string()).unwrap();
        }
        if !table.exes.is_empty() {
            write!(text, " exe {:?}", Escaped(table.exes.get(at)).to_string()).unwrap();
        }
        if !table.pss_bytes.is_empty() {
            write!(text, " pss {}", size(table.pss_bytes[at])).unwrap();
        }
        text.push('\n');
    }
    text
}

pub(crate) fn memcgs(snapshot: &Snapshot) -> String {
    let table = &snapshot.memcgs;
    let mut text = String::new();
    for at in 0..table.len() {
        writeln!(
            text,
            "{}<{at} {} [{}] {} of {} min {} low {} high {} swap {} anon {} file {} shmem {} reclaimable {} \
             some {} full {} max-events {} oom-kills {}{}",
            or_none(table.parents[at]),
            Escaped(table.paths.get(at)),
            Escaped(table.units.get(at)),
            size(table.current_bytes[at]),
            size(table.max_bytes[at]),
            size(table.min_bytes[at]),
            size(table.low_bytes[at]),
            size(table.high_bytes[at]),
            size(table.swap_bytes[at]),
            size(table.anon_bytes[at]),
            size(table.file_bytes[at]),
            size(table.shmem_bytes[at]),
            size(table.reclaimable_bytes[at]),
            share(table.pressures_some_avg10[at]),
            share(table.pressures_full_avg10[at]),
            count(table.max_events[at]),
            count(table.oom_kills[at]),
            memcg_bits(table.flags[at]),
        )
        .unwrap();
        let refaults = [table.refaults_anon[at], table.refaults_file[at]];
        if refaults != [UNKNOWN_U64; 2] {
            text.pop();
            writeln!(text, " refaults {}", refaults.map(count).join("+")).unwrap();
        }
    }
    text
}

fn size(bytes: u64) -> String {
    match bytes {
        UNKNOWN_U64 => "?".into(),
        UNLIMITED_U64 => "max".into(),
        0 => "0".into(),
        bytes if bytes % (1 << 20) == 0 => format!("{}M", bytes >> 20),
        bytes => format!("{}K", bytes >> 10),
    }
}

fn share(hundredths: u32) -> String {
    match hundredths {
        NONE_U32 => "-".into(),
        share => format!("{}.{:02}%", share / 100, share % 100),
    }
}

fn count(value: u64) -> String {
    if value == UNKNOWN_U64 { "?".into() } else { value.to_string() }
}

fn or_none(value: u32) -> String {
    if value == NONE_U32 { "-".into() } else { value.to_string() }
}

fn adj(value: i16) -> String {
    if value == UNKNOWN_S16 { "?".into() } else { value.to_string() }
}

/// Each with a space before it.
fn memcg_bits(value: u32) -> String {
    let words = [
        (memcg_flags::OOM_GROUP, " oom-group"),
        (memcg_flags::OOMD_AVOID, " avoid"),
        (memcg_flags::OOMD_OMIT, " omit"),
    ];
    assert!(value < 8, "{value}: a flag that is not the sensor's");
    words.iter().filter(|(bit, _)| value & bit != 0).map(|&(_, word)| word).collect()
}

fn bits(value: u32) -> String {
    let words =
        [(flags::KERNEL_THREAD, "kernel"), (flags::ZOMBIE, "zombie"), (flags::OUT_OF_SCOPE, "outside")];
    let known = words.iter().fold(0, |sum, (bit, _)| sum | bit);
    assert_eq!(value & !known, 0, "a flag that is not the sensor's");
    let set: Vec<&str> = words.iter().filter(|(bit, _)| value & bit != 0).map(|&(_, word)| word).collect();
    set.join(" ")
}
