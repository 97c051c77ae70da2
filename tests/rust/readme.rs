//! The README's Rust example is the one here, and it runs. The other languages' suites run theirs.

use crate::{read, root};

mod example {
    include!("example.rs");

    pub fn run() -> callweave::Result<()> {
        main()
    }
}

#[test]
fn the_rust_example_is_the_one_that_runs() {
    let readme = read("README.md");
    let block = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(block, read("tests/rust/example.rs"));
}

#[test]
fn the_rust_example_runs() {
    std::env::set_current_dir(root()).unwrap();
    example::run().unwrap();
    assert!(root().join("out/rust/mix.wav").is_file());
}
