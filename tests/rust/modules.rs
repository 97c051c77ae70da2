//! The layers of core: a module may use only the rows above its own. Reads every `crate::` path of
//! the sources.

use std::collections::BTreeSet;
use std::path::Path;

use crate::root;

/// The modules of core/src from the ground up, a row per line. Modules of one row never use each
/// other, unless the row is a family (`true`): there a module may use those to its left.
const ROWS: &[(bool, &[&str])] = &[
    (false, &["error"]),
    (false, &["json"]),
    (false, &["units"]),
    (false, &["checksum", "files", "room"]),
    (false, &["call"]),
    (false, &["track", "timeline"]),
    (false, &["samples"]),
    (false, &["config", "run", "threads", "simd"]),
    (false, &["vnni"]),
    (false, &["resample"]),
    (false, &["decode"]),
    (false, &["level", "vad", "events"]),
    (false, &["align", "mix", "redact", "speech", "voices"]),
    (true, &["metrics", "integrity", "outcome"]),
    (false, &["report"]),
    (false, &["provider"]),
    (false, &["export"]),
    (false, &["process"]),
    (false, &["live", "evaluate"]),
    (false, &["compare"]),
    (false, &["host"]),
    (false, &["cli"]),
];

/// Exceptions that the table of the architecture grants, each with its reason.
const GRANTED: &[(&str, &str)] = &[];

/// What only one module may name.
const OWNERS: &[(&str, &str)] =
    &[("symphonia", "decode"), ("rayon", "threads"), ("indicatif", "cli"), ("tracing", "run")];

/// Row and place in the row of a module.
fn place(module: &str) -> Option<(usize, usize)> {
    ROWS.iter().enumerate().find_map(|(row, (_, names))| Some((row, names.iter().position(|n| *n == module)?)))
}

/// Whether `user` may use `used`.
fn may_use(user: &str, used: &str) -> bool {
    let (Some(above), Some(here)) = (place(used), place(user)) else { return false };
    let family = ROWS[here.0].0;
    used == user
        || above.0 < here.0
        || (above.0 == here.0 && family && above.1 < here.1)
        || GRANTED.contains(&(user, used))
}

/// The modules named in `crate::...` paths of a source, without its comments; `crate::{a, b::c}`
/// included.
fn used_modules(source: &str) -> BTreeSet<String> {
    let code: String =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|l| [l, "\n"]).collect();
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        match code[at + 7..].strip_prefix('{') {
            Some(list) => used.extend(first_names(list)),
            None => used.extend(name(&code[at + 7..])),
        }
    }
    used
}

/// The leading names of a brace list up to its closing brace.
fn first_names(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names: Vec<String> = name(list.trim_start()).into_iter().collect();
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.extend(name(list[at + 1..].trim_start())),
            _ => {}
        }
    }
    names
}

/// The module name that a path begins with; types and macros at the crate's root are none.
fn name(path: &str) -> Option<String> {
    let name: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    name.starts_with(|c: char| c.is_lowercase()).then_some(name)
}

/// Every source of core: the module it belongs to, its path and its text.
fn sources() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("core/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let inner = path.strip_prefix(root().join("core/src")).unwrap().to_path_buf();
                found.push((module_of(&inner), inner.display().to_string(), std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

fn module_of(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_string()
}

fn is_root(module: &str) -> bool {
    ["lib", "main"].contains(&module)
}

#[test]
fn every_module_stands_in_the_table() {
    for (module, path, _) in sources() {
        assert!(is_root(&module) || place(&module).is_some(), "{path}: {module} has no row");
    }
}

#[test]
fn modules_use_only_rows_above_their_own() {
    let mut wrong = Vec::new();
    for (module, path, text) in sources().iter().filter(|(module, ..)| !is_root(module)) {
        let refused = used_modules(text).into_iter().filter(|used| !may_use(module, used));
        wrong.extend(refused.map(|used| format!("{path} uses {used}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_has_one_owner_is_named_by_no_other() {
    for (module, path, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for (word, owner) in OWNERS {
                let named = line.contains(&format!("{word}::"));
                assert!(!named || module == *owner, "{path}: only {owner} may name {word}: {line}");
            }
        }
    }
}

#[test]
fn a_failure_to_write_json_is_no_empty_answer() {
    for (_, path, text) in sources() {
        for line in text.lines() {
            let swallowed = line.contains("serde_json::") && line.contains("unwrap_or_default()");
            assert!(!swallowed, "{path}: crate::json gives the error: {line}");
        }
    }
}

#[test]
fn paths_are_found_as_rust_writes_them() {
    let source = "use crate::error::Error;\nuse crate::{call::{Leg, Role}, units::Millis, Call};\n// crate::cli\n\
                  fn f() -> crate::track::Track { $crate::skipped::x(); pub(crate) fn g() {} }";
    let found: Vec<_> = used_modules(source).into_iter().collect();
    assert_eq!(found, ["call", "error", "track", "units"]);
    assert!(may_use("mix", "timeline") && may_use("outcome", "metrics"));
    assert!(!may_use("metrics", "outcome") && !may_use("decode", "mix") && !may_use("level", "voice"));
}
