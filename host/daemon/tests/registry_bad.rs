//! What is no registry, or hangs; and the child that speaks with it.

#[path = "kit/desk.rs"]
mod desk;
mod kit;

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;

use desk::Desk;
use jettison_tests::wait_for;
use kit::file;
use serde_json::Value;

/// A registry that takes each request and says this, and then nothing more.
fn says(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the process of the test.
    std::thread::spawn(move || {
        let taken: Vec<TcpStream> = listener
            .incoming()
            .map_while(Result::ok)
            // Fails when the other side has gone.
            .inspect(|mut stream| _ = stream.write_all(answer).ok())
            .collect();
        drop(taken);
    });
    port
}

#[test]
fn the_child_that_fetches_has_bounds_and_no_rights() {
    let desk = Desk::new();
    file(desk.0.path(), "slow.toml", "[registries]\nfetch_s = 3\n");
    let reference = format!("localhost:{}/site:1", says(b"HTTP/1.1 200 OK\r\n"));
    let mut command = desk.command(&["pull", &reference, "--config", "slow.toml"]);
    let pull = command.stderr(Stdio::piped()).spawn().unwrap();
    let tasks = format!("/proc/{0}/task/{0}/children", pull.id());
    let child = wait_for("the child without rights", || {
        let child = fs::read_to_string(&tasks).ok()?;
        let status = fs::read_to_string(format!("/proc/{}/status", child.trim())).ok()?;
        // One after the other.
        let has_given_up = ["NoNewPrivs:\t1\n", "CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n"];
        has_given_up.iter().all(|line| status.contains(line)).then_some(child)
    });
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.trim())).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[26..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!((limit("Max cpu time").as_str(), limit("Max core file size").as_str()), ("3", "0"));
    assert!(limit("Max address space") != "unlimited" && limit("Max file size") != "unlimited", "{limits}");
    let said = String::from_utf8(pull.wait_with_output().unwrap().stderr).unwrap();
    assert!(said.contains("took longer than the 3 s") && said.contains("`registries.fetch_s`"), "{said}");
}

#[test]
fn a_registry_that_hangs_delays_neither_the_start_nor_an_answer_nor_the_end() {
    let desk = Desk::new();
    let source = format!("oci://localhost:{}/site@sha256:{}", says(b""), "0".repeat(64));
    desk.configure(&source, "");
    let config = fs::read_to_string(desk.path("jettison.toml")).unwrap();
    file(desk.0.path(), "jettison.toml", &format!("[registries]\nfetch_s = 120\n{config}"));
    let daemon = desk.daemon();
    let child = wait_for("a fetch under way", || {
        let children = fs::read_dir(format!("/proc/{}/task", daemon.child.id())).ok()?;
        // A thread that has ended meanwhile has no children.
        let of = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).ok();
        let children: String = children.map_while(Result::ok).filter_map(of).collect();
        let child = format!("/proc/{}", children.trim());
        // It is bound to the daemon as soon as it has its bounds.
        let limits = fs::read_to_string(format!("{child}/limits")).ok()?;
        limits.lines().any(|line| line.starts_with("Max cpu time") && line.contains("120")).then_some(child)
    });
    let status = desk.status();
    assert_eq!((&status["policies"][0]["state"], &status["last_reload"]), (&"fault".into(), &Value::Null));
    assert!(status["policies"][0]["fault"].as_str().unwrap().contains("is about to be fetched"), "{status}");
    // Long before the registry would be given up, and the child with it.
    assert_eq!(daemon.stop().0, Some(0));
    wait_for("the end of the child", || (!Path::new(&child).exists()).then_some(()));
}

#[test]
fn what_is_no_registry_is_said_to_be_none() {
    let desk = Desk::new();
    for (answer, expected) in [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>".as_slice(), "the manifest cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "more than the 65536 bytes"),
        (
            b"HTTP/1.1 301 Moved\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            "sends us to http://10.0.0.1/",
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not answer"),
    ] {
        let said = desk.fails(&["pull", &format!("localhost:{}/site:1", says(answer))]);
        assert!(said.contains(expected) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn a_source_without_a_digest_is_refused_with_the_command_that_finds_it() {
    let desk = Desk::new();
    desk.configure("oci://ghcr.io/policies/site:1.0", "");
    let output = desk.command(&["check", "--config", "jettison.toml"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("jettison.toml:5: ") && said.contains("has no digest"), "{said}");
    assert!(said.contains("`jettison pull oci://ghcr.io/policies/site:1.0` prints the line"), "{said}");
    file(desk.0.path(), "jettison.toml", "[registries]\nplain_http = [\"http://a.io\", \"a.io:5000\"]\n");
    let output = desk.command(&["check", "--config", "jettison.toml"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("jettison.toml:2: `registries.plain_http` must hold hosts"), "{said}");
}
