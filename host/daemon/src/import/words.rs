//! Words as a shell has them.

/// Splits at blanks. Quotes of both kinds hold a word together and are taken off; a backslash, outside of
/// single quotes, takes the next character as it is. `#` begins a comment where a word could begin.
///
/// ```text
/// -m 5 --avoid '(^|/)(init|X)$'   ─▶   "-m" "5" "--avoid" "(^|/)(init|X)$"
/// ```
pub(super) fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(char) => word.push(char),
                        None => return Err("a single quote is not closed".into()),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(char @ ('"' | '\\' | '$' | '`')) => word.push(char),
                            Some(char) => word.extend(['\\', char]),
                            None => return Err("a double quote is not closed".into()),
                        },
                        Some(char) => word.push(char),
                        None => return Err("a double quote is not closed".into()),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '#' if word.is_none() => break,
            char if char.is_whitespace() => words.extend(word.take()),
            char => word.get_or_insert_default().push(char),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quotes_hold_a_word_together() {
        let said = words(r#"-m 5 --avoid '(^|/)(a b)$' "x \" \. y" \' e"f"g # no"#).unwrap();
        assert_eq!(said, ["-m", "5", "--avoid", "(^|/)(a b)$", r#"x " \. y"#, "'", "efg"]);
        assert_eq!(words("'' a").unwrap(), ["", "a"]);
        assert!(words("'a").is_err() && words("\"a").is_err());
    }
}
