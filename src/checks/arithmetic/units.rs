//! Units that convert into each other, and words that count in dozens or thousands.

use super::expression::stem;
use super::lexer::{Kind, Token};

/// What a unit measures; sizes are comparable within one of them alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Count,
    Time,
    Calendar,
    Money,
    Length,
    ImperialLength,
    Mass,
    ImperialMass,
    Volume,
    ImperialVolume,
}

/// A unit by its names in the singular, with its size in the smallest unit of its kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unit {
    names: &'static [&'static str],
    measure: Measure,
    /// How many of the smallest unit it is.
    pub(super) size: i64,
}

impl Unit {
    /// It counts things, `3 dozen`, and measures nothing.
    pub(super) fn is_count(&self) -> bool {
        self.measure == Measure::Count
    }

    /// One can be given in parts of the other, `1 hour 20 minutes`.
    fn has_parts(&self, other: &Self) -> bool {
        self.measure == other.measure && self.size > other.size && !self.is_count()
    }

    /// What is given in one of them may be meant in the other.
    fn converts_into(&self, other: &Self) -> bool {
        let kind = |unit: &Self| match unit.measure {
            Measure::Calendar => Measure::Time,
            // A litre is 1,000 cubic centimetres.
            Measure::Volume => Measure::Length,
            measure => measure,
        };
        self != other && !self.is_count() && kind(self) == kind(other)
    }
}

const fn unit(names: &'static [&'static str], measure: Measure, size: i64) -> Unit {
    Unit { names, measure, size }
}

const UNITS: &[Unit] = &[
    unit(&["pair"], Measure::Count, 2),
    unit(&["dozen"], Measure::Count, 12),
    unit(&["hundred"], Measure::Count, 100),
    unit(&["thousand"], Measure::Count, 1_000),
    unit(&["million"], Measure::Count, 1_000_000),
    unit(&["billion"], Measure::Count, 1_000_000_000),
    unit(&["second", "sec"], Measure::Time, 1),
    unit(&["minute", "min"], Measure::Time, 60),
    unit(&["hour", "hr"], Measure::Time, 3_600),
    unit(&["day"], Measure::Time, 86_400),
    unit(&["week"], Measure::Time, 604_800),
    unit(&["month"], Measure::Calendar, 1),
    unit(&["year"], Measure::Calendar, 12),
    unit(&["decade"], Measure::Calendar, 120),
    unit(&["cent", "penny", "pennie"], Measure::Money, 1),
    unit(&["nickel"], Measure::Money, 5),
    unit(&["dime"], Measure::Money, 10),
    unit(&["quarter"], Measure::Money, 25),
    DOLLAR,
    unit(&["millimeter", "millimetre", "mm"], Measure::Length, 1),
    unit(&["centimeter", "centimetre", "cm"], Measure::Length, 10),
    unit(&["meter", "metre", "m"], Measure::Length, 1_000),
    unit(&["kilometer", "kilometre", "km"], Measure::Length, 1_000_000),
    unit(&["inch"], Measure::ImperialLength, 1),
    unit(&["foot", "feet", "ft"], Measure::ImperialLength, 12),
    unit(&["yard"], Measure::ImperialLength, 36),
    unit(&["mile", "mi"], Measure::ImperialLength, 63_360),
    unit(&["milligram", "mg"], Measure::Mass, 1),
    unit(&["gram", "g"], Measure::Mass, 1_000),
    unit(&["kilogram", "kg"], Measure::Mass, 1_000_000),
    unit(&["ounce", "oz"], Measure::ImperialMass, 1),
    unit(&["pound", "lb"], Measure::ImperialMass, 16),
    unit(&["milliliter", "millilitre", "ml"], Measure::Volume, 1),
    unit(&["liter", "litre"], Measure::Volume, 1_000),
    unit(&["cup"], Measure::ImperialVolume, 1),
    unit(&["pint"], Measure::ImperialVolume, 2),
    unit(&["quart"], Measure::ImperialVolume, 4),
    unit(&["gallon"], Measure::ImperialVolume, 16),
];

/// The unit of a currency sign.
pub(super) const DOLLAR: Unit = unit(&["dollar", "buck"], Measure::Money, 100);

/// The unit that a token names, in the singular or plural; a currency sign is the dollar.
pub(super) fn unit_of(token: &Token) -> Option<&'static Unit> {
    match token.kind {
        Kind::Currency => Some(&DOLLAR),
        Kind::Word => {
            let word = stem(&token.text);
            UNITS.iter().find(|unit| unit.names.contains(&word.as_str()))
        }
        _ => None,
    }
}

/// Two units are named that convert into each other.
pub(super) fn units_change(named: &[Token]) -> bool {
    let units: Vec<&Unit> = named.iter().filter_map(unit_of).collect();
    units.iter().any(|unit| units.iter().any(|other| unit.converts_into(other)))
}

/// At `at` begins the smaller part of a quantity in two units: `1 hour 20 minutes`, `5 feet, 3 inches`, `2 weeks and 3 days`.
pub(super) fn is_second_part(tokens: &[Token], at: usize) -> bool {
    let joins = |token: &Token| token.kind == Kind::Comma || token.text == "and";
    let before = || {
        let end = at.checked_sub(1)?;
        let last = if joins(&tokens[end]) { end.checked_sub(1)? } else { end };
        let number = tokens.get(last.checked_sub(1)?)?;
        unit_of(&tokens[last]).filter(|_| number.kind == Kind::Number)
    };
    let behind = || tokens.get(at + 1).filter(|_| tokens[at].kind == Kind::Number).and_then(unit_of);
    before().zip(behind()).is_some_and(|(larger, smaller)| larger.has_parts(smaller))
}
