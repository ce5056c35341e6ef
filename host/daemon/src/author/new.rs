//! `jettison new NAME`: a project that builds, tests and loads as it is.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::cli;
use crate::failure::{Failure, unwritable};

pub(crate) fn new(args: &cli::New) -> Result<(), Failure> {
    let name = &args.name;
    jettison_scaffold::check_name(name).map_err(Failure::Usage)?;
    let folder = Path::new(name);
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(Failure::Usage(format!("{name}: is already there: give another name, or remove it")));
        }
        Err(error) => return Err(Failure::Failed(format!("{name}: cannot be made: {error}"))),
    }
    for (path, text) in jettison_scaffold::files(name) {
        let file = folder.join(path);
        let made = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, text));
        made.map_err(|error| Failure::Failed(format!("{}: cannot be written: {error}", file.display())))?;
    }
    let next = format!(
        "{name}: a policy, with the SDK of this version in {name}/vendor\n\n  cd {name}\n  jettison test     # builds it, and shows it the machines of machines/\n  cargo test        # its native tests\n"
    );
    std::io::stdout().write_all(next.as_bytes()).map_err(|error| unwritable(&error))
}
