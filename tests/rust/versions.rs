//! One version, written once: the workspace's. The crates inherit it, pip reads it from the crate,
//! npm repeats it.

use serde_json::Value;

use crate::{output, read};

/// The value of `key = "..."` in a section of a TOML file simple enough for it.
fn toml_value(text: &str, section: &str, key: &str) -> Option<String> {
    let lines = text.lines().skip_while(|line| line.trim() != section).skip(1);
    let mut lines = lines.take_while(|line| !line.starts_with('['));
    let line = lines.find(|line| line.split('=').next().is_some_and(|name| name.trim() == key))?;
    Some(line.split_once('=')?.1.trim().trim_matches('"').to_string())
}

fn workspace_version() -> String {
    toml_value(&read("Cargo.toml"), "[workspace.package]", "version").unwrap()
}

#[test]
fn every_crate_has_the_workspaces_version() {
    let metadata: Value =
        serde_json::from_str(&output("cargo", &["metadata", "--no-deps", "--format-version=1"])).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        assert_eq!(package["version"], workspace_version(), "{}", package["name"]);
    }
}

/// A version of Rust as numbers.
fn rust(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap()).collect()
}

/// What the code itself uses is held against the field by clippy's `incompatible_msrv`.
#[test]
fn no_crate_needs_a_newer_rust_than_the_workspace_says() {
    let said = toml_value(&read("Cargo.toml"), "[workspace.package]", "rust-version").unwrap();
    let metadata = output("cargo", &["metadata", "--format-version=1", "--all-features", "--locked"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let needs = |package: &Value| Some((package["name"].to_string(), package["rust_version"].as_str()?.to_owned()));
    let mut newer = metadata["packages"].as_array().unwrap().iter().filter_map(needs).peekable();
    assert!(newer.peek().is_some());
    let newer: Vec<_> = newer.filter(|(_, needed)| rust(needed) > [rust(&said), vec![0]].concat()).collect();
    assert!(newer.is_empty(), "rust-version is {said}: {newer:?}");
}

#[test]
fn the_pinned_rust_is_not_older_than_the_workspace_says() {
    let said = toml_value(&read("Cargo.toml"), "[workspace.package]", "rust-version").unwrap();
    let pinned = toml_value(&read("rust-toolchain.toml"), "[toolchain]", "channel").unwrap();
    assert!(rust(&pinned) >= rust(&said), "{pinned}, {said}");
}

#[test]
fn pip_takes_its_version_from_the_crate() {
    let project = read("bindings-python/pyproject.toml");
    assert_eq!(toml_value(&project, "[project]", "version"), None);
    assert_eq!(toml_value(&project, "[project]", "dynamic").unwrap(), r#"["version"]"#);
}

#[test]
fn npm_has_the_workspaces_version() {
    let package: Value = serde_json::from_str(&read("bindings-node/package.json")).unwrap();
    assert_eq!(package["version"], workspace_version());
    let lock: Value = serde_json::from_str(&read("bindings-node/package-lock.json")).unwrap();
    assert_eq!(lock["version"], workspace_version());
}

#[test]
fn the_changelog_tells_of_this_version() {
    assert!(read("CHANGELOG.md").contains(&format!("## {}", workspace_version())));
}
