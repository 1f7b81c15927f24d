//! PRM800K (Lightman et al., arXiv:2305.20050), phase 1 and 2.
//!
//! A record is one annotator's walk through one solution. At each position several candidates may have been rated; one was chosen
//! (or a step written by the annotator was taken) and the walk went on from there. In phase 2 the walk stops at the first bad step
//! of a solution generated beforehand, so the steps behind it stand in `question.pre_generated_steps` only. The score of the reward model that
//! chose that solution (`question.pre_generated_verifier_score`) is one number for all of its steps, so that it is no score of a step: it stays
//! with the solution.

mod write;

use serde_json::Value;

use super::detect::Detection;
use super::export::Writer;
use super::fields::{self, Fault, Fields, integer};
use super::{Format, RawRecord, RecordError};
use crate::trace::{EndState, Extra, FirstError, NodeId, Problem, Rating, Trace, TraceBuilder};

/// The format.
pub(super) struct Prm800k;

impl Format for Prm800k {
    fn name(&self) -> &'static str {
        "prm800k"
    }

    fn doc(&self) -> &'static str {
        "PRM800K labels, phase 1 and 2: rated candidates at each position, chosen_completion"
    }

    fn detect(&self, value: &Value) -> Detection {
        let problem = value.pointer("/question/problem").is_some();
        let steps = value.pointer("/label/steps").is_some();
        match (problem, steps) {
            (true, true) => Detection::sure("`question.problem` and `label.steps`"),
            (true, false) if value.get("label").is_some() => Detection::maybe(60, "`question.problem` and `label`"),
            (false, true) if value.get("question").is_some() => Detection::maybe(60, "`question` and `label.steps`"),
            _ => Detection::NO,
        }
    }

    fn read(&self, record: &RawRecord<'_>) -> Result<Trace, RecordError> {
        record.read(read)
    }

    fn problem_at(&self) -> &'static [&'static str] {
        &["question", "problem"]
    }

    fn writer(&self) -> Option<&'static dyn Writer> {
        Some(&Prm800k)
    }
}

/// One candidate step.
struct Candidate {
    text: String,
    rating: Option<Rating>,
    flagged: bool,
    extra: Extra,
}

/// One position of the walk.
struct Position {
    completions: Vec<Candidate>,
    human: Option<Candidate>,
    /// Index into `completions`.
    chosen: Option<usize>,
}

impl Position {
    /// The candidate that the walk takes: the annotator's own, else the chosen one, else (where the walk stopped) the first, which
    /// in phase 2 is the step that was generated beforehand. Where it stopped at an error (`found_error`), that step is the error, and what the
    /// annotator wrote there is its correction.
    fn taken(&self, found_error: bool) -> Option<Taken> {
        let wrong = self.completions.first().is_some_and(|first| first.rating == Some(Rating::Bad));
        let corrects = self.human.as_ref().is_some_and(|human| human.rating.is_none());
        match (&self.human, self.chosen) {
            (Some(_), None) if found_error && wrong && corrects => Some(Taken::Completion(0)),
            (Some(_), _) => Some(Taken::Human),
            (None, Some(index)) => Some(Taken::Completion(index)),
            (None, None) if self.completions.is_empty() => None,
            (None, None) => Some(Taken::Completion(0)),
        }
    }

