//! A question that is answered with one letter: the kind of an error, a reason, how far a solution had come. While one is open it owns
//! the keyboard; Esc leaves it and nothing has happened.

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent};

use super::commands::{Command, label, view};
use super::input::{Input, Purpose};
use super::steps::Slice;
use super::{App, Effect, jumps, queue, review, saving, views};
use crate::labels::Choice;
use crate::query::ORDERS;
use crate::trace::RecordKey;

/// How far a solution had come when it went wrong.
pub const PROGRESS: [&str; 4] = ["nowhere", "a beginning", "half of the way", "nearly done"];

/// Letters for the steps in sight, those under the fingers first.
const LETTERS: &str = "fjdksalghrueiwoqptyvmcnxbz";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The kind of the first error at this step, an index from 0.
    ErrorKind {
        /// The step.
        step: usize,
    },
    /// Why the problem is broken.
    BadProblem,
    /// Why one gives up.
    GiveUp,
    /// How far this solution had come when it went wrong.
    Progress {
        /// The solution.
        record: RecordKey,
        /// It was asked behind a first error, whose answer waits for it to go on.
        go_on: bool,
    },
    /// The first error, by the letter that stands at the step.
    FirstErrorAt,
    /// The annotator whose verdict is taken over.
    Voice,
    /// The order of the queue.
    Order,
    /// What the step is to be compared with.
    Partner,
    /// The letter of a new mark.
    SetMark,
    /// The mark to go to.
    GoToMark,
}

/// An answer to choose, with the number of times it was chosen so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Letter, name and meaning.
    pub choice: Choice,
    /// Labels in force that say so, where they are counted.
    pub count: usize,
}

/// An open question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// What is asked.
    pub question: Question,
    /// The answers.
    pub answers: Vec<Answer>,
    /// The solution on show when it was asked.
    of: Option<RecordKey>,
}

impl Answer {
    /// How it is called on the command line: marks by their letter, all others by their name.
    fn name(&self, question: Question) -> String {
        let marks = matches!(question, Question::SetMark | Question::GoToMark);
        if marks { self.choice.letter.to_string() } else { self.choice.name.clone() }
    }

    /// True when that is its letter, in which the case counts but for annotators, or its name.
    fn is(&self, question: Question, said: &str) -> bool {
        let letter = if question == Question::Voice { said.to_lowercase() } else { said.to_owned() };
        letter == self.choice.letter.to_string() || said == self.name(question)
    }
}

impl Question {
    /// It is answered in own words as well.
    fn is_free(self) -> bool {
        matches!(self, Self::BadProblem | Self::GiveUp)
    }

    /// Its answer is a label of the solution on show.
    fn labels_what_is_on_show(self) -> bool {
        matches!(self, Self::ErrorKind { .. } | Self::BadProblem | Self::GiveUp | Self::FirstErrorAt | Self::Voice)
    }

    /// What asks it can have a count.
    fn is_counted(self) -> bool {
        matches!(self, Self::ErrorKind { .. } | Self::Partner)
    }
}

impl Open {
    /// All answers on one line.
    fn in_words(&self) -> String {
        let said = |answer: &Answer| match (answer.choice.letter, answer.name(self.question)) {
            (letter, name) if name.chars().eq([letter]) => name,
            (letter, name) => format!("{letter} ({name})"),
        };
        match self.question {
            Question::SetMark => "a letter from a to z".to_owned(),
            _ => self.answers.iter().map(said).collect::<Vec<_>>().join(", "),
        }
    }

    /// The question in words, and what other keys do.
    pub fn title(&self) -> String {
        match self.question {
            Question::ErrorKind { step } => format!("first error at step {}: which kind?   Esc leaves it", step + 1),
            Question::BadProblem => "bad problem: why?   Enter without a reason, Tab in own words, Esc leaves it".to_owned(),
            Question::GiveUp => "give up: why?   Enter without a reason, Tab in own words, Esc leaves it".to_owned(),
            Question::FirstErrorAt => "first error at the step with which letter?   Esc leaves it".to_owned(),
            Question::Voice => "take whose verdict?   Esc leaves it".to_owned(),
            Question::Order => "in which order?   :order takes any expression, Esc leaves it".to_owned(),
            Question::Partner => "compare with what?   a count before the key names a solution (3D), Esc leaves it".to_owned(),
            Question::SetMark => "mark this place with a letter from a to z   Esc leaves it".to_owned(),
            Question::GoToMark => "go to which mark?   Esc leaves it".to_owned(),
            Question::Progress { .. } => {
                "how far had it come before the error?   Backspace takes the answer away, Esc leaves it".to_owned()
            }
        }
    }
}

