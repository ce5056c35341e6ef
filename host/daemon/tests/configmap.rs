//! A mounted ConfigMap of Kubernetes under a running daemon, and what packaging/kubernetes puts in one.
//!
//! ```text
//! jettison.toml ─▶ ..data/jettison.toml      links that stay
//! policies.d    ─▶ ..data/policies.d
//! ..data        ─▶ ..2026_1                  replaced by rename(2) when the ConfigMap changes
//! ..2026_1/jettison.toml                     a folder for each edition; the old one is deleted at the end
//! ```
//! As in the kubelet's `AtomicWriter` (pkg/volume/util/atomic_writer.go).

mod kit;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use jettison_tests::wait_for;
use kit::{Daemon, ask_json};
use serde_json::Value;
use tempfile::TempDir;

struct ConfigMap {
    volume: TempDir,
    edition: u32,
}

impl ConfigMap {
    /// `files` are their names below the volume, and their texts.
    fn mount(files: &[(&str, &str)]) -> Self {
        let mut map = Self { volume: tempfile::tempdir().unwrap(), edition: 0 };
        map.update(files);
        map
    }

    fn path(&self, name: &str) -> PathBuf {
        self.volume.path().join(name)
    }

    fn update(&mut self, files: &[(&str, &str)]) {
        let before = self.path(&format!("..2026_{}", self.edition));
        self.edition += 1;
        let edition = format!("..2026_{}", self.edition);
        for (name, text) in files {
            let path = self.path(&edition).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        symlink(&edition, self.path("..data_tmp")).unwrap();
        fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        for (name, _) in files {
            let top = name.split('/').next().unwrap();
            if !self.path(top).is_symlink() {
                symlink(Path::new("..data").join(top), self.path(top)).unwrap();
            }
        }
        if before.exists() {
            fs::remove_dir_all(before).unwrap();
        }
    }
}

fn levels(warn: u32) -> String {
    format!("[trigger]\navailable_percent = {{ warn = {warn}, act = 8, critical = 3 }}\n")
}

const DROP_IN: &str = "[[policy]]\nname = \"site\"\nsource = \"builtin:balanced\"\nshadow = true\n";

#[test]
fn each_edition_is_live_and_a_bad_one_leaves_the_one_before() {
    let mut map = ConfigMap::mount(&[("jettison.toml", &levels(15))]);
    let state = tempfile::tempdir().unwrap();
    let config = map.path("jettison.toml").display().to_string();
    let mut daemon = Daemon::start(state.path(), &["--dry-run", "--config", &config]);
    daemon.says("is watching");
    let status = || ask_json(state.path(), &["status"]);
    let percent = |status: &Value| {
        let of = |key: &str| status[key].as_u64().unwrap();
        // A level is never above its cap: the smaller of both.
        (of("warn_bytes") * 100).checked_div(of("memory_total_bytes"))
    };
    let before = percent(&status());
    map.update(&[("jettison.toml", &levels(9))]);
    wait_for("the second edition", || (percent(&status()) < before).then_some(()));
    let second = percent(&status());
    map.update(&[("jettison.toml", &levels(9)), ("policies.d/site.toml", DROP_IN)]);
    let policies = || status()["policies"].as_array().unwrap().len();
    wait_for("a drop-in", || (policies() == 3).then_some(()));
    map.update(&[("jettison.toml", "[act]\ngrace = 1\n"), ("policies.d/site.toml", DROP_IN)]);
    let why = wait_for("a refusal", || {
        Some(status()["last_reload"]["problems"].as_array()?.first()?.as_str()?.to_owned())
    });
    assert!(why.contains("jettison.toml:2: unknown key `act.grace`"), "{why}");
    assert_eq!((percent(&status()), policies()), (second, 3));
    // Twice within the time that counts as one burst: the last one counts.
    map.update(&[("jettison.toml", &levels(9)), ("policies.d/site.toml", DROP_IN)]);
    map.update(&[("jettison.toml", &levels(15)), ("policies.d/other.toml", DROP_IN)]);
    wait_for("the last edition", || (percent(&status()) == before).then_some(()));
    assert_eq!((policies(), &status()["last_reload"]["problems"]), (3, &Value::Array(Vec::new())));
    assert_eq!(daemon.stop().0, Some(0));
}

fn packaged(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/kubernetes").join(name)
}

#[test]
fn the_packaged_configmap_is_a_good_configuration() {
    let manifest = fs::read_to_string(packaged("base.yaml")).unwrap();
    let (_, text) = manifest.split_once("  jettison.toml: |\n").unwrap();
    let text: String = text.lines().map(|line| format!("{}\n", line.trim_start())).collect();
    let map = ConfigMap::mount(&[("jettison.toml", &text)]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    let output = command.arg("check").arg("--config").arg(map.path("jettison.toml")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("mode = \"dry-run\""), "{said}");
}

/// What the hook would post, and how it calls curl.
fn posted(facts: &[(&str, &str)]) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let (account, out) = (folder.path().join("account"), folder.path().join("out"));
    fs::create_dir(&account).unwrap();
    fs::write(account.join("token"), "secret").unwrap();
    let curl = "#!/bin/sh\ncat > \"$OUT.config\"\nfor word; do printf '%s\\0' \"$word\"; done > \"$OUT\"\n";
    let bin = folder.path().join("curl");
    fs::write(&bin, curl).unwrap();
    fs::set_permissions(&bin, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // The shell between stands for the daemon, whose environment has what the pod was given.
    let mut daemon = Command::new("sh");
    daemon.args(["-c", "env -u NODE_NAME \"$0\"; exit $?"]).arg(packaged("node-event")).env_clear();
    daemon.env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()));
    daemon.env("OUT", &out).env("ACCOUNT_DIR", &account).env("NODE_NAME", "node-7");
    daemon.env("KUBERNETES_SERVICE_HOST", "10.0.0.1").env("KUBERNETES_SERVICE_PORT", "443");
    daemon.env("JETTISON_AVAILABLE_BYTES", "209715200").env("JETTISON_TOTAL_BYTES", "1073741824");
    daemon.env("JETTISON_CAUSE", "warning").envs(facts.iter().copied());
    let output = daemon.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config = fs::read_to_string(folder.path().join("out.config")).unwrap();
    assert_eq!(config, "header = \"Authorization: Bearer secret\"\n");
    let words = String::from_utf8(fs::read(out).unwrap()).unwrap();
    assert!(!words.contains("secret"), "arguments can be read by every process: {words}");
    let words: Vec<&str> = words.split_terminator('\0').collect();
    let data = words.iter().position(|&word| word == "--data-binary").unwrap();
    (serde_json::from_str(words[data + 1]).unwrap(), (*words.last().unwrap()).to_owned())
}

#[test]
fn the_hook_posts_an_event_of_its_node() {
    let (event, url) = posted(&[]);
    assert_eq!(url, "https://10.0.0.1:443/api/v1/namespaces/default/events");
    assert_eq!(event["involvedObject"]["name"], "node-7");
    assert_eq!((&event["kind"], &event["reason"]), (&"Event".into(), &"MemoryShort".into()));
    assert_eq!(event["message"], "memory gets short (warning): 200 of 1024 MiB are available");
    let (event, _) = posted(&[("JETTISON_NEEDED_BYTES", "1"), ("JETTISON_REASON", "no unit is worth it")]);
    assert_eq!(event["reason"], "NothingWorthEnding");
    let hostile = "\"},\\\n{$(touch x)`\u{1b}";
    let (event, _) = posted(&[("JETTISON_PID", "9"), ("JETTISON_COMM", hostile), ("JETTISON_REASON", "r")]);
    let expected = "ending \"},\\{$(touch x)` (pid 9): r; 200 of 1024 MiB are available";
    assert_eq!((&event["reason"], &event["message"]), (&"Ending".into(), &expected.into()));
}
