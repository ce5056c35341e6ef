//! One conversation with a registry: bounded in bytes and time, careful of where it is sent and what it
//! tells.

mod challenge;

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use ureq::http::{HeaderMap, Request, Response, StatusCode, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, Body};

use self::challenge::Challenge;
use crate::limits::{ERROR_BYTES_MAX, HEAD_BYTES_MAX, REDIRECTS_MAX, TOKEN_BYTES_MAX};
use crate::reference::Reference;
use crate::refusal::Refusal;
use crate::route;
use crate::terms::Terms;

/// What a token is asked for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Pull,
    Push,
}

/// A conversation about one repository.
pub(crate) struct Exchange<'t> {
    agent: Agent,
    terms: &'t Terms,
    base: Uri,
    repository: String,
    purpose: Purpose,
    /// What the registry wants to see: a login, or a token for it.
    authorization: Option<String>,
    ends_at: Instant,
}

/// An answer whose body is still to be read.
pub(crate) struct Answer {
    pub(crate) url: Uri,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Body,
}

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'b> {
    pub(crate) method: &'static str,
    pub(crate) media_type: &'b str,
    pub(crate) body: &'b [u8],
}

impl<'t> Exchange<'t> {
    #[expect(clippy::disallowed_methods, reason = "the deadline of a process that lives for one fetch")]
    pub(crate) fn new(reference: &Reference, terms: &'t Terms, purpose: Purpose) -> Result<Self, Refusal> {
        let base = terms.base(reference);
        let base: Uri = base.parse().map_err(|error: ureq::http::uri::InvalidUri| Refusal::Nonsense {
            what: "the host",
            why: error.to_string(),
        })?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // They are followed here, one by one.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(HEAD_BYTES_MAX)
            .user_agent(concat!("jettison/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity");
        config = match base.scheme_str() {
            Some("http") => config.proxy(None),
            _ => config.tls_config(tls()),
        };
        Ok(Self {
            agent: Agent::new_with_config(config.build()),
            terms,
            base,
            repository: reference.repository().into(),
            purpose,
            authorization: None,
            ends_at: Instant::now() + terms.time(),
        })
    }

    /// The address of something in the repository.
    pub(crate) fn address(&self, path: &str) -> Result<Uri, Refusal> {
        let text = format!("{}v2/{}/{path}", self.base, self.repository);
        text.parse().map_err(|_no_uri| Refusal::Nonsense { what: "the reference", why: text.clone() })
    }

    /// Asks for something, wherever the registry has it.
    pub(crate) fn get(&mut self, path: &str, accept: &str) -> Result<Answer, Refusal> {
        let mut url = self.address(path)?;
        let asked = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.request("GET", &url, accept, None)?;
            if !answer.status.is_redirection() {
                return Ok(answer);
            }
            url = answer.location()?;
        }
        let why = "after a chain of redirects that does not end";
        Err(Refusal::Elsewhere { url: route::shown(&asked), to: route::shown(&url), why })
    }

    /// Whether something is there already.
    pub(crate) fn has(&mut self, path: &str) -> Result<bool, Refusal> {
        let url = self.address(path)?;
        Ok(self.request("HEAD", &url, "*/*", None)?.status == StatusCode::OK)
    }

    /// Sends something. No redirect is followed.
    pub(crate) fn send(&mut self, url: &Uri, sent: Sent<'_>) -> Result<Answer, Refusal> {
        self.request(sent.method, url, "*/*", Some(sent))
    }

    /// A request, with a login where the registry asks for one.
    fn request(
        &mut self,
        method: &str,
        url: &Uri,
        accept: &str,
        sent: Option<Sent<'_>>,
    ) -> Result<Answer, Refusal> {
        // The authorization is shown to the registry alone, whatever it sends us to.
        let is_registry = route::is_same(&self.base, url);
        let known = self.authorization.as_deref().filter(|_| is_registry);
        let answer = self.told(method, url, accept, sent, known)?;
        if answer.status != StatusCode::UNAUTHORIZED || !is_registry {
            return Ok(answer);
        }
        let Some(authorization) = self.authorize(&answer)? else { return Err(answer.refused()) };
        let again = self.told(method, url, accept, sent, Some(&authorization))?;
        self.authorization = Some(authorization);
        Ok(again)
    }

