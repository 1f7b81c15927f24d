//! Stores with something wrong in them, and the ways out.

use super::*;
use crate::labels::store::merge::merge;
use jiff::civil::{Date, date};

/// Overwrites a leaf of an index, which no reading of events looks at.
fn spoil_an_index(path: &Path) {
    let root: u32 = {
        let conn = Connection::open(path).unwrap();
        let sentence = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_event_2'";
        conn.query_row(sentence, (), |row| row.get(0)).unwrap()
    };
    let bytes = fs::read(path).unwrap();
    let at = (root as usize - 1) * 4096;
    assert_eq!(bytes[at], 2, "an inner page of an index");
    let leaf = u32::from_be_bytes(bytes[at + 8..at + 12].try_into().unwrap());
    overwrite(path, leaf);
}

fn overwrite(path: &Path, page: u32) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start((u64::from(page) - 1) * 4096)).unwrap();
    file.write_all(&[0xA5; 4096]).unwrap();
}

fn copy_of(path: &Path, day: Date) -> PathBuf {
    let copy = backup::place(path, &day.to_string());
    fs::copy(path, &copy).unwrap();
    copy
}

#[test]
fn a_damaged_store_is_not_copied_pushes_no_copy_out_and_takes_no_label() {
    let (_dir, path) = place();
    filled(&path, 400);
    let copies: Vec<PathBuf> = (1..=5).map(|day| copy_of(&path, date(2026, 1, day))).collect();
    spoil_an_index(&path);
    let (mut store, session) = Store::open(&path, "mira").unwrap();
    assert_eq!(session.len(), 400, "every event can be read");
    let error = store.back_up(false).unwrap_err().to_string();
    assert!(error.contains("the store is damaged") && error.contains("2026-01-05.bak: 400 events"), "{error}");
    assert_eq!(backup::dailies(&path).into_iter().map(|(_, copy)| copy).collect::<Vec<_>>(), copies);
    for _ in 0..2 {
        let error = store.append(flag(1)).unwrap_err().to_string();
        assert!(error.contains("NOT SAVED") && error.contains("damaged"), "{error}");
    }
}

#[test]
fn the_copy_just_made_stays_and_those_of_days_to_come_go_first() {
    let (_dir, path) = place();
    filled(&path, 1);
    for year in 2030..2036 {
        copy_of(&path, date(year, 1, 1));
    }
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    let conn = &store.link().unwrap().conn;
    for day in 1..=3 {
        backup::daily(conn, &path, date(2026, 1, day)).unwrap();
    }
    let days: Vec<String> = backup::dailies(&path).into_iter().map(|(day, _)| day.to_string()).collect();
    assert_eq!(days, ["2026-01-01", "2026-01-02", "2026-01-03", "2034-01-01", "2035-01-01"]);
}

#[test]
fn a_damaged_store_names_its_newest_sound_copy_and_how_to_take_over_what_is_sound() {
    let (_dir, path) = place();
    filled(&path, 4);
    copy_of(&path, date(2026, 1, 1));
    let worse = copy_of(&path, date(2026, 1, 2));
    for path in [&path, &worse] {
        tamper(path, "UPDATE event SET annotator = 'noor' WHERE n = 3");
    }
    let errors = [failure(&path), Store::events(&path, "mira").unwrap_err().to_string()];
    for error in errors.into_iter().chain([check(&path).warnings.join("\n")]) {
        assert!(error.contains("2026-01-01.bak: 4 events") && error.contains("stepscope store merge"), "{error}");
    }
    Connection::open(&path).unwrap().execute_batch("CREATE TRIGGER mine AFTER INSERT ON event BEGIN SELECT 1; END").unwrap();
    assert_eq!(failure(&path).matches("store check").count(), 1, "{}", failure(&path));
}

#[test]
fn check_names_the_copy_of_what_is_no_store_any_more_and_nothing_to_take_out_of_it() {
    let (_dir, path) = place();
    filled(&path, 4);
    copy_of(&path, date(2026, 1, 1));
    let whole = fs::read(&path).unwrap();
    let zeroed = [&[0; 16], &whole[16..]].concat();
    for left in [&zeroed[..], &[]] {
        fs::write(&path, left).unwrap();
        let found = check(&path);
        assert_eq!((found.ok, found.problems.len(), found.warnings.len()), (false, 1, 1), "{found:?}");
        assert!(found.warnings[0].ends_with("2026-01-01.bak: 4 events"), "{found:?}");
        assert_eq!(fs::read(&path).unwrap(), left, "nothing was written");
    }
}

