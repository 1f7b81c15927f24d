//! The real program in a real pseudo-terminal: keys in as bytes, bytes of the screen out.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use super::train_head::Place;

#[cfg(feature = "candle")]
mod alike;
mod hostile;
mod replaced;
mod review;
mod saving;

/// Longest wait for something to appear: generous, the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    output: Arc<Mutex<Vec<u8>>>,
    /// The reader ends, and with it its hold on the terminal, after the next output.
    closing: Arc<AtomicBool>,
    size: (u16, u16),
}

impl Terminal {
    fn start(folder: &Path, args: &[&str], size: (u16, u16)) -> Self {
        Self::start_with(folder, args, size, &[])
    }

    fn start_with(folder: &Path, args: &[&str], size: (u16, u16), variables: &[(&str, &str)]) -> Self {
        let mut command = Self::program(folder);
        command.args(["--store", folder.join("labels.db").to_str().unwrap(), "--as", "mira"]);
        command.args(args);
        for (name, value) in variables {
            command.env(name, value);
        }
        Self::run(command, size)
    }

    /// The program with an environment in which it looks the same everywhere.
    fn program(folder: &Path) -> CommandBuilder {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_stepscope"));
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env("XDG_CACHE_HOME", folder.join("cache"));
        command.env_remove("NO_COLOR");
        command.env_remove("VISUAL");
        // A known background: nobody here answers questions about it.
        command.env("COLORFGBG", "15;0");
        command
    }

