//! Whose labels are written: those of one person, of everybody, or those on which everybody agrees.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::agreed::{Differences, Voted, agreed};
use super::question::Question;
use crate::formats::{Loss, TREE_KEY, Verdict};
use crate::labels::policy::Author;
use crate::labels::{Given, Judged, Overlap, Panel, Session};
use crate::query::Query;
use crate::trace::{FirstError, RecordKey, SolutionLabels, StepKey, Trace};

/// The people of a store, and whose word counts.
pub(super) struct Voices {
    /// Everybody, in alphabetical order; the one who exports alone where nobody else counts.
    all: Vec<Session>,
    /// Time that the verdict on each solution took, in milliseconds, and the chance with which it was drawn, for each of them.
    times: Vec<HashMap<RecordKey, Taken>>,
    /// Solutions that decisions of each of them speak of, by the file that was open.
    given: Vec<HashMap<String, Given>>,
    /// Name of the one who exports.
    own: Option<String>,
    author: Author,
    /// All but the one who exports, for filters.
    pub(super) panel: Panel,
    /// Who gets which problems, and the name of the one who exports.
    pub(super) plan: Option<(Overlap, String)>,
    /// The groups of wrong steps by solution, where a filter speaks of them.
    pub(super) groups: Option<HashMap<RecordKey, usize>>,
}

/// Time of a verdict, and the chance with which its solution was drawn.
type Taken = (Option<u64>, Option<f64>);

/// What is to be said of one solution.
pub(super) struct Said {
    /// Its index.
    pub(super) solution: usize,
    /// The labels.
    pub(super) labels: SolutionLabels,
    /// They differ from those in the file.
    pub(super) touched: bool,
    /// What somebody of the store says without the file.
    pub(super) own: SolutionLabels,
    /// What was lost where several agree.
    pub(super) lost: Differences,
}

/// What a filter chose.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Solutions of which it is not true.
    pub(super) left_out: u64,
    /// Those of them of which it is not known.
    pub(super) not_known: u64,
    /// Solutions of which it was counted who agrees: the same one may stand in several files.
    counted: HashSet<RecordKey>,
}

/// Who says what of a solution, by place among the voices; `None` for the file.
struct Heard {
    said: Vec<(Option<usize>, Said)>,
    /// They do not agree: nothing is written.
    disagree: bool,
    /// The verdicts of the annotators.
    verdicts: Vec<Verdict>,
}

/// A trace in the steps of those who speak.
pub(super) struct View<'a> {
    /// Who cut its steps by hand; `None` when nobody did.
    pub(super) cut: Option<(&'a Session, Trace)>,
    /// What is said of its solutions, in their order.
    pub(super) said: Vec<Said>,
    /// The filter leaves nothing of it out.
    pub(super) whole: bool,
}

impl View<'_> {
    /// The trace in steps that somebody cut by hand.
    pub(super) fn cut(&self) -> Option<&Trace> {
        self.cut.as_ref().map(|(_, trace)| trace)
    }
}

impl Voices {
    /// Without a store the files speak for themselves.
    pub(super) fn new(session: Option<Session>, author: Author) -> Self {
        let panel = session.as_ref().map(Panel::of).unwrap_or_default();
        let own = session.as_ref().map(|session| session.annotator().to_owned());
        let all = match (session, author) {
            (None, _) => Vec::new(),
            (Some(session), Author::One) => vec![session],
            (Some(session), _) => {
                let mut names: Vec<_> = session.annotators().map(str::to_owned).collect();
                if !names.iter().any(|name| name == session.annotator()) {
                    names.push(session.annotator().to_owned());
                    names.sort();
                }
                // Only the own session is asked what others sent back.
                let own = session.annotator();
                names.iter().map(|name| if name == own { session.clone() } else { session.voice(name) }).collect()
            }
        };
        let times = |session: &Session| {
            // Later verdicts stand behind earlier ones.
            let drawn = |verdict: &Judged<'_>| verdict.drawn.last().map(|draw| draw.chance);
            session.verdicts().map(|verdict| (verdict.record, (verdict.ms_spent, drawn(&verdict)))).collect()
        };
        let given = all.iter().map(Session::given).collect();
        Self { times: all.iter().map(times).collect(), given, all, own, author, panel, plan: None, groups: None }
    }

    /// The same with groups of wrong steps and a plan of who gets what, for filters.
    pub(super) fn knowing(self, groups: Option<HashMap<RecordKey, usize>>, plan: Option<(Overlap, String)>) -> Self {
        Self { plan, groups, ..self }
    }

    /// Name of the one who exports.
    pub(super) fn own_name(&self) -> Option<&str> {
        self.own.as_deref()
    }

    /// The labels of the one who exports.
    pub(super) fn own(&self) -> Option<&Session> {
        self.all.iter().find(|session| Some(session.annotator()) == self.own.as_deref())
    }

