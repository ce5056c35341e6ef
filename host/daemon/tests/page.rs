//! The page of `jettison report`, opened in Chromium. It draws target/tmp/incident.png, which
//! docs/reference/incident.png is a copy of.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Journals that were recorded in the virtual machine.
const JOURNALS: [&str; 2] = ["leak", "forks"];

fn made(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The page of a journal in tests/journals.
fn report(journal: &str) -> PathBuf {
    let page = made(&format!("{journal}.html"));
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/journals").join(journal);
    let output =
        Command::new(env!("CARGO_BIN_EXE_jettison")).arg("report").arg(from).arg("-o").arg(&page).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    page
}

fn chromium(page: &Path, args: &[&str]) -> Output {
    let profile = tempfile::tempdir().expect("a folder");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(args)
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("Chromium starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // What a page does that it may not do is told there, too.
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    output
}

#[test]
#[ignore = "needs root, to install Chromium"]
fn a_browser_finds_its_plots_and_has_nothing_to_complain_of() {
    for journal in JOURNALS {
        let dom = chromium(&report(journal), &["--dump-dom"]).stdout;
        let dom = String::from_utf8(dom).expect("UTF-8");
        assert_eq!(dom.matches("<svg").count(), 3, "{dom}");
        for part in ["class=\"line available\"", "class=\"area", "class=\"victim\"", "</tbody>"] {
            assert!(dom.contains(part), "{journal}: no {part} in\n{dom}");
        }
    }
}

#[test]
#[ignore = "needs root, to install Chromium"]
fn it_is_drawn_for_a_desk_and_for_a_telephone() {
    let page = report("leak");
    for (name, size) in [("incident.png", "1000,1250"), ("telephone.png", "390,1800")] {
        let picture = made(name);
        // There is none before the first run.
        std::fs::remove_file(&picture).ok();
        chromium(&page, &[&format!("--screenshot={}", picture.display()), &format!("--window-size={size}")]);
        let bytes = std::fs::read(&picture).expect("it was drawn");
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 20_000, "{name}: {} bytes", bytes.len());
    }
}
