//! What a plan may spend at a provider.

use super::RunPlan;
use crate::catalogue::ModelSource;
use crate::workload::{Spending, WorkloadSpec};

impl RunPlan {
    /// What it may spend, when a provider serves its model.
    pub fn spending(&self) -> Option<Spending> {
        let ModelSource::Cloud { price, .. } = self.model.source else {
            return None;
        };
        Some(Spending {
            expected: self.workload.expected_spend(),
            price,
            limit: self.workload.spend_limit.unwrap_or_default(),
        })
    }

    /// The traffic as it may be sent: to a provider never without a limit, which plans of before there was
    /// one lack. The error is a reason.
    pub fn limited_workload(&self) -> Result<WorkloadSpec, String> {
        let mut workload = self.workload.clone();
        let is_limited = workload.spend_limit.is_some_and(|limit| limit.is_some());
        if self.model.source.is_cloud() && !is_limited {
            let usual = workload.usual_limit(!self.model.tokenizer_path.is_empty());
            if !usual.is_some() {
                return Err(NO_LIMIT.to_owned());
            }
            workload.spend_limit = Some(usual);
        }
        Ok(workload)
    }
}

/// Why a plan without a limit is not carried out.
const NO_LIMIT: &str = "nothing limits what this plan sends to a provider: start from this benchmark again and give a limit";
