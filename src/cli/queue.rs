//! `stepscope queue`: which solutions to look at first, without a terminal.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use serde::Serialize;
use serde_json::json;

use super::beside::Beside;
use super::compared::{MeasureChoice, place, wrong_steps};
use super::open::project;
use super::reading::Reading;
use super::scorer::{BadRecords, ScorerArgs, open_by, until_stopped};
use super::seen::{Said, Seen, near};
use super::{Sharing, StoreChoice, With, clusters, out};
use crate::analysis::alike::Bag;
use crate::analysis::decide::Decision;
use crate::analysis::label_errors::{Doubt, doubts};
use crate::analysis::meaning::Meaning;
use crate::app::judge::{Judge, recorded_scores};
use crate::app::queue::own;
use crate::corpus::{Corpus, Look, ProblemView, escaped, in_order};
use crate::formats::RecordError;
use crate::labels::{Overlap, Panel, Session, Shown, Store};
use crate::query::{Asked, FirstWrong, Like, Names, ORDERS, Order, QUANTITIES, Query, Ruler, Survey};
use crate::scoring::batch::{Answers, Batch};
use crate::scoring::request::on_solutions;
use crate::shell::kept_filters;
use crate::trace::{NodeId, Solution, Trace};

/// Choose solutions and put them in order
///
/// The same filters and orders as on the screen (& and o): a filter is true or false of a
/// solution, an order is a number, and the largest comes first. `--names` lists everything
/// that they can speak of. Writes one line a solution, or with --json one object a line:
///
///   {"file","problem","solution","id","number","assigned":[..]}
///
/// `problem` and `solution` count from 1, as on the screen; `number` is null in the order of
/// the files and where it is not known. `assigned` names those who get the problem, where
/// --overlap or the project file says so. Solutions of which the filter is not known to be true
/// are left out and counted on standard error. With --names, --json writes one object:
/// {"quantities":[{"name","doc"}],"orders":[{"name","expression","doc"}]}.
#[derive(Debug, Clone, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct QueueArgs {
    /// Files of traces
    #[arg(required_unless_present = "names", value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Only solutions of which this is true: 'first_prm < .3 and wrong and !labelled'
    #[arg(long, value_name = "QUESTION")]
    pub filter: Option<String>,
    /// Name of an order, or an expression: 'drop * wrong / len'
    #[arg(long, value_name = "ORDER", default_value = "file")]
    pub order: String,
    /// The text of a step: `similar` in filters and orders says how much a solution has one like it
    #[arg(long, value_name = "TEXT")]
    pub like: Option<String>,
    /// Put wrong steps into at most so many groups: `cluster` in filters and orders is the number of the group, as `stepscope clusters` lists
    /// them
    #[arg(long, value_name = "K", value_parser = clusters::count)]
    pub clusters: Option<usize>,
    /// How likeness is measured
    #[command(flatten)]
    pub measure: MeasureChoice,
    /// At most this many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// List what filters and orders can speak of
    #[arg(long)]
    pub names: bool,
    /// Which scorer to use.
    #[command(flatten)]
    pub scorer: ScorerArgs,
    /// Other models beside it.
    #[command(flatten)]
    pub beside: Beside,
    /// Whose labels count as one's own
    #[command(flatten)]
    pub store: StoreChoice,
    /// Whose labels are read beside one's own
    #[command(flatten)]
    pub with: With,
    /// Who gets which problems
    #[command(flatten)]
    pub sharing: Sharing,
    /// How the files are read
    #[command(flatten)]
    pub reading: Reading,
    /// Write JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    file: String,
    problem: usize,
    solution: usize,
    id: Option<String>,
    number: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned: Option<Vec<String>>,
}

/// Rows that are written at once.
const AT_ONCE: usize = 1024;

impl Row {
    fn line(&self) -> String {
        let number = self.number.map_or("-".to_owned(), |number| format!("{number:.3}"));
        let (file, id) = (escaped(&self.file), escaped(self.id.as_deref().unwrap_or("")));
        format!("{number:>8}  {file}:{}.{}  {id}\n", self.problem, self.solution)
    }
}

