//! Ways out that have files of their own: one file a trainer or tool, one row each in [`EXPORTS`]. Some of these formats are read too,
//! under the same name.

mod argilla;
mod corrections;
mod csv;
mod examples;
mod label_studio;
mod llama_factory;
mod ms_swift;
mod omega_prm;
mod openrlhf;
mod pairs;
mod potato;
mod qwen_prm;
mod report;
mod rlhflow;
mod siblings;
mod step_dpo;
mod trl;

use super::export::Writer;
use super::{FORMATS, Format};

/// A format that can be written.
#[derive(Clone, Copy)]
pub struct Target {
    /// Short, stable name for the command line.
    pub name: &'static str,
    /// One line for people: what it is and who reads it.
    pub doc: &'static str,
    /// The way out.
    pub writer: &'static dyn Writer,
}

/// Formats whose way out has a file of its own.
pub static EXPORTS: &[Target] = &[
    openrlhf::OPENRLHF,
    rlhflow::RLHFLOW,
    qwen_prm::QWEN_PRM,
    trl::PREFERENCE,
    trl::PREFERENCE_CHAT,
    trl::KTO,
    step_dpo::STEP_DPO,
    ms_swift::DPO,
    ms_swift::KTO,
    ms_swift::CLASSIFIER,
    llama_factory::DPO,
    llama_factory::DPO_CHAT,
    llama_factory::KTO,
    omega_prm::TREE,
    omega_prm::FLAT,
    omega_prm::MM_PRM,
    corrections::CORRECTIONS,
    corrections::SFT,
    label_studio::LABEL_STUDIO,
    argilla::ARGILLA,
    potato::POTATO,
    csv::CSV,
    report::MARKDOWN,
    report::HTML,
];

/// All formats that can be written.
pub fn targets() -> impl Iterator<Item = Target> {
    let both = |format: &&'static dyn Format| Some(Target { name: format.name(), doc: format.doc(), writer: format.writer()? });
    FORMATS.iter().filter_map(both).chain(EXPORTS.iter().copied())
}

/// The format of this name that can be written.
pub fn target(name: &str) -> Option<Target> {
    targets().find(|target| target.name == name)
}
