//! The annotator's name when none is given: who git says it is.
//!
//! No process is started for it. Of git's configuration only `name` in the plain section `[user]` is read; includes are not followed.

use std::path::{Path, PathBuf};

/// Longest name, in characters.
const LIMIT: usize = 100;
const NOBODY: &str = "anonymous";

/// The name to label under: `given`, else the author's name in the environment, else git's `user.name` as seen from `dir`, else the
/// login name, else "anonymous".
pub fn name(given: Option<&str>, dir: &Path) -> String {
    name_with(given, dir, |key| std::env::var(key).ok())
}

fn name_with(given: Option<&str>, dir: &Path, env: impl Fn(&str) -> Option<String>) -> String {
    let configured = || configs(dir, &env).iter().find_map(|path| clean(&user_name(&std::fs::read(path).ok()?)?));
    given
        .and_then(clean)
        .or_else(|| env("GIT_AUTHOR_NAME").as_deref().and_then(clean))
        .or_else(configured)
        .or_else(|| ["USER", "LOGNAME", "USERNAME"].iter().find_map(|key| clean(&env(key)?)))
        .unwrap_or_else(|| NOBODY.to_owned())
}

/// A name without control characters, in one line; `None` when nothing is left.
fn clean(name: &str) -> Option<String> {
    let plain: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let name: String = words.join(" ").chars().take(LIMIT).collect();
    (!name.is_empty()).then_some(name)
}

/// Git's configuration files, strongest first: the repository's, the user's, the user's in the XDG directory.
fn configs(dir: &Path, env: &impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let mut configs = Vec::new();
    configs.extend(dir.ancestors().find_map(|dir| git_dir(&dir.join(".git"))).map(|git| git.join("config")));
    let home = env("HOME").or_else(|| env("USERPROFILE")).filter(|home| !home.is_empty()).map(PathBuf::from);
    configs.extend(home.as_ref().map(|home| home.join(".gitconfig")));
    let xdg = env("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    configs.extend(xdg.or_else(|| Some(home?.join(".config"))).map(|dir| dir.join("git").join("config")));
    configs
}

/// The directory with the configuration: `.git` itself, or where the file `.git` of a linked working tree points.
fn git_dir(git: &Path) -> Option<PathBuf> {
    if git.is_dir() {
        return Some(git.to_owned());
    }
    let pointer = std::fs::read_to_string(git).ok()?;
    let own = git.parent()?.join(pointer.strip_prefix("gitdir:")?.trim());
    match std::fs::read_to_string(own.join("commondir")) {
        Ok(common) => Some(own.join(common.trim())),
        Err(_) => Some(own),
    }
}

/// `name` of section `[user]`; the last one counts, as in git.
fn user_name(config: &[u8]) -> Option<String> {
    let config = String::from_utf8_lossy(config);
    let (mut in_user, mut name) = (false, None);
    for line in config.lines().map(str::trim) {
        let setting = match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((section, rest)) => {
                in_user = section.trim().eq_ignore_ascii_case("user");
                rest.trim()
            }
            None => line,
        };
        if let Some((key, value)) = setting.split_once('=')
            && in_user
            && key.trim().eq_ignore_ascii_case("name")
        {
            name = Some(value_of(value.trim()));
        }
    }
    name
}

/// A value without its quotes, escapes and trailing comment (git-config(1), "Values").
fn value_of(text: &str) -> String {
    let (mut value, mut quoted) = (String::new(), false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => value.extend(chars.next().map(|c| if matches!(c, 'n' | 't' | 'b') { ' ' } else { c })),
            '#' | ';' if !quoted => break,
            c => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A home with a git configuration and a repository below it.
    fn desk() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("repo/.git")).unwrap();
        fs::create_dir_all(dir.path().join("repo/src")).unwrap();
        fs::write(dir.path().join(".gitconfig"), "[core]\n\tname = no\n[User]\n\temail = m@x\n\tName = \"Mira #1\" ; me\n")
            .unwrap();
        dir
    }

    fn seen(desk: &tempfile::TempDir, given: Option<&str>, vars: &[(&str, &str)]) -> String {
        let home = desk.path().to_str().unwrap().to_owned();
        name_with(given, &desk.path().join("repo/src"), |key| match key {
            "HOME" => Some(home.clone()),
            _ => vars.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned()),
        })
    }

    #[test]
    fn the_name_given_comes_first_then_the_environment_then_git() {
        let desk = desk();
        assert_eq!(seen(&desk, Some(" noor "), &[("GIT_AUTHOR_NAME", "ann")]), "noor");
        assert_eq!(seen(&desk, Some("\u{1b}\n"), &[("GIT_AUTHOR_NAME", "ann")]), "ann");
        assert_eq!(seen(&desk, None, &[("USER", "u")]), "Mira #1");
        fs::write(desk.path().join("repo/.git/config"), "[user \"sub\"]\nname=no\n[user] name = Repo\\\\Mira\n").unwrap();
        assert_eq!(seen(&desk, None, &[]), "Repo\\Mira");
    }

    #[test]
    fn a_linked_working_tree_reads_the_configuration_of_its_repository() {
        let desk = desk();
        fs::create_dir_all(desk.path().join("main/.git/worktrees/w")).unwrap();
        fs::write(desk.path().join("main/.git/config"), "[user]\nname = linked\n").unwrap();
        fs::write(desk.path().join("main/.git/worktrees/w/commondir"), "../..\n").unwrap();
        fs::remove_dir(desk.path().join("repo/.git")).unwrap();
        fs::write(desk.path().join("repo/.git"), "gitdir: ../main/.git/worktrees/w\n").unwrap();
        assert_eq!(seen(&desk, None, &[]), "linked");
    }

    #[test]
    fn without_git_it_is_the_login_name_or_nobody() {
        let desk = desk();
        fs::remove_file(desk.path().join(".gitconfig")).unwrap();
        assert_eq!(seen(&desk, None, &[("USER", "u")]), "u");
        assert_eq!(seen(&desk, None, &[]), "anonymous");
        fs::create_dir_all(desk.path().join(".config/git")).unwrap();
        fs::write(desk.path().join(".config/git/config"), "[user]\nname = xdg").unwrap();
        assert_eq!(seen(&desk, None, &[("USER", "u")]), "xdg");
    }
}