    /// Solutions of a file, by its path, that decisions of those who count speak of.
    pub(super) fn given(&self, file: &str) -> Given {
        let mut sought = Given::new();
        for (record, (item, times)) in self.given.iter().filter_map(|given| given.get(file)).flatten() {
            sought.entry(*record).or_insert((*item, 0)).1 += times;
        }
        sought
    }

    /// Whose labels are written.
    pub(super) fn author(&self) -> Author {
        self.author
    }

    /// What the one who exports says of a solution, else the file.
    pub(super) fn own_word(&self, trace: &Trace, solution: usize) -> Said {
        let at = self.all.iter().position(|session| Some(session.annotator()) == self.own.as_deref());
        let own = at.map(|at| Voice { session: &self.all[at], times: &self.times[at], cut: None }.said(trace, solution));
        own.unwrap_or_else(|| recorded(trace, solution))
    }

    /// What a filter asks of the solutions of a trace.
    pub(super) fn question<'a>(&'a self, filter: Option<&'a Query>, trace: &'a Trace) -> Question<'a> {
        Question::new(self, filter, trace)
    }

    /// Versions of the guideline and scorers on show under which these people gave their labels.
    pub(super) fn circumstances(&self, names: &BTreeSet<String>) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let written = |session: &&Session| names.contains(session.annotator());
        let (guidelines, scorers): (Vec<_>, Vec<_>) = self.all.iter().filter(written).flat_map(Session::circumstances).unzip();
        (guidelines.into_iter().flatten().collect(), scorers.into_iter().flatten().collect())
    }

    fn voices(&self, trace: &Trace) -> impl Iterator<Item = Voice<'_>> {
        let each = self.all.iter().zip(&self.times);
        each.map(|(session, times)| Voice { session, times, cut: session.recut(trace) })
    }

    /// A trace in the steps of each who cut it by hand.
    pub(super) fn cuts(&self, trace: &Trace) -> impl Iterator<Item = Trace> {
        self.all.iter().filter_map(|session| session.recut(trace))
    }

    /// What is written of a trace, as far as a filter chooses it; counts solutions that several people judged.
    pub(super) fn views(&self, trace: &Trace, filter: Option<&Query>, choice: &mut Choice, loss: &mut Loss) -> Vec<View<'_>> {
        let mut voices: Vec<_> = self.voices(trace).collect();
        let question = self.question(filter, trace);
        let mut table: Vec<(Vec<Said>, bool)> = (0..=voices.len()).map(|_| (Vec::new(), true)).collect();
        for index in 0..trace.solutions.len() {
            let Heard { said, disagree, verdicts } = self.hear(trace, index, &voices);
            let mut chosen = 0;
            let (all, mut unknown) = (said.len(), 0);
            for (voice, said) in said {
                // Everybody who keeps the source's steps speaks of the same trace.
                let cut = voice.and_then(|voice| Some((voice, voices[voice].cut.as_ref()?)));
                let place = cut.map_or(0, |(voice, _)| voice + 1);
                let holds = question.holds(cut.map_or(trace, |(_, cut)| cut), &said);
                unknown += u64::from(holds.is_none());
                if disagree || holds != Some(true) {
                    table[place].1 = false;
                } else {
                    said.lost.count(loss);
                    table[place].0.push(said);
                }
                chosen += usize::from(holds == Some(true));
            }
            if disagree {
                // It is left out for that where any of what they say is asked for.
                loss.agreement.left_out += u64::from(chosen > 0);
                choice.left_out += u64::from(chosen == 0);
                choice.not_known += u64::from(chosen == 0 && unknown > 0);
            } else {
                choice.left_out += (all - chosen) as u64;
                choice.not_known += unknown;
            }
            if chosen > 0 && choice.counted.insert(trace.record_key(trace.solutions[index].leaf)) {
                loss.agreement.count(&verdicts);
            }
        }
        let cuts = std::iter::once(None).chain(voices.iter_mut().map(|voice| Some((voice.session, voice.cut.take()?))));
        let views = cuts.zip(table).filter(|(_, (said, _))| !said.is_empty());
        views.map(|(cut, (said, whole))| View { cut, said, whole }.named(self.author)).collect()
    }

    /// What is said of a solution, and by whom.
    fn hear(&self, trace: &Trace, index: usize, voices: &[Voice<'_>]) -> Heard {
        let alone = |said: (Option<usize>, Said)| Heard { said: vec![said], disagree: false, verdicts: Vec::new() };
        if self.author == Author::One {
            return alone(
                voices.first().map_or_else(|| (None, recorded(trace, index)), |voice| (Some(0), voice.said(trace, index))),
            );
        }
        let (spoken, silent): (Vec<_>, Vec<_>) = voices
            .iter()
            .enumerate()
            .map(|(at, voice)| (at, voice.said(trace, index)))
            .partition(|(_, said)| said.own.annotator.is_some());
        let own = spoken.iter().position(|(at, said)| self.is_own(&voices[*at]) && said.own.is_labelled());
        // Who adjudicates is none of those who may agree.
        let annotates = |at: usize| self.author != Author::Adjudicated || !self.is_own(&voices[at]);
        let labelled = spoken.iter().filter(|(at, said)| said.own.is_labelled() && annotates(*at));
        let verdicts: Vec<_> = labelled.map(|(at, said)| voices[*at].verdict(trace, index, &said.own)).collect();
        let heard = |said: Vec<(usize, Said)>, disagree| {
            let said = said.into_iter().map(|(at, said)| (Some(at), said)).collect();
            Heard { said, disagree, verdicts: verdicts.clone() }
        };
        match (self.author, own) {
            (Author::Adjudicated, Some(own)) => heard(spoken.into_iter().nth(own).into_iter().collect(), false),
            (Author::Each | Author::One, _) if spoken.is_empty() => alone((None, recorded(trace, index))),
            (Author::Each | Author::One, _) => heard(spoken, false),
            (Author::Consensus | Author::Adjudicated, _) => {
                // A word without a verdict, such as that of who sends a solution back, stands in nobody's way.
                let any = spoken.iter().any(|(_, said)| said.own.is_labelled());
                let (voters, others): (Vec<_>, Vec<_>) = spoken.into_iter().partition(|(_, said)| !any || said.own.is_labelled());
                let voted = |(at, said): (usize, Said)| Voted { at, key: voices[at].key(trace, index), said };
                let voters: Vec<Voted> = voters.into_iter().map(voted).collect();
                let texts: Vec<Voted> = others.into_iter().chain(silent).map(voted).collect();
                let file =
                    || Voted { at: usize::MAX, key: trace.node(trace.solutions[index].leaf).key, said: recorded(trace, index) };
                if voters.is_empty() {
                    let said =
                        agreed(&[file()], &texts, &trace.recorded_labels(&trace.solutions[index])).map(|(_, said)| (None, said));
                    return said.map_or_else(|| alone((None, recorded(trace, index))), alone);
                }
                match agreed(&voters, &texts, &voices[voters[0].at].recorded(trace, index)) {
                    Some(agreed) => heard(vec![agreed], false),
                    None => heard(voters.into_iter().map(|voted| (voted.at, voted.said)).collect(), true),
                }
            }
        }
    }

    fn is_own(&self, voice: &Voice<'_>) -> bool {
        Some(voice.session.annotator()) == self.own.as_deref()
    }
}

