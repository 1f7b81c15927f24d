//! What an annotator says beside "first error here" and "all right".

use stepscope::app::{Effect, Message};
use stepscope::labels::{Action, Body, Draft, Project, Scope, Verdict};
use stepscope::scoring::{ScoreRequest, WorkerEvent};
use stepscope::trace::{FirstError, Semantics, StepScore, Writing};

use super::desk::{Desk, SAMPLES, SOLUTIONS};

fn labels(desk: &Desk) -> stepscope::trace::SolutionLabels {
    desk.app.own_labels(desk.app.trace().unwrap(), *desk.app.cursor.path.last().unwrap())
}

#[test]
fn one_more_letter_names_the_kind_of_the_first_error() {
    let mut desk = Desk::demo();
    desk.keys("2X");
    assert!(desk.screen().contains("first error at step 2: which kind?"), "{}", desk.screen());
    assert!(desk.screen().contains("s  sign"), "{}", desk.screen());
    desk.keys("?");
    assert!(desk.app.choice.is_some() && desk.app.help.is_none(), "the question owns the keyboard");
    desk.keys("s");
    assert_eq!(desk.app.notice.as_deref().map(|said| said.contains("first error at step 2: sign")), Some(true));
    desk.keys("(");
    let said = labels(&desk);
    assert_eq!((said.first_error, said.error_kind.as_str()), (FirstError::At(1), "sign"));
    desk.keys("X");
    assert!(desk.screen().contains("s  sign (1)"), "chosen once so far:\n{}", desk.screen());
    desk.keys("<Esc>");
    assert_eq!(desk.app.session.decisions(), 1);
    desk.keys("2x(");
    assert_eq!(labels(&desk).error_kind, "", "a first error without a kind takes the old kind away");
    desk.keys("u");
    assert_eq!(labels(&desk).error_kind, "sign");
}

#[test]
fn a_project_has_its_own_kinds_and_asks_for_progress() {
    let mut desk = Desk::demo();
    desk.app.project = Project::parse("progress = true\n[errors]\nt = \"type\"\n").unwrap();
    let first = desk.id();
    desk.keys("2Xt");
    assert_eq!(desk.id(), first, "how far it had come is asked first");
    desk.keys("3");
    assert_ne!(desk.id(), first);
    desk.keys("(");
    let said = labels(&desk);
    assert_eq!((said.error_kind.as_str(), said.progress), ("type", Some(3)));
    desk.keys("gP<BS>");
    assert_eq!(labels(&desk).progress, None);
    desk.keys("x<Enter>");
    assert_ne!(desk.id(), first, "the question can be passed over");
}

#[test]
fn broken_problems_and_giving_up_have_a_reason() {
    let mut desk = Desk::demo();
    let record = desk.app.record_key().unwrap();
    desk.keys("!d");
    assert_eq!(desk.app.session.verdict(record), Some(&Verdict::BadProblem("figure".into())));
    desk.keys("(");
    assert!(desk.screen().contains("BAD PROBLEM") && desk.screen().contains("you: figure"), "{}", desk.screen());
    desk.keys("g!<Tab>needs a proof<Enter>");
    assert_eq!(desk.app.session.verdict(record), Some(&Verdict::GiveUp("needs a proof".into())));
    desk.keys("(!<Enter>");
    assert_eq!(desk.app.session.verdict(record), Some(&Verdict::BadProblem(String::new())));
    desk.keys("(!<Esc>!q<Esc>");
    assert_eq!(desk.app.session.decisions(), 3);
}

#[test]
fn tags_are_completed_from_those_in_use() {
    let mut desk = Desk::demo();
    desk.keys("talgebra, sign<Enter>jtalg<Tab> new<Enter>");
    let trace = desk.app.trace().unwrap();
    let text = |step: usize| {
        let key = trace.node(desk.app.cursor.path[step]).key;
        desk.app.session.text(Writing::Tags, Some(key), desk.app.record_key_here()).map(str::to_owned)
    };
    assert_eq!((text(0).as_deref(), text(1).as_deref()), (Some("algebra sign"), Some("algebra new")));
    assert_eq!(desk.app.session.tags().into_iter().collect::<Vec<_>>(), [("algebra", 2), ("new", 1), ("sign", 1)]);
}