    /// What the registry wants to see. Nothing if there is nothing that we could show.
    fn authorize(&self, denied: &Answer) -> Result<Option<String>, Refusal> {
        let header = denied.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let login = self.terms.login.as_ref();
        match Challenge::parse(header.unwrap_or_default()) {
            Some(Challenge::Basic) => Ok(login.map(crate::login::Login::header)),
            Some(Challenge::Bearer { realm, service }) => {
                let realm = route::realm(&self.base, &realm)?;
                let actions = match self.purpose {
                    Purpose::Pull => "pull",
                    Purpose::Push => "pull,push",
                };
                let url = challenge::token_address(&realm, service.as_deref(), &self.repository, actions)?;
                let basic = login.map(crate::login::Login::header);
                let answer = self.told("GET", &url, "application/json", None, basic.as_deref())?;
                if answer.status != StatusCode::OK {
                    return Err(answer.refused());
                }
                let token =
                    challenge::token(&answer.read("the token", TOKEN_BYTES_MAX, self.terms.seconds)?)?;
                Ok(Some(format!("Bearer {token}")))
            }
            None => Ok(None),
        }
    }

    fn told(
        &self,
        method: &str,
        url: &Uri,
        accept: &str,
        sent: Option<Sent<'_>>,
        authorization: Option<&str>,
    ) -> Result<Answer, Refusal> {
        let mut request = Request::builder().method(method).uri(url).header(ACCEPT, accept);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(Sent { media_type, .. }) = sent {
            request = request.header(CONTENT_TYPE, media_type);
        }
        let response = match sent {
            Some(sent) => self.run(url, request.body(sent.body)),
            None => self.run(url, request.body(())),
        }?;
        let (head, body) = response.into_parts();
        Ok(Answer { url: url.clone(), status: head.status, headers: head.headers, body })
    }

    fn run(
        &self,
        url: &Uri,
        request: ureq::http::Result<Request<impl AsSendBody>>,
    ) -> Result<Response<Body>, Refusal> {
        let request = request.map_err(|error| self.failed(url, &error.into()))?;
        let request = self.agent.configure_request(request).timeout_global(Some(self.left(url)?)).build();
        self.agent.run(request).map_err(|error| self.failed(url, &error))
    }

    /// What is left of the time for all requests.
    #[expect(clippy::disallowed_methods, reason = "the deadline of a process that lives for one fetch")]
    fn left(&self, url: &Uri) -> Result<Duration, Refusal> {
        let left = self.ends_at.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(too_slow(url, self.terms.seconds)) } else { Ok(left) }
    }

    fn failed(&self, url: &Uri, error: &ureq::Error) -> Refusal {
        match error {
            ureq::Error::Timeout(_) => too_slow(url, self.terms.seconds),
            error => Refusal::Unreachable { url: route::shown(url), why: error.to_string() },
        }
    }
}

/// Trusts the certificates that the host trusts. Where there are none, no server is believed.
fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs().certs;
    let trusted = found.iter().map(|one| Certificate::from_der(one.as_ref()).to_owned());
    TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(trusted.collect())))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build()
}

impl Answer {
    /// Where it sends us.
    pub(crate) fn location(&self) -> Result<Uri, Refusal> {
        let location = self.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        route::hop(&self.url, location.unwrap_or_default())
    }

    /// The media type, without parameters.
    pub(crate) fn media_type(&self) -> Option<&str> {
        let value = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        value.split(';').next().map(str::trim)
    }

    /// The body, if it has no more bytes than that.
    pub(crate) fn read(
        mut self,
        what: &'static str,
        bytes_max: u64,
        seconds: u64,
    ) -> Result<Vec<u8>, Refusal> {
        let too_large = Refusal::TooLarge { what, bytes_max };
        if self.body.content_length().is_some_and(|bytes| bytes > bytes_max) {
            return Err(too_large);
        }
        let mut content = Vec::new();
        let read = self.body.as_reader().take(bytes_max + 1).read_to_end(&mut content);
        match read {
            Ok(_) if content.len() as u64 > bytes_max => Err(too_large),
            Ok(_) => Ok(content),
            Err(error) => Err(match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(ureq::Error::Timeout(_)) => too_slow(&self.url, seconds),
                _ if error.kind() == io::ErrorKind::TimedOut => too_slow(&self.url, seconds),
                _ => Refusal::Unreachable { url: route::shown(&self.url), why: error.to_string() },
            }),
        }
    }

    /// What its status says, where it is not the one for success.
    pub(crate) fn refused(mut self) -> Refusal {
        let url = route::shown(&self.url);
        let mut said = Vec::new();
        // What was read until it failed is what it said.
        self.body.as_reader().take(ERROR_BYTES_MAX).read_to_end(&mut said).ok();
        let said = String::from_utf8_lossy(&said).into_owned();
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Refusal::Denied { url, said },
            StatusCode::NOT_FOUND => Refusal::Absent { url },
            status => Refusal::Status { url, status: status.as_u16(), said },
        }
    }
}

fn too_slow(url: &Uri, seconds: u64) -> Refusal {
    Refusal::TooSlow { url: route::shown(url), seconds }
}
