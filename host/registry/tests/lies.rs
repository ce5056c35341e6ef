//! What a registry may do wrong, each by one that does it: a listener that answers from a table.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use jettison_registry::{Digest, Login, Reference, Terms, pull};

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const MODULE: &[u8] = b"\0asm, so to speak";

/// What a path answers with.
#[derive(Clone)]
enum Answer {
    /// Status, further lines of the head, body.
    Whole(&'static str, String, Vec<u8>),
    /// A head that says so many bytes, and then a byte each 200 ms.
    Drip(usize),
    /// Bytes without end, in chunks.
    Endless,
    /// Nothing at all.
    Silence,
}

/// A request as it came: its first line and its `authorization`.
type Asked = (String, Option<String>);

struct Registry {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let registry = Self { port, asked: Arc::default(), answers: Arc::default() };
        let (asked, answers) = (Arc::clone(&registry.asked), Arc::clone(&registry.answers));
        // It ends with the process of the test.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (asked, answers) = (Arc::clone(&asked), Arc::clone(&answers));
                thread::spawn(move || serve(&stream, &asked, &answers));
            }
        });
        registry
    }

    /// One that serves a good policy as `site:1`.
    fn good() -> Self {
        let registry = Self::start();
        let manifest = manifest();
        registry.says("/v2/site/manifests/1", ok(MANIFEST_TYPE, &manifest));
        registry.says(&format!("/v2/site/manifests/{}", Digest::of(&manifest)), ok(MANIFEST_TYPE, &manifest));
        registry.says(&blob(), ok("application/octet-stream", MODULE));
        registry
    }

    fn says(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.into(), answer);
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn reference(&self) -> Reference {
        format!("oci://{}/site:1", self.host()).parse().unwrap()
    }

    /// Why nothing is taken.
    fn refuses(&self, terms: &Terms) -> String {
        pull(&self.reference(), terms).unwrap_err().to_string()
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: &TcpStream, asked: &Mutex<Vec<Asked>>, answers: &Mutex<BTreeMap<String, Answer>>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    while let Some(first) = lines.next() {
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        let authorization = head.iter().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
        });
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        asked.lock().unwrap().push((first, authorization.clone()));
        let known = answers.lock().unwrap();
        // What is only for who shows this token or login.
        let with = authorization.map(|authorization| format!("{path} {authorization}"));
        let answer = with.and_then(|with| known.get(&with)).or_else(|| known.get(&path)).cloned();
        drop(known);
        let answer =
            answer.unwrap_or_else(|| Answer::Whole("404 Not Found", String::new(), b"none".to_vec()));
        // Fails when the other side has had enough.
        if speak(&mut stream, answer).is_err() {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a registry that drips")]
fn speak(stream: &mut &TcpStream, answer: Answer) -> std::io::Result<()> {
    match answer {
        Answer::Whole(status, head, body) => {
            write!(stream, "HTTP/1.1 {status}\r\n{head}Content-Length: {}\r\n\r\n", body.len())?;
            stream.write_all(&body)
        }
        Answer::Drip(length) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {MANIFEST_TYPE}\r\nContent-Length: {length}\r\n\r\n"
            )?;
            loop {
                stream.write_all(b"{")?;
                thread::sleep(Duration::from_millis(200));
            }
        }
        Answer::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            loop {
                write!(stream, "1000\r\n{}\r\n", " ".repeat(0x1000))?;
            }
        }
        Answer::Silence => {
            stream.take(u64::MAX).read_to_end(&mut Vec::new())?;
            Ok(())
        }
    }
}

fn ok(media_type: &str, body: &[u8]) -> Answer {
    Answer::Whole("200 OK", format!("Content-Type: {media_type}\r\n"), body.to_vec())
}

fn moved(to: &str) -> Answer {
    Answer::Whole("307 Temporary Redirect", format!("Location: {to}\r\n"), Vec::new())
}

fn manifest() -> Vec<u8> {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{}","size":2}},"layers":[{{"mediaType":"application/wasm","digest":"{}","size":{}}}]}}"#,
        Digest::of(b"{}"),
        Digest::of(MODULE),
        MODULE.len()
    )
    .into_bytes()
}

fn blob() -> String {
    format!("/v2/site/blobs/{}", Digest::of(MODULE))
}

fn terms() -> Terms {
    Terms { module_bytes: 1 << 20, seconds: 30, plain_http: Vec::new(), login: None }
}

fn login() -> Option<Login> {
    Some(Login { username: "us".into(), password: "secret".into() })
}

