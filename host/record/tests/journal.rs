//! Records to disk and back, whole, torn, damaged and foreign.

use std::fs::{Permissions, read, set_permissions, write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jettison_decide::state::{Distrust, Kept, LastGood};
use jettison_decide::{InFlight, Pattern, Rule, Settings, State};
use jettison_model::column::{NONE_U32, UNKNOWN_S64, UNKNOWN_U64, UNLIMITED_U64};
use jettison_model::{
    Addressees, Ballot, Cause, Column, Entry, Fault, Hold, Idle, Plan, ProcessId, Snapshot, Stance, Step,
    Target, Unit, Victim, Vote,
};
use jettison_record::{
    Directory, End, Found, Journal, PolicySetup, Record, Sample, Segment, Setup, Tick, plan_bytes, segments,
};

const ID: ProcessId = ProcessId { pid: 7, start_time: 99 };

fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot { taken_at_ms: 5, now_ms: 6, ..Snapshot::default() };
    snapshot.request.cause = Cause::Pressure;
    snapshot.host.memory_total_bytes = 1 << 40;
    let table = &mut snapshot.processes;
    table.pids = Arc::new(vec![1, 7]);
    table.start_times = Arc::new(vec![3, 99]);
    table.parents = Arc::new(vec![NONE_U32, 0]);
    table.memcgs = Arc::new(vec![0, NONE_U32]);
    table.comms = [b"\xff\n".as_slice(), b"db"].into_iter().collect();
    for column in [&mut table.flags, &mut table.uids, &mut table.threads] {
        *column = Column::new(vec![0, 1]);
    }
    let bytes = Arc::new(vec![4096, UNKNOWN_U64]);
    for column in [&mut table.rss_anon_bytes, &mut table.rss_file_bytes, &mut table.rss_shmem_bytes] {
        *column = Arc::clone(&bytes);
    }
    (table.swap_bytes, table.page_table_bytes, table.ages_ms) = (bytes.clone(), bytes.clone(), bytes);
    table.growth_bytes_per_s = Arc::new(vec![UNKNOWN_S64, -5]);
    (table.oom_score_adjs, table.oom_score_adjs_now) = (Arc::new(vec![-1000, 0]), Arc::new(vec![-32768, 1]));
    let memcgs = &mut snapshot.memcgs;
    memcgs.paths = [b"/".as_slice()].into_iter().collect();
    memcgs.units = [b"".as_slice()].into_iter().collect();
    (memcgs.parents, memcgs.flags) = (Arc::new(vec![NONE_U32]), Arc::new(vec![NONE_U32]));
    memcgs.pressures_some_avg10 = Arc::new(vec![NONE_U32]);
    memcgs.growth_bytes_per_s = Arc::new(vec![UNKNOWN_S64]);
    let limit = Arc::new(vec![UNLIMITED_U64]);
    for column in [
        &mut memcgs.current_bytes,
        &mut memcgs.min_bytes,
        &mut memcgs.low_bytes,
        &mut memcgs.high_bytes,
        &mut memcgs.max_bytes,
        &mut memcgs.swap_bytes,
        &mut memcgs.anon_bytes,
        &mut memcgs.file_bytes,
        &mut memcgs.shmem_bytes,
        &mut memcgs.reclaimable_bytes,
        &mut memcgs.max_events,
        &mut memcgs.oom_kills,
        &mut memcgs.refaults_anon,
        &mut memcgs.refaults_file,
        &mut memcgs.refaults_per_s,
    ] {
        *column = limit.clone();
    }
    snapshot
}

fn setup() -> Record {
    let pattern = Pattern::new("-D /srv").unwrap();
    let rule = Rule { comm: Some("sshd".into()), cmdline: Some(pattern), ..Rule::default() };
    let settings = Settings { never: vec![rule], scope: Some("/a".into()), ..Settings::default() };
    let policy = PolicySetup { name: "p".into(), weight: 3, config: "{}".into(), ..PolicySetup::default() };
    Record::Setup(Arc::new(Setup {
        at_ms: 1,
        jettison: "0.1.0".into(),
        is_dry: true,
        settings,
        policies: vec![policy],
        hooks: vec!["drain".into()],
        limits: [("fuel".to_owned(), 7)].into(),
    }))
}

