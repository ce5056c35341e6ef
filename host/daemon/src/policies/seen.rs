//! What a policy sees, and what another sees beside it.

use jettison_policy::Policy;

/// The interface whose functions have to be granted.
const DETAILS: &str = "details.";

/// What a policy is called, and the functions that it imports.
pub(crate) struct Seen {
    called: String,
    imports: Vec<String>,
}

impl Seen {
    pub(crate) fn of(policy: &Policy) -> Self {
        let called = format!("{} {}", policy.name(), policy.version());
        Self { called, imports: policy.imports().to_vec() }
    }

    /// What the other sees beside.
    pub(crate) fn newly<'o>(&self, other: &'o [String]) -> Vec<&'o str> {
        other.iter().filter(|name| !self.imports.contains(name)).map(String::as_str).collect()
    }

    /// Why another is not let in, by what it would see beside and is not granted. Nothing if there is none.
    pub(crate) fn refusal(&self, other: &[String], granted: &[String]) -> Option<String> {
        let newly = self.newly(other).into_iter().filter_map(|name| name.strip_prefix(DETAILS));
        let newly: Vec<&str> = newly.filter(|name| !granted.iter().any(|it| it == name)).collect();
        let names: Vec<String> = newly.iter().map(|name| format!("`{DETAILS}{name}`")).collect();
        (!newly.is_empty()).then(|| {
            format!(
                "newly reads {}, which {}, which runs, does not: if it may see this, set `{}`",
                names.join(", "),
                self.called,
                grants(other)
            )
        })
    }
}

/// The line of a configuration that lets one see what it imports, or `none` if it needs none.
pub(crate) fn grants(imports: &[String]) -> String {
    let details = imports.iter().filter_map(|name| name.strip_prefix(DETAILS));
    let quoted: Vec<String> = details.map(|name| format!("\"{name}\"")).collect();
    if quoted.is_empty() { "none".into() } else { format!("grants = [{}]", quoted.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn only_what_is_new_and_not_granted_is_a_reason() {
        let runs = Seen { called: "site 1.0".into(), imports: names(&["details.exes", "host.now-ms"]) };
        let next = names(&["details.cmdlines", "details.exes", "host.now-ms", "processes.pids"]);
        assert_eq!(runs.newly(&next), ["details.cmdlines", "processes.pids"]);
        assert_eq!(
            runs.refusal(&next, &names(&["exes"])).unwrap(),
            "newly reads `details.cmdlines`, which site 1.0, which runs, does not: if it may see this, set \
             `grants = [\"cmdlines\", \"exes\"]`"
        );
        assert_eq!(runs.refusal(&next, &names(&["cmdlines", "exes"])), None);
        assert_eq!(runs.refusal(&names(&["details.exes", "processes.pids"]), &[]), None);
        assert_eq!(grants(&names(&["processes.pids"])), "none");
    }
}
