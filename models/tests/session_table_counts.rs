//! The models of `SessionTable` have as many executions as they should: the numbers were counted with the executable
//! specification of the exact explorer (Python, no code in common) on a transcription of the same protocol.
//!
//! A change of the table's operations changes them; a change of the explorer must not.

use selvedge::check::Verdict;
use selvedge::check::engine::{Plan, exact};

const COUNTED: [(&str, &str, u64); 6] = [
    ("session_table_claim", "session_table", 72),
    ("session_table_guard", "session_table", 18),
    ("session_table_guard", "session_table_completed", 24),
    ("session_table_iterate", "session_table", 30),
    ("session_table_free_list", "session_table", 42),
    ("session_table_retirement", "session_table", 10),
];

#[test]
fn executions_are_as_counted() {
    let plan = Plan::default();
    let catalogue = selvedge_models::catalogue();
    for (model, variant, executions) in COUNTED {
        let model =
            catalogue.models().iter().find(|m| m.name == model).expect("the model is in the catalogue");
        let variant = model.variants.iter().find(|v| v.name == variant).expect("the variant is in the model");
        let explored = exact::explore(&variant.scenario, &plan);
        assert_eq!(explored.verdict, Verdict::Exhausted, "{}/{}", model.name, variant.name);
        assert_eq!(explored.executions, executions, "{}/{}", model.name, variant.name);
    }
}