#[test]
fn a_good_one_is_taken_by_tag_and_by_digest() {
    let registry = Registry::good();
    let by_tag = pull(&registry.reference(), &terms()).unwrap();
    assert_eq!(by_tag.module, MODULE);
    let pinned = registry.reference().pinned(by_tag.check(None).unwrap());
    assert_eq!(pull(pinned.reference(), &terms()).unwrap(), by_tag);
    assert!(registry.asked().iter().all(|(_, authorization)| authorization.is_none()));
}

#[test]
fn each_lie_is_refused_and_named() {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let manifest_is = |text: &str| ("/v2/site/manifests/1".to_owned(), ok(MANIFEST_TYPE, text.as_bytes()));
    let good = String::from_utf8(manifest()).unwrap();
    let two = good.replace(
        "\"layers\":[",
        "\"layers\":[{\"mediaType\":\"application/wasm\",\"digest\":\"x\",\"size\":1},",
    );
    let size = format!("\"size\":{}", MODULE.len());
    let lies = [
        ((blob(), ok("a/b", b"\0asm, so to spoke")), "the module has the digest sha256:"),
        ((blob(), ok("a/b", &MODULE[..9])), "the module has 9 bytes, and not 17"),
        ((blob(), ok("a/b", &[MODULE, b"!"].concat())), "the module has 18 bytes, and not 17"),
        ((blob(), Answer::Endless), "the module has 18 bytes, and not 17"),
        (
            (blob(), Answer::Whole("500 Oh", String::new(), bytes("no\u{1b}[1m disk"))),
            "status 500 (no\\u{1b}[1m disk)",
        ),
        ((blob(), Answer::Whole("403 No", String::new(), bytes("go away"))), "is denied (go away): log in"),
        ((blob(), Answer::Whole("404 No", String::new(), Vec::new())), "is not there"),
        (manifest_is(&two), "it has 2 layers, and a policy has one"),
        (
            manifest_is(&good.replace("application/wasm", "application/x-tar")),
            "its layer is application/x-tar",
        ),
        (manifest_is(&good.replace("vnd.wasm.config.v0", "vnd.oci.image.config.v1")), "its config is"),
        (
            manifest_is(&good.replace(&size, "\"size\":1048577")),
            "more than the 1048576 bytes that are taken: raise `limits.module_mib`",
        ),
        (manifest_is("<html>"), "the manifest cannot be read"),
        (manifest_is(&" ".repeat(65_537)), "the manifest has more than the 65536 bytes"),
        (("/v2/site/manifests/1".into(), Answer::Endless), "the manifest has more than the 65536 bytes"),
        (
            ("/v2/site/manifests/1".into(), ok("text/html; charset=utf-8", good.as_bytes())),
            "the manifest is text/html, and not",
        ),
        (
            ("/v2/site/manifests/1".into(), ok("application/vnd.oci.image.index.v1+json", b"{}")),
            "the manifest is application/vnd.oci.image.index",
        ),
        (
            ("/v2/site/manifests/1".into(), Answer::Whole("404 No", String::new(), Vec::new())),
            "manifests/1 is not there",
        ),
    ];
    for ((path, answer), expected) in lies {
        let registry = Registry::good();
        registry.says(&path, answer);
        let said = registry.refuses(&terms());
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
}

#[test]
fn another_manifest_than_the_pinned_one_is_refused() {
    let registry = Registry::good();
    let other = Digest::of(b"other");
    registry.says(&format!("/v2/site/manifests/{other}"), ok(MANIFEST_TYPE, &manifest()));
    let pinned = registry.reference().pinned(other.clone());
    let said = pull(pinned.reference(), &terms()).unwrap_err().to_string();
    assert!(
        said.contains(&format!("the manifest has the digest {}, and not {other}", Digest::of(&manifest()))),
        "{said}"
    );
    assert_eq!(registry.asked().len(), 1, "its module is not even asked for");
}

#[test]
fn one_that_is_slow_costs_no_more_than_the_time_for_all() {
    for (path, answer) in [
        ("/v2/site/manifests/1".to_owned(), Answer::Drip(60_000)),
        ("/v2/site/manifests/1".to_owned(), Answer::Silence),
        (blob(), Answer::Drip(MODULE.len())),
        (blob(), Answer::Silence),
    ] {
        let registry = Registry::good();
        registry.says(&path, answer);
        let said = registry.refuses(&Terms { seconds: 1, ..terms() });
        assert!(said.contains(&format!("{path} took longer than the 1 s")), "{path}: {said}");
    }
}

#[test]
fn one_that_sends_us_on_is_followed_within_itself_only_and_not_for_ever() {
    let (registry, other) = (Registry::good(), Registry::good());
    registry.says(&blob(), moved("/elsewhere"));
    registry.says("/elsewhere", ok("a/b", MODULE));
    assert_eq!(pull(&registry.reference(), &terms()).unwrap().module, MODULE);
    for (to, expected) in [
        (
            format!("http://{}{}", other.host(), blob()),
            "another server, which a registry without TLS may not",
        ),
        (format!("http://localhost:{}/elsewhere", registry.port), "another server"),
        (
            "https://cdn.example.com/x?sig=secret".into(),
            "sends us to https://cdn.example.com/x, another server",
        ),
        ("ftp://127.0.0.1/x".into(), "neither http nor https"),
        (String::new(), "which is no address"),
        (blob(), "a chain of redirects that does not end"),
    ] {
        registry.says(&blob(), moved(&to));
        let said = registry.refuses(&Terms { login: login(), ..terms() });
        assert!(said.contains(expected) && !said.contains("secret"), "{to}: {said}");
    }
    assert_eq!(other.asked(), []);
}

#[test]
fn a_login_is_shown_where_it_is_asked_for_and_nowhere_else() {
    let basic = "Basic dXM6c2VjcmV0";
    let (registry, other) = (Registry::good(), Registry::good());
    let challenge = |realm: &str| {
        let head = format!(
            "WWW-Authenticate: Bearer realm=\"{realm}\",service=\"s\",scope=\"repository:all:*\"\r\n"
        );
        Answer::Whole("401 Unauthorized", head, b"who?".to_vec())
    };
    let token = "/token?scope=repository:site:pull&service=s".to_owned();
    registry.says("/v2/site/manifests/1", challenge(&format!("http://{}/token", registry.host())));
    registry.says(&format!("{token} {basic}"), ok("application/json", br#"{"token":"t.k"}"#));
    registry.says("/v2/site/manifests/1 Bearer t.k", ok(MANIFEST_TYPE, &manifest()));
    let with_login = Terms { login: login(), ..terms() };
    assert_eq!(pull(&registry.reference(), &with_login).unwrap().module, MODULE);
    let shown: Vec<Option<String>> = registry.asked().into_iter().map(|(_, shown)| shown).collect();
    let bearer = Some("Bearer t.k".to_owned());
    assert_eq!(shown, [None, Some(basic.into()), bearer.clone(), bearer]);
    // Without a login, and with a server of tokens that is another one.
    assert!(registry.refuses(&terms()).contains("is not there"), "{}", registry.refuses(&terms()));
    registry.says("/v2/site/manifests/1", challenge(&format!("http://{}/token", other.host())));
    let said = registry.refuses(&with_login);
    assert!(said.contains("where a login would be sent without TLS"), "{said}");
    assert_eq!(other.asked(), []);
}

#[test]
fn a_login_that_is_wrong_is_denied() {
    let registry = Registry::good();
    let head = "WWW-Authenticate: Basic realm=\"r\"\r\n".to_owned();
    registry.says("/v2/site/manifests/1", Answer::Whole("401 Unauthorized", head, b"who?".to_vec()));
    for login in [None, login()] {
        let said = registry.refuses(&Terms { login, ..terms() });
        assert!(said.contains("is denied (who?): log in with `docker login`"), "{said}");
    }
    registry.says("/v2/site/manifests/1 Basic dXM6c2VjcmV0", ok(MANIFEST_TYPE, &manifest()));
    assert_eq!(pull(&registry.reference(), &Terms { login: login(), ..terms() }).unwrap().module, MODULE);
}

#[test]
fn one_that_is_away_is_said_to_be() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let reference: Reference = format!("localhost:{port}/site:1").parse().unwrap();
    let said = pull(&reference, &terms()).unwrap_err().to_string();
    assert!(said.contains("does not answer") && said.contains("Connection refused"), "{said}");
}

#[test]
fn a_registry_that_is_not_this_host_by_definition_is_spoken_to_by_tls_unless_it_is_named() {
    let registry = Registry::good();
    // It leads to this host, and does not say so.
    let host = format!("0.0.0.0:{}", registry.port);
    let reference: Reference = format!("{host}/site:1").parse().unwrap();
    let said = pull(&reference, &terms()).unwrap_err().to_string();
    assert!(said.contains("https://") && said.contains("`registries.plain_http`"), "{said}");
    assert!(registry.asked().iter().all(|(line, _)| !line.contains("HTTP/")), "{:?}", registry.asked());
    let named = Terms { plain_http: vec![host], ..terms() };
    assert_eq!(pull(&reference, &named).unwrap().module, MODULE);
}
