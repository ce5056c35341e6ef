//! Files of a crate that import each other in a circle.
//!
//! Reads `use` items alone. A file that only declares modules and re-exports is no member: what is imported
//! through it is looked up in the file that it re-exports from. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};

use super::Source;

/// A module as its path from the root of the crate.
type Module = Vec<String>;

struct File {
    path: String,
    /// Each imported item as a path from the root of the crate.
    imports: Vec<Module>,
    only_declares: bool,
}

/// One line for each circle of the files below `folder`.
pub(super) fn found(sources: &[&Source], folder: &str) -> Vec<String> {
    let in_tests = test_modules(sources, folder);
    let mut files = BTreeMap::new();
    for source in sources {
        let module = module_of(&source.path, folder);
        if in_tests.iter().any(|tests| module.starts_with(tests))
            || module.first().is_some_and(|m| m == "bin")
        {
            continue;
        }
        let text = without_tests(&source.text);
        let imports = items(text).iter().filter_map(|item| from_root(item, &module)).collect();
        let may_declare = ["/mod.rs", "/lib.rs", "/main.rs"].iter().any(|name| source.path.ends_with(name));
        let file =
            File { path: source.path.clone(), imports, only_declares: may_declare && only_declares(text) };
        files.insert(module, file);
    }
    let arrows: BTreeMap<&Module, BTreeSet<Module>> = files
        .iter()
        .filter(|(_, file)| !file.only_declares)
        .map(|(module, file)| {
            let to = file.imports.iter().filter_map(|import| target(import, &files, 0));
            (module, to.filter(|to| to != module).collect())
        })
        .collect();
    circles(&arrows, &files)
}

/// Modules that reach each other, each set once.
fn circles(arrows: &BTreeMap<&Module, BTreeSet<Module>>, files: &BTreeMap<Module, File>) -> Vec<String> {
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        arrows.keys().map(|&from| (from, reachable(from, arrows))).collect();
    let mut seen = BTreeSet::new();
    let mut lines = Vec::new();
    for (&module, to) in &reached {
        if !to.contains(module) || !seen.insert(module.clone()) {
            continue;
        }
        let back = |other: &&Module| reached.get(*other).is_some_and(|from| from.contains(module));
        let circle: Vec<&Module> = to.iter().filter(back).collect();
        seen.extend(circle.iter().map(|&other| other.clone()));
        let paths: Vec<&str> =
            circle.iter().filter_map(|other| Some(files.get(*other)?.path.as_str())).collect();
        lines.push(format!("{}: import each other in a circle", paths.join(", ")));
    }
    lines
}

fn reachable(from: &Module, arrows: &BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.clone()];
    while let Some(module) = open.pop() {
        for to in arrows.get(&module).into_iter().flatten() {
            if reached.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }
    reached
}

/// The module that an import comes from: the deepest one on its path, or where that one re-exports it from.
fn target(import: &[String], files: &BTreeMap<Module, File>, depth: usize) -> Option<Module> {
    let length = (0..=import.len()).rev().find(|&length| files.contains_key(&import[..length]))?;
    let (module, rest) = import.split_at(length);
    let file = files.get(module)?;
    if !file.only_declares {
        return Some(module.to_vec());
    }
    let name = rest.first().filter(|_| depth < 8)?;
    let from = file.imports.iter().find(|path| path.last() == Some(name))?;
    target(from, files, depth + 1)
}

/// `[a, b]` of `FOLDER/a/b.rs` and of `FOLDER/a/b/mod.rs`.
fn module_of(path: &str, folder: &str) -> Module {
    let inner = path.strip_prefix(folder).unwrap_or(path).trim_start_matches('/');
    let mut module: Module = inner.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
    module
}

/// What is declared as `#[cfg(test)] mod NAME;`.
fn test_modules(sources: &[&Source], folder: &str) -> Vec<Module> {
    let declared = |source: &&Source| {
        let module = module_of(&source.path, folder);
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        let tests = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
        let names =
            tests.filter_map(|pair| pair[1].strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name));
        names.map(|name| [module.as_slice(), &[name.to_owned()]].concat()).collect::<Vec<_>>()
    };
    sources.iter().flat_map(declared).collect()
}

/// The text up to the inline module of tests.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").map_or(text, |end| &text[..end])
}

