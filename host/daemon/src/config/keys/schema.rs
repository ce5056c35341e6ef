//! The JSON schema, for editors and for what writes configurations (json-schema.org, 2020-12).

use serde_json::{Map, Value, json};

use super::key::{Form, Holds, Key, Section, plain};
use super::{section, sections};

pub(super) fn schema() -> Value {
    let mut properties = Map::new();
    for section in sections::ALL.iter().filter(|section| section.form != Form::Inner) {
        let table = table(section);
        let value = match section.form {
            Form::Named => json!({"type": "object", "additionalProperties": table}),
            Form::List => json!({"type": "array", "items": table}),
            Form::Table | Form::Inner => table,
        };
        match section.name.split_once('.') {
            Some((outer, inner)) => {
                let inner = Map::from_iter([(inner.to_owned(), value)]);
                properties.insert(outer.into(), closed(inner, &[]));
            }
            None => _ = properties.insert(section.name.into(), value),
        }
    }
    let mut schema = closed(properties, &[]);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "The configuration of jettison".into();
    schema
}

fn table(section: &Section) -> Value {
    let properties = section.keys.iter().map(|key| (key.name.to_owned(), value(key)));
    let required: Vec<&str> =
        section.keys.iter().filter(|key| key.is_required()).map(|key| key.name).collect();
    let mut table = closed(properties.collect(), &required);
    table["description"] = plain(section.about).into();
    table
}

/// An unknown key is an error.
fn closed(properties: Map<String, Value>, required: &[&str]) -> Value {
    let mut table = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        table["required"] = json!(required);
    }
    table
}

fn value(key: &Key) -> Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let below = |name: &str| section(name).map_or(json!({"type": "object"}), table);
    let mut value = match key.holds {
        Holds::Number(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Holds::Switch => json!({"type": "boolean"}),
        Holds::Text => json!({"type": "string"}),
        Holds::Words(words) => json!({"enum": words}),
        Holds::Texts => texts,
        Holds::ListOf(words) => json!({"type": "array", "items": {"enum": words}}),
        Holds::WordsOrTexts(words) => json!({"anyOf": [{"enum": words}, texts]}),
        Holds::TextOrNumber => json!({"type": ["string", "integer"]}),
        Holds::Table(name) => below(name),
        Holds::Tables(name) => json!({"type": "array", "items": below(name)}),
        Holds::Anything => json!({"type": "object"}),
    };
    let range = key.range.filter(|range| *range != "below").map(|range| format!(" ({range})"));
    value["description"] = (plain(key.means) + &plain(&range.unwrap_or_default())).into();
    if let Some(default) = key.default.and_then(|toml| format!("v = {toml}").parse::<toml::Table>().ok()) {
        value["default"] = json!(default["v"]);
    }
    value
}