#[test]
fn a_critique_comes_back_from_the_editor_and_undo_takes_it_away() {
    let mut desk = Desk::demo();
    desk.keys("jC");
    let Some(Effect::Edit(manuscript, below)) = desk.left.pop() else { panic!("{:?}", desk.left) };
    let step = manuscript.step;
    let trace = desk.app.trace().unwrap();
    let shown = [&trace.node(desk.app.cursor.node).text, &trace.problem.text].map(|text| text.lines().next().unwrap());
    assert!(shown.iter().all(|line| below.contains(line)) && below.contains("# step 2 of "), "{below}");
    assert_eq!(stepscope::app::scissors::cut(&format!("The sign is lost.{below}")), "The sign is lost.\n");
    desk.tell(Message::Edited(manuscript.clone(), Ok("The sign is lost.\n".into())));
    let record = desk.app.record_key_here();
    assert_eq!(desk.app.session.text(Writing::Critique, step, record), Some("The sign is lost."));
    desk.tell(Message::Edited(manuscript, Err("vi failed".into())));
    assert_eq!(desk.app.notice.as_deref(), Some("vi failed"));
    assert_eq!(desk.app.session.text(Writing::Critique, step, record), Some("The sign is lost."));
    desk.keys("u");
    assert_eq!(desk.app.session.text(Writing::Critique, step, record), None);
}

#[test]
fn the_best_of_several_alternatives_is_kept() {
    let mut desk = Desk::new(&[("demo/samples.jsonl", SAMPLES)], (120, 40));
    let trace = desk.app.trace().unwrap().clone();
    let fork = trace
        .steps()
        .find(|&id| trace.node(id).children.len() > 1)
        .map_or(trace.node(trace.steps().next().unwrap()), |id| trace.node(id));
    let child = trace.node(fork.children[0]);
    desk.app.cursor.go_to_node(&trace, fork.children[0]);
    desk.keys("gB");
    assert_eq!(desk.app.session.chosen(fork.key), Some(child.key));
    assert!(desk.screen().contains("best: "), "{}", desk.screen());
    desk.keys("gB");
    assert_eq!(desk.app.session.chosen(fork.key), None);
}

#[test]
fn stopping_at_the_first_error_goes_on_when_the_solution_is_decided() {
    let mut desk = Desk::new(&[("demo/solutions.json", SOLUTIONS)], (80, 24));
    desk.app.project.scope = Scope::FirstError;
    let first = desk.id();
    desk.keys("=0");
    assert_eq!(desk.id(), first);
    desk.keys("-");
    assert_ne!(desk.id(), first);
    let second = desk.id();
    desk.keys(&"=".repeat(desk.app.cursor.path.len()));
    assert_ne!(desk.id(), second);
    desk.keys("(");
    assert_eq!(labels(&desk).first_error, FirstError::NoError);
}

fn texts(desk: &Desk) -> Vec<String> {
    let trace = desk.app.trace().unwrap();
    desk.app.cursor.path.iter().map(|&id| trace.node(id).text.clone()).collect()
}

#[test]
fn steps_are_merged_and_split_and_undo_gives_the_steps_of_the_source_back() {
    let mut desk = Desk::demo();
    let source = texts(&desk);
    desk.keys("3x(jgm");
    let merged = texts(&desk);
    assert_eq!(merged.len() + 1, source.len());
    assert!(merged[1].starts_with(&source[1]) && merged[1].ends_with(&source[2]));
    assert_eq!(desk.step(), 2, "the cursor stays with its step");
    assert_eq!(labels(&desk).first_error, FirstError::At(1), "the error stands in the merged step");
    desk.keys("x(");
    assert_eq!(labels(&desk).first_error, FirstError::At(1));
    // A split at the place of the old border brings the old steps back, and with them their labels.
    desk.keys("jgS");
    while desk.app.split.as_ref().unwrap().parts().1 != source[2] {
        let before = desk.app.split.clone();
        desk.keys("l");
        assert_ne!(desk.app.split, before, "no place before {:?}", source[2]);
    }
    assert!(desk.screen().contains("split step 2"), "{}", desk.screen());
    desk.keys("<Enter>");
    assert_eq!(texts(&desk), source);
    assert_eq!(labels(&desk).first_error, FirstError::At(2));
    desk.keys("u");
    assert_eq!(texts(&desk), merged);
    desk.keys("uu");
    assert_eq!(texts(&desk), source);
    desk.keys("<C-r>");
    assert_eq!(texts(&desk), merged, "redo");
    let desk = desk.restart();
    assert_eq!(texts(&desk), merged, "after a restart");
}

