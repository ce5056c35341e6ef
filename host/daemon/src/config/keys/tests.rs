//! The list is what the reader reads, and what is made of it is what lies in the repository.
//!
//! `UPDATE_EXPECT=1` writes the example and the schema.

use std::collections::BTreeSet;
use std::path::Path;

use expect_test::expect_file;
use serde_json::Value;

use super::key::{Form, Holds, Key, Section, plain};
use super::{example, reference, schema, sections};
use crate::config::Config;

/// The problems of a configuration.
fn problems(text: &str) -> String {
    match Config::parse(Path::new("j.toml"), text) {
        Ok(_) => String::new(),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    }
}

/// A configuration with one key of a section.
fn with(section: &Section, key: &str, value: &str) -> String {
    let name = section.name;
    match section.form {
        Form::Table => format!("[{name}]\n{key} = {value}\n"),
        Form::Named => format!("[{name}.x]\n{key} = {value}\n"),
        Form::List => format!("[[{name}]]\n{key} = {value}\n"),
        Form::Inner => {
            let (outer, inner) = name.split_once('.').unwrap();
            let outer_key = sections::ALL.iter().find(|section| section.name == outer).unwrap();
            let outer_key = outer_key.keys.iter().find(|key| key.name == inner).unwrap();
            match outer_key.holds {
                Holds::Tables(_) => format!("[{outer}]\n{inner} = [{{ {key} = {value} }}]\n"),
                _ => format!("[{outer}]\n{inner} = {{ {key} = {value} }}\n"),
            }
        }
    }
}

fn each_key() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    sections::ALL.iter().flat_map(|section| section.keys.iter().map(move |key| (section, key)))
}

#[test]
fn the_reader_knows_these_keys_and_no_others() {
    for section in sections::ALL {
        let said = problems(&with(section, "zzz", "1"));
        let line = said.lines().find(|line| line.contains("unknown key")).unwrap_or_else(|| panic!("{said}"));
        let known: BTreeSet<&str> = line.split_once("; expected ").unwrap().1.split(", ").collect();
        let listed: BTreeSet<&str> = section.keys.iter().map(|key| key.name).collect();
        assert_eq!(known, listed, "{}", section.name);
    }
    let said = problems("zzz = 1");
    let known: BTreeSet<&str> = said.trim().split_once("; expected ").unwrap().1.split(", ").collect();
    let tables = sections::ALL.iter().filter(|section| section.form != Form::Inner);
    let listed: BTreeSet<&str> =
        tables.map(|section| section.name.split('.').next().unwrap_or_default()).collect();
    assert_eq!(known, listed);
}

/// A value that a key does not hold, and what the reader says of it.
fn wrong(key: &Key) -> Option<(&'static str, String)> {
    let words =
        |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<String>>().join(" or ");
    let (value, expected) = match key.holds {
        Holds::Number(least, most) => ("'x'", format!("a whole number from {least} to {most}")),
        Holds::Switch => ("7", "true or false".into()),
        Holds::Text => ("7", "a text in quotes".into()),
        Holds::Words(all) => ("'x'", words(all)),
        Holds::Texts | Holds::ListOf(_) => ("7", "a list of texts in quotes".into()),
        Holds::WordsOrTexts(all) => ("'x'", words(all)),
        Holds::TextOrNumber => ("true", "a text in quotes or a whole number".into()),
        Holds::Table(_) | Holds::Anything => ("7", "a table".into()),
        Holds::Tables(_) => ("7", "a list of tables".into()),
    };
    Some((value, expected))
}

#[test]
fn the_reader_takes_what_they_hold() {
    for (section, key) in each_key() {
        let Some((value, expected)) = wrong(key) else { continue };
        let said = problems(&with(section, key.name, value));
        let expected = format!(".{}` must be {expected}", key.name);
        assert!(said.contains(&expected), "{}.{}: {expected}:\n{said}", section.name, key.name);
    }
}

#[test]
fn what_must_be_given_is_missed() {
    for (section, key) in each_key().filter(|(_, key)| key.is_required()) {
        let Some(other) = section.keys.iter().find(|other| !other.is_required()) else { continue };
        let said = problems(&with(section, other.name, other.default.unwrap_or("'/x'")));
        assert!(said.contains(&format!("`{}`", key.name)), "{}.{}:\n{said}", section.name, key.name);
    }
}

