//! An exam: the questions that were drawn, one after the other, and nothing else until all of them were asked.

use super::Question;
use crate::app::App;
use crate::app::items::ItemId;
use crate::trace::NodeId;

impl App {
    /// The session is an exam.
    pub(crate) fn is_exam(&self) -> bool {
        self.trust.in_exam
    }

    /// Its questions are being asked: nothing is told that helps with them.
    pub(crate) fn exam_runs(&self) -> bool {
        self.trust.in_exam && !self.trust.exam_over
    }

    /// Why nothing can be labelled, where an exam has no question.
    pub(in crate::app) fn exam_refuses(&self) -> Option<&'static str> {
        let trust = &self.trust;
        match (trust.in_exam, trust.exam_over) {
            (true, true) => Some("the exam is over: its result stands"),
            (true, false) if trust.gold.is_empty() => Some("the questions of the exam are still being drawn"),
            _ => None,
        }
    }

    /// Starts the exam as soon as its questions are known.
    pub(in crate::app) fn start_exam(&mut self) {
        let Some(count) = self.trust.terms.exam.filter(|_| self.trust.exam.is_empty() && self.trust.verdicts.0 == 0) else {
            return;
        };
        let total = self.items.total();
        if !self.items.complete() || total == 0 {
            return;
        }
        let count = count.clamp(1, total);
        // Spread over the files, so that easy beginnings are not all there is.
        self.trust.exam = (0..count).filter_map(|question| self.items.at_rank(question * total / count)).collect();
        self.trust.terms.exam = None;
        self.next_question();
    }

    /// Goes on: back to the question that is being asked, else to the next one; behind the last one comes the result.
    pub(super) fn next_question(&mut self) {
        let here = self.cursor.item;
        if let Some(asked) = self.trust.asked.filter(|asked| *asked != here && self.trust.is_open(*asked)) {
            self.go_to(asked, 0);
            return;
        }
        self.trust.asked = self.trust.exam.pop_front();
        if let Some(item) = self.trust.asked {
            self.trust.gold.push(Question { item, truth: None, said: None });
            self.go_to(item, 0);
        } else {
            self.trust.exam_over = true;
            let said = self.exam_result();
            self.show_sheet("exam", said);
        }
    }

    /// The question on show is put off: it is asked once more behind all others. False where an exam does not run or it is answered.
    pub(crate) fn put_question_off(&mut self) -> bool {
        let item = self.cursor.item;
        if !self.exam_runs() || !self.trust.is_open(item) {
            return false;
        }
        let trust = &mut self.trust;
        trust.gold.retain(|question| question.item != item);
        trust.exam.push_back(item);
        trust.asked.take_if(|asked| *asked == item);
        true
    }

    /// In an exam one goes to questions that were asked, and nowhere else: back to where one stood.
    pub(in crate::app) fn stay_in_exam(&mut self, (item, solution, node): (ItemId, usize, NodeId)) {
        let asked = |item: ItemId| self.trust.gold.iter().any(|question| question.item == item);
        let stays = self.cursor.solution == 0 && asked(self.cursor.item);
        if stays || !self.exam_runs() || !asked(item) {
            return;
        }
        self.go_to(item, solution);
        if let Some(trace) = self.trace().cloned() {
            self.cursor.go_to_node(&trace, node);
        }
        self.walk.led = true;
        self.notice = Some("an exam goes through its own questions, and this is none of them".to_owned());
    }
}

impl super::Trust {
    /// This question was asked and not answered.
    fn is_open(&self, item: ItemId) -> bool {
        self.gold.iter().any(|question| question.item == item && question.said.is_none())
    }
}