#[test]
fn the_list_shows_the_verdict_in_the_steps_of_now() {
    const FILE: &[u8] =
        br#"{"id":"1","generator":"g","problem":"p","steps":["a","b","c"],"final_answer_correct":true,"label":-1}"#;
    let mut desk = Desk::new(&[("one.jsonl", FILE)], (120, 40));
    desk.keys("3x");
    assert!(desk.screen().contains("1 x3 "), "{}", desk.screen());
    desk.keys("ggjgm");
    assert!(desk.screen().contains("1 x2 "), "{}", desk.screen());
}

#[test]
fn the_last_step_is_merged_with_nothing_and_splitting_can_be_left() {
    let mut desk = Desk::demo();
    let source = texts(&desk);
    desk.keys("Ggmgg").keys("gSj<Esc>");
    assert_eq!((texts(&desk), desk.app.session.decisions()), (source, 0));
}

/// A desk with a model, whose requests are left for the test to answer.
fn scored() -> Desk {
    scored_at((80, 24))
}

fn scored_at(size: (u16, u16)) -> Desk {
    scored_on("demo/solutions.json", SOLUTIONS, size)
}

fn scored_on(name: &'static str, bytes: &'static [u8], size: (u16, u16)) -> Desk {
    let mut desk = Desk::new(&[(name, bytes)], size);
    desk.keys("gK");
    desk.tell(Message::Worker(WorkerEvent::Ready(super::scoring::model())));
    let trace = desk.app.trace().unwrap().clone();
    let score = |value| StepScore::new(value, Semantics::Correctness).unwrap();
    desk.app.scoring.scores.extend(trace.steps().map(|id| (trace.node(id).key, score(0.25))));
    desk
}

fn asked(desk: &mut Desk) -> Vec<ScoreRequest> {
    desk.left.drain(..).filter_map(|effect| if let Effect::Score(request) = effect { Some(request) } else { None }).collect()
}

#[test]
fn a_step_written_anew_is_scored_as_it_is_written_and_its_scores_stay_apart() {
    let mut desk = scored();
    let trace = desk.app.trace().unwrap().clone();
    let (source, path) = (texts(&desk), desk.app.cursor.path.clone());
    desk.keys("je");
    assert!(desk.screen().contains("as the source has it"), "{}", desk.screen());
    assert!(asked(&mut desk).is_empty(), "the source is known");
    desk.keys(" No");
    let request = asked(&mut desk).pop().unwrap();
    let wanted: Vec<&str> = request.nodes.iter().filter(|node| !node.known).map(|node| node.text.as_str()).collect();
    assert_eq!(wanted[0], format!("{} No", source[1]));
    assert_eq!(wanted[1..], source[2..], "every step behind it stands on other words now");
    assert!(request.nodes[0].known && request.nodes[0].key == trace.node(path[0]).key, "what stands before it is known");
    let score = StepScore::new(0.75, Semantics::Correctness).unwrap();
    for node in request.nodes.iter().filter(|node| !node.known) {
        desk.tell(Message::Worker(WorkerEvent::Score { request: request.id, key: node.key, score }));
    }
    let screen = desk.screen();
    assert!(screen.contains(" 2  .25  .75"), "{screen}");
    assert!(path.iter().all(|&id| (desk.app.shown_score(trace.node(id).key).unwrap().value() - 0.25).abs() < 1e-9));
    // Left without trace.
    desk.keys("<Esc>");
    assert_eq!((texts(&desk), desk.app.session.decisions()), (source.clone(), 0));
    // Kept.
    desk.keys("e No<C-s>");
    let key = trace.node(path[1]).key;
    let kept = |desk: &Desk| desk.app.session.text(Writing::Correction, Some(key), desk.app.record_key_here()).map(str::to_owned);
    assert_eq!(kept(&desk), Some(format!("{} No", source[1])));
    assert_eq!(texts(&desk), source, "the source stays what it is");
    desk.keys("e<C-s>");
    assert_eq!(desk.app.session.decisions(), 1, "nothing was changed");
    desk.keys("u");
    assert_eq!(kept(&desk), None);
}