fn is_key(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn the_example_is_made_from_the_list_and_has_the_defaults() {
    let text = example::example();
    let parsed = Config::parse(Path::new("j.toml"), &text).unwrap_or_else(|bad| panic!("{bad:?}\n{text}"));
    assert_eq!(format!("{parsed:?}"), format!("{:?}", Config::default()));
    for (_, key) in each_key().filter(|(section, _)| section.form != Form::Inner && section.name != "policy")
    {
        assert!(text.contains(&format!("{} = ", key.name)), "{}", key.name);
    }
    // What is commented out is right, too, once the mark is taken away.
    let is_code =
        |code: &&str| code.starts_with('[') || code.split_once(" = ").is_some_and(|it| is_key(it.0));
    let is_elsewhere = |line: &&str| !line.starts_with("exe =") && !line.starts_with("user =");
    let lines = text.lines().map(|line| line.strip_prefix("# ").filter(is_code).unwrap_or(line));
    let all: String = lines.filter(is_elsewhere).map(|line| format!("{line}\n")).collect();
    let said = problems(&all);
    let allowed = ["hook", "needs at least one of"];
    let others: Vec<&str> =
        said.lines().filter(|line| !allowed.iter().any(|allowed| line.contains(allowed))).collect();
    assert!(others.is_empty(), "{others:#?}\n{all}");
    expect_file!["../../../../../examples/jettison.toml"].assert_eq(&text);
}

#[test]
fn the_schema_is_made_from_the_list_and_fits_the_example() {
    let schema = schema::schema();
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    expect_file!["../../../../../packaging/jettison.schema.json"].assert_eq(&text);
    let configuration =
        |text: &str| -> Value { serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap() };
    let example = configuration(&example::example());
    assert_eq!(misfit(&schema, &example), None);
    for bad in ["[act]\ngrace = 1", "[act]\ngrace_ms = -1", "[act]\nmode = 'on'", "[[policy]]\nname = 'a'"] {
        assert!(misfit(&schema, &configuration(bad)).is_some(), "{bad}");
    }
    for good in ["[[guard.never]]\nuser = 26", "[memcgs]\nwatch = ['/a']", "[hooks.a]\ncommand = ['/b']"] {
        assert_eq!(misfit(&schema, &configuration(good)), None, "{good}");
    }
}

/// Where a value does not fit a schema: of its words those that ours has.
fn misfit(schema: &Value, value: &Value) -> Option<String> {
    let at = |what: &str| Some(format!("{what}: {value}"));
    if let Some(kinds) = schema.get("anyOf").and_then(Value::as_array) {
        return kinds.iter().map(|kind| misfit(kind, value)).min().flatten();
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return if words.contains(value) { None } else { at("no such word") };
    }
    let is = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("{other}"),
    };
    let fits = match &schema["type"] {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().any(|kind| is(kind.as_str().unwrap())),
        other => panic!("{other}"),
    };
    if !fits {
        return at("another type");
    }
    if let (Some(number), Some(least)) = (value.as_i64(), schema["minimum"].as_i64()) {
        let most = schema["maximum"].as_i64().unwrap();
        return if (least..=most).contains(&number) { None } else { at("out of bounds") };
    }
    if let Some(items) = value.as_array() {
        return items.iter().find_map(|item| misfit(&schema["items"], item));
    }
    let object = value.as_object()?;
    let required = schema["required"].as_array().into_iter().flatten();
    if let Some(key) = required.map(|key| key.as_str().unwrap()).find(|key| !object.contains_key(*key)) {
        return at(key);
    }
    object.iter().find_map(|(key, value)| {
        match (schema["properties"].get(key), &schema["additionalProperties"]) {
            (Some(schema), _) => misfit(schema, value),
            (None, Value::Bool(false)) => at(key),
            (None, Value::Null) => None,
            (None, schema) => misfit(schema, value),
        }
    })
}

/// Sections whose keys have tables elsewhere.
const ELSEWHERE: [&str; 3] = ["limits", "trigger.available_percent", "trigger.available_cap_mib"];

#[test]
fn the_reference_has_these_rows_and_no_others() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
    let page = std::fs::read_to_string(file).unwrap();
    let mut rows = Vec::new();
    for section in sections::ALL.iter().filter(|section| !ELSEWHERE.contains(&section.name)) {
        let has_default = section.name != "guard.never";
        rows.extend(section.keys.iter().map(|key| reference::row(key, has_default)));
    }
    let missing: Vec<&String> = rows.iter().filter(|row| !page.lines().any(|line| line == *row)).collect();
    assert!(missing.is_empty(), "configuration.md lacks\n{missing:#?}");
    // What the list has nothing to do with: files that are trusted, when a change takes effect.
    let keys = page.split("\n## Trust").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let more: Vec<&str> = keys.filter(|line| !rows.iter().any(|row| row == line)).collect();
    assert!(more.is_empty(), "the list lacks\n{more:#?}");
    let border = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy-border.md");
    let border = std::fs::read_to_string(border).unwrap();
    for key in sections::ALL.iter().filter(|section| section.name == "limits").flat_map(|it| it.keys) {
        assert!(border.contains(&format!("`{}`", key.name)), "policy-border.md lacks {}", key.name);
    }
}

#[test]
fn marks_and_links_are_taken_away() {
    assert_eq!(plain("the [journal](j.md#x) of `a`. **Restart**"), "the journal of a. Restart");
    assert_eq!(plain("`[]` for [none](x) and [two](y)"), "[] for none and two");
}
