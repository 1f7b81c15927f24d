//! What is told of how far labels can be believed: an exam, quick verdicts, the solutions that were drawn, and all of it as a page.

use std::collections::BTreeMap;

use super::{FAST_WORDS, Mode};
use crate::analysis::wilson;
use crate::app::App;
use crate::trace::FirstError;

impl App {
    /// The result of an exam, or of the questions so far, with those that were not answered rightly.
    pub fn exam_result(&self) -> String {
        let (right, all) = self.trust.score();
        let percent = (right * 100).checked_div(all).unwrap_or(0);
        let passed = self.trust.terms.required.filter(|_| self.trust.in_exam && all > 0).map_or(String::new(), |required| {
            let passed = if right as f64 >= required * all as f64 { "passed" } else { "not passed" };
            format!(": {passed}, {:.0} % are required", required * 100.0)
        });
        let mut lines = vec![format!("{right} of {all} known answers found ({percent} %){passed}")];
        let missed = self.trust.gold.iter().filter(|question| !question.is_right());
        lines.extend(missed.filter(|question| self.trust.in_exam || question.said.is_some()).map(|question| {
            let problem = self.items.rank(question.item) + 1;
            match (question.said, question.truth) {
                (Some(said), Some((_, truth))) => {
                    format!("problem {problem}: you say {}, known is {}", words(said), words(truth))
                }
                _ => format!("problem {problem}: left open"),
            }
        }));
        lines.join("\n")
    }

    /// What the quick verdicts said.
    fn quick_report(&self) -> String {
        let ([right, first, later], agreed) = self.trust.quick;
        if self.trust.fast == 0 {
            return String::new();
        }
        format!(": {right} no error, {first} at the first step, {later} behind it; {agreed} as the scores on show say")
    }

    /// What the solutions say that were drawn at random, of all: how many have an error, and between which shares that lies nineteen times in
    /// twenty.
    fn sample_report(&self) -> Option<String> {
        let mut last = BTreeMap::new();
        for judged in self.session.verdicts().filter(|judged| judged.drawn.is_some()) {
            last.insert(judged.record, judged.verdict);
        }
        let count = |of: fn(&FirstError) -> bool| last.values().filter(|said| of(said)).count() as u64;
        let known = count(|said| matches!(said, FirstError::At(_) | FirstError::NoError));
        let wrong = count(|said| matches!(said, FirstError::At(_)));
        let (low, high) = wilson::interval(wrong, known)?;
        let share = 100.0 * wrong as f64 / known as f64;
        let percent = self.trust.terms.random_share * 100.0;
        Some(format!(
            "drawn      {percent:.0} % at random; {wrong} of {known} judged have an error: {share:.0} % of all ({:.0} to {:.0})",
            low * 100.0,
            high * 100.0
        ))
    }

    /// All there is to know about how far these labels can be believed, as lines.
    pub(crate) fn trust_report(&self) -> String {
        let trust = &self.trust;
        let mode = match trust.mode {
            Mode::Blind => "blind: scores, reference and recorded labels hidden",
            Mode::Assist => "assist: scores shown, but for the blind share",
            Mode::RevealAfter => "reveal: scores shown after a verdict",
        };
        let (verdicts, ms) = trust.verdicts;
        let mean = ms.checked_div(verdicts).map_or(String::new(), |ms| format!(", {:.1} s each", ms as f64 / 1000.0));
        let (repeats, same) = trust.repeats;
        let mut lines = vec![
            format!("mode       {mode}"),
            format!("blind      {:.0} % of the problems are judged before scores are seen", trust.terms.blind_share * 100.0),
            format!("verdicts   {verdicts} in this session{mean}"),
            format!("quick      {} of them under 1.5 s on more than {FAST_WORDS} words{}", trust.fast, self.quick_report()),
            format!("repeats    {same} of {repeats} own solutions that came again were judged the same"),
        ];
        lines.extend(self.sample_report());
        if let Some((_, all)) = trust.question().filter(|_| self.exam_runs()) {
            lines.push(format!("exam       {} of {all} questions answered; what was right is told at the end", trust.answered()));
        } else if trust.score().1 > 0 {
            lines.push(format!("known      {}", self.exam_result().replace('\n', "\n           ")));
        }
        if let Some(guide) = &trust.terms.guide {
            lines.push(format!("guideline  version {} (gh)", guide.version));
        }
        lines.join("\n")
    }
}

fn words(first_error: FirstError) -> String {
    match first_error {
        FirstError::At(index) => format!("error at step {}", index + 1),
        FirstError::NoError => "no error".to_owned(),
        FirstError::Unlabelable => "not to be judged".to_owned(),
        FirstError::Unknown => "nothing".to_owned(),
    }
}
