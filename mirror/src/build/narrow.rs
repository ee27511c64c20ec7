//! What makes a bundle smaller than its stream: the hosts' need, and a budget.
//!
//! Both change what the manifest lists, never what is true of what it lists. What they did stands in the plan, and in the
//! provenance, so that whoever approves the bundle sees what is not in it.

use sealift_model::ByteSize;
use serde::Serialize;
use serde_json::{Value, json};

use crate::budget::{BudgetReport, Tracker};
use crate::need::{NeedRef, Taken};
use crate::selection::need::NeedReport;

/// What a bundle is to be narrowed to; by default to nothing.
#[derive(Debug, Clone, Default)]
pub struct Narrow {
    /// Only what the hosts of these lists lack.
    pub needs: Vec<Taken>,
    /// Only what fits.
    pub budget: Option<Budget>,
}

/// How much a bundle may carry.
#[derive(Debug, Clone)]
pub struct Budget {
    /// In bytes.
    pub size: ByteSize,
    /// What is known of fixes; without it a fix is one by where it comes from.
    pub tracker: Option<Tracker>,
}

/// How a bundle was narrowed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Narrowed {
    /// The need-lists it was made of, sorted.
    pub lists: Vec<NeedRef>,
    /// What it does for their hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need: Option<NeedReport>,
    /// What did not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetReport>,
}

impl Narrowed {
    /// Adds to the parameters of a build what it was narrowed by.
    pub(super) fn describe(&self, parameters: &mut Value) {
        if !self.lists.is_empty() {
            parameters["need"] = json!(self.lists);
        }
        if let Some(budget) = &self.budget {
            parameters["budget"] = json!({ "bytes": budget.bytes, "left_out": budget.left_out });
            if let Some(advisories) = budget.advisories {
                parameters["budget"]["advisories"] = json!(advisories);
            }
        }
    }
}
