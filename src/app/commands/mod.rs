//! Every command is a row: name, keys, one line of help, function. The same table feeds keys, the help sheet, the command line and
//! the README.

pub mod cuts;
mod export;
pub mod help;
pub mod label;
pub mod motion;
pub mod rate;
pub mod review;
pub mod search;
pub mod session;
pub mod tree;
pub mod trust;
pub mod view;
pub mod words;

use super::choice::{self, Question};
use super::typed::Given;
use super::{App, Effect, sampling};
use crate::query::{self, QUANTITIES};

/// Where a command stands on the help sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Getting around.
    Motion,
    /// Getting around in a tree.
    Tree,
    /// Saying what is right and wrong.
    Label,
    /// Finding things.
    Search,
    /// What is on the screen.
    View,
    /// Model, store, program.
    Session,
}

impl Group {
    /// Heading of the group.
    pub fn title(self) -> &'static str {
        match self {
            Self::Motion => "Moving",
            Self::Tree => "Tree",
            Self::Label => "Labelling",
            Self::Search => "Finding",
            Self::View => "Looking",
            Self::Session => "Program",
        }
    }
}

/// One command.
#[derive(Debug)]
pub struct Command {
    /// The name on the command line.
    pub name: &'static str,
    /// Its bindings; the keys of one binding are parted by spaces.
    pub keys: &'static [&'static str],
    /// What it does, in one line.
    pub doc: &'static str,
    /// Where it stands on the help sheet.
    pub group: Group,
    /// Carries it out; the number is the count typed before it.
    pub run: fn(&mut App, Option<usize>) -> Vec<Effect>,
    /// What stands behind its name on the command line.
    pub takes: Takes,
}

/// What stands behind the name of a command on the command line. Without it the command runs as from its key.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// The count that can be typed before its keys.
    Count,
    /// The answer to what it asks: a letter, a name, or own words where these are taken.
    Answer {
        /// How it is called in the help.
        what: &'static str,
        /// What is asked where the cursor stands.
        question: fn(&App) -> Question,
    },
    /// Something of its own.
    Argument(Argument),
}

/// The argument of a command.
#[derive(Debug, Clone, Copy)]
pub struct Argument {
    /// How it is called in the help.
    pub what: &'static str,
    /// Carries the command out with it.
    pub run: fn(&mut App, &str) -> Vec<Effect>,
    /// What it can be.
    pub known: Known,
}

/// What an argument can be, for completion and to be refused.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// Any text; of a number the command says what it may be.
    Any,
    /// One of these.
    Only(fn(&App) -> Vec<String>),
    /// One of these, or any text.
    Also(fn(&App) -> Vec<String>),
    /// One of these, or an expression, of whose names each can be completed.
    Expression(fn(&App) -> Vec<String>),
    /// Words, each of them one of these or any other.
    Words(fn(&App) -> Vec<String>),
}

impl Command {
    /// The same command with a count on the command line.
    const fn counts(mut self) -> Self {
        self.takes = Takes::Count;
        self
    }

    /// The same command with the answer to its question on the command line.
    const fn answers(mut self, what: &'static str, question: fn(&App) -> Question) -> Self {
        self.takes = Takes::Answer { what, question };
        self
    }

    /// The same command with an argument on the command line.
    const fn takes(mut self, what: &'static str, run: fn(&mut App, &str) -> Vec<Effect>, known: Known) -> Self {
        self.takes = Takes::Argument(Argument { what, run, known });
        self
    }

    /// How its argument is called in the help; a count is not spoken of.
    pub fn argument(&self) -> Option<&'static str> {
        match self.takes {
            Takes::Nothing | Takes::Count => None,
            Takes::Answer { what, .. } | Takes::Argument(Argument { what, .. }) => Some(what),
        }
    }

    /// Its name with what stands behind it: `note TEXT`.
    pub fn usage(&self) -> String {
        self.argument().map_or_else(|| self.name.to_owned(), |what| format!("{} {what}", self.name))
    }
}