impl App {
    /// The letters of the steps whose beginning is in sight, and the steps, as indices.
    pub fn letters(&self) -> impl Iterator<Item = (char, usize)> {
        let open = self.open_steps();
        let begins = move |slice: &&Slice| slice.first == 0 && slice.step < open;
        LETTERS.chars().zip(self.steps.visible.iter().filter(begins).map(|slice| slice.step))
    }

    /// The letter that marks this step while one is asked for.
    pub fn letter_of(&self, step: usize) -> Option<char> {
        let open = self.choice.as_ref().filter(|open| open.question == Question::FirstErrorAt)?;
        let name = (step + 1).to_string();
        open.answers.iter().find(|answer| answer.choice.name == name).map(|answer| answer.choice.letter)
    }

    /// Asks.
    pub(crate) fn ask(&mut self, question: Question) {
        self.choice = Some(Open { question, answers: self.answers_to(question), of: self.record_key() });
    }

    /// What can be answered.
    fn answers_to(&self, question: Question) -> Vec<Answer> {
        let counted = matches!(question, Question::ErrorKind { .. });
        let counts = if counted { self.session.error_kinds() } else { BTreeMap::new() };
        let count = |choice: &Choice| counts.get(choice.name.as_str()).copied().unwrap_or(0);
        self.choices_of(question).into_iter().map(|choice| Answer { count: count(&choice), choice }).collect()
    }

    /// The same without numbers.
    fn choices_of(&self, question: Question) -> Vec<Choice> {
        let named = |(letter, name): (char, String)| Choice { letter, name, meaning: String::new() };
        let meant = |(letter, name, meaning): (char, String, String)| Choice { letter, name, meaning };
        match question {
            Question::ErrorKind { .. } => self.project.errors.clone(),
            Question::FirstErrorAt => self.letters().map(|(letter, step)| named((letter, (step + 1).to_string()))).collect(),
            Question::BadProblem => self.project.bad_problem.clone(),
            Question::GiveUp => self.project.give_up.clone(),
            Question::Order => {
                ORDERS.iter().map(|order| meant((order.letter, order.name.to_owned(), order.doc.to_owned()))).collect()
            }
            Question::Voice => self.verdicts_to_take().into_iter().map(meant).collect(),
            Question::Partner => self.partners().into_iter().map(meant).collect(),
            Question::SetMark | Question::GoToMark => jumps::marks(self).into_iter().map(named).collect(),
            Question::Progress { .. } => (b'0'..).map(char::from).zip(PROGRESS.map(str::to_owned)).map(named).collect(),
        }
    }
}

/// A key while a question is open.
pub(super) fn key(app: &mut App, key: KeyEvent) -> Vec<Effect> {
    // An answer is a label, and builds on the ones before it.
    if saving::hold_key(app, key) {
        return Vec::new();
    }
    let Some(open) = app.choice.take() else { return Vec::new() };
    let free = open.question.is_free();
    match views::plain(key) {
        KeyCode::Enter if free => answer(app, open.question, open.of, ""),
        KeyCode::Esc | KeyCode::Enter => leave(app, open.question),
        KeyCode::Tab if free => {
            app.input = Some(Input::new(Purpose::Reason(open.question, open.of), ""));
            Vec::new()
        }
        KeyCode::Backspace if matches!(open.question, Question::Progress { .. }) => answer(app, open.question, open.of, ""),
        KeyCode::Char(letter) if open.question == Question::SetMark && letter.is_ascii_lowercase() => {
            jumps::set_mark(app, letter)
        }
        KeyCode::Char(letter) if open.question == Question::GoToMark => {
            jumps::go_to_mark(app, letter);
            Vec::new()
        }
        KeyCode::Char(letter) => {
            // The letters of annotators are capitals on the screen; both are meant.
            let letter = if open.question == Question::Voice { letter.to_ascii_lowercase() } else { letter };
            if let Some(chosen) = open.answers.iter().find(|answer| answer.choice.letter == letter) {
                return answer(app, open.question, open.of, &chosen.choice.name);
            }
            app.notice = Some(format!("{letter} is none of the answers"));
            app.choice = Some(open);
            Vec::new()
        }
        _ => {
            app.choice = Some(open);
            Vec::new()
        }
    }
}

