//! A real registry of the test's own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jettison_tests::{Running, wait_for};
use tempfile::TempDir;

/// `us` with the password `secret`.
const PASSWORDS: &str = "us:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// Debian's docker-registry on a free port, with a store that goes with it.
pub(crate) struct Registry {
    directory: TempDir,
    port: u16,
    child: Running,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// One that wants a login.
    pub(crate) fn with_login() -> Self {
        Self::with("auth: {htpasswd: {realm: test, path: DIR/passwords}}\n")
    }

    /// One that speaks TLS, with a certificate for 0.0.0.0, which leads to this host without saying so.
    pub(crate) fn with_tls() -> Self {
        Self::with("  tls: {certificate: DIR/certificate.pem, key: DIR/key.pem}\n")
    }

    /// `more` follows the section `http`.
    fn with(more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = directory.path().display().to_string();
        let more = more.replace("DIR", &path);
        let config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {path}/store}}}}\nhttp:\n  addr: 127.0.0.1:{port}\n{more}"
        );
        fs::write(directory.path().join("config.yml"), config).unwrap();
        fs::write(directory.path().join("passwords"), PASSWORDS).unwrap();
        if more.contains("tls") {
            make_certificate(&directory);
        }
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(directory.path().join("config.yml"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = Running(child.expect("docker-registry, which `cargo xtask setup` installs"));
        wait_for("the registry", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { directory, port, child }
    }

    /// `localhost:PORT/NAME`.
    pub(crate) fn reference(&self, name: &str) -> String {
        format!("localhost:{}/{name}", self.port)
    }

    /// The same by an address that is not this host's by definition.
    pub(crate) fn elsewhere(&self, name: &str) -> String {
        format!("0.0.0.0:{}/{name}", self.port)
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// It is away from now on.
    pub(crate) fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn make_certificate(directory: &TempDir) {
    let config = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = more\n[name]\nCN = test\n\
                  [more]\nsubjectAltName = IP:0.0.0.0\nbasicConstraints = CA:FALSE\n";
    fs::write(directory.path().join("openssl.cnf"), config).unwrap();
    let args = "req -x509 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                -keyout key.pem -out certificate.pem";
    let mut command = Command::new("openssl");
    let output = command.args(args.split_whitespace()).current_dir(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