impl View<'_> {
    /// Trees of several people stand in one file: each has its own name.
    fn named(mut self, author: Author) -> Self {
        if let (Author::Each, Some((session, trace))) = (author, &mut self.cut) {
            let record = trace.solutions.first().map_or(0, |solution| solution.record);
            let key = trace.prompt_key.to_string();
            trace.extra.insert(TREE_KEY.to_owned(), format!("{}-{record}-{}", &key[..12], session.annotator()).into());
        }
        self
    }
}

/// What the file says of a solution.
fn recorded(trace: &Trace, solution: usize) -> Said {
    let labels = trace.recorded_labels(&trace.solutions[solution]);
    Said { solution, own: SolutionLabels::unseen(labels.steps.len()), labels, touched: false, lost: Differences::default() }
}

/// One person, and the trace at hand as that person cut it.
struct Voice<'a> {
    session: &'a Session,
    times: &'a HashMap<RecordKey, Taken>,
    cut: Option<Trace>,
}

impl Voice<'_> {
    fn said(&self, trace: &Trace, index: usize) -> Said {
        let shown = self.cut.as_ref().unwrap_or(trace);
        let solution = &shown.solutions[index];
        let own = self.session.labels(shown, solution);
        let (mut labels, touched) = self.session.overlay_of(own.clone(), shown, solution);
        let mut taken = shown.names(solution.leaf).filter_map(|record| self.times.get(&record)).copied();
        (labels.ms_spent, labels.drawn) = taken.next().unwrap_or_default();
        // A solution that was cut anew is the one that was drawn.
        labels.drawn = labels.drawn.or_else(|| taken.find_map(|(_, drawn)| drawn));
        Said { solution: index, labels, touched, own, lost: Differences::default() }
    }

    /// What the file says, in the steps of this person.
    fn recorded(&self, trace: &Trace, index: usize) -> SolutionLabels {
        let shown = self.cut.as_ref().unwrap_or(trace);
        shown.recorded_labels(&shown.solutions[index])
    }

    /// Their verdict on a solution, in steps of their own.
    fn verdict(&self, trace: &Trace, index: usize, own: &SolutionLabels) -> Verdict {
        let shown = self.cut.as_ref().unwrap_or(trace);
        let step = match own.first_error {
            FirstError::At(step) => shown.solution_path(&shown.solutions[index]).get(step).map(|id| shown.node(*id).key),
            _ => None,
        };
        Verdict { first_error: own.first_error, step, leaf: self.key(trace, index), steps: own.steps.clone() }
    }

    /// Names the steps of a solution as this person cut them.
    fn key(&self, trace: &Trace, index: usize) -> StepKey {
        let shown = self.cut.as_ref().unwrap_or(trace);
        shown.node(shown.solutions[index].leaf).key
    }
}
