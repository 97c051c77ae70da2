//! What may not be in the repository.

use crate::{root, tracked};

/// Texts that tie a file to one machine or one mirror of a registry. Written in two halves, so that
/// this file holds none.
const FORBIDDEN: [(&str, &str); 9] = [
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("/ho", "me/"),
    ("/Us", "ers/"),
    ("/t", "mp/"),
    ("files.python", "hosted"),
    ("registry.npm", "js"),
    ("index.crates", ".io"),
    ("\"reso", "lved\""),
];

#[test]
fn no_file_names_a_machine_or_a_registry() {
    let mut found = Vec::new();
    for path in tracked() {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (head, tail) in FORBIDDEN {
            let word = format!("{head}{tail}");
            let line = text.lines().position(|line| line.contains(&word));
            found.extend(line.map(|at| format!("{}:{}: {word}", path.display(), at + 1)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_file_is_large() {
    const LARGEST: u64 = 4_000_000;
    for path in tracked() {
        // Another test may have removed its file meanwhile.
        let Ok(size) = root().join(&path).metadata().map(|told| told.len()) else { continue };
        assert!(size < LARGEST, "{}: {size} bytes, at most {LARGEST}", path.display());
    }
}

#[test]
fn the_top_level_is_the_agreed_one() {
    const FOLDERS: &[&str] =
        &[".cargo", ".ci", ".github", "core", "bindings-python", "bindings-node", "benches", "fixtures", "tests"];
    const FILES: &[&str] = &[
        ".editorconfig",
        ".gitignore",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "NOTICE",
        "README.md",
        "biome.json",
        "deny.toml",
        "ruff.toml",
        "rust-toolchain.toml",
        "rustfmt.toml",
    ];
    for path in tracked() {
        let first = path.components().next().unwrap().as_os_str().to_str().unwrap().to_owned();
        let agreed = if path.components().count() == 1 { FILES } else { FOLDERS };
        assert!(agreed.contains(&first.as_str()), "{}", path.display());
    }
}

/// The library speaks through its results and errors; only the program prints.
#[test]
fn the_library_prints_nothing() {
    for path in tracked().into_iter().filter(|path| path.starts_with("core/src")) {
        let text = std::fs::read_to_string(root().join(&path)).unwrap_or_default();
        let in_tests = path.components().any(|part| part.as_os_str().to_string_lossy().contains("tests"));
        let code = text.split("#[cfg(test)]").next().unwrap_or_default().lines();
        let mut code = code.filter(|line| !line.trim_start().starts_with("//"));
        let printing = code.find(|line| ["println!(", "eprintln!(", "dbg!("].iter().any(|word| line.contains(word)));
        assert!(in_tests || printing.is_none(), "{}: {printing:?}", path.display());
    }
}