    fn run(command: CommandBuilder, size: (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows: size.1, cols: size.0, pixel_width: 0, pixel_height: 0 }).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let output = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&output);
        let closing = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&closing);
        std::thread::spawn(move || {
            let mut block = [0; 8192];
            while let Ok(read) = reader.read(&mut block) {
                sink.lock().unwrap().extend_from_slice(&block[..read]);
                if read == 0 || stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let keys = Some(pair.master.take_writer().unwrap());
        Self { child, master: Some(pair.master), keys, output, closing, size }
    }

    /// Lets go of all but the master, whose end is that of the terminal.
    fn stop_reading(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.keys("j");
        std::thread::sleep(Duration::from_millis(500));
        self.keys = None;
    }

    fn bytes(&self) -> Vec<u8> {
        self.output.lock().unwrap().clone()
    }

    fn screen(&self) -> String {
        self.parser().screen().contents()
    }

    fn parser(&self) -> vt100::Parser {
        let [rows, columns] = [self.size.1, self.size.0].map(|cells| NonZero::new(cells).unwrap());
        let mut parser = vt100::Parser::new(rows, columns, 0);
        parser.process(&self.bytes());
        parser
    }

    fn wait_for(&self, what: &str) -> String {
        self.wait(what, |screen| screen.contains(what))
    }

    fn wait(&self, what: &str, done: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if done(&screen) {
                return screen;
            }
            assert!(start.elapsed() < PATIENCE, "{what:?} never came:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn keys(&mut self, keys: &str) {
        let writer = self.keys.as_mut().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    fn wait_for_exit(&mut self) -> portable_pty::ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the program does not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The terminal is as it was: alternate screen left, cursor on, paste mode off.
    fn assert_restored(&self) {
        // The last bytes may still be on their way.
        let start = Instant::now();
        loop {
            let parser = self.parser();
            let screen = parser.screen();
            if !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste() {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(5), "the terminal was not given back");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_fit_to_the_labels_takes_the_place_of_the_model_and_is_taken_back() {
    let place = Place::new(60);
    let file = place.path("in.jsonl");
    let start = || {
        let terminal = Terminal::start(file.parent().unwrap(), &[file.to_str().unwrap()], (120, 40));
        terminal.wait_for("built-in all scored");
        terminal
    };
    let mut terminal = start();
    terminal.keys("gR");
    terminal.wait_for("the scores stay as they are: too few labels to tell anything");
    terminal.keys("q");
    terminal.wait_for_exit();
    place.label(|n| (n % 2 == 0).then_some(1));
    let mut terminal = start();
    terminal.keys("gR");
    terminal.wait_for("fitted to 120 judged steps");
    terminal.wait_for("mira-1 all scored");
    terminal.keys("gU");
    terminal.wait_for("the scores are the model's own again");
    terminal.wait_for("built-in all scored");
    assert!(place.path("heads").join("mira-1").join("head.json").is_file(), "the fit stays, to be loaded with --prm");
}

#[test]
fn keys_label_solutions_and_the_next_start_goes_on_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(folder.path(), &["--no-prm"], (80, 24));
    terminal.wait_for("1/35");
    terminal.keys("jx");
    terminal.wait_for("saved");
    terminal.keys("a");
    terminal.wait_for("labels.db +2");
    terminal.keys("}jj");
    let there = |screen: &str| screen.contains("3/35") && screen.contains("❯  3");
    let before = terminal.wait("the third step", there);
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
    terminal.assert_restored();

    let mut terminal = Terminal::start(folder.path(), &["--no-prm"], (80, 24));
    let after = terminal.wait("the third step", there);
    let step = |screen: &str| screen.lines().find(|line| line.starts_with('❯')).map(|line| line.trim_end().to_owned());
    assert_eq!(step(&before), step(&after));
    // Undo reaches back across the restart, to the first solution of the file.
    terminal.keys("uu");
    terminal.wait_for("undo: first error");
    terminal.wait_for("1/35  solution 1/2");
    terminal.keys("q");
    terminal.wait_for_exit();
}

#[cfg(feature = "candle")]
#[test]
fn scores_come_in_and_a_killed_worker_is_one_line_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(folder.path(), &[], (120, 40));
    terminal.wait("tokens a second", |screen| screen.contains("tok/s") || screen.contains("all scored"));
    let pid = i32::try_from(terminal.child.process_id().unwrap()).unwrap();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let worker: i32 = children.split_whitespace().next().expect("a worker process").parse().unwrap();
    kill_process(Pid::from_raw(worker).unwrap(), Signal::KILL).unwrap();
    terminal.wait_for("gK restarts it");
    terminal.keys("a");
    terminal.wait_for("saved");
    terminal.keys("gK");
    terminal.wait("the worker is back", |screen| !screen.contains("gK restarts it") && screen.contains("all scored"));
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
}

#[test]
fn signals_give_the_terminal_back() {
    [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT].into_iter().for_each(ended_by);
}

fn ended_by(signal: Signal) {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(folder.path(), &["--no-prm"], (80, 24));
    terminal.wait_for("1/35");
    terminal.signal(signal);
    let status = terminal.wait_for_exit();
    assert!(!status.success(), "{signal:?}: ended as if nothing had happened");
    terminal.assert_restored();
}

const PANIC: &str = "STEPSCOPE_TEST_PANIC";

/// A program that has taken the terminal over and panics; does nothing unless asked to.
#[test]
fn panicking_child() {
    if std::env::var_os(PANIC).is_some() {
        // Only the thread that draws takes the terminal down, and it is known by its name.
        let main = std::thread::Builder::new().name("main".into()).spawn(|| {
            let _screen = stepscope::shell::terminal::TerminalScreen::enter().unwrap();
            panic!("the ink ran dry");
        });
        main.unwrap().join().unwrap();
    }
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_says_why() {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["pty::panicking_child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env(PANIC, "1");
    let mut terminal = Terminal::run(command, (80, 24));
    assert!(!terminal.wait_for_exit().success());
    terminal.assert_restored();
    // What is written to the alternate screen vanishes with it.
    terminal.wait_for("the ink ran dry");
}

#[test]
#[ignore = "a hundred runs of every way out: minutes; STEPSCOPE_RUNS for another number"]
fn a_hundred_runs_of_every_way_out_give_the_terminal_back() {
    let runs = std::env::var("STEPSCOPE_RUNS").map_or(100, |runs| runs.parse().unwrap());
    for run in 0..runs {
        signals_give_the_terminal_back();
        a_panic_gives_the_terminal_back_before_it_says_why();
        suspend_gives_the_terminal_back_and_continue_takes_it_again();
        let (wait, busy) = lose_the_terminal();
        assert!(wait < Duration::from_secs(2) && busy < Duration::from_millis(500), "run {run}: {wait:?}, busy {busy:?}");
    }
    eprintln!("{runs} runs each of TERM, HUP, INT, QUIT, panic, TSTP and CONT, and a lost terminal");
}

#[test]
fn suspend_gives_the_terminal_back_and_continue_takes_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(folder.path(), &["--no-prm"], (80, 24));
    terminal.wait_for("1/35");
    terminal.keys("\x1a");
    terminal.assert_restored();
    terminal.signal(Signal::CONT);
    terminal.wait_for("1/35");
    terminal.keys("q");
    terminal.wait_for_exit();
}

fn script(folder: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_session_that_is_played_again_gives_the_same_labels_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let log = |number: usize| folder.path().join(format!("keys{number}.jsonl")).to_str().unwrap().to_owned();
    for (number, keys) in ["jxa4x2Xs!dg!\tno idea\rcnote\r", "uu\x12{{gm=0-jgSl\rtone two\ra)paa:history\r", "eAB\x13ja))gPf(u"]
        .into_iter()
        .enumerate()
    {
        let mut terminal = Terminal::start(folder.path(), &["--log", &log(number)], (100, 30));
        terminal.wait("every score", |screen| screen.contains("all scored"));
        type_like_people(&mut terminal, keys);
        terminal.wait("everything saved", |screen| !screen.contains("saving"));
        std::thread::sleep(Duration::from_millis(100));
        terminal.signal(Signal::TERM);
        terminal.wait_for_exit();
    }
    (0..3).for_each(|number| played_again(&log(number)));
}

/// `replay --check` finds the labels of a log again.
fn played_again(log: &str) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_stepscope")).args(["replay", log, "--check"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains(" 0 differ from the log") && !said.contains(" 0 labels"), "{said}");
}

/// Types keys, some at once, some with a pause: both are how people type.
fn type_like_people(terminal: &mut Terminal, keys: &str) {
    for (at, key) in keys.chars().enumerate() {
        terminal.keys(&key.to_string());
        std::thread::sleep(Duration::from_millis(if at % 3 == 0 { 25 } else { 1 }));
    }
}

#[cfg(feature = "candle")]
#[test]
fn a_step_written_anew_is_scored_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(folder.path(), &[], (120, 40));
    terminal.wait("every score", |screen| screen.contains("all scored"));
    terminal.keys("e");
    terminal.wait_for("as the source has it");
    let mut worst = Duration::ZERO;
    for round in 0..10 {
        // Every letter makes another text of the step and of all behind it.
        terminal.keys("x");
        let start = Instant::now();
        let words = "x".repeat(round + 1);
        terminal.wait("new scores", |screen| {
            let rows = screen.lines().skip_while(|line| !line.contains("PRM  was  now")).skip(1);
            let first = rows.take_while(|line| !line.contains("why:")).next();
            first.is_some_and(|line| line.contains(&words) && !line.contains("..."))
        });
        worst = worst.max(start.elapsed());
    }
    println!("slowest of 10 first new scores after a key: {worst:?}");
    terminal.keys("\x1b");
    terminal.wait_for("left as it was");
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
}

#[test]
fn a_critique_is_written_in_the_editor_and_survives_one_that_fails() {
    let folder = tempfile::tempdir().unwrap();
    // The editor has the keyboard to itself: it reads the line that is typed while it runs.
    let text = r#"grep -q '^# step [0-9]* of' "$1" && echo "EDITING"; read line
{ printf '%s\n' "$line"; cat "$1"; } > "$1.new"; cat "$1.new" > "$1"; rm "$1.new""#;
    let good = script(folder.path(), "good", text);
    let mut terminal = Terminal::start_with(folder.path(), &["--no-prm"], (120, 40), &[("EDITOR", &good)]);
    terminal.wait_for("1/35");
    terminal.keys("C");
    terminal.wait_for("EDITING");
    terminal.assert_restored();
    terminal.keys("q: the sign is lost\r");
    let screen = terminal.wait_for("critique  q: the sign is lost");
    assert!(!screen.contains(">8") && !screen.contains("cut off"), "what stands below the scissors is no critique:\n{screen}");
    terminal.wait_for("labels.db +1");
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
    terminal.assert_restored();

    let bad = script(folder.path(), "bad", r#"echo "half a thought" > "$1"; exit 3"#);
    let mut terminal = Terminal::start_with(folder.path(), &["--no-prm"], (120, 40), &[("EDITOR", &bad)]);
    terminal.wait_for("critique  q: the sign is lost");
    terminal.keys("C");
    let screen = terminal.wait_for("what was written is in");
    let name = screen.split_whitespace().find(|word| word.contains("stepscope-")).expect("a file");
    assert_eq!(std::fs::read_to_string(name).unwrap(), "half a thought\n");
    std::fs::remove_file(name).unwrap();
    assert!(terminal.screen().contains("critique  q: the sign is lost"));
    terminal.keys("q");
    terminal.wait_for_exit();
}

#[test]
fn a_lost_terminal_ends_the_program_and_its_labels_stand_in_the_one_file() {
    lose_the_terminal();
}

#[test]
fn a_lost_terminal_ends_the_question_what_keys_mean() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unknown.jsonl");
    std::fs::write(&file, r#"{"q":"a","chain":["x","y"],"first_error":1}"#).unwrap();
    let mut terminal = Terminal::start(folder.path(), &["--no-prm", file.to_str().unwrap()], (80, 24));
    terminal.wait_for("first_error");
    terminal.stop_reading();
    terminal.master = None;
    assert_ne!(terminal.wait_for_exit().exit_code(), 101, "it panicked");
}

/// Time from the loss of the terminal to the end of the program, and the processor time that the program took meanwhile.
fn lose_the_terminal() -> (Duration, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(folder.path(), &["--no-prm"], (80, 24));
    terminal.wait_for("1/35");
    terminal.keys("jx");
    terminal.wait_for("saved");
    terminal.stop_reading();
    let pid = terminal.child.process_id().unwrap();
    let (start, before) = (Instant::now(), processor_time(pid).unwrap());
    terminal.master = None;
    let mut after = before;
    let status = loop {
        if let Some(status) = terminal.child.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < PATIENCE, "the program does not end");
        after = processor_time(pid).unwrap_or(after);
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_ne!(status.exit_code(), 101, "it panicked");
    assert!(
        folder.path().join("labels.db").is_file() && !folder.path().join("labels.db-wal").exists(),
        "the store was not closed"
    );
    (start.elapsed(), after.saturating_sub(before))
}

/// What a process has used so far; `None` when it is gone.
fn processor_time(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name in brackets: fields 3 and on; 14 and 15 are ticks of a hundredth of a second.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

#[test]
fn a_killed_program_loses_at_most_the_key_in_flight() {
    kill_rounds(6);
}

#[test]
#[ignore = "two hundred kills of the real program: minutes"]
fn two_hundred_kills_of_the_program_lose_at_most_the_key_in_flight() {
    kill_rounds(200);
}

fn kill_rounds(rounds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut saved = 0;
    for round in 0..rounds {
        let mut terminal = Terminal::start(folder.path(), &["--no-prm"], (80, 24));
        terminal.wait_for("mira");
        for count in 1..=2 {
            terminal.keys("a");
            terminal.wait_for(&format!("labels.db +{count}"));
            saved += 1;
        }
        // One more key is in flight when the axe falls.
        terminal.keys("a");
        if round % 2 == 0 {
            std::thread::sleep(Duration::from_millis(round % 12 * 2));
        }
        terminal.signal(Signal::KILL);
        terminal.wait_for_exit();
    }
    let (_, session) = stepscope::labels::Store::view(&folder.path().join("labels.db"), "mira").unwrap();
    assert!(
        (saved..=saved + usize::try_from(rounds).unwrap()).contains(&session.decisions()),
        "{saved} saved, {} found",
        session.decisions()
    );
    assert!(stepscope::labels::store::check(&folder.path().join("labels.db")).ok);
}

#[test]
fn what_the_keys_of_an_unknown_file_mean_is_asked_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.jsonl");
    std::fs::write(&file, "{\"q\":\"1+1?\",\"s\":[\"It is two.\",\"So three.\"]}\n").unwrap();
    let home = folder.path().to_str().unwrap();
    let variables = [("XDG_CONFIG_HOME", home), ("XDG_DATA_HOME", home), ("XDG_STATE_HOME", home)];
    let start = || Terminal::start_with(folder.path(), &["--no-prm", file.to_str().unwrap()], (100, 30), &variables);
    let mut terminal = start();
    terminal.wait_for("It is two.");
    assert!(!terminal.screen().contains("why:"), "the dialog comes first: {}", terminal.screen());
    terminal.keys("\r");
    terminal.wait_for("why:");
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
    let mut terminal = start();
    terminal.wait("its steps, and no dialog", |screen| screen.contains("why:") && screen.contains("It is two."));
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
}

#[test]
fn what_a_slow_terminal_answers_is_taken_for_no_key() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing says what the background is, and nothing forbids to ask.
    let unset = ["COLORFGBG", "TMUX", "STY", "SSH_CONNECTION", "SSH_TTY"].map(|name| (name, ""));
    let mut terminal = Terminal::start_with(folder.path(), &["--no-prm"], (80, 24), &unset);
    terminal.wait_for("step 1/");
    assert!(terminal.bytes().windows(6).any(|bytes| bytes == b"\x1b]11;?"), "the terminal is asked");
    // `f` flags, `=` rates, `G` goes to the last step.
    terminal.keys("\x1b[7;3R\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;18;9t\x1b[?62;4c");
    terminal.keys("j");
    terminal.wait_for("step 2/");
    terminal.keys("=");
    let screen = terminal.wait_for("labels.db +1");
    assert!(screen.contains("step 2 rated +1") && screen.contains("step 3/") && !screen.contains("UNSURE"), "{screen}");
    terminal.keys("u");
    terminal.wait_for("undo");
    terminal.keys("u");
    terminal.wait_for("nothing left to undo");
    terminal.keys(":theme\r");
    terminal.wait_for("theme light");
}

#[test]
fn traces_that_are_piped_in_do_not_end_the_session_with_the_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.jsonl");
    std::fs::write(&file, "{\"prompt\":\"1+1?\",\"completions\":[\"It is two.\",\"So three.\"],\"labels\":[true,false]}\n")
        .unwrap();
    let mut command = Terminal::program(folder.path());
    let program = command.get_argv()[0].clone();
    *command.get_argv_mut() = vec!["sh".into(), "-c".into(), "cat \"$1\" | \"$0\" - --no-prm --store \"$2\" --as mira".into()];
    command.args([program, file.into(), folder.path().join("labels.db").into()]);
    let mut terminal = Terminal::run(command, (80, 24));
    terminal.wait_for("It is two.");
    // Longer than it takes to notice that a terminal is gone.
    std::thread::sleep(Duration::from_secs(2));
    terminal.keys("x");
    terminal.wait_for("labels.db +1");
    terminal.keys("q");
    assert!(terminal.wait_for_exit().success());
}
