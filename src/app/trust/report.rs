//! What is told of how far labels can be believed: an exam, quick verdicts, the solutions that were drawn, and all of it as a page.

use std::collections::{BTreeMap, HashMap};

use super::{FAST_WORDS, Mode};
use crate::analysis::wilson;
use crate::app::App;
use crate::labels::{Judged, Served};
use crate::trace::{FirstError, RecordKey};

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

    /// What the solutions say that were drawn at random, of all or of those of a filter: how many have an error, and between which shares that
    /// lies nineteen times in twenty. The last verdict on each counts, wherever it was given; one that was drawn with a smaller chance
    /// stands for more.
    fn sample_report(&self) -> Vec<String> {
        let last: BTreeMap<_, _> = self.session.verdicts().map(|judged| (judged.record, judged)).collect();
        let mut samples = BTreeMap::<Option<&str>, Vec<(f64, bool)>>::new();
        for Judged { verdict, drawn, .. } in last.into_values() {
            let wrong = match verdict {
                FirstError::At(_) => true,
                FirstError::NoError => false,
                FirstError::Unknown | FirstError::Unlabelable => continue,
            };
            for draw in drawn {
                samples.entry(draw.filter.as_deref()).or_default().push((draw.chance, wrong));
            }
        }
        let told = |(filter, sample): (Option<&str>, Vec<(f64, bool)>)| {
            let wrong = sample.iter().filter(|(_, wrong)| *wrong).count();
            let weight =
                |of: &dyn Fn(f64, bool) -> f64| sample.iter().map(|(chance, wrong)| of(chance.recip(), *wrong)).sum::<f64>();
            let (all, squares) = (weight(&|w, _| w), weight(&|w, _| w * w));
            let share = weight(&|w, wrong| if wrong { w } else { 0.0 }) / all;
            // Unequal weights tell as much as fewer equal ones (Kish 1965).
            let (low, high) = wilson::around(share, all * all / squares);
            let [smallest, largest] =
                [f64::min, f64::max].map(|of| sample.iter().map(|(chance, _)| *chance).reduce(of).unwrap_or_default() * 100.0);
            let chance =
                if largest - smallest < 0.5 { format!("{largest:.0}") } else { format!("{smallest:.0} to {largest:.0}") };
            let whose = filter.map_or("all".to_owned(), |filter| format!("those with &{filter}"));
            format!(
                "drawn      {chance} % at random; {wrong} of {} judged have an error: {:.0} % of {whose} ({:.0} to {:.0})",
                sample.len(),
                share * 100.0,
                low * 100.0,
                high * 100.0
            )
        };
        samples.into_iter().map(told).collect()
    }

    /// Own solutions that came again and were judged, and how many of them got the verdict that they had before, over all sessions.
    pub fn repeats(&self) -> (usize, usize) {
        // The verdict before a solution came again, and the last one since.
        let mut again = HashMap::<RecordKey, (FirstError, Option<FirstError>)>::new();
        let (mut all, mut same) = (0, 0);
        let mut count = |(before, since): (FirstError, Option<FirstError>)| {
            all += usize::from(since.is_some());
            same += usize::from(since == Some(before));
        };
        for Judged { record, verdict, served, .. } in self.session.verdicts() {
            match again.get_mut(&record) {
                Some((_, since)) if served == Some(Served::Repeat) => *since = Some(verdict),
                _ => again.insert(record, (verdict, None)).into_iter().for_each(&mut count),
            }
        }
        again.into_values().for_each(count);
        (all, same)
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
        let (repeats, same) = self.repeats();
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