fn tick() -> Tick {
    let steps = vec![
        Step::Signal { number: 2, wait_ms: 5 },
        Step::StopUnit { wait_ms: 6 },
        Step::Hook { name: "drain".into(), wait_ms: 7 },
    ];
    let entry = |target, stance| Entry {
        target,
        stance,
        oom_score_adj: Some(-5),
        shutdown: steps.clone(),
        reason: "it \"leaks\"".into(),
    };
    let entries = vec![
        entry(Target::Process(1), Stance::Sacrifice(900)),
        entry(Target::Tree(0), Stance::Protect(1000)),
        entry(Target::Memcg(0), Stance::Protect(1)),
    ];
    let vote = |answer| Vote { policy: "p".into(), weight: 3, shadow: true, answer };
    let fault = Fault::BadBallot { entry: 3, problem: "x".into() };
    let victim = Victim {
        unit: Unit::Memcg(b"/\xfe".to_vec()),
        root: ID,
        addressees: Addressees::These(vec![ID]),
        comm: b"\xffdb".to_vec(),
        members: vec![ID],
        predicted_relief_bytes: 12,
        shutdown: steps.clone(),
        policy: "p".into(),
        reason: "r".into(),
        service: Some(ID),
    };
    let kept = Kept { id: ID, strength: 3, oom_score_adj: Some(4), service: Some(ID) };
    Tick {
        snapshot: snapshot(),
        votes: Arc::new(vec![vote(Ok(Ballot { entries })), vote(Err(fault))]),
        in_flight: vec![InFlight {
            members: vec![ID],
            predicted_relief_bytes: 3,
            is_overdue: true,
            comes_late: true,
        }],
        state: State {
            named_at_ms: vec![4],
            part_named_at_ms: Some(5),
            host_named_at_ms: Some(6),
            last_good: vec![LastGood { policy: "p".into(), kept: vec![kept] }],
            refused: vec![ID],
            unanswered: vec![ID],
            distrust: vec![Distrust {
                memcg: b"/\xff".to_vec(),
                failures: 2,
                predicted_bytes: 9,
                since_ms: 3,
            }],
            passed_memcgs: vec![(b"/a".to_vec(), 8)],
        },
        plan: Plan {
            holds: vec![Hold { id: ID, original: -1, value: 500 }],
            victims: vec![victim],
            idle: Some(Idle::NotWorthIt { reachable_bytes: 1, needed_bytes: 2, protected_bytes: 3 }),
        },
        setup: 0,
    }
}

fn sample() -> Sample {
    Sample {
        at_ms: 9,
        cause: "warning".into(),
        total_bytes: 3,
        available_bytes: 2,
        swap_free_bytes: 1,
        some_avg10: NONE_U32,
        full_avg10: 5,
    }
}

fn end() -> End {
    End { pid: 7, comm: "db".into(), steps: vec!["SIGTERM".into()], ..End::default() }
}

/// Writes these into a folder as a daemon does, and ends it.
fn record(folder: &Path, bytes_max: u64, records: impl IntoIterator<Item = Record>) {
    let directory = Directory::open(folder).unwrap();
    let journal = Journal::start(directory, bytes_max, |_| {}).unwrap();
    for record in records {
        journal.record(record);
        assert!(journal.flush(Duration::from_secs(60)));
    }
    assert_eq!(journal.counts().lost, 0);
}

fn found(file: &Path) -> Vec<Found> {
    Segment::read(file).unwrap().reader().collect()
}

fn only_file(folder: &Path) -> PathBuf {
    let files = segments(&[folder.to_owned()]).unwrap();
    assert_eq!(files.len(), 1);
    files.into_iter().next().unwrap()
}

#[test]
fn every_field_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (a_sample, an_end) = (Record::Sample(sample()), Record::End(Box::new(end())));
    let records = [setup(), Record::Tick(Box::new(tick())), a_sample.clone(), an_end.clone()];
    record(folder.path(), 1 << 20, records);
    let mut back = found(&only_file(folder.path())).into_iter();
    assert_eq!(back.next(), Some(Found::Record(setup())));
    let Some(Found::Record(Record::Tick(read))) = back.next() else { panic!("no tick") };
    assert_ne!(read.setup, 0, "it names its setup");
    assert_eq!(plan_bytes(&read.plan), plan_bytes(&tick().plan));
    assert_eq!(*read, Tick { setup: read.setup, ..tick() });
    assert_eq!(back.collect::<Vec<_>>(), [Found::Record(a_sample), Found::Record(an_end)]);
}

#[test]
fn a_torn_end_costs_the_last_record_and_the_next_daemon_begins_a_new_file() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), 1 << 20, [setup(), Record::Tick(Box::new(tick())), Record::Sample(sample())]);
    let file = only_file(folder.path());
    let whole = read(&file).unwrap();
    let before = found(&file).len();
    let mut kinds = [0, 0];
    for length in 19..whole.len() {
        write(&file, &whole[..length]).unwrap();
        let back = found(&file);
        assert!(back.len() <= before, "{length}");
        let damaged =
            back.iter().filter(|found| matches!(found, Found::Damage(damage) if damage.is_tail)).count();
        let is_cut = damaged == 1 && matches!(back.last(), Some(Found::Damage(_)));
        kinds[usize::from(is_cut)] += 1;
        assert!(is_cut || damaged == 0, "{length}: {back:?}");
    }
    assert_eq!(kinds[0], 3, "only between records is nothing cut");
    record(folder.path(), 1 << 20, [setup(), Record::Sample(sample())]);
    let files = segments(&[folder.path().to_owned()]).unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!(found(&files[1]).len(), 2);
}

