//! Orders with a name. Solutions with a larger number come first, those without a number last.

/// An order.
#[derive(Debug)]
pub struct Order {
    /// Its name.
    pub name: &'static str,
    /// The letter that chooses it from the menu.
    pub letter: char,
    /// What comes first.
    pub doc: &'static str,
    /// The number; empty for the order of the files.
    pub expression: &'static str,
}

/// All orders, in the order of the menu.
pub static ORDERS: &[Order] = &[
    Order { name: "file", letter: 'f', doc: "as the files have them", expression: "" },
    Order { name: "suspicion", letter: 's', doc: "the most suspicious step first, by score and checks", expression: "suspicion" },
    Order {
        name: "uncertainty",
        letter: 'u',
        doc: "the score at the predicted first error nearest to the threshold",
        expression: "-margin",
    },
    Order {
        name: "disagreement",
        letter: 'd',
        doc: "prediction farthest from the recorded first error; none stands behind the last step",
        expression: "abs(at + (at = 0) * (len + 1) - error - (error = 0) * (len + 1))",
    },
    Order {
        name: "committee",
        letter: 'm',
        doc: "models that lie farthest apart at a predicted first error (--beside)",
        expression: "dissent",
    },
    Order {
        name: "convincing",
        letter: 'c',
        doc: "wrong answers whose steps all have high scores",
        expression: "wrong * min_place",
    },
    Order { name: "unconvinced", letter: 'n', doc: "right answers with a low step score", expression: "right * (1 - min_place)" },
    Order {
        name: "rollouts",
        letter: 'o',
        doc: "problems of which half of the solutions are right",
        expression: "solved * (1 - solved)",
    },
    Order {
        name: "suspects",
        letter: 'e',
        doc: "labels that are likely wrong, by a model that has not seen them",
        expression: "doubt",
    },
    Order { name: "apart", letter: 'a', doc: "annotators whose first errors lie farthest apart", expression: "gap" },
    Order {
        name: "kinds",
        letter: 'k',
        doc: "by kind of what annotators do not agree on, the gravest first",
        expression: "1000 * conflict + gap",
    },
    Order { name: "similar", letter: 'i', doc: "steps most like the one at which :similar was asked", expression: "similar" },
    Order { name: "drop", letter: 'p', doc: "the largest fall from one step to the next", expression: "drop" },
    Order { name: "length", letter: 'l', doc: "the most steps", expression: "len" },
    Order { name: "random", letter: 'r', doc: "shuffled, the same way every time", expression: "random" },
];
