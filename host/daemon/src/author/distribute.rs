//! `jettison pull` and `jettison push`.

use std::io::{Read, Write};
use std::path::Path;

use jettison_policy::LIMITS_MAX;
use jettison_registry::{About, Login, Reference};

use super::inspect::{described, loaded};
use crate::bounded;
use crate::cli;
use crate::cli::registry::OfRegistry;
use crate::config::Config;
use crate::failure::{Failure, printed};
use crate::program::of_children;
use crate::registry::{Fetcher, with_login};
use crate::trust::is_root;

/// Bytes of a password.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;
/// The interface that a policy exports.
const EXPORTS: &str = "policy";

/// Fetches a policy, and prints what goes into the configuration.
pub(crate) fn pull(args: &cli::Pull) -> Result<(), Failure> {
    let (reference, fetcher) = prepared(&args.registry)?;
    let artifact = fetcher.fetch(&reference).map_err(|why| failed(&reference, &why))?;
    let digest = artifact.check(reference.digest()).map_err(|refusal| failed(&reference, &refusal))?;
    let pinned = reference.clone().pinned(digest);
    let said = described(&artifact.module).map_err(|fault| failed(&reference, &fault))?;
    if let Some(file) = &args.output {
        std::fs::write(file, &artifact.module).map_err(|error| failed(&file.display(), &error))?;
    }
    if let Some(directory) = &args.keep_dir {
        let keeping = fetcher.keeping_below(directory);
        keeping.keep(&pinned, &artifact).map_err(|error| failed(&"it cannot be kept", &error))?;
    }
    printed(write!(std::io::stdout(), "source = \"{pinned}\"\n{said}"))
}

/// Publishes a policy.
pub(crate) fn push(args: &cli::Push) -> Result<(), Failure> {
    let (reference, fetcher) = prepared(&args.registry)?;
    let read = bounded::read(Path::new(&args.module), LIMITS_MAX.compile.module_bytes, false);
    let module = read.map_err(|unread| Failure::Failed(format!("{} {unread}", args.module)))?;
    let component = jettison_policy::component(&module).map_err(|fault| failed(&args.module, &fault))?;
    let policy = loaded(&component).map_err(|fault| failed(&args.module, &fault))?;
    let mut interfaces: Vec<&str> =
        policy.imports().iter().filter_map(|name| Some(name.split_once('.')?.0)).collect();
    interfaces.dedup();
    let named = |name: &str| jettison_policy::interface(name);
    let about = About {
        title: policy.name().into(),
        version: policy.version().into(),
        description: policy.summary().into(),
        imports: interfaces.into_iter().map(named).collect(),
        exports: vec![named(EXPORTS)],
    };
    // A push is its author's own, so it asks without a child.
    let terms = with_login(fetcher.terms(), &reference).map_err(Failure::Failed)?;
    let pushed = jettison_registry::push(&reference, &component, &about, &terms);
    let pinned = pushed.map_err(|refusal| failed(&reference, &refusal))?;
    printed(writeln!(std::io::stdout(), "source = \"{pinned}\""))
}

fn failed(what: &dyn std::fmt::Display, why: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!("{what}: {why}"))
}

/// What is asked, and with which login. The registries of the configuration are known, if there is one.
fn prepared(args: &OfRegistry) -> Result<(Reference, Fetcher), Failure> {
    let reference: Reference = args.reference.parse().map_err(|bad| Failure::Usage(format!("{bad}")))?;
    let config = Config::read(args.config.as_deref(), is_root()).map_err(Failure::Config)?;
    let mut fetcher = Fetcher::new(of_children(), LIMITS_MAX.compile.module_bytes).with_login(login(args)?);
    fetcher.registries = config.registries;
    if args.plain_http {
        fetcher.registries.plain_http.push(reference.registry().into());
    }
    Ok((reference, fetcher))
}

fn login(args: &OfRegistry) -> Result<Option<Login>, Failure> {
    let Some(username) = args.username.clone() else { return Ok(None) };
    let mut password = String::new();
    let read = std::io::stdin().take(PASSWORD_BYTES_MAX).read_to_string(&mut password);
    read.map_err(|error| Failure::Usage(format!("the password on standard input cannot be read: {error}")))?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    Ok(Some(Login { username, password }))
}