#[test]
fn requests_for_words_that_are_gone_are_cancelled() {
    let mut desk = scored();
    desk.keys("eab");
    let requests = asked(&mut desk);
    desk.keys("c");
    let last = requests.last().unwrap().id;
    assert!(desk.left.contains(&Effect::CancelScore(last)), "{:?}", desk.left);
    desk.keys("<Esc>");
    assert!(!desk.app.scoring.busy());
}

#[test]
fn letters_come_up_at_the_steps_in_sight_and_one_of_them_marks() {
    let mut desk = Desk::demo();
    let id = desk.id();
    desk.keys(";");
    let letters: Vec<(char, usize)> = desk.app.letters().collect();
    let (letter, step) = letters[1];
    assert_eq!(step, 1);
    assert!(desk.screen().lines().any(|line| line.trim_start_matches(['>', '|', ' ']).starts_with(letter)), "{}", desk.screen());
    desk.keys("<Esc>");
    assert_eq!((desk.id(), desk.app.session.decisions()), (id.clone(), 0), "Esc leaves it");
    desk.keys(&format!(";{letter}"));
    assert_ne!(desk.id(), id, "on to the next");
    desk.keys("(");
    assert_eq!(labels(&desk).first_error, FirstError::At(1));
}

#[test]
fn digits_mark_by_themselves_where_that_is_wanted() {
    let mut desk = Desk::demo();
    desk.keys("2");
    assert_eq!(desk.app.session.decisions(), 0, "a count, as in vim");
    desk.keys("<Esc>:digits<Enter>2");
    assert_eq!(desk.app.session.decisions(), 1);
    desk.keys("(");
    assert_eq!(labels(&desk).first_error, FirstError::At(1));
    // In a solution of more than nine steps a 1 may still become a 12.
    while desk.app.cursor.path.len() < 12 {
        desk.keys(")");
    }
    desk.keys("1");
    assert_eq!(desk.app.session.decisions(), 1);
    desk.keys("2(");
    assert_eq!(labels(&desk).first_error, FirstError::At(11));
    desk.keys("1x(");
    assert_eq!(labels(&desk).first_error, FirstError::At(0));
}

#[test]
fn the_cursor_rests_on_the_step_most_worth_a_look_and_not_out_of_sight_of_the_beginning() {
    let mut desk = scored();
    let trace = desk.app.trace().unwrap().clone();
    let score = |value| StepScore::new(value, Semantics::Correctness).unwrap();
    // Nothing is predicted: all lie above the threshold.
    for (at, id) in trace.steps().enumerate() {
        desk.app.scoring.scores.insert(trace.node(id).key, score(if at == 1 { 0.8 } else { 0.9 }));
    }
    assert_eq!(desk.app.predicted_first_error(), None);
    desk.keys(")(");
    assert_eq!(desk.step(), 2);
    assert!(desk.app.steps.visible.iter().any(|slice| (slice.step, slice.first) == (0, 0)), "{}", desk.screen());
    desk.keys("k)(");
    assert_eq!(desk.step(), 2);
}

#[test]
fn what_is_long_is_scrolled_in_the_detail_pane_on_any_screen() {
    let mut desk = Desk::demo();
    let words = (0..120).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ");
    desk.keys(&format!("c{words}<Enter>"));
    assert!(!desk.screen().contains("word119"), "no detail pane on so small a screen:\n{}", desk.screen());
    desk.keys("<C-e>");
    let mut seen = String::new();
    for _ in 0..8 {
        seen.push_str(&desk.screen());
        desk.keys("<C-e>");
    }
    assert!((0..120).all(|n| seen.contains(&format!("word{n}"))), "{seen}");
    desk.keys("j");
    assert_eq!(desk.app.detail, None, "another step begins at its beginning");
    desk.keys("k<C-e><C-y>");
    assert_eq!(desk.app.detail, None);
}

