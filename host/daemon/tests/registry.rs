//! Policies from a real registry: pushed, pulled, run, replaced, and the registry away.

#[path = "kit/desk.rs"]
mod desk;
mod kit;
#[path = "kit/registry.rs"]
mod server;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use desk::{Desk, FIRST, SECOND, source};
use jettison_policy::{builtin, component};
use jettison_tests::wait_for;
use kit::{Daemon, ask, file};
use serde_json::Value;
use server::Registry;

#[test]
#[ignore = "needs root, to install docker-registry"]
fn what_is_pushed_is_pulled_by_tag_and_by_digest_and_is_the_same_each_time() {
    let (registry, desk) = (Registry::start(), Desk::new());
    let reference = registry.reference("policies/site:1.0");
    let pushed = desk.push(FIRST, &reference);
    assert!(pushed.starts_with(&format!("oci://{reference}@sha256:")), "{pushed}");
    assert_eq!(
        desk.push(FIRST, &registry.reference("policies/site:again")).split('@').nth(1),
        pushed.split('@').nth(1)
    );
    let said = desk.does(&["pull", &reference, "-o", "pulled.wasm"]);
    assert_eq!(source(&said), pushed);
    assert!(said.contains("\nname      balanced ") && said.contains("\ngrants    none\nsees\n"), "{said}");
    assert_eq!(fs::read(desk.path("pulled.wasm")).unwrap(), component(builtin(FIRST).unwrap()).unwrap());
    assert_eq!(source(&desk.does(&["pull", &pushed])), pushed);
    // Anything that takes a module takes a source.
    assert!(desk.does(&["inspect", &pushed]).starts_with("name      balanced "));
    assert!(desk.does(&["check", &pushed]).contains(": ok: balanced "));
    for (args, expected) in [
        (["pull", &registry.reference("policies/site:2.0")].as_slice(), "manifests/2.0 is not there"),
        (&["pull", &registry.reference("nothing:1")], "is not there"),
        (&["push", "jettison.toml", &reference], "jettison.toml cannot be read"),
    ] {
        let said = desk.fails(args);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    file(desk.0.path(), "broken.wasm", "broken");
    assert!(desk.fails(&["push", "broken.wasm", &reference]).contains("is not a WebAssembly policy"));
}

#[test]
#[ignore = "needs root, to install docker-registry"]
fn a_daemon_fetches_what_is_missing_and_needs_the_registry_no_more() {
    let (mut registry, desk) = (Registry::start(), Desk::new());
    let first = desk.push(FIRST, &registry.reference("site:1.0"));
    let second = desk.push(SECOND, &registry.reference("site:1.1"));
    desk.configure(&first, "");
    let daemon = desk.daemon();
    desk.is_live(FIRST);
    registry.stop();
    // What runs is what its digest names, whatever becomes of registry and store.
    assert_eq!(ask(&desk.state(), &["reload"]).0, Some(0));
    desk.configure(&second, "\"cmdlines\", \"exes\"");
    let said = desk.refuses();
    let by_hand = format!("`jettison pull {second} --keep-dir {}`", desk.state().display());
    assert!(said.contains("does not answer") && said.contains(&by_hand), "{said}");
    desk.is_live(FIRST);
    assert_eq!(daemon.stop().0, Some(0));
    // A start takes it from the store, before it says that it watches.
    desk.configure(&first, "");
    let daemon = desk.daemon();
    let status = desk.status();
    assert_eq!((&status["policies"][0]["state"], &status["last_reload"]), (&"active".into(), &Value::Null));
    desk.is_live(FIRST);
    assert_eq!(daemon.stop().0, Some(0));
    // And one that has nothing there watches all the same.
    desk.configure(&second, "\"cmdlines\", \"exes\"");
    let daemon = desk.daemon();
    let why = wait_for("the reason of the registry", || {
        let why = desk.status()["policies"][0]["fault"].to_string();
        why.contains("does not answer").then_some(why)
    });
    assert!(why.contains("is not fetched: http://localhost:"), "{why}");
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
#[ignore = "needs root, for a namespace without a network"]
fn a_daemon_without_a_network_takes_what_was_pulled_for_it() {
    let (registry, desk) = (Registry::start(), Desk::new());
    let first = desk.push(FIRST, &registry.reference("site:1.0"));
    desk.configure(&first, "");
    fs::create_dir(desk.state()).unwrap();
    let mut command = Command::new("unshare");
    let config = desk.path("jettison.toml");
    command.args(["--net", env!("CARGO_BIN_EXE_jettison"), "run", "--dry-run", "--config"]).arg(config);
    let mut daemon = Daemon::spawn(command, &desk.state());
    daemon.says("is watching");
    wait_for("a fetch in vain", || {
        desk.status()["policies"][0]["fault"].to_string().contains("does not answer").then_some(())
    });
    desk.does(&["pull", &first, "--keep-dir", desk.state().to_str().unwrap()]);
    assert_eq!(ask(&desk.state(), &["reload"]).0, Some(0));
    desk.is_live(FIRST);
    let modules = fs::metadata(desk.state().join("modules")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&modules.permissions()) & 0o777, 0o700);
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
#[ignore = "needs root, to install docker-registry"]
fn an_upgrade_that_sees_more_is_let_in_only_if_it_may() {
    let (registry, desk) = (Registry::start(), Desk::new());
    let first = desk.push(FIRST, &registry.reference("site:1.0"));
    let second = desk.push(SECOND, &registry.reference("site:1.1"));
    desk.configure(&first, "");
    let mut daemon = desk.daemon();
    desk.is_live(FIRST);
    desk.configure(&second, "\"exes\"");
    let said = desk.refuses();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "newly reads `details.cmdlines`, which balanced {version}, which runs, does not: if it may see this, set \
         `grants = [\"cmdlines\", \"exes\"]`"
    );
    assert!(said.contains(&expected), "{said}");
    desk.is_live(FIRST);
    desk.configure(&second, "\"cmdlines\", \"exes\"");
    desk.is_live(SECOND);
    let line = daemon.says("sees more than the one whose place it takes");
    assert!(line.contains("details.cmdlines, details.exes"), "{line}");
    assert_eq!(daemon.stop().0, Some(0));
    let said = desk.does(&["inspect", &first, &second]);
    let newly = said.split("\nnewly\n").nth(1).unwrap();
    assert!(newly.starts_with("  details     cmdlines exes\n"), "{said}");
    assert!(desk.does(&["inspect", "builtin:services", "builtin:services"]).ends_with("newly     nothing\n"));
}

#[test]
#[ignore = "needs root, to install docker-registry"]
fn a_login_comes_from_docker_or_from_the_command_line() {
    let (registry, desk) = (Registry::with_login(), Desk::new());
    let reference = registry.reference("site:1.0");
    let push = ["push", "balanced.wasm", &reference];
    assert!(desk.fails(&push).contains("is denied"), "{}", desk.fails(&push));
    let with_password = |password: &str| {
        let mut command =
            desk.command(&[push.as_slice(), &["--username", "us", "--password-stdin"]].concat());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (status, said) = with_password("wrong\n");
    assert!(status == Some(1) && said.contains("is denied") && !said.contains("wrong"), "{said}");
    let (status, said) = with_password("secret\n");
    assert_eq!(status, Some(0), "{said}");
    let pushed = source(&said);
    assert!(desk.fails(&["pull", &reference]).contains("is denied"));
    fs::create_dir(desk.path("docker")).unwrap();
    let registry = reference.split('/').next().unwrap();
    let docker = format!("{{\"auths\":{{\"{registry}\":{{\"auth\":\"dXM6c2VjcmV0\"}}}}}}");
    fs::write(desk.path("docker/config.json"), docker).unwrap();
    assert_eq!(source(&desk.does(&["pull", &reference])), pushed);
    assert_eq!(source(&desk.does(&push)), pushed);
}

#[test]
#[ignore = "needs root, to install docker-registry"]
fn a_registry_with_tls_is_believed_by_its_certificate_alone() {
    let (registry, desk) = (Registry::with_tls(), Desk::new());
    let reference = registry.elsewhere("site:1.0");
    let push = |certificates: &Path| {
        let mut command = desk.command(&["push", "balanced.wasm", &reference]);
        let output = command.env("SSL_CERT_FILE", certificates).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let other = Registry::with_tls();
    let (status, said) = push(&other.certificate());
    assert!(status == Some(1) && said.contains("invalid peer certificate"), "{said}");
    let (status, said) = push(&registry.certificate());
    assert_eq!(status, Some(0), "{said}");
    let mut command = desk.command(&["pull", &source(&said)]);
    let output = command.env("SSL_CERT_FILE", registry.certificate()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Without TLS to one that has it.
    assert!(desk.fails(&["pull", &reference, "--plain-http"]).contains("status 400"));
}

#[test]
#[ignore = "needs root, to install docker-registry"]
fn the_commands_of_the_guide_do_what_it_says() {
    let (registry, desk) = (Registry::start(), Desk::new());
    fs::rename(desk.path("balanced.wasm"), desk.path("ci.wasm")).unwrap();
    fs::rename(desk.path("services.wasm"), desk.path("ci-next.wasm")).unwrap();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/distribution.md");
    let text = fs::read_to_string(guide).unwrap();
    let here = |line: &str| {
        let line = line.replace("registry.example.com/", &registry.reference(""));
        line.replace("/var/lib/jettison", desk.0.path().to_str().unwrap())
    };
    let commands: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("    $ jettison ")).map(here).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    let said: Vec<String> = commands.iter().map(|it| desk.does(&it.split(' ').collect::<Vec<_>>())).collect();
    assert!(said.last().unwrap().contains("\nnewly\n  details     cmdlines exes\n"), "{said:?}");
    assert_eq!(fs::read_dir(desk.path("modules")).unwrap().count(), 1);
}