const fn row(
    group: Group,
    name: &'static str,
    keys: &'static [&'static str],
    doc: &'static str,
    run: fn(&mut App, Option<usize>) -> Vec<Effect>,
) -> Command {
    Command { name, keys, doc, group, run, takes: Takes::Nothing }
}

use Group::{Label, Motion, Search, Session, Tree, View};

/// All groups, in the order of the README.
pub const GROUPS: [Group; 6] = [Motion, Tree, Label, Search, View, Session];

/// The table.
pub static COMMANDS: &[Command] = &[
    row(Motion, "down", &["j", "Down", "Ctrl-n"], "next step", motion::down).counts(),
    row(Motion, "up", &["k", "Up", "Ctrl-p"], "previous step", motion::up).counts(),
    row(Motion, "next-solution", &[")", "Right"], "next solution", motion::next_solution).counts(),
    row(Motion, "previous-solution", &["(", "Left"], "previous solution", motion::previous_solution).counts(),
    row(Motion, "next-problem", &["}"], "next problem", motion::next_problem).counts(),
    row(Motion, "previous-problem", &["{"], "previous problem", motion::previous_problem).counts(),
    row(Motion, "top", &["g g", "Home"], "first step, or step of the count", motion::top).counts(),
    row(Motion, "bottom", &["G", "End"], "last step, or step of the count (5G)", motion::bottom).counts(),
    row(Motion, "page-down", &["Space", "PageDown"], "a page down; the cursor goes along, to the suspect where it comes in sight", motion::page_down).counts(),
    row(Motion, "page-up", &["PageUp"], "a page up", motion::page_up).counts(),
    row(Motion, "half-page-down", &["Ctrl-d"], "half a page down", motion::half_page_down).counts(),
    row(Motion, "half-page-up", &["Ctrl-u"], "half a page up", motion::half_page_up).counts(),
    row(Motion, "cursor-middle", &["z z"], "put the step in the middle of the screen", motion::middle),
    row(Motion, "cursor-top", &["z t"], "put the step at the top of the screen", motion::screen_top),
    row(Motion, "cursor-bottom", &["z b"], "put the step at the bottom of the screen", motion::screen_bottom),
    row(Motion, "goto", &["g o"], "problem of the count (37 g o); also :37", motion::goto).counts(),
    row(Motion, "back", &["Ctrl-o", "g ;"], "back to where the last far jump began", motion::back).counts(),
    row(Motion, "forward", &["g ,"], "forward again", motion::forward).counts(),
    row(Motion, "mark", &["M"], "mark this place with a letter; marks outlive the session", motion::set_mark).answers("LETTER", |_| Question::SetMark),
    row(Motion, "go-to-mark", &["'", "`"], "go to a marked place", motion::go_to_mark).answers("LETTER", |_| Question::GoToMark),
    row(Tree, "fold-or-parent", &["h"], "fold, or go to the parent", tree::fold_or_parent).counts(),
    row(Tree, "unfold-or-child", &["l"], "unfold, or go to the first child", tree::unfold_or_child).counts(),
    row(Tree, "next-sibling", &["J"], "next sibling", tree::next_sibling).counts(),
    row(Tree, "previous-sibling", &["K"], "previous sibling", tree::previous_sibling).counts(),
    row(Tree, "parent", &["g p"], "parent", tree::parent).counts(),
    row(Tree, "first-child", &["g c"], "first child", tree::first_child),
    row(Tree, "best-child", &["g b"], "child with the best search value (Q, MC), else score", tree::best_child),
    row(Tree, "worst-child", &["g w"], "child with the worst step score", tree::worst_child),
    row(Tree, "most-visited-child", &["g v"], "child with the most visits", tree::most_visited_child),
    row(Tree, "open-fold", &["z o"], "unfold", tree::open),
    row(Tree, "close-fold", &["z c"], "fold", tree::close),
    row(Tree, "toggle-fold", &["z a", "Enter"], "fold or unfold", tree::toggle),
    row(Tree, "open-folds", &["z R"], "unfold everything", tree::open_all),
    row(Tree, "close-folds", &["z M"], "fold everything", tree::close_all),
    row(Tree, "show-path", &["z v"], "unfold just enough to see the step", tree::show_path),
    row(
        Tree,
        "replay",
        &["g i"],
        "the search iteration by iteration: . and , go one on and back, > and < ten; Esc ends it",
        tree::replay,
    ),
    row(Tree, "replay-turn", &["g I"], "next iteration at which the best path leads elsewhere", tree::next_turn),
    row(Label, "first-error", &["x"], "first error here, or at the step of the count (4x); next solution", label::first_error).counts(),
    row(
        Label,
        "first-error-at",
        &[";"],
        "letters come up at the steps in sight, the one typed says where the first error is; next solution",
        label::first_error_at,
    ).answers("STEP", |_| Question::FirstErrorAt),
    row(
        Label,
        "first-error-second",
        &["w"],
        "first error at the second suspect, with this key before its number; next solution",
        label::first_error_second,
    ),
    row(
        Label,
        "first-error-third",
        &["W"],
        "first error at the third suspect, with this key before its number; next solution",
        label::first_error_third,
    ),
    row(Label, "digits", &[], "digits alone mark the first error (4), or are a count (4x)", trust::toggle_digits),
    row(
        Label,
        "first-error-kind",
        &["X"],
        "first error here (4X: at step 4) with its kind, named by one more letter; next solution",
        label::first_error_kind,
    ).answers("KIND", |app| Question::ErrorKind { step: app.cursor.step() }),
    row(Label, "all-right", &["a"], "all steps are right; next solution", label::all_right),
    row(Label, "good", &["=", "+"], "this step is good (+1), or the chosen steps, or as many as the count (3=); next solution once all steps are rated", rate::good).counts(),
    row(Label, "neutral", &["0"], "this step is neutral (0), or the chosen steps", rate::neutral).counts(),
    row(Label, "bad", &["-"], "this step is bad (-1), or the chosen steps", rate::bad).counts(),
    row(Label, "clear-rating", &["Backspace"], "take the rating of this step, or of the chosen ones, away", rate::clear_rating).counts(),
    row(Label, "range", &["v"], "choose steps from here to where you go, for one rating", label::range),
    row(Label, "repeat", &["."], "the last label once more, here", label::repeat).counts(),
    row(
        Label,
        "rest-after-error",
        &["g x"],
        "all behind the first step that is rated bad stands after the error; next solution",
        rate::rest_after_error,
    ),
    row(Label, "unsure", &["f"], "flag as unsure, or take the flag away; next solution", label::unsure),
    row(Label, "later", &["s"], "leave for later; next solution", label::later),
    row(Label, "bad-problem", &["!"], "the problem itself is broken, with a reason; next solution", label::bad_problem).answers("REASON", |_| Question::BadProblem),
    row(Label, "give-up", &["g !"], "give up on this solution, with a reason; next solution", label::give_up).answers("REASON", |_| Question::GiveUp),
    row(Label, "scope", &[], "end a solution at its first bad step, or rate all its steps from the first one on; :scope all", trust::toggle_scope)
        .takes("NAME", trust::set_scope, Known::Only(trust::scopes)),
    row(Label, "progress", &["g P"], "how far the solution had come when it went wrong", label::progress).answers("DIGIT", |app| Question::Progress { record: app.record_key_here(), go_on: false }),
    row(
        Label,
        "best-alternative",
        &["g B"],
        "this step is the best of its alternatives, or no longer is",
        label::best_alternative,
    ),
    row(
        Label,
        "sample",
        &["g e"],
        "alternatives of this step, written by the language model of --sampler; :sample 4 0.8 says how many and how freely",
        words::sample,
    )
    .takes("COUNT [HEAT]", sampling::with, Known::Any),
    row(
        Label,
        "rewrite",
        &["e"],
        "write this step anew and see its scores change; keep it as a correction or leave",
        words::rewrite,
    ),
    row(Label, "merge", &["g m"], "merge this step with the next one", cuts::merge),
    row(Label, "split", &["g S"], "split this step at a place that you choose", cuts::split),
    row(Label, "segment", &[], "cut this solution by another rule, seen before it is taken; :segment sentence, tag:TEXT, length:300, sentence+20", cuts::segment)
        .takes("RULE", cuts::segment_by, Known::Also(cuts::rules)),
    row(Label, "note", &["c"], "write a note on this step", words::note).takes("TEXT", words::note_as, Known::Any),
    row(Label, "critique", &["C"], "write in your editor what is wrong with this step, which stands there below the text", words::critique).takes("TEXT", words::critique_as, Known::Any),
    row(Label, "tags", &["t"], "tag this step; Tab completes", words::tags).takes("WORDS", words::tags_as, Known::Words(words::tags_in_use)),
    row(Label, "undo", &["u"], "take the last label back and go there", label::undo).counts(),
    row(Label, "redo", &["Ctrl-r"], "set the label that was taken back", label::redo).counts(),
    row(Search, "search", &["/"], "search the text of all steps (regular expression, smart case)", search::forward).takes("REGEX", search::look_for, Known::Any),
    row(Search, "next-match", &["n"], "next match", search::next),
    row(Search, "previous-match", &["N"], "previous match", search::previous),
    row(Search, "go-to-problem", &["Ctrl-f"], "problem by letters of its text, answers or tags", search::pick).takes("WORDS", search::pick_from, Known::Any),
    row(Search, "answers", &["g a"], "solutions by their answers: how many, right or not, mean score; Enter goes to the best", search::answers),
    row(Search, "same-expression", &["*"], "next step with the equality or formula of this one", search::same_expression),
    row(
        Search,
        "same-mistake",
        &["g /"],
        "from step to step that may make the same mistake as your last first error; x marks, n passes",
        search::same_mistake,
    ),
    row(Search, "next-suspect", &["] e"], "next predicted first error", search::next_suspect),
    row(Search, "previous-suspect", &["[ e"], "previous predicted first error", search::previous_suspect),
    row(Search, "score-drop", &["g D"], "step at which the score drops most", search::score_drop),
    row(
        Search,
        "next-disagreement",
        &["] d"],
        "next solution of which prediction, file and you (in a review: annotators) do not say the same first error",
        search::next_disagreement,
    ),
    row(Search, "previous-disagreement", &["[ d"], "previous solution of which they do not", search::previous_disagreement),
    row(Label, "take", &["T"], "in a review: take the verdict of the annotator with this letter", review::take).answers("LETTER", |_| Question::Voice),
    row(Label, "send-back", &["S"], "in a review: send the solution back to those who judged it, with a note", review::send_back).takes("TEXT", review::send_back_with, Known::Any),
    row(View, "names", &["g N"], "in a review: who the annotators are, or letters again; both are noted", review::names),
    row(Search, "group", &["g d"], "in a review: by kind of disagreement, or farthest first", review::group),
    row(Search, "next-split", &["] q"], "next step of which search value and score say different things", search::next_split),
    row(Search, "previous-split", &["[ q"], "previous step of which they do", search::previous_split),
    row(Search, "next-thought", &["] w"], "next step that begins a thought with words like Wait, Alternatively or Let me check", search::next_thought).counts(),
    row(Search, "previous-thought", &["[ w"], "first step of this thought, then of the one before", search::previous_thought).counts(),
    row(Search, "next-unlabelled", &["] u"], "next solution without a label", search::next_unlabelled),
    row(Search, "previous-unlabelled", &["[ u"], "previous solution without a label", search::previous_unlabelled),
    row(Search, "next-flagged", &["] f"], "next flagged solution", search::next_flagged),
    row(Search, "previous-flagged", &["[ f"], "previous flagged solution", search::previous_flagged),
    row(Search, "filter", &["&"], "only solutions of which this is true: first_prm<.3 and wrong and !labelled", search::filter)
        .takes("EXPRESSION", search::set_filter, Known::Expression(|_| Vec::new())),
    row(Search, "save-filter", &[], ":save-filter NAME - the filter gets a name that outlives the session; &NAME and !seen uses it", search::filters)
        .takes("NAME", search::save_filter, Known::Also(search::filter_names)),
    row(Search, "forget-filter", &[], ":forget-filter NAME - takes a name away", search::filters)
        .takes("NAME", search::forget_filter, Known::Also(search::filter_names)),
    row(Search, "filters", &["g &"], "all filters with a name", search::filters),
    row(Search, "order", &["o"], "order of the solutions; :order drop*wrong/len", search::order)
        .takes("EXPRESSION", search::set_order, Known::Expression(search::orders)),
    row(Search, "refresh-queue", &["g q q"], "filter and order anew, with the labels and scores of now", search::refresh),
    row(Search, "convincing", &["g q c"], "order: wrong answers whose steps all have high scores", search::convincing),
    row(
        Search,
        "similar",
        &["g ~"],
        "order: solutions with steps most like this one, by their words, or by --vectors; Esc takes the order back",
        search::similar,
    ),
    row(
        Search,
        "clusters",
        &["g C"],
        "groups of steps that go wrong alike; Enter goes through one; :clusters 8 says how many groups",
        search::clusters,
    )
    .takes("COUNT", search::make_clusters, Known::Any),
    row(Search, "suspects", &["g q l"], "order: labels that are likely wrong, by a model of all other problems", search::suspects),
    row(View, "hide-prm", &["p"], "hide or show the scores (blind labelling)", trust::toggle_prm),
    row(View, "mode", &[], "next of assist, blind and reveal; :mode reveal shows scores after a verdict", trust::next_mode)
        .takes("NAME", trust::named_mode, Known::Only(trust::mode_names)),
    row(
        View,
        "blind-share",
        &[],
        ":blind-share 20 - percent of problems judged before scores are seen",
        trust::blind_share_shown,
    )
    .takes("PERCENT", trust::set_blind_share, Known::Any),
    row(
        View,
        "random-share",
        &[],
        ":random-share 10 - percent of an ordered queue that is drawn at random",
        trust::random_share_shown,
    )
    .takes("PERCENT", trust::set_random_share, Known::Any),
    row(View, "guided", &[], "show a step once the one before it is rated, or all at once", trust::toggle_guided),
    row(View, "guide", &["g h"], "the guideline (--guide FILE)", trust::guide),
    row(View, "history", &["g H"], "all that was ever said of this solution", trust::history),
    row(View, "pace", &["g %"], "solutions judged and left, your pace, the time left at this pace", trust::pace),
    row(View, "numbers", &["g E"], "what your verdicts say of the scores, and where first errors are; in a review how far annotators agree and how good each is", trust::numbers),
    row(View, "trust", &[], "how far your labels can be believed: modes, times, repeats", trust::trust),
    row(View, "reference", &["g r"], "hide or show reference answer and recorded labels", view::toggle_reference),
    row(View, "reference-solution", &["g ="], "the reference answer and solution as a page", view::reference_solution),
    row(View, "whole-problem", &["g Q"], "show the whole problem, or two lines of it", view::toggle_problem),
    row(View, "view", &["m"], "mathematics drawn, text as it stands, or with invisible signs shown", view::next_view),
    row(
        View,
        "diff",
        &["d"],
        "changed words against an alternative, the best solution, the reference, your correction; what a critic wrote (:diff critique)",
        view::next_diff,
    )
    .takes("NAME", view::set_diff, Known::Only(view::diffs)),
    row(View, "diff-with", &["D"], "choose what to compare with; 3D: with solution 3", view::choose_diff).answers("NAME", |_| Question::Partner),
    row(View, "side-by-side", &["A"], "this solution beside the best other one (3A: beside solution 3), steps aligned, what both begin with folded", view::side_by_side).counts(),
    row(View, "scroll-detail", &["Ctrl-e"], "more of what is known of the step: scores, notes, critique, alternatives", view::scroll_detail),
    row(View, "detail-top", &["Ctrl-y"], "back to the beginning of what is known of the step", view::detail_top),
    row(View, "list", &["g l"], "list of problems and solutions", view::list),
    row(View, "tree", &["g t"], "tree of all solutions of the problem", view::tree),
    row(View, "steps", &["g s"], "steps of the solution", view::steps),
    row(View, "wrap", &["z w"], "cut long lines at the edge, but for the current step, or wrap them", view::toggle_wrap),
    row(View, "layout", &["\\"], "next layout: all panes, without the list, the steps alone", view::next_layout),
    row(View, "next-pane", &["Tab"], "go to the next pane", view::next_pane),
    row(View, "previous-pane", &["S-Tab"], "go to the previous pane", view::previous_pane),
    row(View, "copy-step", &["y y"], "copy the text of the step", view::copy_step),
    row(View, "copy-id", &["y i"], "copy the id of the solution", view::copy_id),
    row(View, "copy-place", &["y p"], "copy where it stands: file, problem, solution, step", view::copy_place),
    row(View, "copy-json", &["y j"], "copy problem, steps, scores and labels as JSON", view::copy_json),
    row(View, "copy-label", &["y l"], "copy your label of the solution", view::copy_label),
    row(View, "mouse", &["g M"], "hear of the mouse (clicks and wheel), or leave it to the terminal", view::toggle_mouse),
    row(View, "theme", &[], ":theme light - colours: dark, light, colour-blind, mono, 16", view::theme_shown)
        .takes("NAME", view::set_theme, Known::Only(view::themes)),
    row(View, "help", &["?"], "all keys, those of a view that has its own first; type to find one, Enter runs it", help::open).takes("WORD", help::about, Known::Also(names)),
    row(View, "redraw", &["Ctrl-l"], "draw the screen anew", view::redraw),
    row(View, "cancel", &["Esc"], "close, clear the search; never leaves", view::cancel),
    row(Session, "command", &[":"], "command by name; Tab completes", search::command_line),
    row(Session, "threshold", &[], ":threshold 0.4 - steps with a lower score are suspects", session::threshold_shown)
        .takes("NUMBER", session::set_threshold, Known::Also(session::thresholds)),
    row(Session, "lower-threshold", &["[ t"], "threshold a twentieth of the scale lower; says how many first errors that leaves", session::lower_threshold).counts(),
    row(Session, "raise-threshold", &["] t"], "threshold a twentieth of the scale higher; :threshold model takes that of the model back", session::raise_threshold).counts(),
    row(View, "next-prm", &["P"], "colours and prediction by the next model of --beside, or by the scores that the file records", session::next_prm),
    row(Session, "aggregate", &["g A"], "next way to make one score of a solution; :aggregate prod", session::next_aggregate)
        .takes("NAME", session::set_aggregate, Known::Only(session::aggregates)),
    row(Session, "stop-scoring", &["g k"], "stop scoring; finished scores stay", session::stop_scoring),
    row(Session, "start-scoring", &["g K"], "start scoring again, also after the worker died", session::start_scoring),
    row(Session, "refit", &["g R"], "fit the scores to your labels, in the background; refused when they are too few", session::refit),
    row(Session, "refit-undo", &["g U"], "back to the scores before the last fit", session::undo_refit),
    row(Session, "retry-saving", &["g W"], "write labels again that could not be saved", session::retry_saving),
    row(Session, "format", &[], "format of the file, and what it is known by", session::format),
    row(Session, "export", &[], ":export trl - the command line that writes the labels of these files for it, with store, annotator and filter of now, is copied", export::targets_said)
        .takes("FORMAT", export::command_line, Known::Only(export::targets)),
    row(Session, "suspend", &["Ctrl-z"], "suspend; fg brings it back", session::suspend),
    row(Session, "close", &["q"], "back to the steps from list, tree or replay; from the steps, leave", session::close),
    row(Session, "quit", &["Z Z", "Ctrl-c"], "leave; the next start goes on from here", session::quit),
];