    fn candidate(&self, taken: Taken) -> Option<&Candidate> {
        match taken {
            Taken::Human => self.human.as_ref(),
            Taken::Completion(index) => self.completions.get(index),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Human,
    Completion(usize),
}

fn candidate(value: Value, path: String) -> Result<Candidate, Fault> {
    let mut fields = Fields::of(value, path)?;
    let text = fields.text("text")?;
    let rating_path = fields.at("rating");
    let rating = match fields.take_some("rating") {
        None => None,
        Some(value) => {
            let rating = integer(&value).and_then(Rating::from_value);
            Some(rating.ok_or_else(|| Fault::expected(rating_path, "-1, 0, 1 or null", &value))?)
        }
    };
    let flagged = fields.optional_boolean("flagged")?.unwrap_or(false);
    Ok(Candidate { text, rating, flagged, extra: fields.rest() })
}

fn position(value: Value, path: String) -> Result<Position, Fault> {
    let mut fields = Fields::of(value, path)?;
    let list = fields.at("completions");
    let completions = fields.optional_list("completions")?.unwrap_or_default().into_iter().enumerate();
    let completions =
        completions.map(|(index, item)| candidate(item, format!("{list}[{index}]"))).collect::<Result<Vec<_>, _>>()?;
    let human_path = fields.at("human_completion");
    let human = match fields.take_some("human_completion") {
        None => None,
        // The data set's own notes treat it as a string; files hold an object.
        Some(Value::String(text)) => Some(Candidate { text, rating: None, flagged: false, extra: Extra::new() }),
        Some(value) => Some(candidate(value, human_path)?),
    };
    let chosen_path = fields.at("chosen_completion");
    let chosen = match fields.take_some("chosen_completion") {
        None => None,
        Some(value) => {
            let index = integer(&value).and_then(|index| usize::try_from(index).ok()).filter(|&index| index < completions.len());
            let expected = format!("null or an index below {} (the completions)", completions.len());
            Some(index.ok_or_else(|| Fault::expected(chosen_path, &expected, &value))?)
        }
    };
    Ok(Position { completions, human, chosen })
}

fn read(mut fields: Fields) -> Result<TraceBuilder, Fault> {
    let mut question = fields.object("question")?;
    let mut label = fields.object("label")?;
    let problem = Problem {
        text: question.text("problem")?,
        reference_solution: question.optional_text("ground_truth_solution")?,
        reference_answer: question.reference("ground_truth_answer")?,
    };
    let generated = match question.optional_list("pre_generated_steps")? {
        None => Vec::new(),
        Some(items) => fields::texts(items, "question.pre_generated_steps")?,
    };
    let answer = question.optional_name("pre_generated_answer")?;
    let positions = label.list("steps")?.into_iter().enumerate();
    let positions =
        positions.map(|(index, item)| position(item, format!("label.steps[{index}]"))).collect::<Result<Vec<_>, _>>()?;
    let finish = label.optional_text("finish_reason")?;
    let is_name = |value: &Value| value.as_str().is_some_and(|name| !name.is_empty());
    let labeler = if fields.peek("labeler").is_some_and(is_name) { fields.optional_text("labeler")? } else { None };

    let mut builder = TraceBuilder::new(problem);
    let end_state = end_state(finish.as_deref(), &mut builder);
    let (mut at, ratings, unsure) = walk(&mut builder, positions, end_state)?;
    at = attach_tail(&mut builder, at, &generated);
    let first_bad = ratings.iter().position(|&rating| rating == Some(Rating::Bad));
    let first_error = match (end_state, first_bad) {
        (EndState::BadProblem | EndState::GiveUp, _) => FirstError::Unlabelable,
        // Rated in part: an unrated step before it may be the first error.
        (EndState::Open, Some(index)) if leaves_out(builder.trace(), at, &ratings[..index]) => FirstError::Unknown,
        (_, Some(index)) => FirstError::At(index),
        (EndState::Solution, None) => FirstError::NoError,
        (EndState::FoundError | EndState::Open, None) => FirstError::Unknown,
    };
    if end_state == EndState::FoundError && first_bad.is_none() {
        builder.warn("finish_reason is found_error, but no step of the path is rated -1");
    }
    let last = builder.trace().node(at).text.clone();
    let solution = builder.solution(at);
    solution.final_answer = answer.or_else(|| last.rsplit_once("# Answer").map(|(_, answer)| answer.trim().to_owned()));
    solution.ratings = ratings;
    solution.first_error = first_error;
    solution.end_state = end_state;
    solution.unsure = unsure;
    solution.annotator = labeler;
    let mut extra = fields.rest();
    for (key, rest) in [("question", question.rest()), ("label", label.rest())] {
        if !rest.is_empty() {
            extra.insert(key.to_owned(), Value::Object(rest));
        }
    }
    solution.extra = extra;
    Ok(builder)
}

fn end_state(finish: Option<&str>, builder: &mut TraceBuilder) -> EndState {
    match finish {
        Some("solution") => EndState::Solution,
        Some("found_error") => EndState::FoundError,
        Some("bad_problem") => EndState::BadProblem,
        Some("give_up") => EndState::GiveUp,
        Some(other) => {
            let other = super::json::excerpt(other, 24);
            builder.warn(format!("label.finish_reason: expected solution, found_error, bad_problem or give_up, found {other}"));
            EndState::Open
        }
        None => EndState::Open,
    }
}

/// Whether a step is unrated that the annotator did not write.
fn leaves_out(trace: &Trace, at: NodeId, ratings: &[Option<Rating>]) -> bool {
    trace.path(at).into_iter().zip(ratings).any(|(id, rating)| rating.is_none() && !trace.node(id).by_a_person())
}

type Walked = (NodeId, Vec<Option<Rating>>, bool);

/// Builds the path and, beside it, the candidates that were not taken. Gives its end, its ratings and whether a step on it is flagged.
fn walk(builder: &mut TraceBuilder, positions: Vec<Position>, end_state: EndState) -> Result<Walked, Fault> {
    let (mut at, mut ratings, mut unsure) = (NodeId::ROOT, Vec::new(), false);
    let last = positions.len().saturating_sub(1);
    for (index, position) in positions.into_iter().enumerate() {
        let Some(taken) = position.taken(index == last && end_state == EndState::FoundError) else {
            if index < last {
                let field = format!("label.steps[{index}]");
                return Err(Fault::new(field, "expected a completion or a step of the annotator, found none"));
            }
            // The annotator gave up at a position without candidates.
            break;
        };
        if index < last && position.chosen.is_none() && position.human.is_none() {
            builder.warn(format!("label.steps[{index}]: nothing was chosen, the first completion is taken"));
        }
        let before = at;
        if let Some(candidate) = position.candidate(taken) {
            at = add(builder, before, candidate, taken == Taken::Human);
            ratings.push(candidate.rating);
            unsure |= candidate.flagged;
        }
        for (other, candidate) in position.completions.iter().enumerate() {
            if taken != Taken::Completion(other) {
                add(builder, before, candidate, false);
            }
        }
        if let Some(human) = position.human.filter(|_| taken != Taken::Human) {
            add(builder, before, &human, true);
        }
    }
    while ratings.last() == Some(&None) {
        ratings.pop();
    }
    Ok((at, ratings, unsure))
}

fn add(builder: &mut TraceBuilder, parent: NodeId, candidate: &Candidate, human: bool) -> NodeId {
    let before = builder.trace().nodes.len();
    let id = builder.child(parent, &candidate.text);
    let fresh = id.index() >= before;
    let node = builder.node_mut(id);
    let known = node.rating;
    if fresh {
        node.rating = candidate.rating;
        "\n".clone_into(&mut node.sep_after);
        node.extra.clone_from(&candidate.extra);
        if candidate.flagged {
            node.extra.insert("flagged".to_owned(), true.into());
        }
        if human {
            node.extra.insert("source".to_owned(), "human".into());
        }
    } else if known != candidate.rating {
        builder.warn("two candidates with the same text are rated differently; the first rating is shown");
    }
    id
}

/// Puts the steps that were generated beforehand and never labelled behind the path that was labelled.
fn attach_tail(builder: &mut TraceBuilder, at: NodeId, generated: &[String]) -> NodeId {
    let trace = builder.trace();
    let path = trace.path(at);
    if generated.len() <= path.len() {
        return at;
    }
    if path.iter().zip(generated).any(|(&id, text)| trace.node(id).text != *text) {
        builder.warn("the labelled path left the generated solution; its unlabelled rest is not shown");
        return at;
    }
    generated[path.len()..].iter().fold(at, |at, text| {
        let id = builder.child(at, text);
        "\n".clone_into(&mut builder.node_mut(id).sep_after);
        id
    })
}
