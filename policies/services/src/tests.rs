//! Little machines, each with one service, and what is said of its processes.

use jettison_sdk::testing::{Machine, Subject, Verdict};
use jettison_sdk::{Qos, Signal, Step};

use super::Services;

const POSTGRES: &str = "/usr/lib/postgresql/15/bin/postgres";
const UNIT: &str = "/system.slice/postgresql@15-main.service";

/// A cluster with a checkpointer and one session. Returns their pids.
fn cluster(machine: &mut Machine, memcg: &str, cluster: &str) -> [u32; 3] {
    machine.memcg(memcg).unit(memcg.rsplit('/').next().expect("a name"));
    let mut process = |parent: u32, anon_mib: u64, title: &str| {
        let row = machine.process("postgres").memcg(memcg).child_of(parent).exe(POSTGRES);
        row.anon_mib(anon_mib).age_s(100).cmdline(title).pid()
    };
    let postmaster = process(1, 20, &format!("{POSTGRES}\0-D\0/var/lib/postgresql\0"));
    let checkpointer = process(postmaster, 5, &format!("postgres: {cluster}checkpointer \0"));
    let session = process(postmaster, 300, &format!("postgres: {cluster}app shop [local] SELECT\0"));
    [postmaster, checkpointer, session]
}

fn consult(machine: &Machine) -> Verdict {
    machine.consult::<Services>()
}

#[track_caller]
fn assert_steps(verdict: &Verdict, pid: u32, expected: &[Step]) {
    assert_eq!(verdict.of(pid).expect("it is named").steps(), expected, "{verdict}");
}

#[test]
fn of_postgresql_a_session_may_go_and_all_else_stays_together() {
    let mut machine = Machine::new();
    let [postmaster, checkpointer, session] = cluster(&mut machine, UNIT, "");
    let verdict = consult(&machine);
    assert_eq!((verdict.strength(postmaster), verdict.strength(checkpointer)), (Some(850), Some(850)));
    assert_eq!(verdict.entries().len(), 2, "{verdict}");
    let of = |pid| verdict.entries().find(|(subject, _)| *subject == pid).map(|(_, entry)| entry);
    assert_eq!(of(Subject::Tree(postmaster)).expect("it is kept whole").oom_score_adj(), Some(-900));
    assert_eq!(of(Subject::Process(session)).expect("it may go").oom_score_adj(), None);
    assert_steps(&verdict, session, &[Step::signal(Signal::INT, 500), Step::signal(Signal::TERM, 3_000)]);
    let int = |wait_ms| Step::signal(Signal::INT, wait_ms);
    let end = [int(0), Step::stop_unit(15_000), int(15_000), Step::signal(Signal::QUIT, 5_000)];
    assert_steps(&verdict, postmaster, &end);
}

#[test]
fn a_title_tells_a_session_from_the_rest() {
    let is_session = |title: &str| super::is_session(title.as_bytes());
    for session in [
        "postgres: app shop [local] idle",
        "postgres: app shop 10.0.0.7(51002) SELECT",
        "postgres: 15/main: app shop fe80::1%eth0(51002) idle in transaction",
        "postgres: autovacuum worker shop",
        "postgres: logical replication apply worker for subscription 16394 ",
        "postgres: logical replication tablesync worker for subscription 16394 sync 16401 ",
        "postgres: walsender debezium shop 10.0.0.9(40022) START_REPLICATION",
        "postgres: 15/main: walsender debezium shop [local] START_REPLICATION",
        "postgres: app shop [local] ",
    ] {
        assert!(is_session(session), "{session}");
    }
    for rest in [
        "postgres: checkpointer ",
        "postgres: 15/main: walwriter ",
        "postgres: autovacuum launcher ",
        "postgres: logical replication launcher ",
        "postgres: startup recovering 000000010000000000000003",
        "postgres: walreceiver streaming 0/3000148",
        "postgres: walsender replica 10.0.0.8(40112) streaming 0/3000148",
        "postgres: main: walsender replica 10.0.0.8(40112) streaming 0/3000148",
        "postgres: walsender replica [local] streaming 0/3000148",
        "postgres: parallel worker for PID 4711 ",
        "postgres: TimescaleDB Background Worker Scheduler",
        "app shop [local] idle",
        "",
    ] {
        assert!(!is_session(rest), "{rest}");
    }
}

#[test]
fn several_clusters_are_several_services() {
    let mut machine = Machine::new();
    let one = cluster(&mut machine, UNIT, "");
    let other = cluster(&mut machine, "/system.slice/postgresql@16-two.service", "two: ");
    let verdict = consult(&machine);
    assert_eq!(verdict.sacrifices(), [Subject::Process(one[2]), Subject::Process(other[2])]);
    assert_eq!(verdict.entries().filter(|(of, _)| matches!(of, Subject::Tree(_))).count(), 2);
}

