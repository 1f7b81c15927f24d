//! A search once more, iteration by iteration.

use super::desk::{Desk, TREE};
use super::support::data;

/// A log of four snapshots: the second way looks worse at first, is taken at the third and loses again at the last.
fn desk() -> Desk {
    let node = |id: &str, text: &str| (id.to_owned(), serde_json::json!({ "id": id, "data": { "text": text } }));
    let edge = |id: &str, source: &str, target: &str, q: f64| {
        (id.to_owned(), serde_json::json!({ "id": id, "source": source, "target": target, "data": { "Q": q } }))
    };
    let root = node("0", "What is 3 * 4 + 2?");
    let (a, b, c) = (node("1", "3 * 4 is 12."), node("2", "4 + 2 is 6."), node("3", "12 + 2 is 14."));
    let snapshots = [
        (vec![root.clone(), a.clone()], vec![edge("a", "0", "1", 0.6)]),
        (vec![root.clone(), a.clone(), b.clone()], vec![edge("a", "0", "1", 0.6), edge("b", "0", "2", 0.2)]),
        (vec![root.clone(), a.clone(), b.clone()], vec![edge("a", "0", "1", 0.6), edge("b", "0", "2", 0.7)]),
        (vec![root, a, b, c], vec![edge("a", "0", "1", 0.9), edge("b", "0", "2", 0.1), edge("c", "1", "3", 0.8)]),
    ];
    let object = |pairs: Vec<(String, serde_json::Value)>| pairs.into_iter().collect::<serde_json::Map<_, _>>();
    let logs: Vec<_> = snapshots
        .into_iter()
        .map(|(nodes, edges)| serde_json::json!({ "nodes": object(nodes), "edges": object(edges) }))
        .collect();
    let log = serde_json::json!({ "logs": logs }).to_string();
    Desk::new(&[("search.json", Box::leak(log.into_bytes().into_boxed_slice()))], (120, 40))
}

fn texts(desk: &Desk) -> Vec<String> {
    let trace = desk.app.trace().unwrap();
    desk.app.tree.rows.iter().map(|row| trace.node(row.node).text.clone()).collect()
}

#[test]
fn a_search_is_watched_iteration_by_iteration() {
    let mut desk = desk();
    desk.keys("gi");
    assert_eq!(texts(&desk).len(), 3, "{}", desk.screen());
    desk.keys("<");
    assert_eq!(texts(&desk), ["3 * 4 is 12."]);
    assert!(desk.screen().contains("iteration 1 of 4: 1 steps (+1), best .60"), "{}", desk.screen());
    desk.keys(".");
    assert_eq!(texts(&desk), ["3 * 4 is 12.", "4 + 2 is 6."]);
    assert!(desk.screen().contains(".20") && !desk.screen().contains(".70"), "{}", desk.screen());
    let trace = desk.app.trace().unwrap().clone();
    assert_eq!(trace.node(desk.app.cursor.node).text, "4 + 2 is 6.", "the cursor is where the search is");
    desk.keys("2.");
    assert_eq!(texts(&desk).len(), 3);
    desk.keys(".");
    assert_eq!(desk.app.notice.as_deref(), Some("this is the last iteration"));
    desk.keys("3,");
    assert_eq!(texts(&desk), ["3 * 4 is 12."]);
    // Esc ends the replay, and the point is the label key again.
    desk.keys("<Esc>");
    assert!(desk.app.replay.is_none() && texts(&desk).len() == 3);
}

#[test]
fn the_turns_of_the_best_path_are_gone_to() {
    let mut desk = desk();
    let trace = desk.app.trace().unwrap().clone();
    let mut turns = Vec::new();
    for _ in 0..4 {
        desk.keys("gI");
        let line = desk.app.replay_line().unwrap();
        turns.push((line.split(':').next().unwrap().to_owned(), trace.node(desk.app.cursor.node).text.clone()));
    }
    let turns: Vec<(&str, &str)> = turns.iter().map(|(line, text)| (line.as_str(), text.as_str())).collect();
    // The first path is no turn; behind the last one it goes on from the first.
    let (third, last) = (("iteration 3 of 4", "4 + 2 is 6."), ("iteration 4 of 4", "12 + 2 is 14."));
    assert_eq!(turns, [third, last, third, last]);
    // Who judges blind sees what was made when, and not what it was worth.
    desk.keys("p");
    let screen = desk.screen();
    assert!(screen.contains("iteration 4 of 4") && !screen.contains(".80") && !screen.contains("best ."), "{screen}");
    desk.keys("gI");
    assert!(desk.app.notice.as_deref().unwrap().contains("hidden"));
}

#[test]
fn a_tree_without_an_order_says_so() {
    let mut desk = Desk::new(&[("demo/tree.jsonl", TREE)], (100, 30));
    desk.keys("gi");
    assert!(desk.app.replay.is_none());
    assert_eq!(desk.app.notice.as_deref(), Some("the file does not say in which order the search made these steps"));
}

#[test]
fn real_logs_of_searches_are_replayed() {
    for name in ["tot-logs/game24_bfs.json", "tot-logs/crosswords_dfs_prune.json"] {
        let Some(path) = data(name) else { continue };
        let bytes: &'static [u8] = Box::leak(std::fs::read(path).unwrap().into_boxed_slice());
        let mut desk = Desk::new(&[("log.json", bytes)], (120, 40));
        desk.keys("gi");
        let all = desk.app.tree.rows.len();
        desk.keys("500<");
        let first = desk.app.tree.rows.len();
        assert!(0 < first && first < all, "{name}: {first} of {all}");
        let mut shown = first;
        for _ in 0..40 {
            desk.keys(".");
            assert!(desk.app.tree.rows.len() >= shown, "{name}: steps that were made stay");
            shown = desk.app.tree.rows.len();
        }
        desk.keys("gI<Esc>");
    }
}

#[test]
fn the_keys_of_a_replay_stand_below_it_and_first_on_the_sheet() {
    let mut desk = desk();
    desk.keys("gi");
    assert!(desk.screen().contains(", . an iteration  < > ten  gI elsewhere  Esc whole tree"), "{}", desk.screen());
    desk.keys("?");
    let sheet = desk.screen();
    let row = |text: &str| sheet.lines().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{text}:\n{sheet}"));
    assert!(row("an iteration back") < row(":replay-turn") && row(":replay-turn") < row(":fold-or-parent"), "{sheet}");
    desk.keys("an iteration back<Enter>");
    assert!(desk.screen().contains("iteration 3 of 4"), "{}", desk.screen());
    desk.keys("q");
    assert!(desk.app.replay.is_none() && !desk.app.quitting && desk.app.show_tree, "the replay is closed first");
}
