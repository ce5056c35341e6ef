//! The files of a new policy: a project that builds, tests and loads as it is.
#![forbid(unsafe_code)]

/// The SDK, the WIT and the versions of what they depend on.
const VENDORED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/vendored.rs"));

/// What is the author's own. `{{name}}` and `{{Type}}` stand for its name.
const TEMPLATE: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../template/Cargo.toml.in")),
    (".cargo/config.toml", include_str!("../template/config.toml.in")),
    (".gitignore", include_str!("../template/gitignore.in")),
    ("README.md", include_str!("../template/README.md.in")),
    ("machines/tests-run-away.toml", include_str!("../template/machine.toml.in")),
    ("src/lib.rs", include_str!("../template/lib.rs.in")),
];

/// Why a name cannot be that of a policy, if so.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(is_word)
        && !name.ends_with('-')
        && !name.contains("--")
        && name.len() <= 60;
    if is_good {
        return Ok(());
    }
    Err(format!(
        "{name:?} is no name of a policy: lower case, digits and dashes, a letter first, as in keep-postgres"
    ))
}

/// Each file of the project, by its path below it.
#[must_use]
pub fn files(name: &str) -> Vec<(&'static str, String)> {
    let type_name: String = name
        .split('-')
        .filter_map(|word| word.split_at_checked(1))
        .map(|(first, rest)| first.to_ascii_uppercase() + rest)
        .collect();
    let filled = |text: &str| text.replace("{{name}}", name).replace("{{Type}}", &type_name);
    let own = TEMPLATE.iter().map(|(path, text)| (*path, filled(text)));
    own.chain(VENDORED.iter().map(|(path, text)| (*path, (*text).to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_with_dashes() {
        for good in ["ci", "keep-postgres", "a1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Ci", "1a", "a_b", "../a", "a/b", "-a", "a-", "a--b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_left_to_fill_in_or_to_inherit() {
        let files = files("keep-it");
        assert!(files.iter().any(|(path, _)| *path == "vendor/sdk/wit/world.wit"));
        assert!(files.iter().any(|(path, _)| *path == "vendor/sdk/src/lib.rs"));
        for (path, text) in &files {
            assert!(!text.contains("{{"), "{path}");
            assert!(!path.ends_with("Cargo.toml") || !text.contains("workspace = true"), "{path}:\n{text}");
        }
        let sdk = files.iter().find(|(path, _)| *path == "vendor/sdk/Cargo.toml").map(|(_, text)| text);
        assert!(sdk.is_some_and(|text| text.contains("optional = true")), "what is optional stays so");
        let lib = files.iter().find(|(path, _)| *path == "src/lib.rs").map(|(_, text)| text);
        assert!(lib.is_some_and(|text| text.contains("struct KeepIt")));
    }
}