#[test]
fn what_only_calls_itself_postgres_is_none() {
    let mut machine = Machine::new();
    let liar =
        machine.process("postgres").exe("/home/a/leak").cmdline("postgres: checkpointer").anon_mib(9).pid();
    machine
        .process("postgres")
        .child_of(liar)
        .exe("/home/a/leak")
        .cmdline("postgres: a b [local]")
        .anon_mib(9);
    machine.process("postgres").exe("/tmp/postgres").anon_mib(400);
    machine.process("redis-server").exe("/home/a/leak").anon_mib(400);
    machine.process("mysqld").anon_mib(400);
    assert_eq!(consult(&machine).entries().len(), 0);
}

#[test]
fn where_the_executable_is_not_told_name_tree_and_unit_must_agree() {
    let mut machine = Machine::new();
    machine.memcg("/system.slice/mariadb.service").unit("mariadb.service");
    machine.memcg("/system.slice/other.service").unit("other.service");
    let server = machine.process("mariadbd").memcg("/system.slice/mariadb.service").anon_mib(400).pid();
    machine.process("mariadbd").memcg("/system.slice/other.service").anon_mib(400);
    machine.process("java").memcg("/system.slice/mariadb.service").anon_mib(1).age_s(1);
    let verdict = consult(&machine);
    assert_eq!(verdict.strength(server), Some(850));
    assert_eq!(verdict.entries().filter(|(of, _)| matches!(of, Subject::Tree(_))).count(), 1, "{verdict}");
}

#[test]
fn the_child_of_redis_that_saves_goes_by_its_own_signal() {
    let mut machine = Machine::new();
    let server =
        machine.process("redis-server").exe("/usr/bin/redis-check-rdb (deleted)").anon_mib(400).pid();
    let child =
        machine.process("redis-server").exe("/usr/bin/redis-check-rdb (deleted)").child_of(server).pid();
    let verdict = consult(&machine);
    assert_eq!((verdict.strength(server), verdict.urgency(child)), (Some(800), Some(100)));
    assert_steps(&verdict, child, &[Step::signal(Signal::USR1, 2_000)]);
    assert_steps(&verdict, server, &[Step::signal(Signal::TERM, 15_000)]);
}

#[test]
fn memcached_is_first_asked_to_keep_its_cache() {
    let mut machine = Machine::new();
    let server = machine.process("memcached").exe("/usr/bin/memcached").anon_mib(400).pid();
    let verdict = consult(&machine);
    assert_steps(&verdict, server, &[Step::signal(Signal::USR1, 2_000), Step::signal(Signal::TERM, 2_000)]);
}

#[test]
fn an_interpreter_is_told_by_its_command_line() {
    let mut machine = Machine::new();
    let mut process =
        |exe: &str, cmdline: &str| machine.process("x").exe(exe).cmdline(cmdline).anon_mib(90).pid();
    let java = "/usr/lib/jvm/java-17/bin/java";
    let kafka = process(java, "java\0-Xmx1G\0-Dkafka.logs.dir=/var/log/kafka\0-cp\0/usr/share/kafka/a.jar\0");
    let elastic = process(java, "java\0-Des.path.home=/usr/share/elasticsearch\0");
    let rabbit = process("/usr/lib/erlang/erts-13/bin/beam.smp", "beam.smp\0-sname\0rabbit@a\0");
    let gunicorn = process("/usr/bin/python3.11", "gunicorn: master [shop]\0");
    let jupyter = process("/usr/bin/python3.11", "/usr/bin/python3\0/usr/bin/jupyter-lab\0");
    let clickhouse = process("/usr/bin/clickhouse", "/usr/bin/clickhouse-server\0--config-file\0");
    process(java, "java\0-jar\0shop.jar\0");
    process("/usr/bin/python3.11", "python3\0job.py\0--for\0gunicorn\0");
    process("/usr/bin/clickhouse", "clickhouse\0client\0");
    let verdict = consult(&machine);
    let kept = [kafka, elastic, rabbit, gunicorn, jupyter, clickhouse];
    assert!(kept.into_iter().all(|pid| verdict.strength(pid).is_some()), "{verdict}");
    assert_eq!(verdict.entries().len(), kept.len(), "{verdict}");
}

#[test]
fn workers_go_and_their_master_stays() {
    let mut machine = Machine::new();
    let exe = "/usr/sbin/php-fpm8.2";
    let master = machine.process("php-fpm8.2").exe(exe).anon_mib(20).pid();
    let worker = machine.process("php-fpm8.2").exe(exe).child_of(master).anon_mib(40).pid();
    let verdict = consult(&machine);
    assert_eq!((verdict.strength(master), verdict.urgency(worker)), (Some(400), Some(1)));
    assert!(verdict.entries().all(|(of, _)| matches!(of, Subject::Process(_))), "SIGKILL hurts no worker");
}

