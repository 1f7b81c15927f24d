//! A desk to test the program at: the real state, the real files, the real label store; no terminal, no thread, no clock.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{Event as TerminalEvent, KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use stepscope::analysis::likeness::Measure;
use stepscope::analysis::quality::quality;
use stepscope::app::keymap::Keymap;
use stepscope::app::likeness::Answered;
use stepscope::app::scoring::Known;
use stepscope::app::trust::Terms;
use stepscope::app::{App, Effect, Message, Setup, Stores, update};
use stepscope::corpus::{Corpus, Source};
use stepscope::labels::{Event, Project, Store};
use stepscope::shell::{self, Outside, sieve};
use stepscope::text::{Ambiguous, Glyphs};
use stepscope::trace::{StepKey, StepScore};
use stepscope::ui;
use stepscope::ui::code::highlight_step;
use stepscope::ui::look::Look;
use stepscope::ui::theme::{Background, Depth, Theme};

pub(crate) const SOLUTIONS: &[u8] = include_bytes!("../../assets/demo/solutions.json");
pub(crate) const SAMPLES: &[u8] = include_bytes!("../../assets/demo/samples.jsonl");
pub(crate) const TREE: &[u8] = include_bytes!("../../assets/demo/tree.jsonl");

/// An annotator's desk.
pub(crate) struct Desk {
    pub(crate) app: App,
    pub(crate) store: Store,
    /// Effects that only a real shell carries out.
    pub(crate) left: Vec<Effect>,
    /// What is worked out beside the screen takes its time: it is left to the test.
    pub(crate) slow: bool,
    /// The store cannot write.
    pub(crate) unwritable: bool,
    /// What the score cache knows.
    pub(crate) scores: HashMap<StepKey, StepScore>,
    corpora: Vec<Corpus>,
    folder: Arc<tempfile::TempDir>,
    sources: Vec<(&'static str, &'static [u8])>,
    annotator: &'static str,
}

impl Desk {
    pub(crate) fn new(sources: &[(&'static str, &'static [u8])], size: (u16, u16)) -> Self {
        Self::in_folder(Arc::new(tempfile::tempdir().unwrap()), sources, size, Terms::default())
    }

    /// The solutions of the demo on 80 x 24.
    pub(crate) fn demo() -> Self {
        Self::new(&[("demo/solutions.json", SOLUTIONS)], (80, 24))
    }

    /// The solutions of the demo on 80 x 24, begun on these terms: what was on the screen before they are in force was seen.
    pub(crate) fn on(terms: Terms) -> Self {
        Self::in_folder(Arc::new(tempfile::tempdir().unwrap()), &[("demo/solutions.json", SOLUTIONS)], (80, 24), terms)
    }

    fn in_folder(
        folder: Arc<tempfile::TempDir>,
        sources: &[(&'static str, &'static [u8])],
        size: (u16, u16),
        terms: Terms,
    ) -> Self {
        Self::seated(folder, sources, size, terms, ("mira", &[], false))
    }

    /// The solutions of the demo in front of this annotator, beside what others said; in a review that is adjudicated.
    pub(crate) fn of(annotator: &'static str, others: &[Event], review: bool, size: (u16, u16)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::seated(folder, &[("demo/solutions.json", SOLUTIONS)], size, Terms::default(), (annotator, others, review))
    }

    /// The same annotator comes back and finds what others have said meanwhile.
    pub(crate) fn returns_to(self, others: &[Event]) -> Self {
        let Self { folder, sources, app, annotator, .. } = self;
        Self::seated(folder, &sources, app.size, app.trust.terms, (annotator, others, false))
    }

