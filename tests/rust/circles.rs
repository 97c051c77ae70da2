//! The files of core: none imports another that imports it, directly or by others, and a type's
//! name occurs once. A file and the folder of its parts are one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::root;

/// The path of a module, from the crate's root.
type ModulePath = Vec<String>;

/// Every module of core/src with its text, without comments and tests.
fn modules() -> BTreeMap<ModulePath, String> {
    let base = root().join("core/src");
    let mut found = BTreeMap::new();
    let mut folders = vec![base.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let module = module_path(path.strip_prefix(&base).unwrap());
                if !module.iter().any(|part| part.contains("test")) {
                    found.insert(module, code(&std::fs::read_to_string(path).unwrap()));
                }
            }
        }
    }
    found
}

fn module_path(path: &Path) -> ModulePath {
    let mut parts: ModulePath =
        path.with_extension("").components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// The paths that the `use` lines of a module name, from the crate's root.
fn imports(module: &[String], code: &str) -> Vec<ModulePath> {
    let mut all = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let text: String = code[at + 4..].chars().take_while(|c| *c != ';').collect();
        let (mut base, mut rest) = match text.split_once("::") {
            Some(("crate", rest)) => (Vec::new(), rest),
            Some(("super", rest)) => (module.split_last().map_or(Vec::new(), |(_, parent)| parent.to_vec()), rest),
            _ => continue,
        };
        while let Some(further) = rest.strip_prefix("super::") {
            base.pop();
            rest = further;
        }
        expand(&base, rest, &mut all);
    }
    all
}

/// Takes braces apart: `a::{b, c::d}` are `a::b` and `a::c::d`.
fn expand(base: &[String], text: &str, all: &mut Vec<ModulePath>) {
    let text = text.trim();
    if let Some(list) = text.strip_prefix('{') {
        let (mut depth, mut from) = (0, 0);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    expand(base, &list[from..at], all);
                    from = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let (name, rest) = text.split_once("::").unwrap_or((text, ""));
    let path = [base, &[name.to_owned()]].concat();
    if rest.is_empty() { all.push(path) } else { expand(&path, rest, all) }
}

/// The module that a path leads into.
fn owner(path: &[String], modules: &BTreeMap<ModulePath, String>) -> Option<ModulePath> {
    (1..=path.len()).rev().map(|n| path[..n].to_vec()).find(|part| modules.contains_key(part))
}

/// What is left of a graph when all that leads out of it is taken away: circles alone.
fn circles(mut graph: BTreeMap<ModulePath, BTreeSet<ModulePath>>) -> Vec<String> {
    loop {
        let ends: BTreeSet<ModulePath> =
            graph.iter().filter(|(_, used)| used.is_empty()).map(|(module, _)| module.clone()).collect();
        if ends.is_empty() {
            return graph.keys().map(|module| module.join("/")).collect();
        }
        graph.retain(|module, _| !ends.contains(module));
        graph.values_mut().for_each(|used| used.retain(|module| !ends.contains(module)));
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let modules = modules();
    let graph = modules.iter().map(|(module, code)| {
        let used = imports(module, code).into_iter().filter_map(|path| owner(&path, &modules));
        // A file may use the file of its folder, and that one its parts.
        let apart = |used: &ModulePath| !used.starts_with(module) && !module.starts_with(used);
        (module.clone(), used.filter(apart).collect())
    });
    let left = circles(graph.collect());
    assert!(left.is_empty(), "in a circle, or leading into one: {left:?}");
}

#[test]
fn a_types_name_occurs_once() {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, code) in modules() {
        for line in code.lines() {
            let line =
                line.trim_start_matches("pub ").trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ");
            let name = ["struct ", "enum ", "trait ", "type "].iter().find_map(|kind| line.strip_prefix(kind));
            let name: String = name.unwrap_or_default().chars().take_while(|c| c.is_alphanumeric()).collect();
            if !name.is_empty() {
                seen.entry(name).or_default().push(module.join("/"));
            }
        }
    }
    // One type has an alternative without its feature.
    seen.retain(|_, places| places.iter().collect::<BTreeSet<_>>().len() > 1);
    assert!(seen.is_empty(), "{seen:?}");
}

#[test]
fn a_circle_is_found() {
    let path = |text: &str| -> ModulePath { text.split('/').map(str::to_owned).collect() };
    let edge = |from: &str, to: &[&str]| (path(from), to.iter().map(|to| path(to)).collect());
    assert!(circles([edge("a", &["b"]), edge("b", &["c"]), edge("c", &[])].into()).is_empty());
    assert_eq!(circles([edge("a", &["b"]), edge("b", &["a"]), edge("c", &[])].into()), ["a", "b"]);
    let found = imports(&path("x/y"), "use super::z::{A, b::{C, D}};\nuse crate::q::E;\n");
    assert_eq!(found, ["x/z/A", "x/z/b/C", "x/z/b/D", "q/E"].map(path));
}
