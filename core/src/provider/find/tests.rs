//! Tests of finding audio by name, and of staying inside the folder.

use super::*;
use crate::call::Role;
use crate::provider::read;
use std::fs;

/// A folder for one test, deleted at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[&str]) -> Self {
        let folder = std::env::temp_dir().join(format!("callweave-find-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("sub")).unwrap();
        for file in files {
            fs::write(folder.join(file), b"x").unwrap();
        }
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn manifest(path: &str) -> CallDescription {
    read(&serde_json::json!({"tracks": [{"path": path}, {"path": "here.wav"}]}).to_string()).unwrap()
}

const PUSHES: &str = r#"[
        {"SessionId": "s", "RecordId": "1608130650", "EndpointUser": "a@x", "RecordURL": "http://h/a-1608130637.mp3?s=1"},
        {"SessionId": "s", "RecordId": "1608130651", "EndpointUser": "+66812345678", "RecordURL": "http://h/b-1608130637.mp3"}]"#;

#[test]
fn files_are_found_by_the_name_in_the_url_or_by_id() {
    let folder = Folder::new("names", &["a-1608130637.mp3", "1608130651.wav", "1608130651.json", "other.mp3"]);
    let matched = locate(&read(PUSHES).unwrap(), &folder.0).unwrap();
    let found: Vec<(Role, PathBuf)> = matched.found.iter().map(|f| (f.leg.role, f.audio.clone())).collect();
    assert_eq!(
        found,
        [(Role::Customer, folder.0.join("1608130651.wav")), (Role::Agent, folder.0.join("a-1608130637.mp3"))]
    );
    assert!(matched.missing.is_empty());
}

#[test]
fn a_missing_file_is_listed_and_the_others_are_found() {
    let folder = Folder::new("missing", &["a-1608130637.mp3"]);
    let matched = locate(&read(PUSHES).unwrap(), &folder.0).unwrap();
    assert_eq!((matched.found.len(), matched.missing.len()), (1, 1));
    assert_eq!(
        matched.missing[0].error.to_string(),
        "provider: 1608130651: no audio for the recording: found 1 other names, expected its id or the file name of its URL"
    );
    let matched = locate(&manifest("gone.wav"), &folder.0).unwrap();
    assert_eq!((matched.found.len(), matched.missing.len()), (0, 2));
    assert_eq!(matched.missing[0].error.kind(), ErrorKind::Io);
}

#[test]
fn a_name_that_two_recordings_match_belongs_to_the_better_match_or_to_none() {
    let folder = Folder::new("twice", &["1608130650.mp3", "1608130650.wav", "b-1608130637.mp3"]);
    let matched = locate(&read(PUSHES).unwrap(), &folder.0).unwrap();
    assert_eq!((matched.found.len(), matched.missing.len()), (1, 1));
    assert_eq!(matched.missing[0].error.kind(), ErrorKind::InvalidArgument);
    let shared = PUSHES.replace("1608130651", "1608130650");
    let matched = read(&shared).unwrap().attach([("1608130650".to_owned(), ())]);
    assert_eq!((matched.found.len(), matched.missing.len(), matched.unused.len()), (0, 2, 1));
    let matched = read(&shared).unwrap().attach([("1608130650".to_owned(), 0), ("b-1608130637.mp3".to_owned(), 1)]);
    assert_eq!(matched.found.iter().map(|f| f.audio).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn a_path_that_leaves_the_folder_is_refused_with_both_names() {
    let folder = Folder::new("leaves", &["here.wav"]);
    for path in ["../here.wav", "sub/../../here.wav", "/etc/hostname", "../gone.wav", "sub/../../x/here.wav"] {
        let error = locate(&manifest(path), &folder.0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(path) && error.to_string().contains("callweave-find-leaves"), "{error}");
    }
    let matched = locate(&manifest("sub/../here.wav"), &folder.0).unwrap();
    assert_eq!(matched.found.len(), 2);
    let matched = locate(&manifest("sub"), &folder.0).unwrap();
    assert_eq!(matched.missing[0].error.to_string(), "provider: sub: not a recording: found a folder, expected a file");
    assert_eq!(locate(&manifest("a\0b"), &folder.0).unwrap().missing.len(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_that_leaves_the_folder_is_refused() {
    let outside = Folder::new("outside", &["secret.wav"]);
    let folder = Folder::new("links", &["here.wav"]);
    let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, folder.0.join(name)).unwrap();
    link(&outside.0.join("secret.wav"), "link.wav");
    link(&outside.0, "linked");
    link(&folder.0.join("here.wav"), "same.wav");
    for path in ["link.wav", "linked/secret.wav"] {
        assert_eq!(locate(&manifest(path), &folder.0).unwrap_err().kind(), ErrorKind::InvalidArgument, "{path}");
    }
    assert_eq!(locate(&manifest("same.wav"), &folder.0).unwrap().found.len(), 2);
    link(&outside.0.join("secret.wav"), "a-1608130637.mp3");
    assert_eq!(locate(&read(PUSHES).unwrap(), &folder.0).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    assert_eq!(locate(&manifest("a"), Path::new("no/such/folder")).unwrap_err().kind(), ErrorKind::Io);
}