    fn seated(
        folder: Arc<tempfile::TempDir>,
        sources: &[(&'static str, &'static [u8])],
        size: (u16, u16),
        terms: Terms,
        (annotator, others, review): (&'static str, &[Event], bool),
    ) -> Self {
        let corpora: Vec<Corpus> =
            sources.iter().map(|&(name, bytes)| Corpus::open(Source::Memory { name, bytes }, None).unwrap()).collect();
        corpora.iter().for_each(Corpus::wait);
        let path: PathBuf = folder.path().join("labels.db");
        let (mut store, mut session) = Store::open(&path, annotator).unwrap();
        session.extend(others);
        let place = store.place(&Self::files_of(sources)).unwrap();
        let setup = Setup {
            files: Outside::files(&corpora),
            unopened: Vec::new(),
            session,
            annotator: annotator.to_owned(),
            store: "labels.db".to_owned(),
            stores: Box::new(Stores {
                own: "labels.db".to_owned(),
                others: if review { vec!["others.db".to_owned()] } else { Vec::new() },
            }),
            look: Look {
                theme: Theme::named("dark", Depth::TrueColor, Background::Dark).unwrap(),
                guessed: false,
                glyphs: Glyphs::ASCII,
                ambiguous: Ambiguous::Narrow,
                pictures: stepscope::ui::picture::DRAWS,
            },
            place,
            scoring: false,
            sampler: false,
            vectors: false,
            terms,
            project: Project::default(),
            keymap: Keymap::default(),
            filters: shell::kept_filters(&mut store).unwrap(),
            review,
        };
        let (app, first) = App::new(setup, size);
        let mut desk = Self {
            app,
            store,
            left: Vec::new(),
            slow: false,
            unwritable: false,
            scores: HashMap::new(),
            corpora,
            folder,
            sources: sources.to_vec(),
            annotator,
        };
        desk.carry_out(first);
        desk
    }

    fn files_of(sources: &[(&'static str, &'static [u8])]) -> String {
        sources.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("\n")
    }

    /// The index of the files comes to its end, and this is what they hold.
    pub(crate) fn ends_as(&mut self, sources: &[(&'static str, &'static [u8])]) {
        let open = |&(name, bytes)| Corpus::open(Source::Memory { name, bytes }, None).unwrap();
        self.corpora = sources.iter().map(open).collect();
        self.corpora.iter().for_each(Corpus::wait);
        self.tell(Message::Files(Outside::files(&self.corpora)));
    }

    /// The first file is replaced by this one.
    pub(crate) fn becomes(&mut self, bytes: &'static [u8]) {
        let message = self.exchange(&[bytes]);
        self.tell(message);
        let told = self.app.notice.take().unwrap();
        assert!(told.ends_with("the file was replaced, reloaded; labels stay with the texts that they judge"), "{told}");
    }

    /// The first files are others now: what the program is told then.
    pub(crate) fn exchange(&mut self, files: &[&'static [u8]]) -> Message {
        assert!(self.app.may_reload());
        let mut moved = Vec::new();
        for (file, &bytes) in files.iter().enumerate() {
            let (name, _) = self.sources[file];
            let corpus = Corpus::open(Source::Memory { name, bytes }, None).unwrap();
            corpus.wait();
            moved.push((file, corpus.find_again(&self.corpora[file], &self.app.rows_in(file))));
            self.corpora[file] = corpus;
        }
        Message::Reloaded { files: Outside::files(&self.corpora), moved }
    }

    /// Leaves and starts again on the same store.
    pub(crate) fn restart(mut self) -> Self {
        shell::keep_place(&mut self.store, &Self::files_of(&self.sources), &self.app.place_now()).unwrap();
        let Self { folder, sources, app, .. } = self;
        Self::in_folder(folder, &sources, app.size, app.trust.terms)
    }

    /// Leaves and starts on other files with the same store.
    pub(crate) fn restart_on(self, sources: &[(&'static str, &'static [u8])]) -> Self {
        let Self { folder, app, .. } = self;
        Self::in_folder(folder, sources, app.size, app.trust.terms)
    }

    pub(crate) fn tell(&mut self, message: Message) {
        let effects = update(&mut self.app, message);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Load(item) => {
                    let view = self.corpora[item.file].problem(item.problem);
                    self.tell(Message::Loaded { item, view });
                }
                Effect::Sift { round, file, problems, filter, order } => {
                    let sifted = sieve::sift(&self.corpora[file], problems.clone(), filter.as_deref(), order.as_deref());
                    self.tell(Message::Sifted { round, file, problems, sifted });
                }
                Effect::Find { round, file, problems, forward, wanted } => {
                    let hit = sieve::find(&self.corpora[file], problems.clone(), forward, &wanted);
                    self.tell(Message::Found { round, file, problems, hit });
                }
                Effect::Save(_) if self.unwritable => self.tell(Message::SaveFailed("the disk is full".to_owned())),
                Effect::Save(draft) => {
                    let event = Box::new(self.store.append(*draft).unwrap());
                    self.tell(Message::Saved { event, at: "12:00:00".to_owned() });
                }
                Effect::Prepare(item) => {
                    let view = self.corpora[item.file].problem(item.problem);
                    let trace = view.trace.as_ref().unwrap();
                    let keys = trace.steps().map(|id| trace.node(id).key);
                    let scores = keys.filter_map(|key| Some((key, *self.scores.get(&key)?))).collect();
                    let known = Known { scores, ..Known::default() };
                    self.tell(Message::Prepared { item, known, requests: Vec::new() });
                }
                Effect::Colour(key, text) => self.tell(Message::Coloured { key, tokens: highlight_step(&text) }),
                Effect::Think { round, work } if !self.slow => {
                    self.tell(Message::Thought { round, thought: Box::new(work.think()) });
                }
                Effect::Liken { round, work } if !self.slow => {
                    let found = work.answer(Measure::Words, &|| false).unwrap();
                    self.tell(Message::Likened { round, answer: Ok(Answered { by: "words".to_owned(), found }) });
                }
                Effect::Rate { names, cases } => self.tell(Message::Rated(Box::new(quality(&names, &cases, 50)))),
                Effect::Continue => self.tell(Message::Continue),
                Effect::SaveFilter(name, text) => {
                    shell::keep_filters(&mut self.store, &[(name, text)].into()).unwrap();
                }
                Effect::SaveMark(letter, spot) => {
                    let desk = Self::files_of(&self.sources);
                    shell::keep_place(&mut self.store, &desk, &self.app.place_now()).unwrap();
                    shell::keep_marks(&mut self.store, &desk, &[(letter, spot)].into()).unwrap();
                }
                other => self.left.push(other),
            }
        }
    }