#[test]
fn what_is_copied_is_what_may_be_seen() {
    let mut desk = scored();
    let copied = |desk: &mut Desk, keys: &str| {
        desk.left.clear();
        desk.keys(keys);
        desk.left.drain(..).find_map(|effect| if let Effect::Copy(text) = effect { Some(text) } else { None })
    };
    assert_eq!(copied(&mut desk, "yi"), Some(desk.id()));
    assert_eq!(copied(&mut desk, "jyp").as_deref(), Some("demo/solutions.json:1.1 step 2"));
    assert_eq!(copied(&mut desk, "yl"), None);
    assert_eq!(copied(&mut desk, "2x(yl").as_deref(), Some("first error at step 2"));
    let json = |text: Option<String>| serde_json::from_str::<serde_json::Value>(&text.unwrap()).unwrap();
    let shown = json(copied(&mut desk, "yj"));
    assert_eq!(shown["steps"][1]["label"], "bad");
    assert_eq!(shown["steps"][1]["score"], 0.25);
    let blind = json(copied(&mut desk, "pyj"));
    assert!(blind["steps"][1]["score"].is_null());
    assert_eq!(copied(&mut desk, "2Gyy"), Some(texts(&desk)[1].clone()));
}

/// A solution on show whose scores are `.1` at step 2 and fall a little from step to step besides.
fn suspicious(size: (u16, u16)) -> Desk {
    with_suspect(scored_at(size))
}

/// The same of two solutions of ten steps that take more than a small screen.
fn long(size: (u16, u16)) -> Desk {
    let steps: Vec<String> =
        (1..=10).map(|step| format!("Step {step} is put in so many words that they take two rows.")).collect();
    let line = |n: usize| {
        let line = serde_json::json!({
            "id": format!("l-{n}"), "generator": "m", "problem": "Long?", "steps": steps, "label": 1, "final_answer_correct": false
        });
        line.to_string() + "\n"
    };
    let bytes = Box::leak([line(1), line(2)].concat().into_bytes().into_boxed_slice());
    with_suspect(scored_on("long.jsonl", bytes, size))
}

fn with_suspect(mut desk: Desk) -> Desk {
    let trace = desk.app.trace().unwrap().clone();
    let score = |value| StepScore::new(value, Semantics::Correctness).unwrap();
    for (step, &id) in desk.app.cursor.path.clone().iter().enumerate() {
        desk.app.scoring.scores.insert(trace.node(id).key, score(if step == 1 { 0.1 } else { 0.9 - step as f64 / 50.0 }));
    }
    desk
}

#[test]
fn the_second_and_the_third_suspect_have_keys_of_their_own() {
    for (key, back) in [("w", 1), ("W", 2)] {
        let mut desk = suspicious((80, 24));
        let step = desk.app.cursor.path.len() - back;
        assert_eq!(desk.app.predicted_first_error(), Some(1));
        assert_eq!(desk.app.other_suspects().nth(back - 1), Some(step));
        desk.keys("gg");
        assert!(desk.screen().lines().any(|line| line.contains(&format!(" {key} {} ", step + 1))), "{}", desk.screen());
        desk.keys(key);
        desk.keys("(");
        assert_eq!(labels(&desk).first_error, FirstError::At(step));
        assert_eq!(desk.app.other_suspects().count(), 0, "it has a label now");
        desk.keys(")p");
        assert_eq!(desk.app.other_suspects().count(), 0, "and nothing gives hidden scores away");
    }
}

#[test]
fn pages_are_turned_to_the_end_and_the_suspect_is_under_the_cursor_when_it_comes_in_sight_again() {
    let mut desk = long((60, 18));
    let last = desk.app.cursor.path.len() - 1;
    let in_sight = |desk: &Desk, step| desk.app.steps.visible.iter().any(|slice| slice.step == step);
    desk.keys("G");
    for _ in 0..40 {
        desk.keys(" ");
    }
    assert!(in_sight(&desk, last) && !in_sight(&desk, 0), "{}", desk.screen());
    for _ in 0..40 {
        if desk.app.steps.top != (0, 0) {
            desk.keys("<PageUp>");
        }
    }
    assert_eq!(desk.app.steps.top, (0, 0), "{}", desk.screen());
    assert_eq!(desk.app.cursor.step(), 1, "{}", desk.screen());
}

