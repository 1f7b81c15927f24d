//! Who has judged a solution is not asked again where the same one stands once more: in another of the open files, or twice in a problem.

use super::App;
use super::commands::motion;
use super::items::ItemId;

impl App {
    /// Goes on past solutions that were judged where they stood before, as far as they have been read; what is read later goes on from
    /// there ([`super::place::loaded`]). Says how many, and where the last of them was judged.
    pub(crate) fn pass_over(&mut self) {
        while let Some((passed, _)) = self.walk.passing.clone() {
            if self.items.get(self.cursor.item).is_none() && self.items.is_known(self.cursor.item) {
                return;
            }
            let Some(place) = self.judged_before() else { break };
            self.walk.passing = Some((passed + 1, place));
            if !motion::solution(self, true) {
                break;
            }
        }
        if let Some((passed @ 1.., place)) = self.walk.passing.take() {
            let solutions = if passed == 1 { "a solution".to_owned() } else { format!("{passed} solutions") };
            let passed = format!("passed over {solutions} that you have judged in {place}");
            self.notice = Some(self.notice.take().map_or(passed.clone(), |said| format!("{said}; {passed}")));
        }
    }

    /// Where else the solution under the cursor stands and was judged; `None` also where it was sent back.
    fn judged_before(&self) -> Option<String> {
        let (trace, solution) = (self.trace()?, self.solution()?);
        let record = trace.record_key(solution.leaf);
        let draft = self.saving.queue.iter().rev().find(|draft| draft.judges() == Some(record));
        if draft.is_none() && (!self.session.judges(trace, solution) || self.session.returned(trace, solution).is_some()) {
            return None;
        }
        let place = match draft {
            Some(draft) => draft.saw.file.as_deref().zip(draft.saw.item),
            None => self.session.basis(trace, solution).and_then(|id| {
                let (file, problem) = self.session.place(id)?;
                Some((file, problem?))
            }),
        };
        let (file, problem) = place?;
        let item = ItemId { file: self.file(file)?, problem: usize::try_from(problem).ok()? };
        if item == self.cursor.item {
            let twin = |other: &usize| trace.solutions[*other].leaf == solution.leaf;
            return (0..self.cursor.solution).find(twin).map(|twin| format!("solution {}", twin + 1));
        }
        // What comes in between is not told apart, so nothing is said of it here.
        let file = self.items.files.get(item.file).filter(|file| !file.hidden)?;
        Some(format!("{}, problem {}", file.short_name(), problem + 1))
    }
}
