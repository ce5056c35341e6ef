//! What is known of each service, as data. A row cites the documentation that it is from.

use jettison_sdk::Signal;

/// A program that keeps others waiting: what it is, what may go before it, and how it ends.
pub(crate) struct Service {
    /// In an operator's words.
    pub(crate) name: &'static str,
    /// File names of its executable. One that ends with `*` is a prefix.
    pub(crate) programs: &'static [&'static str],
    /// What its command line must have, too.
    pub(crate) marks: Marks,
    /// How the names of its units begin: they count where the executable cannot be read.
    pub(crate) units: &'static [&'static str],
    /// What stands and falls with it.
    pub(crate) keeps: Keeps,
    /// 1..=999.
    pub(crate) strength: u16,
    /// The `oom_score_adj` to hold.
    pub(crate) hold: i16,
    /// How it shuts down. A first signal that is not waited for goes before its unit is stopped.
    pub(crate) end: &'static [Ask],
    /// What of it may go alone.
    pub(crate) child: Option<Child>,
}

/// What tells one program of an interpreter from another.
pub(crate) enum Marks {
    /// The executable is enough.
    None,
    /// How the file name of one of the first three arguments begins.
    Early(&'static [&'static str]),
    /// What is somewhere in the command line: classpaths are long, and only its first 4 KiB are known.
    Anywhere(&'static [&'static str]),
}

/// What stands and falls with the first process of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// The whole tree: the end of any part that was not asked to end damages all.
    Tree,
    /// That process. It starts its children anew.
    Head,
}

/// A signal, and how many milliseconds it takes at most to work.
pub(crate) struct Ask(pub(crate) Signal, pub(crate) u32);

/// A child that may go.
pub(crate) struct Child {
    /// In an operator's words.
    pub(crate) what: &'static str,
    pub(crate) which: Which,
    pub(crate) how: &'static [Ask],
    /// Less than anything that is to blame; it orders those that are not.
    pub(crate) urgency: u16,
}

/// Which children are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// All that run the service's own program.
    Alike,
    /// PostgreSQL: those whose title names a client, and workers of autovacuum.
    Sessions,
    /// Those that were started before the newest, which took their place at a reload.
    Replaced,
}

const MANY_PARTS: i16 = -900;
const ONE_PROCESS: i16 = -500;
const WORKERS: i16 = -300;