#[test]
fn a_long_solution_begins_at_its_beginning_and_pages_lead_to_the_predicted_error() {
    let mut desk = long((60, 18));
    let (trace, path) = (desk.app.trace().unwrap().clone(), desk.app.cursor.path.clone());
    let last = path.len() - 1;
    let score = |value| StepScore::new(value, Semantics::Correctness).unwrap();
    for (step, id) in path.iter().enumerate() {
        desk.app.scoring.scores.insert(trace.node(*id).key, score(if step == last { 0.1 } else { 0.9 }));
    }
    desk.keys(")(");
    assert_eq!(desk.app.predicted_first_error(), Some(last));
    assert_eq!((desk.app.steps.top, desk.app.cursor.step()), ((0, 0), 0), "{}", desk.screen());
    while !desk.app.steps.visible.iter().any(|slice| slice.step == last) {
        desk.keys(" ");
    }
    assert_eq!(desk.app.cursor.step(), last, "{}", desk.screen());
    // On a screen that has room for both it is there at once.
    let mut tall = long((160, 60));
    tall.app.scoring.scores.clone_from(&desk.app.scoring.scores);
    tall.keys(")(");
    assert_eq!((tall.app.steps.top, tall.app.cursor.step()), ((0, 0), last), "{}", tall.screen());
}

#[test]
fn the_picture_of_a_problem_is_named_also_to_who_labels_blind() {
    const FILE: &[u8] = br#"[{"id":"g-1","generator":"m","problem":"Area of the square?","steps":["Side is 2.","Area 4."],"final_answer_correct":true,"label":-1,"image":"img/1.png"}]"#;
    let mut desk = Desk::new(&[("demo/image.json", FILE)], (80, 24));
    desk.keys("p");
    assert!(desk.screen().contains("image img/1.png"), "{}", desk.screen());
    let asked = desk.left.iter().filter(|effect| matches!(effect, stepscope::app::Effect::Measure { .. })).count();
    assert_eq!(asked, 1, "its size is asked for once");
    let picture = "img/1.png".to_owned();
    desk.tell(stepscope::app::Message::Measured { file: 0, picture, said: "640x480".to_owned() });
    assert!(desk.screen().contains("image img/1.png 640x480"), "{}", desk.screen());
}

#[cfg(feature = "images")]
mod pictures {
    use stepscope::app::{App, Effect, Message};
    use stepscope::ui::picture::{Canvas, Drawn, Way};

    use super::Desk;

    const FILE: &[u8] = br#"[{"id":"g-1","generator":"m","problem":"Area of the square?","steps":["Side is 2.","Area 4."],"final_answer_correct":true,"label":-1,"image":"img/1.png"}]"#;

    /// The left half red, the right half blue.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let half = |x, _| if x < width / 2 { image::Rgb([255_u8, 0, 0]) } else { image::Rgb([0, 0, 255]) };
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_fn(width, height, half).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn asked(desk: &mut Desk) -> Vec<(u16, u16)> {
        let cells = |effect| if let Effect::Picture { cells, .. } = effect { Some(cells) } else { None };
        desk.left.drain(..).filter_map(cells).collect()
    }

    fn answer(desk: &mut Desk, cells: (u16, u16), made: Result<Drawn, String>) {
        desk.tell(Message::Pictured { file: 0, picture: "img/1.png".to_owned(), cells, made });
    }

