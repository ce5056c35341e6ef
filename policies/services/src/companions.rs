//! What goes before the services that it is for.

/// A program that goes before the service that it is for.
pub(crate) struct Companion {
    pub(crate) programs: &'static [&'static str],
    pub(crate) what: &'static str,
    pub(crate) urgency: u16,
}

/// One in the unit, or in the pod, of a service, which is no part of it.
pub(crate) const SIDECAR_URGENCY: u16 = 20;

pub(crate) const COMPANIONS: &[Companion] = &[
    Companion {
        programs: &[
            "pg_dump",
            "pg_dumpall",
            "pg_basebackup",
            "pgbackrest",
            "barman",
            "wal-g",
            "mysqldump",
            "mariadb-dump",
            "mariabackup",
            "mariadb-backup",
            "xtrabackup",
            "mydumper",
            "mongodump",
            "elasticdump",
        ],
        what: "a backup: it can be made again",
        urgency: 40,
    },
    Companion {
        programs: &["*_exporter", "*-exporter", "postgres_export"],
        what: "an exporter: the service runs without it",
        urgency: 30,
    },
    Companion {
        programs: &["pgbouncer", "pgpool", "pgcat", "odyssey", "proxysql", "maxscale"],
        what: "a pooler: its clients connect anew",
        urgency: 5,
    },
];