/// True while this solution is on show, in the steps that it had; else it is said that nothing comes of an answer.
pub(super) fn is_on_show(app: &mut App, of: Option<RecordKey>) -> bool {
    let here = app.record_key() == of;
    if !here {
        app.notice = Some("another solution is on show by now; nothing was marked".to_owned());
    }
    here
}

fn leave(app: &mut App, question: Question) -> Vec<Effect> {
    match question {
        Question::Progress { go_on: true, .. } => return label::on_to_the_next(app),
        Question::FirstErrorAt
        | Question::Voice
        | Question::SetMark
        | Question::GoToMark
        | Question::Order
        | Question::Partner => {}
        _ => app.notice = Some("nothing was marked".to_owned()),
    }
    Vec::new()
}

/// What the answers are called on the command line.
pub(super) fn names(app: &App, question: Question) -> Vec<String> {
    app.answers_to(question).iter().map(|answer| answer.name(question)).collect()
}

/// Runs a command and answers what it asks with what was typed behind its name. A number there that is no answer, or that stands before
/// one, is the count of the command.
pub(super) fn say(app: &mut App, command: &Command, question: fn(&App) -> Question, said: &str) -> Vec<Effect> {
    let number = |word: &str| word.parse::<usize>().ok().filter(|number| *number > 0);
    let asked = question(app);
    let (count, said) = match said.split_once(char::is_whitespace) {
        Some((first, rest)) if asked.is_counted() && number(first).is_some() => (number(first), rest.trim()),
        _ => (None, said),
    };
    if let Some(count) =
        number(said).filter(|_| asked.is_counted() && !app.answers_to(asked).iter().any(|known| known.is(asked, said)))
    {
        return (command.run)(app, Some(count));
    }
    let effects = (command.run)(app, count);
    // Where it asks nothing it has said why.
    let Some(open) = app.choice.take() else { return effects };
    app.notice = None;
    let letter = said.chars().next().filter(|letter| letter.len_utf8() == said.len());
    match (open.question, letter) {
        (Question::SetMark, Some(letter)) if letter.is_ascii_lowercase() => return jumps::set_mark(app, letter),
        (Question::GoToMark, Some(letter)) => {
            jumps::go_to_mark(app, letter);
            return Vec::new();
        }
        _ => {}
    }
    match open.answers.iter().find(|answer| answer.is(open.question, said)) {
        Some(chosen) => answer(app, open.question, open.of, &chosen.choice.name),
        None if open.question.is_free() => answer(app, open.question, open.of, said),
        None => {
            app.notice = Some(format!(":{} takes {}, not {said:?}", command.name, open.in_words()));
            Vec::new()
        }
    }
}

/// Gives an answer, by its name; none is an empty one. What was asked `of` one solution labels no other.
pub(super) fn answer(app: &mut App, question: Question, of: Option<RecordKey>, said: &str) -> Vec<Effect> {
    if question.labels_what_is_on_show() && !is_on_show(app, of) {
        return Vec::new();
    }
    match question {
        Question::ErrorKind { step } => {
            app.last_label = Some(label::Again::Kind(said.to_owned()));
            label::first_error_of(app, step, said)
        }
        Question::FirstErrorAt => {
            said.parse::<usize>().map_or_else(|_| Vec::new(), |step| label::first_error_of(app, step - 1, ""))
        }
        Question::BadProblem => {
            app.last_label = Some(label::Again::BadProblem(said.to_owned()));
            label::bad_problem_because(app, said)
        }
        Question::GiveUp => {
            app.last_label = Some(label::Again::GiveUp(said.to_owned()));
            label::give_up_because(app, said)
        }
        Question::Voice => review::take(app, said),
        Question::Order => {
            queue::set_order(app, said);
            Vec::new()
        }
        Question::Partner => view::set_diff(app, said),
        // Marks are known by their letter, not by a name.
        Question::SetMark | Question::GoToMark => Vec::new(),
        Question::Progress { record, go_on } => {
            let progress = PROGRESS.iter().position(|name| *name == said).and_then(|at| u8::try_from(at).ok());
            label::progress_was(app, record, progress, go_on)
        }
    }
}