    #[test]
    fn the_picture_stands_below_the_whole_problem() {
        let mut desk = Desk::new(&[("demo/image.json", FILE)], (100, 40));
        assert_eq!(asked(&mut desk), [], "nobody has asked for it");
        desk.app.look.glyphs = stepscope::text::Glyphs::UNICODE;
        desk.keys("gQ");
        let cells = asked(&mut desk);
        let [(columns, rows)] = cells[..] else { panic!("{cells:?}") };
        assert!(columns > 40 && rows > 8, "{cells:?}");
        assert!(desk.screen().contains("the picture is being read"), "{}", desk.screen());
        answer(&mut desk, (columns, rows), Drawn::of(&png(400, 200), (columns, rows), Canvas::default(), 1));
        let coloured = |app: &App, desk: &Desk| {
            let buffer = desk.buffer();
            let cells = buffer.content().iter().filter(|cell| {
                [cell.fg, cell.bg]
                    .iter()
                    .any(|colour| matches!(colour, ratatui::style::Color::Rgb(255, 0, 0) | ratatui::style::Color::Rgb(0, 0, 255)))
            });
            assert_eq!(app.size, (buffer.area.width, buffer.area.height));
            cells.count()
        };
        // Twice as wide as high: as many rows as there are, four columns a row.
        let drawn = coloured(&desk.app, &desk);
        assert!(drawn > usize::from(rows) * usize::from(rows) && drawn <= usize::from(columns) * usize::from(rows), "{drawn}");
        assert!(desk.screen().contains("Area of the square?") && desk.screen().contains("Side is 2."), "{}", desk.screen());
        assert_eq!(asked(&mut desk), [], "once");
        // A terminal without the signs says so, and the panes stay where they are.
        desk.app.look.glyphs = stepscope::text::Glyphs::ASCII;
        desk.keys("j");
        assert!(desk.screen().contains("the picture is not drawn in ASCII"), "{}", desk.screen());
        desk.keys("gQ");
        assert_eq!(coloured(&desk.app, &desk), 0);
        // Another size is another picture; one that cannot be decoded has its reason in its place.
        desk.keys("gQ");
        desk.tell(Message::Terminal(crossterm::event::Event::Resize(120, 50)));
        let cells = asked(&mut desk).pop().unwrap();
        answer(&mut desk, cells, Drawn::of(b"\x89PNG\r\n\x1a\nno picture", cells, Canvas::default(), 2));
        assert!(desk.screen().contains("the picture cannot be read"), "{}", desk.screen());
    }

    #[test]
    fn pictures_that_would_take_all_memory_are_refused_by_their_heads() {
        let mut bomb = b"\x89PNG\r\n\x1a\n".to_vec();
        let head = [b"IHDR".as_slice(), &15_000_u32.to_be_bytes(), &15_000_u32.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
        bomb.extend(13_u32.to_be_bytes());
        bomb.extend(&head);
        let mut crc = flate2::Crc::new();
        crc.update(&head);
        bomb.extend(crc.sum().to_be_bytes());
        // The data of a picture begins, so that its head is complete.
        bomb.extend([0, 0, 0, 0]);
        bomb.extend(b"IDAT\x35\xaf\x06\x1e");
        let said = |bytes: &[u8]| Drawn::of(bytes, (40, 20), Canvas::default(), 1).unwrap_err();
        assert_eq!(said(&bomb), "is too large to be drawn");
        assert_eq!(said(b"<svg/>"), "is of a kind that is not drawn; PNG, JPEG, GIF and WebP are");
        for way in [Way::Kitty, Way::Sixel, Way::Iterm2] {
            let canvas = Canvas { way, cell: (10, 20) };
            Drawn::of(&png(300, 100), (40, 20), canvas, 1).unwrap();
        }
    }
}

#[test]
fn cuts_of_another_session_are_on_show_before_the_next_one() {
    let mut desk = Desk::demo();
    let texts = |desk: &Desk| -> Vec<String> {
        let trace = desk.app.trace().unwrap();
        desk.app.cursor.path.iter().map(|&id| trace.node(id).text.clone()).collect()
    };
    let before = texts(&desk);
    let trace = desk.app.trace().unwrap().clone();
    let mut starts = trace.own_starts(&trace.solutions[0]);
    starts.remove(1);
    let draft = Draft::of(Action::Segment { record: desk.app.record_key().unwrap(), starts });
    let theirs = desk.store.append(draft).unwrap();
    desk.keys("gS");
    desk.tell(Message::Foreign(vec![theirs.clone()]));
    let now = texts(&desk);
    assert_eq!((now.len(), &now[1..]), (before.len() - 1, &before[2..]), "{}", desk.screen());
    assert!(desk.app.split.is_none() && desk.app.notice.as_deref().unwrap().contains("another session"), "{}", desk.screen());
    // What is merged is what stands there.
    desk.keys("ggjgm");
    let merged = texts(&desk);
    assert_eq!((merged.len(), &merged[2..]), (now.len() - 1, &now[3..]), "{}", desk.screen());
    assert!(merged[1].starts_with(&now[1]) && merged[1].ends_with(&now[2]), "{merged:#?}");
    let taken_back =
        desk.store.append(Draft { body: Body::Undo(theirs.id), ..Draft::of(Action::Names { shown: true }) }).unwrap();
    desk.keys("u");
    desk.tell(Message::Foreign(vec![taken_back]));
    assert_eq!(texts(&desk), before);
}