#[test]
fn a_master_that_holds_more_than_its_workers_is_not_kept_for_them() {
    let strength = |master_mib| {
        let mut machine = Machine::new();
        let exe = "/usr/bin/python3.11";
        let row =
            machine.process("gunicorn").exe(exe).cmdline("gunicorn: master [shop]\0").anon_mib(master_mib);
        let master = row.pid();
        for _ in 0..4 {
            machine.process("gunicorn").exe(exe).child_of(master).anon_mib(150);
        }
        consult(&machine).strength(master)
    };
    assert_eq!(strength(80), Some(400));
    assert_eq!(strength(1200), Some(400), "as much as twice its workers");
    assert_eq!(strength(1300), None);
}

#[test]
fn backups_exporters_and_sidecars_go_before_sessions_and_poolers_after() {
    let mut machine = Machine::new();
    let [postmaster, _, session] = cluster(&mut machine, UNIT, "");
    let mut process = |exe: &str, memcg: &str, age_s: u64| {
        machine.process("x").exe(exe).memcg(memcg).age_s(age_s).anon_mib(30).pid()
    };
    let dump = process("/usr/lib/postgresql/15/bin/pg_dump", "/", 9);
    let exporter = process("/usr/bin/prometheus-postgres-exporter", "/", 9);
    let pooler = process("/usr/sbin/pgbouncer", "/", 9);
    let sidecar = process("/usr/bin/python3.11", UNIT, 99);
    let manager = process("/usr/bin/patroni", UNIT, 101);
    let verdict = consult(&machine);
    let order = [dump, exporter, sidecar, session, pooler].map(Subject::Process);
    assert_eq!(verdict.sacrifices(), order, "{verdict}");
    assert!(verdict.of(manager).is_none(), "what is older may be what runs it");
    let helper = machine.process("gzip").exe("/usr/bin/gzip").child_of(postmaster).anon_mib(30).pid();
    assert_eq!(consult(&machine).urgency(helper), Some(20), "not kept with the tree");
}

#[test]
fn another_container_of_its_pod_is_a_sidecar() {
    let mut machine = Machine::new();
    let pod = "/kubepods/burstable/pod1";
    let (own, other) = (format!("{pod}/a"), format!("{pod}/b"));
    machine.memcg(pod).pod("1", Qos::Burstable);
    machine.memcg(&own).pod("1", Qos::Burstable).container("a", None);
    machine.memcg(&other).pod("1", Qos::Burstable).container("b", None);
    let server = machine.process("mysqld").exe("/usr/sbin/mysqld").memcg(&own).anon_mib(400).age_s(9).pid();
    let sidecar = machine.process("agent").exe("/agent").memcg(&other).anon_mib(40).age_s(90).pid();
    machine.process("sh").exe("/bin/sh").memcg(&own).anon_mib(2).age_s(10);
    let verdict = consult(&machine);
    assert_eq!(verdict.sacrifices(), [Subject::Process(sidecar)]);
    assert_steps(&verdict, server, &[Step::signal(Signal::TERM, 20_000)]);
}

#[test]
fn the_table_keeps_within_what_the_host_waits() {
    for service in super::table::SERVICES {
        let waits: u32 = service.end.iter().map(|ask| ask.1).sum();
        assert!(waits <= 60_000 / 2, "{}: with a stop of its unit over act.grace_max_ms", service.name);
        assert!((1..1000).contains(&service.strength), "{}", service.name);
    }
}

/// An update that makes a boot image: apt-get, dpkg, a script of it, dracut and what compresses. Returns
/// their pids.
fn update(machine: &mut Machine, uid: u32, memcg: &str) -> [u32; 5] {
    machine.memcg(memcg);
    let mut process = |parent: u32, comm: &str, exe: &str, cmdline: &str| {
        let row = machine.process(comm).memcg(memcg).child_of(parent).exe(exe).uid(uid);
        row.anon_mib(90).age_s(9).cmdline(cmdline).pid()
    };
    let front = process(1, "apt-get", "/usr/bin/apt-get", "apt-get\0upgrade\0");
    let dpkg = process(front, "dpkg", "/usr/bin/dpkg", "/usr/bin/dpkg\0--configure\0-a\0");
    let script =
        process(dpkg, "linux-image.pos", "/usr/bin/dash", "/bin/sh\0/var/lib/dpkg/info/x.postinst\0");
    let dracut = process(script, "dracut", "/usr/bin/bash", "/bin/bash\0/usr/bin/dracut\0-f\0");
    let zstd = process(dracut, "zstd", "/usr/bin/zstd", "zstd\0-15\0-q\0-T0\0");
    [front, dpkg, script, dracut, zstd]
}