    /// Types keys: characters as they are, others as `<Esc>`, `<Enter>`, `<C-r>`.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        let mut rest = keys;
        while let Some(first) = rest.chars().next() {
            let (name, len) = match rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
                Some((name, _)) if name.len() > 1 => (name, name.len() + 2),
                _ => (&rest[..first.len_utf8()], first.len_utf8()),
            };
            let key = match name {
                "Esc" => KeyEvent::from(KeyCode::Esc),
                "Enter" => KeyEvent::from(KeyCode::Enter),
                "Tab" => KeyEvent::from(KeyCode::Tab),
                "BS" => KeyEvent::from(KeyCode::Backspace),
                "F1" => KeyEvent::from(KeyCode::F(1)),
                "F2" => KeyEvent::from(KeyCode::F(2)),
                "Up" => KeyEvent::from(KeyCode::Up),
                "Down" => KeyEvent::from(KeyCode::Down),
                "PageUp" => KeyEvent::from(KeyCode::PageUp),
                "Home" => KeyEvent::from(KeyCode::Home),
                "C-Right" => KeyEvent::new(KeyCode::Right, KeyModifiers::CONTROL),
                "C-Left" => KeyEvent::new(KeyCode::Left, KeyModifiers::CONTROL),
                "S-Up" => KeyEvent::new(KeyCode::Up, KeyModifiers::SHIFT),
                "S-Down" => KeyEvent::new(KeyCode::Down, KeyModifiers::SHIFT),
                _ if name.starts_with("C-") => KeyEvent::new(KeyCode::Char(name.chars().nth(2).unwrap()), KeyModifiers::CONTROL),
                _ => KeyEvent::from(KeyCode::Char(name.chars().next().unwrap())),
            };
            self.tell(Message::Terminal(TerminalEvent::Key(key)));
            rest = &rest[len..];
        }
        self
    }

    /// The screen as text.
    pub(crate) fn screen(&self) -> String {
        let buffer = self.buffer();
        let (width, height) = self.app.size;
        (0..height)
            .map(|y| {
                let row: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
                row.trim_end().to_owned() + "\n"
            })
            .collect()
    }

    pub(crate) fn buffer(&self) -> Buffer {
        let (width, height) = self.app.size;
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        ui::draw(&self.app, &mut buffer, area);
        buffer
    }

    /// Identifier of the solution under the cursor.
    pub(crate) fn id(&self) -> String {
        self.app.solution().and_then(|solution| solution.source_id.clone()).unwrap_or_default()
    }

    /// Number of the step under the cursor, from 1.
    pub(crate) fn step(&self) -> usize {
        self.app.cursor.step() + 1
    }
}