#[test]
fn a_damaged_record_costs_itself() {
    let folder = tempfile::tempdir().unwrap();
    let sample = || Record::Sample(sample());
    record(folder.path(), 1 << 20, [setup(), sample(), sample(), sample()]);
    let file = only_file(folder.path());
    let whole = read(&file).unwrap();
    let records = |bytes: &[u8]| {
        write(&file, bytes).unwrap();
        found(&file).into_iter().filter(|found| matches!(found, Found::Record(_))).count()
    };
    assert_eq!(records(&whole), 4);
    for at in 19..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        assert_eq!(records(&bytes), 3, "byte {at}");
    }
    let mut noisy = whole.clone();
    noisy.extend_from_slice(b"\xa7JTK noise");
    assert_eq!(records(&noisy), 4);
}

#[test]
fn a_tick_without_its_setup_is_named_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    record(folder.path(), 1 << 20, [Record::Tick(Box::new(tick()))]);
    let back = found(&only_file(folder.path()));
    let [Found::Damage(damage)] = back.as_slice() else { panic!("{back:?}") };
    assert!(damage.to_string().ends_with("are left out: a tick whose setup is not there"), "{damage}");
}

#[test]
fn foreign_and_newer_files_say_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.journal");
    let said = |bytes: &[u8]| {
        write(&file, bytes).unwrap();
        Segment::read(&file).unwrap_err().to_string().replace(&file.display().to_string(), "FILE")
    };
    assert_eq!(said(b"hello"), "FILE: is no journal: its first line is not `jettison.journal/1`");
    assert_eq!(
        said(b"jettison.journal/2\n"),
        "FILE: is jettison.journal/2; this version reads jettison.journal/1: use a later one"
    );
    assert_eq!(said(b"jettison"), "FILE: ends within its first line: it was torn before its first record");
    let missing = Segment::read(&folder.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("cannot be opened"), "{missing}");
    assert!(Segment::read(folder.path()).unwrap_err().to_string().ends_with("is no regular file"));
    let empty = segments(&[folder.path().to_owned()]).unwrap_err().to_string();
    assert!(empty.ends_with("has no segment of a journal (NUMBER.journal)"), "{empty}");
}

#[test]
fn the_oldest_files_go_and_each_begins_with_the_setup() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::open(folder.path()).unwrap();
    let bytes_max = 1 << 20;
    let journal = Journal::start(directory, bytes_max, |_| {}).unwrap();
    journal.record(setup());
    let noise = |seed: u64| {
        let random = (0..20_000_u64).map(|at| (at ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
        let reason: String =
            random.filter_map(|number| u8::try_from(number % 0x5e + 0x21).ok()).map(char::from).collect();
        Record::End(Box::new(End { reason, ..End::default() }))
    };
    for seed in 0..200 {
        journal.record(noise(seed));
        assert!(journal.flush(Duration::from_secs(60)));
    }
    drop(journal);
    let files = segments(&[folder.path().to_owned()]).unwrap();
    let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes <= bytes_max && bytes > bytes_max / 2, "{bytes} bytes in {} files", files.len());
    assert!(!files[0].ends_with("000000000000.journal"));
    for file in files {
        assert_eq!(found(&file)[0], Found::Record(setup()));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_full_queue_drops_counts_and_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let directory = Directory::open(folder.path()).unwrap();
    let journal = Journal::start(directory, 1 << 20, |_| {}).unwrap();
    for _ in 0..50_000 {
        journal.record(Record::Sample(sample()));
    }
    assert!(journal.flush(Duration::from_secs(60)) || journal.counts().lost > 0);
    let counts = journal.counts();
    assert!(counts.written + counts.lost <= 50_000 && counts.written > 0, "{counts:?}");
}

#[test]
fn a_directory_that_others_may_write_to_and_a_link_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| Directory::open(path).unwrap_err().to_string();
    let made = folder.path().join("a/b");
    Directory::open(&made).unwrap();
    assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    set_permissions(&made, Permissions::from_mode(0o777)).unwrap();
    assert!(refused(&made).contains("has mode 0777: its group or others may write to it"));
    let link = folder.path().join("link");
    symlink(folder.path(), &link).unwrap();
    assert!(refused(&link).contains("is a link or no directory"));
    let file = folder.path().join("file");
    write(&file, "").unwrap();
    assert!(refused(&file).contains("is a link or no directory"));
}