#[test]
fn check_goes_on_behind_a_page_that_cannot_be_read_and_refers_to_nothing_but_others() {
    let (_dir, path) = place();
    filled(&path, 300);
    spoil_an_index(&path);
    let found = check(&path);
    assert_eq!((found.ok, found.events), (false, 300), "{found:?}");
    assert!(!found.problems.join(" ").contains("store check"), "{found:?}");
}

#[test]
fn what_is_sound_in_damaged_stores_and_in_several_goes_into_a_new_one() {
    let (dir, path) = place();
    let first = filled(&path, 6);
    let second: Vec<Event> = filled(&path, 3);
    let (other, new) = (dir.path().join("other.db"), dir.path().join("new.db"));
    fs::copy(&path, &other).unwrap();
    let theirs = Store::open(&other, "noor").unwrap().0.append(rate(9)).unwrap();
    tamper(&path, "UPDATE event SET annotator = 'noor' WHERE n = 3");
    assert!(Store::view(&path, "mira").is_err());
    let merged = merge(std::slice::from_ref(&path), &new).unwrap();
    assert_eq!((merged.events, merged.stores[0].left_out), (5, 4), "{merged:?}");
    let expected: Vec<Event> = first[..2].iter().chain(&second).cloned().collect();
    assert_eq!(Store::events(&new, "mira").unwrap(), expected);
    assert!(check(&new).ok);
    assert!(merge(std::slice::from_ref(&path), &new).unwrap_err().to_string().contains("exists"), "nothing is replaced");

    let both = dir.path().join("both.db");
    assert_eq!(merge(&[path, other], &both).unwrap().events, 10);
    let all: Vec<Event> = first.into_iter().chain(second).chain([theirs]).collect();
    assert_eq!(Store::events(&both, "mira").unwrap(), all);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "nothing else is left behind");
}

#[test]
fn a_page_of_events_that_cannot_be_read_costs_its_own_events_and_those_of_its_chain() {
    let (dir, path) = place();
    filled(&path, 300);
    Store::open(&path, "noor").unwrap().0.append(rate(9)).unwrap();
    let root: u32 = {
        let conn = Connection::open(&path).unwrap();
        conn.query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'event'", (), |row| row.get(0)).unwrap()
    };
    let bytes = fs::read(&path).unwrap();
    let at = (root as usize - 1) * 4096;
    let cell = usize::from(u16::from_be_bytes(bytes[at + 12 + 8..at + 12 + 10].try_into().unwrap()));
    overwrite(&path, u32::from_be_bytes(bytes[at + cell..at + cell + 4].try_into().unwrap()));
    let merged = merge(&[path], &dir.path().join("new.db")).unwrap();
    let names: Vec<String> = Store::events(&merged.path, "x").unwrap().into_iter().map(|event| event.annotator).collect();
    assert!(names.len() > 20 && names.len() < 200 && names.last().unwrap() == "noor", "{merged:?}");
    assert_eq!(names.len() + merged.stores[0].left_out, 301);
}

#[cfg(unix)]
#[test]
fn a_store_that_was_moved_away_is_taken_up_when_it_or_its_copy_is_put_back() {
    let (dir, path) = place();
    let moved = dir.path().join("moved.db");
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    store.append(flag(1)).unwrap();
    store.append(flag(2)).unwrap();
    fs::rename(&path, &moved).unwrap();
    assert!(store.append(flag(3)).unwrap_err().to_string().contains("deleted or replaced"));
    let other = dir.path().join("other.db");
    filled(&other, 3);
    fs::copy(&other, &path).unwrap();
    assert!(store.append(flag(3)).unwrap_err().to_string().contains("deleted or replaced"), "another store");
    fs::remove_file(&path).unwrap();
    fs::copy(&moved, &path).unwrap();
    let event = store.append(flag(3)).unwrap();
    assert_eq!((event.lamport, check(&path).events, check(&path).problems), (3, 3, Vec::new()));
    assert_eq!(check(&moved).events, 2, "what was in the log when it was moved is in it");
}

#[test]
fn what_could_not_be_saved_goes_into_a_store_of_its_own_that_can_be_merged() {
    let (dir, path) = place();
    let (mut store, _) = Store::open(&path, "mira").unwrap();
    let mut all = vec![store.append(flag(1)).unwrap()];
    let unsaved = [flag(2), Draft::undo(all[0].id)];
    let place = store.rescue(&unsaved).unwrap();
    assert_eq!(place.parent(), Some(dir.path()));
    let rescued = Store::events(&place, "mira").unwrap();
    assert_eq!(rescued.iter().map(|event| event.body.clone()).collect::<Vec<_>>(), unsaved.map(|draft| draft.body));
    drop(store);
    let new = dir.path().join("new.db");
    merge(&[place, path], &new).unwrap();
    all.extend(rescued);
    assert_eq!(Store::events(&new, "mira").unwrap(), all);
}