pub(crate) const SERVICES: &[Service] = &[
    // Shutdown: https://www.postgresql.org/docs/current/server-shutdown.html (SIGINT fast, SIGQUIT immediate;
    // "best not to use SIGKILL"). A backend: pg_cancel_backend is SIGINT, pg_terminate_backend SIGTERM,
    // https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL. Values of the OOM
    // killer: https://www.postgresql.org/docs/current/kernel-resources.html#LINUX-MEMORY-OVERCOMMIT. Debian's
    // unit stops it with pg_ctlcluster, which is written in Perl: it took 14 s in a guest that was short.
    Service {
        name: "PostgreSQL",
        programs: &["postgres", "postmaster", "edb-postgres"],
        marks: Marks::None,
        units: &["postgres", "edb-as", "patroni"],
        keeps: Keeps::Tree,
        strength: 850,
        hold: MANY_PARTS,
        end: &[Ask(Signal::INT, 0), Ask(Signal::INT, 15_000), Ask(Signal::QUIT, 5_000)],
        child: Some(Child {
            what: "a session",
            which: Which::Sessions,
            how: &[Ask(Signal::INT, 500), Ask(Signal::TERM, 3_000)],
            urgency: 10,
        }),
    },
    // SIGTERM shuts down: https://dev.mysql.com/doc/refman/8.4/en/unix-signal-response.html and
    // https://dev.mysql.com/doc/refman/8.4/en/server-shutdown.html; https://mariadb.com/kb/en/shutdown/.
    Service {
        name: "MySQL",
        programs: &["mysqld", "mysqld-debug"],
        marks: Marks::None,
        units: &["mysql"],
        keeps: Keeps::Tree,
        strength: 850,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 20_000)],
        child: None,
    },
    Service {
        name: "MariaDB",
        programs: &["mariadbd"],
        marks: Marks::None,
        units: &["mariadb", "mysql"],
        keeps: Keeps::Tree,
        strength: 850,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 20_000)],
        child: None,
    },
    // https://redis.io/docs/latest/operate/oss_and_stack/reference/signals/: SIGTERM saves and ends; SIGUSR1
    // ends the child that saves without an error that would stop writes. Valkey:
    // https://valkey.io/topics/signals/.
    Service {
        name: "Redis",
        programs: &["redis-server", "valkey-server", "keydb-server", "redis-check-rdb"],
        marks: Marks::None,
        units: &["redis", "valkey", "keydb"],
        keeps: Keeps::Tree,
        strength: 800,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 15_000)],
        child: Some(Child {
            what: "a save",
            which: Which::Alike,
            how: &[Ask(Signal::USR1, 2_000)],
            urgency: 100,
        }),
    },
    // SIGTERM is a clean exit, "never use kill -9":
    // https://www.mongodb.com/docs/manual/tutorial/manage-mongodb-processes/#stop-mongod-processes.
    Service {
        name: "MongoDB",
        programs: &["mongod", "mongos"],
        marks: Marks::None,
        units: &["mongo"],
        keeps: Keeps::Tree,
        strength: 800,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 20_000)],
        child: None,
    },
    // https://www.elastic.co/guide/en/elasticsearch/reference/current/stopping-elasticsearch.html
    Service {
        name: "Elasticsearch",
        programs: &["java"],
        marks: Marks::Anywhere(&["org.elasticsearch.bootstrap.Elasticsearch", "-Des.path.home="]),
        units: &["elasticsearch"],
        keeps: Keeps::Tree,
        strength: 750,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 20_000)],
        child: None,
    },
    // A fork of Elasticsearch, with its own class and property.
    Service {
        name: "OpenSearch",
        programs: &["java"],
        marks: Marks::Anywhere(&["org.opensearch.bootstrap.OpenSearch", "-Dopensearch.path.home="]),
        units: &["opensearch"],
        keeps: Keeps::Tree,
        strength: 750,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 20_000)],
        child: None,
    },
    // A graceful shutdown syncs the logs and moves leaders away, so that no recovery is needed:
    // https://kafka.apache.org/documentation/#basic_ops_restarting.
    Service {
        name: "Kafka",
        programs: &["java"],
        marks: Marks::Anywhere(&["kafka.Kafka", "-Dkafka.logs.dir="]),
        units: &["kafka"],
        keeps: Keeps::Tree,
        strength: 750,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 30_000)],
        child: None,
    },
    // RabbitMQ leaves SIGTERM to Erlang (`SIGNAL_HANDLED_BY_ERLANG` in rabbit_prelaunch_sighandler.erl of
    // https://github.com/rabbitmq/rabbitmq-server), whose default handler ends it normally, as `init:stop()`
    // does: https://www.erlang.org/doc/apps/kernel/kernel_app.html#os-signal-event-handler. SIGQUIT halts at
    // once, and SIGUSR1 dumps.
    Service {
        name: "RabbitMQ",
        programs: &["beam.smp", "beam"],
        marks: Marks::Anywhere(&["rabbit"]),
        units: &["rabbitmq"],
        keeps: Keeps::Tree,
        strength: 750,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 20_000)],
        child: None,
    },
    // The documentation has no signals. SIGINT and SIGTERM run the handlers of a shutdown (`HandleInterrupts`
    // in pkg/osutil/interrupt_unix.go of https://github.com/etcd-io/etcd); a leader hands over first
    // (`EtcdServer.Stop` in server/etcdserver/server.go).
    Service {
        name: "etcd",
        programs: &["etcd"],
        marks: Marks::None,
        units: &["etcd"],
        keeps: Keeps::Tree,
        strength: 900,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 10_000)],
        child: None,
    },
    // A shutdown waits `shutdown_wait_unfinished` seconds for unfinished queries and backups, and to their
    // end only where `shutdown_wait_unfinished_queries` is set:
    // https://clickhouse.com/docs/reference/settings/server-settings/settings/shutdown-wait.
    // Its unit has no ExecStop=, so that a stop is SIGTERM: packages/clickhouse-server.service of
    // https://github.com/ClickHouse/ClickHouse.
    Service {
        name: "ClickHouse",
        programs: &["clickhouse", "clickhouse-server"],
        marks: Marks::Early(&["clickhouse-server", "server", "clickhouse-watch"]),
        units: &["clickhouse"],
        keeps: Keeps::Tree,
        strength: 800,
        hold: ONE_PROCESS,
        end: &[Ask(Signal::TERM, 20_000)],
        child: None,
    },
    // It keeps nothing, and an empty cache sends its load to the database. With a memory file (`-e`, 1.5.18
    // and later) SIGUSR1 is the graceful end, after which the next start has the cache again:
    // https://github.com/memcached/memcached/wiki/WarmRestart. Without one both signals just end it.
    Service {
        name: "memcached",
        programs: &["memcached"],
        marks: Marks::None,
        units: &["memcached"],
        keeps: Keeps::Head,
        strength: 400,
        hold: WORKERS,
        end: &[Ask(Signal::USR1, 2_000), Ask(Signal::TERM, 2_000)],
        child: None,
    },
    // SIGQUIT is graceful: https://linux.die.net/man/8/php-fpm. Its workers are started anew.
    Service {
        name: "PHP-FPM",
        programs: &["php-fpm*"],
        marks: Marks::None,
        units: &["php"],
        keeps: Keeps::Head,
        strength: 400,
        hold: WORKERS,
        end: &[Ask(Signal::QUIT, 5_000), Ask(Signal::TERM, 2_000)],
        child: Some(Child {
            what: "a worker",
            which: Which::Alike,
            how: &[Ask(Signal::QUIT, 1_000), Ask(Signal::TERM, 1_000)],
            urgency: 1,
        }),
    },
    // SIGTERM is graceful, for a worker, too: https://docs.gunicorn.org/en/stable/signals.html.
    Service {
        name: "gunicorn",
        programs: &["python*", "pypy*", "gunicorn*"],
        marks: Marks::Early(&["gunicorn"]),
        units: &["gunicorn"],
        keeps: Keeps::Head,
        strength: 400,
        hold: WORKERS,
        end: &[Ask(Signal::TERM, 10_000)],
        child: Some(Child {
            what: "a worker",
            which: Which::Alike,
            how: &[Ask(Signal::TERM, 3_000)],
            urgency: 1,
        }),
    },
    // SIGQUIT is graceful, for a worker, too: https://nginx.org/en/docs/control.html.
    Service {
        name: "nginx",
        programs: &["nginx", "openresty", "angie"],
        marks: Marks::None,
        units: &["nginx", "openresty", "angie"],
        keeps: Keeps::Head,
        strength: 500,
        hold: WORKERS,
        end: &[Ask(Signal::QUIT, 5_000), Ask(Signal::TERM, 2_000)],
        child: Some(Child {
            what: "a worker",
            which: Which::Alike,
            how: &[Ask(Signal::QUIT, 1_000), Ask(Signal::TERM, 1_000)],
            urgency: 1,
        }),
    },
    // At a reload the master starts new workers, and the old ones stay for as long as their connections do
    // (SIGUSR1); SIGTERM ends a worker at once: https://docs.haproxy.org/2.8/management.html, section 4.
    Service {
        name: "HAProxy",
        programs: &["haproxy"],
        marks: Marks::None,
        units: &["haproxy"],
        keeps: Keeps::Head,
        strength: 500,
        hold: WORKERS,
        end: &[Ask(Signal::USR1, 5_000), Ask(Signal::TERM, 2_000)],
        child: Some(Child {
            what: "a worker that a newer one has replaced",
            which: Which::Replaced,
            how: &[Ask(Signal::TERM, 2_000)],
            urgency: 50,
        }),
    },
    // https://httpd.apache.org/docs/2.4/stopping.html
    Service {
        name: "Apache",
        programs: &["apache2", "httpd"],
        marks: Marks::None,
        units: &["apache", "httpd"],
        keeps: Keeps::Head,
        strength: 500,
        hold: WORKERS,
        end: &[Ask(Signal::TERM, 5_000)],
        child: Some(Child {
            what: "a worker",
            which: Which::Alike,
            how: &[Ask(Signal::TERM, 2_000)],
            urgency: 1,
        }),
    },
    // The agent takes the next job, the job is what goes:
    // https://docs.github.com/en/actions/hosting-your-own-runners,
    // https://docs.gitlab.com/runner/commands/#signals.
    Service {
        name: "a CI runner",
        programs: &["Runner.Listener", "gitlab-runner", "buildkite-agent", "forgejo-runner", "act_runner"],
        marks: Marks::None,
        units: &["actions.runner", "gitlab-runner", "buildkite"],
        keeps: Keeps::Head,
        strength: 400,
        hold: WORKERS,
        end: &[Ask(Signal::TERM, 10_000)],
        child: None,
    },
    // The server keeps the notebooks, their kernels are what goes:
    // https://jupyter-server.readthedocs.io/en/latest/operators/public-server.html.
    Service {
        name: "Jupyter",
        programs: &["python*", "jupyter-*"],
        marks: Marks::Early(&["jupyter-lab", "jupyter-notebook", "jupyter-server", "jupyterhub"]),
        units: &["jupyter"],
        keeps: Keeps::Head,
        strength: 400,
        hold: WORKERS,
        end: &[Ask(Signal::TERM, 5_000)],
        child: None,
    },
];
