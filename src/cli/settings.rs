//! Files of settings: read, with a word on what is unsafe about one, or says nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::out;

/// Bits of a file's mode: anybody may write to it; its group or anybody may read it.
const WRITE: u32 = 0o002;
const READ: u32 = 0o044;
/// What names of keys have in them that hold what nobody else may know.
const SECRETS: [&str; 5] = ["token", "secret", "password", "api-key", "api_key"];

/// The text of a file of settings. Where anybody may write to it, that is told: who does decides what keys do and labels mean.
pub(super) fn read(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    if mode(path) & WRITE != 0 {
        let path = path.display();
        out::note(format_args!("{path}: anybody may write to this file; `chmod o-w {path}` ends that"));
    }
    Ok(text)
}

/// Tells which keys of a file of settings are left out because nobody knows them. Their values are not looked at.
pub(super) fn left_out(path: &Path, unknown: &[String]) {
    let is_secret = |key: &&String| SECRETS.iter().any(|word| key.to_ascii_lowercase().contains(word));
    let (secret, other): (Vec<&String>, Vec<&String>) = unknown.iter().partition(is_secret);
    let named = |keys: &[&String]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let path_shown = path.display();
    if !other.is_empty() {
        out::note(format_args!("{path_shown}: left out, as nobody knows what it means: {}", named(&other)));
    }
    if !secret.is_empty() {
        let open = mode(path) & READ != 0;
        let open = if open { format!("; others can read it here: `chmod 600 {path_shown}`") } else { String::new() };
        out::note(format_args!(
            "{path_shown}: left out, as a token is read from STEPSCOPE_SERVER_TOKEN alone: {}{open}",
            named(&secret)
        ));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |meta| meta.permissions().mode())
}