/// Runs the command.
pub fn run(args: &QueueArgs) -> anyhow::Result<ExitCode> {
    if args.names {
        return names(args.json);
    }
    let mut questions = questions(args)?;
    let (way, mut seen) = (args.reading.format()?, Vec::new());
    let corpora = open_by(&args.paths, |source| {
        let said = Arc::new(Seen::default());
        let corpus = Corpus::look(source, way, questions.look(&said))?;
        seen.push(said);
        Ok(corpus)
    })?;
    let asked = async {
        let mut batch = if questions.any(Query::needs_scores) { Some(Box::new(args.scorer.start().await?)) } else { None };
        if let Some(batch) = batch.as_mut().filter(|_| questions.any(Query::needs_doubt)) {
            questions.doubt(&corpora, batch).await?;
        }
        questions.compare(args, &corpora, &mut batch).await?;
        // A scorer that only helped to find wrong steps is asked nothing more.
        let batch = batch.filter(|_| questions.any(Query::needs_scores));
        questions.ask_all(&corpora, &seen, batch).await
    };
    let (mut rows, unknown) = until_stopped(asked, args.scorer.cache.kept())?;
    // Stable: equals stay as the files have them.
    rows.sort_by(|a, b| b.number.unwrap_or(f64::NEG_INFINITY).total_cmp(&a.number.unwrap_or(f64::NEG_INFINITY)));
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    print(&rows, args.json)?;
    if unknown > 0 {
        out::note(format_args!("stepscope: of {unknown} solutions the filter is not known to be true or false"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Filter and order as they were asked for, and the labels that they are asked of.
fn questions(args: &QueueArgs) -> anyhow::Result<Questions> {
    let expression = ORDERS.iter().find(|order| order.name == args.order).map_or(args.order.as_str(), |order| order.expression);
    let (questions, names) = Questions::of(&args.paths, &args.store, &args.with)?;
    let order = Some(expression)
        .filter(|text| !text.is_empty())
        .map(|text| Query::order(text, &names).map_err(|error| anyhow!("--order: {}", error.in_line(text))));
    let filter = args
        .filter
        .as_deref()
        .map(|text| Query::filter(text, &names).map_err(|error| anyhow!("--filter: {}", error.in_line(text))));
    Ok(Questions {
        order: order.transpose()?,
        filter: filter.transpose()?,
        overlap: args.sharing.overlap.clone().or(questions.overlap),
        like: args.like.as_deref().map(Bag::of),
        judges: args.beside.judges()?,
        ..questions
    })
}

fn print(rows: &[Row], json: bool) -> anyhow::Result<()> {
    for rows in rows.chunks(AT_ONCE) {
        if json {
            let mut lines = String::new();
            for row in rows {
                lines += &out::json_line(row)?;
            }
            out::print(&lines)?;
        } else {
            out::print_safe(&rows.iter().map(Row::line).collect::<String>())?;
        }
    }
    Ok(())
}

fn names(json: bool) -> anyhow::Result<ExitCode> {
    if json {
        let quantities: Vec<_> = QUANTITIES.iter().map(|one| json!({"name": one.name, "doc": one.doc})).collect();
        let order = |order: &Order| json!({"name": order.name, "expression": order.expression, "doc": order.doc});
        out::print_json(&json!({"quantities": quantities, "orders": ORDERS.iter().map(order).collect::<Vec<_>>()}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let quantities = QUANTITIES.iter().map(|quantity| format!("{:10} {}", quantity.name, quantity.doc));
    let orders = ORDERS.iter().map(|order| format!("{:13} {} ({})", order.name, order.doc, order.expression).replace(" ()", ""));
    let exact = "numbers are compared as they are, not as the screen rounds them";
    let lines: Vec<String> =
        quantities.chain([String::new(), exact.to_owned(), String::new(), "orders".to_owned()]).chain(orders).collect();
    out::print(&(lines.join("\n") + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Name of the file, problem and solution.
pub(super) type Place = (String, usize, usize);

/// What is asked of solutions, and the labels that it is asked of.
pub(super) struct Questions {
    filter: Option<Query>,
    order: Option<Query>,
    session: Session,
    /// Who gets which problems.
    overlap: Option<Overlap>,
    /// The other annotators.
    panel: Panel,
    /// How far labels are to be doubted.
    doubts: HashMap<Place, Doubt>,
    judges: Vec<Judge>,
    /// The step that others are looked for that are like it.
    like: Option<Bag>,
    /// How much solutions have a step like it, where vectors say so.
    alike: Option<HashMap<Place, f64>>,
    /// The groups of wrong steps, where they were asked for.
    groups: Option<HashMap<Place, usize>>,
}

/// Problems that are asked between two looks at whether to stop.
const RUN: usize = 1 << 16;
/// Problems that a thread asks at once.
const PIECE: usize = 512;

/// What is known of a problem.
#[derive(Debug, Default)]
struct Answer {
    /// Solutions of which the filter is true.
    rows: Vec<Row>,
    /// Solutions of which it is not known.
    unknown: usize,
    errors: Vec<RecordError>,
}

impl Answer {
    fn tells(&self) -> bool {
        !self.rows.is_empty() || self.unknown > 0 || !self.errors.is_empty()
    }
}

impl Questions {
    /// Nothing yet is asked of labels and names of filters, which come with it. A store that was named has to be there.
    pub(super) fn of(paths: &[PathBuf], store: &StoreChoice, with: &With) -> anyhow::Result<(Self, Names)> {
        let (annotator, path) = (store.name(), store.path()?);
        let (mut session, own) = if path.exists() {
            let (mut store, session) = Store::view(&path, &annotator)?;
            (session, kept_filters(&mut store)?)
        } else if store.store.is_some() {
            bail!("there is no label store {}", escaped(&path.to_string_lossy()));
        } else {
            (Session::new(&annotator), Names::new())
        };
        with.read_into(&mut session, &path)?;
        store.tell_of_others(&session);
        let project = project(None, paths)?;
        let questions = Self {
            filter: None,
            order: None,
            overlap: project.overlap,
            panel: Panel::of(&session),
            session,
            doubts: HashMap::new(),
            judges: Vec::new(),
            like: None,
            alike: None,
            groups: None,
        };
        Ok((questions, project.filters.into_iter().chain(own).collect()))
    }

    /// Compares steps where filter or order ask for it: by vectors, or to put them into groups.
    async fn compare(&mut self, args: &QueueArgs, corpora: &[Corpus], batch: &mut Option<Box<Batch>>) -> anyhow::Result<()> {
        if self.any(Query::needs_clusters) {
            let Some(count) = args.clusters else { bail!("filter or order speak of cluster: --clusters K makes groups") };
            let steps = wrong_steps(self, corpora, &args.scorer, batch).await?;
            let (_, groups) = args.measure.groups(&steps, Some(count), &args.scorer).await?;
            let numbered = groups.iter().zip(1..).flat_map(|(group, number)| group.members.iter().map(move |&row| (row, number)));
            self.groups = Some(numbered.map(|(row, number)| (place(corpora, &steps.rows[row]), number)).collect());
        }
        if let Some(like) = args.like.as_ref().filter(|_| args.measure.vectors.is_some() && self.any(Query::needs_likeness)) {
            self.alike = Some(args.measure.alike(like, self, corpora, &args.scorer).await?);
        }
        Ok(())
    }

    /// A problem in the steps of the source and one's own cuts.
    pub(super) fn cut<'v>(&self, view: &'v ProblemView) -> Option<Cow<'v, Trace>> {
        let trace = view.trace.as_deref()?;
        Some(self.session.recut(trace).map_or(Cow::Borrowed(trace), Cow::Owned))
    }

    /// Which steps of a problem are wrong first.
    pub(super) fn first_wrong(&self, trace: &Trace, answers: &Answers, batch: Option<&Batch>) -> Vec<FirstWrong> {
        let shown = Shown { trace, source: trace, reader: &self.session };
        self.survey(None, (shown, answers, batch), |survey| survey.first_wrong(trace, usize::MAX))
    }

    /// The same beside its source.
    fn shown<'v>(&'v self, view: &'v ProblemView, trace: &'v Trace) -> Shown<'v> {
        Shown { trace, source: view.trace.as_deref().unwrap_or(trace), reader: &self.session }
    }

    /// Filter or order is of this sort.
    fn any(&self, sort: fn(&Query) -> bool) -> bool {
        self.filter.iter().chain(&self.order).any(sort)
    }

    async fn ask_all(
        &self,
        corpora: &[Corpus],
        seen: &[Arc<Seen>],
        mut batch: Option<Box<Batch>>,
    ) -> anyhow::Result<(Vec<Row>, usize)> {
        let scored = batch.is_some();
        let (mut rows, mut unknown) = (Vec::new(), 0);
        for (corpus, seen) in corpora.iter().zip(seen) {
            let said = seen.take();
            let mut bad = BadRecords::default();
            let count = corpus.problem_count();
            for start in (0..count).step_by(RUN) {
                tokio::task::yield_now().await;
                for (problem, answer) in self.ask_run(corpus, &said, start..count.min(start + RUN), scored) {
                    let answer = match (answer, &mut batch) {
                        (Some(answer), _) => answer,
                        (None, Some(batch)) => {
                            tokio::task::yield_now().await;
                            self.ask_scored(corpus, problem, batch).await?
                        }
                        (None, None) => self.ask_whole(corpus, problem),
                    };
                    bad.add(corpus.name(), &answer.errors);
                    unknown += answer.unknown;
                    rows.extend(answer.rows);
                }
            }
        }
        Ok((rows, unknown))
    }

    /// Asks every record of a file while it is opened.
    fn look(&self, seen: &Arc<Seen>) -> Look {
        // A record does not say what its problem is called, nor how its steps were cut since.
        seen.look(self.overlap.is_none() && !self.session.has_cuts(), self.filter.clone(), self.order.clone())
    }

    /// Asks a run of problems. Gives those of which there is something to tell, without an answer where they have to be scored first.
    fn ask_run(
        &self,
        corpus: &Corpus,
        said: &[(usize, Said)],
        problems: Range<usize>,
        scored: bool,
    ) -> Vec<(usize, Option<Answer>)> {
        let ask = |problem: usize, said: &Said| match said {
            Said::Fits { id, number } => {
                let file = corpus.name().to_owned();
                let row = Row { file, problem: problem + 1, solution: 1, id: id.clone(), number: *number, assigned: None };
                Some(Answer { rows: vec![row], ..Answer::default() })
            }
            Said::Unclear => (!scored).then(|| self.ask_whole(corpus, problem)),
        };
        let ask = |(): &mut (), part: Range<usize>| {
            let records = corpus.only_records(part.clone());
            let near = near(said, &records);
            let of = |record: usize| near.binary_search_by_key(&record, |(record, _)| *record).ok().map(|at| &near[at].1);
            let answers = part.zip(records).filter_map(|(problem, record)| {
                let said = record.map_or(Some(&Said::Unclear), of)?;
                Some((problem, ask(problem, said)))
            });
            answers.filter(|(_, answer)| answer.as_ref().is_none_or(Answer::tells)).collect::<Vec<_>>()
        };
        let mut answers = Vec::new();
        in_order(problems, PIECE, || (), ask, |part| answers.extend(part));
        answers
    }

    async fn ask_scored(&self, corpus: &Corpus, problem: usize, batch: &mut Batch) -> anyhow::Result<Answer> {
        let view = corpus.problem(problem);
        let mut answers = Answers::new();
        let trace = self.cut(&view);
        if let Some(trace) = trace.as_deref() {
            batch.score(trace, &on_solutions(trace, trace.solutions.iter()), &mut answers, &mut || ()).await?;
            batch.take_notices().into_iter().for_each(out::note);
        }
        Ok(self.answer((corpus, problem), &view, trace.as_deref(), &answers, Some(batch)))
    }

    fn ask_whole(&self, corpus: &Corpus, problem: usize) -> Answer {
        let view = corpus.problem(problem);
        self.answer((corpus, problem), &view, self.cut(&view).as_deref(), &Answers::new(), None)
    }

    fn answer(
        &self,
        (corpus, problem): (&Corpus, usize),
        view: &ProblemView,
        trace: Option<&Trace>,
        answers: &Answers,
        batch: Option<&Batch>,
    ) -> Answer {
        let mut answer = Answer { errors: view.errors.clone(), ..Answer::default() };
        let Some(trace) = trace else { return answer };
        let at = Some((corpus.name(), problem));
        let asked = self.survey(at, (self.shown(view, trace), answers, batch), |survey| survey.ask(trace, usize::MAX));
        for (solution, Asked { holds, number }) in asked.into_iter().enumerate() {
            answer.unknown += usize::from(holds.is_none());
            if holds == Some(true) {
                let id = trace.solutions[solution].source_id.clone();
                let file = corpus.name().to_owned();
                let plan = self.overlap.as_ref().map(|plan| plan.assigned(trace.prompt_key));
                let assigned = plan.map(|names| names.into_iter().map(str::to_owned).collect());
                answer.rows.push(Row { file, problem: problem + 1, solution: solution + 1, id, number, assigned });
            }
        }
        answer
    }

    /// Looks at all labels and fits the model that says how far they are to be doubted.
    async fn doubt(&mut self, corpora: &[Corpus], batch: &mut Batch) -> anyhow::Result<()> {
        let (mut places, mut cases) = (Vec::new(), Vec::new());
        for corpus in corpora {
            for problem in 0..corpus.problem_count() {
                tokio::task::yield_now().await;
                let view = corpus.problem(problem);
                let Some(trace) = self.cut(&view) else { continue };
                let mut answers = Answers::new();
                batch.score(&trace, &on_solutions(&trace, trace.solutions.iter()), &mut answers, &mut || ()).await?;
                let shown = self.shown(&view, &trace);
                let found = self.survey(None, (shown, &answers, Some(batch)), |survey| survey.cases(&trace, usize::MAX));
                for (solution, case) in found.into_iter().enumerate().filter_map(|(solution, case)| Some((solution, case?))) {
                    places.push((corpus.name().to_owned(), problem, solution));
                    cases.push(case);
                }
            }
        }
        self.doubts = places.into_iter().zip(doubts(&cases)).filter_map(|(place, doubt)| Some((place, doubt?))).collect();
        if self.doubts.is_empty() {
            out::note("stepscope: too few labels to doubt any: it takes ten wrong and ten right solutions of other problems");
        }
        Ok(())
    }

    /// Asks of the solutions of a problem, with what was worked out of those of this file and problem; `then` gets what is to be asked with.
    fn survey<T>(
        &self,
        at: Option<(&str, usize)>,
        (shown, answers, batch): (Shown<'_>, &Answers, Option<&Batch>),
        then: impl FnOnce(&Survey<'_>) -> T,
    ) -> T {
        let trace = shown.trace;
        let meaning = batch.map_or(Meaning::CORRECT, |batch| batch.model().meaning());
        let ruler = Ruler {
            meaning,
            aggregate: meaning.aggregate,
            threshold: batch.map_or(meaning.threshold, |batch| batch.model().threshold),
            decision: batch.map_or(Decision::FirstBelow(meaning.threshold), |batch| batch.model().decision()),
        };
        let score = |key| meaning.score(answers.get(&key)?.score.as_ref().ok()?.value()).ok();
        let own = |solution: &Solution| {
            // Of what no annotator judged it is known that nobody disputes it.
            let panel = (!self.panel.is_empty()).then(|| self.panel.dispute(shown, solution).unwrap_or_default());
            own(&self.session, self.overlap.as_ref(), panel, (trace, solution))
        };
        let (filter, order) = (self.filter.as_ref(), self.order.as_ref());
        let file = self.any(Query::needs_others).then(|| Judge::of_files(recorded_scores(trace)));
        let others = |path: &[NodeId]| {
            let judges = self.judges.iter().chain(&file);
            judges.filter(|judge| judge.knows(trace, path)).map(|judge| judge.opinion(trace, path)).collect()
        };
        let place = |solution| at.map(|(file, problem)| (file.to_owned(), problem, solution));
        let doubt = |solution| self.doubts.get(&place(solution)?).copied();
        let cluster =
            |solution| self.groups.as_ref().map(|groups| place(solution).and_then(|at| groups.get(&at).copied()).unwrap_or(0));
        let alike = |solution| self.alike.as_ref()?.get(&place(solution)?).copied();
        let words = self.like.as_ref().map(Like::Words);
        let like = if self.alike.is_some() { Some(Like::Known(&alike)) } else { words };
        then(&Survey { filter, order, ruler, score: &score, own: &own, others: &others, doubt: &doubt, like, cluster: &cluster })
    }
}