fn names(_app: &App) -> Vec<String> {
    COMMANDS.iter().map(|command| command.name.to_owned()).collect()
}

/// The command of this name.
pub fn by_name(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// Runs a line of the command line: a number, or a name with an argument.
pub(crate) fn run_line(app: &mut App, line: &str) -> Vec<Effect> {
    let line = line.trim();
    let (name, argument) = line.split_once(char::is_whitespace).map_or((line, ""), |(name, rest)| (name, rest.trim()));
    if name.is_empty() {
        return Vec::new();
    }
    if let Ok(number) = name.parse::<usize>() {
        return motion::goto(app, Some(number.min(super::keys::MAX_COUNT * 1000)));
    }
    // On the command line `q` leaves, as everywhere.
    let name = if name == "q" { "quit" } else { name };
    let meant: Vec<&Command> = COMMANDS.iter().filter(|command| command.name.starts_with(name)).collect();
    // A beginning that one command alone has is that command.
    let only = meant.first().copied().filter(|_| meant.len() == 1);
    if let Some(command) = by_name(name).or(only) {
        return run_with(app, command, argument);
    }
    let known: Vec<&str> = meant.iter().map(|command| command.name).collect();
    app.notice = Some(if known.is_empty() {
        format!("no command {name:?}; {} lists all of them", app.key("help"))
    } else {
        format!("{name:?} may be {}", known.join(", "))
    });
    Vec::new()
}

/// Runs a command with what was typed behind its name, or says what it takes there.
fn run_with(app: &mut App, command: &'static Command, argument: &str) -> Vec<Effect> {
    if argument.is_empty() {
        return super::run(app, command, None);
    }
    let takes = match command.takes {
        Takes::Nothing => "takes nothing".to_owned(),
        Takes::Count => {
            let count = argument.parse::<usize>().ok().filter(|count| (1..=super::keys::MAX_COUNT).contains(count));
            if count.is_some() {
                return super::run(app, command, count);
            }
            format!("takes a number from 1 to {}", super::keys::MAX_COUNT)
        }
        Takes::Argument(Argument { known: Known::Only(values), .. }) if !values(app).iter().any(|value| value == argument) => {
            format!("takes {}", values(app).join(", "))
        }
        Takes::Answer { .. } | Takes::Argument(_) => return super::run_given(app, command, Given::Argument(argument.to_owned())),
    };
    app.notice = Some(format!(":{} {takes}, not {argument:?}", command.name));
    Vec::new()
}

/// What the last word of a half-typed line of the command line can become, and where it begins: whole words, in the order of the table.
pub(crate) fn completions(app: &App, line: &str) -> (usize, Vec<String>) {
    let Some((name, argument)) = line.split_once(char::is_whitespace) else {
        let known = COMMANDS.iter().map(|command| command.name).filter(|name| name.starts_with(line));
        return (0, known.map(str::to_owned).collect());
    };
    let word = argument.trim_start();
    let at = line.len() - word.len();
    let beginning =
        |values: Vec<String>, word: &str| -> Vec<String> { values.into_iter().filter(|value| value.starts_with(word)).collect() };
    let known = match by_name(name).map(|command| command.takes) {
        None | Some(Takes::Nothing | Takes::Count) => return (at, Vec::new()),
        Some(Takes::Answer { question, .. }) => return (at, beginning(choice::names(app, question(app)), word)),
        Some(Takes::Argument(argument)) => argument.known,
    };
    match known {
        Known::Any => (at, Vec::new()),
        Known::Only(values) | Known::Also(values) => (at, beginning(values(app), word)),
        Known::Words(values) => {
            let last = word.rfind([' ', ',']).map_or(0, |space| space + 1);
            (at + last, beginning(values(app), &word[last..]))
        }
        Known::Expression(values) => {
            let last = query::last_word(word);
            // A name of the table is one only where it stands alone.
            let mut known: Vec<String> = if last == word { beginning(values(app), word) } else { Vec::new() };
            if !last.is_empty() {
                known.extend(query::completions(word, QUANTITIES, &app.names()));
            }
            (line.len() - last.len(), known)
        }
    }
}
