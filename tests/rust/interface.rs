//! The public interface of the crate is the one in core/public-api.txt, so that each change of it
//! is seen in a diff.

use std::process::Command;

use public_api::Builder;

use crate::{read, root};

const LISTING: &str = "core/public-api.txt";
const WRITE: &str = "UPDATE_GOLDEN=1 cargo test -p callweave-tests interface";

/// The JSON that rustdoc makes of the crate with all features. The form is for unstable use and
/// belongs to one version of Rust, the one in rust-toolchain.toml; only rustdoc is told to allow
/// it, so that nothing else is compiled anew.
fn rustdoc_json() -> std::path::PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    let arguments =
        ["rustdoc", "--package", "callweave", "--lib", "--all-features", "--locked", "--quiet", "--target-dir"];
    let json = ["-Zunstable-options", "--output-format=json", "--cap-lints=allow"];
    let run = Command::new("cargo")
        .args(arguments)
        .arg(&target)
        .arg("--")
        .args(json)
        .env("RUSTDOC", root().join("tests/rustdoc"))
        .current_dir(root())
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    target.join("doc/callweave.json")
}

#[test]
fn the_public_interface_is_the_listed_one() {
    let api = Builder::from_rustdoc_json(rustdoc_json())
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap();
    let found: String = api.items().map(|item| format!("{item}\n")).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(root().join(LISTING), found).unwrap();
        return;
    }
    let listed = read(LISTING);
    let missing = |from: &str, other: &str, sign| -> Vec<String> {
        let other: std::collections::HashSet<&str> = other.lines().collect();
        from.lines().filter(|line| !other.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    let changed = [missing(&listed, &found, '-'), missing(&found, &listed, '+')].concat();
    assert!(changed.is_empty(), "{LISTING} differs; where that is meant: {WRITE}\n{}", changed.join("\n"));
}
