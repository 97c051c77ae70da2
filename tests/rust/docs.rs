//! The docs say what the code does.

use serde_json::Value;

use crate::root;

/// Rows `| \`section.name\` | default |` of a page.
fn defaults(page: &str) -> Vec<(String, String)> {
    let row = |line: &str| -> Option<(String, String)> {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, default, _] = cells.as_slice() else { return None };
        let name = name.strip_prefix('`')?.strip_suffix('`')?;
        name.contains('.').then(|| (name.to_owned(), (*default).to_owned()))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn the_page_of_figures_and_rules_names_every_parameter_with_its_default() {
    let page = std::fs::read_to_string(root().join("core/docs/conversation.md")).unwrap();
    let config = serde_json::to_value(callweave::Config::default()).unwrap();
    let told = defaults(&page);
    for section in ["metrics", "outcome", "integrity"] {
        for (name, value) in config[section].as_object().unwrap() {
            if value.is_object() {
                continue;
            }
            let name = format!("{section}.{name}");
            let default = &told.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("{name} is not told of")).1;
            let same = match value {
                Value::Number(number) => default.parse::<f64>().ok() == number.as_f64(),
                other => other.as_str() == Some(default),
            };
            assert!(same, "{name}: the page says {default}, the code {value}");
        }
    }
    for (name, _) in &told {
        let (section, field) = name.split_once('.').unwrap();
        assert!(config[section].get(field).is_some(), "{name} is told of and does not exist");
    }
}