/// Comments, `mod NAME;`, `use ...;` and attributes are all that there is.
fn only_declares(text: &str) -> bool {
    let mut in_use = false;
    text.lines().map(str::trim).all(|line| {
        let is_use = in_use || is_use(line);
        in_use = is_use && !line.ends_with(';');
        let is_mod = line.ends_with(';') && !line.contains('(') && line.contains("mod ")
            || line.ends_with(';') && line.starts_with("pub") && line.contains(") mod ");
        is_use || is_mod || line.is_empty() || line.starts_with("//") || line.starts_with('#')
    })
}

fn is_use(line: &str) -> bool {
    line.starts_with("use ")
        || line.starts_with("pub use ")
        || line.starts_with("pub(") && line.contains(") use ")
}

/// Every item of every `use`, groups spread out, by the name in its own module.
fn items(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut statement = String::new();
    for line in text.lines().map(str::trim) {
        if statement.is_empty() && !is_use(line) {
            continue;
        }
        statement.push_str(line);
        statement.push(' ');
        if line.ends_with(';') {
            let tree = statement.split_once("use ").map_or("", |(_, tree)| tree).trim().trim_end_matches(';');
            spread("", tree, &mut items);
            statement.clear();
        }
    }
    items
}

/// `a::b` and `a::c::d` of `a::{b, c::{d}}`.
fn spread(before: &str, tree: &str, items: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        items.push(format!("{before}{path}"));
        return;
    };
    let group = group.rsplit_once('}').map_or(group, |(group, _)| group);
    let before = format!("{before}{}", head.trim());
    let (mut depth, mut start) = (0_u32, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                if !group[start..at].trim().is_empty() {
                    spread(&before, &group[start..at], items);
                }
                start = (at + 1).min(group.len());
            }
            _ => {}
        }
    }
}

/// The path from the root of the crate; none of another crate. A first word that is no keyword may be a
/// child.
fn from_root(item: &str, module: &[String]) -> Option<Module> {
    let words: Vec<&str> =
        item.split("::").map(str::trim).filter(|word| *word != "self" && *word != "*").collect();
    let supers = words.iter().take_while(|word| **word == "super").count();
    let (base, rest) = match words.first() {
        Some(&"crate") => (&[][..], words.get(1..)?),
        Some(&"super") => (module.get(..module.len().checked_sub(supers)?)?, words.get(supers..)?),
        _ => (module, words.as_slice()),
    };
    Some(base.iter().cloned().chain(rest.iter().map(|word| (*word).to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Vec<String> {
        let source =
            |(path, text): &(&str, &str)| Source { path: format!("h/src/{path}"), text: (*text).into() };
        let sources: Vec<Source> = files.iter().map(source).collect();
        found(&sources.iter().collect::<Vec<_>>(), "h/src")
    }

    #[test]
    fn two_files_that_import_each_other_are_named_also_through_a_re_export() {
        let direct = [
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "use super::a::{A};\n"),
        ];
        assert_eq!(of(&direct), ["h/src/a.rs, h/src/b.rs: import each other in a circle"]);
        let through = [
            ("lib.rs", "//! It.\n\nmod a;\npub(crate) mod b;\n"),
            ("a.rs", "use std::{\n    io,\n};\nuse crate::{\n    b::{self, Inner},\n};\nfn a() {}\n"),
            ("b/mod.rs", "mod inner;\npub(crate) use inner::Inner;\n"),
            ("b/inner.rs", "use crate::a::A;\n"),
        ];
        assert_eq!(of(&through), ["h/src/a.rs, h/src/b/inner.rs: import each other in a circle"]);
    }

    #[test]
    fn what_is_no_circle_is_not_named() {
        let files = [
            ("main.rs", "mod a;\nmod b;\nuse crate::a::A;\nfn main() {}\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b/mod.rs", "mod c;\n#[cfg(test)]\nmod proofs;\nuse c::C;\npub struct B;\n"),
            (
                "b/c.rs",
                "pub struct C;\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n    use super::*;\n}\n",
            ),
            ("b/proofs.rs", "use super::B;\nuse crate::a::A;\n"),
        ];
        assert_eq!(of(&files), Vec::<String>::new());
        let with_logic = [("lib.rs", "mod a;\nuse a::A;\npub struct B;\n"), ("a.rs", "use crate::B;\n")];
        assert_eq!(of(&with_logic), ["h/src/lib.rs, h/src/a.rs: import each other in a circle"]);
    }
}
