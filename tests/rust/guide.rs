//! The pages of `core/docs/start`: their commands and their Rust run. The other languages' suites
//! run theirs.

use std::path::PathBuf;

use crate::program::Folder;
use crate::{program, read, root};

mod example {
    include!("guide_example.rs");

    pub fn run() -> callweave::Result<()> {
        main()
    }
}

/// The pages, with the commands of each.
fn pages() -> Vec<(PathBuf, Vec<String>)> {
    let folder = std::fs::read_dir(root().join("core/docs/start")).unwrap();
    folder.map(|entry| entry.unwrap().path()).map(|path| (path.clone(), commands(&read(path)))).collect()
}

/// The commands of a page's shell blocks.
fn commands(page: &str) -> Vec<String> {
    let page = page.replace("\\\n", " ");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

#[test]
fn every_command_runs() {
    let folder = Folder::new("guide");
    let mut run = 0;
    for (page, commands) in pages() {
        for command in commands {
            let here = command.replace("out/", &format!("{}/", folder.0.display()));
            let words: Vec<&str> = here.split_whitespace().collect();
            assert_eq!(words.first(), Some(&"callweave"), "{}: {command}", page.display());
            let (status, _, err) = program(words.get(1..).unwrap_or_default());
            assert_eq!(status, 0, "{}: {command}: {err}", page.display());
            run += 1;
        }
    }
    assert!(run >= 4, "{run} commands");
}

#[test]
fn the_rust_of_the_page_is_the_one_that_runs() {
    let page = read("core/docs/start/two-recordings.md");
    let block = page.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(block, read("tests/rust/guide_example.rs"));
    std::env::set_current_dir(root()).unwrap();
    example::run().unwrap();
    assert!(root().join("out/two/mix.wav").is_file());
}