#[test]
fn work_that_would_be_left_half_done_is_kept_with_all_below_it_and_who_waits_for_it() {
    let mut machine = Machine::new();
    let all = update(&mut machine, 0, "/user.slice/user-0.slice/session-1.scope");
    let verdict = consult(&machine);
    for pid in all {
        assert_eq!(verdict.strength(pid), Some(850), "{pid}: {verdict}");
    }
    // One entry for the tree, none for each step of it.
    assert_eq!(verdict.entries().len(), 2, "{verdict}");
    assert!(verdict.entries().any(|(subject, _)| subject == Subject::Tree(all[1])), "{verdict}");
}

#[test]
fn of_a_user_or_in_a_container_the_same_is_made_again() {
    let mut machine = Machine::new();
    let all = update(&mut machine, 1000, "/user.slice/user-1000.slice/session-1.scope");
    let verdict = consult(&machine);
    assert!(all.iter().all(|&pid| verdict.strength(pid).is_none()), "{verdict}");
    let mut machine = Machine::new();
    let memcg = "/system.slice/docker-0123.scope";
    let all = update(&mut machine, 0, memcg);
    machine.memcg(memcg).container("0123", None);
    let verdict = consult(&machine);
    assert!(all.iter().all(|&pid| verdict.strength(pid).is_none()), "{verdict}");
}

#[test]
fn a_front_end_that_waits_for_no_such_work_is_not_kept() {
    let mut machine = Machine::new();
    let memcg = "/system.slice/dnf-makecache.service";
    machine.memcg(memcg).unit("dnf-makecache.service");
    let dnf = machine.process("dnf").memcg(memcg).child_of(1).exe("/usr/bin/python3.12").uid(0);
    let dnf = dnf.anon_mib(400).age_s(9).cmdline("/usr/bin/python3\0/usr/bin/dnf\0makecache\0").pid();
    assert_eq!(consult(&machine).strength(dnf), None);
}

#[test]
fn of_postgresql_a_worker_of_an_extension_goes_once_it_is_large() {
    let is_grown = |title: &str, mib: u64| super::is_grown_worker(title.as_bytes(), mib << 20);
    for title in ["postgres: 15/main: pg_cron launcher ", "postgres: TimescaleDB Background Worker Scheduler"]
    {
        assert!(is_grown(title, 64) && !is_grown(title, 63), "{title}");
    }
    for own in
        ["postgres: checkpointer ", "postgres: main: walwriter ", "postgres: startup recovering 0001", "x"]
    {
        assert!(!is_grown(own, 9_000), "{own}");
    }
    let mut machine = Machine::new();
    let [postmaster, _, _] = cluster(&mut machine, UNIT, "");
    let row = machine.process("postgres").memcg(UNIT).child_of(postmaster).exe(POSTGRES).anon_mib(17_000);
    let launcher = row.age_s(90).cmdline("postgres: pg_cron launcher \0").pid();
    assert_steps(&consult(&machine), launcher, &[Step::signal(Signal::TERM, 3_000)]);
}

/// What is said of three workers of HAProxy of these ages and executables, and of a helper beside them.
fn haproxy(workers: [(u64, &str); 3]) -> [(Option<u16>, Option<u16>); 3] {
    const UNIT: &str = "/system.slice/haproxy.service";
    let mut machine = Machine::new();
    machine.memcg(UNIT).unit("haproxy.service");
    let mut process = |parent: u32, age_s: u64, exe: &str| {
        let row = machine.process("haproxy").memcg(UNIT).child_of(parent).exe(exe);
        row.anon_mib(170).age_s(age_s).cmdline("haproxy\0-Ws\0").pid()
    };
    let master = process(1, 90_000, "/usr/sbin/haproxy");
    let workers = workers.map(|(age_s, exe)| process(master, age_s, exe));
    machine.process("dataplaneapi").memcg(UNIT).child_of(master).exe("/usr/bin/dataplaneapi").age_s(40);
    let verdict = consult(&machine);
    assert_eq!(verdict.strength(master), Some(500));
    workers.map(|pid| (verdict.strength(pid), verdict.urgency(pid)))
}

#[test]
fn of_haproxy_workers_that_a_reload_has_replaced_may_go_and_the_newest_stay() {
    let (old, new, neither) = ((None, Some(50)), (Some(500), None), (None, None));
    let at = |ages: [u64; 3]| haproxy(ages.map(|age_s| (age_s, "/usr/sbin/haproxy")));
    assert_eq!(at([80_000, 302, 300]), [old, new, new]);
    assert_eq!(at([302, 300, 301]), [neither; 3], "there was no reload");
    assert_eq!(at([80_000, 12, 12]), [neither; 3], "the new ones may not serve yet");
    let updated = "/usr/sbin/haproxy (deleted)";
    assert_eq!(haproxy([(80_000, updated), (9_000, updated), (300, "/usr/sbin/haproxy")]), [old, old, new]);
}
