//! Every crate that any build of callweave can contain may be used under a licence that asks for a
//! notice at most (MPL-2.0: file by file). Reads `cargo metadata`, so that CI compiles no tool for
//! it; deny.toml says the same.

use serde_json::Value;

use crate::{output, read, root};

/// Licences under which callweave may pass on others' code.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether an SPDX expression can be satisfied with the allowed licences: `OR` of `AND`s, as crates
/// write them, with brackets and the old `/` for `OR`.
fn allowed(expression: &str) -> bool {
    let text = expression.replace('/', " OR ");
    let mut rest = text.as_str();
    let verdict = either(&mut rest);
    verdict && rest.trim().is_empty()
}

fn either(rest: &mut &str) -> bool {
    let mut verdict = both(rest);
    while take(rest, "OR ") {
        verdict |= both(rest);
    }
    verdict
}

fn both(rest: &mut &str) -> bool {
    let mut verdict = one(rest);
    while take(rest, "AND ") {
        verdict &= one(rest);
    }
    verdict
}

fn one(rest: &mut &str) -> bool {
    if take(rest, "(") {
        let verdict = either(rest);
        return take(rest, ")") && verdict;
    }
    let end = [" OR ", " AND ", ")"].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
    let (name, tail) = rest.split_at(end);
    *rest = tail;
    ALLOWED.contains(&name.trim())
}

fn take(rest: &mut &str, word: &str) -> bool {
    let found = rest.trim_start().strip_prefix(word);
    *rest = found.unwrap_or(rest);
    found.is_some()
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let metadata = output("cargo", &["metadata", "--format-version=1", "--all-features", "--locked"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 30, "{} packages: that is not the whole tree", packages.len());
    let refused: Vec<_> = packages
        .iter()
        .map(|package| (&package["name"], package["license"].as_str().unwrap_or("none")))
        .filter(|(_, licence)| !allowed(licence))
        .collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn deny_toml_allows_the_same() {
    let text = read("deny.toml");
    let list = text.split_once("allow = [").unwrap().1.split_once(']').unwrap().0;
    let listed: Vec<&str> =
        list.split(',').map(|name| name.trim().trim_matches('"')).filter(|s| !s.is_empty()).collect();
    assert_eq!(listed, ALLOWED);
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0", "Unlicense OR MIT"] {
        assert!(allowed(good), "{good}");
    }
    for bad in
        ["none", "GPL-3.0", "MIT AND LGPL-2.1", "(MIT OR ISC) AND GPL-2.0", "MIT AND (ISC", "mit", "LGPL-3.0-or-later"]
    {
        assert!(!allowed(bad), "{bad}");
    }
}

#[test]
fn the_notice_names_what_is_not_mit_or_apache() {
    assert!(read("NOTICE").contains("symphonia") && read("NOTICE").contains("MPL-2.0"));
}

#[test]
fn the_licences_that_notices_point_to_are_there() {
    for notice in ["NOTICE", "fixtures/reference/NOTICE"] {
        let text = read(notice);
        let words = text.split_whitespace().map(|word| word.trim_end_matches([',', '.']));
        let named: Vec<&str> = words.filter(|word| word.starts_with("core/")).collect();
        assert!(!named.is_empty() && named.iter().all(|path| root().join(path).is_file()), "{notice}: {named:?}");
    }
    assert!(read("bindings-python/LICENSE-silero").contains("MIT"));
}

/// The crates that ours are linked with, as `name version`: not those of tests and builds.
fn linked() -> Vec<String> {
    let metadata = output("cargo", &["metadata", "--format-version=1", "--all-features", "--locked"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let (packages, nodes) =
        (metadata["packages"].as_array().unwrap(), metadata["resolve"]["nodes"].as_array().unwrap());
    let package = |id: &Value| packages.iter().find(|package| package["id"] == *id).unwrap();
    let ours = ["callweave", "callweave-python", "callweave-node"];
    let mut waiting: Vec<&Value> =
        packages.iter().filter(|p| ours.contains(&p["name"].as_str().unwrap())).map(|p| &p["id"]).collect();
    let mut seen = waiting.clone();
    while let Some(id) = waiting.pop() {
        let node = nodes.iter().find(|node| node["id"] == *id).unwrap();
        for dep in node["deps"].as_array().unwrap() {
            let normal = dep["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
            if normal && !seen.contains(&&dep["pkg"]) {
                seen.push(&dep["pkg"]);
                waiting.push(&dep["pkg"]);
            }
        }
    }
    let foreign = seen.into_iter().map(package).filter(|package| !package["source"].is_null());
    foreign.map(|p| format!("{} {}", p["name"].as_str().unwrap(), p["version"].as_str().unwrap())).collect()
}

#[test]
fn the_notice_holds_what_is_compiled_in() {
    let notice = read("NOTICE");
    let linked = linked();
    assert!(linked.len() > 50, "{}", linked.len());
    let missing: Vec<&String> =
        linked.iter().filter(|name| !notice.lines().any(|l| l.starts_with(&format!("{name} (")))).collect();
    assert!(missing.is_empty(), "{missing:?}: tests/notice.py writes it");
    for copy in ["core/NOTICE", "bindings-python/NOTICE"] {
        assert_eq!(read(copy), notice, "{copy}");
    }
    for holder in ["The WebRTC project authors", "Xiph.Org", "Silero Team"] {
        assert!(notice.contains(holder), "{holder}");
    }
}

#[test]
fn the_packed_crate_holds_the_notice_and_every_licence() {
    let folder = std::env::temp_dir().join(format!("callweave-packed-{}", std::process::id()));
    let target = folder.display().to_string();
    let package = ["package", "-p", "callweave", "--no-verify", "--offline", "--allow-dirty", "--quiet"];
    output("cargo", &[&package[..], &["--target-dir", &target]].concat());
    let packed = folder.join(format!("package/callweave-{}.crate", callweave::VERSION));
    output("tar", &["xzf", &packed.display().to_string(), "-C", &target]);
    let inside = folder.join(format!("callweave-{}", callweave::VERSION));
    for name in ["NOTICE", "LICENSE-MIT", "LICENSE-APACHE"] {
        assert_eq!(std::fs::read_to_string(inside.join(name)).unwrap(), read(name), "{name}");
    }
    let notice = read("NOTICE");
    let named = notice.split_whitespace().filter(|word| word.starts_with("core/") && word.contains("LICENSE"));
    let named: Vec<&str> = named.map(|word| word.trim_end_matches([',', '.'])).collect();
    assert!(!named.is_empty());
    for path in named {
        let within = path.strip_prefix("core/").unwrap();
        assert_eq!(std::fs::read_to_string(inside.join(within)).unwrap(), read(path), "{path}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
