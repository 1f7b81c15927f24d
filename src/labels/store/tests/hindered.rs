//! Stores that cannot be written, or made, for a while.

use super::*;

#[cfg(unix)]
#[test]
fn a_store_without_write_permission_opens_for_looking() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, path) = place();
    filled(&path, 2);
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&path, 0o444);
    mode(dir.path(), 0o555);
    if fs::File::options().write(true).open(&path).is_ok() {
        eprintln!("skipped: nothing is forbidden to root");
        return;
    }
    let (mut store, session) = Store::open(&path, "mira").unwrap();
    assert!(store.read_only() && session.len() == 2 && store.warnings()[0].contains("cannot be written"));
    let new = dir.path().join("new.db");
    let (mut made_late, _) = Store::open(&new, "mira").unwrap();
    for store in [&mut store, &mut made_late] {
        assert!(store.append(flag(3)).is_err());
    }
    assert_eq!(check(&path).problems, Vec::<String>::new());
    mode(dir.path(), 0o755);
    mode(&path, 0o644);
    for (store, path, events) in [(&mut store, &path, 3), (&mut made_late, &new, 1)] {
        store.append(flag(3)).unwrap();
        assert_eq!((check(path).problems, check(path).events), (Vec::new(), events));
    }
}

/// A session for labelling on a store that cannot be written: what a read-only disk makes of it.
fn hindered(path: &Path) -> (Store, Session) {
    let (store, session) = Store::view(path, "mira").unwrap();
    (Store { access: Access::Create, ..store }, session)
}

#[test]
fn a_store_that_could_not_be_written_takes_labels_once_it_can_and_brings_what_others_wrote() {
    let (_dir, path) = place();
    filled(&path, 2);
    let (mut store, session) = hindered(&path);
    assert!(store.read_only() && session.len() == 2);
    let (mut other, _) = Store::open(&path, "noor").unwrap();
    let theirs = other.append(rate(5)).unwrap();
    let event = store.append(flag(3)).unwrap();
    assert_eq!((event.seq, event.lamport, store.read_only()), (1, 4, false), "behind what is there");
    assert_eq!(store.catch_up().unwrap(), [theirs]);
    assert_eq!(store.append(flag(4)).unwrap().seq, 2);
    assert_eq!((check(&path).problems, check(&path).events), (Vec::new(), 5));
}

#[test]
fn an_older_store_that_could_not_be_written_is_brought_up_with_its_first_label() {
    let (_dir, path) = place();
    old_store(&path, 20);
    let (mut store, _) = hindered(&path);
    assert_eq!(store.append(flag(30)).unwrap().lamport, 21);
    assert_eq!((check(&path).problems, check(&path).schema), (Vec::new(), Some(2)));
    assert!(backup::place(&path, "schema-1").is_file());
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_put_back_is_taken_up_if_all_that_was_read_and_saved_is_on_it() {
    let (dir, path) = place();
    let (old, other, same) = (dir.path().join("old.db"), dir.path().join("other.db"), dir.path().join("same.db"));
    filled(&path, 2);
    fs::copy(&path, &old).unwrap();
    filled(&other, 4);
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    store.append(flag(3)).unwrap();
    let file = store.file.unwrap();
    let put_back = |store: &mut Store, disk: &Path| {
        store.link = None;
        if !same.exists() {
            fs::copy(&path, &same).unwrap();
        }
        fs::copy(disk, &path).unwrap();
        // The system counts disks as they come.
        store.file = Some(FileId { device: file.device + 1, ..file });
        store.append(flag(9))
    };
    for disk in [&old, &other] {
        let error = put_back(&mut store, disk).unwrap_err().to_string();
        assert!(error.contains("deleted or replaced"), "{error}");
    }
    assert_eq!(put_back(&mut store, &same).unwrap().lamport, 4);
    assert_eq!((store.catch_up().unwrap(), store.file), (Vec::new(), Some(file)));
    assert_eq!((check(&path).problems, check(&path).events), (Vec::new(), 4));
}

/// A folder in which nobody can make a file, not even root, until another one takes its place: the system's view of this process.
#[cfg(target_os = "linux")]
#[test]
fn a_new_store_that_cannot_be_made_takes_labels_once_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, path) = (dir.path().join("place"), dir.path().join("place/labels.db"));
    std::os::unix::fs::symlink("/proc/self", &folder).unwrap();
    let (mut store, session) = Store::open(&path, "mira").unwrap();
    assert!(store.read_only() && session.is_empty());
    let warning = store.warnings().last().unwrap().clone();
    let reason = warning.strip_prefix("labels stay in memory, NOT SAVED, until the store can be written: ").unwrap();
    assert!(reason.starts_with(&format!("{}: cannot make the label store: ", path.display())), "{reason}");
    assert_eq!(store.append(flag(1)).unwrap_err().to_string(), format!("NOT SAVED: {reason}"));
    let (mut below, _) = Store::open(&folder.join("sub/labels.db"), "mira").unwrap();
    let warning = below.warnings().last().unwrap();
    assert!(below.read_only() && warning.contains("NOT SAVED"), "{warning}");
    assert!(warning.contains("cannot make the directory of the label store"), "{warning}");
    assert!(below.append(flag(1)).unwrap_err().to_string().contains("NOT SAVED"));
    assert_eq!((store.catch_up().unwrap(), store.place::<u64>("f").unwrap_or_default()), (Vec::new(), None));
    assert!(store.back_up(true).is_ok() && store.settle().is_ok());

    fs::remove_file(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    let theirs = filled_by(&path, "noor");
    assert_eq!(store.append(flag(1)).unwrap().lamport, 2);
    assert_eq!((store.catch_up().unwrap(), store.read_only()), (vec![theirs], false));
    store.change_place("f", |_| 1).unwrap();
    assert_eq!((check(&path).problems, check(&path).events), (Vec::new(), 2));
    assert_eq!(below.append(flag(1)).unwrap().seq, 1, "with its directory");
}

/// One event of somebody else.
#[cfg(target_os = "linux")]
fn filled_by(path: &Path, annotator: &str) -> Event {
    Store::open(path, annotator).unwrap().0.append(rate(7)).unwrap()
}

#[test]
fn a_store_at_a_place_that_cannot_be_is_refused_with_its_reason_once() {
    let (_dir, path) = place();
    fs::write(&path, "a file").unwrap();
    let error = anyhow::Error::from(Store::open(&path.join("sub/labels.db"), "mira").unwrap_err());
    assert_eq!(format!("{error:#}").matches("os error").count(), 1, "{error:#}");
}
